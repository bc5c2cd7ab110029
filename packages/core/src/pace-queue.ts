/** When overdue steps begin by a pace, one after the other in the order in which they are due (GATE-4). For questions. */
import { EnfoldFault } from './fault.ts'
import { epochMsOf, type Instant, instantOf } from './ids.ts'
import type { PacedCampaign } from './pauses.ts'
import { durationMs } from './timer.ts'

/** Gives each overdue step its turn. */
export interface PaceQueue {
  /**
   * When the next one begins: in the first span that has a permit left, and not before it can.
   *
   * @param weight so many it stands for, in a sample
   */
  begins(earliest: Instant, weight?: number): Instant
  /** How many permits are used up or gone by, counted from the resume. Another queue goes on from it. */
  used(): number
}

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/**
 * @param used as an earlier queue said
 * @example
 * const queue = createPaceQueue({ campaignId: 'pool', resumedAt: now, pace: { most: 500, per: 'PT1H' } })
 * queue.begins(now)
 */
export function createPaceQueue({ pace: { most, per }, resumedAt }: PacedCampaign, used = 0): PaceQueue {
  const perMs = durationMs(per)
  if (perMs === null || perMs <= 0) throw EnfoldFault.invalidInput('pace.per', per, 'an ISO 8601 duration')
  const resumedMs = epochMsOf(resumedAt)
  let next = used
  return {
    begins(earliest, weight = 1) {
      const earliestMs = epochMsOf(earliest)
      next = Math.max(next, Math.floor((earliestMs - resumedMs) / perMs) * most)
      const turnMs = resumedMs + Math.floor(next / most) * perMs
      next += weight
      return instantOf(Math.min(LAST_MS, Math.max(earliestMs, turnMs)))
    },
    used: () => next,
  }
}
