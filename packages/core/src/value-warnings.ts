/** What the values that a definition compares with are warned of: legal, but surely not what was meant (VERSION-2). */
import type { CampaignDefinition, Condition, MatchTest, Route, SignalPattern } from './definition.ts'
import { typeName } from './fault.ts'
import type { CampaignId } from './ids.ts'
import { isUnsafeInteger, type JsonScalar, jsonPointerSegment } from './json.ts'
import { nearest } from './nearest.ts'
import type { CampaignProblem } from './rejection.ts'
import { isTest } from './signal-match.ts'

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

/**
 * What the goals of a definition are warned of because of those of the other published campaigns (VERSION-2a): values of
 * another type than others compare the same with, and kinds of signals that are nearly those of others.
 */
export function warningsAmong(
  definition: CampaignDefinition,
  others: readonly CampaignDefinition[],
): CampaignProblem[] {
  return [...typesUnlike(others, definition), ...kindsNear(others, definition)]
}

function typesUnlike(others: readonly CampaignDefinition[], definition: CampaignDefinition): CampaignProblem[] {
  const known = new Map<string, Map<string, { readonly campaignId: CampaignId; readonly name: string }>>()
  for (const other of others)
    for (const { kind, key, value } of patternValues(other)) {
      const what = JSON.stringify([kind, key])
      const types = known.get(what) ?? new Map()
      known.set(what, types)
      if (value !== null && !types.has(typeof value))
        types.set(typeof value, { campaignId: other.id, name: typeName(value) })
    }
  return patternValues(definition).flatMap(({ kind, key, path, value }) => {
    const types = known.get(JSON.stringify([kind, key]))
    const [first] = types?.values() ?? []
    // Where others have both types, one of them was warned of when it was published.
    if (value === null || first === undefined || types?.has(typeof value)) return []
    const { campaignId, name } = first
    const message = `is ${typeName(value)}, where the campaign ${JSON.stringify(campaignId)} has ${name}: no signal has both`
    return [{ path, value, message, campaignId }]
  })
}

/** The kinds that the rules name; all others are the host's own. */
const SIGNAL_KINDS = [
  'tag-applied',
  'note-added',
  'stage-moved',
  'form-submitted',
  'link-clicked',
  'purchased',
  'api-called',
]

/** A slip in a kind makes a goal that no signal satisfies. Kinds that differ in their digits are meant to differ. */
function kindsNear(others: readonly CampaignDefinition[], definition: CampaignDefinition): CampaignProblem[] {
  const whose = new Map<string, CampaignId | null>(SIGNAL_KINDS.map((kind) => [kind, null]))
  for (const other of others) for (const { kind } of patterns(other)) if (!whose.has(kind)) whose.set(kind, other.id)
  return patterns(definition).flatMap(({ kind, path }) => {
    const near = whose.has(kind) ? undefined : nearest(kind, whose.keys())
    if (near === undefined || withoutDigits(near) === withoutDigits(kind)) return []
    const campaignId = whose.get(near) ?? null
    const message = `is nearly ${JSON.stringify(near)}${campaignId === null ? '' : ` of the campaign ${JSON.stringify(campaignId)}`}: did you mean that?`
    return [{ path: `${path}/kind`, value: kind, message, ...(campaignId === null ? {} : { campaignId }) }]
  })
}

const withoutDigits = (kind: string) => kind.replace(/\d+/g, '')

/** A value of a pattern, with what it is compared with: the value of that key in signals of that kind. */
interface Matched extends Compared {
  readonly kind: string
  readonly key: string
}

function patternValues(definition: CampaignDefinition): Matched[] {
  return patterns(definition).flatMap(({ kind, match, path }) =>
    Object.entries(match ?? {}).flatMap(([key, test]) =>
      valuesOf(test, `${path}/match/${jsonPointerSegment(key)}`).map((compared) => ({ kind, key, ...compared })),
    ),
  )
}

/** What the goals wait for, with its place. */
function patterns({ goals }: CampaignDefinition): (SignalPattern & { readonly path: string })[] {
  return goals.flatMap(({ when }, g) =>
    [when].flat().map((pattern, i) => ({
      ...pattern,
      path: `/goals/${g}/when${Array.isArray(when) ? `/${i}` : ''}`,
    })),
  )
}

function valuesOf(test: MatchTest, path: string): Compared[] {
  if (!isTest(test)) return [{ path, value: test }]
  if ('in' in test) return test.in.map((value, i) => ({ path: `${path}/in/${i}`, value }))
  if ('not' in test) return [{ path: `${path}/not`, value: test.not }]
  if ('atLeast' in test) return [{ path: `${path}/atLeast`, value: test.atLeast }]
  if ('atMost' in test) return [{ path: `${path}/atMost`, value: test.atMost }]
  return []
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
