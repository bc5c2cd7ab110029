/**
 * For tests and for `pnpm soak:attack`: one story of a campaign, played by two processes on one log, with one fault at
 * one call of the first one's store. Every call and every fault can be chosen; what must hold afterwards is checked.
 */
import {
  contactStream,
  type Either,
  EnfoldFault,
  isContactEvent,
  isEnfoldFault,
  isLeft,
  type RecordedEvent,
  type Rejection,
  type Store,
} from '@enfold/core'
import { verify } from '@enfold/core/log'
import { createSimulatedClock } from '@enfold/testkit'
import { createGate, MONDAY, onAnn, pool } from './engine.fixture.ts'
import { createEngine, type Engine } from './engine.ts'

/** What happens at the chosen call. */
export const FAULTS = [
  /** Nothing is done, and the call fails. */
  'failed',
  /** It is done, and the answer is lost. */
  'lost',
  /** It is done twice, as where a network repeats a request. */
  'doubled',
  /** The process stands still before the call, while the other one goes on and leases run out. */
  'held-before',
  /** The process stands still after the call. */
  'held-after',
] as const
/** How long a process stands still: longer than its leases. */
const STOOD_STILL_MS = 120_000

export type FaultKind = (typeof FAULTS)[number]

/** Two handles on one empty log, as two processes have them. */
export interface Pair {
  readonly stores: readonly [Store, Store]
  /**
   * A log that checks nothing besides the stream in its append: a process that stands still for longer than `gateMs`
   * may act on a campaign that was withdrawn meanwhile, as the guide says. Default: the append checks it.
   */
  readonly isUnchecked?: boolean
  close(): Promise<void>
}

/** The same store twice, where it is one process's, or two handles on what it holds. */
export function pairOf(one: Store, other: Store): Pair {
  return {
    stores: [one, other],
    async close() {
      for (const store of new Set([one, other])) await store.close()
    },
  }
}

interface Injection {
  /** How many calls there were. */
  readonly calls: () => number
  /** The name of the call that was chosen; `null`: the story did not come to it. */
  readonly hit: () => string | null
  /** Resolves when the process stands still. */
  readonly held: Promise<void>
  release(): void
}

/**
 * The store with a fault at its `at`-th call, counted from 1 over all methods.
 * `close` is not counted: it is the host's.
 */
function inject(store: Store, kind: FaultKind, at: number): { readonly store: Store; readonly injection: Injection } {
  let calls = 0
  let hit: string | null = null
  const held = createGate()
  const released = createGate()
  const standStill = async () => {
    held.open()
    await released.passed
  }
  const unavailable = () => new EnfoldFault('STORE_UNAVAILABLE', 'The connection was lost.')

  async function once(method: (...given: unknown[]) => Promise<unknown>, given: readonly unknown[]): Promise<unknown> {
    if (kind === 'failed') throw unavailable()
    if (kind === 'held-before') await standStill()
    const answer = await method(...given)
    if (kind === 'lost') throw unavailable()
    if (kind === 'held-after') await standStill()
    return kind === 'doubled' ? method(...given) : answer
  }

  async function* stream(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    if (kind === 'failed') throw unavailable()
    if (kind === 'held-before') await standStill()
    for await (const item of items) {
      yield item
      if (kind === 'lost') throw unavailable()
      if (kind === 'doubled') yield item
    }
    if (kind === 'held-after') await standStill()
  }

  const faulty = new Proxy(store, {
    get(target, name: keyof Store) {
      const member = target[name]
      if (typeof member !== 'function' || name === 'close') return member
      const method = member.bind(target) as (...given: unknown[]) => never
      return (...given: unknown[]) => {
        calls += 1
        const isChosen = calls === at
        if (isChosen) hit = name
        if (STREAMS.has(name)) return isChosen ? stream(method(...given)) : method(...given)
        return isChosen ? once(method, given) : method(...given)
      }
    },
  })
  return {
    store: faulty,
    injection: { calls: () => calls, hit: () => hit, held: held.passed, release: released.open },
  }
}

const STREAMS: ReadonlySet<string> = new Set<keyof Store>(['readAll', 'readStream', 'subscribe'])

/** What one story came to. `broken` is empty where every promise was kept. */
export interface Verdict {
  readonly calls: number
  readonly hit: string | null
  readonly broken: readonly string[]
}

/**
 * Plays a story with one fault. `at` beyond the last call plays it without one, and tells how many calls there are.
 *
 * @example
 * const { calls } = await attack(open, STORIES.orders, 'lost', Number.POSITIVE_INFINITY)
 * for (let at = 1; at <= calls; at++) expect((await attack(open, STORIES.orders, 'lost', at)).broken).toEqual([])
 */
export async function attack(
  open: () => Promise<Pair> | Pair,
  story: Story,
  kind: FaultKind,
  at: number,
): Promise<Verdict> {
  const pair = await open()
  const { store, injection } = inject(pair.stores[0], kind, at)
  const clock = createSimulatedClock(MONDAY)
  const called: string[] = []
  const engineOver = (one: Store) =>
    createEngine({
      store: one,
      clock,
      random: () => 0,
      // An unpublishing waits so long where the log cannot check in the append what it rests on.
      gateMs: 100,
      handlers: {
        email({ idempotencyKey }) {
          called.push(idempotencyKey)
          return { outcome: 'sent' }
        },
        task: () => ({ outcome: 'sent' }),
      },
    })
  const [first, other] = [engineOver(store), engineOver(pair.stores[1])]
  // Where index and agenda are kept apart from the log, somebody must feed them.
  const end = new AbortController()
  const feeding = other.project({ signal: end.signal })
  const broken: string[] = []
  let world: 'waiting' | 'over' = 'waiting'

  /** The first process does it; where it stands still, the other one is asked for the same, and life goes on. */
  async function does(deed: Deed): Promise<void> {
    const doing = surely(() => deed(first))
    const isHeld = await Promise.race([doing.then(() => false), injection.held.then(() => true)])
    if (isHeld && world === 'waiting') {
      world = 'over'
      clock.advance(STOOD_STILL_MS)
      for (const one of story.meanwhile(deed)) await surely(() => one(other))
      await surely(() => other.runDue())
      injection.release()
    }
    await doing
  }

  try {
    for (const chapter of story.chapters) {
      if (typeof chapter === 'string') clock.advance(chapter)
      else await does(chapter)
    }
    await comeToRest(other, clock)
    broken.push(...(await whatIsBroken(pair, other, called, kind)), ...story.broken(await logOf(pair.stores[1])))
  } catch (error) {
    broken.push(`the story did not come to its end: ${error instanceof Error ? error.stack : String(error)}`)
  } finally {
    injection.release()
    end.abort()
    await Promise.allSettled([feeding, first.close(), other.close()])
    await pair.close()
  }
  return { calls: injection.calls(), hit: injection.hit(), broken }
}

type Deed = (engine: Engine) => Promise<unknown>

export interface Story {
  /** Orders, each with an id of its own, the steps that they make due, and the time between. */
  readonly chapters: readonly (Deed | string)[]
  /** What the other process does while the first one stands still at a deed. */
  meanwhile(deed: Deed): readonly Deed[]
  /** What must hold of the log besides, each broken promise in a sentence. */
  broken(log: readonly RecordedEvent[]): readonly string[]
}

const publish: Deed = (engine) => answered(engine.publish(pool, { actor: 'mia', commandId: 'publish' }))
const withdraw: Deed = (engine) =>
  answered(engine.unpublish('pool', { actor: 'mia', commandId: 'withdraw', stopRuns: true }))

const orders: Story = {
  chapters: [
    publish,
    (engine) =>
      answered(
        engine.signal({
          contactId: 'ann',
          kind: 'form-submitted',
          data: { form: 'guide' },
          signalId: 'asked',
          occurredAt: MONDAY,
        }),
      ),
    (engine) => answered(engine.startSequence(on('bob', 'start bob'))),
    (engine) => answered(engine.startSequence(on('cid', 'start cid'))),
    // Two steps of one contact at once, so that their outcomes meet.
    (engine) => answered(engine.startSequence(on('dan', 'start dan'))),
    (engine) => answered(engine.startSequence({ ...on('dan', 'welcome dan'), sequenceId: 'onboarding' })),
    (engine) => engine.runDue(),
    (engine) => answered(engine.stopSequence(on('bob', 'stop bob'))),
    (engine) => answered(engine.pauseSequence(on('cid', 'pause cid'))),
    'P1D',
    (engine) => engine.runDue(),
    (engine) =>
      answered(engine.signal({ contactId: 'ann', kind: 'purchased', signalId: 'bought', occurredAt: MONDAY })),
    (engine) => answered(engine.resumeSequence({ ...on('cid', 'resume cid'), shift: true })),
    (engine) => engine.runDue(),
    'P1D',
    (engine) => engine.runDue(),
    (engine) => answered(engine.resendStep({ ...on('cid', 'resend cid'), stepId: 'one' })),
    (engine) => answered(engine.restartSequence(on('bob', 'restart bob'))),
    (engine) => engine.runDue(),
    (engine) => answered(engine.suppress({ contactId: 'bob', until: null, actor: 'olga', commandId: 'ban bob' })),
    'P1D',
    (engine) => engine.runDue(),
  ],
  meanwhile: (deed) => [
    deed,
    (engine) => answered(engine.stopSequence(onAnn('nurture', { commandId: 'while one stood still' }))),
  ],
  broken(log) {
    const runsOf = (contactId: string) =>
      log.filter((event) => event.type === 'SequenceStarted' && isOf(event, contactId) && nurtures(event)).length
    return Object.entries({ bob: 2, cid: 1, dan: 1 }).flatMap(([contactId, runs]) =>
      runsOf(contactId) === runs ? [] : [`ONCE-1: ${contactId} has ${runsOf(contactId)} runs of nurture, not ${runs}`],
    )
  },
}

/** A campaign is withdrawn while others start its sequences and do its steps. */
const withdrawn: Story = {
  chapters: [
    publish,
    (engine) => answered(engine.startSequence(on('ann', 'start ann'))),
    (engine) => engine.runDue(),
    (engine) => answered(engine.startSequence(on('bob', 'start bob'))),
    (engine) =>
      answered(
        engine.signal({
          contactId: 'cid',
          kind: 'form-submitted',
          data: { form: 'guide' },
          signalId: 'asked',
          occurredAt: MONDAY,
        }),
      ),
    'P1D',
    (engine) => engine.runDue(),
    withdraw,
    'P1D',
    (engine) => engine.runDue(),
  ],
  meanwhile: () => [withdraw],
  broken(log) {
    const opened = log.filter(({ type }) => type === 'SequenceStarted').length
    const ended = log.filter(({ type }) => type === 'SequenceStopped' || type === 'SequenceCompleted').length
    return opened === ended ? [] : [`VERSION-3: of ${opened} runs of a campaign that was withdrawn only ${ended} ended`]
  },
}

export const STORIES = { orders, withdrawn }

function on(contactId: string, commandId: string) {
  return { contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'olga', commandId }
}

class Refused extends Error {
  constructor(rejection: Rejection) {
    super(`Rejected: ${JSON.stringify(rejection)}`)
  }
}

async function answered(given: Promise<Either<Rejection, unknown>>): Promise<void> {
  const either = await given
  // What was withdrawn or not sent meanwhile cannot be started or sent again: that is an answer, too.
  if (isLeft(either) && !LATE.has(either.left.type)) throw new Refused(either.left)
}

const LATE: ReadonlySet<Rejection['type']> = new Set<Rejection['type']>([
  'StepNotReached',
  'StepInFlight',
  'CampaignNotPublished',
  'CampaignUnknown',
])

/** Again after a fault of the store, with the same ids, as a host would. */
async function surely(deed: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      await deed()
      return
    } catch (error) {
      if (attempt === 5 || !isEnfoldFault(error)) throw error
    }
}

/** Until nothing is due any more: leases of who stood still run out, and waits end. */
async function comeToRest(engine: Engine, clock: ReturnType<typeof createSimulatedClock>): Promise<void> {
  for (let look = 0; look < 50; look++) {
    clock.advance('PT2M')
    const { wakeAt } = await engine.runDue()
    if (wakeAt === null) return
    if (wakeAt > clock.now()) clock.set(wakeAt)
  }
  throw new Error('After 50 looks something is still due.')
}

/** Every promise that this story can break, each in a sentence. */
async function whatIsBroken(
  { stores: [, store], isUnchecked = false }: Pair,
  engine: Engine,
  called: readonly string[],
  kind: FaultKind,
): Promise<string[]> {
  const broken: string[] = []
  const log = await logOf(store)
  const report = await verify(log, isUnchecked ? { gateMs: STOOD_STILL_MS } : {})
  for (const fault of report.faults) broken.push(`AUDIT-4: ${JSON.stringify(fault)}`)

  const ofSteps = log.filter(isContactEvent)
  const dispatched = ofSteps.flatMap((event) => (event.type === 'StepDispatched' ? [event.data] : []))
  const times = new Map<string, number>()
  for (const key of called) times.set(key, (times.get(key) ?? 0) + 1)
  // A process that stands still for longer than its lease may be taken for dead: then at least once (STEP-6).
  const most = kind.startsWith('held') ? 2 : 1
  for (const [key, count] of times) {
    if (count > most) broken.push(`STEP-4: ${key} was handed over ${count} times`)
    if (!dispatched.some(({ idempotencyKey }) => idempotencyKey === key))
      broken.push(`STEP-4: ${key} is not in the log`)
  }
  for (const data of dispatched) {
    const isResolved = ofSteps.some(
      (event) =>
        (event.type === 'StepSent' || event.type === 'StepFailed') &&
        event.data.stepId === data.stepId &&
        event.data.run === data.run &&
        event.data.sequenceId === data.sequenceId,
    )
    if (!isResolved) broken.push(`STEP-6: ${data.idempotencyKey} has no outcome`)
  }
  const { differences, counters } = await engine.verifyIndex()
  for (const difference of differences) broken.push(`INDEX-3: ${JSON.stringify(difference)}`)
  for (const difference of counters) broken.push(`FUNNEL-2: ${JSON.stringify(difference)}`)
  return broken
}

async function logOf(store: Store): Promise<readonly RecordedEvent[]> {
  const log: RecordedEvent[] = []
  for await (const event of store.readAll()) log.push(event)
  return log
}

function isOf(event: RecordedEvent, contactId: string): boolean {
  return event.stream === contactStream(contactId)
}

function nurtures({ data }: RecordedEvent): boolean {
  return 'sequenceId' in data && data.sequenceId === 'nurture'
}
