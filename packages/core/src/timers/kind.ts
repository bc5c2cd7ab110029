/** What a kind of timer is: a shape, the moment that it asks for, what may be said of that, and how it is said in words. */
import type { Temporal } from 'temporal-polyfill'
import type { JsonValue } from '../json.ts'
import type { TimerReason } from '../reasons.ts'
import type { Zone } from './zones.ts'

/** Where a run stands when the moment of a step is asked for. */
export interface Arrival {
  /** The instant that a wait counts from (STEP-1), in the zone. */
  readonly anchor: Temporal.ZonedDateTime
  /** The start of the run, moved by pauses that shift (TIME-7). */
  readonly start: Temporal.ZonedDateTime
  /** When the step would have been reached if nothing had taken any time: what lies before it is past (TIME-3). */
  readonly punctual: Temporal.ZonedDateTime
  /** Whether the step is the first of its run. */
  readonly isFirst: boolean
  readonly zone: Zone
  /** What a timer takes its date from; `null` if it is absent or empty. */
  read(source: Source): JsonValue
}

/** A field of the contact, or a variable of the run. */
export type Source = { readonly field: string } | { readonly var: string }

/** The moment that a timer asks for, or why there is none. `read`: where it took the date from. */
export type Wanted =
  | {
      readonly moment: Temporal.ZonedDateTime
      /** What a moment that is past means. A wait is never past, it is over. */
      readonly whenPast: 'skip' | 'send'
      readonly read?: Source
    }
  | { readonly none: Exclude<TimerReason, 'past'>; readonly read: Source }

export interface TimerKind<T> {
  wanted(timer: T, arrival: Arrival): Wanted
  /** Whether it is counted from the step before: an operator who moves its end moves with it all that follow (SHIFT-2). */
  isCounted(timer: T): boolean
  /** Whether a log may say of a step that its moment was past, and the step skipped for that (TIME-3). */
  canBePast(timer: T): boolean
  /** Without its window: "after 2 hours". */
  words(timer: T): string
}
