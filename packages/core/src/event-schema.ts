/**
 * The shape of one line of a log: a CloudEvents 1.0 object around an event of `events.ts`, as JSON Schema (TypeBox).
 * `codec.ts` makes events of lines; which event may follow which is the affair of `event-order.ts`.
 */
import { campaignJsonSchema } from './campaign-schema.ts'
import { type Ordered, orderedBy } from './data-order.ts'
import { CAMPAIGN_EVENTS, CONTACT_EVENTS, definition, definitionProblem, isOfCampaign } from './event-data.ts'
import { cause, id, instant, observations, routes, text, timing } from './event-parts.ts'
import { type Cause, type EventType, SCHEMA_VERSION } from './events.ts'
import { show } from './fault.ts'
import { campaignStream, contactStream, type StreamId } from './ids.ts'
import { isObject, type JsonObject, keysOfPointer } from './json.ts'
import {
  type Check,
  compiled,
  counted,
  integer,
  isOptional,
  keywords,
  literal,
  matches,
  oneWordOf,
  optional,
  refined,
  type Schema,
  string,
} from './schema.ts'

/** What stands before the event's name in the `type` of a line: CloudEvents wants a reverse-DNS name there. */
export const EVENT_TYPE_PREFIX = 'dev.enfold.'

/** The `source` of a line. The `subject` is an id of that kind. Source and id together are unique, as CloudEvents asks. */
export const EVENT_SOURCES = { contact: '/enfold/contacts', campaign: '/enfold/campaigns' } as const

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
  readonly data: { readonly cause: Cause; readonly [key: string]: unknown }
}

const position = refined(
  string({ pattern: '^[1-9][0-9]{0,15}$', description: 'a position as a text of digits, such as "1024"' }),
  (digits) => Number.isSafeInteger(Number(digits)),
)
/** CloudEvents integers have 32 bits. */
const MOST = 2 ** 31 - 1
const streamVersion = integer({ minimum: 1, maximum: MOST, description: `a whole number from 1 to ${MOST}` })
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const traceParent = string({
  pattern: '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$',
  description: 'a W3C traceparent',
})
/** As `orderDigest` makes it. */
const digest = string({
  pattern: '^[0-9a-f]{16}(?:-[0-9a-f]{4})?$',
  description: 'a digest of 16 hexadecimal digits, and of 4 more where a signal had data',
})
/** Not as a pattern: on 64 digits it takes 0.3 µs of the 2.5 that a line takes. What is published has it. */
const aSha256 = string({ minLength: 64, maxLength: 64, description: 'a SHA-256 of 64 hexadecimal digits' })
const sha256 = refined(aSha256, (digits) => {
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i)
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
  }
  return true
})
const fixed = <const Value extends string | number>(value: Value) =>
  literal(value, { description: JSON.stringify(value) })

/** Every attribute of a line, in the order in which Enfold writes them. */
const attributes = (type: Schema<string>, source: Schema<string>, data: Schema<unknown>) => ({
  specversion: fixed('1.0'),
  type,
  source,
  id: id(),
  time: instant,
  subject: id(),
  datacontenttype: fixed('application/json'),
  schemaversion: fixed(SCHEMA_VERSION),
  streamversion: streamVersion,
  position,
  commandid: id(),
  correlationid: id(),
  causationid: id(),
  actor: optional(id()),
  traceparent: optional(traceParent),
  orderdigest: optional(digest),
  hash: optional(sha256),
  data,
})

/** Attributes in the order in which a line has them; extension attributes stand before the last, `data`. */
export const ATTRIBUTES: readonly string[] = Object.keys(attributes(text, text, text))
/** Those that a line may lack. */
export const OPTIONAL_ATTRIBUTES: readonly string[] = Object.entries(attributes(text, text, text))
  .filter(([, schema]) => isOptional(schema))
  .map(([name]) => name)

/** What the lines of one event type have in common. */
export interface LineKind {
  readonly type: EventType
  /** Of the whole line. Made at each call. */
  schema(): Schema<unknown>
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

const EVENTS = { ...CONTACT_EVENTS, ...CAMPAIGN_EVENTS }
const dataOf = (type: EventType) => counted({ ...EVENTS[type], cause })
const sourceOf = (type: EventType) => (isOfCampaign(type) ? EVENT_SOURCES.campaign : EVENT_SOURCES.contact)

function lineKind(type: EventType): LineKind {
  const streamOf = isOfCampaign(type) ? campaignStream : contactStream
  const schema = () => counted(attributes(fixed(EVENT_TYPE_PREFIX + type), fixed(sourceOf(type)), dataOf(type)))
  let check: Check<unknown> | undefined
  let ordered: Ordered | undefined
  return {
    type,
    schema,
    streamOf,
    ordered(data) {
      ordered ??= orderedBy(dataOf(type))
      return ordered(data)
    },
    matches(line): line is LogLine {
      check ??= compiled(schema())
      return check.holds(line)
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

/** The first problem, by following schema and value together. Only for what was refused: it takes its time. */
function problemIn(schema: Schema<unknown>, value: unknown, path: readonly string[]): LineProblem | null {
  if (schema === definition) {
    const problem = definitionProblem(value)
    return problem && { path: [...path, ...keysOfPointer(problem.path)], message: problem.message }
  }
  const { properties, required = [], items, anyOf, description = 'an object' } = schema
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
  if (matches(schema, value)) return null
  const meant = anyOf?.filter((form) => isMeant(form, value)) ?? []
  if (meant.length === 1) return problemIn(meant[0] as Schema<unknown>, value, path)
  return { path, message: `is ${picture(value)}; expected ${description}` }
}

/** Whether an object may be meant as this form of several: it has the constants of the form. */
function isMeant({ properties }: Schema<unknown>, value: unknown): boolean {
  if (properties === undefined || !isObject(value)) return false
  return Object.entries(properties).every(([key, inner]) => {
    const { const: constant } = inner
    return constant === undefined || (Object.hasOwn(value, key) && value[key] === constant)
  })
}

function picture(value: unknown): string {
  // An object is not shown: there is no end to how deep one from a damaged line may be.
  return Array.isArray(value) ? 'a list' : isObject(value) ? 'an object' : show(value)
}

// --- For other languages --------------------------------------------------------------------------------------------

/** What many events are made of: written down once, and referred to. */
const SHARED: Readonly<Record<string, Schema<unknown>>> = { cause, timing, routes, observations, instant, id: id() }
const REFERENCES: ReadonlyMap<unknown, string> = new Map([
  [definition, 'campaign'],
  [sha256, 'sha256'],
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
  ...counted(
    attributes(oneWordOf([...KINDS.keys()]), oneWordOf(Object.values(EVENT_SOURCES)), keywords({ type: 'object' })),
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
