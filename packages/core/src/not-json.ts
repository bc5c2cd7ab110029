/**
 * What a value of the host's holds that JSON cannot say: a Map is written as `{}`, NaN as `null`, a function not at all,
 * and nobody is told. Asked of whatever comes in from a caller at any depth, before it is copied as JSON.
 */
import { MAX_JSON_DEPTH } from './depth.ts'
import { typeName } from './fault.ts'

/** One part of a value that JSON cannot say. Neither text repeats the value. */
export interface NotJson {
  /** The keys that lead there from the whole; empty: the whole itself. */
  readonly keys: readonly string[]
  /** "is a Map". */
  readonly what: string
  /** What to pass in its place. */
  readonly expected: string
}

/**
 * Every part that JSON cannot say: functions, symbols, bigints, numbers that are not finite, a Map, a Set and other
 * built-in objects, `undefined` in a list, cycles, and what is nested deeper than 128. What has a `toJSON` (a Date, a
 * decimal of a library) counts as what that returns, an instance of a class as its own properties. A member that is
 * `undefined` is absent.
 *
 * @example
 * const [first] = notJsonIn({ items: new Map() }) // { keys: ['items'], what: 'is a Map', … }
 */
export function* notJsonIn(value: unknown): Generator<NotJson, void> {
  try {
    yield* within(value, [], new Set())
  } catch {
    // A proxy. What it threw may be the host's own, with any text in it.
    yield { keys: [], ...UNREADABLE }
  }
}

function* within(given: unknown, keys: readonly string[], open: Set<object>): Generator<NotJson, void> {
  const read = asWritten(given, keys.at(-1) ?? '')
  if ('what' in read) return yield { keys, ...read }
  const { value } = read
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  const odd = oddity(value)
  if (odd !== null) return yield { keys, what: `is ${typeName(value)}`, expected: odd }
  if (typeof value !== 'object') return
  if (open.has(value)) return yield { keys, what: 'holds itself', expected: 'a value without cycles' }
  if (keys.length >= MAX_JSON_DEPTH)
    return yield { keys, what: `is nested deeper than ${MAX_JSON_DEPTH}`, expected: 'a flatter value' }
  open.add(value)
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) yield* within(value[i], [...keys, String(i)], open)
  else
    for (const key of Object.keys(value)) {
      const member = memberOf(value, key)
      if ('what' in member) yield { keys: [...keys, key], ...member }
      else if (member.value !== undefined) yield* within(member.value, [...keys, key], open)
    }
  open.delete(value)
}

type Read = { readonly value: unknown } | { readonly what: string; readonly expected: string }

const PLAIN = 'a plain JSON value'
const UNREADABLE = { what: 'cannot be read: reading it threw', expected: PLAIN }

function memberOf(value: object, key: string): Read {
  try {
    return { value: (value as Readonly<Record<string, unknown>>)[key] }
  } catch {
    return UNREADABLE
  }
}

/** As `JSON.stringify` would take it. */
function asWritten(value: unknown, key: string): Read {
  if (typeof value !== 'object' || value === null) return { value }
  if (value instanceof Date && Number.isNaN(value.getTime()))
    return { what: 'is an invalid Date', expected: 'a valid Date' }
  try {
    const { toJSON } = value as { readonly toJSON?: unknown }
    return { value: typeof toJSON === 'function' ? toJSON.call(value, key) : value }
  } catch {
    return UNREADABLE
  }
}

/** What was expected instead of a value that JSON cannot hold; `null` if JSON can hold it. */
function oddity(value: unknown): string | null {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? null : 'a finite number, or null'
    case 'bigint':
      return 'a number or a text, by Number(…) or String(…)'
    case 'object':
      return value === null ? null : oddObject(value)
    case 'undefined':
      return `${PLAIN}, or null`
    default:
      return PLAIN
  }
}

function oddObject(value: object): string | null {
  if (Array.isArray(value)) return null
  switch (Object.prototype.toString.call(value)) {
    case '[object Map]':
      return 'a plain object, by Object.fromEntries(…)'
    case '[object Set]':
      return 'a list, by [...set]'
    case '[object Promise]':
      return 'what it resolves to: await it'
    case '[object Object]':
      return isHollow(value) ? `${PLAIN}: this instance has no properties of its own` : null
    default:
      return PLAIN
  }
}

/**
 * An instance of a class whose values are all private, read by its methods and getters: it would be written as `{}`. One
 * of a class without any of these is merely empty.
 */
function isHollow(value: object): boolean {
  if (Object.keys(value).length > 0) return false
  for (let at: object | null = Object.getPrototypeOf(value); at !== null; ) {
    const next: object | null = Object.getPrototypeOf(at)
    // The last is the Object.prototype of this realm or of another, as that of a test runner.
    if (next !== null && Object.getOwnPropertyNames(at).some((name) => name !== 'constructor')) return true
    at = next
  }
  return false
}
