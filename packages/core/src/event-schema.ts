/**
 * The shape of one line of a log: a CloudEvents 1.0 object around an event of `events.ts`, as JSON Schema (TypeBox).
 * `codec.ts` makes events of lines; which event may follow which is the affair of `verify.ts`.
 */
import Type, { type Static, type TProperties, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { campaignJsonSchema, shapeProblems } from './campaign-schema.ts'
import type { CampaignDefinition } from './definition.ts'
import { type CampaignEventData, type ContactEventData, type EventType, SCHEMA_VERSION } from './events.ts'
import { campaignStream, contactStream, isLegalId, MAX_ID_LENGTH, type StreamId } from './ids.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'

/** What stands before the event's name in the `type` of a line: CloudEvents wants a reverse-DNS name there. */
export const EVENT_TYPE_PREFIX = 'dev.enfold.'

/** The `source` of a line. The `subject` is an id of that kind. Source and id together are unique (CloudEvents 3.1). */
export const EVENT_SOURCES = { contact: '/enfold/contacts', campaign: '/enfold/campaigns' } as const

const closed = <P extends TProperties>(properties: P, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })
const opt = Type.Optional
const words = <const W extends readonly string[]>(...values: W) => Type.Enum([...values], { description: `one of ${values.join(', ')}` })
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
/** CloudEvents integers have 32 bits. */
const small = (minimum: 0 | 1) =>
  Type.Integer({ minimum, maximum: 2 ** 31 - 1, description: `a whole number from ${minimum} to ${2 ** 31 - 1}` })

/** Real days only: the long months, the short ones, February, and its 29th in leap years. */
const DAY = [
  '[0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])',
  '[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)',
  '[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])',
  '([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29',
].join('|')
/** The same strings as `isInstant`; a pattern is quicker, and other languages can check it. */
const Instant = Type.String({
  pattern: `^(${DAY})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$`,
  description: 'an instant in UTC with milliseconds, such as "2026-03-01T09:00:00.000Z"',
})
const InstantOrNull = orNull(Instant, 'an instant in UTC with milliseconds, or null')

// --- What events are made of ----------------------------------------------------------------------------------------

const SEQUENCE = { campaignId: Id, sequenceId: Id }
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
})
const TimingOrNull = orNull(Timing, 'a timing { anchor, dueAt, … }, or null')

const Routes = list(
  closed({
    to: Id,
    outcome: words('closed', 'started', 'already_active', 'goal', 'not_published'),
    run: opt(whole(1)),
  }),
)
const Observations = list(
  Type.Union(
    [
      closed({ tag: Text, present: Flag }),
      closed({ field: Text, value: Json }),
      closed({ field: Text, test: Text, holds: Flag }),
    ],
    { description: 'an observation: { tag, present }, { field, value } or { field, test, holds }' },
  ),
)
const Matched = list(closed({ campaignId: Id, goalId: Id, outcome: words('satisfied', 'not_member') }))

/** What is wrong with a definition, first things first; `null`: nothing. Never throws. */
function definitionProblem(value: unknown): { readonly path: string; readonly message: string } | null {
  try {
    return shapeProblems(value)[0] ?? null
  } catch {
    return { path: '', message: 'is nested too deeply' }
  }
}
const Definition = Type.Refine(
  Type.Unsafe<CampaignDefinition>({ $ref: '#/$defs/campaign' }),
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
      : { -readonly [Key in keyof T]: Plain<T[Key]> }
type Same<A, B> =
  (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : false

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
