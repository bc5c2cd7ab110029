/** What no rule forbids in a log, and an auditor should look at: clocks that were fast or went back, and late catalogues. */
import type { RecordedEvent } from './events.ts'
import { epochMsOf, type Instant, type Position, type StreamId, type Version } from './ids.ts'

/** Where an event stands in a log. */
export interface LogPlace {
  /** 1 for the first event of the log. */
  readonly number: number
  readonly stream: StreamId
  readonly version: Version
  readonly position: Position
}

/** What no rule forbids, and an auditor should look at. */
export interface LogWarning extends LogPlace {
  /**
   * `clock-back`: an event earlier than the one before it in its stream, or by more than a minute than one before it in the
   * log. `ahead`: an event after now. `late-catalogue`: a start or goal that was decided before the campaign was
   * unpublished, and recorded after.
   */
  readonly warning: 'clock-back' | 'ahead' | 'late-catalogue'
  /** By how much. */
  readonly byMs: number
  readonly message: string
}

/** So many warnings are kept; the others are counted. */
const MAX_WARNINGS = 1000

/** Of two events of different streams: what clocks of several machines may differ by, and what waiting for a lock takes. */
const LOG_TOLERANCE_MS = 60_000

export class LogWarnings {
  /** The first of them. */
  readonly kept: LogWarning[] = []
  count = 0
  readonly #now: Instant | null
  #latest: Instant = ''
  #isBack = false

  /** @param now for events that are dated after it; `null`: none is told of */
  constructor(now: Instant | null) {
    this.#now = now
  }

  /**
   * Looks at the instant of the next event.
   *
   * @param latest the latest instant of its stream so far; '': it is the first
   */
  ofClock(event: RecordedEvent, number: number, latest: Instant): void {
    const { at } = event
    if (this.#now !== null && at > this.#now)
      this.add(
        event,
        number,
        'ahead',
        epochMsOf(at) - epochMsOf(this.#now),
        `is after now, ${this.#now}: a clock was fast`,
      )
    if (at < latest)
      this.add(
        event,
        number,
        'clock-back',
        epochMsOf(latest) - epochMsOf(at),
        `is earlier than ${latest} before it in its stream`,
      )
    if (at >= this.#latest) {
      this.#latest = at
      this.#isBack = false
      return
    }
    const backMs = epochMsOf(this.#latest) - epochMsOf(at)
    const isBack = backMs > LOG_TOLERANCE_MS
    // Once for as long as it lasts.
    if (isBack && !this.#isBack && at >= latest)
      this.add(event, number, 'clock-back', backMs, `is earlier than ${this.#latest} before it in the log`)
    this.#isBack = isBack
  }

  add(event: RecordedEvent, number: number, warning: LogWarning['warning'], byMs: number, what: string): void {
    this.count += 1
    if (this.kept.length >= MAX_WARNINGS) return
    const { stream, version, position } = event
    const message = `${event.at} ${what} (by ${byMs} ms)`
    this.kept.push({ warning, byMs, message, number, stream, version, position })
  }
}
