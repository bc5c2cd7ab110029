/**
 * The three promises that operators trust, held against races: many callers stop, satisfy goals, start again and pause the
 * campaign, while many workers on the same store dispatch, some of which never finish. What is checked is the log that they left.
 */
import { join } from 'node:path'
import {
  type AttemptRef,
  createCatalog,
  epochMsOf,
  evolve,
  initialContact,
  isCampaignEvent,
  isLeft,
  orThrow,
  type Position,
  type RecordedContactEvent,
  type StepCall,
  type Store,
} from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import { expect, it } from 'vitest'
import { createGate, MONDAY, randomFrom, temporaryDirectory } from './engine.fixture.ts'
import { createEngine, type Engine } from './engine.ts'
import { combineStores, headOf } from './log.fixture.ts'
import { keepingStates } from './states.fixture.ts'

const directory = temporaryDirectory()
const WORKERS = 3
const WAVES = runs(4)
/** A wave may see no attempt fail: then another one follows, but not without end. */
const MORE_WAVES = 40
const CONTACTS_PER_WAVE = 25

/** Each yields as many stores as there are workers, all with the same data. */
const stores: { readonly [name: string]: () => readonly Store[] } = {
  memory() {
    const store = createMemoryStore()
    return Array.from({ length: WORKERS }, () => store)
  },
  sqlite() {
    const path = join(directory, 'promises.db')
    return Array.from({ length: WORKERS }, () => createSqliteStore({ path, synchronous: 'NORMAL' }))
  },
  'sqlite, a state kept with every append'() {
    const path = join(directory, 'every-state.db')
    return Array.from({ length: WORKERS }, () =>
      keepingStates(createSqliteStore({ path, synchronous: 'NORMAL' }), () => true),
    )
  },
  // Each worker feeds the one read model, at the same time as the others.
  'log, memory read model'() {
    const store = combineStores(createMemoryStore(), createMemoryStore())
    return Array.from({ length: WORKERS }, () => store)
  },
  'log, sqlite read model'() {
    const open = (name: string) =>
      createSqliteStore({ path: join(directory, `read-model-${name}`), synchronous: 'NORMAL' })
    return Array.from({ length: WORKERS }, () => combineStores(open('log.db'), open('read-model.db')))
  },
}

const steps = ['one', 'two', 'three', 'four', 'five'].map((id) => ({ id, kind: 'email' }))
const campaign = {
  id: 'pool',
  goals: [
    { id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] },
    { id: 'leave', when: { kind: 'tag-applied' } },
    { id: 'delivered', when: { kind: 'delivered' }, same: 'order' },
  ],
  sequences: [
    { id: 'nurture', steps, next: ['bought'] },
    { id: 'onboarding', steps, next: ['leave'] },
    { id: 'parcel', vars: { order: { data: 'order' } }, per: 'order', steps, next: ['delivered', 'leave'] },
  ],
}

const KEYS = ['a', 'b']

/** A pause that was answered, and the resume after it: where the log stood. */
interface Pause {
  /** By the simulated clock, milliseconds. */
  readonly orderedAtMs: number
  readonly answeredAt: Position
  readonly resumedAt: Position
}

/** What an operator or the CRM did, and at which version of the contact it was acknowledged. */
interface Deed {
  readonly contactId: string
  readonly what: string
  /** It was for the runs of this key alone. */
  readonly key?: string | undefined
  readonly version: number
}

/** The sequences that it was for; of what is not here, all. */
const COVERED: ReadonlyMap<string, readonly string[]> = new Map([
  ['stop', ['nurture']],
  ['goal', ['nurture']],
  ['exit', ['nurture', 'onboarding', 'parcel']],
  ['stop of a key', ['parcel']],
  ['stop of each key', ['parcel']],
  ['goal of a key', ['parcel']],
])
const ALL = ['nurture', 'onboarding', 'parcel']

const runName = ({
  sequenceId,
  key,
  run,
}: {
  readonly sequenceId: string
  readonly key?: string
  readonly run: number
}) => JSON.stringify([sequenceId, key, run])
const sendingName = (data: StepEvent) => JSON.stringify([runName(data), data.stepId, data.resend])

interface StepEvent {
  readonly sequenceId: string
  readonly key?: string
  readonly run: number
  readonly stepId: string
  readonly resend: number
}

it.each(Object.entries(stores))(
  'STOP-6, GOAL-12, GATE-2, KEY-2, KEY-3: over the %s store, nothing is dispatched after a stop or a goal, or in a pause, in any race',
  async (_, openStores) => {
    const opened = openStores()
    const store = opened[0] as Store
    // Whether the store checks in the append that the campaign is not paused.
    const isChecked = 'settled' in store && store.settled !== undefined
    const clock = createSimulatedClock(MONDAY)
    const random = randomFrom(20_260_302)
    const turns = async (most: number) => {
      for (let left = Math.floor(random() * (most + 1)); left > 0; left--) await new Promise(setImmediate)
    }
    const calls: StepCall[] = []
    const pauses: Pause[] = []
    /** Between the answer of a pause and the order to resume. */
    let isPaused = false
    const inPauses: StepCall[] = []
    let gate = createGate()
    const handler = async (call: StepCall) => {
      calls.push(call)
      if (isPaused) inPauses.push(call)
      // One in twenty is never heard of until its wave is over; its contact waits for the lease to run out.
      if (random() < 0.05) await gate.passed
      else await turns(3)
      return { outcome: 'sent' } as const
    }
    const engines = opened.map((one) =>
      createEngine({
        store: one,
        clock,
        random: () => 0,
        handlers: { email: handler },
        gateMs: 60,
        dispatch: { pollMs: 100, handlerTimeoutMs: 100, leaseMs: 2000 },
      }),
    )
    const any = () => engines[Math.floor(random() * engines.length)] as Engine
    await any().publish(campaign)
    for (const engine of engines) await engine.inspect.contact('nobody')
    const end = new AbortController()
    const workers = engines.map((engine) => engine.run({ signal: end.signal }))

    const catalog = createCatalog()
    for await (const event of store.readAll(0, { streams: 'campaigns' }))
      if (isCampaignEvent(event)) catalog.apply(event)
    let stopsSeen = 0
    let keyedStopsSeen = 0
    let waves = 0
    const hasSeenRetry = () => calls.some(({ attempt }) => attempt > 1)
    while (waves < WAVES || (!hasSeenRetry() && waves < WAVES + MORE_WAVES)) {
      const wave = ++waves
      const contacts = Array.from({ length: CONTACTS_PER_WAVE }, (_, i) => `contact ${wave}.${i}`)
      const deeds: Deed[] = []
      let busy = true
      const ticking = (async () => {
        while (busy || (await store.nextWake()) !== null) {
          clock.advance(100)
          await new Promise(setImmediate)
        }
      })()
      await Promise.all([...contacts.map((contactId) => live(contactId, any, random, turns, deeds)), pauseTwice()])
      await (engines[0] as Engine).waitFor(await headOf(store), { timeoutMs: 30_000 })
      busy = false
      await ticking
      gate.open()
      gate = createGate()
      // Those who were silent now answer, to no effect on what others did since.
      while (
        (await Promise.all(engines.map((engine) => engine.health()))).some(({ dispatcher }) => dispatcher.inFlight > 0)
      )
        await new Promise(setImmediate)

      for (const contactId of contacts) {
        const history = await any().inspect.history(contactId)
        expectLegal(contactId, history)
        stopsSeen += expectNothingAfterStops(history)
        keyedStopsSeen += history.filter(
          ({ type, data }) => type === 'SequenceStopped' && data.key !== undefined,
        ).length
        expectEverySendingRecorded(contactId, history)
        for (const deed of deeds.filter((one) => one.contactId === contactId)) expectNothingAfter(deed, history)
      }
    }
    // A log that checks nothing in the append may hold a dispatch that came too late: no handler was called for it.
    if (!isChecked) expect(inPauses).toEqual([])
    else await expectNothingInPauses()
    await (engines[0] as Engine).waitFor(await headOf(store), { timeoutMs: 30_000 })
    end.abort()
    await Promise.all(workers)
    // The races did take place.
    expect(stopsSeen).toBeGreaterThan(waves * CONTACTS_PER_WAVE * 0.3)
    expect(keyedStopsSeen).toBeGreaterThan(waves * CONTACTS_PER_WAVE * 0.05)
    expect(hasSeenRetry()).toBe(true)
    const report = await (engines[0] as Engine).verifyIndex()
    expect(report).toEqual({ contacts: waves * CONTACTS_PER_WAVE, differences: [], counters: [], states: [] })
    for (const engine of engines) await engine.close()
    for (const one of new Set(opened)) await one.close()

    /** While its contacts live: two pauses of the campaign, the second with a resume that makes waits longer. */
    async function pauseTwice(): Promise<void> {
      for (const overdue of ['send', 'shift'] as const) {
        await turns(60)
        const order = { actor: 'olga' }
        const orderedAtMs = epochMsOf(clock.now())
        orThrow(await any().pauseCampaign('pool', order))
        isPaused = true
        const answeredAt = await headOf(store)
        await turns(60)
        isPaused = false
        const { position } = orThrow(await any().resumeCampaign('pool', { ...order, overdue }))
        pauses.push({ orderedAtMs, answeredAt, resumedAt: position })
      }
    }

    async function expectNothingInPauses(): Promise<void> {
      expect(pauses).toHaveLength(2 * waves)
      for await (const { type, position } of store.readAll(0, { streams: 'contacts' })) {
        const during = pauses.filter((pause) => position > pause.answeredAt && position < pause.resumedAt)
        if (type === 'StepDispatched') expect(during).toEqual([])
      }
    }

    function expectLegal(contactId: string, history: readonly RecordedContactEvent[]): void {
      let state = initialContact
      for (const event of history) {
        expect(violationOf(contactId, state, event, catalog), show(history)).toBeNull()
        state = evolve(state, event)
      }
    }

    /** A log that checks nothing in the append has taken it, but its worker saw the pause before it called the handler. */
    function wasTooLate({ at, data, position }: Dispatched, called: readonly string[]): boolean {
      if (isChecked || called.includes(attemptName(data))) return false
      const decidedAtMs = epochMsOf(at)
      return pauses.some(({ orderedAtMs, resumedAt }) => decidedAtMs > orderedAtMs - 5000 && position < resumedAt)
    }

    function expectEverySendingRecorded(contactId: string, history: readonly RecordedContactEvent[]): void {
      const called = calls.filter((call) => call.contactId === contactId).map(attemptName)
      // Of an attempt that its worker left, because its lease ran out before the handler, the next events tell (STEP-6).
      const wasLeft = (data: AttemptRef & Attempt) =>
        !called.includes(attemptName(data)) &&
        history.some(
          ({ type, data: next }) =>
            (type === 'StepDispatched' && sendingName(next) === sendingName(data) && next.attempt > data.attempt) ||
            (type === 'StepFailed' && sendingName(next) === sendingName(data)),
        )
      const dispatched = history.flatMap((event) =>
        event.type === 'StepDispatched' && !wasLeft(event.data) && !wasTooLate(event, called)
          ? [attemptName(event.data)]
          : [],
      )
      // Each attempt stands in the log and was made by one worker; a key is that of one sending only.
      expect(called.sort(), show(history)).toEqual(dispatched.sort())
      expect(new Set(called).size).toBe(called.length)
      const sendings = new Map<string, string>()
      for (const { type, data } of history) {
        if (type !== 'StepDispatched') continue
        const sending = sendingName(data)
        expect(sendings.get(data.idempotencyKey) ?? sending).toBe(sending)
        sendings.set(data.idempotencyKey, sending)
      }
      expect(new Set(sendings.values()).size).toBe(sendings.size)
    }
  },
  120_000 * runs(1),
)

/** A contact's few moments: started, and then stopped in one of the ways that there are, some of them again. */
async function live(
  contactId: string,
  any: () => Engine,
  random: () => number,
  turns: (most: number) => Promise<void>,
  deeds: Deed[],
): Promise<void> {
  const isKeyed = random() < 0.2
  const keyed = { contactId, campaignId: 'pool', sequenceId: 'parcel', actor: 'olga' }
  const anyRef = () =>
    isKeyed
      ? { ...keyed, key: KEYS[Math.floor(random() * KEYS.length)] as string }
      : { contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' }
  let ref: ReturnType<typeof anyRef> & { readonly key?: string } = anyRef()
  const ways: {
    readonly [what: string]: () => ReturnType<Engine['stopSequence' | 'stopAll' | 'signal' | 'suppress' | 'erase']>
  } = {
    ...(isKeyed
      ? {
          'stop of a key': () => any().stopSequence(ref),
          'stop of each key': () => any().stopSequence(keyed),
          'goal of a key': () => any().signal({ contactId, kind: 'delivered', data: { order: ref.key ?? '' } }),
        }
      : { stop: () => any().stopSequence(ref) }),
    stopAll: () => any().stopAll({ contactId, actor: 'olga' }),
    goal: () => any().signal({ contactId, kind: 'purchased' }),
    exit: () => any().signal({ contactId, kind: 'tag-applied' }),
    pause: () => any().pauseSequence(ref) as never,
    suppress: () => any().suppress({ contactId, actor: 'olga' }),
    erase: () => any().erase({ contactId, actor: 'olga' }),
  }
  await turns(5)
  await any().startSequence(ref)
  if (isKeyed) for (const key of KEYS) await any().startSequence({ ...keyed, key })
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    await turns(25)
    ref = anyRef()
    const names = Object.keys(ways)
    const what = names[Math.floor(random() * names.length)] as string
    const answer = await (ways[what] as () => Promise<unknown> as () => ReturnType<Engine['stopSequence']>)()
    if (!isLeft(answer)) {
      const key = what.endsWith('of a key') ? ref.key : undefined
      deeds.push({ contactId, what, key, version: answer.right.version })
    }
    if (random() < 0.4) await any().startSequence(ref)
    if (what === 'pause') await any().resumeSequence(ref)
    if (random() < 0.2) await any().resendStep({ ...ref, stepId: 'one' })
  }
}

/** No step of a run is dispatched after its stop, except by a later order by hand. Returns the number of stops. */
function expectNothingAfterStops(history: readonly RecordedContactEvent[]): number {
  const stopped = new Set<string>()
  const ordered = new Set<string>()
  for (const { type, data } of history) {
    if (type === 'SequenceStopped') stopped.add(runName(data))
    if (type === 'StepResent') ordered.add(sendingName(data))
    if (type !== 'StepDispatched' || !stopped.has(runName(data))) continue
    const sending = sendingName(data)
    expect(ordered.has(sending), show(history)).toBe(true)
  }
  return stopped.size
}

/** What was acknowledged at a version was so from then on: of the runs that were open before, nothing more begins. */
function expectNothingAfter({ what, key, version }: Deed, history: readonly RecordedContactEvent[]): void {
  const sequences = COVERED.get(what) ?? ALL
  if (what === 'pause') return
  const before = new Set<string>()
  const ordered = new Set<string>()
  for (const { type, data, version: at } of history) {
    if (type === 'SequenceStarted' && at <= version) before.add(runName(data))
    if (type === 'SequenceStarted' && at <= version && what === 'goal' && data.sequenceId === 'onboarding') continue
    if (type === 'StepResent' && at > version) ordered.add(sendingName(data))
    if (type !== 'StepDispatched' || at <= version || !sequences.includes(data.sequenceId)) continue
    if (key !== undefined && data.key !== key) continue
    if (!before.has(runName(data))) continue
    const sending = sendingName(data)
    // A resend that was ordered before, of a run that had ended by itself, is no part of the run any more.
    expect(data.resend > 0 || ordered.has(sending), `${what} at ${version}: ${show(history)}`).toBe(true)
  }
}

type Dispatched = Extract<RecordedContactEvent, { readonly type: 'StepDispatched' }>
type Attempt = Pick<StepCall, 'idempotencyKey' | 'attempt'>

function attemptName({ idempotencyKey, attempt }: Attempt): string {
  return `${idempotencyKey} ${attempt}`
}

function show(history: readonly RecordedContactEvent[]): string {
  return history
    .map(({ type, data, version }) => {
      const { sequenceId = '', run = '', stepId = '', attempt = '', resend = '' } = data as { [key: string]: unknown }
      return `${version} ${type} ${sequenceId} ${run} ${stepId} ${attempt}/${resend}`
    })
    .join('\n')
}
