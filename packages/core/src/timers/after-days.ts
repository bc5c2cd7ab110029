/** `afterDays`: calendar days in the contact's zone. Rules TIME-1, TIME-7. */
import Type from 'typebox'
import { opt, propertiesOf, WallTime, words } from '../formats.ts'
import type { TimerKind } from './kind.ts'
import { holdable, timeOf } from './wall-time.ts'

export const Days = Type.Integer({ minimum: 0, maximum: 36_500 })

/** Calendar days; without `at`, at the wall time of what it counts from. */
export interface AfterDaysForm {
  readonly afterDays: number
  readonly at?: string
  readonly from?: 'start'
}

export const AFTER_DAYS = propertiesOf<AfterDaysForm>()({
  afterDays: Days,
  at: opt(WallTime),
  from: opt(words('start')),
})

export const afterDays: TimerKind<AfterDaysForm> = {
  wanted({ afterDays: days, at, from }, { anchor, start }) {
    const counted = from === 'start' ? start : anchor
    const plainTime = at === undefined ? counted.toPlainTime() : timeOf(at)
    let date = counted.toPlainDate().add({ days: holdable(days) })
    for (;;) {
      const moment = date.toZonedDateTime({ timeZone: counted.timeZoneId, plainTime })
      if (moment.epochMilliseconds > counted.epochMilliseconds) return { moment, whenPast: 'send' }
      date = date.add({ days: 1 })
    }
  },
  words: ({ afterDays: days, ...timer }) => `after ${days} ${days === 1 ? 'day' : 'days'}${countedWords(timer)}`,
}

export function countedWords({ at, from }: { readonly at?: string; readonly from?: 'start' }): string {
  return `${from === 'start' ? ' from the start' : ''}${at === undefined ? '' : ` at ${at}`}`
}
