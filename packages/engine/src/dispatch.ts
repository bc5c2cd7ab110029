/**
 * The dispatcher: claims contacts whose wake has come, as many as there are free slots and permits, has their due steps done
 * (`due-work.ts`), and gives the claims back; once (`runDue`) or until told to end (`run`). Rules STEP-7, STOP-6, ONCE-3.
 */
import {
  type Claim,
  type ContactEvent,
  type ContactId,
  epochMsOf,
  type Instant,
  instantOf,
  type ReadModel,
  type WorkerId,
} from '@enfold/core'
import { createBatcher, isFaultOfStore } from './batch.ts'
import { realWait } from './clock.ts'
import { createDueWork, type Holding, type WorkSignals } from './due-work.ts'
import type { DispatchOptions } from './engine-options.ts'
import { yieldToEventLoop } from './event-loop.ts'
import type { EngineContext } from './execute.ts'
import { type FaultWords, wordsOf } from './fault-words.ts'
import type { Kinds } from './kinds.ts'
import { createLeases } from './leases.ts'
import { createLimits } from './limits.ts'
import { createMutex } from './mutex.ts'
import type { Projection } from './projection/projection.ts'
import type { WakeSignal } from './wake-signal.ts'

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
  readonly lastFault: null | (FaultWords & { readonly at: Instant })
}

/** How much `runDue` does, and what ends it before. */
export interface DueOptions {
  readonly limit?: number
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

export interface Dispatcher {
  health(): DispatcherHealth
  runDue(options: DueOptions): Promise<DispatchCounts>
  run(signal: AbortSignal): Promise<void>
  /** Ends `run` if it runs, and waits for everything in flight. */
  close(): Promise<void>
}

/** How many more contacts may be worked on. */
interface Budget {
  capacity: number
}

const WAITING_EVERY_MS = 60_000

type Tally = { -readonly [Key in Exclude<keyof DispatchCounts, 'wakeAt'>]: number }

export function createDispatcher(
  context: EngineContext,
  readModel: ReadModel,
  kinds: Kinds,
  worker: WorkerId,
  options: DispatchOptions,
  wakeSignal: WakeSignal,
  projection: Projection,
): Dispatcher {
  const { clock, observe } = context
  /** Contacts that this worker is at. Never two at once on one, so that whatever is dispatched of it is worked on. */
  const active = new Map<ContactId, Promise<void>>()
  const drains = new Set<Promise<void>>()
  /** Slots and permits that are free must not be given to two who ask at once. */
  const exclusively = createMutex()
  const due = createDueWork(context, readModel, kinds, options)
  const leases = createLeases(readModel, clock, options.leaseMs)
  const limits = createLimits(new Map(Object.entries(options.kinds)), clock)
  const release = createBatcher<Claim, void>(async (claims) => {
    await readModel.release(claims)
    return []
  }, 1000)
  const runs = new Set<Promise<void>>()
  let lastFault: DispatcherHealth['lastFault'] = null
  const closing = new AbortController()
  let toldOfWaitingAt = Number.NEGATIVE_INFINITY
  /** Outcomes that cannot be recorded are given up: the process ends. */
  const abandoned = new AbortController()

  /** Tells, at most once a minute, of kinds that wait for somebody who handles them. */
  async function tellOfWaiting(): Promise<void> {
    const missing = kinds.missing()
    if (missing.length === 0 || performance.now() - toldOfWaitingAt < WAITING_EVERY_MS) return
    toldOfWaitingAt = performance.now()
    const waiting = await readModel.backlog(missing, clock.now())
    if (waiting.length > 0) observe({ type: 'kinds-waiting', kinds: waiting })
  }

  async function runDue(options: DueOptions): Promise<DispatchCounts> {
    const enough = new AbortController()
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => enough.abort(), options.timeoutMs)
    const stop = AbortSignal.any([
      closing.signal,
      enough.signal,
      ...(options.signal === undefined ? [] : [options.signal]),
    ])
    return runDueUntil(options.limit ?? Number.POSITIVE_INFINITY, stop).finally(() => clearTimeout(timer))
  }

  async function runDueUntil(limit: number, stop: AbortSignal): Promise<DispatchCounts> {
    const tally = newTally()
    const budget = { capacity: limit }
    await projection.toHead()
    // What was done has made more due, perhaps of other contacts: until the agenda has all of it, and is empty.
    do await drain(tally, budget, stop)
    while (budget.capacity > 0 && !stop.aborted && (await projection.toHead()))
    await tellOfWaiting()
    return { ...tally, wakeAt: (await nextWake()) ?? (await readModel.nextWake(kinds.capacity(new Map()))) }
  }

  /**
   * When there is something to do: of kinds that a rate holds back, not before it allows another. `null`: nothing, or
   * only what waits for a slot of its kind to be free.
   */
  async function nextWake(): Promise<Instant | null> {
    const now = clock.now()
    const open = await readModel.nextWake(kinds.capacity(limits.capacity()))
    if (open !== null && open <= now) return open
    const waitMs = limits.waitMs()
    const any = waitMs === 0 ? null : await readModel.nextWake(kinds.capacity(new Map()))
    if (any === null) return open
    const limitedMs = Math.max(epochMsOf(any), epochMsOf(now) + Math.ceil(waitMs))
    return instantOf(open === null ? limitedMs : Math.min(epochMsOf(open), limitedMs))
  }

  /** Works until nothing is due, the capacity is used up, or the signal aborts; then waits for what it began. */
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
    const grace = createGracePeriod(stop, options.shutdownMs)
    try {
      // A store that fails for one contact fails for the next: say so instead of working through the agenda.
      while (budget.capacity > 0 && !stop.aborted && failures.length === 0) {
        const claimed = await exclusively(async () => {
          const claimedAtMs = performance.now()
          const claims = await claim(budget)
          if (stop.aborted && claims.length > 0) await readModel.release(claims)
          if (stop.aborted) return 0
          for (const claim of claims) {
            const working = begin({ claim, claimedAtMs }, tally, budget, grace.over).catch((error) => {
              if (isFaultOfStore(error)) failures.push(error)
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
        await yieldToEventLoop()
      }
    } finally {
      await Promise.all(mine)
      grace.end()
    }
    if (failures.length > 0) throw failures[0]
  }

  async function claim(budget: Budget): Promise<readonly Claim[]> {
    const free = Math.min(options.concurrency - active.size, budget.capacity)
    // What is not known to exist cannot be passed over.
    await context.campaigns.fresh()
    return free > 0
      ? readModel.claimDue(clock.now(), worker, free, options.leaseMs, kinds.capacity(limits.capacity()))
      : []
  }

  /** Until some work has ended; and as long as there are free slots, until more may be due: no handler delays others (STEP-7). */
  async function somethingNew(working: Iterable<Promise<void>>, stop: AbortSignal): Promise<void> {
    if (active.size >= options.concurrency) return Promise.race(working)
    const enough = new AbortController()
    const more = rest(AbortSignal.any([stop, enough.signal]))
    await Promise.race([...working, more]).finally(() => enough.abort())
  }

  /** Until the next wake, a notification, or the poll for what other processes have made due. */
  async function rest(stop: AbortSignal): Promise<void> {
    const wakeAt = await nextWake()
    const untilWake = wakeAt === null ? options.pollMs : epochMsOf(wakeAt) - epochMsOf(clock.now())
    if (untilWake > 0) return wakeSignal.sleep(Math.min(options.pollMs, untilWake), stop)
    // Due already: another worker was first, or it fell due since the last look. A short pause, and not of the engine's
    // clock: a simulated one may have been set to this very instant, and stand still.
    await realWait(Math.min(options.pollMs, 5), stop)
  }

  /**
   * One claimed contact, worked on with its permit and given back. Ends when all of it is done; or with a fault, when
   * it cannot be done now. What handlers have answered by then is still recorded when the store is back, and the contact
   * stays with this worker for as long.
   */
  async function begin(holding: Holding, tally: Tally, budget: Budget, giveUp: AbortSignal): Promise<void> {
    const { claim } = holding
    const before = active.get(claim.contactId)
    // By the clock, this worker's own lease ran out while it is still at it (the clock jumped): it keeps the contact.
    if (before !== undefined) return before.then(() => release(claim))
    const stuck = Promise.withResolvers<never>()
    const failed = (error: unknown) => {
      // The claim stays until its lease runs out: that is the pause before the next try.
      lastFault = { at: clock.now(), ...wordsOf(error) }
      observe({ type: 'contact-failed', contactId: claim.contactId, error })
    }
    const onFault = (error: unknown) => {
      failed(error)
      stuck.reject(error)
    }
    const working = workOn(holding, tally, budget, { giveUp, onFault, abandoned: abandoned.signal })
    // Over when all of it is, what is written behind the work too: a claim of one's own that comes in between waits.
    const over = working.catch(failed)
    active.set(claim.contactId, over)
    const done = () => void active.delete(claim.contactId)
    over.then(done, done)
    await Promise.race([working, stuck.promise])
  }

  async function workOn(holding: Holding, tally: Tally, budget: Budget, signals: WorkSignals): Promise<void> {
    const { contactId, kind } = holding.claim
    const giveBack = limits.reserve(kind)
    const letGo = leases.keep(holding)
    // Where the capacity is limited, step by step; what is left of the contact is due at once.
    const working = due.work(holding, budget.capacity === Number.POSITIVE_INFINITY ? 1000 : 1, signals)
    budget.capacity -= 1
    let dispatched = false
    try {
      const { events, held } = await working
      count(tally, events)
      dispatched = events.some((event) => event.type === 'StepDispatched')
      if (events.length === 0) budget.capacity += 1
      // A claim that is given back with a row of before would be due again at once.
      else await projection.show(contactId)
      letGo()
      if (held) await release(holding.claim)
    } finally {
      letGo()
      giveBack(dispatched)
    }
  }

  async function runUntil(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, closing.signal])
    let pauseMs = 100
    while (!stop.aborted) {
      try {
        await drain(newTally(), { capacity: Number.POSITIVE_INFINITY }, stop)
        await tellOfWaiting()
        if (!stop.aborted) await rest(stop)
        pauseMs = 100
      } catch (error) {
        lastFault = { at: clock.now(), ...wordsOf(error) }
        observe({ type: 'loop-failed', error, pauseMs })
        await realWait(pauseMs, stop)
        pauseMs = Math.min(pauseMs * 2, 30_000)
      }
    }
  }

  function run(signal: AbortSignal): Promise<void> {
    const running = runUntil(signal)
    runs.add(running)
    return running.finally(() => runs.delete(running))
  }

  return {
    health: () => ({ running: runs.size > 0, inFlight: due.inFlight(), lastFault }),
    runDue,
    run,
    async close() {
      closing.abort()
      await Promise.allSettled([...drains, ...runs])
      // What is left are outcomes that a store which is away did not take.
      const left = Promise.all(active.values())
      const recorded = new AbortController()
      await Promise.race([left, realWait(options.shutdownMs, recorded.signal)])
      recorded.abort()
      abandoned.abort()
      await left
    },
  }
}

/** After the stop, handlers have so long to end by themselves; then `over` aborts, and what they answer still counts. */
function createGracePeriod(stop: AbortSignal, shutdownMs: number): { readonly over: AbortSignal; end(): void } {
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
