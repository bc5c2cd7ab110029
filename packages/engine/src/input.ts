/** Input validation: what a host passes to a verb is checked here, once, before anything is looked up or written. */
import {
  A_VARIABLE,
  type Check,
  checks,
  ENGINE_ID_PREFIX,
  EnfoldFault,
  isCallersCommandId,
  isLegalId,
  isVariableValue,
  type JsonObject,
  MAX_ID_LENGTH,
  notJsonIn,
  typeName,
  unsafeIntegerIn,
} from '@enfold/core'

export const { id, text, flag, instant, instantOrNull, signedDuration, oneOf, wholeNumber } = checks

export const commandId: Check = (path, value) => {
  id(path, value)
  if (!isCallersCommandId(value))
    throw EnfoldFault.invalidInput(
      path,
      value,
      `an id that does not begin with "${ENGINE_ID_PREFIX}": those are the engine's own. Put something of yours before it`,
    )
}

export const idOrNull: Check = (path, value) => {
  if (value !== null) id(path, value)
}

/** A key of a page of members, which is empty for a run without one. */
export const keyOrNone: Check = (path, value) => {
  if (value !== '') id(path, value)
}

export const ids: Check = (path, value) => {
  if (!Array.isArray(value)) throw EnfoldFault.invalidInput(path, value, 'a list of ids')
  for (const [i, one] of value.entries()) id(`${path}[${i}]`, one)
}

export const actor: Check = (path, value) => {
  if (value !== null && !isLegalId(value))
    throw EnfoldFault.invalidInput(
      path,
      value,
      `your id of who orders this, 1 to ${MAX_ID_LENGTH} characters, or null for nobody`,
    )
}

export const abortSignal: Check = (path, value) => {
  if (!(value instanceof AbortSignal)) throw EnfoldFault.invalidInput(path, value, 'an AbortSignal')
}

export const anything: Check = () => {}

export function callable(expected = 'a function'): Check {
  return (path, value) => {
    if (typeof value !== 'function') throw EnfoldFault.invalidInput(path, value, expected)
  }
}

export function withMethod(method: string, expected: string): Check {
  return (path, value) => {
    if (typeof (value as Record<string, unknown> | null | undefined)?.[method] !== 'function')
      throw EnfoldFault.invalidInput(path, value, expected)
  }
}

/** How many a page may hold. */
export const pageSize: Check = wholeNumber(1, 1000)

/** True for a Map, a Set, a Date …: JSON would make an empty object of them, or no object. An instance of a class may be one. */
function isNoRecord(value: object): boolean {
  return Object.prototype.toString.call(value) !== '[object Object]'
}

/** Where something is in an input: `signal.data.items[0]["a b"]`. */
function placeOf(path: string, keys: readonly string[]): string {
  const segments = keys.map((key) =>
    /^\d+$/.test(key) ? `[${key}]` : /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
  )
  return `${path}${segments.join('')}`
}

/**
 * A plain JSON object. Answers it as a copy, so that later changes by the host do no harm. What JSON cannot say is refused
 * at any depth, and not left out or made `null` without a word.
 */
export function jsonObject(path: string, value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw EnfoldFault.invalidInput(path, value, 'a plain JSON object')
  if (isNoRecord(value))
    throw EnfoldFault.unshownInput(
      path,
      `is ${typeName(value)}`,
      'a plain JSON object, as Object.fromEntries makes one',
    )
  for (const { keys, what, expected } of notJsonIn(value))
    throw EnfoldFault.unshownInput(placeOf(path, keys), what, expected)
  const copy = JSON.parse(JSON.stringify(value)) as JsonObject
  const unsafe = unsafeIntegerIn(copy)
  if (unsafe !== null)
    throw EnfoldFault.unshownInput(`${path}${unsafe}`, 'is an integer that cannot be kept exactly', 'a text')
  return copy
}

/** What a run begins with: texts, numbers and flags by name (VAR-1). A value is not shown: it may be anything of a person. */
export const vars: Check = (path, value) => {
  for (const [name, one] of Object.entries(jsonObject(path, value)))
    if (one !== null && !isVariableValue(one))
      throw EnfoldFault.unshownInput(placeOf(path, [name]), `is ${typeName(one)}`, A_VARIABLE)
}

const NO_OPTIONS: ReadonlySet<string> = new Set(
  ['Array', 'Map', 'Set', 'Date', 'Promise'].map((tag) => `[object ${tag}]`),
)

/**
 * Throws for what holds nothing by name, though it is an object: read as one, a Map of limits would be none at all.
 */
export function named(path: string, value: unknown, expected: string): void {
  if (typeof value !== 'object' || value === null) throw EnfoldFault.invalidInput(path, value, expected)
  const tag = Object.prototype.toString.call(value)
  if (!NO_OPTIONS.has(tag)) return
  const fix =
    tag === '[object Map]' ? ', as Object.fromEntries makes one' : tag === '[object Promise]' ? ': await it' : ''
  throw EnfoldFault.unshownInput(path, `is ${typeName(value)}`, `${expected}${fix}`)
}

/** What may be passed, by name: a check, and `?` after the name of what may be left out. */
export type Shape = Readonly<Record<string, Check>>

/**
 * Checks an input against its shape. What the shape does not know is refused: an option that is misspelled must not be
 * ignored.
 */
export function checkInput(verb: string, input: unknown, shape: Shape): void {
  named(verb, input, `an object with ${Object.keys(shape).join(', ')}`)
  const given = input as Record<string, unknown>
  for (const [key, check] of Object.entries(shape)) {
    const optional = key.endsWith('?')
    const name = optional ? key.slice(0, -1) : key
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    if (!(optional && value === undefined)) check(`${verb}.${name}`, value)
  }
  for (const name of Object.keys(given))
    if (!Object.hasOwn(shape, name) && !Object.hasOwn(shape, `${name}?`))
      throw EnfoldFault.invalidInput(
        `${verb}.${name}`,
        given[name],
        `no such property; known are ${Object.keys(shape).join(', ')}`,
      )
}
