/** Undoing an action, and a signal, through the engine. What undoing does to a run is proved in `decide.undo.test.ts`. */
import { type ActionOutcome, type ContactId, NO_OUTCOMES, type Store } from '@enfold/core'
import { type ActionView, createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { answerOf, createRecorder, MONDAY, onAnn, pool, rejectionOf, typesOf } from '../engine.fixture.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from '../store.fixture.ts'

const closing = closingAfterEach()

async function given(store: Store, more: Partial<EngineOptions> = {}) {
  closing(store)
  const clock = createSimulatedClock(MONDAY)
  const { handler, calls } = createRecorder()
  const made = createEngine({ store, clock, handlers: { email: handler, task: handler }, ...more })
  const engine = closing(asHostsUseIt(made, store))
  await answerOf(engine.publish(pool))
  return { engine, store, clock, calls }
}

const NURTURE = { campaignId: 'pool', sequenceId: 'nurture' }
const ACTION = { actionId: 'mail', ...NURTURE, actor: 'olga' } as const
const UNDO = { actionId: 'undo-mail', undoes: 'mail', actor: 'olga', reason: 'the wrong list' } as const

const many = (count: number): ContactId[] => [...Array(count).keys()].map((i) => `c${i}`)
const start = (engine: Engine, ids: readonly ContactId[], more: { actionId?: string } = {}) =>
  answerOf(engine.processAction({ ...ACTION, action: 'start', contacts: { ids }, ...more }))
const stop = (engine: Engine, ids: readonly ContactId[]) =>
  answerOf(engine.processAction({ ...ACTION, action: 'stop', contacts: { ids } }))
const counts = (some: { readonly [outcome in ActionOutcome]?: number }) => ({ ...NO_OUTCOMES, ...some })
const resultsOf = async (engine: Engine, actionId: string) =>
  (await engine.inspect.actionContacts({ actionId, limit: 1000 })).contacts.map(
    ({ contactId, outcome, run, reason }) => [contactId, outcome, run, reason],
  )

/** Everything that an operator sees of many contacts at once. */
async function worldOf(engine: Engine) {
  const [members, waiting, overdue, numbers] = await Promise.all([
    engine.inspect.contactsInSequence({ ...NURTURE, status: 'either' }),
    engine.inspect.contactsInSequence({ ...NURTURE, status: 'waiting' }),
    engine.inspect.overdue(),
    engine.inspect.funnel('pool'),
  ])
  return { members, waiting, overdue, numbers, differences: (await engine.verifyIndex()).differences }
}

eachStore((makeStore) => {
  it('UNDO-2: after undoing a start, index, agenda and numbers are as if nobody had been started', async () => {
    const { engine, clock } = await given(makeStore())
    await answerOf(engine.startSequence({ ...onAnn('nurture'), contactId: 'before' }))
    const before = await worldOf(engine)
    await start(engine, ['before', ...many(30)])
    expect((await worldOf(engine)).members.total).toBe(31)

    const preview = await answerOf(engine.previewUndo({ undoes: 'mail' }))
    const outcomes = counts({ undone: 30, nothing_to_undo: 1 })
    expect(preview).toMatchObject({ contacts: 31, complete: true, outcomes })
    expect(preview.samples.nothing_to_undo).toEqual(['before'])
    const done = await answerOf(engine.undoAction(UNDO, { preview }))
    expect(done).toMatchObject({
      action: 'undo',
      undoes: 'mail',
      state: 'done',
      contacts: 31,
      outcomes,
      differences: [],
    })
    expect(done.source).toEqual({ from: 'action', actionId: 'mail' })

    expect(await worldOf(engine)).toEqual(before)
    expect(await engine.inspect.contact('c3')).toMatchObject({ enrollments: [] })
    expect((await engine.inspect.contact('c3', { runs: 'all' })).enrollments).toMatchObject([
      { run: 1, status: 'undone' },
    ])
    clock.advance('P9D')
    expect((await engine.runDue({ limit: 1000 })).sent).toBe(1)
  })

  it('UNDO-2: what was sent is listed, and stays or is stopped', async () => {
    const { engine, calls } = await given(makeStore())
    await start(engine, many(4))
    await answerOf(engine.stopSequence({ ...onAnn('nurture'), contactId: 'c1' }))
    await engine.runDue({ limit: 1000 })
    expect(calls.map(({ contactId }) => contactId).sort()).toEqual(['c0', 'c2', 'c3'])
    const preview = await answerOf(engine.previewUndo({ undoes: 'mail', stopSent: true }))
    expect(preview.outcomes).toEqual(counts({ undone: 1, stopped: 3 }))
    await answerOf(engine.undoAction(UNDO))
    expect(await resultsOf(engine, 'undo-mail')).toEqual([
      ['c0', 'already_sent', 1, null],
      ['c1', 'undone', 1, null],
      ['c2', 'already_sent', 1, null],
      ['c3', 'already_sent', 1, null],
    ])
    const stopped = await answerOf(engine.undoAction({ ...UNDO, actionId: 'stop-them', stopSent: true }))
    expect(stopped.outcomes).toEqual(counts({ stopped: 3, nothing_to_undo: 1 }))
    expect((await worldOf(engine)).members.total).toBe(0)
  })

  it('UNDO-3: those that a stop took out go on where they stood, and nothing is sent twice', async () => {
    const { engine, clock, calls } = await given(makeStore())
    await start(engine, many(5), { actionId: 'start' })
    await engine.runDue({ limit: 1000 })
    const before = await worldOf(engine)
    await stop(engine, many(5))
    await answerOf(engine.erase({ contactId: 'c4', actor: 'olga' }))
    await answerOf(engine.startSequence({ ...onAnn('nurture'), contactId: 'c3' }))
    clock.advance('PT6H')
    const done = await answerOf(engine.undoAction(UNDO))
    expect(done.outcomes).toEqual(counts({ restored: 3, changed_since: 2 }))
    expect(await resultsOf(engine, 'undo-mail')).toEqual([
      ...['c0', 'c1', 'c2'].map((id) => [id, 'restored', 2, null]),
      ['c3', 'changed_since', 1, null],
      ['c4', 'changed_since', null, null],
    ])
    expect((await engine.inspect.contact('c0')).enrollments).toMatchObject([
      { run: 2, status: 'active', continues: 1, next: { stepId: 'two', dueAt: '2026-03-03T09:00:00.000Z' } },
    ])
    const now = await worldOf(engine)
    expect(now.differences).toEqual(before.differences)
    for (let day = 0; day < 3; day++) {
      clock.advance('P1D')
      await engine.runDue({ limit: 1000 })
    }
    expect(calls.filter(({ contactId }) => contactId === 'c0').map(({ step }) => step.id)).toEqual([
      'one',
      'two',
      'three',
    ])
    expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(calls.length)
    const events = await engine.inspect.history('c0')
    const third = events.findLast(({ type }) => type === 'StepDispatched')
    const { chain } = await engine.inspect.explain({ contactId: 'c0', ...NURTURE, stepId: 'three' })
    expect(third?.id).toBeDefined()
    expect(chain.map(({ event }) => event.type)).toEqual(expect.arrayContaining(['SequenceStarted', 'StepDispatched']))
  })

  it('UNDO-1: the same undo again answers as it ended; another undo finds nothing; an undo can be undone', async () => {
    const { engine } = await given(makeStore())
    await start(engine, many(3))
    const done = await answerOf(engine.undoAction(UNDO))
    expect(await answerOf(engine.undoAction(UNDO))).toEqual(done)
    expect(await rejectionOf(engine.undoAction({ ...UNDO, shift: true }))).toMatchObject({ type: 'CommandIdReused' })
    const again = await answerOf(engine.undoAction({ ...UNDO, actionId: 'again' }))
    expect(again.outcomes).toEqual(counts({ nothing_to_undo: 3 }))
    const back = await answerOf(engine.undoAction({ ...UNDO, actionId: 'back', undoes: 'undo-mail' }))
    expect(back.outcomes).toEqual(counts({ restored: 3 }))
    expect((await worldOf(engine)).members.total).toBe(3)
  })

  it('UNDO-1: an engine that is closed half-way leaves the undo to the next, with the same results', async () => {
    const store = makeStore()
    const { engine } = await given(store)
    await start(engine, many(1200))
    let closed: Promise<void> | undefined
    const onProgress = ({ processed }: ActionView) => {
      if (processed === 500) closed ??= engine.close()
    }
    await expect(engine.undoAction(UNDO, { onProgress })).rejects.toMatchObject({ code: 'CLOSED' })
    await closed
    const next = closing(asHostsUseIt(createEngine({ store, handlers: {} }), store))
    const done = await answerOf(next.resumeAction('undo-mail'))
    expect(done).toMatchObject({ state: 'done', outcomes: counts({ undone: 1200 }) })
    expect((await next.inspect.contactsInSequence(NURTURE)).total).toBe(0)
    expect(await typesOf(next, 'c700')).toEqual(['SequenceStarted', 'RunUndone'])
  })
})

describe('UNDO-1: an action that is not over', () => {
  it('UNDO-1: one that was cancelled half-way is undone for those that it came to', async () => {
    const { engine } = await given(createMemoryStore())
    const abort = new AbortController()
    const onProgress = ({ processed }: ActionView) => processed === 500 && abort.abort()
    await answerOf(
      engine.processAction(
        { ...ACTION, action: 'start', contacts: { ids: many(1200) } },
        { onProgress, signal: abort.signal },
      ),
    )
    const done = await answerOf(engine.undoAction(UNDO))
    // The group after the last result: a process that died may have been at it.
    expect(done).toMatchObject({ contacts: 1000, outcomes: counts({ undone: 500, nothing_to_undo: 500 }) })
  })

  it('UNDO-1: one that still runs, and one that was never ordered, cannot be undone', async () => {
    const { engine } = await given(createMemoryStore())
    let seen: unknown = null
    await answerOf(
      engine.processAction(
        { ...ACTION, action: 'start', contacts: { ids: many(3) } },
        {
          onProgress() {
            seen ??= rejectionOf(engine.undoAction(UNDO))
          },
        },
      ),
    )
    expect(await seen).toEqual({ type: 'ActionRunning', actionId: 'mail', until: null })
    expect(await rejectionOf(engine.previewUndo({ undoes: 'none' }))).toMatchObject({ type: 'ActionUnknown' })
  })

  it('UNDO-1: the last contacts of a worker that was cancelled come first: of this process, and of another', async () => {
    const store = createMemoryStore()
    const { engine, clock } = await given(store)
    let undone: Promise<ActionView> | null = null
    let refused: unknown = null
    const contacts = {
      async get(id: string) {
        if (id === 'c7' && undone === null) {
          await answerOf(engine.cancelAction('mail', { actor: 'otto' }))
          refused = await rejectionOf(engine.undoAction(UNDO))
          undone = answerOf(worker.undoAction({ ...UNDO, actionId: 'here' }))
        }
        return {}
      },
    }
    const worker = closing(createEngine({ store, clock, handlers: {}, contacts }))
    const ended = await answerOf(worker.processAction({ ...ACTION, action: 'start', contacts: { ids: many(800) } }))
    expect(ended).toMatchObject({ state: 'cancelled', processed: 500 })
    expect(refused).toEqual({ type: 'ActionRunning', actionId: 'mail', until: '2026-03-02T09:01:00.000Z' })
    expect((await undone) as ActionView | null).toMatchObject({
      outcomes: counts({ undone: 500, nothing_to_undo: 300 }),
    })
    expect((await engine.inspect.contactsInSequence(NURTURE)).total).toBe(0)
  })

  it('UNDO-1: one whose process died when it was cancelled can be undone after a minute', async () => {
    const store = createMemoryStore()
    const { engine, clock } = await given(store)
    const stuck: Store = {
      ...store,
      saveAction: async (record, change) =>
        change?.results === undefined ? store.saveAction(record, change) : new Promise(() => {}),
    }
    const dying = createEngine({ store: stuck, clock, handlers: {} })
    void dying.processAction({ ...ACTION, action: 'start', contacts: { ids: many(3) } })
    await expect.poll(() => engine.inspect.history('c2').then((events) => events.length), { timeout: 30_000 }).toBe(1)
    await answerOf(engine.cancelAction('mail', { actor: 'otto' }))
    expect(await rejectionOf(engine.undoAction(UNDO))).toMatchObject({ type: 'ActionRunning' })
    clock.advance('PT1M')
    expect(await answerOf(engine.undoAction(UNDO))).toMatchObject({ outcomes: counts({ undone: 3 }) })
  })

  it('UNDO-1: a wrong order says where', async () => {
    const { engine } = await given(createMemoryStore())
    await expect(engine.undoAction({ ...UNDO, undoes: '' })).rejects.toThrow(/undoAction\.undoes/)
    await expect(engine.previewUndo({ undoes: 'mail', stopSent: 'yes' } as never)).rejects.toThrow(
      /previewUndo\.stopSent/,
    )
  })
})

describe('UNDO-4: a signal', () => {
  it('UNDO-4: what it led to is undone, however long the history of the contact is', async () => {
    const { engine } = await given(createMemoryStore())
    await answerOf(engine.startSequence(onAnn('nurture')))
    await answerOf(engine.signal({ contactId: 'ann', kind: 'purchased', signalId: 'order-1' }))
    // So many events that the state is stored, and the signal is not among those since.
    for (let i = 0; i < 40; i++) {
      await answerOf(engine.suppress({ contactId: 'bob', actor: 'olga' }))
      await answerOf(engine.startSequence({ ...onAnn('vip'), commandId: `start-${i}` }))
      await answerOf(engine.stopSequence({ ...onAnn('vip'), commandId: `stop-${i}` }))
    }
    const retracted = await answerOf(engine.retractSignal({ contactId: 'ann', signalId: 'order-1', actor: 'olga' }))
    expect(retracted).toMatchObject({
      outcome: 'retracted',
      results: [
        { ...NURTURE, run: 2, outcome: 'restored' },
        { campaignId: 'pool', sequenceId: 'onboarding', run: 1, outcome: 'undone' },
      ],
    })
    expect((await engine.inspect.funnel('pool'))?.goals.find(({ goalId }) => goalId === 'bought')?.satisfied).toBe(0)
    expect((await engine.verifyIndex()).differences).toEqual([])
    const again = await answerOf(engine.retractSignal({ contactId: 'ann', signalId: 'order-1', actor: 'olga' }))
    expect(again).toMatchObject({ outcome: 'already_retracted', results: retracted.results })
    const why = await engine.inspect.explainNot({
      contactId: 'ann',
      campaignId: 'pool',
      goalId: 'bought',
      signalId: 'order-1',
    })
    expect(why).toMatchObject({ reason: 'retracted' })
  })
})
