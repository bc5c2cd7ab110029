/**
 * The shape of `definition.ts` as JSON Schema (TypeBox), and its problems as sentences. Where a definition may have one
 * of several forms (timer, route, condition), the form is told by its distinguishing key and only that form's problems
 * are named: an `anyOf` would name those of all.
 */
import Type, { type TProperties, type TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Settings } from 'typebox/system'
import type { CampaignDefinition, Condition, Route } from './definition.ts'
import { tooDeepIn } from './depth.ts'
import { show } from './fault.ts'
import { closed, FORMATS, formatCalled, Id, Name, opt, Scalar, text, words } from './formats.ts'
import { isLegalId } from './ids.ts'
import type { JsonObject, JsonValue } from './json.ts'
import type { CampaignProblem } from './rejection.ts'
import { MAX_KEPT_VALUES } from './signal-kept.ts'
import { OFFSET_TIMERS, TIMERS } from './timers/timers.ts'
import { WINDOWS, windowProblem } from './timers/window.ts'

/** The forms of each choice, by the key that tells them apart. */
const windowed =
  (forms: Readonly<Record<string, TProperties>>) =>
  ({ window }: Slots) =>
    Object.fromEntries(
      Object.entries(forms).map(([key, properties]) => [key, closed({ ...properties, window: opt(window) })]),
    )
const timers = windowed(TIMERS)
const offsetTimers = windowed(OFFSET_TIMERS)

/** A hole that the published schema fills with a reference and the problem finder fills by hand. */
type Slots = Readonly<Record<'timer' | 'window' | 'route' | 'condition' | 'when' | 'test', TSchema>>

const pattern = ({ test }: Slots) =>
  closed({ kind: Name, match: opt(Type.Record(Type.String(), test)), automated: opt(Type.Boolean()) })

/** The tests of a pattern, by the key that tells them apart. A scalar stands for itself (MATCH-1). */
const TESTS = {
  atLeast: closed({ atLeast: Type.Number() }),
  atMost: closed({ atMost: Type.Number() }),
  in: closed({ in: Type.Array(Scalar) }),
  not: closed({ not: Scalar }),
  exists: closed({ exists: Type.Boolean() }),
  var: closed({ var: Name }),
}

const Kept = closed({ keep: opt(Type.Array(Name)), private: opt(Type.Array(Name)) })

/** Tests of a value, which is that of a field or of a variable. */
const valueTests = (of: 'field' | 'var') => ({
  equals: closed({ [of]: Name, equals: Scalar }),
  in: closed({ [of]: Name, in: Type.Array(Scalar) }),
  atLeast: closed({ [of]: Name, atLeast: Type.Number() }),
  atMost: closed({ [of]: Name, atMost: Type.Number() }),
  exists: closed({ [of]: Name, exists: Type.Boolean() }),
})
const ofVariables = valueTests('var')

const conditions = ({ condition }: Slots) => ({
  tag: closed({ tag: Name }),
  ...valueTests('field'),
  all: closed({ all: Type.Array(condition) }),
  any: closed({ any: Type.Array(condition) }),
  none: closed({ none: Type.Array(condition) }),
})

const routes = ({ condition }: Slots) => ({
  if: closed({ to: Id, if: condition }),
  otherwise: closed({ to: Id, otherwise: Type.Literal(true) }),
})

const campaign = (slots: Slots, options: object = {}) => {
  const Step = closed({
    id: Id,
    kind: Name,
    timer: opt(slots.timer),
    if: opt(slots.condition),
    draft: opt(Type.Boolean()),
    params: opt(Type.Record(Type.String(), Type.Unknown())),
    maxAttempts: opt(Type.Integer({ minimum: 1, maximum: 100 })),
    onFailure: opt(words('continue', 'stop', 'hold')),
    onUnknown: opt(words('retry', 'hold')),
    expiresAfter: opt(text('enfold-duration', '^P')),
  })
  const next = opt(Type.Array(slots.route))
  return closed(
    {
      id: Id,
      name: opt(Name),
      timeZone: opt(text('enfold-time-zone')),
      fields: opt(Type.Record(Type.String(), closed({ private: opt(Type.Boolean()) }))),
      revision: opt(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
      brake: opt(Type.Integer({ minimum: 1, maximum: 10_000 })),
      signals: opt(Type.Record(Type.String(), Kept)),
      goals: Type.Array(
        closed({
          id: Id,
          name: opt(Name),
          when: slots.when,
          achievableBy: opt(words('anyone', 'members')),
          same: opt(Name),
          next,
        }),
      ),
      sequences: Type.Array(
        closed({
          id: Id,
          name: opt(Name),
          vars: opt(Type.Record(Type.String(), closed({ data: Name }))),
          per: opt(Name),
          steps: Type.Array(Step, { minItems: 1 }),
          onGoal: opt(words('stop', 'runToCompletion')),
          next,
        }),
      ),
    },
    options,
  )
}

const reference = (name: string) => Type.Unsafe<unknown>({ $ref: `#/$defs/${name}` })
const references: Slots = {
  timer: reference('timer'),
  window: reference('window'),
  route: reference('route'),
  condition: reference('condition'),
  when: reference('when'),
  test: reference('test'),
}

/**
 * The JSON Schema (draft 2020-12) of a campaign definition. It lies in the package as a file too:
 * `@enfold/core/campaign.schema.json`. What a schema cannot say (unique ids, known targets) `defineCampaign` checks.
 */
export const campaignJsonSchema: JsonObject = JSON.parse(
  JSON.stringify({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Enfold campaign definition',
    ...campaign(references, {
      $defs: {
        timer: Type.Union([...Object.values(timers(references)), ...Object.values(offsetTimers(references))]),
        window: Type.Union([
          ...Object.values(WINDOWS),
          Type.Array(Type.Union(Object.values(WINDOWS)), { minItems: 1 }),
        ]),
        condition: Type.Union([...Object.values(conditions(references)), ...Object.values(ofVariables)]),
        when: Type.Union([pattern(references), Type.Array(pattern(references), { minItems: 1 })]),
        test: Type.Union([Scalar, ...Object.values(TESTS)]),
        route: Type.Union([Id, ...Object.values(routes(references))]),
      },
    }),
  }),
)

const hole = Type.Unknown()
const holes: Slots = { timer: hole, window: hole, route: hole, condition: hole, when: hole, test: hole }

interface Validators {
  readonly campaign: Validator
  readonly pattern: Validator
  readonly tests: ReadonlyMap<string, Validator>
  readonly timers: ReadonlyMap<string, Validator>
  readonly offsetTimers: ReadonlyMap<string, Validator>
  readonly windows: ReadonlyMap<string, Validator>
  readonly conditions: ReadonlyMap<string, Validator>
  readonly ofVariables: ReadonlyMap<string, Validator>
  readonly routes: ReadonlyMap<string, Validator>
}

// Compiled at first use: a program that only folds a log never pays for it.
let compiled: Validators | undefined
function validators(): Validators {
  const each = (forms: Record<string, TSchema>) =>
    new Map(Object.entries(forms).map(([key, schema]) => [key, Compile(schema) as Validator] as const))
  compiled ??= {
    campaign: Compile(campaign(holes)) as unknown as Validator,
    pattern: Compile(pattern(holes)) as unknown as Validator,
    tests: each(TESTS),
    timers: each(timers(holes)),
    offsetTimers: each(offsetTimers(holes)),
    windows: each(WINDOWS),
    conditions: each(conditions(holes)),
    ofVariables: each(ofVariables),
    routes: each(routes(holes)),
  }
  return compiled
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
    return [{ path: pointerOf(deep), message: `is nested more than ${MOST_DEEP} deep, counted from the definition` }]
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

export const pointerOf = (keys: readonly string[]) =>
  keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

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
  const v = validators()
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
    problems.push(...keptProblems(kept, `/signals/${pointer(kind)}`))
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

function patternProblems(v: Validators, value: unknown, path: string): CampaignProblem[] {
  const match = isObject(value) && isObject(value.match) ? value.match : {}
  return [
    ...check(v.pattern, value, path),
    ...Object.entries(match).flatMap(([key, test]) => testProblems(v, test, `${path}/match/${pointer(key)}`)),
  ]
}

function testProblems(v: Validators, test: unknown, path: string): CampaignProblem[] {
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

function timerProblems(v: Validators, timer: unknown, path: string): CampaignProblem[] {
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

function windowProblems(v: Validators, window: unknown, path: string): CampaignProblem[] {
  if (!Array.isArray(window)) return oneWindowProblems(v, window, path)
  if (window.length === 0) return [problem(path, window, 'at least one window')]
  return window.flatMap((one, i) => oneWindowProblems(v, one, `${path}/${i}`))
}

function oneWindowProblems(v: Validators, window: unknown, path: string): CampaignProblem[] {
  if (!isObject(window)) return [problem(path, window, 'a window { days?, from, to } or { days, keepTime: true }')]
  const form = v.windows.get(Object.hasOwn(window, 'keepTime') ? 'keepTime' : 'from') as Validator
  const problems = check(form, window, path)
  const wrong = problems.length > 0 ? null : windowProblem(window as unknown as Parameters<typeof windowProblem>[0])
  if (wrong !== null) problems.push(problem(path + wrong.path, valueAt(window, wrong.path), wrong.expected))
  return problems
}

function routeProblems(v: Validators, route: Route, path: string): CampaignProblem[] {
  if (typeof route === 'string') return isLegalId(route) ? [] : [problem(path, route, FORMATS['enfold-id'].expected)]
  const problems = oneOf(v.routes, route, path, 'a node id or a route { to, if } or { to, otherwise: true }')
  if (isObject(route) && 'if' in route) problems.push(...conditionProblems(v, route.if, `${path}/if`, 0))
  return problems
}

/** Deeper than anyone writes, and far from the end of the stack. */
const MAX_CONDITION_DEPTH = 50

function conditionProblems(v: Validators, condition: Condition, path: string, depth: number): CampaignProblem[] {
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

function oneOf(forms: ReadonlyMap<string, Validator>, value: unknown, path: string, what: string): CampaignProblem[] {
  const keys = [...forms.keys()]
  const present = isObject(value) ? keys.filter((key) => Object.hasOwn(value, key)) : []
  const form = present.length === 1 ? forms.get(present[0] as string) : undefined
  if (form === undefined) return [problem(path, value, `${what} with exactly one of: ${keys.join(', ')}`)]
  return check(form, value, path)
}

function check(validator: Validator, value: unknown, path: string): CampaignProblem[] {
  const errors = validator.Check(value) ? [] : allErrors(validator, value)
  const problems: CampaignProblem[] = []
  const ofFormat: CampaignProblem[] = []
  formatProblems(validator.Type() as Schema, value, path, ofFormat)
  for (const error of errors) {
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
          problems.push({ path: `${at}/${pointer(name)}`, message: 'is required' })
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

type Schema = { $comment?: string; properties?: Record<string, Schema>; items?: Schema; type?: string }

/** Follows schema and value together and checks our formats: of another type than text, nothing has one. */
function formatProblems(schema: Schema, value: unknown, path: string, problems: CampaignProblem[]): void {
  const format = formatCalled(schema.$comment)
  if (format !== undefined && value !== undefined && !(typeof value === 'string' && format.check(value)))
    problems.push(problem(path, value, format.expected))
  if (schema.items !== undefined && Array.isArray(value))
    value.forEach((item, i) => void formatProblems(schema.items as Schema, item, `${path}/${i}`, problems))
  if (schema.properties !== undefined && isObject(value))
    for (const [key, inner] of Object.entries(schema.properties))
      if (Object.hasOwn(value, key)) formatProblems(inner, value[key], `${path}/${pointer(key)}`, problems)
}

function allErrors(validator: Validator, value: unknown): ReturnType<Validator['Errors']> {
  // TypeBox stops at eight by a setting that is global; put back before anyone else can see it.
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: 1000 })
  try {
    return validator.Errors(value)
  } finally {
    Settings.Set({ maxErrors })
  }
}

export function problem(path: string, value: unknown, expected?: string): CampaignProblem {
  const message = expected === undefined ? 'is not valid' : `is ${show(value)}; expected ${expected}`
  return value === undefined ? { path, message } : { path, value: value as JsonValue, message }
}

const pointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

function valueAt(value: unknown, path: string): unknown {
  let at = value
  for (const key of path.split('/').slice(1)) {
    const name = key.replaceAll('~1', '/').replaceAll('~0', '~')
    at =
      (isObject(at) || Array.isArray(at)) && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined
  }
  return at
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
