/** `afterWeekdays`: calendar days in the contact's zone, Saturdays and Sundays not counted. Rules TIME-1, TIME-7. */
import type { Temporal } from 'temporal-polyfill'
import type { ObjectOf } from '../schema.ts'
import { COUNTED, countedWords, days } from './after-days.ts'
import type { TimerKind } from './kind.ts'
import { holdable, timeOf } from './wall-time.ts'

export const AFTER_WEEKDAYS = {
  /** Days from Monday to Friday. */
  afterWeekdays: days,
  ...COUNTED,
}
export interface AfterWeekdaysForm extends ObjectOf<typeof AFTER_WEEKDAYS> {}

const FRIDAY = 5

export const afterWeekdays: TimerKind<AfterWeekdaysForm> = {
  wanted({ afterWeekdays: weekdays, at, from }, { anchor, start }) {
    const counted = from === 'start' ? start : anchor
    const plainTime = at === undefined ? counted.toPlainTime() : timeOf(at)
    let date = addWeekdays(counted.toPlainDate(), holdable(weekdays))
    for (;;) {
      const moment = date.toZonedDateTime({ timeZone: counted.timeZoneId, plainTime })
      // The weekday is asked again of what was found: a date that the zone skipped (Friday 30 December 2011 in
      // Pacific/Apia) has moved on, maybe to a Saturday.
      if (moment.dayOfWeek <= FRIDAY && moment.epochMilliseconds > counted.epochMilliseconds)
        return { moment, whenPast: 'send' }
      date = addWeekdays(date, 1)
    }
  },
  isCounted: ({ from }) => from !== 'start',
  canBePast: () => false,
  words: ({ afterWeekdays, ...timer }) =>
    `after ${afterWeekdays} ${afterWeekdays === 1 ? 'weekday' : 'weekdays'}${countedWords(timer)}`,
}

/** Days counted from a Saturday or Sunday are counted from the Friday before, which is the same Monday for 1. */
function addWeekdays(date: Temporal.PlainDate, weekdays: number): Temporal.PlainDate {
  const sinceMonday = Math.min(date.dayOfWeek, FRIDAY) - 1 + weekdays
  return date.add({ days: Math.floor(sinceMonday / 5) * 7 + (sinceMonday % 5) - (date.dayOfWeek - 1) })
}
