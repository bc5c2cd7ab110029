/** The operator's ways through the console in a real browser: with the script, and without it. */

import { campaign } from '@enfold/core'
import axe from 'axe-core'
import { html } from 'hono/html'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type GivenBrowser, givenBrowser } from './browser.fixture.ts'
import { BASE, consoleOf, givenWorld, overOf, type World } from './console.fixture.ts'
import type { Extension } from './console.ts'
import { framedResponse } from './guard.ts'
import { get } from './routes.ts'

// Seconds, more on a machine that has other things to do.
vi.setConfig({ testTimeout: 300_000 })

/** Runs of a sequence by the cart that they are about. */
const shop = campaign({
  id: 'shop',
  goals: [],
  sequences: [
    {
      id: 'remind',
      name: 'Reminders',
      vars: { cart: { data: 'cartId' }, total: { data: 'total' } },
      per: 'cart',
      steps: [{ id: 'first', kind: 'email', timer: { after: 'P300D' } }],
    },
  ],
})

/** Pages of another program in the frame of the console: one shows a mail of somebody else, and waits for news. */
const LOOK = { verbs: ['read'], campaigns: 'any' } as const
const MAIL = `<p>Hello</p><script>document.body.append(document.createElement('hr'))</script><img src="https://elsewhere.example/seen.png"><form action="https://elsewhere.example/"><button>Pay</button></form>`
let news = 'first'
let asked = 0
const more: Extension = {
  parts: [{ name: 'mail', segments: ['mail'], label: 'Mail' }],
  routes: [
    get('/mail', LOOK, async () => {
      asked += 1
      const body = html`<h1>Mail</h1><input aria-label="Note"><iframe sandbox title="The mail" src="${BASE}/mail/html"></iframe>`
      return { title: 'Mail', part: 'mail', body, frames: true, news: `${BASE}/mail/news` }
    }),
    get('/mail/html', LOOK, async () => framedResponse(MAIL)),
    // It ends after an event, and the browser asks again.
    get('/mail/news', LOOK, async () => {
      const headers = { 'content-type': 'text/event-stream' }
      return new Response(`retry: 100\ndata: ${news}\n\n`, { headers })
    }),
  ],
}

let world: World
let given: GivenBrowser
const broken: unknown[] = []

beforeAll(async () => {
  world = await givenWorld({ weeks: 3 })
  given = await givenBrowser(consoleOf(world, { onError: (error) => broken.push(error) }, more))
})
afterAll(async () => {
  await given.close()
  await world.close()
  expect(broken).toEqual([])
})

/** A page that notes whatever its browser complains of: refused scripts and styles, errors. */
async function opened(options: Parameters<GivenBrowser['open']>[0] = {}) {
  const page = await given.open(options)
  const complaints: string[] = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  return { page, complaints, visit: (path: string) => page.goto(given.url + path) }
}

/**
 * What axe finds serious. It was put in by the debugger, past the policy of the page, which would not load it.
 *
 * @param rules these alone; left out: all
 */
async function seriousIn(page: Page, rules?: readonly string[]): Promise<string[]> {
  const found = await page.evaluate(
    `axe.run(document, ${JSON.stringify({ resultTypes: ['violations'], ...(rules === undefined ? {} : { runOnly: rules }) })})`,
  )
  const { violations } = found as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
  }
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
}

/** From quick search to the preview, by what is written on the page. */
async function order(page: Page, text: string, action: string, reason: string, withScript: boolean) {
  await page.goto(given.url)
  await page.getByRole('searchbox').fill(text)
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByText('Actions', { exact: true }).click()
  await page.getByRole('button', { name: 'for all results' }).click()
  await page.getByLabel('Action').selectOption(action)
  if (withScript)
    await page.getByRole('combobox', { name: /^Campaign/ }).selectOption({ label: '7 Mistakes Pool Owners Make' })
  await page.getByRole('combobox', { name: /^Sequence/ }).selectOption({ label: 'Seven mistakes' })
  await page.getByLabel('Reason').fill(reason)
  await page.getByRole('button', { name: 'Preview' }).click()
}

const membersOf = async (sequenceId: string) => {
  const { contacts } = await world.engine.inspect.contactsInSequence({ campaignId: 'pool', sequenceId, limit: 1000 })
  return new Set(contacts)
}

describe.each([
  ['with the script', true],
  ['without the script', false],
])('the flow of the operator, %s', (_, javaScriptEnabled) => {
  it('BULK-1: quick search, Actions, Start, preview, Process Action, results', async () => {
    const { complaints, page } = await opened({ javaScriptEnabled })
    const name = javaScriptEnabled ? 'Okafor' : 'Bauer'
    const wanted = [...world.names].filter(([, one]) => one.includes(name)).map(([id]) => id)
    const before = await membersOf('nurture')
    const there = wanted.filter((id) => before.has(id)).length

    await order(page, name, 'start', 'asked by phone', javaScriptEnabled)
    const preview = page.getByRole('region', { name: 'Preview' })
    expect(await preview.textContent()).toMatch(new RegExp(`\\b${wanted.length - there}\\s*started`))
    expect(await membersOf('nurture')).toEqual(before)

    await page.getByRole('button', { name: 'Process Action' }).click()
    await page.waitForURL(/\/actions\//)
    const actionId = decodeURIComponent(new URL(page.url()).pathname.split('/').at(-1) as string)
    await overOf(world, actionId)
    // The page finds out by itself: by events, or by asking again.
    await page.getByText('done', { exact: true }).waitFor()
    expect(await page.getByText(`${wanted.length} of ${wanted.length} contacts`).count()).toBe(1)
    const after = await membersOf('nurture')
    expect(wanted.every((id) => after.has(id))).toBe(true)

    const link = await page.getByRole('link', { name: 'Download as CSV' }).getAttribute('href')
    const file = await page.request.get(new URL(link as string, given.url).href)
    expect(file.headers()['content-disposition']).toContain('attachment')
    expect((await file.text()).trim().split('\n').length).toBe(wanted.length + 1)
    await page.getByRole('link', { name: 'Return to Quick Search' }).click()
    expect(await page.getByRole('searchbox').inputValue()).toBe(name)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('STOP-6: Stop while mails are due, and none of them goes out', async () => {
    const { engine, clock, names, sent } = world
    const { page } = await opened({ javaScriptEnabled })
    const name = javaScriptEnabled ? 'Rossi' : 'Silva'
    const mine = [...names].filter(([, one]) => one.includes(name)).map(([id]) => id)
    // One more, which is not meant.
    for (const contactId of [...mine, 'bystander'])
      await engine.restartSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: null })
    await engine.runDue()
    clock.advance('P3D')
    const { contacts } = await engine.inspect.overdue()
    expect(contacts).toBeGreaterThanOrEqual(mine.length)

    await order(page, name, 'stop', 'wrong list', javaScriptEnabled)
    expect(await page.getByRole('region', { name: 'Preview' }).textContent()).toContain('are taken out')
    await page.getByRole('button', { name: 'Process Action' }).click()
    await page.getByText('done', { exact: true }).waitFor()

    sent.length = 0
    await engine.runDue()
    expect(sent.filter(({ contactId, sequenceId }) => mine.includes(contactId) && sequenceId === 'nurture')).toEqual([])
    expect(sent.some(({ contactId }) => contactId === 'bystander')).toBe(true)
    await page.context().close()
  })

  it('RESEND-1, CANCEL-1: one step is sent again, another is left out', async () => {
    const { engine, clock, sent } = world
    const contactId = javaScriptEnabled ? 'step/one' : '../step?two'
    await engine.startSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' })
    await engine.runDue()
    const { page } = await opened({ javaScriptEnabled })
    await page.goto(`${given.url}/contacts/${encodeURIComponent(contactId)}`)

    await page.getByRole('link', { name: 'Resend mistake-1' }).click()
    await page.getByLabel('Reason').fill('deleted by mistake')
    await page.getByRole('button', { name: 'Resend' }).click()
    await page.getByText('The step is sent again').waitFor()
    sent.length = 0
    await engine.runDue()
    expect(sent.map((call) => [call.contactId, call.step.id, call.resend])).toEqual([[contactId, 'mistake-1', 1]])

    await page.getByRole('link', { name: 'Cancel mistake-2' }).first().click()
    await page.getByLabel('Reason').fill('has it on paper')
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('The step was cancelled').waitFor()
    sent.length = 0
    for (let day = 0; day < 12; day++) {
      clock.advance('P1D')
      await engine.runDue()
    }
    const mine = sent.filter((call) => call.contactId === contactId)
    expect(mine.map((call) => call.step.id)).toEqual(['mistake-3', 'mistake-4'])
    await page.context().close()
  })

  it('KEY-1, KEY-2, VAR-1: a run is started for a key, is shown with it, and is stopped alone', async () => {
    const { engine } = world
    await engine.publish(shop)
    const contactId = javaScriptEnabled ? 'carts/one' : '../carts?two'
    const ofContact = { contactId, campaignId: 'shop', sequenceId: 'remind', actor: 'wanda' }
    await engine.startSequence({ ...ofContact, key: 'cart 1' })
    const { complaints, page } = await opened({ javaScriptEnabled })
    await page.goto(`${given.url}/contacts/${encodeURIComponent(contactId)}/order?do=start&in=shop%2Fremind`)
    await page.getByLabel('For which cart').fill(`<b>"cart" 2</b>`)
    await page.getByLabel('total', { exact: true }).fill('20')
    await page.getByLabel('Reason').fill('asked by phone')
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByText('Reminders for <b>"cart" 2</b>').first().waitFor()
    expect(await page.getByText('total = 20').count()).toBeGreaterThan(0)

    await page.getByRole('link', { name: /^Stop/ }).last().click()
    await page.getByRole('heading', { name: /Reminders for <b>"cart" 2<\/b>/ }).waitFor()
    await page.getByLabel('Reason').fill('has paid')
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.waitForURL(/did=stopped/)
    const { enrollments } = await engine.inspect.contact(contactId)
    expect(enrollments.map(({ key, status, vars }) => [key, status, vars?.total])).toEqual([
      ['cart 1', 'active', undefined],
      [`<b>"cart" 2</b>`, 'stopped', 20],
    ])
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('AUDIT-2: the time slider shows the page as it was, and nothing can be ordered there', async () => {
    const { engine, clock } = world
    const contactId = `slider-${javaScriptEnabled}`
    const ids = { contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' }
    await engine.startSequence(ids)
    await engine.runDue()
    clock.advance('PT1H')
    await engine.stopSequence(ids)
    const { page, visit } = await opened({ javaScriptEnabled })
    await visit(`/contacts/${contactId}`)
    const events = () => page.getByRole('region', { name: 'History, the newest first' }).locator('tbody tr').count()
    expect([await page.getByText('Earlier runs').count(), await events()]).toEqual([1, 4])

    const range = page.getByRole('slider')
    await range.focus()
    await range.press('Home')
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('As it was before anything was recorded.').waitFor()
    expect(await page.getByText('Nothing is recorded of this contact.').count()).toBe(1)

    await page.getByRole('link', { name: 'Later' }).click()
    await page.getByText('after 1 of 2 moments').waitFor()
    expect([await page.getByText('Earlier runs').count(), await events()]).toEqual([0, 3])
    expect(await page.locator('.card').textContent()).toMatch(/Next:\s+mistake-2/)
    expect(await page.getByRole('link', { name: /^(Stop|Cancel|Resend|Restart)/ }).count()).toBe(0)

    await page.getByRole('link', { name: 'Back to now' }).click()
    await page.getByRole('link', { name: /^why\? Stopped/ }).click()
    expect(await page.locator('.chain').textContent()).toContain('by wanda')
    await page.context().close()
  })
})

describe('pages', () => {
  const paths = [
    '/',
    '/search?text=Nguyen',
    '/search?text=&rule=all&in=pool%2Fnurture&rule=none&in=garden%2Ftips',
    '/contacts/c-100',
    '/contacts/c-100?moment=2',
    '/contacts/c-100/order?do=suppress',
    '/contacts/c-100/order?do=start&in=pool/nurture',
    '/contacts/c-100/why?campaign=pool&sequence=nurture&step=mistake-2',
    '/actions/for-axe',
    '/campaigns',
    '/campaigns/pool?node=nurture',
    '/campaigns/pool?node=bought',
    '/now',
    '/attention',
    '/audit',
    '/nothing',
  ]

  it('axe finds nothing serious on any of them, light or dark, and none is wider than a phone', async () => {
    await world.engine.processAction({
      ...{ action: 'start', actionId: 'for-axe', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' },
      contacts: { ids: ['c-100', 'c-101'] },
    })
    // A colour that changes by and by would be measured on its way.
    const { page, visit, complaints } = await opened({ reducedMotion: 'reduce' })
    const found: string[] = []
    const look = async (path: string) => {
      await page.evaluate(axe.source)
      const serious = await seriousIn(page)
      // The page is the same, in other colours.
      await page.emulateMedia({ colorScheme: 'dark' })
      serious.push(...(await seriousIn(page, ['color-contrast'])))
      await page.emulateMedia({ colorScheme: 'light' })
      found.push(...serious.map((one) => `${path} ${one}`))
    }
    const size = page.viewportSize()
    for (const path of paths) {
      await visit(path)
      await look(path)
      await page.setViewportSize({ width: 360, height: 740 })
      const width = await page.evaluate('document.documentElement.scrollWidth')
      if (width !== 360) found.push(`${path} is ${width} wide`)
      if (size !== null) await page.setViewportSize(size)
    }
    await visit('/search?text=Nguyen')
    await page.getByText('Actions', { exact: true }).click()
    await page.getByRole('button', { name: 'for all results' }).click()
    await look('the form of an action')
    await page.getByRole('combobox', { name: /^Campaign/ }).selectOption({ index: 2 })
    await page.getByRole('combobox', { name: /^Sequence/ }).selectOption({ index: 1 })
    await page.getByLabel('Reason').fill('x')
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByRole('button', { name: 'Process Action' }).waitFor()
    await look('its preview')
    expect(found).toEqual([])
    // The page that is not there is a complaint of the browser's own.
    expect(complaints.filter((one) => !one.includes('404'))).toEqual([])
    await page.context().close()
  })

  it('BULK-1: after Process and Back no other contact is ticked in the place of one that has left the list', async () => {
    const { engine } = world
    const ids = ['back-1', 'back-2', 'back-3', 'back-4']
    const target = { campaignId: 'garden', sequenceId: 'tips' } as const
    for (const contactId of ids) await engine.restartSequence({ contactId, ...target, actor: 'wanda' })
    const members = async () => (await engine.inspect.contactsInSequence({ ...target, limit: 1000 })).contacts
    const { page, visit } = await opened()
    await visit('/search?text=&rule=all&in=garden%2Ftips')
    const ticked = () =>
      page.locator('input[name=contact]:checked').evaluateAll((boxes) => boxes.map((box) => box.getAttribute('value')))
    const shown = () =>
      page.locator('input[name=contact]').evaluateAll((boxes) => boxes.map((box) => box.getAttribute('value')))
    const [first, second] = await shown()
    await page.getByLabel(`Take ${world.names.get(first as string) ?? first}`).check()
    await page.getByText('Actions', { exact: true }).click()
    await page.getByRole('button', { name: 'for those that are ticked' }).click()
    await page.getByLabel('Action').selectOption('stop')
    await page.getByRole('combobox', { name: /^Campaign/ }).selectOption({ label: 'Garden tips' })
    await page.getByRole('combobox', { name: /^Sequence/ }).selectOption({ index: 1 })
    await page.getByLabel('Reason').fill('unticked')
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByRole('button', { name: 'Process Action' }).click()
    await page.getByText('done', { exact: true }).waitFor()
    expect(await members()).not.toContain(first)

    // The pages between were answers to forms: a browser goes past them in one step as well.
    await page.evaluate('history.go(-(history.length - 2))')
    await page.waitForURL(/\/search\?/)
    await page.locator(`input[name=contact][value="${second}"]`).waitFor()
    expect([(await shown())[0], await ticked()]).toEqual([second, []])
    await page.getByText('Actions', { exact: true }).click()
    await page.getByRole('button', { name: 'for those that are ticked' }).click()
    await page.getByText('No contact is selected').waitFor()
    expect(await members()).toContain(second)
    await page.context().close()
  })

  it('times are in the zone of the browser, and in the one that is chosen', async () => {
    const { page, visit } = await opened({ timezoneId: 'Asia/Tokyo' })
    await visit('/campaigns')
    await page.getByText('2 Mar 2026, 18:00').first().waitFor()
    await page.getByLabel('Times in').fill('America/New_York')
    await page.getByRole('button', { name: 'Change' }).click()
    await page.getByText('2 Mar 2026, 04:00').first().waitFor()
    expect(new URL(page.url()).pathname).toBe(`${BASE}/campaigns`)
    await page.context().close()
  })

  it('AUDIT-4: the log and its index are verified on demand', async () => {
    const { page, visit } = await opened()
    await visit('/audit')
    await page.getByRole('button', { name: 'Verify the log' }).click()
    await page.getByText('asked by wanda').waitFor()
    expect(await page.locator('.figures').textContent()).toMatch(/Faults of the log\s*0\s*Differences of the index\s*0/)
    await page.context().close()
  })

  it('a script in a name is text', async () => {
    const { page, visit, complaints } = await opened()
    world.names.set('mallory', '<script>document.title="owned"</script><img src=x onerror="document.title=1">')
    await world.engine.startSequence({
      contactId: 'mallory',
      campaignId: 'pool',
      sequenceId: 'vip',
      actor: '<img src=x>',
    })
    await world.engine.runDue()
    for (const path of ['/contacts/mallory', '/search?text=mallory', '/now', '/campaigns/pool?node=vip']) {
      await visit(path)
      expect(await page.title()).not.toMatch(/^(owned|1)$/)
      expect(await page.locator('img').count()).toBe(0)
      expect(await page.getByText('<script>').count()).toBeGreaterThan(0)
    }
    expect(complaints).toEqual([])
    await page.context().close()
  })

  it('a mail in a frame runs no script, loads nothing and sends no form', async () => {
    const { page, visit } = await opened()
    const left: string[] = []
    page.on('requestfinished', (request) => void left.push(request.url()))
    await visit('/mail')
    const mail = page.frameLocator('iframe')
    await mail.getByText('Hello').waitFor()
    expect(await mail.locator('hr').count()).toBe(0)
    await mail.getByRole('button', { name: 'Pay' }).click()
    await page.waitForLoadState('networkidle')
    expect(await mail.getByText('Hello').count()).toBe(1)
    expect(left.filter((url) => !url.startsWith(given.url))).toEqual([])
    await page.context().close()
  })

  it('a page is loaded again when there is news, and not while something is typed', async () => {
    const { page, visit } = await opened()
    await visit('/mail')
    // It was loaded again at first, to be shown in the zone of the browser.
    await page.locator('body:not([data-ask-zone])').waitFor()
    const before = asked
    news = 'second'
    await expect.poll(() => asked, { timeout: 30_000 }).toBe(before + 1)
    await page.getByLabel('Note').fill('typed')
    const heard = page.waitForResponse(async (response) => (await response.text().catch(() => '')).includes('third'))
    news = 'third'
    await heard
    await page.evaluate('new Promise((resolve) => setTimeout(resolve))')
    expect(await page.getByLabel('Note').inputValue()).toBe('typed')
    expect(asked).toBe(before + 1)
    await page.context().close()
  })

  it('the keyboard leads to the content first, and the focus is seen', async () => {
    const { page, visit } = await opened()
    await visit('/campaigns')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    await page.context().close()
  })
})
