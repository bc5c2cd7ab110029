/**
 * The shape of `definition.ts` as a published JSON Schema, and its problems as sentences. Where a definition may have one
 * of several forms (timer, route, condition), the form is told by its distinguishing key and only that form's problems
 * are named: an `anyOf` would name those of all.
 */
import {
  CAMPAIGN,
  type CampaignDefinition,
  CONDITIONS,
  type Condition,
  OF_VARIABLES,
  PATTERN,
  ROUTES,
  type Route,
  TESTS,
} from './definition.ts'
import { tooDeepIn } from './depth.ts'
import { show } from './fault.ts'
import { FORMATS, formatCalled, id, type SlotName } from './formats.ts'
import { isLegalId } from './ids.ts'
import { isObject, type JsonObject, type JsonValue, jsonPointer, jsonPointerSegment, keysOfPointer } from './json.ts'
import type { CampaignProblem } from './rejection.ts'
import { array, type Check, compiled, type Properties, type Schema, scalar, union } from './schema.ts'
import { MAX_KEPT_VALUES } from './signal-kept.ts'
import { OFFSET_TIMERS, TIMERS } from './timers/timers.ts'
import { WINDOWS, windowProblem } from './timers/window.ts'

/** What each slot is a reference to. */
const SLOTS: Readonly<Record<SlotName, Schema<unknown>>> = {
  timer: anyOf(...Object.values(TIMERS), ...Object.values(OFFSET_TIMERS)),
  window: anyOf(...Object.values(WINDOWS), array(anyOf(...Object.values(WINDOWS)), { minItems: 1 })),
  condition: anyOf(...Object.values(CONDITIONS), ...Object.values(OF_VARIABLES)),
  when: anyOf(PATTERN, array(PATTERN, { minItems: 1 })),
  test: anyOf(scalar(), ...Object.values(TESTS)),
  route: anyOf(id(), ...Object.values(ROUTES)),
}

function anyOf(...forms: readonly Schema<unknown>[]): Schema<unknown> {
  return union(forms)
}

/**
 * The JSON Schema (draft 2020-12) of a campaign definition. It lies in the package as a file too:
 * `@enfold/core/campaign.schema.json`. What a schema cannot say (unique ids, known targets) `defineCampaign` checks.
 */
export const campaignJsonSchema: JsonObject = JSON.parse(
  JSON.stringify(
    {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'Enfold campaign definition',
      ...CAMPAIGN,
      $defs: SLOTS,
    },
    (_, value: unknown) => (isObject(value) && 'slot' in value ? { $ref: `#/$defs/${value.slot}` } : value),
  ),
)

interface Checks {
  readonly campaign: Check<unknown>
  readonly pattern: Check<unknown>
  readonly tests: FormChecks
  readonly timers: FormChecks
  readonly offsetTimers: FormChecks
  readonly windows: FormChecks
  readonly conditions: FormChecks
  readonly ofVariables: FormChecks
  readonly routes: FormChecks
}
type FormChecks = ReadonlyMap<string, Check<unknown>>

// Compiled at first use: a program that only folds a log never pays for it.
let made: Checks | undefined
function checks(): Checks {
  const each = (forms: Properties) =>
    new Map(Object.entries(forms).map(([key, form]) => [key, compiled(form)] as const))
  made ??= {
    campaign: compiled(CAMPAIGN),
    pattern: compiled(PATTERN),
    tests: each(TESTS),
    timers: each(TIMERS),
    offsetTimers: each(OFFSET_TIMERS),
    windows: each(WINDOWS),
    conditions: each(CONDITIONS),
    ofVariables: each(OF_VARIABLES),
    routes: each(ROUTES),
  }
  return made
}

/** What no campaign that people wrote comes near, and a check can still take: asked before anything else is. */
/**
 * As JSON in UTF-8. With what a decision records of its conditions, a line of a log (`MAX_LINE_LENGTH`) holds several times
 * as much.
 */
const MOST_BYTES = 4 * 1024 * 1024
/** Far below the limit of a line, in which a definition stands two levels deep. */
const MOST_DEEP = 100

/** What no line of a log could hold, so that nobody could read it again (AUDIT-1). Asked of what is to be published. */
export function lineProblems(definition: unknown, json: string): CampaignProblem[] {
  const deep = tooDeepIn(definition, MOST_DEEP)
  if (deep !== null)
    return [{ path: jsonPointer(deep), message: `is nested more than ${MOST_DEEP} deep, counted from the definition` }]
  // A unit of UTF-16 takes up to three bytes: most definitions need no counting.
  const bytes = json.length * 3 <= MOST_BYTES ? 0 : new TextEncoder().encode(json).length
  if (bytes <= MOST_BYTES) return []
  return [
    {
      path: '',
      message: `has ${bytes} bytes as JSON; a campaign has at most ${MOST_BYTES}. Keep texts elsewhere, and name them in params`,
    },
  ]
}

const MOST = { nodes: 20_000, steps: 50_000, routes: 100_000 } as const

export function sizeProblems(input: unknown): CampaignProblem[] {
  const count = (value: unknown) => (Array.isArray(value) ? value.length : 0)
  const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
  const { goals, sequences } = (input ?? {}) as { readonly goals?: unknown; readonly sequences?: unknown }
  const nodes = count(goals) + count(sequences)
  const found = { nodes, steps: 0, routes: 0 }
  if (nodes <= MOST.nodes)
    for (const node of [...listOf(goals), ...listOf(sequences)]) {
      const { next, steps } = (node ?? {}) as { readonly next?: unknown; readonly steps?: unknown }
      found.routes += count(next)
      found.steps += count(steps)
    }
  return (['nodes', 'steps', 'routes'] as const).flatMap((what) =>
    found[what] <= MOST[what]
      ? []
      : [{ path: '', message: `has ${found[what]} ${what}; a campaign has at most ${MOST[what]}. Split it` }],
  )
}

/** All problems of shape, in the order in which they were found; empty: the value is a `CampaignDefinition`. */
export function shapeProblems(input: unknown): CampaignProblem[] {
  const tooLarge = sizeProblems(input)
  if (tooLarge.length > 0) return tooLarge
  const v = checks()
  const problems: CampaignProblem[] = check(v.campaign, input, '')
  const definition = input as Partial<CampaignDefinition> | null
  each(definition?.goals, (goal, g) => {
    const when: unknown = goal?.when
    const path = `/goals/${g}/when`
    if (!Array.isArray(when)) problems.push(...(when === undefined ? [] : patternProblems(v, when, path)))
    else if (when.length === 0) problems.push(problem(path, when, 'at least one pattern'))
    else when.forEach((one, i) => void problems.push(...patternProblems(v, one, `${path}/${i}`)))
    each(goal?.next, (route, i) => problems.push(...routeProblems(v, route, `/goals/${g}/next/${i}`)))
  })
  for (const [kind, kept] of Object.entries(isObject(definition?.signals) ? definition.signals : {}))
    problems.push(...keptProblems(kept, `/signals/${jsonPointerSegment(kind)}`))
  each(definition?.sequences, (sequence, s) => {
    each(sequence?.next, (route, i) => problems.push(...routeProblems(v, route, `/sequences/${s}/next/${i}`)))
    each(sequence?.steps, (step, i) => {
      const path = `/sequences/${s}/steps/${i}`
      if (step?.timer !== undefined) problems.push(...timerProblems(v, step.timer, `${path}/timer`))
      if (step?.if !== undefined) problems.push(...conditionProblems(v, step.if, `${path}/if`, 0))
    })
  })
  return problems
}

function each<T>(list: readonly T[] | undefined, visit: (item: T, index: number) => void): void {
  if (Array.isArray(list)) list.forEach(visit)
}

function patternProblems(v: Checks, value: unknown, path: string): CampaignProblem[] {
  const match = isObject(value) && isObject(value.match) ? value.match : {}
  return [
    ...check(v.pattern, value, path),
    ...Object.entries(match).flatMap(([key, test]) =>
      testProblems(v, test, `${path}/match/${jsonPointerSegment(key)}`),
    ),
  ]
}

function testProblems(v: Checks, test: unknown, path: string): CampaignProblem[] {
  if (test === null || ['string', 'number', 'boolean'].includes(typeof test)) return []
  return oneOf(v.tests, test, path, 'a text, a number, true, false, null, or a test')
}

/** Each name once, and no more of them than a signal can keep (SIGNAL-3). */
function keptProblems(kept: unknown, path: string): CampaignProblem[] {
  const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
  const lists = isObject(kept) ? (['keep', 'private'] as const).map((key) => [key, listOf(kept[key])] as const) : []
  const names = lists.flatMap(([key, list]) => list.map((name, i) => ({ name, path: `${path}/${key}/${i}` })))
  const first = new Map<unknown, string>()
  const problems = names.flatMap((one) => {
    const before = first.get(one.name)
    if (before === undefined) first.set(one.name, one.path)
    return before === undefined ? [] : [problem(one.path, one.name, `a name that stands once; it is ${before} already`)]
  })
  if (names.length <= MAX_KEPT_VALUES) return problems
  return [
    ...problems,
    { path, message: `has ${names.length} names; of one signal at most ${MAX_KEPT_VALUES} values are kept` },
  ]
}

function timerProblems(v: Checks, timer: unknown, path: string): CampaignProblem[] {
  const forms = new Map(v.timers)
  // Two forms begin with a field, and two with a variable: so long from its moment, or days from its date.
  for (const [source, offset] of v.offsetTimers) {
    if (!isObject(timer) || !Object.hasOwn(timer, source)) continue
    if (Object.hasOwn(timer, 'offset')) forms.set(source, offset)
    else if (!Object.hasOwn(timer, 'offsetDays'))
      return [problem(path, timer, `with "${source}" either "offset", or "offsetDays", "at" and "occurrence"`)]
  }
  const problems = oneOf(forms, timer, path, 'a timer')
  const window = isObject(timer) ? timer.window : undefined
  return window === undefined ? problems : [...problems, ...windowProblems(v, window, `${path}/window`)]
}

function windowProblems(v: Checks, window: unknown, path: string): CampaignProblem[] {
  if (!Array.isArray(window)) return oneWindowProblems(v, window, path)
  if (window.length === 0) return [problem(path, window, 'at least one window')]
  return window.flatMap((one, i) => oneWindowProblems(v, one, `${path}/${i}`))
}

function oneWindowProblems(v: Checks, window: unknown, path: string): CampaignProblem[] {
  if (!isObject(window)) return [problem(path, window, 'a window { days?, from, to } or { days, keepTime: true }')]
  const form = v.windows.get(Object.hasOwn(window, 'keepTime') ? 'keepTime' : 'from')
  const problems = form === undefined ? [] : check(form, window, path)
  const wrong = problems.length > 0 ? null : windowProblem(window as unknown as Parameters<typeof windowProblem>[0])
  if (wrong !== null) problems.push(problem(path + wrong.path, valueAt(window, wrong.path), wrong.expected))
  return problems
}

function routeProblems(v: Checks, route: Route, path: string): CampaignProblem[] {
  if (typeof route === 'string') return isLegalId(route) ? [] : [problem(path, route, FORMATS['enfold-id'].expected)]
  const problems = oneOf(v.routes, route, path, 'a node id or a route { to, if } or { to, otherwise: true }')
  if (isObject(route) && 'if' in route) problems.push(...conditionProblems(v, route.if, `${path}/if`, 0))
  return problems
}

/** Deeper than anyone writes, and far from the end of the stack. */
const MAX_CONDITION_DEPTH = 50

function conditionProblems(v: Checks, condition: Condition, path: string, depth: number): CampaignProblem[] {
  if (depth > MAX_CONDITION_DEPTH) return [problem(path, null, `conditions nested at most ${MAX_CONDITION_DEPTH} deep`)]
  const forms = isObject(condition) && Object.hasOwn(condition, 'var') ? v.ofVariables : v.conditions
  const problems = oneOf(forms, condition, path, 'a condition')
  if (!isObject(condition)) return problems
  for (const key of ['all', 'any', 'none'] as const) {
    const inner = (condition as Record<string, unknown>)[key]
    each(inner as Condition[], (c, i) => problems.push(...conditionProblems(v, c, `${path}/${key}/${i}`, depth + 1)))
  }
  return problems
}

function oneOf(forms: FormChecks, value: unknown, path: string, what: string): CampaignProblem[] {
  const keys = [...forms.keys()]
  const present = isObject(value) ? keys.filter((key) => Object.hasOwn(value, key)) : []
  const form = present.length === 1 ? forms.get(present[0] as string) : undefined
  if (form === undefined) return [problem(path, value, `${what} with exactly one of: ${keys.join(', ')}`)]
  return check(form, value, path)
}

function check({ schema, errors }: Check<unknown>, value: unknown, path: string): CampaignProblem[] {
  const problems: CampaignProblem[] = []
  const ofFormat: CampaignProblem[] = []
  formatProblems(schema, value, path, ofFormat)
  for (const error of errors(value)) {
    const at = path + error.instancePath
    // Our formats say what is expected; the patterns next to them are for validators of other languages.
    if (ofFormat.some((one) => one.path === at)) continue
    const found = valueAt(value, error.instancePath)
    switch (error.keyword) {
      case 'boolean':
        problems.push({ ...problem(at, found), message: 'is not a known property (misspelled?)' })
        break
      case 'additionalProperties':
        break // Named one by one by 'boolean'.
      case 'const':
        problems.push(problem(at, found, show((error.params as { allowedValue: unknown }).allowedValue)))
        break
      case 'required':
        for (const name of (error.params as { requiredProperties: string[] }).requiredProperties)
          problems.push({ path: `${at}/${jsonPointerSegment(name)}`, message: 'is required' })
        break
      case 'enum':
        problems.push(
          problem(
            at,
            found,
            `one of ${(error.params as { allowedValues: unknown[] }).allowedValues.map(show).join(', ')}`,
          ),
        )
        break
      case 'anyOf':
        problems.push(problem(at, found, 'another form'))
        break
      case 'type':
        problems.push(problem(at, found, typeInWords((error.params as { type: string | string[] }).type)))
        break
      default:
        problems.push({ ...problem(at, found), message: `${error.message}; it is ${show(found)}` })
    }
  }
  return [...problems, ...ofFormat]
}

const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['string', 'text in quotes'],
  ['integer', 'a whole number, without quotes'],
  ['number', 'a number, without quotes'],
  ['boolean', 'true or false, without quotes'],
  ['array', 'a list'],
  ['object', 'an object'],
])

const typeInWords = (type: string | readonly string[]): string =>
  [type]
    .flat()
    .map((one) => TYPE_WORDS.get(one) ?? one)
    .join(' or ')

/** Follows schema and value together and checks our formats: of another type than text, nothing has one. */
function formatProblems(schema: Schema<unknown>, value: unknown, path: string, problems: CampaignProblem[]): void {
  const format = formatCalled(schema.$comment)
  if (format !== undefined && value !== undefined && !(typeof value === 'string' && format.check(value)))
    problems.push(problem(path, value, format.expected))
  if (schema.items !== undefined && Array.isArray(value))
    value.forEach((item, i) => void formatProblems(schema.items as Schema<unknown>, item, `${path}/${i}`, problems))
  if (schema.properties !== undefined && isObject(value))
    for (const [key, inner] of Object.entries(schema.properties))
      if (Object.hasOwn(value, key)) formatProblems(inner, value[key], `${path}/${jsonPointerSegment(key)}`, problems)
}

export function problem(path: string, value: unknown, expected?: string): CampaignProblem {
  const message = expected === undefined ? 'is not valid' : `is ${show(value)}; expected ${expected}`
  return value === undefined ? { path, message } : { path, value: value as JsonValue, message }
}

function valueAt(value: unknown, path: string): unknown {
  let at = value
  for (const name of keysOfPointer(path)) {
    at =
      (isObject(at) || Array.isArray(at)) && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined
  }
  return at
}
