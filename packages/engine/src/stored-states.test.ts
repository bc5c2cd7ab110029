/** Contacts by their stored states: what is read of a long stream, and that nobody can tell the difference. */
import {
  type ContactCommand,
  type ContactEvent,
  type ContactState,
  contactStream,
  createCatalog,
  decideOnce,
  fold,
  foldedState,
  initialContact,
  isCampaignEvent,
  isLeft,
  type RecordedContactEvent,
  type Store,
  type StoredState,
} from '@enfold/core'
import { createEngine, type EngineEvent } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { createContext } from './create-context.ts'
import { answerOf, createRecorder, eventsOf, MONDAY, onAnn, pool, rejectionOf } from './engine.fixture.ts'
import { combineStores, logOnly } from './log.fixture.ts'
import { createProjector, project } from './projection/projector.ts'
import { counting, keepingStates } from './states.fixture.ts'
import { asHostsUseIt, closingAfterEach } from './store.fixture.ts'

const closing = closingAfterEach()
const ann = contactStream('ann')
const nurture = onAnn('nurture')
const onboarding = onAnn('onboarding')

function given(made: Store) {
  const { store, taken, looks, appends } = counting(made)
  const clock = createSimulatedClock(MONDAY)
  const { calls, handler } = createRecorder()
  const told: EngineEvent[] = []
  const own = createEngine({
    store,
    clock,
    handlers: { email: handler, task: handler },
    observe: (event) => void told.push(event),
    log: false,
  })
  // Each order is shown by the read model before it is answered.
  const engine = asHostsUseIt(own, made)
  closing({ close: () => made.close() })
  closing(engine)
  return { store: made, engine, clock, calls, told, taken, looks, appends }
}

/** Ann after so many runs of a sequence of one step. */
async function after(runs: number, made: Store = createMemoryStore()) {
  const all = given(made)
  const { engine, clock, taken } = all
  await answerOf(engine.publish(pool))
  for (let run = 1; run <= runs; run++) {
    await answerOf(engine.startSequence({ ...onboarding, commandId: `start ${run}` }))
    await engine.runDue()
    await clock.advance('PT2M')
  }
  taken()
  return all
}

/** Pauses and resumes Ann's one run until so many events have been appended: decided as they are, written all at once. */
async function appendPauses(store: Store, count: number): Promise<void> {
  const campaigns = createCatalog()
  for await (const event of store.readAll(0, { streams: 'campaigns' }))
    if (isCampaignEvent(event)) campaigns.apply(event)
  let state = fold((await store.readMany([ann])).get(ann) as readonly RecordedContactEvent[])
  const before = state.version
  const events: ContactEvent[] = []
  for (let n = 1; events.length < count; n++)
    for (const command of [
      { ...nurture, type: 'PauseSequence', commandId: `pause ${n}` },
      { ...nurture, type: 'ResumeSequence', shift: true, commandId: `resume ${n}` },
    ] as const) {
      const decided = decideOnce<ContactCommand>(command, [], { campaigns, facts: {}, now: MONDAY }, state)
      if (isLeft(decided)) throw new Error(decided.left.type)
      events.push(...decided.right.events)
      state = decided.right.state
    }
  await store.append(ann, events, before)
}

const stored = async (store: Store) => (await store.states(['ann'])).get('ann') ?? null
const refused = (told: readonly EngineEvent[]) =>
  told.flatMap((event) => (event.type === 'state-refused' ? [event.because] : []))

describe.each([
  ['memory', () => createMemoryStore()],
  ['SQLite', () => createSqliteStore({ path: ':memory:' })],
  ['a log with a read model', () => combineStores(createMemoryStore(), createMemoryStore())],
])('on %s', (_, makeStore) => {
  it('LOG-5, STEP-11: the state of a contact whose handlers answer in another order than they were called is used', async () => {
    const store = makeStore()
    const clock = createSimulatedClock(MONDAY)
    const told: EngineEvent[] = []
    const answers: (() => void)[] = []
    const sequences = Array.from({ length: 12 }, (_, i) => ({ id: `s${i}`, steps: [{ id: 'one', kind: 'email' }] }))
    const email = async () => {
      // The last that is called answers first.
      await new Promise<void>((resolve) => {
        answers.push(resolve)
        if (answers.length === sequences.length) answers.at(-1)?.()
      })
      answers.pop()
      setImmediate(() => answers.at(-1)?.())
      return { outcome: 'sent' as const }
    }
    const own = createEngine({
      store,
      clock,
      handlers: { email },
      observe: (event) => void told.push(event),
      log: false,
    })
    const engine = asHostsUseIt(own, store)
    closing({ close: () => store.close() })
    closing(engine)
    await answerOf(engine.publish({ id: 'many', goals: [], sequences }))
    const of = (i: number) => ({ contactId: 'ann', campaignId: 'many', sequenceId: `s${i}`, actor: 'anna' })
    for (const i of sequences.keys()) await answerOf(engine.startSequence(of(i)))
    expect(await engine.runDue()).toMatchObject({ sent: 12, completed: 12 })
    expect(await engine.verifyIndex()).toMatchObject({ differences: [], states: [] })
    expect(await answerOf(engine.startSequence(of(0)))).toMatchObject({ outcome: 'started', run: 2 })
    expect(refused(told)).toEqual([])
  })

  it('INDEX-3, FUNNEL-2: a contact whose state is stored keeps its tags when it is refreshed, and is counted whole', async () => {
    const { engine, store } = await after(10, makeStore())
    await answerOf(engine.startSequence(nurture))
    for (let run = 0; run < 30; run++) await answerOf(engine.restartSequence(onboarding))
    expect(await stored(store)).not.toBeNull()
    const tags = await store.tagsOf('ann')
    expect(tags).toContain('pool/nurture')
    await engine.refreshContact('ann')
    expect(await store.tagsOf('ann')).toEqual(tags)
    expect(await engine.verifyIndex()).toMatchObject({ differences: [], counters: [] })
    const before = await engine.inspect.funnel('pool')
    expect(before?.sequences[1]).toMatchObject({ sequenceId: 'onboarding', started: 40, completed: 10, stopped: 29 })
    await engine.rebuildIndex()
    expect(await engine.inspect.funnel('pool')).toEqual(before)
    expect(await engine.verifyIndex()).toMatchObject({ differences: [], counters: [] })
  })

  it('an order, a due step and a question read the latest events of a long stream only', async () => {
    const { engine, clock, taken, calls } = await after(40, makeStore())
    expect(await engine.inspect.history('ann')).toHaveLength(160)
    expect(taken()).toBe(160)
    expect(await answerOf(engine.startSequence(onboarding))).toMatchObject({
      outcome: 'started',
      run: 41,
      version: 161,
    })
    expect(taken()).toBeLessThanOrEqual(30)
    await engine.runDue()
    expect(calls).toHaveLength(41)
    expect(taken()).toBeLessThanOrEqual(30)
    expect(await engine.inspect.contact('ann')).toMatchObject({
      version: 164,
      enrollments: [{ run: 41, status: 'completed', steps: [{ stepId: 'hello', status: 'sent' }] }],
    })
    expect(taken()).toBeLessThanOrEqual(30)
    await answerOf(engine.signal({ contactId: 'ann', kind: 'form-submitted', data: { form: 'guide' } }))
    await clock.advance('PT1M')
    expect(await engine.inspect.upcoming({ contactId: 'ann', until: '2026-03-09T09:00:00.000Z' })).toMatchObject([
      { stepId: 'one' },
    ])
    expect(taken()).toBeLessThanOrEqual(80)
  })

  it('a due step of a long stream is one look at its latest events', async () => {
    const { engine, taken } = await after(40, makeStore())
    await answerOf(engine.startSequence(onboarding))
    await engine.runDue()
    taken()
    await answerOf(engine.startSequence(onboarding))
    // The order was seen by the projection, or by nobody.
    taken()
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(taken()).toBeLessThanOrEqual(30)
  })

  it('ONCE-1: a command id that was used long ago gets the answer of then, and changes nothing', async () => {
    const { engine, store } = await after(20, makeStore())
    expect((await stored(store))?.version).toBeGreaterThan(50)
    const first = { ...onboarding, commandId: 'start 1' }
    expect(await answerOf(engine.startSequence(first))).toMatchObject({ outcome: 'started', run: 1, version: 1 })
    expect(await rejectionOf(engine.stopSequence(first))).toMatchObject({
      type: 'CommandIdReused',
      commandId: 'start 1',
    })
    expect(await rejectionOf(engine.startSequence({ ...nurture, commandId: 'start 1' }))).toMatchObject({
      type: 'CommandIdReused',
    })
    expect(await engine.inspect.history('ann')).toHaveLength(80)
  })

  it('RESEND-2: a step of run 3 of 40 is sent again', async () => {
    const { engine, calls } = await after(40, makeStore())
    const step = { ...onboarding, stepId: 'hello', run: 3 }
    expect(await answerOf(engine.resendStep(step))).toMatchObject({ outcome: 'resent', run: 3, resend: 1 })
    await engine.runDue()
    expect(calls.at(-1)).toMatchObject({ run: 3, resend: 1 })
    expect(await answerOf(engine.resendStep(step))).toMatchObject({ outcome: 'resent', run: 3, resend: 2 })
    expect(await rejectionOf(engine.cancelStep(step))).toMatchObject({ type: 'EnrollmentNotActive', run: 3 })
    expect(await rejectionOf(engine.resendStep({ ...step, run: 99 }))).toMatchObject({ type: 'RunUnknown', newest: 40 })
  })
})

it.each([
  ['SQLite', () => createSqliteStore({ path: ':memory:' })],
  ['a log with a read model', () => combineStores(createMemoryStore(), createMemoryStore())],
])('ONCE-1: on %s, a command id that was used 10,000 events ago gets the answer of then', async (_, makeStore) => {
  const { engine, store, taken } = given(makeStore())
  await answerOf(engine.publish(pool))
  await answerOf(engine.startSequence({ ...nurture, commandId: 'start' }))
  await appendPauses(store, 10_000)
  // With this order the state is stored, as with any that follows so many events.
  await answerOf(engine.pauseSequence({ ...nurture, commandId: 'last' }))
  taken()
  expect(await answerOf(engine.resumeSequence(nurture))).toMatchObject({ outcome: 'resumed', version: 10_003 })
  expect(taken()).toBeLessThanOrEqual(30)

  expect(await answerOf(engine.startSequence({ ...nurture, commandId: 'start' }))).toMatchObject({ version: 1 })
  const second = { ...nurture, commandId: 'pause 1' }
  expect(await answerOf(engine.pauseSequence(second))).toMatchObject({ outcome: 'paused', run: 1, version: 2 })
  expect(await rejectionOf(engine.resumeSequence(second))).toMatchObject({ type: 'CommandIdReused' })
  expect(await engine.inspect.contact('ann')).toMatchObject({ version: 10_003 })
})

it.each([
  ['a few events', 1],
  ['a stored state', 40],
])(
  'with a separate read model, an order for a contact with %s is one append, and a due step two, without a read',
  async (_, runs) => {
    const all = await after(runs, combineStores(createMemoryStore(), createMemoryStore()))
    const { appends, engine, clock, looks, calls } = all
    for (let step = 1; step <= 3; step++) {
      looks()
      appends()
      await answerOf(engine.startSequence({ ...onboarding, commandId: `again ${step}` }))
      expect({ looks: looks(), appends: appends() }).toEqual({ looks: 0, appends: 1 })
      expect(await engine.runDue()).toMatchObject({ sent: 1 })
      expect({ looks: looks(), appends: appends() }).toEqual({ looks: 0, appends: 2 })
      await clock.advance('PT2M')
    }
    expect(calls).toHaveLength(runs + 3)
  },
)

it('a short contact has no stored state', async () => {
  const { store } = await after(5)
  expect(await stored(store)).toBeNull()
})

it('a stored state does not grow with the history', async () => {
  const { store } = await after(100)
  const { text, version } = (await stored(store)) as StoredState
  expect(version).toBeGreaterThan(350)
  expect(text.length).toBeLessThan(3500)
})

it('INDEX-1: a projection follows a contact by its stored state, not by all of its runs', async () => {
  const log = logOnly(createMemoryStore())
  const readModel = createMemoryStore()
  const { engine, clock } = await after(40, combineStores(log, readModel))
  const given = { clock, observe() {}, wakeUp() {}, contactsTimeoutMs: 1000, gateMs: 2000, readModel }
  const context = createContext({ store: log, handlers: {} }, given)
  const another = createMemoryStore()
  const projector = createProjector(context, another, {
    context,
    readModel: another,
    onPoison: 'stop',
    reasons: new Map(),
  })
  for await (const event of log.readAll()) await project(projector, [event])
  expect(projector.followed.get('ann')?.state.enrollments[0]?.runs.length).toBeLessThan(10)
  const counted = async (store: Store) =>
    new Map((await store.counters('pool')).counters.map(({ key, count }) => [key, count]))
  expect(await counted(another)).toEqual(await counted(readModel))
  expect((await another.states(['ann'])).get('ann')?.version).toBeGreaterThan(130)
  await engine.close()
})

it('RESEND-2: what is said of an old run when its resend is under way, and later, is right', async () => {
  const all = await after(20)
  const { engine, clock } = all
  await answerOf(engine.resendStep({ ...onboarding, stepId: 'hello', run: 2 }))
  for (let run = 21; run <= 40; run++) {
    await answerOf(engine.startSequence(onboarding))
    await answerOf(engine.stopSequence(onboarding))
    await clock.advance('PT2M')
  }
  await engine.runDue()
  const sent = await eventsOf(engine, 'StepSent')
  expect(sent.at(-1)?.data).toMatchObject({ run: 2, resend: 1 })
  const { enrollments } = await engine.inspect.contact('ann', { runs: 'all' })
  expect(enrollments).toHaveLength(40)
  expect(enrollments[1]?.steps).toMatchObject([{ status: 'sent', resends: [{ resend: 1, status: 'sent' }] }])
})

it('BRAKE-1: starts are counted across stored states', async () => {
  const { engine, clock } = await after(0)
  for (let run = 1; run <= 60; run++) {
    await answerOf(engine.startSequence(onboarding))
    await answerOf(engine.stopSequence(onboarding))
    await clock.advance('PT30S')
  }
  const until = '2026-03-02T10:00:00.000Z'
  expect(await rejectionOf(engine.startSequence(onboarding))).toMatchObject({ type: 'TooManyStarts', most: 60, until })
  await clock.advance('PT30M')
  expect(await answerOf(engine.startSequence(onboarding))).toMatchObject({ outcome: 'started', run: 61 })
})

it.each<[string, () => Store]>([
  ['a log that keeps states', () => createMemoryStore()],
  ['a log with a read model', () => combineStores(createMemoryStore(), createMemoryStore())],
])('ERASE-1: on %s, the stored state of an erased contact names nothing of it', async (_, makeStore) => {
  const { engine, store } = await after(20, makeStore())
  expect((await stored(store))?.text).toContain('onboarding')
  const { holds, version } = await answerOf(engine.erase({ contactId: 'ann', actor: 'olga' }))
  expect(holds.commandIds).toBe(20)
  expect(await stored(store)).toMatchObject({ version, text: expect.not.stringContaining('onboarding') })
  expect(await rejectionOf(engine.startSequence(onboarding))).toMatchObject({ type: 'ContactErased' })
  expect(await engine.inspect.contact('ann')).toMatchObject({ erased: true, enrollments: [{ run: 20 }] })
})

async function foldedNow(store: Store): Promise<StoredState> {
  const events = ((await store.readMany([ann])).get(ann) ?? []) as readonly RecordedContactEvent[]
  return { ...foldedState(fold(events), events.at(-1)?.id ?? ''), version: events.length }
}

describe('a stored state that cannot be used is not noticed but by a metric, and the next append stores another', () => {
  const DAMAGE: { readonly [name: string]: [(state: StoredState) => StoredState, string] } = {
    'of another release': [(state) => ({ ...state, reducer: 999 }), 'reducer'],
    'with one character changed': [(state) => ({ ...state, text: state.text.replace('"run":', '"rum":') }), 'damaged'],
    'cut short': [(state) => ({ ...state, text: state.text.slice(0, 100) }), 'damaged'],
    empty: [(state) => ({ ...state, text: '' }), 'damaged'],
    'of another version than it says': [(state) => ({ ...state, version: state.version - 1 }), 'damaged'],
    'of another stream': [(state) => ({ ...state, ...foldedState(stateIn(state), 'its last event') }), 'damaged'],
    'ahead of its stream': [(state) => ({ ...state, version: 1_000 }), 'ahead'],
  }
  it.each(Object.entries(DAMAGE))('%s', async (_, [damage, because]) => {
    const { engine, store, told } = await after(20)
    const right = (await stored(store)) as StoredState
    const row = { contactId: 'ann', version: 80, tags: [], wakeAt: null }
    expect(await store.restore({ ...row, state: damage(right) })).toBe(true)
    expect(await engine.inspect.contact('ann')).toMatchObject({ version: 80, enrollments: [{ run: 20 }] })
    expect(refused(told)).toEqual([because])
    expect(await answerOf(engine.startSequence(onboarding))).toMatchObject({ outcome: 'started', run: 21 })
    expect(refused(told)).toEqual([because, because])
    expect(await stored(store)).toMatchObject({ version: 81 })
    expect(await answerOf(engine.stopSequence(onboarding))).toMatchObject({ outcome: 'stopped', run: 21 })
    expect(refused(told)).toHaveLength(2)
    expect(await engine.health()).toMatchObject({ ok: true, states: { refused: 2 } })
  })
})

it('LOG-1: states of a read model whose log was replaced are not taken for those of the new one', async () => {
  const readModel = createMemoryStore()
  const { engine } = await after(20, combineStores(createMemoryStore(), readModel))
  await engine.close()
  const kept = (await stored(readModel)) as StoredState
  const replaced = given(createMemoryStore())
  await answerOf(replaced.engine.publish(pool))
  for (let run = 1; run <= 50; run++) {
    await answerOf(replaced.engine.startSequence(onboarding))
    await answerOf(replaced.engine.stopSequence(onboarding))
  }
  expect(kept.version).toBeLessThan(100)
  const { clock, store: log } = replaced
  const told: EngineEvent[] = []
  const observe = (event: EngineEvent) => void told.push(event)
  const over = createEngine({ store: combineStores(log, readModel), clock, handlers: {}, observe })
  expect(await over.inspect.contact('ann')).toEqual(await replaced.engine.inspect.contact('ann'))
  expect(refused(told)).toEqual(['damaged'])
  await over.close()
})

it('what an older release appends without a state is read as events', async () => {
  const { store, engine } = await after(20)
  const before = (await stored(store))?.version
  const older = createEngine({
    store: keepingStates(store, () => false),
    clock: createSimulatedClock('2026-03-03T09:00:00.000Z'),
    handlers: {},
  })
  closing(older)
  for (let run = 21; run <= 60; run++) {
    await answerOf(older.startSequence(onboarding))
    await answerOf(older.stopSequence(onboarding))
  }
  expect((await stored(store))?.version).toBe(before)
  expect(await engine.inspect.contact('ann')).toMatchObject({
    version: 160,
    enrollments: [{ run: 60, status: 'stopped' }],
  })
})

it('AUDIT-2: an event that is dated after now is told of, however the contact is loaded', async () => {
  const { engine, store } = await after(20)
  const fast = createEngine({ store, clock: createSimulatedClock('2027-01-01T00:00:00.000Z'), handlers: {} })
  closing(fast)
  for (let run = 21; run <= 40; run++) {
    await answerOf(fast.startSequence(onboarding))
    await answerOf(fast.stopSequence(onboarding))
  }
  const { ahead } = await engine.inspect.contact('ann')
  expect(ahead).toEqual(Array.from({ length: 40 }, (_, i) => 81 + i))
})

it('INDEX-1: a repair by a long stream sets the tags that all of its events say', async () => {
  const { engine, store } = await after(20)
  await answerOf(engine.startSequence(nurture))
  for (let run = 21; run <= 40; run++) {
    await answerOf(engine.startSequence(onboarding))
    await answerOf(engine.stopSequence(onboarding))
  }
  const tags = await store.tagsOf('ann')
  expect(tags).toEqual(['pool/nurture'])
  await engine.refreshContact('ann')
  expect(await store.tagsOf('ann')).toEqual(tags)
  expect(await engine.verifyIndex()).toEqual({ contacts: 1, differences: [], counters: [], states: [] })
})

describe('LOG-1: stored states are held against the log, and made from it', () => {
  it.each([
    ['damaged', (state: StoredState) => ({ ...state, text: `${state.text} ` })],
    ['ahead', (state: StoredState) => ({ ...state, version: 99 })],
    ['damaged', (state: StoredState) => ({ ...state, ...foldedState(stateIn(state), 'an event of another stream') })],
    [
      'differs',
      (state: StoredState, last: string) => ({ ...state, ...foldedState(initialContactAt(state.version), last) }),
    ],
  ] as const)('%s', async (because, damage) => {
    const { engine, store } = await after(20)
    const right = (await stored(store)) as StoredState
    expect(await engine.verifyIndex()).toEqual({ contacts: 1, differences: [], counters: [], states: [] })
    const last = (await engine.inspect.history('ann'))[right.version - 1]?.id ?? ''
    const wrong = damage(right, last)
    await store.restore({ contactId: 'ann', version: 80, tags: [], wakeAt: null, state: wrong })
    expect(await engine.verifyIndex()).toMatchObject({
      differences: [],
      states: [{ contactId: 'ann', version: wrong.version, because }],
    })
    await engine.rebuildIndex()
    expect(await stored(store)).toMatchObject({ version: 80 })
    expect(await engine.verifyIndex()).toMatchObject({ states: [] })
  })

  it('one of another release is no difference, for nobody uses it', async () => {
    const { engine, store } = await after(20)
    const other = { ...((await stored(store)) as StoredState), reducer: 999 }
    await store.restore({ contactId: 'ann', version: 80, tags: [], wakeAt: null, state: other })
    expect(await engine.verifyIndex()).toMatchObject({ states: [] })
  })

  it('a short contact is left without one', async () => {
    const { engine, store } = await after(5)
    const version = 20
    await store.restore({ contactId: 'ann', version, tags: [], wakeAt: null, state: await foldedNow(store) })
    await engine.rebuildIndex()
    expect(await stored(store)).toBeNull()
  })
})

/** A contact of which nothing happened, so many times. */
const stateIn = ({ text }: StoredState) => (JSON.parse(text.slice(8)) as { readonly state: ContactState }).state
const initialContactAt = (version: number) => ({ ...initialContact, version })
