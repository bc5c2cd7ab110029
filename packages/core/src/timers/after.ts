/** `after`: elapsed time as an ISO 8601 duration ("PT2H", "P3D" = 72 hours; no months or years). Rules TIME-1, TIME-7. */
import { durationInWords } from '../describe/duration.ts'
import { EnfoldFault } from '../fault.ts'
import { oneOf, text } from '../formats.ts'
import { epochMsOf, type Instant, instantOf } from '../ids.ts'
import { type ObjectOf, optional } from '../schema.ts'
import { A_DURATION, durationMs } from './duration.ts'
import type { TimerKind } from './kind.ts'
import { zoned } from './zones.ts'

export const AFTER = {
  /** An ISO 8601 duration: "PT2H", "P3D" = 72 hours; no months or years. */
  after: text('enfold-duration', '^P'),
  /** Counted from the start of the run (TIME-7). Default: from the anchor (STEP-1). */
  from: optional(oneOf('start')),
}
export interface AfterForm extends ObjectOf<typeof AFTER> {}

export const after: TimerKind<AfterForm> = {
  wanted(timer, { anchor, start, zone }) {
    const from = timer.from === 'start' ? start : anchor
    const moment = zoned(elapsed(instantOf(from.epochMilliseconds), timer.after), zone.timeZone)
    return { moment, whenPast: 'send' }
  },
  isCounted: ({ from }) => from !== 'start',
  canBePast: () => false,
  words: ({ after, from }) => `after ${elapsedWords(after)}${from === 'start' ? ' from the start' : ''}`,
}

/** @throws EnfoldFault `INVALID_INPUT` for a duration that no valid definition has */
export function elapsed(from: Instant, after: string): Instant {
  const ms = durationMs(after)
  if (ms === null) throw EnfoldFault.invalidInput('timer.after', after, A_DURATION)
  return instantOf(epochMsOf(from) + ms)
}

/** "2 hours" of "PT2H"; what is no duration as it stands. */
export function elapsedWords(duration: string): string {
  const ms = durationMs(duration)
  return ms === null ? duration : durationInWords(ms)
}
