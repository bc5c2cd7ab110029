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
import { type Executed, execute, type Known, load, type Machinery } from './execute.ts'
import { callHandler, type Handlers } from './handler-call.ts'
import { createLimits, type KindLimit } from './limits.ts'
import { projectionOf } from './read-model.ts'

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

export interface Dispatcher {
  runDue(options: { readonly limit?: number }): Promise<DispatchCounts>
  run(signal: AbortSignal): Promise<void>
  /** Ends `run` if it runs, and waits for everything in flight. */
  close(): Promise<void>
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
  const active = new Set<Promise<void>>()
  const limits = createLimits(new Map(Object.entries(options.kinds)), clock)
  /** Keys of the sendings whose handlers run here: none of them has lost its worker. */
  const inFlight = new Set<string>()
  const release = createBatcher<Claim, void>(async (claims) => {
    await readModel.release(claims)
    return []
  }, 1000)
  const closing = new AbortController()
  /** Aborts handlers that outlast the shutdown. */
  const giveUp = new AbortController()

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
  async function drain(tally: Tally, budget: { room: number }, stop: AbortSignal): Promise<void> {
    const mine = new Set<Promise<void>>()
    const failures: unknown[] = []
    // A store that fails for one contact fails for the next: say so instead of working through the agenda.
    while (budget.room > 0 && !stop.aborted && failures.length === 0) {
      const free = Math.min(options.concurrency - active.size, budget.room)
      const claimedAtMs = performance.now()
      const claims = free > 0 ? await readModel.claimDue(clock.now(), worker, free, options.leaseMs, limits.room()) : []
      for (const claim of claims) {
        const permit = limits.reserve(claim.kind)
        const working = work(claim, claimedAtMs, tally, budget, permit).catch((error) => {
          // The claim stays until its lease runs out: that is the pause before the next try.
          observe({ type: 'contact-failed', contactId: claim.contactId, error })
          if (isEnfoldFault(error) && error.code !== 'INVALID_INPUT') failures.push(error)
        })
        mine.add(working)
        active.add(working)
        void working.then(() => {
          mine.delete(working)
          active.delete(working)
        })
      }
      if (claims.length > 0 && active.size < options.concurrency) continue
      if (mine.size === 0) break
      await Promise.race(mine)
      // Others end in the same turn: one claim for all of them.
      await new Promise(setImmediate)
    }
    await Promise.all(mine)
    if (failures.length > 0) throw failures[0]
  }

  /** One claimed contact: what is due of it. */
  async function work(
    claim: Claim,
    claimedAtMs: number,
    tally: Tally,
    budget: { room: number },
    permit: (used: boolean) => void,
  ): Promise<void> {
    let used = false
    try {
      used = await workWithPermit(claim, claimedAtMs, tally, budget)
    } finally {
      permit(used)
    }
  }

  /** Answers whether the claim's permit was used. */
  async function workWithPermit(
    claim: Claim,
    claimedAtMs: number,
    tally: Tally,
    budget: { room: number },
  ): Promise<boolean> {
    const { contactId } = claim
    const limit = budget.room === Number.POSITIVE_INFINITY ? 1000 : 1
    budget.room -= 1
    const executed = await execute(machinery, {
      type: 'DispatchDue',
      commandId: crypto.randomUUID(),
      actor: null,
      contactId,
      inFlight,
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
        inFlight.add(event.data.idempotencyKey)
        try {
          const outcome = await send(event, claimedAtMs, contactId, known)
          if (outcome === null) {
            lost = true
            return
          }
          const recorded = await record(contactId, event.data, outcome, latest)
          latest = recorded.known
          count(tally, recorded.events)
        } finally {
          inFlight.delete(event.data.idempotencyKey)
        }
      }),
    )
    if (!lost) await release(claim)
    return events.some((event) => event.type === 'StepDispatched')
  }

  /** Calls the handler; `null` if it must not be called any more, because the lease may be another's by now. */
  async function send(
    event: ContactEventOf<'StepDispatched'>,
    claimedAtMs: number,
    contactId: ContactId,
    known: Known,
  ): Promise<StepOutcome | null> {
    const { campaignId, sequenceId, run, attempt, resend, idempotencyKey, timing } = event.data
    // A process that stood still (a debugger, a frozen machine) may wake up long after its lease.
    if (performance.now() - claimedAtMs > options.leaseMs - options.handlerTimeoutMs) {
      observe({ type: 'lease-lost', contactId })
      return null
    }
    const step = stepOf(event, known)
    const now = clock.now()
    const lagMs = Math.max(0, epochMsOf(now) - epochMsOf(timing?.dueAt ?? now))
    observe({ type: 'step-dispatched', contactId, attempt: attemptOf(event.data), lagMs })
    const startedAt = performance.now()
    const { outcome, error } = await callHandler(
      handlers,
      { contactId, campaignId, sequenceId, run, step, facts: known.facts ?? {}, attempt, resend, idempotencyKey },
      options.handlerTimeoutMs,
      giveUp.signal,
    )
    observe({
      type: 'step-answered',
      contactId,
      attempt: attemptOf(event.data),
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
    while (!stop.aborted) {
      try {
        await Promise.race([drain(newTally(), { room: Number.POSITIVE_INFINITY }, stop), aborted(stop)])
        if (stop.aborted) break
        const wakeAt = await nextWake()
        const untilWake = wakeAt === null ? options.pollMs : epochMsOf(wakeAt) - epochMsOf(clock.now())
        // Due already, and yet nothing was to be had: another worker was first. Not at once again.
        await sleeper.sleep(Math.min(options.pollMs, untilWake > 0 ? untilWake : 5), stop)
        pauseMs = 100
      } catch (error) {
        observe({ type: 'loop-failed', error, pauseMs })
        await realWait(pauseMs, stop)
        pauseMs = Math.min(pauseMs * 2, 30_000)
      }
    }
    await finish()
  }

  /** Waits for handlers in flight up to the deadline, then aborts them; what they answer to that is still recorded. */
  async function finish(): Promise<void> {
    const done = new AbortController()
    void realWait(options.shutdownMs, done.signal).then(() => {
      if (!done.signal.aborted) giveUp.abort()
    })
    while (active.size > 0) await Promise.allSettled(active)
    done.abort()
  }

  return {
    runDue,
    run,
    async close() {
      closing.abort()
      await finish()
    },
  }
}

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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
