/**
 * The dispatcher: claims contacts whose wake has come, as many as there are free slots and permits (`drain.ts`), has their
 * due steps done (`due-work.ts`), and gives the claims back; once (`runDue`) or until told to end (`run`). Rules STEP-7,
 * STOP-6, ONCE-3.
 */
import { EnfoldFault, type Instant } from '@enfold/core'
import { realWait } from '../clock.ts'
import { type FaultWords, wordsOf } from '../fault-words.ts'
import { createInFlight, type InFlight } from '../in-flight.ts'
import { createDispatching, type DispatcherParts, type Dispatching } from './dispatching.ts'
import { drain, nextWake, rest } from './drain.ts'
import type { DrainPace } from './paces.ts'
import { type DispatchCounts, newTally } from './tally.ts'

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
  drain(pace: DrainPace, signal: AbortSignal): Promise<DispatchCounts>
  /** Ends `run` if it runs, and waits for everything in flight. */
  close(): Promise<void>
}

const WAITING_EVERY_MS = 60_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 30_000

export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { context, options } = parts
  let lastFault: DispatcherHealth['lastFault'] = null
  const dispatching = createDispatching(parts, (error) => {
    lastFault = { at: context.clock.now(), ...wordsOf(error) }
  })
  const drains = createInFlight()
  const runs = createInFlight()
  const closing = new AbortController()
  const tellOfWaiting = createWaitingReport(parts)
  return {
    health: () => ({ running: runs.size > 0, inFlight: dispatching.due.inFlight(), lastFault }),
    async runDue({ limit = Number.POSITIVE_INFINITY, signal, timeoutMs }) {
      const enough = new AbortController()
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => enough.abort(), timeoutMs)
      const stop = AbortSignal.any([closing.signal, enough.signal, ...(signal === undefined ? [] : [signal])])
      return runDue(dispatching, drains, limit, stop, tellOfWaiting).finally(() => clearTimeout(timer))
    },
    run: (signal) =>
      runs.track(runUntil(dispatching, drains, AbortSignal.any([signal, closing.signal]), tellOfWaiting)),
    drain: (pace, signal) => drainOverdue(dispatching, drains, pace, AbortSignal.any([signal, closing.signal])),
    async close() {
      closing.abort()
      await Promise.all([drains.settled(), runs.settled()])
      // What is left are outcomes that a store which is away did not take.
      const left = Promise.all(dispatching.active.values())
      const recorded = new AbortController()
      await Promise.race([left, realWait(options.shutdownMs, recorded.signal)])
      recorded.abort()
      dispatching.abandoned.abort()
      await left
    },
  }
}

async function runDue(
  dispatching: Dispatching,
  drains: InFlight,
  limit: number,
  stop: AbortSignal,
  tellOfWaiting: () => Promise<void>,
): Promise<DispatchCounts> {
  const { kinds, projection, readModel } = dispatching
  const tally = newTally()
  const budget = { capacity: limit }
  await projection.toHead()
  // What was done has made more due, perhaps of other contacts: until the agenda has all of it, and is empty.
  do await drains.track(drain(dispatching, tally, budget, stop))
  while (budget.capacity > 0 && !stop.aborted && (await projection.toHead()))
  await tellOfWaiting()
  const wakeAt = (await nextWake(dispatching)) ?? (await readModel.nextWake(kinds.capacity(new Map())))
  return { ...tally, wakeAt }
}

/**
 * Works until nothing that was overdue at the call is left. What cannot be put into the lane of the pace, because this
 * worker has no handler for it or its campaign is paused, is not waited for.
 */
async function drainOverdue(
  dispatching: Dispatching,
  drains: InFlight,
  pace: DrainPace,
  stop: AbortSignal,
): Promise<DispatchCounts> {
  const { kinds, limits, projection, readModel } = dispatching
  if (dispatching.context.campaigns.catalog.drained.at !== null)
    throw EnfoldFault.unshownInput('drain', 'is called while another goes on', 'one at a time')
  const tally = newTally()
  limits.drain(pace)
  try {
    for (;;) {
      await projection.toHead()
      await drains.track(drain(dispatching, tally, { capacity: Number.POSITIVE_INFINITY }, stop))
      if (stop.aborted || !limits.isDraining()) break
      await rest(dispatching, stop)
      await limits.look()
    }
  } finally {
    limits.drain(null)
  }
  const wakeAt = (await nextWake(dispatching)) ?? (await readModel.nextWake(kinds.capacity(new Map())))
  return { ...tally, wakeAt }
}

async function runUntil(
  dispatching: Dispatching,
  drains: InFlight,
  stop: AbortSignal,
  tellOfWaiting: () => Promise<void>,
): Promise<void> {
  const { context, onFault } = dispatching
  let pauseMs = FIRST_PAUSE_MS
  while (!stop.aborted) {
    try {
      await drains.track(drain(dispatching, newTally(), { capacity: Number.POSITIVE_INFINITY }, stop))
      await tellOfWaiting()
      if (!stop.aborted) await rest(dispatching, stop)
      pauseMs = FIRST_PAUSE_MS
    } catch (error) {
      onFault(error)
      context.observe({ type: 'loop-failed', error, pauseMs })
      await realWait(pauseMs, stop)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  }
}

/** Tells, at most once a minute, of kinds that wait for a worker that handles them. */
function createWaitingReport({ context, kinds, readModel }: DispatcherParts): () => Promise<void> {
  let toldAtMs = Number.NEGATIVE_INFINITY
  return async () => {
    const missing = kinds.missing()
    if (missing.length === 0 || performance.now() - toldAtMs < WAITING_EVERY_MS) return
    toldAtMs = performance.now()
    const waiting = await readModel.backlog(missing, context.clock.now())
    if (waiting.length > 0) context.observe({ type: 'kinds-waiting', kinds: waiting })
  }
}
