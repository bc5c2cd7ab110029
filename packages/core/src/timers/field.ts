/**
 * `field` or `var` with `offsetDays`: days before or after a date of the contact or of the run, at a wall time. Rules
 * TIME-4, VAR-2.
 */

import type { Temporal } from 'temporal-polyfill'
import { name, oneOf, wallTime } from '../formats.ts'
import { integer, type ObjectOf } from '../schema.ts'
import { dateIn, noDate } from './field-value.ts'
import type { Arrival, Source, TimerKind, Wanted } from './kind.ts'
import { WHEN_PAST } from './on.ts'
import { holdable, timeOf } from './wall-time.ts'

const DAYS_FROM = {
  /** Days before (negative) or after the date. */
  offsetDays: integer({ minimum: -36_500, maximum: 36_500 }),
  /** A wall time "HH:mm" in the zone. */
  at: wallTime,
  /** "exact" takes the year of the date, "next" its next occurrence. */
  occurrence: oneOf('exact', 'next'),
  ...WHEN_PAST,
}
export const FIELD = {
  /** Of the contact: it holds a date. */
  field: name,
  ...DAYS_FROM,
}
export const VARIABLE = {
  /** Of the run: it holds a date (VAR-2). */
  var: name,
  ...DAYS_FROM,
}
interface DaysFrom extends ObjectOf<typeof DAYS_FROM> {}
export interface FieldForm extends ObjectOf<typeof FIELD> {}
export interface VariableForm extends ObjectOf<typeof VARIABLE> {}

export const field: TimerKind<FieldForm> = {
  wanted: (timer, arrival) => wanted({ field: timer.field }, timer, arrival),
  isCounted: () => false,
  canBePast: ({ whenPast }) => whenPast !== 'send',
  words: (timer) => wordsOf(timer.field, timer),
}

export const variable: TimerKind<VariableForm> = {
  wanted: (timer, arrival) => wanted({ var: timer.var }, timer, arrival),
  isCounted: () => false,
  canBePast: ({ whenPast }) => whenPast !== 'send',
  words: (timer) => wordsOf(timer.var, timer),
}

function wanted(source: Source, timer: DaysFrom, arrival: Arrival): Wanted {
  const value = arrival.read(source)
  const date = dateIn(value, arrival.zone.timeZone)
  if (date === null) return noDate(source, value)
  const moment = timer.occurrence === 'next' ? nextOccurrence(timer, date, arrival) : occurrence(timer, date, arrival)
  return { moment, whenPast: timer.whenPast ?? 'skip', read: source }
}

function wordsOf(name: string, { offsetDays, at }: DaysFrom): string {
  const days = Math.abs(offsetDays)
  const distance = `${days} ${days === 1 ? 'day' : 'days'} ${offsetDays < 0 ? 'before' : 'after'}`
  return `${offsetDays === 0 ? 'on' : distance} ${name} at ${at}`
}

/** So many days from the date, at the wall time. */
function occurrence(timer: DaysFrom, date: Temporal.PlainDate, { zone }: Arrival): Temporal.ZonedDateTime {
  const day = date.add({ days: holdable(timer.offsetDays) })
  return day.toZonedDateTime({ timeZone: zone.timeZone, plainTime: timeOf(timer.at) })
}

/**
 * The first yearly return of the date, from its own year on, whose moment (offset and wall time counted in) is not before
 * the punctual arrival; for the first step of a run, the first after its start: a sequence that leads back to itself is
 * then reached at the very moment that it has just sent for, and would send for it again, without end.
 *
 * In other years 29 February is 28 February **(ours)**. Laws differ: Taiwan's Civil Code (article 121) ends a term
 * of years on the last day of the month if the day is missing, Hong Kong's Age of Majority (Related Provisions)
 * Ordinance (section 5) says 1 March. Calendar libraries take the last day of the month (`overflow: 'constrain'` of
 * Temporal, `LocalDate.plusYears` of Java), so a host that computes the birthday itself gets the same day as we do.
 */
function nextOccurrence(timer: DaysFrom, date: Temporal.PlainDate, arrival: Arrival): Temporal.ZonedDateTime {
  const { punctual, isFirst } = arrival
  const earliestMs = punctual.epochMilliseconds + (isFirst ? 1 : 0)
  const sought = punctual.toPlainDate().subtract({ days: holdable(timer.offsetDays) })
  for (let year = Math.max(date.year, sought.year - 1); ; year++) {
    const due = occurrence(timer, date.with({ year }), arrival)
    if (due.epochMilliseconds >= earliestMs) return due
  }
}
