/** Plain JSON values: what definitions, signals, facts and events are made of. */

export type JsonScalar = string | number | boolean | null
export type JsonValue = JsonScalar | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/**
 * The same text for the same value, whatever the order of its keys: object keys sorted by UTF-16 units, no white
 * space (RFC 8785, for values that `JSON.parse` can yield). Members that are `undefined` are left out, as JSON does.
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as JsonObject
  let members = ''
  for (const key of Object.keys(object).sort()) {
    const member = object[key]
    if (member === undefined) continue
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`
  }
  return `{${members}}`
}

/** True for an integer beyond 2^53 - 1: as a number it may be another one than was written. */
export function isUnsafeInteger(value: unknown): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value)
}

/**
 * Where in a value the first integer is that cannot be kept exactly, as a JSON Pointer; `null`: nowhere.
 *
 * @example
 * unsafeIntegerIn({ order: { id: 2 ** 53 } }) // '/order/id'
 */
export function unsafeIntegerIn(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return isUnsafeInteger(value) ? '' : null
  for (const [key, inner] of Object.entries(value)) {
    const found = unsafeIntegerIn(inner)
    if (found !== null) return `/${jsonPointerSegment(key)}${found}`
  }
  return null
}

/** Any object but a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keys from the outermost on, as a JSON Pointer (RFC 6901). */
export function jsonPointer(keys: readonly string[]): string {
  return keys.map((key) => `/${jsonPointerSegment(key)}`).join('')
}

/** The keys that a JSON Pointer names, from the outermost on. */
export function keysOfPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A key as a segment of a JSON Pointer (RFC 6901). */
export function jsonPointerSegment(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
