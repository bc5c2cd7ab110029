/** Who may what, who cannot make others do it, and what no id, name or form can break. Without a browser. */
import { campaign, isLeft, redirectable } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { pathSegment } from '@enfold/http'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ASSETS } from './assets.ts'
import {
  ACTORS,
  authorize,
  BASE,
  consoleOf,
  givenWorld,
  MONDAY,
  ORIGIN,
  overOf,
  pathAfter,
  pool,
  type SendOptions,
  send,
  type World,
} from './console.fixture.ts'
import { type Console, createConsole } from './console.ts'
import { campaignGraph } from './graph.ts'
import { tokenOf } from './guard.ts'
import { OUTCOMES } from './order-sentences.ts'
import { routes } from './routes.ts'
import { when } from './when.ts'

let world: World
let pages: Console

beforeAll(async () => {
  world = await givenWorld()
  pages = consoleOf(world)
  const { engine } = world
  const began = { contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda', commandId: 'begun' }
  await engine.startSequence(began)
  await engine.startSequence({ contactId: 'ada', campaignId: 'garden', sequenceId: 'tips', actor: 'wanda' })
  await engine.runDue()
  await engine.processAction({
    ...{ action: 'start', actionId: 'act', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' },
    contacts: { ids: ['ada', 'bob'] },
  })
})
afterAll(() => world.close())

const eventOf = async (type: string) => {
  const history = await world.engine.inspect.history('ada')
  return history.find((event) => event.type === type)?.id as string
}

it('ERASE-1: the page of an erased contact says how many values of the host its events hold', async () => {
  const { engine } = world
  await engine.startSequence({ contactId: 'eve', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' })
  await engine.erase({ contactId: 'eve', actor: 'olga', reason: 'as Eve asked' })
  const page = async (as: string) => (await send(pages, '/contacts/eve', { as })).text
  expect(await page('reader')).toContain('Its events hold 1 reason, 2 actors.')
  expect(await page('gardener')).toContain('Those of its events that you may see hold 1 reason, 1 actor.')
})

it('AUDIT-2: history, runs and causes mark what a fast clock has dated after now', async () => {
  const { engine, store } = world
  await engine.startSequence({ contactId: 'fay', campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' })
  expect((await send(pages, '/contacts/fay')).text).not.toContain('after now')
  const fast = createEngine({ store, clock: createSimulatedClock('2026-06-01T09:00:00.000Z'), handlers: {} })
  await fast.stopAll({ contactId: 'fay', actor: 'wanda' })
  await fast.close()
  const { text } = await send(pages, '/contacts/fay')
  expect(
    text.match(/<time datetime="2026-06-01T09:00:00.000Z"[^>]*>[^<]*<\/time> <span class="badge warm">after now/g),
    // Its line of the history, and the end of the run.
  ).toHaveLength(2)
  expect(text.match(/after now/g)).toHaveLength(2)
  const [started, stopped] = await engine.inspect.history('fay')
  expect((await send(pages, `/contacts/fay/why?event=${started?.id}`)).text).not.toContain('after now')
  expect((await send(pages, `/contacts/fay/why?event=${stopped?.id}`)).text).toContain('after now')
  expect((await send(pages, '/now')).text).toContain('after now')
})

it('DELIVER-3: every page says where all goes instead of to contacts, and a contact’s page which steps went there', async () => {
  const { clock, store } = world
  expect((await send(pages, '/campaigns')).text).not.toContain('This process delivers')
  const handlers = {
    email: redirectable(() => ({ outcome: 'sent' }) as const),
    letter: () => ({ outcome: 'sent' }) as const,
  }
  const engine = createEngine({ store, clock, handlers, deliverTo: 'me&co@example.com' })
  onTestFinished(() => engine.close())
  for (const sequenceId of ['nurture', 'vip'])
    await engine.startSequence({ contactId: 'gus', campaignId: 'pool', sequenceId, actor: 'wanda' })
  await engine.runDue()
  const own = consoleOf({ ...world, engine })
  expect((await send(own, '/campaigns')).text).toContain(
    'This process delivers to <bdi>me&amp;co@example.com</bdi> instead of to contacts',
  )
  const { text } = await send(pages, '/contacts/gus')
  expect(text).toContain('<bdi>delivered to me&amp;co@example.com instead</bdi>')
  expect(text).toContain('<bdi>delivered to nobody (deliverTo)</bdi>')
})

it('SIGNAL-5: the page of a signal says which goals it satisfied, and why not the others', async () => {
  const engine = createEngine({ store: createMemoryStore(), clock: createSimulatedClock(MONDAY), handlers: {} })
  const sequences = [{ id: 'thanks', steps: [{ id: 'one', kind: 'email' }] }]
  const when = { kind: 'purchased', match: { total: { atLeast: 100 } } }
  const signals = { purchased: { keep: ['total'] } }
  await engine.publish({ id: 'shop', signals, goals: [{ id: 'bought', when }], sequences })
  await engine.publish({ id: 'club', goals: [{ id: 'won', when: { kind: 'purchased' } }], sequences })
  await engine.signal({ contactId: 'ada', kind: 'purchased', signalId: 'order-7', data: { total: 20 } })
  const [received] = await engine.inspect.history('ada')
  const { text } = await send(consoleOf({ ...world, engine }), `/contacts/ada/why?event=${received?.id}`)
  expect(text).toContain('Received the signal order-7 (purchased)')
  expect(text).toContain('Not satisfied: a value did not match (total was 20, expected {&quot;atLeast&quot;:100})')
  expect(text).toContain('<bdi>won</bdi>')
  await engine.close()
})

it('UNDO-1: an action is undone from its page, after a preview that says what it comes to', async () => {
  const engine = createEngine({ store: createMemoryStore(), clock: createSimulatedClock(MONDAY), handlers: {} })
  const own = consoleOf({ ...world, engine })
  const ref = { campaignId: 'pool', sequenceId: 'nurture' }
  await engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] })
  await engine.processAction({
    ...ref,
    action: 'start',
    actionId: 'wrong',
    actor: 'olga',
    contacts: { ids: ['ann', 'bob'] },
  })
  expect((await send(own, '/actions/wrong')).text).toContain('Undo the action')
  const { text } = await send(own, '/actions/wrong/undo?stopSent=yes')
  expect(text).toContain('are as if it had never been ordered')
  expect(text).toMatch(/name="stopSent" value="yes" checked/)
  expect((await engine.inspect.contactsInSequence(ref)).total).toBe(2)
  const preview = (/name="preview" value="([^"]*)"/.exec(text)?.[1] ?? '').replaceAll('&quot;', '"')
  const form = { undoId: 'undo-wrong', reason: 'wrong list', stopSent: 'yes', preview }
  const { headers, status } = await send(own, '/actions/wrong/undo', { form })
  expect([status, headers.get('location')]).toEqual([303, expect.stringContaining('/actions/undo-wrong')])
  await expect.poll(async () => (await engine.inspect.action('undo-wrong'))?.state, { timeout: 30_000 }).toBe('done')
  const after = await send(own, '/actions/undo-wrong')
  expect(after.text).toContain('It undoes')
  expect(await engine.inspect.action('undo-wrong')).toMatchObject({
    stopSent: true,
    outcomes: { undone: 2 },
    differences: [],
  })
  await engine.close()
})

it('UNDO-6: an order on one contact is undone from its result or its row, after a page that says what it comes to', async () => {
  const mine = await givenWorld()
  onTestFinished(() => mine.close())
  const own = consoleOf(mine)
  const page = async (path: string, as = 'writer') => (await send(own, path, { as })).text
  const give = async (form: Record<string, string>, to = 'order') => {
    const { headers, status } = await send(own, `/contacts/eve/${to}`, { form: { reason: 'a slip', ...form } })
    expect(status).toBe(303)
    return (headers.get('location') as string).slice(BASE.length)
  }
  const of = { campaign: 'pool', sequence: 'nurture' }
  const undoOf = (commandId: string) => `/contacts/eve/undo?order=${commandId}`
  await give({ do: 'start', ...of, commandId: 'start' })
  await mine.engine.runDue()
  const result = await give({ do: 'stop', ...of, commandId: 'stop' })
  // With the result, and on the row of each order.
  expect((await page(result)).split(`href="${BASE}${undoOf('stop')}"`)).toHaveLength(3)
  expect((await page('/contacts/eve')).split(`href="${BASE}${undoOf('stop')}"`)).toHaveLength(2)
  for (const as of ['reader', 'gardener']) expect(await page('/contacts/eve', as)).not.toContain('/undo?')
  const before = await mine.engine.inspect.history('eve')
  const shown = await page(undoOf('stop'))
  expect(shown).toContain('What was stopped goes on where it stood.')
  expect(shown).toContain('mistake-2 of Seven mistakes, run 2: due')
  expect(await mine.engine.inspect.history('eve')).toEqual(before)
  const undone = await give({ order: 'stop', commandId: 'undo' }, 'undo')
  expect((await mine.engine.inspect.history('eve')).at(-1)).toMatchObject({
    ...{ type: 'SequenceStarted', data: { continues: 1 }, commandId: 'undo' },
    ...{ actor: 'wanda', cause: { by: 'operator', reason: 'a slip' } },
  })
  expect(await page(undone)).toContain(`href="${BASE}${undoOf('undo')}"`)
  // An order on several runs says of each what becomes of it.
  await mine.engine.startSequence({ contactId: 'eve', campaignId: 'garden', sequenceId: 'tips', actor: 'wanda' })
  await give({ do: 'stop-all', commandId: 'all' })
  await mine.engine.startSequence({ contactId: 'eve', campaignId: 'garden', sequenceId: 'tips', actor: 'wanda' })
  const several = await page(undoOf('all'))
  expect(several).toMatch(/Seven mistakes<\/bdi>.* run 3 <span class="badge[^"]*">restored<\/span>/)
  expect(several).toMatch(/tips<\/bdi>.* run 1 stays as it is/)
  await give({ order: 'all', commandId: 'undo-all' }, 'undo')
  // What cannot be undone, or no more, has no button, and says why.
  expect(await page(undoOf('stop'))).toContain('Nothing of the order is left to undo.')
  expect(await page(undoOf('stop'))).not.toContain('>Undo the order</button>')
  const skipped = await page(await give({ do: 'skip', ...of, step: 'mistake-2', commandId: 'skip' }))
  expect(skipped).toContain(undoOf('skip'))
  const back = await page(await give({ order: 'skip', commandId: 'unskip' }, 'undo'))
  expect(back).toContain('It is as if the order had never been given.')
  expect(back).toContain('No undo: <bdi>The order &quot;unskip&quot; cannot be undone')
  expect(back).not.toContain(undoOf('unskip'))
  expect((await send(own, undoOf('none'))).status).toBe(404)
})

it('UNDO-5: what nothing undoes says so next to its button, for one contact and for many', async () => {
  const mine = await givenWorld()
  onTestFinished(() => mine.close())
  const own = consoleOf(mine)
  await mine.engine.signal({ contactId: 'eve', kind: 'form-submitted', data: { form: 'guide' }, signalId: 'f-1' })
  const of = 'campaign=pool&sequence=nurture'
  const finalOf = (text: string) => text.match(/[^.>]*[Nn]othing undoes[^.]*\./)?.[0].trim()
  const forOne = async (query: string) => finalOf((await send(own, `/contacts/eve/order?${query}`)).text)
  const forMany = async (order: object) => {
    const form = { contact: ['eve'], reason: 'a slip', said: 'yes', ...order }
    const { text } = await send(own, '/actions/preview', { form })
    expect(text).toContain('>Process Action</button>')
    return finalOf(text)
  }
  const skip = 'To skip the last step ends the run, and nothing undoes that.'
  expect(await forOne(`do=skip&${of}&step=mistake-1`)).toBe(skip)
  expect(await forMany({ action: 'skip', sequence: 'pool/nurture', step: 'mistake-1' })).toBe(skip)
  expect(await forOne('do=retract&signal=f-1')).toBe('Nothing undoes a retraction.')
  expect(await forMany({ action: 'retract', signalId: 'f-1' })).toBe('Nothing undoes a retraction.')
  expect(await forMany({ action: 'erase' })).toBe('Nothing undoes an erasure.')
  // What has an inverse does not frighten.
  expect(await forOne(`do=stop&${of}`)).toBeUndefined()
  expect(await forMany({ action: 'stop', sequence: 'pool/nurture' })).toBeUndefined()
})

it('BULK-1: any verb for many: chosen, its fields, a preview with what becomes of schedules, results, and run again', async () => {
  const clock = createSimulatedClock(MONDAY)
  const engine = createEngine({ store: createMemoryStore(), clock, handlers: {} })
  const own = consoleOf({ ...world, engine })
  const steps = [
    { id: 'one', kind: 'email', timer: { after: 'P1D' } },
    { id: 'two', kind: 'email', timer: { after: 'P1D' } },
  ]
  await engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', name: 'Seven', steps }] })
  for (const contactId of ['ann', 'bob'])
    await engine.startSequence({ campaignId: 'pool', sequenceId: 'nurture', contactId, actor: 'olga' })
  const post = (path: string, form: object) => send(own, path, { form: form as Record<string, string> })
  const chosen = await post('/actions/choose', { contact: ['ann', 'bob', 'cem'] })
  for (const title of ['Shift', 'Skip', 'Suppress', 'Erase', 'Hand over a signal'])
    expect(chosen.text).toContain(`>${title}</option>`)
  const of = { contact: ['ann', 'bob', 'cem'], sequence: 'pool/nurture', reason: 'holidays' }
  const shift = { ...of, action: 'shift' }
  expect((await post('/actions/preview', shift)).text).toMatch(
    /<input name="by" value="" required.*<button>Preview<\/button>/s,
  )
  expect((await post('/actions/preview', { ...shift, said: 'yes', by: 'tomorrow' })).status).toBe(400)
  const preview = (await post('/actions/preview', { ...shift, said: 'yes', by: 'P2D' })).text
  expect(preview).toContain('1 EnrollmentNotActive')
  expect(preview).toMatch(
    /<bdi>one<\/bdi> <time datetime="2026-03-03T09.*<bdi>one<\/bdi> <time datetime="2026-03-05T09/s,
  )
  expect(preview).toContain('<input type="hidden" name="by" value="P2D">')
  const done = await post('/actions', { ...shift, said: 'yes', by: 'P2D', actionId: 'later' })
  expect([done.status, done.headers.get('location')]).toEqual([303, expect.stringContaining('/actions/later')])
  await expect.poll(async () => (await engine.inspect.action('later'))?.state, { timeout: 30_000 }).toBe('done')
  const page = (await send(own, '/actions/later?outcome=failed')).text
  expect(page).toContain('by P2D')
  expect(page).toContain('Run again for these')
  expect(page).toContain('<input type="hidden" name="fromOutcome" value="failed">')
  const again = { of: 'action', fromAction: 'later', fromOutcome: 'shifted', reason: 'ended' }
  expect((await post('/actions/choose', { ...again, action: 'shift' })).text).toContain(
    'the contacts of <strong>another action</strong>',
  )
  const skip = { ...again, action: 'skip', sequence: 'pool/nurture', actionId: 'skipped' }
  expect((await post('/actions/preview', skip)).text).toContain('<option value="two">two</option>')
  expect((await post('/actions', { ...skip, said: 'yes', step: 'one' })).status).toBe(303)
  await expect.poll(async () => (await engine.inspect.action('skipped'))?.outcomes.skipped, { timeout: 30_000 }).toBe(2)
  expect((await post('/actions', { ...again, action: 'stop-all', actionId: 'all' })).status).toBe(303)
  await expect.poll(async () => (await engine.inspect.action('all'))?.outcomes.stopped, { timeout: 30_000 }).toBe(2)
  expect((await send(own, '/audit')).text).toContain('stop-all')
  expect(
    (await post('/actions/preview', { ...again, action: 'signal', said: 'yes', kind: 'x', data: '[' })).status,
  ).toBe(422)
  expect((await post('/actions/preview', { ...again, fromAction: 'none', action: 'stop-all' })).status).toBe(404)
  // A sequence would narrow nothing, and everything would stop.
  for (const narrower of [{ sequence: 'pool/nurture' }, { key: 'c1' }])
    for (const path of ['/actions/preview', '/actions'])
      expect((await post(path, { ...again, ...narrower, action: 'stop-all', actionId: 'too-much' })).status).toBe(422)
  expect((await send(own, '/actions/later?outcome=nonsense')).status).toBe(400)
  expect((await send(own, '/campaigns/pool?version=0')).status).toBe(404)
  // Who sees the garden alone takes no contacts from an action of the pool.
  await engine.publish({ id: 'garden', goals: [], sequences: [{ id: 'tips', steps }] })
  const form = { ...again, action: 'stop', sequence: 'garden/tips', actionId: 'theirs' }
  for (const path of ['/actions/preview', '/actions'])
    expect((await send(own, path, { as: 'gardener', form })).status).toBe(404)
  await engine.close()
})

it('BULK-1: the preview of an action and of its undo looks at some thousand contacts, and says that there are more', async () => {
  const engine = createEngine({ store: createMemoryStore(), clock: createSimulatedClock(MONDAY), handlers: {} })
  const limits: (number | undefined)[] = []
  // Two instead of five thousand.
  const fewer = ({ limit }: { readonly limit?: number } = {}) => {
    limits.push(limit)
    return limit === undefined ? {} : { limit: limit / 2500 }
  }
  const own = consoleOf({
    ...world,
    engine: {
      ...engine,
      previewAction: (target, options) => engine.previewAction(target, fewer(options)),
      previewUndo: (target, options) => engine.previewUndo(target, fewer(options)),
    },
  })
  await engine.publish({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] })
  const contacts = ['ann', 'bob', 'cem']
  const form = { action: 'start', sequence: 'pool/nurture', reason: 'fair', contact: contacts }
  const MORE = 'There are more than 2 contacts. The counts are of those; all of them are processed.'
  expect((await send(own, '/actions/preview', { form })).text).toContain(MORE)
  const target = { action: 'start', campaignId: 'pool', sequenceId: 'nurture' } as const
  await engine.processAction({ ...target, actionId: 'fair', actor: 'olga', contacts: { ids: contacts } })
  expect((await send(own, '/actions/fair/undo')).text).toContain(MORE)
  expect(limits).toEqual([5000, 5000])
  await engine.close()
})

it('UNDO-4: a signal is retracted from its row in the history, once', async () => {
  const engine = createEngine({ store: createMemoryStore(), clock: createSimulatedClock(MONDAY), handlers: {} })
  const own = consoleOf({ ...world, engine })
  const sequences = [{ id: 'thanks', steps: [{ id: 'one', kind: 'email' }] }]
  await engine.publish({
    id: 'shop',
    goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['thanks'] }],
    sequences,
  })
  await engine.signal({ contactId: 'ada', kind: 'purchased', signalId: 'order-7' })
  const to = /href="[^"]*(\/contacts\/ada\/order\?do=retract[^"]*)"/
  const link = to.exec((await send(own, '/contacts/ada')).text)?.[1]?.replaceAll('&amp;', '&') ?? ''
  expect((await send(own, link)).text).toContain('<bdi>order-7</bdi>')
  const form = { do: 'retract', signal: 'order-7', commandId: 'k1', reason: 'no order at all' }
  expect((await send(own, '/contacts/ada/order', { form })).status).toBe(303)
  const { text } = await send(own, '/contacts/ada')
  expect(text).toContain('Retracted the signal order-7')
  expect(text).not.toMatch(to)
  expect((await engine.inspect.contact('ada')).enrollments).toEqual([])
  await engine.close()
})

it('TIME-4: Compute due times again moves a wake, as the directory says now, and fails while it is down', async () => {
  let born: string | null = '1980-04-11'
  const store = createMemoryStore()
  const contacts = {
    get() {
      if (born === null) throw new Error('down')
      return { fields: { born } }
    },
  }
  const engine = createEngine({ store, clock: createSimulatedClock(MONDAY), handlers: {}, contacts })
  onTestFinished(async () => {
    await engine.close()
    await store.close()
  })
  const timer = { field: 'born', offsetDays: 0, at: '09:00', occurrence: 'next' }
  await engine.publish({
    id: 'pool',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email', timer }] }],
  })
  await engine.startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: null })
  const own = consoleOf({ ...world, engine })
  const wakeAt = async () => (await store.agenda('2027-01-01T00:00:00.000Z', 10))[0]?.wakeAt
  const refresh = () => send(own, '/contacts/ann/refresh', { form: {} })
  expect(await wakeAt()).toBe('2026-04-11T09:00:00.000Z')
  born = '1980-03-10'
  const { headers, status } = await refresh()
  expect([status, await wakeAt()]).toEqual([303, '2026-03-10T09:00:00.000Z'])
  const after = await pathAfter('ann', 'refreshed')
  expect(headers.get('location')).toBe(BASE + after)
  const { text } = await send(own, after)
  expect(text).toMatch(/class="notice good"[^>]*>Due times were computed again/)
  const isShown = async (path: string, as = 'writer') =>
    (await send(own, path, { as })).text.includes('Compute due times again')
  expect(await isShown('/contacts/ann')).toBe(true)
  for (const as of ['reader', 'gardener']) expect(await isShown('/contacts/ann', as)).toBe(false)
  expect(await isShown('/contacts/ann?moment=1')).toBe(false)
  born = null
  expect((await refresh()).status).toBe(503)
  expect(await wakeAt()).toBe('2026-03-10T09:00:00.000Z')
})

describe('permissions', () => {
  const start = { action: 'start', sequence: 'pool/nurture', reason: 'test', contact: 'zoe' }
  const order = { do: 'pause', campaign: 'pool', sequence: 'nurture', reason: 'test' }
  const form = (fields: Record<string, string>, command: string) => ({
    ...fields,
    commandId: command,
    actionId: command,
  })

  /** Path, form, and the status for a reader, for an actor with the wrong campaign, and for the right one. */
  const table: readonly [
    path: string,
    route: string,
    form: Record<string, string> | null,
    reader: number,
    wrong: number,
    right: number,
  ][] = [
    ['/', 'get /', null, 200, 200, 200],
    ['/search?text=ada', 'get /search', null, 200, 200, 200],
    ['/search?rule=all&in=pool/nurture', 'get /search', null, 200, 403, 200],
    ['/search?rule=none&in=pool/nurture', 'get /search', null, 200, 403, 200],
    ['/contacts/ada', 'get /contacts/{contactId}', null, 200, 200, 200],
    [
      '/contacts/ada/why?campaign=pool&sequence=nurture&step=mistake-2',
      'get /contacts/{contactId}/why',
      null,
      200,
      403,
      200,
    ],
    ['/contacts/ada/why?event=POOL', 'get /contacts/{contactId}/why', null, 200, 404, 200],
    [
      '/contacts/ada/order?do=stop&campaign=pool&sequence=nurture',
      'get /contacts/{contactId}/order',
      null,
      403,
      403,
      200,
    ],
    ['/contacts/ada/order?do=stop-all', 'get /contacts/{contactId}/order', null, 403, 403, 200],
    ['/contacts/ada/order', 'post /contacts/{contactId}/order', order, 403, 403, 303],
    ['/contacts/ada/order', 'post /contacts/{contactId}/order', { do: 'suppress', reason: 'test' }, 403, 403, 303],
    ['/contacts/ada/undo?order=begun', 'get /contacts/{contactId}/undo', null, 403, 404, 200],
    ['/contacts/ada/undo', 'post /contacts/{contactId}/undo', { order: 'begun', reason: 'test' }, 403, 404, 303],
    ['/contacts/ada/refresh', 'post /contacts/{contactId}/refresh', {}, 403, 403, 303],
    ['/actions/choose', 'post /actions/choose', { contact: 'zoe' }, 403, 200, 200],
    ['/actions/preview', 'post /actions/preview', start, 403, 403, 200],
    ['/actions', 'post /actions', start, 403, 403, 303],
    [
      '/actions',
      'post /actions',
      { ...start, sequence: 'garden/tips', of: 'all', rule: 'all', in: 'pool/nurture' },
      403,
      403,
      303,
    ],
    ['/actions/act', 'get /actions/{actionId}', null, 200, 404, 200],
    ['/actions/act/results.csv', 'get /actions/{actionId}/results.csv', null, 200, 404, 200],
    ['/actions/act/progress', 'get /actions/{actionId}/progress', null, 200, 404, 200],
    ['/actions/act/cancel', 'post /actions/{actionId}/cancel', {}, 403, 404, 303],
    ['/actions/act/resume', 'post /actions/{actionId}/resume', {}, 403, 404, 303],
    ['/actions/act/undo', 'get /actions/{actionId}/undo', null, 403, 404, 200],
    ['/actions/act/undo', 'post /actions/{actionId}/undo', { undoId: 'undo-act', reason: 'wrong list' }, 403, 404, 303],
    ['/campaigns', 'get /campaigns', null, 200, 200, 200],
    ['/campaigns/pool?node=nurture', 'get /campaigns/{campaignId}', null, 200, 403, 200],
    ['/campaigns/pool/pause', 'get /campaigns/{campaignId}/pause', null, 403, 403, 200],
    [
      '/campaigns/pool/pause',
      'post /campaigns/{campaignId}/pause',
      { do: 'resume', overdue: 'shift', reason: 'test' },
      403,
      403,
      303,
    ],
    ['/now', 'get /now', null, 200, 200, 200],
    ['/attention', 'get /attention', null, 200, 200, 200],
    ['/audit', 'get /audit', null, 200, 200, 200],
    ['/audit/verify', 'post /audit/verify', {}, 303, 403, 303],
    ['/zone', 'post /zone', { zone: 'Europe/Berlin', back: BASE }, 303, 303, 303],
  ]

  it('every route is in the table', () => {
    expect(new Set(table.map(([, route]) => route))).toEqual(
      new Set(routes.map(({ method, path }) => `${method} ${path}`)),
    )
  })

  it.each(table)('%s (%s)', async (path, route, fields, reader, wrong, right) => {
    const options = (as: string | null): SendOptions => ({
      as,
      ...(fields === null ? {} : { form: form(fields, `${route}-${as}-${JSON.stringify(fields).length}`) }),
    })
    const to = path.replace('POOL', await eventOf('StepDispatched'))
    const before = (await world.engine.inspect.history('ada')).length
    const nobody = await send(pages, to, options(null))
    expect([nobody.status, nobody.text]).toEqual([401, 'Authentication required.\n'])
    expect((await send(pages, to, options('stranger'))).status).toBe(401)
    expect((await send(pages, to, options('reader'))).status).toBe(reader)
    expect((await send(pages, to, options('gardener'))).status).toBe(wrong)
    // Nothing was done on the way here.
    expect((await world.engine.inspect.history('ada')).length).toBe(before)
    expect((await send(pages, to, options('writer'))).status).toBe(right)
  })

  it('an actor with some campaigns sees those only', async () => {
    for (const path of ['/contacts/ada', '/campaigns', '/now', '/attention', '/audit', '/search?text=ada']) {
      const { text } = await send(pages, path, { as: 'gardener' })
      expect(text).not.toMatch(/pool|nurture|Mistakes|mistake/i)
    }
    expect((await send(pages, '/contacts/ada', { as: 'gardener' })).text).toContain('Garden tips')
  })

  it('what may not be done is not shown', async () => {
    const shown = (text: string) => [/>Stop</.test(text), /do=restart/.test(text), /<summary>Actions/.test(text)]
    expect(shown((await send(pages, '/contacts/ada', { as: 'reader' })).text)).toEqual([false, false, false])
    expect((await send(pages, '/search?text=ada', { as: 'reader' })).text).not.toContain('<summary>Actions')
    expect((await send(pages, '/search?text=ada')).text).toContain('<summary>Actions')
  })

  it('a mistake in authorize opens nothing', async () => {
    for (const answer of [{}, { id: 'x' }, { id: 'x', may: 'all' }, { id: '', may: 'read' }, true]) {
      const open = createConsole({ engine: world.engine, authorize: () => answer as never, basePath: BASE })
      expect((await send(open, '/campaigns')).status).toBe(500)
    }
    const throwing = createConsole({
      engine: world.engine,
      basePath: BASE,
      authorize: () => {
        throw new Error('secret of the host')
      },
    })
    const answered = await send(throwing, '/campaigns')
    expect([answered.status, answered.text.includes('secret')]).toEqual([500, false])
  })

  it('without authorize there is no console', () => {
    expect(() => createConsole({ engine: world.engine } as never)).toThrow(/authorize/)
    expect(() => createConsole({ engine: world.engine, authorize: () => null, basePath: 'x/' })).toThrow(/basePath/)
    expect(() => createConsole({ engine: world.engine, authorize: () => null, tineZone: 'UTC' } as never)).toThrow(
      /tineZone/,
    )
  })
})

describe('orders that are not the operator’s', () => {
  const stop = { do: 'stop', campaign: 'garden', sequence: 'tips', reason: 'forged', commandId: 'forged' }
  const isIn = async () => (await world.engine.inspect.sequencesOf('kim')).length === 1

  it.each<[string, SendOptions]>([
    ['of another site', { form: stop, headers: { 'sec-fetch-site': 'cross-site' } }],
    ['of a sister site', { form: stop, headers: { 'sec-fetch-site': 'same-site' } }],
    ['out of the blue', { form: stop, headers: { 'sec-fetch-site': 'none' } }],
    [
      'of another origin, in a browser that says no more',
      { form: stop, headers: { 'sec-fetch-site': null, origin: 'http://evil.example' } },
    ],
    [
      'with a wrong token',
      { form: { ...stop, token: 'x' }, body: new URLSearchParams({ ...stop, token: 'x' }).toString() },
    ],
    ['with no token', { form: stop, body: new URLSearchParams(stop).toString() }],
    ['with the token of another cookie', { form: stop, headers: { cookie: 'enfold-console=another-browser' } }],
    ['with no cookie', { form: stop, headers: { cookie: '' } }],
    ['as JSON', { form: stop, headers: { 'content-type': 'application/json' }, body: JSON.stringify(stop) }],
    ['as text', { form: stop, headers: { 'content-type': 'text/plain' } }],
    ['as multipart', { form: stop, headers: { 'content-type': 'multipart/form-data; boundary=x' } }],
    ['by GET', { method: 'GET' }],
    ['by PUT', { form: stop, method: 'PUT' }],
    ['by DELETE', { form: stop, method: 'DELETE' }],
  ])('%s', async (_, options) => {
    const { engine } = world
    await engine.startSequence({ contactId: 'kim', campaignId: 'garden', sequenceId: 'tips', actor: 'wanda' })
    const path = options.method === 'GET' ? `/contacts/kim/order?${new URLSearchParams(stop)}` : '/contacts/kim/order'
    const { status } = await send(pages, path, options)
    expect(options.method === 'GET' ? [200] : [403, 405, 415]).toContain(status)
    expect(await isIn()).toBe(true)
  })

  it('a cookie that somebody planted makes no token without the key', async () => {
    const form = new URLSearchParams({ ...stop, token: await tokenOf('x', 'planted', 'wanda') })
    const headers = { cookie: 'enfold-console=planted' }
    expect((await send(pages, '/contacts/ada/order', { form: stop, body: String(form), headers })).status).toBe(403)
    const drawn = createConsole({ engine: world.engine, authorize, basePath: BASE })
    expect((await send(drawn, '/contacts/ada/order', { form: stop })).status).toBe(403)
    expect(() => consoleOf(world, { secret: 'too short' })).toThrow(/createConsole\.secret .* at least 32 characters/)
  })

  it('the token of one actor is none of another’s', async () => {
    const as = { 'x-actor': 'gardener' }
    expect((await send(pages, '/contacts/kim/order', { as: 'writer', form: stop, headers: as })).status).toBe(403)
  })

  it('an old browser is judged by its origin: by the host, because a proxy may have hidden the scheme', async () => {
    await world.engine.startSequence({ contactId: 'old', campaignId: 'garden', sequenceId: 'tips', actor: 'wanda' })
    const from = async (origin: string | null) => {
      const options = { form: { ...stop, commandId: 'old' }, headers: { 'sec-fetch-site': null, origin } }
      return (await send(pages, '/contacts/old/order', options)).status
    }
    for (const origin of [
      null,
      'null',
      '',
      'http://evil.example',
      'http://crm.example.evil.example',
      'http://crm.example:81',
    ])
      expect(await from(origin)).toBe(403)
    expect(await from('https://crm.example')).toBe(303)
  })

  it('no GET changes anything', async () => {
    const before = await world.engine.inspect.history('ada')
    const actions = await world.engine.inspect.actions()
    for (const { path } of routes) {
      const to = path.replace('{contactId}', 'ada').replace('{campaignId}', 'pool').replace('{actionId}', 'act')
      await send(pages, `${to}?do=stop&campaign=pool&sequence=nurture&reason=x&commandId=get&action=stop&actionId=get`)
    }
    expect(await world.engine.inspect.history('ada')).toEqual(before)
    expect(await world.engine.inspect.actions()).toEqual(actions)
  })
})

describe('what comes in', () => {
  const form = { do: 'stop', campaign: 'garden', sequence: 'tips', reason: 'x', commandId: 'big' }

  it('a body larger than allowed is refused, said to be or not', async () => {
    const small = consoleOf(world, { maxBodyBytes: 1000 })
    expect((await send(small, '/contacts/ada/order', { form: { ...form, more: 'x'.repeat(2000) } })).status).toBe(413)
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i++) controller.enqueue(new TextEncoder().encode('x'.repeat(100)))
        controller.close()
      },
    })
    const request = new Request(`${ORIGIN}${BASE}/contacts/ada/order`, {
      ...{ method: 'POST', body: stream, duplex: 'half' },
      headers: { 'x-actor': 'writer', 'content-type': 'application/x-www-form-urlencoded' },
    } as RequestInit)
    expect((await small(request)).status).toBe(413)
  })

  it.each([
    '/contacts/%',
    '/contacts/%ff',
    '/contacts/',
    '/contacts//why',
    '/campaigns/%2',
    `/contacts/${'x'.repeat(300)}`,
    '/nothing',
    '/assets/../now',
    '/..%2fnow',
    '/assets/style.css',
  ])('a path that is none: %s', async (path) => {
    const { status, text } = await send(pages, path)
    // "/assets/../now" is "/now" by the time that it gets here: URLs are resolved before.
    expect(path === '/assets/../now' ? [200] : [400, 404]).toContain(status)
    expect(text).not.toContain('    at ')
  })

  it('paths outside the base get no response', async () => {
    for (const path of ['/', '/crm', '/crm/enfoldx', '/crm/enfold-other/now', '//crm/enfold/now']) {
      const request = new Request(`${ORIGIN}${path}`, { headers: { 'x-actor': 'writer' } })
      expect((await pages(request)).status).toBe(404)
    }
  })

  it.each([
    { do: 'stop', campaign: 'garden', sequence: 'tips', commandId: 'c', reason: '' },
    { do: 'stop', campaign: 'garden', sequence: 'tips', commandId: 'c', reason: 'x'.repeat(501) },
    { do: 'stop', campaign: 'garden', sequence: 'tips', reason: 'x' },
    { do: 'stop', campaign: 'garden', sequence: 'tips', reason: 'x', commandId: 'enfold:signal:x' },
    { do: 'stop', campaign: '', sequence: 'tips', reason: 'x', commandId: 'c' },
    { do: '__proto__', reason: 'x', commandId: 'c' },
    { do: 'constructor', reason: 'x', commandId: 'c' },
    { do: 'cancel', campaign: 'garden', sequence: 'tips', step: 'one', run: '1e9', reason: 'x', commandId: 'c' },
    { do: 'suppress', until: 'tomorrow', reason: 'x', commandId: 'c' },
    { do: 'start', in: '%%%', reason: 'x', commandId: 'c' },
  ])('a form that is wrong is refused with a sentence: %o', async (wrong) => {
    const { status, text } = await send(pages, '/contacts/ada/order', { form: wrong })
    expect([400, 422]).toContain(status)
    expect(text).toContain('role="alert"')
  })

  it('after an order, the way leads nowhere else', async () => {
    for (const back of [
      '//evil.example/',
      'https://evil.example/',
      '/\\evil.example',
      `${BASE}/../../evil`,
      'javascript:alert(1)',
      '/.//evil.example/',
      '/\t/x//evil.example',
      `${BASE}/../..//evil.example`,
      `${BASE}/..//evil.example${BASE}/`,
    ]) {
      const { headers } = await send(pages, '/zone', { form: { zone: 'UTC', back } })
      expect(headers.get('location')).toBe(`${BASE}/`)
    }
    const atRoot = consoleOf(world, { basePath: '' })
    for (const back of ['/.//evil.example/', '/\t/x//evil.example/', '/\\x//evil.example', '//evil.example']) {
      const { headers } = await send(atRoot, '/zone', { at: '', form: { zone: 'UTC', back } })
      expect(headers.get('location')).toBe('/')
    }
    const { headers } = await send(pages, '/zone', { form: { zone: 'UTC', back: `${BASE}/search?text=a` } })
    expect(headers.get('location')).toBe(`${BASE}/search?text=a`)
    const referrers = ['http://evil.example/crm/enfold/now', 'javascript:alert(1)', `${ORIGIN}//evil.example/`]
    for (const referer of referrers)
      expect((await send(pages, '/nothing', { headers: { referer } })).text).not.toContain('>Back<')
  })

  it('what the engine refuses is a sentence, with 409', async () => {
    const { status, text } = await send(pages, '/contacts/old/order', {
      form: { do: 'resend', campaign: 'garden', sequence: 'tips', step: 'one', reason: 'x', commandId: 'refused' },
    })
    expect([status, text.includes('was not dispatched')]).toEqual([409, true])
  })
})

describe('what is said is true', () => {
  const ofPool = { campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' }

  it('the graph holds all of its lines, those that lead back and around as well', () => {
    const step = { id: 'one', kind: 'email', timer: { after: 'P1D' } } as const
    const next = ['a', 'b', 'c', 'd', 'bought'] as const
    const looping = campaign({
      id: 'loops',
      goals: [
        { id: 'bought', when: { kind: 'purchased' }, next: ['a', { to: 'd', if: { field: 'spend', atLeast: 1 } }] },
      ],
      sequences: ['a', 'b', 'c', 'd'].map((id) => ({ id, steps: [step], next: [...next] })),
    })
    const text = String(campaignGraph(looping, new Map(), () => '#', null))
    const [left, top, width, height] = (/viewBox="([^"]+)"/.exec(text)?.[1] ?? '').split(' ').map(Number) as [
      number,
      number,
      number,
      number,
    ]
    const lines = [...text.matchAll(/class="edge" d="([^"]+)"/g)].map(([, d]) => d as string)
    expect(lines.length).toBeGreaterThan(20)
    for (const line of lines)
      for (const [, x, y] of line.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)) {
        expect(Number(x)).toBeGreaterThan(left)
        expect(Number(x)).toBeLessThan(left + width)
        expect(Number(y)).toBeGreaterThan(top)
        expect(Number(y)).toBeLessThan(top + height)
      }
  })

  it('FUNNEL-3: the page of a campaign says of each step how many came to it, and where they are', async () => {
    const funnel = await world.engine.inspect.funnel('pool')
    const nurture = funnel?.sequences.find(({ sequenceId }) => sequenceId === 'nurture')
    expect(nurture?.started).toBeGreaterThan(0)
    const { text } = await send(pages, '/campaigns/pool?node=nurture')
    const cells = (row: string) => [...row.matchAll(/<td class="number">(\d+)/g)].map(([, n]) => Number(n))
    for (const { stepId, reached, waiting, inFlight, held, sent, failed, skipped, cancelled, left } of nurture?.steps ??
      []) {
      const [row = ''] = new RegExp(`<th scope="row"><bdi>${stepId}</bdi>.*?</tr>`, 's').exec(text) ?? []
      expect(cells(row)).toEqual([reached, waiting, inFlight, held, sent, failed, skipped, cancelled, left])
    }
    expect(text).toContain('Runs of all versions')
    expect((await send(pages, '/campaigns/pool?version=1')).text).toContain('Runs of version 1')
  })

  it('GATE-1, GATE-5: a campaign is paused and resumed on its page, which shows first what each choice would do', async () => {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    const own = consoleOf(mine)
    await mine.engine.startSequence({ ...ofPool, contactId: 'dora' })
    const order = (fields: Record<string, string>) =>
      send(own, '/campaigns/pool/pause', {
        form: { reason: 'a wrong link', commandId: crypto.randomUUID(), ...fields },
      })
    const before = (await send(own, '/campaigns/pool/pause')).text
    expect(before).toContain('Nothing of it goes out until it is resumed.')
    // mistake-1 is due now, the second in two days, the third three days later.
    const held = '1 run in progress; 3 steps due in the next 7 days'
    expect(before).toContain(`All of it, also sequences of later versions: ${held}</label>`)
    expect(before).toContain(`<bdi>Seven mistakes</bdi>: ${held}</label>`)
    expect(before).toContain('<bdi>A word from the owner</bdi>: 0 runs in progress; 0 steps due')
    expect((await order({ do: 'pause', what: 'all', entries: 'closed' })).status).toBe(303)
    const page = (await send(own, '/campaigns/pool')).text
    expect(page).toContain('All of it is paused since')
    expect(page).toContain('and takes nobody in')
    expect((await send(own, '/contacts/dora')).text).toContain('campaign paused')
    expect((await send(own, '/now')).text).toContain('paused')
    expect((await send(own, '/campaigns/pool/pause')).text).toMatch(/<td class="number">1<\/td>\s*<td>1 go /)
    // By a pace they go in turn.
    await mine.engine.resumeCampaign('pool', { actor: 'olga' })
    await mine.engine.startSequence({ ...ofPool, contactId: 'emil' })
    await mine.engine.pauseCampaign('pool', { actor: 'olga' })
    const inTurn = (await send(own, '/campaigns/pool/pause?most=1&per=P1D')).text
    expect(inTurn).toMatch(/<td class="number">2<\/td>\s*<td>2 go <time[^>]*>[^<]*<\/time>.* to <time/)
    expect(inTurn).toContain('max="1000000" placeholder="no limit" value="1"')
    expect(inTurn).toContain('<option value="P1D" selected>')
    expect((await send(own, '/campaigns/pool/pause?most=0&per=P1D')).status).toBe(422)
    expect((await order({ do: 'resume', overdue: 'nonsense' })).status).toBe(400)
    // What is no limit does not resume without one.
    for (const pace of [
      ...['0', '-5', '2.5', '500x', '1e3', '1000001'].map((most) => ({ most, per: 'PT1H' })),
      { most: '5', per: 'hour' },
      { most: '', per: 'PT1M' },
    ])
      expect(await order({ do: 'resume', overdue: 'send', ...pace })).toMatchObject({
        status: 422,
        text: expect.stringMatching(/a whole number from 1 to 1,000,000|Expected one of PT1M, PT1H, P1D/),
      })
    expect((await mine.engine.inspect.campaign('pool'))?.paused).toBeDefined()
    expect((await order({ do: 'resume', overdue: 'send', most: '5', per: 'PT1H' })).status).toBe(303)
    expect((await mine.engine.inspect.campaign('pool'))?.paused).toBeUndefined()
  })

  it('GATE-4: while overdue steps begin by a pace, the page of the campaign says so, and how many wait', async () => {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    const own = consoleOf(mine)
    const { engine, clock } = mine
    for (const contactId of ['ann', 'bob', 'cem']) await engine.startSequence({ ...ofPool, contactId })
    await engine.pauseCampaign('pool', { actor: 'olga' })
    const page = async () => (await send(own, '/campaigns/pool')).text
    clock.advance('PT1H')
    // A worker finds that the pause holds them.
    await engine.runDue()
    expect(await page()).not.toContain('by a pace')
    await engine.resumeCampaign('pool', { actor: 'olga', overdue: 'send', pace: { most: 1, per: 'PT1H' } })
    const since = engine.inspect.now()
    const paced = async () => (await engine.inspect.campaign('pool'))?.pace
    expect(await paced()).toEqual({ since, most: 1, per: 'PT1H', waiting: 3 })
    await engine.runDue()
    expect(await page()).toMatch(/by a pace: at most 1 overdue step in each hour\. 2 contacts have overdue steps/)
    for (let hour = 0; hour < 2; hour++) {
      clock.advance('PT1H')
      await engine.runDue()
    }
    expect(await paced()).toBeUndefined()
    expect(await page()).not.toContain('by a pace')
  })

  it('GATE-1: two of three sequences are paused at once, and then all of it; no choice falls back to another', async () => {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    const own = consoleOf(mine)
    const order = (fields: Record<string, string | readonly string[]>) =>
      send(own, '/campaigns/pool/pause', {
        form: { do: 'pause', reason: 'a wrong link', entries: 'open', commandId: crypto.randomUUID(), ...fields },
      })
    const paused = async () => (await mine.engine.inspect.campaign('pool'))?.paused?.sequences
    const refused: readonly (readonly [Record<string, string | readonly string[]>, number])[] = [
      [{ what: 'some' }, 422],
      [{ what: 'all', sequence: 'nurture' }, 422],
      [{ what: 'some', sequence: 'x'.repeat(201) }, 400],
      [{ what: 'nothing' }, 400],
      [{ what: 'all', entries: 'ajar' }, 400],
      [{ what: 'some', sequence: 'none' }, 404],
    ]
    for (const [fields, status] of refused) expect([fields, (await order(fields)).status]).toEqual([fields, status])
    expect(await paused()).toBeUndefined()

    expect((await order({ what: 'some', sequence: ['nurture', 'vip'] })).status).toBe(303)
    expect(await paused()).toEqual(['nurture', 'vip'])
    expect((await send(own, '/campaigns/pool')).text).toContain('Resume, or pause more')
    const { text } = await send(own, '/campaigns/pool/pause')
    expect(text).toContain('>Resume</button>')
    expect(text).toContain('>Pause more</button>')
    expect([...text.matchAll(/name="sequence" value="([^"]*)"/g)].map(([, id]) => id)).toEqual(['welcome'])

    expect((await order({ what: 'all' })).status).toBe(303)
    expect(await paused()).toBeNull()
    expect((await send(own, '/campaigns/pool/pause')).text).not.toContain('Pause more')
  })

  it('FORECAST-1: the page of a contact says what comes in thirty days, and what waits for somebody', async () => {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    const own = consoleOf(mine)
    for (const [campaignId, sequenceId] of [
      ['pool', 'nurture'],
      ['garden', 'tips'],
    ] as const)
      await mine.engine.startSequence({ contactId: 'dora', campaignId, sequenceId, actor: 'wanda' })
    await mine.engine.runDue()
    mine.clock.advance(3 * 86_400_000)
    const section = async (as: string) => {
      const { text } = await send(own, '/contacts/dora', { as })
      return /<section id="forecast">.*?<\/section>/s.exec(text)?.[0] ?? ''
    }
    const all = await section('writer')
    expect(all).toContain('The next thirty days')
    expect(all).toMatch(/<bdi>mistake-2<\/bdi>.*?overdue since/s)
    expect(all).toContain('<bdi>mistake-4</bdi>')
    expect(all).not.toContain('Waits for somebody')
    const some = await section('gardener')
    expect(some).toContain('<bdi>one</bdi>')
    expect(some).not.toContain('mistake')
    await mine.engine.pauseSequence({ ...ofPool, contactId: 'dora' })
    const paused = await section('writer')
    expect(paused).toMatch(/Waits for somebody.*?<bdi>mistake-2<\/bdi> <span class="badge[^"]*">paused/s)
    expect(paused).not.toContain('mistake-4')
    expect((await send(own, '/contacts/dora?moment=1')).text).not.toContain('The next thirty days')
  })

  it('FORECAST-2: the page of a campaign counts two weeks by day on request, and says what a sample is worth', async () => {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    const own = consoleOf(mine)
    const start = (from: number, to: number) =>
      mine.engine.processAction({
        ...{ action: 'start', actionId: `a-${from}`, campaignId: 'pool', sequenceId: 'nurture', actor: 'wanda' },
        contacts: { ids: Array.from({ length: to - from }, (_, i) => `n-${from + i}`) },
      })
    await start(0, 3)
    const first = (await send(own, '/campaigns/pool')).text
    expect(first).toContain('Forecast the next two weeks')
    expect(first).not.toContain('days of')
    const few = (await send(own, '/campaigns/pool?forecast=yes')).text
    /** Of each row: its day, what is sent of each step, and the sum. */
    const daysOf = (page: string) => {
      const section = /<section id="forecast">.*?<\/section>/s.exec(page)?.[0] ?? ''
      return [...section.matchAll(/<time datetime="([^"]*)">.*?<\/tr>/gs)].map(([row, day]) => [
        day,
        ...[...row.matchAll(/<td class="number">([^<]*)/g)].map(([, sent]) => sent?.trim()),
      ])
    }
    const days = daysOf(few)
    expect(days).toHaveLength(14)
    expect(days[0]).toEqual(['2026-03-02', '3', '0', '0', '0', '3'])
    expect(days[1]).toEqual(['2026-03-03', '0', '0', '0', '0', '0'])
    expect(days[2]).toEqual(['2026-03-04', '0', '3', '0', '0', '3'])
    expect(days.at(-1)?.[0]).toBe('2026-03-15')
    expect(few).toContain('<time datetime="2026-03-02">Mon 2 Mar</time>')
    // In Honolulu it is still Sunday; 08:00 in Berlin and in Kolkata is the day before there, in Chicago the same.
    const there = daysOf(
      (await send(consoleOf(mine, { timeZone: 'Pacific/Honolulu' }), '/campaigns/pool?forecast=yes')).text,
    )
    expect(there[0]).toEqual(['2026-03-01', '3', '0', '0', '0', '3'])
    expect(there[2]).toEqual(['2026-03-03', '0', '2', '0', '0', '2'])
    expect(there[3]).toEqual(['2026-03-04', '0', '1', '0', '0', '1'])
    expect(there.at(-1)?.[0]).toBe('2026-03-14')
    const halfHours = (await send(consoleOf(mine, { timeZone: 'Asia/Kolkata' }), '/campaigns/pool?forecast=yes')).text
    expect(halfHours).toContain('days of Asia/Kolkata, but the hours are those of UTC')
    expect(few).toContain('Every contact that is in it and has something to come was counted.')
    await start(3, 600)
    const many = (await send(own, '/campaigns/pool?forecast=yes')).text
    expect(daysOf(many)[0]?.[1]).toMatch(/^600 ± \d+$/)
    expect(many).toMatch(/Estimated from a sample: \d+ of the 600 contacts that are in it.* up to \d+ may be sent/)
  })

  it('a search without conditions lists the contacts that are in a sequence, and says so', async () => {
    await world.engine.startSequence({ ...ofPool, contactId: 'was-in' })
    await world.engine.stopSequence({ ...ofPool, contactId: 'was-in' })
    const { text } = await send(pages, '/search?text=')
    expect(text).toContain('These are the contacts that are in a sequence now, or wait at its end.')
    expect(text).not.toContain('was-in')
  })

  it('INDEX-5: what is held is shown when a thousand failures followed, and all of it in pages', async () => {
    const mine = await givenWorld()
    const start = (contactId: string, sequenceId: string) =>
      mine.engine.startSequence({ ...ofPool, contactId, sequenceId, actor: 'olga' })
    await start('waits-long', 'vip')
    await mine.engine.runDue()
    const handlers = { email: () => ({ outcome: 'failed', reason: 'smtp-550', permanent: true }) as const }
    const failing = createEngine({ store: mine.store, clock: mine.clock, handlers })
    for (let i = 0; i < 1000; i++) await start(`fails-${i}`, 'welcome')
    await failing.runDue()
    const own = consoleOf(mine)
    const now = (await send(own, '/now')).text
    expect(now).toContain('Waiting for you')
    expect(now).toMatch(/waits-long.*printer-jammed/s)
    expect(now).toContain('1,000 failed')
    const contacts: string[] = []
    for (let path: string | undefined = '/attention'; path !== undefined; ) {
      const { text } = await send(own, path)
      contacts.push(...[...text.matchAll(/contacts\/((?:fails|waits)-[^"/]+)">/g)].map(([, id]) => id as string))
      path = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.slice(BASE.length).replaceAll('&amp;', '&')
    }
    expect([contacts.length, new Set(contacts).size, contacts[0]]).toEqual([1001, 1001, 'waits-long'])
    expect((await send(own, '/attention?kind=held')).text).not.toContain('fails-')
    expect((await send(own, '/attention', { as: 'gardener' })).text).toContain('Nothing waits for you.')
    expect((await send(own, '/now', { as: 'gardener' })).text).not.toMatch(/waits-long|fails-/)
    expect((await send(own, '/attention?kind=late')).status).toBe(404)
    await failing.close()
    await mine.close()
  })

  it('KIND-1: the Now page says which kinds wait for a handler and which fail, and since when', async () => {
    const mine = await givenWorld()
    const handlers = { email: () => ({ outcome: 'failed', reason: 'smtp-550', permanent: true }) as const }
    const engine = createEngine({ store: mine.store, clock: mine.clock, handlers, log: false })
    const start = (contactId: string, sequenceId: string) =>
      engine.startSequence({ ...ofPool, contactId, sequenceId, actor: 'olga' })
    const own = consoleOf({ ...mine, engine })
    const before = (await send(own, '/now')).text
    expect(before).not.toMatch(/Nobody here handles|times in a row/)
    for (const contactId of ['waits-1', 'waits-2']) await start(contactId, 'vip')
    for (let i = 0; i < 10; i++) await start(`fails-${i}`, 'welcome')
    await engine.runDue()
    const { text } = await send(own, '/now')
    expect(text).toMatch(/Nobody here handles the kind letter: 2 contacts wait for it since <time/)
    expect(text).toMatch(/The handler of the kind email has failed \d+ times in a row since <time/)
    await engine.close()
    await mine.close()
  })

  it('BRAKE-1: the Now page says how many starts were refused, and when the last was', async () => {
    const mine = await givenWorld()
    const engine = createEngine({ store: mine.store, clock: mine.clock, handlers: {}, log: false })
    const looping = {
      id: 'loop',
      brake: 1,
      goals: [{ id: 'again', when: { kind: 'again' }, next: ['round'] }],
      sequences: [{ id: 'round', steps: [{ id: 'one', kind: 'email' }] }],
    }
    await engine.publish(looping)
    const own = consoleOf({ ...mine, engine })
    const again = () => engine.signal({ contactId: 'braked', kind: 'again' })
    await again()
    expect((await send(own, '/now')).text).not.toContain('starts were refused')
    await engine.stopAll({ contactId: 'braked', actor: 'wanda' })
    await again()
    expect((await send(own, '/now')).text).toMatch(/1 starts were refused here, the last <time/)
    await engine.close()
    await mine.close()
  })

  it('charts without anything in them claim no more than that', async () => {
    const empty = await givenWorld()
    const { text } = await send(consoleOf(empty), '/now')
    expect(text).toContain('Contacts per sequence: nothing in what was read.')
    expect(text).not.toContain('Nothing yet')
    await empty.close()
  })

  it('TIME-5: a zone that nobody knows has no wall time', async () => {
    await world.engine.startSequence({ ...ofPool, contactId: 'mars' })
    const { text } = await send(pages, '/contacts/mars')
    expect(text).not.toContain('class="there"')
    expect(String(when(MONDAY, 'Europe/Berlin', 'Mars/Olympus'))).not.toContain('there')
    expect(String(when(MONDAY, 'Europe/Berlin', 'Asia/Tokyo'))).toContain('18:00 there')
  })

  it('TIME-2: a step that is due and waits for its window is shown at the opening', async () => {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    const window = { from: '20:00', to: '21:00' }
    const steps = [{ id: 'evening', kind: 'email', timer: { after: 'PT11H30M', window } }]
    await mine.engine.publish(campaign({ id: 'late', goals: [], sequences: [{ id: 's', steps }] }))
    await mine.engine.startSequence({ contactId: 'zoe', campaignId: 'late', sequenceId: 's', actor: 'wanda' })
    mine.clock.advance('PT13H')
    const { dueAt } = (await mine.engine.inspect.upcoming({ contactId: 'zoe' }))[0] ?? {}
    const own = consoleOf(mine)
    for (const path of ['/now', '/contacts/zoe', '/campaigns/late?node=s']) {
      const { text } = await send(own, path)
      expect(text, path).toMatch(new RegExp(`2026-03-03T20:00:00.000Z.*its window opens; due since .*${dueAt}`, 's'))
    }
  })

  it('an actor with some campaigns learns nothing of others, and not that there is nothing', async () => {
    await world.engine.startSequence({ ...ofPool, contactId: 'elsewhere' })
    const { text } = await send(pages, '/contacts/elsewhere', { as: 'gardener' })
    expect(text).toContain('Nothing is recorded of this contact in your campaigns.')
    expect(text).toContain('None in your campaigns.')
    expect(text).toContain('0 events in your campaigns')
    const whole = (await send(pages, '/contacts/elsewhere')).text
    expect(whole).not.toContain('in your campaigns')
  })

  it('SKIP-1, SHIFT-2, JUMP-1: what an order would change of the schedule is shown before it is confirmed', async () => {
    const mine = await givenWorld()
    const own = consoleOf(mine)
    await mine.engine.startSequence({ ...ofPool, contactId: 'eve' })
    await mine.engine.runDue()
    const before = await mine.engine.inspect.history('eve')
    const page = async (word: string, as = 'writer') => {
      const query = `do=${word}&campaign=pool&sequence=nurture&step=mistake-2&run=1`
      return (await send(own, `/contacts/eve/order?${query}`, { as })).text
    }
    expect(await page('skip')).toContain('mistake-3 of Seven mistakes, run 1: due')
    expect(await page('skip')).toContain(', instead of mistake-2')
    for (const word of ['cancel', 'send-now', 'pause', 'stop'])
      expect(await page(word)).toContain('What it would change now')
    // Nothing is paused, and who may not read is not shown the schedule.
    expect(await page('resume')).toContain('Nothing of the schedule.')
    expect(await page('stop', 'starter')).not.toContain('What it would change now')
    // What has to be filled in is asked first, and shown as it was said.
    const look = async (word: string, fields: Record<string, string>) => {
      const form = { do: word, campaign: 'pool', sequence: 'nurture', step: 'mistake-2', commandId: 'k', look: 'yes' }
      const { status, text } = await send(own, '/contacts/eve/order', { form: { ...form, ...fields } })
      expect(status).toBe(200)
      return text
    }
    expect(await page('shift')).not.toContain('What it would change now')
    const shifted = await look('shift', { by: 'P2D', reason: 'on holiday' })
    expect(shifted).toMatch(/mistake-2 of Seven mistakes, run 1: from 4 Mar 2026, .* to 6 Mar 2026, /)
    for (const kept of ['value="P2D"', 'value="on holiday"', 'name="commandId" value="k"'])
      expect(shifted).toContain(kept)
    expect(await look('shift', { by: 'often' })).toContain('duration')
    expect(await look('reschedule', { dueAt: '2036-03-07T08:00' })).toMatch(/run 1: from .* to 7 Mar 2036, 08:00/)
    // A step is chosen among those of the sequence.
    expect(await page('move')).toMatch(
      /<select name="toStep">.*<optgroup label="Seven mistakes"><option value="mistake-1">/s,
    )
    const moved = await look('move', { toStep: 'mistake-4', wait: 'none' })
    expect(moved).toContain('<option value="mistake-4" selected>')
    expect(moved).toMatch(/mistake-4 of Seven mistakes, run 1: due .*, instead of mistake-2/)
    expect(await look('move', {})).toContain('Say to which step or sequence.')
    const start = (await send(own, '/contacts/new/order?do=start&campaign=pool&sequence=nurture')).text
    expect(start).toMatch(/<select name="atStep">.*<option value="mistake-3">/s)
    expect(start).toContain('mistake-1 of Seven mistakes, run 1: due')
    expect(await mine.engine.inspect.history('eve')).toEqual(before)
    const at = { do: 'start', campaign: 'pool', sequence: 'welcome', atStep: 'first-month' }
    const form = { ...at, reason: 'asked', commandId: 's' }
    expect((await send(own, '/contacts/new/order', { form })).status).toBe(303)
    const [run] = (await mine.engine.inspect.contact('new')).enrollments
    expect(run?.next?.stepId).toBe('first-month')
  })

  it('an order that changed nothing is not shown as one that did', async () => {
    const order = { do: 'stop', campaign: 'pool', sequence: 'nurture', reason: 'x', commandId: 'nothing-to-stop' }
    const { headers } = await send(pages, '/contacts/never-in/order', { form: order })
    const { text } = await send(pages, (headers.get('location') as string).slice(BASE.length))
    expect(text).toContain('<p class="notice warm" role="status">It was not in the sequence. Nothing was changed.</p>')
    for (const outcome of OUTCOMES.keys())
      if (OUTCOMES.get(outcome)?.includes('Nothing was changed'))
        expect((await send(pages, await pathAfter('never-in', outcome))).text).not.toContain('notice good')
    expect((await send(pages, await pathAfter('never-in', 'stopped'))).text).toContain('notice good')
  })

  it('a link from elsewhere cannot make a page say that something was stopped', async () => {
    const ours = await pathAfter('never-in', 'stopped')
    const forged = [
      '/contacts/never-in?did=stopped',
      '/contacts/never-in?did=stopped&proof=',
      ours.replace('never-in', 'somebody-else'),
      ours.replace('did=stopped', 'did=suppressed'),
      await pathAfter('never-in', 'stopped', 'gardener'),
    ]
    for (const path of forged) expect((await send(pages, path)).text).not.toContain('class="notice')
    expect((await send(pages, ours)).text).toContain('class="notice')
  })
})

describe('an action whose process died', () => {
  it('BULK-2: the page says since when nothing has moved, and the action goes on when it is resumed', async () => {
    const { clock, engine, store } = await givenWorldOfOurs()
    const dying = createEngine({ store, clock, handlers: {} })
    const ids = Array.from({ length: 700 }, (_, i) => `d-${i}`)
    const order = {
      action: 'start',
      actionId: 'dead',
      campaignId: 'pool',
      sequenceId: 'nurture',
      actor: 'olga',
    } as const
    let closed: Promise<void> | undefined
    const onProgress = ({ processed }: { readonly processed: number }) => {
      if (processed === 500) closed ??= dying.close()
    }
    await expect(dying.processAction({ ...order, contacts: { ids } }, { onProgress })).rejects.toThrow()
    await closed
    const own = consoleOf({ ...world, engine })
    const alive = (await send(own, '/actions/dead')).text
    expect(alive).toContain('<span class="badge good">running</span>')
    expect(alive).not.toMatch(/Nothing has moved|Resume the action/)

    clock.advance('PT5M')
    const { text } = await send(own, '/actions/dead')
    expect(text).toContain('<span class="badge warm">standing still</span>')
    expect(text).toMatch(/Nothing has moved since .*2 Mar 2026, 09:00.*, for 5 min: /)
    expect(text).toContain('Resume the action')
    expect(text).not.toContain('>running<')
    expect((await send(own, '/audit')).text).toContain('standing still')
    expect((await send(own, '/actions/dead', { as: 'reader' })).text).not.toContain('Resume the action')

    await send(own, '/actions/dead/resume', { form: {} })
    expect(await overOf({ ...world, engine }, 'dead')).toMatchObject({ processed: 700, stillMs: null })
    expect((await send(own, '/actions/dead')).text).not.toMatch(/Nothing has moved|standing still/)
  })

  it('BULK-2: an action that was still reading its contacts must be ordered again', async () => {
    const { clock, engine } = await givenWorldOfOurs()
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* ids() {
      await held
      yield 'ann'
    }
    const order = {
      action: 'start',
      actionId: 'dead',
      campaignId: 'pool',
      sequenceId: 'nurture',
      actor: 'olga',
    } as const
    const over = engine.processAction({ ...order, contacts: { ids: ids() } })
    await expect.poll(() => engine.inspect.action('dead'), { timeout: 30_000 }).not.toBeNull()
    clock.advance('PT5M')
    const { text } = await send(consoleOf({ ...world, engine }), '/actions/dead')
    expect(text).toMatch(/standing still.*none was touched: order it again/s)
    expect(text).not.toContain('Resume the action')
    goOn()
    await over
  })

  it.each(['gardener', 'nobody'])(
    'BULK-3: the progress of an action ends for an actor who has become %s',
    async (later) => {
      const { clock, engine } = await givenWorldOfOurs()
      let goOn = (): void => {}
      const held = new Promise<void>((resolve) => {
        goOn = resolve
      })
      async function* ids() {
        await held
        yield 'ann'
      }
      const order = { action: 'start', campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' } as const
      const over = engine.processAction({ ...order, actionId: 'a', contacts: { ids: ids() } })
      await expect.poll(() => engine.inspect.action('a'), { timeout: 30_000 }).not.toBeNull()
      let as = 'writer'
      const own = consoleOf({ ...world, engine }, { authorize: () => ACTORS[as] ?? null })
      const response = await own(new Request(`${ORIGIN}${BASE}/actions/a/progress`))
      const reader = (response.body as ReadableStream<Uint8Array>).getReader()
      const next = async () => new TextDecoder().decode((await reader.read()).value)
      expect(await next()).toContain('"still":false')
      clock.advance('PT5M')
      expect(await next()).toContain('"still":true')
      as = later
      goOn()
      await over
      expect(await next()).toBe('')
    },
  )

  it.each(['gardener', 'nobody'])(
    'BULK-3: the file of an action breaks off for an actor who has become %s',
    async (later) => {
      const { engine } = await givenWorldOfOurs()
      const order = { action: 'start', campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' } as const
      await engine.processAction({ ...order, actionId: 'a', contacts: { ids: ['ann'] } })
      let as = 'writer'
      const errors: unknown[] = []
      const own = consoleOf(
        { ...world, engine },
        { authorize: () => ACTORS[as] ?? null, onError: (error) => errors.push(error) },
      )
      const response = await own(new Request(`${ORIGIN}${BASE}/actions/a/results.csv`))
      as = later
      const reader = (response.body as ReadableStream<Uint8Array>).getReader()
      expect(new TextDecoder().decode((await reader.read()).value)).toContain('"contactId"')
      await expect(reader.read()).rejects.toThrow('may not see the file any more')
      expect(errors).toHaveLength(1)
    },
  )

  async function givenWorldOfOurs(): Promise<World> {
    const mine = await givenWorld()
    onTestFinished(() => mine.close())
    return mine
  }
})

describe('what goes out', () => {
  it('every answer says what it may load, and where it may be shown', async () => {
    const { headers, text } = await send(pages, '/now')
    const policy = headers.get('content-security-policy') ?? ''
    const nonce = /script-src 'nonce-([\w-]+)'/.exec(policy)?.[1]
    expect(policy).toBe(
      `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    )
    expect(text.match(/<script[^>]*>/g)).toEqual([expect.stringContaining(`nonce="${nonce}"`)])
    expect(text).not.toMatch(/\son\w+=|\sstyle=|<style|https?:\/\/(?!www\.w3\.org)/)
    expect((await send(pages, '/now')).headers.get('content-security-policy')).not.toBe(policy)
    for (const path of ['/nothing', '/actions/act/results.csv', `/assets/${ASSETS.style.name}`]) {
      const answered = (await send(pages, path)).headers
      expect(answered.get('x-content-type-options')).toBe('nosniff')
      expect(answered.get('content-security-policy')).toContain(`default-src 'none'`)
    }
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('the cookie is for this path, for no script and for no other site', async () => {
    const { headers } = await send(pages, '/now', { headers: { cookie: '' } })
    expect(headers.get('set-cookie')).toMatch(/^enfold-console=[\w-]{22}; Path=\/crm\/enfold; SameSite=Lax; HttpOnly$/)
  })

  it('BULK-1: no form is filled in by the browser, which goes by places and not by contacts', async () => {
    for (const path of ['/', '/search?text=', '/contacts/ada', '/contacts/ada/order?do=suppress', '/audit'])
      for (const form of (await send(pages, path)).text.match(/<form[^>]*>/g) ?? [])
        expect([path, form]).toEqual([path, expect.stringContaining('autocomplete="off"')])
  })

  it('the cookie is sent by TLS only, where a proxy says that the browser came by it', async () => {
    const cookieWith = async (headers: Record<string, string>, method: 'page' | 'zone') => {
      const form = method === 'zone' ? { zone: 'UTC' } : undefined
      const answered = await send(pages, method === 'zone' ? '/zone' : '/now', {
        form,
        headers: { ...(method === 'page' ? { cookie: '' } : {}), ...headers },
      })
      return answered.headers.get('set-cookie') ?? ''
    }
    for (const method of ['page', 'zone'] as const) {
      expect(await cookieWith({}, method)).not.toContain('Secure')
      expect(await cookieWith({ 'x-forwarded-proto': 'http' }, method)).not.toContain('Secure')
      expect(await cookieWith({ 'x-forwarded-proto': 'https, http' }, method)).toContain('; Secure')
      expect(await cookieWith({ forwarded: 'for=1.2.3.4;proto=https;host=a' }, method)).toContain('; Secure')
    }
  })

  it('every answer of every kind is kept in no cache and is taken for nothing else', async () => {
    for (const [path, options] of [
      ['/now', {}],
      ['/now', { as: null }],
      ['/nothing', {}],
      ['/now', { method: 'DELETE' }],
      ['/zone', { form: { zone: 'UTC' } }],
      ['/zone', { form: { zone: 'Nowhere' } }],
      ['/actions/act/results.csv', {}],
      ['/actions/act/progress', {}],
      ['/contacts/%00%ff', {}],
    ] as const) {
      const { headers } = await send(pages, path, options)
      expect([path, headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual([
        path,
        'nosniff',
        'no-store',
      ])
    }
  })

  it('errors of the inside stay inside', async () => {
    const told: unknown[] = []
    const broken = consoleOf(world, {
      engine: {
        ...world.engine,
        inspect: { ...world.engine.inspect, campaigns: () => Promise.reject(new Error('password=123')) },
      },
      onError: (error) => told.push(error),
    })
    const { status, text } = await send(broken, '/campaigns')
    expect([status, text.includes('password'), String(told[0])]).toEqual([500, false, 'Error: password=123'])
  })

  it('FACTS-1: while the directory is down every page about contacts comes, and people can be stopped', async () => {
    let fails = false
    const secret = () => {
      if (fails) throw new Error('ada@example.org')
      return {}
    }
    const contacts = { get: secret, search: async () => Promise.reject(new Error('ada@example.org')) }
    const clock = createSimulatedClock(MONDAY)
    const handlers = { email: () => ({ outcome: 'sent' }) as const }
    const engine = createEngine({ store: createMemoryStore(), clock, handlers, contacts })
    await engine.publish(pool)
    const sequence = { campaignId: 'pool', sequenceId: 'nurture' }
    for (const contactId of ['ada', 'bob']) await engine.startSequence({ contactId, ...sequence, actor: null })
    await engine.runDue()
    fails = true
    clock.advance('P5D')
    await engine.runDue()
    const pages = consoleOf({ ...world, engine })
    const step = 'campaign=pool&sequence=nurture&step=mistake-2'
    const paths = ['/now', '/search?text=ada', '/contacts/ada', `/contacts/ada/why?${step}`, '/now?count=yes']
    for (const path of paths) {
      const { status, text } = await send(pages, path)
      expect([path, status, text.includes('example.org')]).toEqual([path, 200, false])
    }
    expect((await send(pages, '/contacts/ada')).text).toContain('without the contact’s time zone')
    expect((await send(pages, '/search?text=ada')).text).toContain('/contacts/ada"')
    expect((await send(pages, '/now?count=yes')).text).toContain('the facts cannot be had')
    const order = '/contacts/ada/order?do=stop&campaign=pool&sequence=nurture'
    expect((await send(pages, order)).status).toBe(200)
    const form = { do: 'stop', campaign: 'pool', sequence: 'nurture', reason: 'asked', commandId: 'k' }
    expect((await send(pages, '/contacts/ada/order', { form })).status).toBe(303)
    expect(await engine.inspect.sequencesOf('ada')).toEqual([])
    expect((await send(pages, '/now', { as: 'gardener' })).text).not.toContain('threw')
    await engine.close()
  })

  it('a describe that throws costs the name, and no more', async () => {
    const told: unknown[] = []
    const without = consoleOf(world, {
      describe: () => Promise.reject(new Error('no such table')),
      onError: (error) => told.push(error),
    })
    expect((await send(without, '/contacts/ada')).status).toBe(200)
    expect(told.length).toBe(1)
  })
})

describe('LOG-6: any string is a legal id', () => {
  const HOSTILE = [
    '"><script>alert(1)</script>',
    `'"--></title></style></textarea><img src=x onerror=alert(1)>`,
    'javascript:alert(1)',
    '__proto__',
    'constructor',
    '..',
    '.',
    '~',
    '~..',
    'a/b',
    'a%2Fb',
    '%00',
    '?x=1#y',
    '\u202Egnirts',
    '😀👩‍👩‍👧',
    '{{7*7}}<%= 7*7 %>',
    ' ',
    '\n\r\t',
    '&amp;&lt;',
    'x'.repeat(200),
    '😀'.repeat(200),
  ]

  it('any id is shown as it is in every place of every page', async () => {
    const hostile = campaign({
      id: HOSTILE[0] as string,
      name: HOSTILE[1] as string,
      goals: [
        {
          id: '__proto__',
          name: HOSTILE[0] as string,
          when: { kind: HOSTILE[0] as string, match: { [HOSTILE[1] as string]: HOSTILE[0] as string } },
          next: [{ to: 'a/b', if: { tag: HOSTILE[0] as string } }],
        },
      ],
      sequences: [
        {
          id: 'a/b',
          name: HOSTILE[0] as string,
          steps: [
            { id: '..', kind: 'email' },
            { id: HOSTILE[1] as string, kind: HOSTILE[0] as string, timer: { after: 'P1D' } },
          ],
          next: ['constructor'],
        },
        { id: 'constructor', steps: [{ id: '__proto__', kind: 'email' }] },
      ],
    })
    const mine = await givenWorld({ definitions: [hostile] })
    const shown = consoleOf(mine, { describe: (id) => `${id}<b>"'` })
    const marks = /<script>alert|<img src=x|<b>"|onerror=alert\(1\)>/
    const visit = async (path: string, options?: SendOptions) => {
      const answered = await send(shown, path, options)
      expect([path, answered.status]).toEqual([path, options?.form === undefined ? 200 : expect.toBeOneOf([200, 303])])
      expect(answered.text).not.toMatch(marks)
      expect(answered.text).not.toMatch(/href="(javascript|data):/)
      return answered
    }
    for (const contactId of HOSTILE) {
      const ids = { contactId, campaignId: hostile.id, sequenceId: 'a/b' }
      const started = await mine.engine.startSequence({
        ...ids,
        actor: HOSTILE[1] as string,
        reason: HOSTILE[0] as string,
      })
      expect(isLeft(started)).toBe(false)
      await mine.engine.runDue()
      const path = `/contacts/${pathSegment(contactId)}`
      const { text } = await visit(path)
      // Each link of the page leads to a page.
      const links = [...text.matchAll(/href="([^"#]*)/g)].map(([, href]) =>
        (href as string).replaceAll('&amp;', '&').slice(BASE.length),
      )
      for (const to of new Set(links.filter((one) => one.includes('/contacts/')).slice(-12))) await visit(to)
      await visit(`${path}/order`, {
        form: {
          do: 'pause',
          campaign: hostile.id,
          sequence: 'a/b',
          reason: HOSTILE[1] as string,
          commandId: `${contactId.length}`,
        },
      })
      await visit(`/search?text=${encodeURIComponent(contactId.slice(0, 200))}`)
      await visit('/actions/preview', {
        form: {
          action: 'stop',
          sequence: `${encodeURIComponent(hostile.id)}/a%2Fb`,
          reason: HOSTILE[0] as string,
          contact: contactId,
        },
      })
    }
    const action = await visit('/actions', {
      form: {
        action: 'stop',
        sequence: `${encodeURIComponent(hostile.id)}/a%2Fb`,
        reason: HOSTILE[0] as string,
        contact: HOSTILE,
        actionId: HOSTILE[0] as string,
        text: HOSTILE[0] as string,
      },
    })
    await visit((action.headers.get('location') as string).slice(BASE.length))
    const home = `/campaigns/${pathSegment(hostile.id)}`
    for (const path of [
      home,
      `${home}?node=__proto__`,
      `${home}?node=a%2Fb`,
      `${home}?node=${encodeURIComponent(HOSTILE[0] as string)}`,
      '/campaigns',
      '/now',
      '/attention',
      '/audit',
      '/search?text=',
      `/search?text=&rule=any&in=${encodeURIComponent(`${encodeURIComponent(hostile.id)}/a%2Fb`)}`,
    ])
      await visit(path)
    await mine.close()
  })
})

describe('the record', () => {
  it('BULK-1: actor and reason stand in the log, for one and for many', async () => {
    await send(pages, '/contacts/log/order', {
      form: { do: 'start', in: 'garden/tips', reason: 'asked at the fair', commandId: 'log-1' },
    })
    await send(pages, '/actions', {
      form: { action: 'stop', sequence: 'garden/tips', reason: 'rained off', contact: 'log', actionId: 'log-2' },
    })
    await overOf(world, 'log-2')
    const history = await world.engine.inspect.history('log')
    expect(history.map(({ actor, cause, type }) => ({ actor, cause, type }))).toEqual([
      { type: 'SequenceStarted', actor: 'wanda', cause: { by: 'operator', reason: 'asked at the fair' } },
      { type: 'SequenceStopped', actor: 'wanda', cause: { by: 'bulk', actionId: 'log-2', reason: 'rained off' } },
    ])
  })

  it('ONCE-1: the same form sent twice is one order', async () => {
    const form = { do: 'start', in: 'garden/tips', reason: 'x', commandId: 'twice' }
    for (const _ of [1, 2])
      expect((await send(pages, '/contacts/twice/order', { form })).headers.get('location')).toContain('did=started')
    expect((await world.engine.inspect.history('twice')).length).toBe(1)
  })

  it('an action on a search for all does not keep its text', async () => {
    await send(pages, '/actions', {
      form: { action: 'start', sequence: 'pool/nurture', reason: 'x', of: 'all', text: 'Nguyen', actionId: 'text' },
    })
    const action = await world.engine.inspect.action('text')
    expect(action?.contacts).toBeGreaterThan(5)
    expect(JSON.stringify(action)).not.toContain('Nguyen')
  })
})
