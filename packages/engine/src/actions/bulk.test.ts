import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  type ActionOutcome,
  type ContactDirectory,
  type ContactId,
  derivedCommandId,
  describeRejection,
  EnfoldFault,
  type EventStore,
  NO_OUTCOMES,
  type ReadModel,
  type Store,
} from '@enfold/core'
import { type ActionOrder, type ActionView, createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock, HOSTILE_IDS } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import { describe, expect, it } from 'vitest'
import {
  answerOf,
  createGate,
  eventsOf,
  MONDAY,
  onAnn,
  pool,
  rejectionOf,
  temporaryDirectory,
  typesOf,
} from '../engine.fixture.ts'
import { headOf } from '../log.fixture.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from '../store.fixture.ts'

const directory = temporaryDirectory()
let files = 0
const sqliteFile = () => join(directory, `bulk-${++files}.db`)

const MANY = runs(3000)

const closing = closingAfterEach()

async function given(store: Store, more: Partial<EngineOptions> = {}) {
  closing(store)
  const clock = createSimulatedClock(MONDAY)
  const made = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) }, ...more })
  const engine = closing(asHostsUseIt(made, store))
  await answerOf(engine.publish(pool))
  return { engine, store, clock }
}

type OfSequence = Omit<Extract<ActionOrder, { readonly action: 'stop' }>, 'action'> & {
  readonly action: 'start' | 'stop' | 'restart'
}

/** Start everyone of a list in the sequence "nurture". */
function order(more: Partial<OfSequence> = {}): OfSequence {
  return {
    actionId: 'monday-mail',
    action: 'start',
    campaignId: 'pool',
    sequenceId: 'nurture',
    contacts: { ids: ['ann', 'bob', 'cem'] },
    actor: 'olga',
    reason: 'the list of the fair',
    ...more,
  }
}

const many = (count: number): ContactId[] => [...Array(count).keys()].map((i) => `c${i}`)
const counts = (some: { readonly [outcome in ActionOutcome]?: number }) => ({ ...NO_OUTCOMES, ...some })

async function resultsOf(engine: Engine, actionId = 'monday-mail') {
  const results: [string, string | null, string | null][] = []
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<Engine['inspect']['actionContacts']>> = await engine.inspect.actionContacts({
      actionId,
      after,
      limit: 1000,
    })
    results.push(...page.contacts.map((one) => [one.contactId, one.outcome, one.reason] as (typeof results)[number]))
    after = page.next
  }
  return results
}

async function lengthOf(store: Store): Promise<number> {
  let length = 0
  for await (const _ of store.readAll()) length += 1
  return length
}

async function csvOf(engine: Engine, actionId = 'monday-mail'): Promise<string> {
  let csv = ''
  for await (const piece of engine.inspect.actionCsv(actionId)) csv += piece
  return csv
}

eachStore((makeStore) => {
  const contacts: ContactDirectory = { get: (id) => (id.startsWith('un') ? null : {}) }

  it('BULK-1: each contact has its result, and the preview foretells them without a trace', async () => {
    const { engine, store } = await given(makeStore(), { contacts })
    await answerOf(engine.startSequence(onAnn('nurture')))
    await answerOf(engine.suppress({ contactId: 'sue', actor: 'olga' }))
    await answerOf(engine.erase({ contactId: 'eve', actor: 'olga' }))
    const ids = ['ann', 'bob', 'unknown', 'sue', 'eve', 'bob', 'cem', 'ann']
    const before = await lengthOf(store)

    const preview = await answerOf(engine.previewAction(order({ contacts: { ids } })))
    const outcomes = counts({ started: 2, already_active: 1, contact_unknown: 1, suppressed: 1, failed: 1 })
    expect(preview).toMatchObject({ at: MONDAY, contacts: 6, repeated: 2, complete: true, outcomes })
    expect(preview.samples).toMatchObject({ started: ['bob', 'cem'], already_active: ['ann'], stopped: [] })
    expect(await lengthOf(store)).toBe(before)
    expect((await engine.inspect.actions()).actions).toEqual([])

    const done = await answerOf(engine.processAction(order({ contacts: { ids } }), { preview }))
    expect(done).toMatchObject({ state: 'done', contacts: 6, repeated: 2, processed: 6, outcomes, differences: [] })
    expect(await resultsOf(engine)).toEqual([
      ['ann', 'already_active', null],
      ['bob', 'started', null],
      ['unknown', 'contact_unknown', null],
      ['sue', 'suppressed', null],
      ['eve', 'failed', 'ContactErased'],
      ['cem', 'started', null],
    ])
    const [started] = await eventsOf(engine, 'SequenceStarted', 'bob')
    expect(started).toMatchObject({
      actor: 'olga',
      commandId: derivedCommandId('bulk', 'monday-mail', 'bob'),
      cause: { by: 'bulk', actionId: 'monday-mail', reason: 'the list of the fair' },
    })
  })

  it('BULK-1: stop and restart answer for each contact what the verbs would', async () => {
    const { engine } = await given(makeStore())
    for (const contactId of ['ann', 'bob']) await answerOf(engine.startSequence({ ...onAnn('nurture'), contactId }))
    const restarted = await answerOf(engine.processAction(order({ actionId: 'again', action: 'restart' })))
    expect(restarted.outcomes).toEqual(counts({ restarted: 2, started: 1 }))
    await answerOf(engine.stopSequence({ ...onAnn('nurture'), contactId: 'bob' }))
    const stopped = await answerOf(engine.processAction(order({ actionId: 'enough', action: 'stop' })))
    expect(stopped.outcomes).toEqual(counts({ stopped: 2, not_active: 1 }))
    expect(await typesOf(engine)).toEqual(['SequenceStarted', 'SequenceStopped', 'SequenceStarted', 'SequenceStopped'])
  })

  it('BULK-1: what is not published or not there is refused before anything is kept', async () => {
    const { engine } = await given(makeStore())
    const target = order({ sequenceId: 'nothing' })
    expect(await rejectionOf(engine.previewAction(target))).toMatchObject({ type: 'SequenceUnknown' })
    expect(await rejectionOf(engine.processAction(target))).toMatchObject({ type: 'SequenceUnknown' })
    const nowhere = order({ campaignId: 'nothing', action: 'stop' })
    expect(await rejectionOf(engine.processAction(nowhere))).toMatchObject({ type: 'CampaignUnknown' })
    await answerOf(engine.unpublish('pool', { actor: 'olga' }))
    expect(await rejectionOf(engine.processAction(order()))).toMatchObject({ type: 'CampaignNotPublished' })
    expect((await engine.inspect.actions()).actions).toEqual([])
    expect(await rejectionOf(engine.resumeAction('monday-mail'))).toMatchObject({ type: 'ActionUnknown' })
  })

  it('BULK-1: a preview that was stale is told by what differs', async () => {
    const { engine } = await given(makeStore())
    const preview = await answerOf(engine.previewAction(order()))
    await answerOf(engine.startSequence(onAnn('nurture')))
    const done = await answerOf(engine.processAction(order(), { preview }))
    expect(done.differences).toEqual([
      { outcome: 'started', previewed: 3, happened: 2 },
      { outcome: 'already_active', previewed: 0, happened: 1 },
    ])
  })

  it('BULK-1: a preview looks at no more contacts than its limit, and says so', async () => {
    const { engine } = await given(makeStore())
    const ids = many(1200)
    const target = { action: 'start', campaignId: 'pool', sequenceId: 'nurture', contacts: { ids } } as const
    expect(await answerOf(engine.previewAction(target, { limit: 700 }))).toMatchObject({
      contacts: 700,
      complete: false,
      outcomes: counts({ started: 700 }),
    })
    expect(await answerOf(engine.previewAction(target, { limit: 1200 }))).toMatchObject({ complete: true })
  })

  it('BULK-1: an action on a tag query stops all members of that moment, though that removes them from the index', async () => {
    const { engine } = await given(makeStore())
    await answerOf(engine.processAction(order({ actionId: 'in', contacts: { ids: many(1300) } })))
    await answerOf(engine.startSequence({ ...onAnn('vip'), contactId: 'c7' }))
    const query = {
      all: [{ campaignId: 'pool', sequenceId: 'nurture' }],
      none: [{ campaignId: 'pool', sequenceId: 'vip' }],
    }
    const done = await answerOf(engine.processAction(order({ actionId: 'out', action: 'stop', contacts: { query } })))
    expect(done).toMatchObject({
      contacts: 1299,
      outcomes: counts({ stopped: 1299 }),
      source: { from: 'query', query },
    })
    expect((await engine.inspect.contactsInSequence(query.all[0] as never)).contacts).toEqual(['c7'])
  })

  it('BULK-1: the answer says up to where its events stand, so that a host can wait for an index that follows the log', async () => {
    const { engine, store } = await given(makeStore())
    const done = await answerOf(engine.processAction(order({ contacts: { ids: many(1200) } })))
    expect(done.position).toBe(await headOf(store))
    const other = await answerOf(engine.startSequence({ ...onAnn('vip'), contactId: 'bystander' }))
    expect(other.position).toBeGreaterThan(done.position)
    expect(await engine.inspect.action(done.actionId)).toMatchObject({ position: done.position })
    // A contact that it leaves unchanged counts with its state; an unknown one does not.
    const again = order({ actionId: 'again', contacts: { ids: ['bystander'] }, sequenceId: 'vip' })
    expect(await answerOf(engine.processAction(again))).toMatchObject({ position: other.position })
  })

  it('BULK-1: an action on a search reads all pages of the directory, narrowed by sequences if they are named', async () => {
    const ids = many(2500)
    const search: ContactDirectory['search'] = async (text, { after, limit }) => {
      expect(text).toBe('pool')
      const from = after === null ? 0 : ids.indexOf(after) + 1
      const found = ids.slice(from, from + limit)
      return { contacts: found, next: from + limit < ids.length ? (found.at(-1) as string) : null }
    }
    const { engine } = await given(makeStore(), { contacts: { get: () => ({}), search } })
    await answerOf(engine.processAction(order({ actionId: 'some', contacts: { ids: ids.slice(0, 10) } })))
    const narrowed = { text: 'pool', all: [{ campaignId: 'pool', sequenceId: 'nurture' }] }
    const stopped = order({ actionId: 'narrowed', action: 'stop', contacts: { query: narrowed } })
    expect(await answerOf(engine.processAction(stopped))).toMatchObject({ outcomes: counts({ stopped: 10 }) })
    const all = await answerOf(engine.processAction(order({ contacts: { search: 'pool' } })))
    expect(all).toMatchObject({ contacts: 2500, outcomes: counts({ started: 2500 }), source: { from: 'search' } })
  })

  it('BULK-2: one failing contact stops nothing', async () => {
    const get = (id: string) => {
      if (id === 'c3') throw new Error('secret-address@example.org is broken')
      return {}
    }
    const { engine } = await given(makeStore(), { contacts: { get } })
    const done = await answerOf(engine.processAction(order({ contacts: { ids: many(10) } })))
    expect(done).toMatchObject({ state: 'done', outcomes: counts({ started: 9, failed: 1 }) })
    const [contactId, outcome, reason] = (await resultsOf(engine))[3] as string[]
    expect([contactId, outcome]).toEqual(['c3', 'failed'])
    expect(reason).toMatch(/^DIRECTORY_FAILED: The contacts directory threw an Error for the contact "c3"/)
    expect(reason).not.toContain('secret')
    const page = await engine.inspect.actionContacts({ actionId: 'monday-mail', outcome: 'failed' })
    expect(page.contacts.map(({ contactId }) => contactId)).toEqual(['c3'])
  })

  it('BULK-2: the same id again answers as it ended, whatever has happened since', async () => {
    const { engine } = await given(makeStore())
    const first = await answerOf(engine.processAction(order()))
    await answerOf(engine.stopSequence(onAnn('nurture')))
    expect(await answerOf(engine.processAction(order()))).toEqual(first)
    expect(await answerOf(engine.resumeAction('monday-mail'))).toEqual(first)
    expect(await typesOf(engine)).toEqual(['SequenceStarted', 'SequenceStopped'])
  })

  it.each([
    { what: 'another verb', other: { action: 'stop' } as const },
    { what: 'another sequence', other: { sequenceId: 'vip' } },
    { what: 'another actor', other: { actor: 'otto' } },
    { what: 'other contacts', other: { contacts: { ids: ['dora'] } } },
    { what: 'one contact more', other: { contacts: { ids: ['ann', 'bob', 'cem', 'dora'] } } },
    { what: 'a list instead of a CSV', other: { contacts: { csv: 'contactId\nann\nbob\ncem\n' } } },
    { what: 'a search', other: { contacts: { search: 'ann' } } },
  ])('BULK-2: the same id with $what is refused, and nothing happens', async ({ other }) => {
    const { engine } = await given(makeStore(), {
      contacts: { get: () => ({}), search: async () => ({ contacts: ['ann'], next: null }) },
    })
    const first = await answerOf(engine.processAction(order()))
    const rejection = await rejectionOf(engine.processAction(order(other)))
    expect(rejection).toMatchObject({ type: 'CommandIdReused', actionId: 'monday-mail' })
    expect(describeRejection(rejection)).toMatch(/^The action id "monday-mail" was used before, for start of "nurture"/)
    expect(await engine.inspect.action('monday-mail')).toEqual(first)
    expect(await typesOf(engine, 'dora')).toEqual([])
  })

  it('BULK-2: what a search or a query finds may change; another search is another order', async () => {
    let found = ['ann']
    const search = async () => ({ contacts: found, next: null })
    const { engine } = await given(makeStore(), { contacts: { get: () => ({}), search } })
    const first = await answerOf(engine.processAction(order({ contacts: { search: 'pool' } })))
    found = ['bob']
    expect(await answerOf(engine.processAction(order({ contacts: { search: 'pool' } })))).toEqual(first)
    const other = order({ contacts: { search: 'garden' } })
    expect(await rejectionOf(engine.processAction(other))).toMatchObject({ type: 'CommandIdReused' })
  })

  it('BULK-2: a store that fails half-way ends the action, which goes on with the same results', async () => {
    const store = makeStore()
    let groups = 0
    const failing: Store = {
      ...store,
      async saveAction(record, change) {
        if ((change?.results?.length ?? 0) > 0 && ++groups === 2) {
          throw new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Try again.')
        }
        return store.saveAction(record, change)
      },
    }
    const { engine } = await given(failing)
    await answerOf(engine.startSequence({ ...onAnn('nurture'), contactId: 'c600' }))
    const ids = many(1200)
    await expect(engine.processAction(order({ contacts: { ids } }))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    })
    expect(await engine.inspect.action('monday-mail')).toMatchObject({ state: 'running', processed: 500 })
    const done = await answerOf(engine.resumeAction('monday-mail'))
    expect(done).toMatchObject({ state: 'done', outcomes: counts({ started: 1199, already_active: 1 }) })
    expect((await resultsOf(engine))[600]).toEqual(['c600', 'already_active', null])
    for (const id of ['c0', 'c599', 'c1199']) expect(await typesOf(engine, id)).toEqual(['SequenceStarted'])
  })

  it('BULK-2: an action whose contacts were never all read begins again, and cannot be resumed without them', async () => {
    const { engine } = await given(makeStore())
    async function* broken() {
      yield* many(700)
      yield ''
    }
    await expect(engine.processAction(order({ contacts: { ids: broken() } }))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { path: 'action.contacts.ids[700]' },
    })
    expect(await engine.inspect.action('monday-mail')).toMatchObject({ state: 'collecting', processed: 0 })
    expect(await engine.inspect.history('c0')).toEqual([])
    expect(await rejectionOf(engine.resumeAction('monday-mail'))).toMatchObject({ type: 'ActionIncomplete' })
    const done = await answerOf(engine.processAction(order({ contacts: { ids: ['bob', 'bob'] } })))
    expect(done).toMatchObject({ contacts: 1, repeated: 1, outcomes: counts({ started: 1 }) })
    expect(await resultsOf(engine)).toEqual([['bob', 'started', null]])
  })

  /** Contacts that come when the gate is opened. */
  function heldStream(ids: readonly string[]) {
    const gate = createGate()
    const reached = createGate()
    async function* stream() {
      reached.open()
      await gate.passed
      yield* ids
    }
    return { ids: stream(), reached: reached.passed, letGo: gate.open }
  }

  it.each([
    { what: 'a list', contacts: () => ({ ids: ['eve'] }) },
    { what: 'a stream', contacts: () => ({ ids: new Map([['eve', 1]]).keys() }) },
    { what: 'a CSV', contacts: () => ({ csv: 'eve\n' }) },
  ])('BULK-2: while a stream is read, the same id with other contacts as $what is refused', async ({ contacts }) => {
    const { engine } = await given(makeStore())
    const held = heldStream(['ann', 'bob', 'cem'])
    const first = answerOf(engine.processAction(order({ contacts: { ids: held.ids } })))
    await held.reached
    const second = rejectionOf(engine.processAction(order({ contacts: contacts() })))
    held.letGo()
    expect(await second).toMatchObject({ type: 'CommandIdReused', actionId: 'monday-mail' })
    expect(await first).toMatchObject({ state: 'done', outcomes: counts({ started: 3 }) })
    expect(await typesOf(engine, 'eve')).toEqual([])
  })

  it('BULK-2: two processes, two streams, one id: one order is done, the other refused', async () => {
    const store = makeStore()
    const { engine } = await given(store)
    const second = closing(createEngine({ store, handlers: {} }))
    const held = heldStream(['ann', 'bob', 'cem'])
    const first = rejectionOf(engine.processAction(order({ contacts: { ids: held.ids } })))
    await held.reached
    const done = await answerOf(second.processAction(order({ contacts: { ids: ['eve'] } })))
    held.letGo()
    expect(done).toMatchObject({ state: 'done', outcomes: counts({ started: 1 }) })
    expect(await first).toMatchObject({ type: 'CommandIdReused' })
    expect(await typesOf(engine)).toEqual([])
  })

  it('BULK-2: a list that another process is still collecting is known: other contacts are refused, the same go on', async () => {
    const store = makeStore()
    const dying: Store = {
      ...store,
      async saveAction(record, change) {
        if (change?.add !== undefined) throw new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Try again.')
        return store.saveAction(record, change)
      },
    }
    const { engine } = await given(dying)
    await expect(engine.processAction(order())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    const next = closing(createEngine({ store, handlers: {} }))
    const other = order({ contacts: { ids: ['eve'] } })
    expect(await rejectionOf(next.processAction(other))).toMatchObject({ type: 'CommandIdReused' })
    expect(await answerOf(next.processAction(order()))).toMatchObject({ outcomes: counts({ started: 3 }) })
    expect(await typesOf(engine, 'eve')).toEqual([])
  })

  it.each(['ordered', 'aborted'])(
    'BULK-3: cancelled while a stream is read, %s: the same contacts are answered so, others are refused',
    async (how) => {
      const { engine } = await given(makeStore())
      const abort = new AbortController()
      const ids = many(1200)
      async function* stream() {
        yield* ids.slice(0, 700)
        if (how === 'aborted') abort.abort()
        else await answerOf(engine.cancelAction('monday-mail', { actor: 'otto' }))
        yield* ids.slice(700)
      }
      const options = { signal: abort.signal }
      const cancelled = await answerOf(engine.processAction(order({ contacts: { ids: stream() } }), options))
      expect(cancelled.state).toBe('cancelled')
      expect(await answerOf(engine.processAction(order({ contacts: { ids } })))).toEqual(cancelled)
      const other = order({ contacts: { ids: ['eve'] } })
      expect(await rejectionOf(engine.processAction(other))).toMatchObject({ type: 'CommandIdReused' })
      expect(await typesOf(engine, 'c0')).toEqual([])
    },
  )

  it('BULK-2: a second process takes an action over; the first leaves off; nobody is counted twice', async () => {
    const store = makeStore()
    const { engine } = await given(store)
    const second = closing(createEngine({ store, handlers: {} }))
    let other: Promise<ActionView> | undefined
    const first = await answerOf(
      engine.processAction(order({ contacts: { ids: many(2000) } }), {
        onProgress: () => {
          other ??= answerOf(second.resumeAction('monday-mail'))
        },
      }),
    )
    expect(first.state).toBe('running')
    expect(await other).toMatchObject({ state: 'done', processed: 2000, outcomes: counts({ started: 2000 }) })
    expect(await typesOf(engine, 'c777')).toEqual(['SequenceStarted'])
  })

  it('BULK-3: progress is told group by group, and a listener that throws stops nothing', async () => {
    const { engine } = await given(makeStore())
    const seen: number[] = []
    const onProgress = ({ processed, contacts: all, outcomes }: ActionView) => {
      expect(all).toBe(1200)
      expect(outcomes.started).toBe(processed)
      seen.push(processed)
      throw new Error('no listener')
    }
    const done = await answerOf(engine.processAction(order({ contacts: { ids: many(1200) } }), { onProgress }))
    expect(seen).toEqual([0, 500, 1000, 1200])
    expect(done.state).toBe('done')
  })

  it('BULK-3: an action cancelled by its signal stops after the current group, for good', async () => {
    const { engine, clock } = await given(makeStore())
    const abort = new AbortController()
    const onProgress = ({ processed }: ActionView) => processed === 500 && abort.abort()
    const ids = many(1200)
    const cancelled = await answerOf(
      engine.processAction(order({ contacts: { ids } }), { onProgress, signal: abort.signal }),
    )
    expect(cancelled).toMatchObject({ state: 'cancelled', contacts: 1200, processed: 500, endedAt: clock.now() })
    expect(await engine.inspect.history('c500')).toEqual([])
    expect(await answerOf(engine.processAction(order({ contacts: { ids } })))).toEqual(cancelled)
    expect((await resultsOf(engine)).filter(([, outcome]) => outcome === null)).toHaveLength(700)
  })

  it('BULK-3: after a cancellation, everything that was done has its result', async () => {
    const { engine, store } = await given(makeStore())
    const late: ContactDirectory = {
      async get(id) {
        if (id === 'c700') await answerOf(engine.cancelAction('monday-mail', { actor: 'otto' }))
        return {}
      },
    }
    const worker = closing(createEngine({ store, handlers: {}, contacts: late }))
    const ended = await answerOf(worker.processAction(order({ contacts: { ids: many(2000) } })))
    expect(ended).toMatchObject({ state: 'cancelled', cancelledBy: 'otto', processed: 1000 })
    expect(ended.outcomes).toEqual(counts({ started: 1000 }))
    expect(await engine.inspect.history('c999')).toHaveLength(1)
    expect(await engine.inspect.history('c1000')).toEqual([])
    expect(await answerOf(engine.cancelAction('monday-mail', { actor: 'olga' }))).toEqual(ended)
    expect(await rejectionOf(engine.cancelAction('nothing', { actor: 'olga' }))).toMatchObject({
      type: 'ActionUnknown',
    })
  })

  it('BULK-2: taken over and then cancelled, nobody is counted twice by the process that comes late', async () => {
    const { engine, store } = await given(makeStore())
    let other: Promise<ActionView> | undefined
    const takeOver: ContactDirectory = {
      async get(id) {
        if (id !== 'c100') return {}
        const onProgress = ({ processed }: ActionView) =>
          processed === 500 && void engine.cancelAction('monday-mail', { actor: 'otto' })
        other ??= answerOf(engine.resumeAction('monday-mail', { onProgress }))
        await other
        return {}
      },
    }
    const late = closing(createEngine({ store, handlers: {}, contacts: takeOver }))
    const ended = await answerOf(late.processAction(order({ contacts: { ids: many(2000) } })))
    expect(ended).toEqual(await other)
    expect(ended).toMatchObject({ state: 'cancelled', cancelledBy: 'otto' })
    expect(ended.outcomes).toEqual(counts({ started: ended.processed }))
    expect((await resultsOf(engine)).filter(([, outcome]) => outcome === 'started')).toHaveLength(ended.processed)
  })

  it('BULK-2: an engine that is closed leaves the action to be resumed by the next', async () => {
    const store = makeStore()
    const { engine } = await given(store)
    let closed: Promise<void> | undefined
    const onProgress = ({ processed }: ActionView) => {
      if (processed === 500) closed ??= engine.close()
    }
    const processing = engine.processAction(order({ contacts: { ids: many(1200) } }), { onProgress })
    await expect(processing).rejects.toMatchObject({ code: 'CLOSED' })
    await closed
    const next = closing(createEngine({ store, handlers: {} }))
    expect(await next.inspect.action('monday-mail')).toMatchObject({ state: 'running', processed: 500 })
    const done = await answerOf(next.resumeAction('monday-mail'))
    expect(done).toMatchObject({ state: 'done', outcomes: counts({ started: 1200 }) })
  })

  it('LOG-6: any id is a contact of an action, in a list and in a CSV there and back', async () => {
    const { engine } = await given(makeStore())
    const hostile = [...HOSTILE_IDS, '=1+1', '+1', '@SUM(A1)', "'=x", "'", '＝1', '\tx', 'a,"b"']
    await answerOf(engine.processAction(order({ contacts: { ids: hostile } })))
    const csv = await csvOf(engine)
    const again = await answerOf(engine.processAction(order({ actionId: 'back', action: 'stop', contacts: { csv } })))
    expect(again).toMatchObject({ contacts: hostile.length, outcomes: counts({ stopped: hostile.length }) })
  })

  it('BULK-2: an action whose contacts the store has lost ends in a fault, not in a circle', async () => {
    const store = makeStore()
    const { engine } = await given({ ...store, actionContacts: async () => [] })
    await expect(engine.processAction(order())).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })

  it('BULK-1: actions are listed, the newest first, with who ordered what', async () => {
    const { engine } = await given(makeStore())
    for (const actionId of ['a', 'b', 'c']) await answerOf(engine.processAction(order({ actionId })))
    const page = await engine.inspect.actions({ limit: 2 })
    expect(page.actions.map(({ actionId }) => actionId)).toEqual(['c', 'b'])
    const rest = await engine.inspect.actions({ after: page.next, limit: 2 })
    expect(rest).toMatchObject({
      actions: [{ actionId: 'a', actor: 'olga', reason: 'the list of the fair', orderedAt: MONDAY, state: 'done' }],
      next: null,
    })
    expect(await engine.inspect.action('nothing')).toBeNull()
  })

  it('BULK-3: thousands of contacts that nobody holds in a list', async () => {
    const { engine } = await given(makeStore())
    let named = 0
    let ahead = 0
    let processed = 0
    async function* stream() {
      for (let i = 0; i < MANY; i++) {
        named += 1
        yield `c${i}`
      }
    }
    const done = await answerOf(
      engine.processAction(order({ contacts: { ids: stream() } }), {
        onProgress: (action) => {
          processed = action.processed
          ahead = Math.max(ahead, action.contacts - action.processed)
        },
      }),
    )
    expect([named, processed, ahead]).toEqual([MANY, MANY, MANY])
    expect(done).toMatchObject({ state: 'done', contacts: MANY, outcomes: counts({ started: MANY }) })
    expect((await engine.inspect.counts({ campaignId: 'pool' }))[0]).toMatchObject({ active: MANY })
  })
})

describe('a CSV of contacts', () => {
  const ids = async (csv: ActionOrder['contacts'] & { readonly csv: unknown }) => {
    const { engine } = await given(createMemoryStore())
    await answerOf(engine.processAction(order({ contacts: csv })))
    return (await resultsOf(engine)).map(([contactId]) => contactId)
  }

  it('BULK-1: the column is found by its name, or named with the source', async () => {
    expect(await ids({ csv: 'Name;Contact_ID\nAnn;a1\nBob;b1' })).toEqual(['a1', 'b1'])
    expect(await ids({ csv: 'Name;Number\nAnn;a1', column: 'Number' })).toEqual(['a1'])
  })

  it.each([
    { name: 'a cell that is no id', csv: 'ann\n""\n', path: 'action.contacts.csv, line 2, column 1' },
    { name: 'a quote that has no end', csv: 'ann\n"bob', path: 'action.contacts.csv, line 2' },
    { name: 'several columns, none of them named', csv: 'ann,5" pipe', path: 'action.contacts.csv, line 1' },
    { name: 'bytes that are no UTF-8', csv: [Uint8Array.of(97, 0xff, 10)], path: 'action.contacts.csv' },
  ])('BULK-1: a CSV with $name is refused, and nobody is started', async ({ csv, path }) => {
    const { engine } = await given(createMemoryStore())
    await expect(engine.processAction(order({ contacts: { csv } }))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { path },
    })
    expect(await engine.inspect.history('ann')).toEqual([])
  })

  it('BULK-2: a CSV whose source fails is a fault of the source, not of the CSV', async () => {
    const { engine } = await given(createMemoryStore())
    async function* broken() {
      yield 'ann\n'
      throw new Error('the upload was cut')
    }
    await expect(engine.processAction(order({ contacts: { csv: broken() } }))).rejects.toThrow('the upload was cut')
  })
})

describe('input validation', () => {
  it.each<[string, unknown]>([
    ['no source', {}],
    ['two sources', { ids: [], search: 'x' }],
    ['a text for a list', { ids: 'ann' }],
    ['a search for nothing', { search: '' }],
    ['a query that is misspelled', { query: { every: [] } }],
    ['nothing', null],
  ])('BULK-1: %s is refused', async (_, contacts) => {
    const { engine } = await given(createMemoryStore())
    const wrong = order({ contacts: contacts as ActionOrder['contacts'] })
    await expect(engine.processAction(wrong)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    await expect(engine.previewAction(wrong)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  it('BULK-1: a verb that is none, and a preview that is none, are refused', async () => {
    const { engine } = await given(createMemoryStore())
    for (const action of ['toString', 'pausing', '__proto__'])
      await expect(engine.processAction(order({ action: action as 'start' }))).rejects.toMatchObject({
        details: { path: 'processAction.action' },
      })
    await expect(engine.processAction(order(), { preview: {} as never })).rejects.toMatchObject({
      details: { path: 'processAction.options.preview' },
    })
  })

  it('BULK-1: over a log and a read model that keep no actions it says what is missing', async () => {
    const { saveAction: _, ...bare } = createMemoryStore()
    const { engine } = await given(bare as unknown as Store)
    await expect(engine.processAction(order())).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    expect(await answerOf(engine.previewAction(order()))).toMatchObject({ outcomes: counts({ started: 3 }) })
    const store: EventStore & ReadModel = bare
    expect((await engine.inspect.actions()).actions).toEqual([])
    await store.close()
  })
})

describe('BULK-2: killed half-way', () => {
  it('the next process goes on: the same results, nothing twice', async () => {
    const path = sqliteFile()
    const program = fileURLToPath(new URL('./bulk-process.fixture.ts', import.meta.url))
    const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', program, path, '5000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'close')
    try {
      // Between a group's events and its results there is time enough to be killed in.
      for await (const line of createInterface(child.stdout)) if (line === 'written 3') child.kill('SIGKILL')
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    const store = closing(createSqliteStore({ path }))
    const engine = closing(createEngine({ store, handlers: {} }))
    const before = await engine.inspect.action('monday-mail')
    expect(before).toMatchObject({ state: 'running', processed: 1000, contacts: 5000 })
    const recorded = await resultsOf(engine)
    // Started by the process that was killed, and not among the results yet.
    expect(await typesOf(engine, 'c1001')).toEqual(['SequenceStarted'])
    const done = await answerOf(engine.resumeAction('monday-mail'))
    expect(done).toMatchObject({ state: 'done', outcomes: counts({ started: 4999, already_active: 1 }) })
    const results = await resultsOf(engine)
    expect(results.slice(0, 1000)).toEqual(recorded.slice(0, 1000))
    expect(results.map(([contactId]) => contactId)).toEqual(many(5000))
    const starts = new Map<string, number>()
    for await (const event of store.readAll())
      if (event.type === 'SequenceStarted') starts.set(event.stream, (starts.get(event.stream) ?? 0) + 1)
    expect([starts.size, Math.max(...starts.values())]).toEqual([5000, 1])
    expect((await engine.verifyIndex()).differences).toEqual([])
  })
})
