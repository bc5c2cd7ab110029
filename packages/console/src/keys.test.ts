/** Keys of runs on the pages: next to the sequence wherever a run is shown or ordered (KEY-1, KEY-2, VAR-1). */
import { tagOf } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it, onTestFinished } from 'vitest'
import { consoleOf, givenWorld, MONDAY, send } from './console.fixture.ts'

const KEY = `<b>"cart" & 'co'</b>`
const ESCAPED = '&lt;b&gt;&quot;cart&quot; &amp; &#39;co&#39;&lt;/b&gt;'
const remind = { campaignId: 'shop', sequenceId: 'remind' }
const ofAnn = { ...remind, contactId: 'ann', actor: 'wanda' }

async function given() {
  const world = await givenWorld()
  const store = createMemoryStore()
  const email = ({ key }: { readonly key?: string }) =>
    key === KEY ? ({ outcome: 'failed', reason: 'bounced', permanent: true } as const) : ({ outcome: 'sent' } as const)
  const engine = createEngine({ store, clock: createSimulatedClock(MONDAY), handlers: { email } })
  onTestFinished(async () => {
    await engine.close()
    await store.close()
    await world.close()
  })
  await engine.publish({
    id: 'shop',
    goals: [],
    sequences: [
      {
        id: 'remind',
        name: 'Reminders',
        vars: { cart: { data: 'cartId' }, total: { data: 'total' } },
        per: 'cart',
        steps: [
          { id: 'first', kind: 'email' },
          { id: 'last', kind: 'email', timer: { after: 'P1D' } },
        ],
      },
    ],
  })
  await engine.startSequence({ ...ofAnn, key: KEY, vars: { total: 20 } })
  await engine.startSequence({ ...ofAnn, key: 'c2' })
  const pages = consoleOf({ ...world, engine })
  return { engine, pages, text: async (path: string) => (await send(pages, path)).text }
}

/** The links of a page that lead to an order or a cause, for one key. */
function linksIn(text: string, key: string): readonly URLSearchParams[] {
  return [...text.matchAll(/href="[^"]*\?([^"]*)"/g)]
    .map(([, query]) => new URLSearchParams((query ?? '').replaceAll('&amp;', '&')))
    .filter((query) => query.get('key') === key)
}

const statusOf = async (engine: Engine) =>
  (await engine.inspect.contact('ann')).enrollments.map(({ key, status }) => [key, status])

it('KEY-1: the page of a contact shows the key of each run, escaped, and its variables', async () => {
  const { engine, text } = await given()
  const page = await text('/contacts/ann')
  expect(page).toContain(`<bdi>Reminders</bdi> for <bdi class="key">${ESCAPED}</bdi>`)
  expect(page).toContain('<bdi>Reminders</bdi> for <bdi class="key">c2</bdi>')
  expect(page).toContain('<bdi>total</bdi> = <bdi>20</bdi>')
  expect(page).not.toContain(KEY)
  expect(linksIn(page, 'c2').map((query) => query.get('do') ?? 'why')).toEqual(
    expect.arrayContaining(['stop', 'pause', 'cancel', 'why']),
  )
  const why = await text('/contacts/ann/why?campaign=shop&sequence=remind&step=last&key=c2')
  expect(why).toContain('Why did last run, or not?')
  await engine.runDue()
  const attention = await text('/attention')
  expect(attention).toContain(`for <bdi class="key">${ESCAPED}</bdi>`)
  expect(linksIn(attention, KEY)).toHaveLength(1)
})

it('KEY-2: an order from the page of a run is for its key alone', async () => {
  const { engine, pages, text } = await given()
  const order = await text(`/contacts/ann/order?do=stop&campaign=shop&sequence=remind&key=${encodeURIComponent(KEY)}`)
  expect(order).toContain(`for <bdi class="key">${ESCAPED}</bdi>`)
  expect(order).toContain(`<input type="hidden" name="key" value="${ESCAPED}">`)
  const form = { do: 'stop', commandId: 'x', campaign: 'shop', sequence: 'remind', key: KEY, reason: 'asked' }
  expect((await send(pages, '/contacts/ann/order', { form })).status).toBe(303)
  expect(await statusOf(engine)).toEqual([
    [KEY, 'stopped'],
    ['c2', 'active'],
  ])
})

it('KEY-1: a start in a sequence with keys asks for which', async () => {
  const { engine, pages, text } = await given()
  const page = await text('/contacts/ann/order?do=start&in=shop%2Fremind')
  expect(page).toMatch(/For which <bdi>cart<\/bdi> <input name="key" required/)
  const form = { do: 'start', commandId: 'y', campaign: 'shop', sequence: 'remind', key: 'c3', reason: 'asked' }
  expect((await send(pages, '/contacts/ann/order', { form })).status).toBe(303)
  expect(await statusOf(engine)).toContainEqual(['c3', 'active'])
})

it('VAR-1: a start by hand asks for each variable, and takes what is typed as the command line does', async () => {
  const { engine, pages, text } = await given()
  const page = await text('/contacts/ann/order?do=start&in=shop%2Fremind')
  expect(page).toContain('<bdi>total</bdi> <input name="var:total" value="">')
  expect(page).not.toContain('name="var:cart"')
  const order = (key: string, total: string) => {
    const form = { do: 'start', commandId: key, campaign: 'shop', sequence: 'remind', key, reason: 'asked' }
    return send(pages, '/contacts/ann/order', { form: { ...form, 'var:total': total } })
  }
  for (const total of ['20', '"20"', 'true', 'twenty', '']) expect((await order(`k ${total}`, total)).status).toBe(303)
  expect((await order('k', '1e999')).status).toBe(422)
  expect((await order('k', 'x'.repeat(501))).status).toBe(422)
  const { enrollments } = await engine.inspect.contact('ann')
  expect(enrollments.slice(2).map(({ vars }) => vars?.total)).toEqual([20, '20', true, 'twenty', undefined])
})

it('VAR-1: a restart begins with the variables of the run before, unless others are typed', async () => {
  const { engine, pages, text } = await given()
  await engine.startSequence({ ...ofAnn, key: 'c3', vars: { total: '20' } })
  const page = await text('/contacts/ann/order?do=restart&campaign=shop&sequence=remind&key=c3')
  expect(page).toContain('name="var:total" value="&quot;20&quot;"')
  const unread = await send(pages, '/contacts/ann/order?do=restart&campaign=shop&sequence=remind&key=c3', {
    as: 'starter',
  })
  expect([unread.status, unread.text.includes('var:total'), unread.text.includes('20&quot;')]).toEqual([
    200,
    false,
    false,
  ])
  const form = { do: 'restart', campaign: 'shop', sequence: 'remind', key: 'c3', reason: 'asked' }
  const order = (commandId: string, more: object) =>
    send(pages, '/contacts/ann/order', { form: { ...form, commandId, ...more } })
  const vars = async () => (await engine.inspect.contact('ann')).enrollments.find(({ key }) => key === 'c3')?.vars
  await order('one', { 'var:total': '"20"' })
  expect(await vars()).toEqual({ cart: 'c3', total: '20' })
  await order('two', { 'var:total': '' })
  expect(await vars()).toEqual({ cart: 'c3' })
})

it('KEY-2: the page of an action shows the key of each contact, and each run that a stop ended', async () => {
  const { engine, text } = await given()
  const contacts = { ids: [{ contactId: 'bob', key: KEY }] }
  await engine.processAction({ ...remind, action: 'start', actionId: 'one', actor: null, contacts })
  expect(await text('/actions/one')).toContain(`for <bdi class="key">${ESCAPED}</bdi>`)
  await engine.processAction({ ...remind, action: 'stop', actionId: 'two', actor: null, contacts: { ids: ['ann'] } })
  const page = await text('/actions/two')
  expect(page).toContain(`run 1 for <bdi class="key">${ESCAPED}</bdi>`)
  expect(page).toContain('run 1 for <bdi class="key">c2</bdi>')
  const keyed = { ...remind, key: 'c9', action: 'start', actionId: 'three', actor: null } as const
  await engine.processAction({ ...keyed, contacts: { ids: ['bob'] } })
  expect(await text('/audit')).toContain('for <bdi class="key">c9</bdi>')
})

it('KEY-2: an action for many takes a key for all of them, and says that a list can name one for each', async () => {
  const { engine, pages } = await given()
  const post = (path: string, form: Readonly<Record<string, string>>) => send(pages, path, { form })
  const of = { contact: 'bob', action: 'start', sequence: tagOf('shop', 'remind'), reason: 'asked' }
  expect((await post('/actions/choose', { contact: 'bob' })).text).toMatch(
    /name="key".*a CSV with a column <code>key</s,
  )
  expect((await post('/actions/preview', of)).text).toContain('fail, each with its reason')
  const preview = await post('/actions/preview', { ...of, key: KEY })
  expect(preview.text).toContain(`<bdi>Reminders</bdi> for <bdi class="key">${ESCAPED}</bdi>`)
  expect(preview.text.split(`<input type="hidden" name="key" value="${ESCAPED}">`)).toHaveLength(4)
  expect((await post('/actions/choose', { ...of, key: KEY })).text).toContain(
    `name="key" maxlength="200" value="${ESCAPED}"`,
  )
  expect((await post('/actions', { ...of, key: 'c2', actionId: 'first' })).status).toBe(303)
  expect((await post('/actions', { ...of, contact: 'ann', action: 'stop', key: 'c2', actionId: 'last' })).status).toBe(
    303,
  )
  expect(await statusOf(engine)).toEqual([
    [KEY, 'active'],
    ['c2', 'stopped'],
  ])
  expect((await engine.inspect.contact('bob')).enrollments).toMatchObject([{ key: 'c2', status: 'active' }])
})

it('KEY-4: the first page names the key of the step that is due longest', async () => {
  const { text } = await given()
  const [, due = ''] = (await text('/now?count=yes')).split('Due longest')
  expect(due).toContain(`<bdi>Reminders</bdi> for <bdi class="key">${ESCAPED}</bdi>`)
})

it('VAR-1: an action that is run again keeps its variables from page to page, and in its preview', async () => {
  const { engine, pages, text } = await given()
  const vars = { total: '20', note: 'a "b"\nc', day: '2026-03-20' }
  const shown = (name: string, value: string) => `name="var:${name}" value="${value}"`
  await engine.publish({
    id: 'gift',
    goals: [],
    sequences: [
      {
        id: 'thanks',
        vars: { total: { data: 'total' }, note: { data: 'note' }, day: { data: 'day' } },
        steps: [{ id: 'one', kind: 'email', timer: { var: 'day', offset: '-P1D' } }],
      },
    ],
  })
  const gift = { campaignId: 'gift', sequenceId: 'thanks', action: 'start' as const }
  const contacts = { ids: ['ann', 'bob'] }
  await engine.processAction({ ...gift, actionId: 'first', actor: 'wanda', reason: 'asked', vars, contacts })
  await engine.stopSequence({ campaignId: 'gift', sequenceId: 'thanks', contactId: 'bob', actor: 'wanda' })
  // What the form of a page would send.
  const fieldsOf = (page: string, to: string) => {
    const [form = ''] = new RegExp(`<form[^>]*action="[^"]*${to}".*?</form>`, 's').exec(page) ?? []
    const plain = (value = '') => value.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
    const fields = [...form.matchAll(/name="([^"]*)" value="([^"]*)"/g)]
    return Object.fromEntries(
      fields.filter(([, name]) => name !== 'token').map(([, name = '', value]) => [name, plain(value)]),
    )
  }
  const post = (path: string, form: Readonly<Record<string, string>>) => send(pages, path, { form })
  const again = fieldsOf(await text('/actions/first'), '/actions/choose')
  const chosen = await post('/actions/choose', again)
  const kept = { ...fieldsOf(chosen.text, '/actions/preview'), action: 'start', sequence: tagOf('gift', 'thanks') }
  const preview = await post('/actions/preview', { ...kept, reason: 'asked again' })
  expect(preview.text).toContain(shown('total', '&quot;20&quot;'))
  expect(preview.text).toContain(shown('note', '&quot;a \\&quot;b\\&quot;\\nc&quot;'))
  // The schedule follows the variable, and what is typed next to "Process" can be previewed.
  const DUE = '<time datetime="2026-03-19T00:00:00.000Z"'
  expect(preview.text).toContain(DUE)
  expect(preview.text).toContain('Preview with these variables')
  const without = await post('/actions/preview', { ...kept, reason: 'asked again', 'var:day': '' })
  expect(without.text).not.toContain(DUE)
  const process = { ...fieldsOf(preview.text, '/actions'), actionId: 'second' }
  expect((await post('/actions', process)).status).toBe(303)
  const lastOf = async () => (await engine.inspect.contact('bob')).enrollments.at(-1)
  await expect.poll(lastOf, { timeout: 30_000 }).toMatchObject({ run: 2, vars })
})

it('VAR-1: an action for many asks for each variable, and begins all its runs with what is typed', async () => {
  const { engine, pages } = await given()
  const post = (path: string, form: Readonly<Record<string, string>>) => send(pages, path, { form })
  const of = { contact: 'bob', action: 'start', sequence: tagOf('shop', 'remind'), reason: 'asked', key: 'c2' }
  const preview = (await post('/actions/preview', of)).text
  expect(preview).toContain('<bdi>total</bdi> <input name="var:total" value="">')
  expect(preview).not.toContain('name="var:cart"')
  expect((await post('/actions/preview', { ...of, action: 'stop' })).text).not.toContain('name="var:')
  const begun = async () => {
    const { run, vars } = (await engine.inspect.contact('bob')).enrollments.at(-1) ?? {}
    return [run, vars?.total]
  }
  const patient = { timeout: 30_000 }
  expect((await post('/actions', { ...of, actionId: 'one', 'var:total': '1e999' })).status).toBe(422)
  expect((await post('/actions', { ...of, actionId: 'one', 'var:total': '"20"' })).status).toBe(303)
  await expect.poll(begun, patient).toEqual([1, '20'])
  const restart = { ...of, action: 'restart' }
  expect((await post('/actions/preview', restart)).text).toContain('the variables of the run before')
  expect((await post('/actions', { ...restart, actionId: 'two', 'var:total': '' })).status).toBe(303)
  await expect.poll(begun, patient).toEqual([2, '20'])
  expect((await post('/actions', { ...restart, actionId: 'three', 'var:total': '30' })).status).toBe(303)
  await expect.poll(begun, patient).toEqual([3, 30])
})
