/** What is read of a date field of a contact: its date, or its moment. Rules TIME-4, TIME-8. */
import { Temporal } from 'temporal-polyfill'
import type { JsonValue } from '../json.ts'
import { REASONS } from '../reasons.ts'
import type { Source, Wanted } from './kind.ts'

/**
 * "2026-05-01"; with a time "2026-05-01T10:00", "2026-05-01 10:00:00.5"; with an offset "2026-05-01T10:00Z",
 * "2026-05-01 10:00:00+02", as databases write it, too. Narrower than what Temporal parses (no "19800229", no
 * annotations): what is a date must not depend on the parser.
 */
const DATE = /^\d{4}-\d\d-\d\d(?<time>[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?<offset>Z|[+-]\d\d(?::?\d\d)?)?)?$/

/**
 * The date that a value names: of a date or of a date-time without offset the date as written, of an instant
 * ("1980-02-29T23:30:00Z") the date in the zone. `null` for anything else.
 */
export function dateIn(value: JsonValue, timeZone: string): Temporal.PlainDate | null {
  return read(value, ({ text, offset }) =>
    offset ? instantIn(text, timeZone).toPlainDate() : Temporal.PlainDate.from(text),
  )
}

/** The moment that a value names: a date begins at midnight; without an offset, date and time are those of the zone. */
export function momentIn(value: JsonValue, timeZone: string): Temporal.ZonedDateTime | null {
  return read(value, ({ text, offset }) =>
    offset ? instantIn(text, timeZone) : Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone),
  )
}

function instantIn(text: string, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.from(text).toZonedDateTimeISO(timeZone)
}

function read<T>(value: JsonValue, of: (found: { text: string; offset: boolean }) => T): T | null {
  const match = typeof value === 'string' ? DATE.exec(value) : null
  if (match === null) return null
  try {
    return of({ text: match[0], offset: match.groups?.offset !== undefined })
  } catch {
    return null // of the right form, but there is no such day or hour
  }
}

/** Why a value is no date: nothing was entered, or something that nobody can read, which is not the same (TIME-8). */
export function noDate(source: Source, value: JsonValue): Wanted {
  const isEmpty = value === null || value === ''
  const [empty, unreadable] =
    'field' in source
      ? [REASONS.fieldEmpty, REASONS.fieldUnreadable]
      : [REASONS.variableEmpty, REASONS.variableUnreadable]
  return { none: isEmpty ? empty : unreadable, read: source }
}
