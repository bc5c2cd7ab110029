/** Which signals satisfy a pattern: its kind, the tests of its `match`, and what it says of automated ones (MATCH-1, MATCH-2). */
import type { MatchTest, SignalPattern } from './definition.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'

/** What a pattern reads of a signal. */
export interface MatchedSignal {
  readonly kind: string
  readonly data: JsonObject
  /** True: a program caused it and no person, such as the scanner of a mail server that opens every link. */
  readonly automated?: boolean
}

/** Whether the signal is of the pattern's kind and passes every test of its `match`. Automation is not asked here. */
export function passesTests(
  pattern: SignalPattern,
  { kind, data }: MatchedSignal,
  isVariable: IsVariable = () => false,
): boolean {
  if (pattern.kind !== kind) return false
  return Object.entries(pattern.match ?? {}).every(([key, test]) => passes(test, valueIn(data, key), isVariable))
}

/** Whether an open run of the contact, in the campaign of the goal, has this variable with this value (VAR-2). */
export type IsVariable = (name: string, value: JsonScalar) => boolean

/** Whether the pattern takes such signals at all: an automated one only if it says so (MATCH-2). */
export function takesSignal(pattern: SignalPattern, { automated = false }: MatchedSignal): boolean {
  return !automated || pattern.automated === true
}

/**
 * Whether a value of a signal passes one test (MATCH-1). Nothing is converted: "100" is not at least 100. A value that the
 * signal does not have passes only `{ exists: false }`.
 *
 * @param value `undefined`: the signal has none
 * @param isVariable for `{ var }`. Default: no run has it
 * @example
 * passes({ atLeast: 100 }, 250) // true
 */
export function passes(test: MatchTest, value: JsonValue | undefined, isVariable: IsVariable = () => false): boolean {
  if (!isTest(test)) return value === test
  if ('exists' in test) return (value !== undefined) === test.exists
  if (value === undefined) return false
  if ('in' in test) return test.in.some((one) => one === value)
  if ('not' in test) return value !== test.not
  if ('var' in test) return isScalar(value) && isVariable(test.var, value)
  if ('atLeast' in test) return typeof value === 'number' && value >= test.atLeast
  return typeof value === 'number' && value <= test.atMost
}

function isScalar(value: JsonValue): value is JsonScalar {
  return typeof value !== 'object' || value === null
}

/** A test, and not a value to be equal to. */
export function isTest(test: MatchTest): test is Exclude<MatchTest, JsonScalar> {
  return typeof test === 'object' && test !== null
}

/** A value of a signal's data. Keys may be anything, `__proto__` included. */
export function valueIn(data: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined
}
