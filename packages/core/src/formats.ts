/** What the schemas of a campaign are made of: formats that are checked by us, and the shapes that several forms share. */
import { isLegalId, MAX_ID_LENGTH } from './ids.ts'
import { keywords, oneWordOf, type Schema, string } from './schema.ts'
import { A_DURATION, A_SIGNED_DURATION, durationMs, signedDurationMs } from './timers/duration.ts'
import { isLocalDate, isLocalDateTime, isWallTime } from './timers/wall-time.ts'
import { isTimeZone } from './timers/zones.ts'

/**
 * A value of one of several forms, whose problems are found by hand. It has no keywords, so any value passes; in what is
 * published it is a reference to the definition of this name.
 */
export const slot = <T>(name: SlotName): Schema<T> => keywords({ slot: name })
export type SlotName = 'timer' | 'window' | 'route' | 'condition' | 'when' | 'test'

export const oneOf = <const Words extends readonly string[]>(...values: Words) => oneWordOf(values)

interface Format {
  readonly expected: string
  check(text: string): boolean
}

/** What a `format` keyword of ours means; checked by us, so that no host's format registry is touched. */
export const FORMATS = {
  'enfold-id': { expected: `an id of 1 to ${MAX_ID_LENGTH} well-formed characters`, check: isLegalId },
  'enfold-duration': {
    expected: A_DURATION,
    check: (text) => durationMs(text) !== null,
  },
  'enfold-signed-duration': {
    expected: A_SIGNED_DURATION,
    check: (text) => signedDurationMs(text) !== null,
  },
  'enfold-time-zone': {
    expected: 'an IANA time zone such as "Europe/Berlin" or "America/Los_Angeles"',
    check: isTimeZone,
  },
  'enfold-wall-time': { expected: 'a wall time "HH:mm" from 00:00 to 23:59', check: isWallTime },
  'enfold-closing-time': {
    expected: 'a wall time "HH:mm" up to 24:00',
    check: (text) => text === '24:00' || isWallTime(text),
  },
  'enfold-local-date': { expected: 'a date "YYYY-MM-DD" that the calendar has', check: isLocalDate },
  'enfold-local-date-time': {
    expected: 'a date and wall time "YYYY-MM-DDTHH:mm" that the calendar has',
    check: isLocalDateTime,
  },
} satisfies Record<string, Format>

export function formatCalled(name: string | undefined): Format | undefined {
  return name !== undefined && Object.hasOwn(FORMATS, name) ? FORMATS[name as keyof typeof FORMATS] : undefined
}

/** A string with one of our formats; the pattern says as much of it as a validator in another language can check. */
export const text = (format: keyof typeof FORMATS, pattern?: string) =>
  string({ $comment: format, minLength: 1, ...(pattern === undefined ? {} : { pattern }) })

const someId = text('enfold-id')
/** An id of some kind; at run time they are all the same. */
export const id = <Id extends string = string>(): Schema<Id> => someId as Schema<Id>
export const name = string({ minLength: 1, maxLength: 500 })
export const wallTime = text('enfold-wall-time', '^[0-2][0-9]:[0-5][0-9]$')
