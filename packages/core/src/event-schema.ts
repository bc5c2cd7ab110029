/**
 * The shape of one line of a log: a CloudEvents 1.0 object around an event of `events.ts`, as JSON Schema (TypeBox).
 * `codec.ts` makes events of lines; which event may follow which is the affair of `verify.ts`.
 */
import Type, { type Static, type TProperties, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { campaignJsonSchema, shapeProblems } from './campaign-schema.ts'
import { type Ordered, orderedBy } from './data-order.ts'
import type { CampaignDefinition } from './definition.ts'
import {
  type CampaignEventData,
  type ContactEventData,
  type Cause as EventCause,
  type EventType,
  SCHEMA_VERSION,
} from './events.ts'
import { show } from './fault.ts'
import { campaignStream, contactStream, isLegalId, MAX_ID_LENGTH, type StreamId } from './ids.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'
import { CAMPAIGN_VERBS } from './verbs/campaign-verbs.ts'

/** What stands before the event's name in the `type` of a line: CloudEvents wants a reverse-DNS name there. */
export const EVENT_TYPE_PREFIX = 'dev.enfold.'

/** The `source` of a line. The `subject` is an id of that kind. Source and id together are unique, as CloudEvents asks. */
export const EVENT_SOURCES = { contact: '/enfold/contacts', campaign: '/enfold/campaigns' } as const

/**
 * An object without other properties. `additionalProperties: false` would say the same, and is what is published; but it
 * is compiled into a search through a pattern for each key: 285 ns for the 14 of a line, where counting them takes 21.
 */
const closed = <P extends TProperties>(properties: P) => {
  const object = Type.Object(properties)
  const { required = [] } = object as { readonly required?: readonly string[] }
  const optional = Object.keys(properties).filter((key) => !required.includes(key))
  return Type.Refine(object, (value) => {
    let allowed = required.length
    for (const key of optional) if (Object.hasOwn(value, key)) allowed++
    return Object.keys(value).length === allowed
  })
}
const opt = Type.Optional
const words = <const W extends readonly string[]>(...values: W) =>
  Type.Unsafe<W[number]>(Type.Enum([...values], { description: `one of ${values.join(', ')}` }))
const orNull = <S extends TSchema>(schema: S, description: string) => Type.Union([schema, Type.Null()], { description })
const list = <S extends TSchema>(schema: S) => Type.Array(schema, { description: 'a list' })

// Every leaf says in `description` what it expects: for readers of the schema, and for the sentences of `problemIn`.

const Text = Type.String({ description: 'a text' })
const Flag = Type.Boolean({ description: 'true or false' })
const Json = Type.Unsafe<JsonValue>({ description: 'any JSON value' })
const Id = Type.Refine(
  Type.String({
    minLength: 1,
    maxLength: MAX_ID_LENGTH,
    description: `an id of 1 to ${MAX_ID_LENGTH} well-formed characters`,
  }),
  isLegalId,
)
/** From 0, or from 1. Up to what a double holds exactly. */
const whole = (minimum: 0 | 1) =>
  Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description: `a whole number, ${minimum} or more` })
/** Real days only: the long months, the short ones, February, and its 29th in leap years. */
const DAY = [
  '[0-9]{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])',
  '[0-9]{4}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)',
  '[0-9]{4}-02-(?:0[1-9]|1[0-9]|2[0-8])',
  '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29',
].join('|')
/** The same strings as `isInstant`; a pattern is quicker, and other languages can check it. */
const Instant = Type.String({
  pattern: `^(?:${DAY})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$`,
  description: 'an instant in UTC with milliseconds, such as "2026-03-01T09:00:00.000Z"',
})
const InstantOrNull = orNull(Instant, 'an instant in UTC with milliseconds, or null')

const Scalar = Type.Unsafe<JsonScalar>({
  type: ['string', 'number', 'boolean', 'null'],
  description: 'a text, a number, true, false or null',
})
const Scalars = Type.Record(Type.String(), Scalar, { description: 'an object of scalars' })

// --- What events are made of ----------------------------------------------------------------------------------------

const SEQUENCE = { campaignId: Id, sequenceId: Id, key: opt(Id) }
const RUN = { ...SEQUENCE, run: whole(1) }
const STEP = { ...RUN, stepId: Id }
const ATTEMPT = { ...STEP, resend: whole(0), attempt: whole(1) }

const Cause = Type.Union(
  [
    closed({ by: Type.Literal('operator'), reason: opt(Text) }),
    closed({ by: Type.Literal('bulk'), actionId: Id, reason: opt(Text) }),
    closed({ by: Type.Literal('signal'), signalId: Id, kind: Text }),
    closed({ by: Type.Literal('goal'), campaignId: Id, goalId: Id }),
    closed({ by: Type.Literal('sequence'), ...RUN }),
    closed({ by: Type.Literal('step'), stepId: Id }),
  ],
  { description: 'a cause: by operator, bulk, signal, goal, sequence or step, with what belongs to it' },
)

const Timing = closed({
  anchor: Instant,
  dueAt: Instant,
  timeZone: opt(Text),
  invalidTimeZone: opt(Text),
  field: opt(closed({ name: Text, value: opt(Json) })),
  var: opt(closed({ name: Text, value: Scalar })),
})
const TimingOrNull = orNull(Timing, 'a timing { anchor, dueAt, … }, or null')

const Routes = list(
  closed({
    to: Id,
    outcome: words(
      'closed',
      'started',
      'already_active',
      'goal',
      'not_published',
      'brake',
      'key_missing',
      'too_many_runs',
    ),
    key: opt(Id),
    run: opt(whole(1)),
  }),
)
const Observations = list(
  Type.Union(
    [
      closed({ tag: Text, present: Flag }),
      closed({ field: Text, value: Json }),
      closed({ field: Text, test: Text, holds: Flag }),
      closed({ var: Text, value: Scalar }),
    ],
    {
      description: 'an observation: { tag, present }, { field, value }, { field, test, holds } or { var, value }',
    },
  ),
)
const Matched = list(closed({ campaignId: Id, goalId: Id, outcome: words('satisfied', 'not_member', 'automated') }))
const Unmet = list(
  closed({ campaignId: Id, goalId: Id, because: words('not_member', 'suppressed', 'automated'), saw: Observations }),
)

/** What is wrong with a definition, first things first; `null`: nothing. Never throws. */
function definitionProblem(value: unknown): { readonly path: string; readonly message: string } | null {
  try {
    return shapeProblems(value)[0] ?? null
  } catch {
    return { path: '', message: 'is nested too deeply' }
  }
}
const Definition = Type.Refine(
  Type.Unsafe<CampaignDefinition>({ type: 'object' }),
  (value) => definitionProblem(value) === null,
)

// --- The events -----------------------------------------------------------------------------------------------------

type EventData = ContactEventData & CampaignEventData

/** Without `readonly` and the flavors of ids, and nothing spread over intersections: so that shapes can be compared. */
type Plain<T> = [JsonValue] extends [T] ? 'json' : T extends CampaignDefinition ? 'definition' : PlainEach<T>
type PlainEach<T> = T extends string
  ? string extends T
    ? string
    : T
  : T extends JsonScalar
    ? T
    : T extends readonly (infer Item)[]
      ? Plain<Item>[]
      : [keyof T] extends [never]
        ? 'empty'
        : { -readonly [Key in keyof T]: Plain<T[Key]> }
type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : false

/** Does not compile where an event is missing, unknown, of another shape than in `events.ts`, or has a `cause` itself. */
function ofEvents<const Events extends Record<EventType, TProperties>>(
  events: Events & {
    [Name in keyof Events]: Name extends EventType
      ? 'cause' extends keyof EventData[Name]
        ? never
        : Same<Static<Type.TObject<Events[Name]>>, EventData[Name]> extends true
          ? unknown
          : never
      : never
  },
): Events {
  return events
}

const EVENTS = ofEvents({
  SequenceStarted: { ...RUN, campaignVersion: whole(1), vars: opt(Scalars) },
  SequenceStopped: RUN,
  SequencePaused: RUN,
  SequenceResumed: { ...RUN, shiftMs: whole(0) },
  SequenceCompleted: { ...RUN, waiting: Flag, routes: Routes, saw: Observations },
  SignalReceived: {
    signalId: Id,
    kind: Text,
    occurredAt: Instant,
    automated: Flag,
    data: Scalars,
    clipped: list(Text),
    tests: Observations,
    unmet: Unmet,
  },
  SignalsDropped: { count: whole(1), signalId: Id, unmet: Unmet },
  GoalSatisfied: {
    campaignId: Id,
    goalId: Id,
    campaignVersion: whole(1),
    signalId: Id,
    kind: Text,
    occurredAt: Instant,
    pattern: whole(0),
    same: opt(Id),
    routes: Routes,
    saw: Observations,
    matched: opt(Matched),
  },
  StepDispatched: { ...ATTEMPT, idempotencyKey: Id, timing: TimingOrNull, saw: opt(Observations) },
  StepSent: { ...ATTEMPT, receipt: opt(Text) },
  StepFailed: {
    ...ATTEMPT,
    reason: Text,
    consequence: words('retry', 'continue', 'stop', 'hold'),
    retryAt: InstantOrNull,
  },
  StepSkipped: { ...ATTEMPT, attempt: whole(0), reason: Text, timing: TimingOrNull, saw: opt(Observations) },
  StepResent: { ...STEP, resend: whole(1) },
  StepCancelled: STEP,
  ContactSuppressed: { until: InstantOrNull },
  ContactUnsuppressed: {},
  ContactErased: {},
  CampaignPublished: { campaignId: Id, campaignVersion: whole(1), definition: Definition },
  CampaignUnpublished: { campaignId: Id, campaignVersion: whole(1) },
  CampaignUnchanged: {
    campaignId: Id,
    campaignVersion: whole(1),
    outcome: words(...CAMPAIGN_VERBS.publish.unchanged, ...CAMPAIGN_VERBS.unpublish.unchanged),
  },
})

// --- The line -------------------------------------------------------------------------------------------------------

/** One line of a log of this schema version, parsed: a CloudEvents 1.0 object. `codec.ts` says why it looks as it does. */
export interface LogLine {
  readonly specversion: '1.0'
  readonly type: string
  readonly source: string
  readonly id: string
  readonly time: string
  readonly subject: string
  readonly datacontenttype: 'application/json'
  readonly schemaversion: number
  readonly streamversion: number
  readonly position: string
  readonly commandid: string
  readonly correlationid: string
  readonly causationid: string
  readonly actor?: string
  readonly traceparent?: string
  readonly orderdigest?: string
  readonly hash?: string
  readonly data: { readonly cause: EventCause; readonly [key: string]: unknown }
}

const Position = Type.Refine(
  Type.String({ pattern: '^[1-9][0-9]{0,15}$', description: 'a position as a text of digits, such as "1024"' }),
  (digits) => Number.isSafeInteger(Number(digits)),
)
/** CloudEvents integers have 32 bits. */
const StreamVersion = Type.Integer({
  minimum: 1,
  maximum: 2 ** 31 - 1,
  description: `a whole number from 1 to ${2 ** 31 - 1}`,
})
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TraceParent = Type.String({
  pattern: '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$',
  description: 'a W3C traceparent',
})
/** As `orderDigest` makes it. */
const OrderDigest = Type.String({
  pattern: '^[0-9a-f]{16}(?:-[0-9a-f]{4})?$',
  description: 'a digest of 16 hexadecimal digits, and of 4 more where a signal had data',
})
/** Not as a pattern: on 64 digits it takes 0.3 µs of the 2.5 that a line takes. What is published has it. */
const Sha256 = Type.Refine(
  Type.String({ minLength: 64, maxLength: 64, description: 'a SHA-256 of 64 hexadecimal digits' }),
  (digits) => {
    for (let i = 0; i < digits.length; i++) {
      const code = digits.charCodeAt(i)
      if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
    }
    return true
  },
)
const exactly = (value: string | number) => Type.Literal(value, { description: JSON.stringify(value) })

/** Every attribute of a line, in the order in which Enfold writes them. */
const attributes = (type: TSchema, source: TSchema, data: TSchema) => ({
  specversion: exactly('1.0'),
  type,
  source,
  id: Id,
  time: Instant,
  subject: Id,
  datacontenttype: exactly('application/json'),
  schemaversion: exactly(SCHEMA_VERSION),
  streamversion: StreamVersion,
  position: Position,
  commandid: Id,
  correlationid: Id,
  causationid: Id,
  actor: opt(Id),
  traceparent: opt(TraceParent),
  orderdigest: opt(OrderDigest),
  hash: opt(Sha256),
  data,
})

/** Attributes in the order in which a line has them; extension attributes stand before the last, `data`. */
export const ATTRIBUTES: readonly string[] = Object.keys(attributes(Text, Text, Text))
/** Those that a line may lack. */
export const OPTIONAL_ATTRIBUTES: readonly string[] = Object.entries(attributes(Text, Text, Text))
  .filter(([, schema]) => Type.IsOptional(schema))
  .map(([name]) => name)

/** What the lines of one event type have in common. */
interface LineKind {
  readonly type: EventType
  /** The data of a line, cause included, its members in the order in which they stand there. */
  ordered(data: unknown): unknown
  streamOf(subject: string): StreamId
  /** The whole line is right: its attributes and its data. Compiled at the first call. */
  matches(line: unknown): line is LogLine
  /** What is wrong first with a line that does not match. */
  problemIn(line: unknown): LineProblem
}

/** `path`: the keys that lead to the value that is wrong; empty: the line itself. */
interface LineProblem {
  readonly path: readonly string[]
  readonly message: string
}

const CAMPAIGN_EVENTS: ReadonlySet<string> = new Set<keyof CampaignEventData>([
  'CampaignPublished',
  'CampaignUnpublished',
  'CampaignUnchanged',
])
const dataOf = (type: EventType) => closed({ ...EVENTS[type], cause: Cause })
const sourceOf = (type: EventType) => (CAMPAIGN_EVENTS.has(type) ? EVENT_SOURCES.campaign : EVENT_SOURCES.contact)

function lineKind(type: EventType): LineKind {
  const streamOf = CAMPAIGN_EVENTS.has(type) ? campaignStream : contactStream
  const schema = () => closed(attributes(exactly(EVENT_TYPE_PREFIX + type), exactly(sourceOf(type)), dataOf(type)))
  let check: { Check(value: unknown): boolean } | undefined
  let ordered: Ordered | undefined
  return {
    type,
    streamOf,
    ordered(data) {
      ordered ??= orderedBy(dataOf(type))
      return ordered(data)
    },
    matches(line): line is LogLine {
      check ??= Compile(schema())
      return check.Check(line)
    },
    problemIn: (line) => problemIn(schema(), line, []) ?? { path: [], message: 'is not valid' },
  }
}

const EVENT_TYPES = Object.keys(EVENTS) as EventType[]
const KINDS: ReadonlyMap<string, LineKind> = new Map(
  EVENT_TYPES.map((type) => [EVENT_TYPE_PREFIX + type, lineKind(type)] as const),
)

/** The kind of line that has this `type`, with its prefix; `undefined` for a type that this release does not know. */
export function lineKindOf(type: string): LineKind | undefined {
  return KINDS.get(type)
}

// --- Problems in words ----------------------------------------------------------------------------------------------

interface Schema {
  readonly description?: string
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly required?: readonly string[]
  readonly items?: TSchema
  readonly anyOf?: readonly TSchema[]
  readonly const?: unknown
}

/** The first problem, by following schema and value together. Only for what was refused: it takes its time. */
function problemIn(schema: TSchema, value: unknown, path: readonly string[]): LineProblem | null {
  if (schema === Definition) {
    const problem = definitionProblem(value)
    return problem && { path: [...path, ...keysOf(problem.path)], message: problem.message }
  }
  const { properties, required = [], items, anyOf, description = 'an object' } = schema as Schema
  if (properties !== undefined && isObject(value)) {
    for (const [key, inner] of Object.entries(properties)) {
      const missing = !Object.hasOwn(value, key)
      if (missing && !required.includes(key)) continue
      const at = [...path, key]
      const problem = missing ? { path: at, message: 'is required' } : problemIn(inner, value[key], at)
      if (problem !== null) return problem
    }
    const unknown = Object.keys(value).find((key) => !Object.hasOwn(properties, key))
    return unknown === undefined ? null : { path: [...path, unknown], message: 'is not known here (misspelled?)' }
  }
  if (items !== undefined && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const problem = problemIn(items, item, [...path, String(index)])
      if (problem !== null) return problem
    }
    return null
  }
  if (Value.Check(schema, value)) return null
  const meant = anyOf?.filter((form) => isMeant(form as Schema, value)) ?? []
  if (meant.length === 1) return problemIn(meant[0] as TSchema, value, path)
  return { path, message: `is ${picture(value)}; expected ${description}` }
}

/** Whether an object may be meant as this form of several: it has the constants of the form. */
function isMeant({ properties }: Schema, value: unknown): boolean {
  if (properties === undefined || !isObject(value)) return false
  return Object.entries(properties).every(([key, inner]) => {
    const { const: constant } = inner as Schema
    return constant === undefined || (Object.hasOwn(value, key) && value[key] === constant)
  })
}

function picture(value: unknown): string {
  // An object is not shown: there is no end to how deep one from a damaged line may be.
  return Array.isArray(value) ? 'a list' : isObject(value) ? 'an object' : show(value)
}

const keysOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// --- For other languages --------------------------------------------------------------------------------------------

/** What many events are made of: written down once, and referred to. */
const SHARED: Readonly<Record<string, TSchema>> = {
  cause: Cause,
  timing: Timing,
  routes: Routes,
  observations: Observations,
  instant: Instant,
  id: Id,
}
const REFERENCES: ReadonlyMap<unknown, string> = new Map([
  [Definition, 'campaign'],
  [Sha256, 'sha256'],
  ...Object.entries(SHARED).map(([name, schema]) => [schema, name] as const),
])

function published(schema: object): JsonObject {
  const text = JSON.stringify(schema, (_, value: unknown) => {
    const name = REFERENCES.get(value)
    if (name !== undefined) return { $ref: `#/$defs/${name}` }
    const open = isObject(value) && value.type === 'object' && isObject(value.properties)
    return open ? { additionalProperties: false, ...value } : value
  })
  return JSON.parse(text)
}

const { $schema, $defs, ...campaign } = campaignJsonSchema

/**
 * The JSON Schema (draft 2020-12) of one line of a log. It lies in the package as a file too:
 * `@enfold/core/event.schema.json`. What a schema cannot say (ids of well-formed characters, a legal order of events)
 * `decodeEvent` and `violationOf` check.
 */
export const eventJsonSchema: JsonObject = published({
  $schema,
  title: 'Enfold event',
  description: 'One line of an Enfold log: a CloudEvents 1.0 object.',
  ...closed(
    attributes(Type.Enum([...KINDS.keys()]), Type.Enum(Object.values(EVENT_SOURCES)), Type.Unsafe({ type: 'object' })),
  ),
  // Extension attributes, which no schema of ours closes: names and values as `extensions.ts` takes them.
  propertyNames: { pattern: '^[a-z][a-z0-9]{0,39}$' },
  additionalProperties: {
    type: ['string', 'integer', 'boolean'],
    maxLength: 4096,
    minimum: -(2 ** 31),
    maximum: 2 ** 31 - 1,
  },
  oneOf: EVENT_TYPES.map((type) => ({
    properties: {
      type: { const: EVENT_TYPE_PREFIX + type },
      source: { const: sourceOf(type) },
      data: { $ref: `#/$defs/${type}` },
    },
  })),
  $defs: {
    ...Object.fromEntries(EVENT_TYPES.map((type) => [type, dataOf(type)])),
    // A copy is written out where the original would be referred to.
    ...Object.fromEntries(Object.entries(SHARED).map(([name, schema]) => [name, { ...schema }])),
    sha256: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'a SHA-256 of 64 hexadecimal digits' },
    campaign,
    ...($defs as JsonObject),
  },
})
