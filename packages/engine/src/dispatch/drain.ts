/** Claims contacts and has them worked on, until nothing is due; and waits for the next that will be. */
import { type Claim, epochMsOf, type Instant, instantOf } from '@enfold/core'
import { isFaultOfStore } from '../batch.ts'
import { realWait } from '../clock.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import { workOnClaim } from './claimed-contact.ts'
import type { Budget, Dispatching } from './dispatching.ts'
import type { Tally } from './tally.ts'

/** What one call of `drain` has begun. */
interface Begun {
  readonly working: Set<Promise<void>>
  readonly faults: unknown[]
}

/** Works until nothing is due, the capacity is used up, or the signal aborts; then waits for what it began. */
export async function drain(dispatching: Dispatching, tally: Tally, budget: Budget, stop: AbortSignal): Promise<void> {
  const { active, exclusively, options } = dispatching
  const begun: Begun = { working: new Set(), faults: [] }
  const { working, faults } = begun
  const grace = createGracePeriod(stop, options.shutdownMs)
  try {
    // A store that fails for one contact fails for the next: say so instead of working through the agenda.
    while (budget.capacity > 0 && !stop.aborted && faults.length === 0) {
      const claimed = await exclusively(() => beginClaims(dispatching, begun, tally, budget, stop, grace.over))
      if (claimed > 0 && active.size < options.concurrency) continue
      if (working.size === 0 && active.size < options.concurrency) break
      await waitForChange(dispatching, working.size > 0 ? working : active.values(), stop)
      // Others end in the same turn: one claim for all of them.
      await yieldToEventLoop()
    }
  } finally {
    await Promise.all(working)
    grace.end()
  }
  if (faults.length > 0) throw faults[0]
}

/** Begins as much as there are slots for. Returns on how many contacts. */
async function beginClaims(
  dispatching: Dispatching,
  { faults, working }: Begun,
  tally: Tally,
  budget: Budget,
  stop: AbortSignal,
  giveUp: AbortSignal,
): Promise<number> {
  const claimedAtMs = performance.now()
  const claims = await claim(dispatching, budget)
  if (stop.aborted && claims.length > 0) await dispatching.readModel.release(claims)
  if (stop.aborted) return 0
  for (const claim of claims) {
    const one = workOnClaim(dispatching, { claim, claimedAtMs }, tally, budget, giveUp).catch((error) => {
      if (isFaultOfStore(error)) faults.push(error)
    })
    working.add(one)
    void one.then(() => working.delete(one))
  }
  return claims.length
}

async function claim(
  { active, context, kinds, limits, options, readModel, worker }: Dispatching,
  budget: Budget,
): Promise<readonly Claim[]> {
  const free = Math.min(options.concurrency - active.size, budget.capacity)
  if (isKnownIdle(readModel, context.clock.now())) return []
  // What is not known to exist cannot be passed over.
  await context.campaigns.fresh()
  if (free <= 0) return []
  await limits.look()
  return readModel.claimDue(context.clock.now(), worker, free, options.leaseMs, kinds.capacity(limits.capacity()))
}

/** Whether nothing can be due, as far as the read model knows without being asked. */
function isKnownIdle(readModel: Dispatching['readModel'], now: Instant): boolean {
  const known = readModel.knownWake?.()
  return known === null || (known !== undefined && known > now)
}

/** Until some work has ended; and as long as there are free slots, until more may be due: no handler delays others (STEP-7). */
async function waitForChange(
  dispatching: Dispatching,
  working: Iterable<Promise<void>>,
  stop: AbortSignal,
): Promise<void> {
  if (dispatching.active.size >= dispatching.options.concurrency) return Promise.race(working)
  const enough = new AbortController()
  const more = rest(dispatching, AbortSignal.any([stop, enough.signal]))
  await Promise.race([...working, more]).finally(() => enough.abort())
}

/** Until the next wake, a notification, or the poll for what other processes have made due. */
export async function rest(dispatching: Dispatching, stop: AbortSignal): Promise<void> {
  const { context, options, readModel, wakeSignal } = dispatching
  // No kind is due before the earliest of all.
  const known = readModel.knownWake?.()
  const isIdle = known === null || (known !== undefined && known > context.clock.now())
  const wakeAt = isIdle ? known : await nextWake(dispatching)
  const untilWake = wakeAt === null ? options.pollMs : epochMsOf(wakeAt) - epochMsOf(context.clock.now())
  if (untilWake > 0) return wakeSignal.sleep(Math.min(options.pollMs, untilWake), stop)
  // Due already: another worker was first, or it fell due since the last look. A short pause, and not of the engine's
  // clock: a simulated one may have been set to this very instant, and stand still.
  await realWait(Math.min(options.pollMs, 5), stop)
}

/**
 * When there is something to do: of kinds that a rate holds back, not before it allows another. `null`: nothing, or
 * only what waits for a slot of its kind to be free.
 */
export async function nextWake({ context, kinds, limits, readModel }: Dispatching): Promise<Instant | null> {
  const now = context.clock.now()
  const open = await readModel.nextWake(kinds.capacity(limits.capacity()))
  if (open !== null && open <= now) return open
  const waitMs = limits.waitMs()
  const any = waitMs === 0 ? null : await readModel.nextWake(kinds.capacity(new Map()))
  if (any === null) return open
  const limitedMs = Math.max(epochMsOf(any), epochMsOf(now) + Math.ceil(waitMs))
  return instantOf(open === null ? limitedMs : Math.min(epochMsOf(open), limitedMs))
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
