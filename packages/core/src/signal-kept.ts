/** What is kept of a signal: the values that published campaigns declare for its kind (SIGNAL-1, SIGNAL-3). */
import type { SignalPattern } from './definition.ts'
import type { Observation } from './event-parts.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'
import { type IsVariable, passes, valueIn } from './signal-match.ts'

/** A kept text has at most so many characters; a longer one is recorded as clipped. */
const MAX_TEXT = 500
/** So many values of one signal are kept; what is over is recorded as clipped. */
export const MAX_KEPT_VALUES = 20
/** So many signals of one contact are kept, unless the engine is told another number (SIGNAL-6). */
export const MAX_KEPT_SIGNALS = 10_000

/** What the campaigns together declare for one kind. A value that one of them calls private is private. */
export interface KeptKind {
  readonly keep: ReadonlySet<string>
  readonly private: ReadonlySet<string>
}

/** What stands in the log of a signal's data. */
export interface KeptData {
  readonly data: { readonly [key: string]: JsonScalar }
  /** Names of values that were there and could not be kept: no scalar, a text that is too long, or one too many. */
  readonly clipped: readonly string[]
  /** Of private values: each test that a pattern asks of it, and its outcome. */
  readonly tests: readonly Observation[]
}

/** A pattern, with the variables that it may compare with. */
interface AskedPattern {
  readonly pattern: SignalPattern
  readonly isVariable: IsVariable
}

/**
 * @param patterns of the signal's kind, in published campaigns
 * @example
 * keptOf({ total: 120, coupon: 'ANN20' }, { keep: new Set(['total']), private: new Set(['coupon']) },
 *   [{ pattern: { kind: 'purchased', match: { coupon: { exists: true } } }, isVariable: () => false }])
 * // { data: { total: 120 }, clipped: [], tests: [{ field: 'coupon', test: '{"exists":true}', holds: true }] }
 */
export function keptOf(data: JsonObject, kind: KeptKind, patterns: readonly AskedPattern[]): KeptData {
  const kept: [string, JsonScalar][] = []
  const clipped: string[] = []
  for (const key of kind.keep) {
    const value = valueIn(data, key)
    if (value === undefined || kind.private.has(key)) continue
    if (isKeepable(value) && kept.length < MAX_KEPT_VALUES) kept.push([key, value])
    else clipped.push(key)
  }
  const tests = new Map<string, Observation>()
  for (const pattern of patterns)
    for (const one of testsOf(pattern, data, kind.private)) tests.set(JSON.stringify(one), one)
  return { data: Object.fromEntries(kept), clipped, tests: [...tests.values()] }
}

/** What a pattern saw of a signal, as far as it may be recorded: kept values, and outcomes of tests of private ones. */
export function seenBy(asked: AskedPattern, data: JsonObject, kept: KeptData, kind: KeptKind): readonly Observation[] {
  const shown = Object.keys(asked.pattern.match ?? {}).flatMap((field): Observation[] => {
    const value = valueIn(kept.data, field)
    const isAbsent = kind.keep.has(field) && valueIn(data, field) === undefined
    return value !== undefined || isAbsent ? [{ field, value: value ?? null }] : []
  })
  return [...shown, ...testsOf(asked, data, kind.private)]
}

function testsOf(
  { pattern: { match = {} }, isVariable }: AskedPattern,
  data: JsonObject,
  isPrivate: ReadonlySet<string>,
): Observation[] {
  return Object.entries(match).flatMap(([field, test]) =>
    isPrivate.has(field)
      ? [{ field, test: JSON.stringify(test), holds: passes(test, valueIn(data, field), isVariable) }]
      : [],
  )
}

function isKeepable(value: JsonValue): value is JsonScalar {
  return typeof value === 'string' ? value.length <= MAX_TEXT : typeof value !== 'object' || value === null
}
