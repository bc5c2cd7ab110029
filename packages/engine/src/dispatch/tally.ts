/** What a dispatch came to. */
import type { ContactEvent, Instant } from '@enfold/core'

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

export type Tally = { -readonly [Key in Exclude<keyof DispatchCounts, 'wakeAt'>]: number }

export function newTally(): Tally {
  return { dispatched: 0, sent: 0, skipped: 0, failed: 0, completed: 0 }
}

export function count(tally: Tally, events: readonly ContactEvent[]): void {
  for (const event of events) {
    if (event.type === 'StepDispatched') tally.dispatched += 1
    else if (event.type === 'StepSent') tally.sent += 1
    else if (event.type === 'StepSkipped') tally.skipped += 1
    else if (event.type === 'StepFailed' && event.data.consequence !== 'retry') tally.failed += 1
    else if (event.type === 'SequenceCompleted') tally.completed += 1
  }
}
