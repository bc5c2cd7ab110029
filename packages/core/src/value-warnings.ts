/** What the values that a definition compares with are warned of: legal, but surely not what was meant (VERSION-2). */
import type { CampaignDefinition, Condition, Route } from './definition.ts'
import { typeName } from './fault.ts'
import { isUnsafeInteger, type JsonScalar, jsonPointerSegment } from './json.ts'
import type { CampaignProblem } from './rejection.ts'

/** A value of the definition that something of a contact or a signal is compared with. */
interface Compared {
  readonly path: string
  readonly value: JsonScalar
}

/** Integers that JSON's readers round, in patterns and conditions: another number is compared with them than was written. */
export function unsafeIntegers(definition: CampaignDefinition): CampaignProblem[] {
  return [...patternValues(definition), ...conditionValues(definition)]
    .filter(({ value }) => isUnsafeInteger(value))
    .map(({ path, value }) => ({ path, value, message: `${value} cannot be kept exactly; use a string` }))
}

/**
 * Patterns that compare the same value of the same kind of signal with values of different types, "100" and 100: a
 * signal has it as one of them, and the other pattern never matches (VERSION-2a). `null` goes with every type.
 */
export function mixedTypes(definition: CampaignDefinition): CampaignProblem[] {
  const first = new Map<string, Matched>()
  return patternValues(definition).flatMap((matched) => {
    const { kind, key, path, value } = matched
    if (value === null) return []
    const what = JSON.stringify([kind, key])
    const before = first.get(what)
    if (before === undefined) first.set(what, matched)
    if (before === undefined || typeof before.value === typeof value) return []
    const message = `is ${typeName(value)}, where ${before.path} is ${typeName(before.value)}: no signal has both`
    return [{ path, value, message }]
  })
}

/** A value of a pattern, with what it is compared with: the value of that key in signals of that kind. */
interface Matched extends Compared {
  readonly kind: string
  readonly key: string
}

function patternValues({ goals }: CampaignDefinition): Matched[] {
  return goals.flatMap(({ when }, g) =>
    [when].flat().flatMap(({ kind, match }, i) => {
      const at = `/goals/${g}/when${Array.isArray(when) ? `/${i}` : ''}/match`
      return Object.entries(match ?? {}).map(([key, value]) => ({
        kind,
        key,
        path: `${at}/${jsonPointerSegment(key)}`,
        value,
      }))
    }),
  )
}

function conditionValues({ goals, sequences }: CampaignDefinition): Compared[] {
  const ofRoutes = (next: readonly Route[] | undefined, path: string) =>
    (next ?? []).flatMap((route, i) =>
      typeof route === 'object' && 'if' in route ? valuesIn(route.if, `${path}/next/${i}/if`) : [],
    )
  return [
    ...goals.flatMap(({ next }, g) => ofRoutes(next, `/goals/${g}`)),
    ...sequences.flatMap(({ next, steps }, s) => [
      ...steps.flatMap((step, i) => (step.if === undefined ? [] : valuesIn(step.if, `/sequences/${s}/steps/${i}/if`))),
      ...ofRoutes(next, `/sequences/${s}`),
    ]),
  ]
}

function valuesIn(condition: Condition, path: string): Compared[] {
  const listed = (key: string, values: readonly JsonScalar[]) =>
    values.map((value, i) => ({ path: `${path}/${key}/${i}`, value }))
  if ('equals' in condition) return [{ path: `${path}/equals`, value: condition.equals }]
  if ('atLeast' in condition) return [{ path: `${path}/atLeast`, value: condition.atLeast }]
  if ('atMost' in condition) return [{ path: `${path}/atMost`, value: condition.atMost }]
  if ('in' in condition) return listed('in', condition.in)
  const nested = (key: string, ones: readonly Condition[]) =>
    ones.flatMap((one, i) => valuesIn(one, `${path}/${key}/${i}`))
  if ('all' in condition) return nested('all', condition.all)
  if ('any' in condition) return nested('any', condition.any)
  if ('none' in condition) return nested('none', condition.none)
  return []
}
