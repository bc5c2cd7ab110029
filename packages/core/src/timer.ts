/**
 * When a step is due: delays, calendar days, dates, windows and zones, as arithmetic on instants (TIME-1 to TIME-5).
 * No clock is read. What becomes of a step that is due, late or skipped is decided elsewhere.
 */
import { Temporal } from 'temporal-polyfill'
import type { AfterDaysTimer, AfterWeekdaysTimer, FieldTimer, Timer, Weekday, Window } from './definition.ts'
import type { Timing } from './events.ts'
import { EnfoldFault, show } from './fault.ts'
import { epochMsOf, type Instant, instantOf, isInstant } from './ids.ts'
import type { JsonValue } from './json.ts'
import type { Facts } from './ports.ts'

/** What a timer may look at besides its anchor. */
export interface TimerContext {
  /** Only `timeZone` and the one field that a `field` timer names are read. */
  readonly facts: Facts
  /** For contacts without a usable zone of their own. If this machine does not know it either, "UTC" is used. */
  readonly campaignTimeZone: string
  /** True for fields whose value must not be recorded (LOG-4). */
  isPrivate(field: string): boolean
}

/** When a step is due, how that was found, and whether it is to be skipped on arrival instead. */
export interface Due {
  /** As it is recorded. `dueAt` is never before `anchor`; where `skip` is set, it is the anchor. */
  readonly timing: Timing
  /** `past`: the wanted moment had gone by (TIME-3). `field-empty`: no date could be read (TIME-4). */
  readonly skip: null | 'past' | 'field-empty'
}

/**
 * Finds when a step is due. Rules TIME-1 to TIME-5; a pure function of its arguments and the machine's zone data.
 *
 * The window is applied last (TIME-2). Its opening is a wall time like any other: where it does not exist it moves
 * forward by the gap, and if that leads out of the window, that day has no opening. A weekday timer whose weekday the
 * zone skipped (Friday 30 December 2011 in Pacific/Apia) goes on to the next weekday rather than land on a Saturday.
 * Moments beyond the years that an instant can hold are cut to the last one.
 *
 * @param timer a timer of a valid definition; `undefined`: due at the anchor (STEP-2)
 * @param anchor the instant that the timer counts from (STEP-1)
 * @throws EnfoldFault `INVALID_INPUT` for a duration or a window that no valid definition has
 *
 * @example
 * dueOf({ afterDays: 2, at: '08:00' }, '2026-03-27T12:00:00.000Z', {
 *   facts: { timeZone: 'Europe/Berlin' }, campaignTimeZone: 'UTC', isPrivate: () => false,
 * }).timing.dueAt // '2026-03-29T06:00:00.000Z', the clocks having gone forward in the night before
 */
export function dueOf(timer: Timer | undefined, anchor: Instant, context: TimerContext): Due {
  if (timer === undefined) return { timing: { anchor, dueAt: anchor }, skip: null }
  if ('after' in timer && timer.window === undefined) {
    // Most waits are of this kind: plain milliseconds, some ten times cheaper than what asks a zone.
    return { timing: { anchor, dueAt: elapsed(anchor, timer.after) }, skip: null }
  }
  const zone = zoneOf(context)
  const arrival = zoned(anchor, zone.timeZone)
  let wanted: Temporal.ZonedDateTime
  let field: { field?: NonNullable<Timing['field']> } = {}
  let skipsPast = false
  if ('after' in timer) {
    wanted = zoned(elapsed(anchor, timer.after), zone.timeZone)
  } else if ('on' in timer) {
    wanted = Temporal.PlainDateTime.from(timer.on).toZonedDateTime(zone.timeZone)
    skipsPast = timer.whenPast !== 'send'
  } else if ('field' in timer) {
    const value = fieldOf(context.facts, timer.field)
    field = { field: context.isPrivate(timer.field) ? { name: timer.field } : { name: timer.field, value } }
    const date = dateOf(value, zone.timeZone)
    if (date === null) return { timing: { anchor, dueAt: anchor, ...field }, skip: 'field-empty' }
    wanted = timer.occurrence === 'next' ? nextOccurrence(timer, date, arrival) : occurrence(timer, date, zone.timeZone)
    skipsPast = timer.whenPast !== 'send'
  } else {
    wanted = daysAfter(timer, arrival)
  }
  const isPast = wanted.epochMilliseconds < arrival.epochMilliseconds
  if (isPast && skipsPast) return { timing: { anchor, dueAt: anchor, ...zone, ...field }, skip: 'past' }
  if (isPast) wanted = arrival
  if (timer.window !== undefined) wanted = nextInside(timer.window, wanted)
  return { timing: { anchor, dueAt: instantOf(wanted.epochMilliseconds), ...zone, ...field }, skip: null }
}

// --- The kinds of timers --------------------------------------------------------------------------------------------

function elapsed(anchor: Instant, after: string): Instant {
  const ms = durationMs(after)
  if (ms === null) throw EnfoldFault.invalidInput('timer.after', after, 'an ISO 8601 duration such as "PT2H" or "P3D"')
  return instantOf(epochMsOf(anchor) + ms)
}

/** `afterDays` and `afterWeekdays` (TIME-1): the wall time on the counted date, or the first one behind the anchor. */
function daysAfter(timer: AfterDaysTimer | AfterWeekdaysTimer, anchor: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  const timeZone = anchor.timeZoneId
  const plainTime = timer.at === undefined ? anchor.toPlainTime() : timeOf(timer.at)
  const weekdaysOnly = 'afterWeekdays' in timer
  const forward = (date: Temporal.PlainDate, days: number) =>
    weekdaysOnly ? addWeekdays(date, days) : date.add({ days })
  let date = forward(anchor.toPlainDate(), holdable(weekdaysOnly ? timer.afterWeekdays : timer.afterDays))
  for (;;) {
    const due = date.toZonedDateTime({ timeZone, plainTime })
    // The weekday is asked again of what was found: a date that the zone skipped has moved on, maybe to a Saturday.
    const isCounted = !weekdaysOnly || due.dayOfWeek <= FRIDAY
    if (isCounted && due.epochMilliseconds > anchor.epochMilliseconds) return due
    date = forward(date, 1)
  }
}

const FRIDAY = 5

/** Days counted from a Saturday or Sunday are counted from the Friday before, which is the same Monday for 1. */
function addWeekdays(date: Temporal.PlainDate, weekdays: number): Temporal.PlainDate {
  const sinceMonday = Math.min(date.dayOfWeek, FRIDAY) - 1 + weekdays
  return date.add({ days: Math.floor(sinceMonday / 5) * 7 + (sinceMonday % 5) - (date.dayOfWeek - 1) })
}

/** `field` (TIME-4): so many days from the date, at the wall time. */
function occurrence(timer: FieldTimer, date: Temporal.PlainDate, timeZone: string): Temporal.ZonedDateTime {
  const day = date.add({ days: holdable(timer.offsetDays) })
  return day.toZonedDateTime({ timeZone, plainTime: timeOf(timer.at) })
}

/**
 * `field` with "next" (TIME-4): the first yearly return of the date, from its own year on, whose moment (offset and
 * wall time counted in) is not before the anchor.
 *
 * In other years 29 February is 28 February **(ours)**. Laws differ: Taiwan's Civil Code (article 121) ends a term
 * of years on the last day of the month if the day is missing, Hong Kong's Age of Majority (Related Provisions)
 * Ordinance (section 5) says 1 March. Calendar libraries take the last day of the month (`overflow: 'constrain'` of
 * Temporal, `LocalDate.plusYears` of Java), so a host that computes the birthday itself gets the same day as we do.
 */
function nextOccurrence(
  timer: FieldTimer,
  date: Temporal.PlainDate,
  anchor: Temporal.ZonedDateTime,
): Temporal.ZonedDateTime {
  const sought = anchor.toPlainDate().subtract({ days: holdable(timer.offsetDays) })
  for (let year = Math.max(date.year, sought.year - 1); ; year++) {
    const due = occurrence(timer, date.with({ year }), anchor.timeZoneId)
    if (due.epochMilliseconds >= anchor.epochMilliseconds) return due
  }
}

// An own property only: a field may be called `__proto__`.
function fieldOf({ fields }: Facts, name: string): JsonValue {
  return fields && Object.hasOwn(fields, name) ? (fields[name] ?? null) : null
}

// Narrower than what Temporal parses (no "19800229", no annotations): what is a date must not depend on the parser.
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?<offset>Z|[+-]\d\d:\d\d)?)?$/

/**
 * The date that a field's value names: of "1980-02-29" and "1980-02-29T10:00" the date as written, of an instant
 * ("1980-02-29T23:30:00Z") the date in the zone. `null` for anything else.
 */
function dateOf(value: JsonValue, timeZone: string): Temporal.PlainDate | null {
  const match = typeof value === 'string' ? DATE.exec(value) : null
  if (match === null) return null
  try {
    if (match.groups?.offset === undefined) return Temporal.PlainDate.from(match[0])
    return Temporal.Instant.from(match[0]).toZonedDateTimeISO(timeZone).toPlainDate()
  } catch {
    return null // of the right form, but there is no such day or hour
  }
}

// --- Windows --------------------------------------------------------------------------------------------------------

const WEEKDAYS: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

// A window on one day of the week opens within 8 days, or within 15 if the zone has skipped that opening.
const OPENS_WITHIN_DAYS = 15

/** The moment itself if the window is open then, else the next opening (TIME-2). */
function nextInside(window: Window, moment: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  if (isOpen(window, moment)) return moment
  const at = { timeZone: moment.timeZoneId, plainTime: timeOf(window.from) }
  for (let days = 0; days <= OPENS_WITHIN_DAYS; days++) {
    const opening = moment.toPlainDate().add({ days }).toZonedDateTime(at)
    if (opening.epochMilliseconds > moment.epochMilliseconds && isOpen(window, opening)) return opening
  }
  throw EnfoldFault.invalidInput('timer.window', window, 'a window that opens on some day of the week')
}

function isOpen(window: Window, moment: Temporal.ZonedDateTime): boolean {
  const weekday = WEEKDAYS[moment.dayOfWeek - 1] as Weekday
  if (window.days !== undefined && !window.days.includes(weekday)) return false
  const minute = moment.hour * 60 + moment.minute
  return minute >= minuteOf(window.from) && minute < minuteOf(window.to)
}

// --- Zones and wall times -------------------------------------------------------------------------------------------

/** The contact's zone, else the campaign's (TIME-5), as `Timing` records it. */
function zoneOf({ facts, campaignTimeZone }: TimerContext): { timeZone: string; invalidTimeZone?: string } {
  const own: unknown = facts.timeZone ?? undefined
  if (isTimeZone(own)) return { timeZone: own }
  const timeZone = isTimeZone(campaignTimeZone) ? campaignTimeZone : 'UTC'
  // It is the host's text and goes into the log: short, and nothing that UTF-8 cannot hold.
  return own === undefined ? { timeZone } : { timeZone, invalidTimeZone: textOf(own).slice(0, 100).toWellFormed() }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : show(value))

function zoned(instant: Instant, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(epochMsOf(instant)).toZonedDateTimeISO(timeZone)
}

function minuteOf(wallTime: string): number {
  return Number(wallTime.slice(0, 2)) * 60 + Number(wallTime.slice(3, 5))
}

function timeOf(wallTime: string): Temporal.PlainTime {
  return new Temporal.PlainTime(Number(wallTime.slice(0, 2)), Number(wallTime.slice(3, 5)))
}

/** More days than an instant's 10,000 years have, and few enough for Temporal, which throws beyond year 275760. */
const MOST_DAYS = 4_000_000

function holdable(days: number): number {
  return Math.min(Math.max(days, -MOST_DAYS), MOST_DAYS)
}

// --- What a definition may say --------------------------------------------------------------------------------------

const AMOUNT = String.raw`(\d+(?:[.,]\d{1,6})?)`
const DURATION = new RegExp(
  `^P(?=[\\dT])(?:${AMOUNT}W)?(?:${AMOUNT}D)?(?:T(?=\\d)(?:${AMOUNT}H)?(?:${AMOUNT}M)?(?:${AMOUNT}S)?)?$`,
)
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000]

/**
 * Milliseconds of an ISO 8601 duration of elapsed time: weeks, days (of 24 hours), hours, minutes, seconds (TIME-1).
 * The smallest unit given may have a fraction, as ISO 8601 allows: six digits at most, and whole milliseconds in all.
 * `null` for months and years, which have no fixed length, for negative durations, for more than 2^53 ms (285,000
 * years) and for what is no duration.
 *
 * @example
 * durationMs('PT1.5H') // 5_400_000
 * durationMs('P1M')    // null
 */
export function durationMs(text: string): number | null {
  const amounts = DURATION.exec(text)?.slice(1)
  if (amounts === undefined) return null
  let total = 0
  let fractionSeen = false
  for (const [index, unitMs] of UNITS_MS.entries()) {
    const amount = amounts[index]
    if (amount === undefined) continue
    if (fractionSeen) return null
    const [whole = '', fraction = ''] = amount.split(/[.,]/)
    fractionSeen = fraction !== ''
    // The product stays below 2^53, so the quotient is a whole number only where the fraction really comes out even.
    total += Number(whole) * unitMs + (Number(fraction) * unitMs) / 10 ** fraction.length
  }
  return Number.isSafeInteger(total) ? total : null
}

// There are some 600 names; more than this many are somebody's mistakes.
const MOST_ZONES_REMEMBERED = 1_000
const zonesAsked = new Map<string, boolean>()

/**
 * True for a zone that dates and times can be computed in: IANA names and their aliases in any case, and fixed offsets
 * ("+01:00"). The one check is that the library which does the arithmetic takes it: `Intl` also takes "PST", "IST" and
 * some 20 other abbreviations, which mean different things to different people, and which nothing could be computed in.
 * Answers are remembered, a bounded number of them. Rule TIME-5.
 */
export function isTimeZone(text: unknown): text is string {
  // The longest name has 32 characters. What is longer is not worth remembering.
  if (typeof text !== 'string' || text.length > 100) return false
  let usable = zonesAsked.get(text)
  if (usable === undefined) {
    usable = canComputeIn(text)
    if (zonesAsked.size >= MOST_ZONES_REMEMBERED) zonesAsked.clear()
    zonesAsked.set(text, usable)
  }
  return usable
}

function canComputeIn(timeZone: string): boolean {
  try {
    // Not `toZonedDateTimeISO`, which takes "2026-01-01T00:00Z" for the zone UTC.
    return new Temporal.ZonedDateTime(0n, timeZone).epochMilliseconds === 0
  } catch {
    return false
  }
}

const WALL_TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/

/** True for "00:00" to "23:59". */
export function isWallTime(text: string): boolean {
  return WALL_TIME.test(text)
}

/** True for a real date and wall time, "2026-12-24T09:00". */
export function isLocalDateTime(text: string): boolean {
  return isInstant(`${text}:00.000Z`)
}

/**
 * True for a window that opens: at least one day, if days are named, and `from` before `to` on the same day.
 * `to` may be "24:00". A window over midnight is none; say it as two steps or as the hours that matter.
 */
export function isWindow(window: Window): boolean {
  const { days = WEEKDAYS, from, to } = window
  return days.length > 0 && isWallTime(from) && (isWallTime(to) || to === '24:00') && from < to
}
