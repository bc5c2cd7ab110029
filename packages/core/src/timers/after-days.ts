/** `afterDays`: calendar days in the contact's zone. Rules TIME-1, TIME-7. */
import { oneOf, wallTime } from '../formats.ts'
import { integer, type ObjectOf, optional } from '../schema.ts'
import type { TimerKind } from './kind.ts'
import { holdable, timeOf } from './wall-time.ts'

export const days = integer({ minimum: 0, maximum: 36_500 })

export const COUNTED = {
  /** A wall time "HH:mm" in the zone. Default: that of what the days are counted from. */
  at: optional(wallTime),
  /** Counted from the start of the run (TIME-7). Default: from the anchor (STEP-1). */
  from: optional(oneOf('start')),
}
export const AFTER_DAYS = { afterDays: days, ...COUNTED }
export interface AfterDaysForm extends ObjectOf<typeof AFTER_DAYS> {}

export const afterDays: TimerKind<AfterDaysForm> = {
  wanted({ afterDays, at, from }, { anchor, start }) {
    const counted = from === 'start' ? start : anchor
    const plainTime = at === undefined ? counted.toPlainTime() : timeOf(at)
    let date = counted.toPlainDate().add({ days: holdable(afterDays) })
    for (;;) {
      const moment = date.toZonedDateTime({ timeZone: counted.timeZoneId, plainTime })
      if (moment.epochMilliseconds > counted.epochMilliseconds) return { moment, whenPast: 'send' }
      date = date.add({ days: 1 })
    }
  },
  isCounted: ({ from }) => from !== 'start',
  canBePast: () => false,
  words: ({ afterDays, ...timer }) => `after ${afterDays} ${afterDays === 1 ? 'day' : 'days'}${countedWords(timer)}`,
}

export function countedWords({ at, from }: ObjectOf<typeof COUNTED>): string {
  return `${from === 'start' ? ' from the start' : ''}${at === undefined ? '' : ` at ${at}`}`
}
