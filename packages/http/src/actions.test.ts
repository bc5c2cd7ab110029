import { EnfoldFault, type Store } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { expect, it } from 'vitest'
import { givenApi, MONDAY } from './api.fixture.ts'

const TARGET = { action: 'start', campaignId: 'pool', sequenceId: 'nurture' } as const
const IN_POOL = 'campaignId=pool&sequenceId=nurture'
const CSV = { 'content-type': 'text/csv' }
const many = (count: number) => Array.from({ length: count }, (_, i) => `c${i}`)

/** The data of each event of a stream that has ended. */
function eventsIn(text: string): { revision: number; processed: number; state: string }[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string))
}

it('BULK-1: the operator’s flow: search, preview, process, progress, results, file', async () => {
  const { send, engine } = await givenApi()
  await engine.startSequence({ contactId: 'c7', campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' })
  const order = { ...TARGET, contacts: { ids: many(1200) }, reason: 'the fair' }
  const preview = (await send('POST', '/actions/preview', { body: order })).body
  expect(preview).toMatchObject({ at: MONDAY, contacts: 1200, outcomes: { started: 1199, already_active: 1 } })
  const begun = await send('POST', '/actions', { body: { ...order, preview, actionId: 'fair' } })
  expect(begun).toMatchObject({
    status: 202,
    body: { actionId: 'fair', state: 'running', contacts: 1200, processed: 0 },
  })
  const progress = await send('GET', '/actions/fair/progress')
  expect(progress.headers.get('content-type')).toBe('text/event-stream')
  const events = eventsIn(progress.text)
  expect(events.at(-1)).toMatchObject({ state: 'done', processed: 1200 })
  expect(events.map(({ revision }) => revision)).toEqual(
    events.map(({ revision }) => revision).toSorted((a, b) => a - b),
  )
  expect((await send('GET', '/actions/fair')).body).toMatchObject({
    state: 'done',
    actor: 'wanda',
    reason: 'the fair',
    outcomes: { started: 1199, already_active: 1 },
    differences: [],
  })
  const active = await send('GET', '/actions/fair/contacts?outcome=already_active')
  expect(active.body).toMatchObject({ contacts: [{ number: 8, contactId: 'c7', run: 1 }], next: null })
  const page = await send('GET', '/actions/fair/contacts?after=10&limit=2')
  expect(page.body).toMatchObject({ contacts: [{ number: 11 }, { number: 12 }], next: 12 })
  const file = await send('GET', '/actions/fair/results.csv')
  expect(file.headers.get('content-disposition')).toContain('attachment')
  expect(file.text.split('\n').slice(0, 3)).toEqual([
    '"contactId","outcome","run","reason"',
    '"c0","started","1",""',
    '"c1","started","1",""',
  ])
  expect((await send('GET', '/actions')).body.actions).toMatchObject([{ actionId: 'fair' }])
})

it('BULK-1: any verb for many, by its word and with its options, and again for those that came to an outcome', async () => {
  const { send, engine } = await givenApi()
  const ref = { campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' }
  for (const contactId of ['c0', 'c1']) await engine.startSequence({ ...ref, contactId })
  const order = { ...TARGET, action: 'shift', by: 'P1D', contacts: { ids: many(3) } }
  const preview = (await send('POST', '/actions/preview', { body: order })).body
  expect(preview).toMatchObject({ outcomes: { shifted: 2, failed: 1 }, reasons: [{ reason: 'EnrollmentNotActive' }] })
  expect(preview.schedule).toMatchObject({ contacts: 2, changes: [{ runs: 2, before: {}, after: {} }] })
  expect((await send('POST', '/actions', { body: { ...order, preview, actionId: 'later' } })).status).toBeLessThan(203)
  await send('GET', '/actions/later/progress')
  const done = (await send('GET', '/actions/later')).body
  expect(done).toMatchObject({ action: 'shift', order: { by: 'P1D' }, outcomes: { shifted: 2, failed: 1 } })
  const again = { action: 'suppress', contacts: { action: 'later', outcomes: ['failed'] }, actionId: 'ban' }
  await send('POST', '/actions', { body: again })
  await send('GET', '/actions/ban/progress')
  const banned = (await send('GET', '/actions/ban')).body
  expect(banned).toMatchObject({ campaignId: null, sequenceId: null, contacts: 1, outcomes: { suppressed: 1 } })
  expect((await send('GET', '/actions/ban/results.csv')).text).toContain('"c2","suppressed","",""')
  const csv = 'action=skip&stepId=one&'
  expect(
    (await send('POST', `/actions/preview/csv?${csv}${IN_POOL}`, { body: 'c0', headers: CSV })).body,
  ).toMatchObject({
    outcomes: { skipped: 1 },
  })
  const wrong = await send('POST', '/actions', { body: { ...order, by: undefined } })
  expect([wrong.status, JSON.stringify(wrong.body)]).toEqual([400, expect.stringContaining('processAction.by')])
})

it('BULK-1: an action for many needs the permission of its verb, its campaign or all of them, and an action that can be seen', async () => {
  const { send } = await givenApi()
  const ids = { ids: ['c0'] }
  const tips = { action: 'pause', campaignId: 'garden', sequenceId: 'tips' }
  const status = async (as: string, body: object) => (await send('POST', '/actions', { as, body })).status
  expect(await status('writer', { ...TARGET, contacts: ids, actionId: 'first' })).toBeLessThan(203)
  await send('GET', '/actions/first/progress')
  expect(await status('reader', { ...tips, contacts: ids })).toBe(403)
  expect(await status('gardener', { ...tips, contacts: ids, actionId: 'own' })).toBeLessThan(203)
  await send('GET', '/actions/own/progress')
  // A campaign that is named does not make a ban one of that campaign alone.
  for (const action of ['stop-all', 'suppress', 'erase'])
    expect(await status('gardener', { action, campaignId: 'garden', contacts: ids })).toBe(403)
  expect(await status('gardener', { action: 'signal', kind: 'x', contacts: ids })).toBe(403)
  expect(await status('gardener', { ...tips, contacts: { action: 'own' }, actionId: 'again' })).toBeLessThan(203)
  expect(await status('gardener', { ...tips, contacts: { action: 'first' } })).toBe(404)
  expect(
    (await send('POST', '/actions/preview', { as: 'gardener', body: { ...tips, contacts: { action: 'first' } } }))
      .status,
  ).toBe(404)
})

it('BULK-1: a CSV comes in as it is sent, and what came out goes in again', async () => {
  const { send, engine } = await givenApi()
  const hostile = ['=1+1', '@x', "o'neil", 'a,b', '"q"']
  await engine.processAction({ ...TARGET, actionId: 'first', actor: null, contacts: { ids: hostile } })
  const { text } = await send('GET', '/actions/first/results.csv')
  expect(text).toContain(`"'=1+1","started"`)
  const preview = await send('POST', `/actions/preview/csv?action=stop&${IN_POOL}`, { body: text, headers: CSV })
  expect(preview.body).toMatchObject({ contacts: 5, outcomes: { stopped: 5 } })
  const headers = { ...CSV, 'idempotency-key': 'second' }
  const body = new ReadableStream({
    start(controller) {
      for (const byte of new TextEncoder().encode(text)) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  const begun = await send('POST', `/actions/csv?action=stop&${IN_POOL}`, { body, headers })
  expect(begun).toMatchObject({ status: 202, body: { actionId: 'second', contacts: 5, source: { from: 'csv' } } })
  await send('GET', '/actions/second/progress')
  expect((await send('GET', '/actions/second')).body.outcomes).toMatchObject({ stopped: 5 })
})

it('BULK-1: the column of ids in a CSV is found by its name, or by the name that is given', async () => {
  const { send } = await givenApi()
  const preview = (column: string, body: string) =>
    send('POST', `/actions/preview/csv?action=start&${IN_POOL}${column}`, { body, headers: CSV })
  expect((await preview('', 'Name;Contact ID\nAnn;a1')).body.samples.started).toEqual(['a1'])
  expect((await preview('&column=Nummer', 'Name;Nummer\nAnn;n1')).body.samples.started).toEqual(['n1'])
  const { body } = await preview('', 'Name;Nummer\nAnn;n1')
  expect(body).toMatchObject({ status: 400, problems: [{ path: 'action.contacts.csv, line 1' }] })
})

it.each([
  { name: 'a quote within a cell, and no header', path: `/actions/csv?action=start&${IN_POOL}`, body: 'ann,5" pipe' },
  { name: 'a header of something else', path: `/actions/csv?action=start&${IN_POOL}`, body: 'email\nann' },
  { name: 'a cell that is no id', path: `/actions/csv?action=start&${IN_POOL}`, body: 'ann\n""\n' },
  { name: 'a quote without end', path: `/actions/csv?action=start&${IN_POOL}`, body: '"ann' },
  { name: 'no campaign', path: '/actions/csv?action=start&sequenceId=nurture', body: 'ann' },
  { name: 'an action that is none', path: `/actions/csv?action=fly&${IN_POOL}`, body: 'ann' },
])('BULK-1: a CSV with $name is refused, and nobody is started', async ({ path, body }) => {
  const { send, engine, errors } = await givenApi()
  expect((await send('POST', path, { body, headers: CSV })).status).toBe(400)
  expect(await engine.inspect.history('ann')).toEqual([])
  expect(errors).toEqual([])
})

it('BULK-2: the same id is the same action, and another order under it is refused', async () => {
  const { send } = await givenApi()
  const body = { ...TARGET, contacts: { ids: ['ann'] }, actionId: 'once' }
  await send('POST', '/actions', { body })
  await send('GET', '/actions/once/progress')
  expect(await send('POST', '/actions', { body })).toMatchObject({ status: 200, body: { state: 'done', processed: 1 } })
  expect(await send('POST', '/actions', { body: { ...body, action: 'stop' } })).toMatchObject({
    status: 422,
    body: { rejection: { type: 'CommandIdReused' } },
  })
  expect(await send('POST', '/actions', { body: { ...body, contacts: { ids: ['bob'] } } })).toMatchObject({
    status: 422,
  })
  const nowhere = { ...body, sequenceId: 'nowhere', actionId: 'other' }
  expect(await send('POST', '/actions', { body: nowhere })).toMatchObject({ status: 404 })
})

it('BULK-2: an action that fails after the response is reported to the host, and continues when it is resumed', async () => {
  const store = createMemoryStore()
  let broken = true
  const failing: Store = {
    ...store,
    async saveAction(record, change) {
      if (broken && change?.results !== undefined) throw new EnfoldFault('STORE_UNAVAILABLE', 'gone')
      return store.saveAction(record, change)
    },
  }
  const { send, errors, engine } = await givenApi({ store: failing })
  const body = { ...TARGET, contacts: { ids: many(10) }, actionId: 'cut' }
  expect((await send('POST', '/actions', { body })).status).toBe(202)
  await expect(engine.resumeAction('cut')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(errors).toMatchObject([{ code: 'STORE_UNAVAILABLE' }])
  broken = false
  expect((await send('POST', '/actions/cut/resume')).status).toBe(202)
  expect(eventsIn((await send('GET', '/actions/cut/progress')).text).at(-1)).toMatchObject({ state: 'done' })
  expect((await send('POST', '/actions/nothing/resume')).status).toBe(404)
})

it('BULK-3: an action is cancelled while it runs, and says who did it', async () => {
  const { send, engine } = await givenApi()
  const begun = await send('POST', '/actions', {
    body: { ...TARGET, contacts: { ids: many(20_000) }, actionId: 'long' },
  })
  expect(begun.status).toBe(202)
  const cancelled = await send('POST', '/actions/long/cancel')
  expect(cancelled.body).toMatchObject({ state: 'cancelled', cancelledBy: 'wanda' })
  await engine.close()
  const ended = (await send('GET', '/actions/long')).body
  expect(ended.state).toBe('cancelled')
  expect(ended.processed).toBeLessThan(20_000)
  const { text } = await send('GET', '/actions/long/results.csv')
  expect(text.match(/,"pending",/g)).toHaveLength(20_000 - ended.processed)
})

it('a listener to progress that goes away leaves nothing open', async () => {
  const { api, engine } = await givenApi()
  await engine.processAction({ ...TARGET, actionId: 'a', actor: null, contacts: { ids: ['ann'] } })
  const response = await api(
    new Request('http://localhost/actions/a/progress', { headers: { authorization: 'reader' } }),
  )
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^id: \d+\nevent: progress\ndata: \{/)
  await reader.cancel()
  expect((await reader.read()).done).toBe(true)
})

it('UNDO-1: an action is undone: previewed, then an action of its own by its own id, which can be undone', async () => {
  const { send, engine } = await givenApi()
  await engine.processAction({ ...TARGET, actionId: 'fair', actor: null, contacts: { ids: many(3) } })
  const preview = (await send('POST', '/actions/fair/undo/preview', { body: { stopSent: true } })).body
  expect(preview).toMatchObject({ contacts: 3, outcomes: { undone: 3, stopped: 0 } })
  const body = { undoId: 'undo-fair', reason: 'the wrong list', preview, stopSent: true }
  const begun = await send('POST', '/actions/fair/undo', { body })
  expect(begun).toMatchObject({
    status: 202,
    body: { actionId: 'undo-fair', action: 'undo', undoes: 'fair', stopSent: true },
  })
  await send('GET', '/actions/undo-fair/progress')
  expect((await send('GET', '/actions/undo-fair')).body).toMatchObject({
    state: 'done',
    reason: 'the wrong list',
    source: { from: 'action', actionId: 'fair' },
    outcomes: { undone: 3 },
    differences: [],
  })
  expect((await send('GET', '/actions/undo-fair/results.csv')).text).toContain('"c0","undone","1",""')
  expect((await send('POST', '/actions/undo-fair/undo/preview', { body: {} })).body.outcomes).toMatchObject({
    restored: 3,
  })
  expect((await send('POST', '/actions/none/undo', { body: {} })).status).toBe(404)
})

it('UNDO-4: a signal is retracted, with what became of each run', async () => {
  const { send } = await givenApi()
  const signal = { contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' }, signalId: 'form-1' }
  await send('POST', '/signals', { body: signal })
  const retracted = await send('POST', '/contacts/ann/signals/form-1/retract', { body: { reason: 'a test' } })
  expect(retracted).toMatchObject({
    status: 200,
    body: {
      outcome: 'retracted',
      results: [
        { sequenceId: 'tips', outcome: 'undone' },
        { sequenceId: 'nurture', outcome: 'undone' },
      ],
    },
  })
  expect((await send('POST', '/contacts/ann/signals/form-1/retract', { body: {} })).body.outcome).toBe(
    'already_retracted',
  )
  const unknown = await send('POST', '/contacts/ann/signals/none/retract', { body: {} })
  expect(unknown).toMatchObject({ status: 404, body: { rejection: { type: 'SignalUnknown', signalId: 'none' } } })
})

it('UNDO-6: an order on one contact is undone by its command id, once, with what becomes of each run', async () => {
  const { send, engine } = await givenApi()
  const order = { contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' }
  await engine.startSequence(order)
  await engine.stopSequence({ ...order, commandId: 'wrong' })
  const undo = (path: string, undoes: string, more: object = {}) =>
    send('POST', `/contacts/ann/undo-order${path}`, { body: { undoes, ...more }, headers: { 'idempotency-key': 'u' } })
  const came = { outcome: 'restored', results: [{ sequenceId: 'nurture', run: 2, outcome: 'restored' }] }
  const foreseen = (await undo('/preview', 'wrong')).body
  expect(foreseen).toMatchObject({ answer: came, changes: [{ before: null, after: { stepId: 'one' } }] })
  const done = await undo('', 'wrong', { reason: 'a slip' })
  expect(done).toMatchObject({ status: 200, body: came })
  expect((await undo('', 'wrong', { reason: 'a slip' })).body).toEqual(done.body)
  const last = (await engine.inspect.history('ann')).at(-1)
  expect(last).toMatchObject({
    actor: 'wanda',
    cause: { by: 'operator', reason: 'a slip' },
    commandId: 'u',
    version: 3,
  })
  await engine.skipStep({ ...order, stepId: 'one', commandId: 'skip' })
  await engine.undoOrder({ contactId: 'ann', undoes: 'skip', actor: 'olga', commandId: 'unskip' })
  const refused = ['none', 'unskip'].map((undoes) => send('POST', '/contacts/ann/undo-order', { body: { undoes } }))
  expect(await Promise.all(refused)).toMatchObject([
    { status: 404, body: { rejection: { type: 'OrderUnknown', undoes: 'none' } } },
    { status: 409, body: { rejection: { type: 'NotUndoable', undoes: 'unskip' } } },
  ])
})
