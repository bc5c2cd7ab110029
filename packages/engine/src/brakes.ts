/** What the brake of a campaign refused in this process: told to the observer, and counted for `health` (BRAKE-1). */
import type { Clock, ContactEvent, ContactId, Instant, Rejection } from '@enfold/core'
import type { Observer } from './engine-events.ts'

export interface BrakeHealth {
  /** Starts that were refused by this process since it began. */
  readonly count: number
  /** When the last one was; `null`: none so far. Which it was, the observer is told. */
  readonly lastAt: Instant | null
}

/** Tells of the routes that the brake closed in these events. */
export function observeBrakes(observe: Observer, contactId: ContactId, events: readonly ContactEvent[]): void {
  for (const { type, data } of events) {
    if (type !== 'GoalSatisfied' && type !== 'SequenceCompleted') continue
    for (const { to, outcome } of data.routes)
      if (outcome === 'brake') observe({ type: 'start-braked', contactId, campaignId: data.campaignId, sequenceId: to })
  }
}

/** Tells of a start by hand that the brake refused. */
export function observeBrakedStart(observe: Observer, contactId: ContactId, rejection: Rejection): void {
  if (rejection.type !== 'TooManyStarts') return
  const { campaignId, sequenceId } = rejection
  observe({ type: 'start-braked', contactId, campaignId, sequenceId })
}

/** Counts what is told. */
export function createBrakeCount(clock: Clock): { readonly observer: Observer; health(): BrakeHealth } {
  let count = 0
  let lastAt: Instant | null = null
  return {
    observer(event) {
      if (event.type !== 'start-braked') return
      count += 1
      lastAt = clock.now()
    },
    health: () => ({ count, lastAt }),
  }
}
