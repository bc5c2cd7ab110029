/** Windows: the days and hours in which a step may begin, and when the next such time is. Rules TIME-2, TIME-2a. */
import { Temporal } from 'temporal-polyfill'
import { EnfoldFault } from '../fault.ts'
import { oneOf, text, wallTime } from '../formats.ts'
import { array, literal, optional, strictObject, type TypeOf } from '../schema.ts'
import { isWallTime, minuteOf, timeOf } from './wall-time.ts'

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export type Weekday = (typeof WEEKDAYS)[number]

const DAYS = {
  /** On which it opens. Default: all seven. */
  days: optional(array(oneOf(...WEEKDAYS), { minItems: 1, uniqueItems: true })),
  /** Dates "YYYY-MM-DD" on which it stays closed. */
  except: optional(
    array(text('enfold-local-date', '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'), { maxItems: 1000, uniqueItems: true }),
  ),
}

/** The forms of a window, by the key that tells them apart. */
export const WINDOWS = {
  from: strictObject({
    ...DAYS,
    /** A wall time "HH:mm", which belongs to the window. Later than `to`: the window spans midnight. */
    from: wallTime,
    /** A wall time "HH:mm", which does not belong to the window. "24:00" is the end of the day. */
    to: text('enfold-closing-time', '^[0-2][0-9]:[0-5][0-9]$'),
  }),
  keepTime: strictObject({ ...DAYS, keepTime: literal(true) }),
}

/**
 * Days and hours between which a step may begin; outside, it waits for the next opening (TIME-2).
 * `days` default: all seven. `from` belongs to the window, `to` does not; "24:00" is the end of the day. `from` later
 * than `to` spans midnight: it opens on the days named. `except`: dates on which it stays closed.
 */
export interface Window extends TypeOf<typeof WINDOWS.from> {}

/** Open all day on `days` that are not in `except`; a step that is due on another moves, at its time of day (TIME-2a). */
export interface DaysWindow extends TypeOf<typeof WINDOWS.keepTime> {}

type AnyWindow = Window | DaysWindow

/** One window, or several: open is whatever one of them opens. */
export type Windows = AnyWindow | readonly AnyWindow[]

const listOf = (windows: Windows): readonly AnyWindow[] => (isList(windows) ? windows : [windows])

function isList(windows: Windows): windows is readonly AnyWindow[] {
  return Array.isArray(windows)
}

/**
 * True for a window that opens: at least one day, if days are named, and `from` another time than `to`, which may be
 * "24:00". Of a list, for each of them.
 */
export function isWindow(windows: Windows): boolean {
  const list = listOf(windows)
  return list.length > 0 && list.every((window) => windowProblem(window) === null)
}

/** What no schema of ours says of a window: its path within the window, and what was expected. `null`: nothing. */
export function windowProblem(window: AnyWindow): { readonly path: string; readonly expected: string } | null {
  const { days, except } = window
  if (days?.length === 0) return { path: '/days', expected: 'at least one day' }
  if ('keepTime' in window)
    return days === undefined && except === undefined ? { path: '', expected: '"days" or "except", or both' } : null
  const { from, to } = window
  if (!isWallTime(from)) return { path: '/from', expected: 'a wall time "HH:mm"' }
  if (!isWallTime(to) && to !== '24:00') return { path: '/to', expected: 'a wall time "HH:mm" up to 24:00' }
  return from === to ? { path: '/to', expected: `another time than from (${from})` } : null
}

/**
 * The moment itself if a window is open then, else the next opening of any of them.
 *
 * An opening is a wall time like any other: where it does not exist it moves forward by the gap, and if that leads out of
 * the window, that day has no opening.
 *
 * @param due what a window that keeps the time of day takes it from: when the step was due
 */
export function nextInside(
  windows: Windows,
  moment: Temporal.ZonedDateTime,
  due: Temporal.ZonedDateTime,
): Temporal.ZonedDateTime {
  const list = listOf(windows)
  if (list.some((window) => isWithin(window, moment, due))) return moment
  const openings = list.map((window) => nextOpening(window, moment, due))
  return openings.reduce((a, b) => (Temporal.ZonedDateTime.compare(b, a) < 0 ? b : a))
}

// A window on one day of the week opens within 8 days, or within 15 if the zone has skipped that opening. Each date on
// which it stays closed may put that off by another week.
const OPENS_WITHIN_DAYS = 15

function nextOpening(
  window: AnyWindow,
  moment: Temporal.ZonedDateTime,
  due: Temporal.ZonedDateTime,
): Temporal.ZonedDateTime {
  const plainTime = 'keepTime' in window ? due.toPlainTime() : timeOf(window.from)
  const at = { timeZone: moment.timeZoneId, plainTime }
  const last = OPENS_WITHIN_DAYS + 7 * (window.except?.length ?? 0)
  for (let days = 0; days <= last; days++) {
    const opening = moment.toPlainDate().add({ days }).toZonedDateTime(at)
    if (opening.epochMilliseconds > moment.epochMilliseconds && isWithin(window, opening, due)) return opening
  }
  throw EnfoldFault.invalidInput('timer.window', window, 'a window that opens on some day of the week')
}

function isWithin(window: AnyWindow, moment: Temporal.ZonedDateTime, due: Temporal.ZonedDateTime): boolean {
  const date = moment.toPlainDate()
  // Not from midnight on: who looks at the step before its time of day must find it waiting, as the wake says.
  if ('keepTime' in window)
    return opensOn(window, date) && Temporal.PlainTime.compare(moment.toPlainTime(), due.toPlainTime()) >= 0
  const minute = moment.hour * 60 + moment.minute
  const [from, to] = [minuteOf(window.from), minuteOf(window.to)]
  if (from < to) return minute >= from && minute < to && opensOn(window, date)
  if (minute >= from) return opensOn(window, date)
  // The part after midnight belongs to the day on which it opened, and stays out of a date that is closed.
  return minute < to && opensOn(window, date.subtract({ days: 1 })) && !isExcepted(window, date)
}

function opensOn(window: AnyWindow, date: Temporal.PlainDate): boolean {
  const weekday = WEEKDAYS[date.dayOfWeek - 1] as Weekday
  return (window.days === undefined || window.days.includes(weekday)) && !isExcepted(window, date)
}

function isExcepted({ except }: AnyWindow, date: Temporal.PlainDate): boolean {
  return except !== undefined && except.length > 0 && except.includes(date.toString())
}

/** As people read it: "Mon–Fri 08:00–18:00". */
export function windowWords(windows: Windows): string {
  return listOf(windows).map(oneInWords).join(' or ')
}

function oneInWords(window: AnyWindow): string {
  const { days, except = [] } = window
  const hours = 'keepTime' in window ? '' : `${window.from}–${window.to}`
  const closed = except.length === 0 ? '' : `not on ${except.length === 1 ? except[0] : `${except.length} dates`}`
  return [days === undefined ? '' : daysWords(days), hours, closed].filter((part) => part !== '').join(' ')
}

function daysWords(days: readonly Weekday[]): string {
  const text = days.join(' ')
  return text === 'mon tue wed thu fri' ? 'Mon–Fri' : text
}
