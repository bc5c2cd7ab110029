/** A claim that this worker holds, and whether it may still act on it. */
import type { AttemptRef, Claim } from '@enfold/core'
import type { Observer } from '../engine-events.ts'
import type { DispatchOptions } from '../engine-options.ts'
import { longestCallMs } from './handler-call.ts'

/** Its lease is prolonged while the work goes on. */
export interface Holding {
  claim: Claim
  /** By this machine's real time, when it was made or prolonged: the engine's clock may be simulated, or set. */
  claimedAtMs: number
}

/**
 * A process that stood still (a debugger, a frozen machine) may wake up long after its lease: then it is another's.
 *
 * @param attempt what would be sent; `null`: nothing was dispatched yet
 */
export function isStillHeld(
  observe: Observer,
  { handlerTimeoutMs, leaseMs }: DispatchOptions,
  { claim: { contactId }, claimedAtMs }: Holding,
  attempt: AttemptRef | null,
): boolean {
  const held = performance.now() - claimedAtMs <= leaseMs - longestCallMs(handlerTimeoutMs)
  if (!held) observe({ type: 'lease-lost', contactId, attempt })
  return held
}
