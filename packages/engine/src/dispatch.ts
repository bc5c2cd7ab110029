/**
 * The dispatcher: due steps become deeds, exactly as recorded. The life of a step, from top to bottom:
 * claim the contact → decide what is due → append `StepDispatched` → call the handler → append the outcome → release.
 * Rules STEP-4 to STEP-9, STOP-6, GOAL-12, ONCE-3.
 */
import {
  type AttemptRef,
  type Claim,
  type ContactEvent,
  type ContactEventOf,
  type ContactId,
  epochMsOf,
  type Facts,
  type FaultCode,
  type Instant,
  instantOf,
  isEnfoldFault,
  isLeft,
  type ReadModel,
  type RecordOutcome,
  type Run,
  runOf,
  type StepDefinition,
  type StepOutcome,
  type WorkerId,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import { realWait } from './clock.ts'
import { factsOf } from './directory.ts'
import { type Executed, execute, type Known, load, type Machinery } from './execute.ts'
import { callHandler, type Handlers, longestCallMs } from './handler-call.ts'
import { createLimits, type KindLimit } from './limits.ts'
import { projectionOf } from './read-model.ts'
import { inSpan } from './telemetry.ts'

export interface DispatchOptions {
  /** How many contacts are worked on at once. Default 50. */
  readonly concurrency: number
  /** Limits of single kinds of steps, by kind. What a kind's limit holds back holds up no other kind. Default: none. */
  readonly kinds: { readonly [kind: string]: KindLimit }
  /** How long a handler may take, in real time. Default 30,000. */
  readonly handlerTimeoutMs: number
  /** How long a claim keeps other workers away. Must be longer than `handlerTimeoutMs`. Default 60,000. */
  readonly leaseMs: number
  /** How often `run` looks for what other processes have made due. Default 1,000. */
  readonly pollMs: number
  /** How long `run` waits for handlers when it is told to end. Default 10,000. */
  readonly shutdownMs: number
  /** First wait after a failure; doubles with each attempt up to `capMs`, and a random part of it is taken. */
  readonly backOff: { readonly baseMs: number; readonly capMs: number }
}

/** What a dispatch came to. */
export interface DispatchCounts {
  /** Handlers called. */
  readonly dispatched: number
  readonly sent: number
  /** By the engine (draft, late, …) or by a handler. */
  readonly skipped: number
  /** For good; attempts that will be repeated are `dispatched` only. */
  readonly failed: number
  /** Runs that came to their end. */
  readonly completed: number
  /** When to look again; `null`: nothing is ever due, as things stand. */
  readonly wakeAt: Instant | null
}

/** How the dispatcher of this process stands. */
export interface DispatcherHealth {
  /** Whether `run` is at work. */
  readonly running: boolean
  /** Handlers that were called and have not answered. */
  readonly inFlight: number
  /** The last fault that it met, and when; `null`: none so far. */
  readonly lastFault: null | { readonly at: Instant; readonly message: string }
}

export interface Dispatcher {
  health(): DispatcherHealth
  runDue(options: { readonly limit?: number }): Promise<DispatchCounts>
  run(signal: AbortSignal): Promise<void>
  /** Ends `run` if it runs, and waits for everything in flight. */
  close(): Promise<void>
}

/** How many more contacts may be worked on. */
interface Budget {
  room: number
}

type Tally = { -readonly [Key in Exclude<keyof DispatchCounts, 'wakeAt'>]: number }

export function createDispatcher(
  machinery: Machinery,
  readModel: ReadModel,
  handlers: Handlers,
  worker: WorkerId,
  options: DispatchOptions,
  sleeper: { sleep(ms: number, signal: AbortSignal): Promise<void> },
): Dispatcher {
  const { clock, observe, random } = machinery
  /** Contacts that this worker is at. Never two at once on one, so that whatever is dispatched of it is in good hands. */
  const active = new Map<ContactId, Promise<void>>()
  const drains = new Set<Promise<void>>()
  const inTurn = createTurns()
  const limits = createLimits(new Map(Object.entries(options.kinds)), clock)
  const release = createBatcher<Claim, void>(async (claims) => {
    await readModel.release(claims)
    return []
  }, 1000)
  let running = 0
  let inFlight = 0
  let lastFault: DispatcherHealth['lastFault'] = null
  const closing = new AbortController()

  async function runDue({ limit = Number.POSITIVE_INFINITY }: { readonly limit?: number }): Promise<DispatchCounts> {
    const tally: Tally = { dispatched: 0, sent: 0, skipped: 0, failed: 0, completed: 0 }
    await drain(tally, { room: limit }, closing.signal)
    return { ...tally, wakeAt: await nextWake() }
  }

  /** When there is something to do: not before the rates allow it, where only they hold it back. */
  async function nextWake(): Promise<Instant | null> {
    const wakeAt = await readModel.nextWake()
    const now = clock.now()
    const waitMs = limits.waitMs()
    return wakeAt === null || wakeAt > now || waitMs === 0 ? wakeAt : instantOf(epochMsOf(now) + Math.ceil(waitMs))
  }

  /** Works until nothing is due, the room is used up, or the signal aborts; then waits for what it began. */
  function drain(tally: Tally, budget: Budget, stop: AbortSignal): Promise<void> {
    const draining = drainUntil(tally, budget, stop)
    drains.add(draining)
    const ended = () => void drains.delete(draining)
    draining.then(ended, ended)
    return draining
  }

  async function drainUntil(tally: Tally, budget: Budget, stop: AbortSignal): Promise<void> {
    const mine = new Set<Promise<void>>()
    const failures: unknown[] = []
    const patience = createPatience(stop, options.shutdownMs)
    try {
      // A store that fails for one contact fails for the next: say so instead of working through the agenda.
      while (budget.room > 0 && !stop.aborted && failures.length === 0) {
        const claimed = await inTurn(async () => {
          const claimedAtMs = performance.now()
          const claims = await claim(budget)
          if (stop.aborted && claims.length > 0) await readModel.release(claims)
          if (stop.aborted) return 0
          for (const one of claims) {
            const working = begin(one, claimedAtMs, tally, budget, patience.over).catch((error) => {
              // The claim stays until its lease runs out: that is the pause before the next try.
              lastFault = { at: clock.now(), message: String(error) }
              observe({ type: 'contact-failed', contactId: one.contactId, error })
              if (isEnfoldFault(error) && FAULTS_OF_STORE.has(error.code)) failures.push(error)
            })
            mine.add(working)
            void working.then(() => mine.delete(working))
          }
          return claims.length
        })
        if (claimed > 0 && active.size < options.concurrency) continue
        if (mine.size === 0 && active.size < options.concurrency) break
        await somethingNew(mine.size > 0 ? mine : active.values(), stop)
        // Others end in the same turn: one claim for all of them.
        await new Promise(setImmediate)
      }
    } finally {
      await Promise.all(mine)
      patience.end()
    }
    if (failures.length > 0) throw failures[0]
  }

  async function claim(budget: Budget): Promise<readonly Claim[]> {
    const free = Math.min(options.concurrency - active.size, budget.room)
    return free > 0 ? readModel.claimDue(clock.now(), worker, free, options.leaseMs, limits.room()) : []
  }

  /** Until some work has ended; and as long as there are free hands, until more may be due: no handler delays others (STEP-7). */
  async function somethingNew(working: Iterable<Promise<void>>, stop: AbortSignal): Promise<void> {
    if (active.size >= options.concurrency) return Promise.race(working)
    const enough = new AbortController()
    const more = rest(AbortSignal.any([stop, enough.signal]))
    await Promise.race([...working, more]).finally(() => enough.abort())
  }

  /** Until the next wake, a ring of the doorbell, or the poll for what other processes have made due. */
  async function rest(stop: AbortSignal): Promise<void> {
    const wakeAt = await nextWake()
    const untilWake = wakeAt === null ? options.pollMs : epochMsOf(wakeAt) - epochMsOf(clock.now())
    // Due already, and yet nothing was to be had: another worker was first. Not at once again.
    await sleeper.sleep(Math.min(options.pollMs, untilWake > 0 ? untilWake : 5), stop)
  }

  /** One claimed contact: what is due of it. */
  async function begin(
    claim: Claim,
    claimedAtMs: number,
    tally: Tally,
    budget: Budget,
    giveUp: AbortSignal,
  ): Promise<void> {
    const { contactId } = claim
    const before = active.get(contactId)
    // By the clock, this worker's own lease ran out while it is still at it (the clock jumped): it keeps the contact.
    if (before !== undefined) return before.then(() => release(claim))
    const permit = limits.reserve(claim.kind)
    let used = false
    const working = workWithPermit(claim, claimedAtMs, tally, budget, giveUp).then((dispatched) => {
      used = dispatched
    })
    active.set(
      contactId,
      working.catch(() => {}),
    )
    try {
      await working
    } finally {
      active.delete(contactId)
      permit(used)
    }
  }

  /** Answers whether the claim's permit was used. */
  async function workWithPermit(
    claim: Claim,
    claimedAtMs: number,
    tally: Tally,
    budget: Budget,
    giveUp: AbortSignal,
  ): Promise<boolean> {
    const { contactId } = claim
    const limit = budget.room === Number.POSITIVE_INFINITY ? 1000 : 1
    budget.room -= 1
    const executed = await execute(machinery, {
      type: 'DispatchDue',
      commandId: crypto.randomUUID(),
      actor: null,
      contactId,
      inFlight: new Set(),
      limit,
      // One of the kind that the claim was made for; another kind that has a limit waits for a claim of its own.
      permits: new Map(Object.keys(options.kinds).map((kind) => [kind, kind === claim.kind ? 1 : 0])),
    })
    if (isLeft(executed)) throw new Error(`The dispatcher was refused: ${executed.left.type}`)
    const { events, known } = executed.right
    count(tally, events)
    if (events.length === 0) {
      // Claimed, but nothing is due: the contact's facts have changed since its wake was written.
      const loaded = await load(machinery, contactId)
      await readModel.restore(projectionOf(machinery, contactId, loaded))
      budget.room += 1
    }
    let lost = false
    let latest: Known = known
    await Promise.all(
      events.map(async (event) => {
        if (event.type !== 'StepDispatched') return
        const outcome = await send(event, claimedAtMs, contactId, known, giveUp)
        if (outcome === null) {
          lost = true
          return
        }
        const facts = await factsBehind(contactId, known.facts)
        const recorded = await record(contactId, event.data, outcome, { ...latest, facts })
        latest = recorded.known
        count(tally, recorded.events)
      }),
    )
    if (!lost) await release(claim)
    return events.some((event) => event.type === 'StepDispatched')
  }

  /**
   * The facts behind a step: it may have changed them itself, and routes and timers read them (ROUTE-1). Where the
   * directory fails just then, those before it must do: an outcome that is not recorded would be sent again.
   */
  async function factsBehind(contactId: ContactId, before: Facts | null): Promise<Facts | null> {
    return factsOf(machinery.directory, contactId).catch(() => before)
  }

  /** Calls the handler; `null` if it must not be called any more, because the lease may be another's by now. */
  async function send(
    event: ContactEventOf<'StepDispatched'>,
    claimedAtMs: number,
    contactId: ContactId,
    known: Known,
    giveUp: AbortSignal,
  ): Promise<StepOutcome | null> {
    const { campaignId, sequenceId, run, attempt, resend, idempotencyKey, timing } = event.data
    // A process that stood still (a debugger, a frozen machine) may wake up long after its lease.
    if (performance.now() - claimedAtMs > options.leaseMs - longestCallMs(options.handlerTimeoutMs)) {
      observe({ type: 'lease-lost', contactId })
      return null
    }
    const step = stepOf(event, known)
    const now = clock.now()
    const lagMs = Math.max(0, epochMsOf(now) - epochMsOf(timing?.dueAt ?? now))
    observe({ type: 'step-dispatched', contactId, attempt: attemptOf(event.data), kind: step.kind, lagMs })
    const startedAt = performance.now()
    const call = {
      contactId,
      campaignId,
      sequenceId,
      run,
      step,
      facts: known.facts ?? {},
      attempt,
      resend,
      idempotencyKey,
    }
    const { outcome, error } = await inSpan(
      'enfold.dispatch',
      { 'enfold.contact': contactId, 'enfold.campaign': campaignId, 'enfold.step': step.id, 'enfold.kind': step.kind },
      async (span) => {
        inFlight += 1
        const answered = await callHandler(handlers, call, options.handlerTimeoutMs, giveUp).finally(() => {
          inFlight -= 1
        })
        span.setAttribute('enfold.outcome', answered.outcome.outcome)
        if (answered.error !== undefined) span.recordException(answered.error as Error)
        return answered
      },
    )
    observe({
      type: 'step-answered',
      contactId,
      attempt: attemptOf(event.data),
      kind: step.kind,
      outcome,
      durationMs: performance.now() - startedAt,
      ...(error === undefined ? {} : { error }),
    })
    return outcome
  }

  function stepOf({ data }: ContactEventOf<'StepDispatched'>, { state }: Known): StepDefinition {
    const { campaignVersion } = runOf(state, data) as Run
    const { campaign } = machinery.campaigns.catalog.version(data.campaignId, campaignVersion)
    return campaign.sequences.get(data.sequenceId)?.steps.find((step) => step.id === data.stepId) as StepDefinition
  }

  async function record(
    contactId: ContactId,
    { idempotencyKey, ...attempt }: ContactEventOf<'StepDispatched'>['data'],
    outcome: StepOutcome,
    known: Known,
  ): Promise<Executed<RecordOutcome>> {
    const ref = attemptOf(attempt)
    const command: RecordOutcome = {
      type: 'RecordOutcome',
      // The same for the same attempt, so that recording it twice is recording it once.
      commandId: `outcome:${idempotencyKey}:${attempt.attempt}`,
      actor: null,
      contactId,
      ...ref,
      outcome,
      retryAt: retryAt(ref.attempt, outcome),
    }
    const executed = await execute(machinery, command, known)
    if (isLeft(executed)) throw new Error(`An outcome was refused: ${executed.left.type}`)
    if (executed.right.answer.outcome === 'stale') observe({ type: 'outcome-stale', contactId, attempt: ref })
    return executed.right
  }

  /** Capped exponential back-off with full jitter, never before what the handler was told. */
  function retryAt(attempt: number, outcome: StepOutcome): Instant {
    const { baseMs, capMs } = options.backOff
    const jittered = random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
    const asked = outcome.outcome === 'failed' ? (outcome.retryAfterMs ?? 0) : 0
    return instantOf(epochMsOf(clock.now()) + Math.max(jittered, asked))
  }

  async function run(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, closing.signal])
    let pauseMs = 100
    running += 1
    while (!stop.aborted) {
      try {
        await drain(newTally(), { room: Number.POSITIVE_INFINITY }, stop)
        if (!stop.aborted) await rest(stop)
        pauseMs = 100
      } catch (error) {
        lastFault = { at: clock.now(), message: String(error) }
        observe({ type: 'loop-failed', error, pauseMs })
        await realWait(pauseMs, stop)
        pauseMs = Math.min(pauseMs * 2, 30_000)
      }
    }
    running -= 1
  }

  return {
    health: () => ({ running: running > 0, inFlight, lastFault }),
    runDue,
    run,
    async close() {
      closing.abort()
      await Promise.allSettled(drains)
    },
  }
}

/** One after the other: hands and permits that are free must not be given to two who ask at once. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
}

/** After the stop, handlers have so long to end by themselves; then `over` aborts, and what they answer still counts. */
function createPatience(stop: AbortSignal, shutdownMs: number): { readonly over: AbortSignal; end(): void } {
  const over = new AbortController()
  const ended = new AbortController()
  const stopped = async () => {
    await realWait(shutdownMs, ended.signal)
    if (!ended.signal.aborted) over.abort()
  }
  stop.addEventListener('abort', stopped)
  return {
    over: over.signal,
    end() {
      stop.removeEventListener('abort', stopped)
      ended.abort()
    },
  }
}

/** Faults that every contact meets. Any other is one contact's own affair, and harms nobody else (STEP-7). */
const FAULTS_OF_STORE: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'CLOSED',
  'STORE_UNAVAILABLE',
  'STORE_BUSY',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'STORE_INCOMPATIBLE',
])

function newTally(): Tally {
  return { dispatched: 0, sent: 0, skipped: 0, failed: 0, completed: 0 }
}

function count(tally: Tally, events: readonly ContactEvent[]): void {
  for (const event of events) {
    if (event.type === 'StepDispatched') tally.dispatched += 1
    else if (event.type === 'StepSent') tally.sent += 1
    else if (event.type === 'StepSkipped') tally.skipped += 1
    else if (event.type === 'StepFailed' && event.data.consequence !== 'retry') tally.failed += 1
    else if (event.type === 'SequenceCompleted') tally.completed += 1
  }
}

function attemptOf({ campaignId, sequenceId, run, stepId, resend, attempt }: AttemptRef): AttemptRef {
  return { campaignId, sequenceId, run, stepId, resend, attempt }
}
