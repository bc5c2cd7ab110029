/** What the schemas of a campaign are made of: formats that are checked by us, and the shapes that several forms share. */
import Type, { type TProperties } from 'typebox'
import { isLegalId, MAX_ID_LENGTH } from './ids.ts'
import type { JsonScalar } from './json.ts'
import { A_DURATION, A_SIGNED_DURATION, durationMs, signedDurationMs } from './timers/duration.ts'
import { isLocalDate, isLocalDateTime, isWallTime } from './timers/wall-time.ts'
import { isTimeZone } from './timers/zones.ts'

export const closed = <P extends TProperties>(properties: P, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })
export const opt = Type.Optional
export const words = <const W extends readonly string[]>(...values: W) => Type.Unsafe<W[number]>(Type.Enum([...values]))

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
  Type.String({ $comment: format, minLength: 1, ...(pattern === undefined ? {} : { pattern }) })

export const Id = text('enfold-id')
export const Name = Type.String({ minLength: 1, maxLength: 500 })
export const Scalar = Type.Unsafe<JsonScalar>({ type: ['string', 'number', 'boolean', 'null'] })
export const WallTime = text('enfold-wall-time', '^[0-2][0-9]:[0-5][0-9]$')

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

type Described<P extends TProperties> = Frozen<Type.Static<Type.TObject<P>>>

/**
 * The properties of a form, which compile only if they describe exactly that. The form is also written out: a public
 * type that is computed from a schema names TypeBox, an ES module only, and a host in CommonJS could not compile it.
 */
export const propertiesOf =
  <Form>() =>
  <P extends TProperties>(
    properties: P &
      ([Form, Described<P>, keyof Form, keyof P] extends [Described<P>, Form, keyof P, keyof Form] ? unknown : never),
  ): P =>
    properties
