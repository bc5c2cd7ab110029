/**
 * The shape of a campaign as a host writes and stores it: plain JSON. Each part is a schema, from which its type is made;
 * `campaign-schema.ts` publishes them (`schema/campaign.schema.json`) and checks by them, `campaign.ts` checks the graph.
 */
import { id, name, oneOf, slot, text } from './formats.ts'
import type { CampaignId, GoalId, SequenceId, StepId } from './ids.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'
import {
  array,
  boolean,
  integer,
  keywords,
  literal,
  type Named,
  number,
  type ObjectOf,
  optional,
  type Properties,
  record,
  type Schema,
  scalar,
  strictObject,
  type TypeOf,
} from './schema.ts'
import type { Timer } from './timers/timers.ts'

export type {
  AfterDaysTimer,
  AfterTimer,
  AfterWeekdaysTimer,
  FieldOffsetTimer,
  FieldTimer,
  OnTimer,
  Timer,
  VariableOffsetTimer,
  VariableTimer,
} from './timers/timers.ts'
export type { DaysWindow, Weekday, Window, Windows } from './timers/window.ts'

type OneOf<Forms extends Properties> = TypeOf<Forms[keyof Forms]>

// --- Signals --------------------------------------------------------------------------------------------------------

const anyScalar = scalar()

/** The tests of a pattern, by the key that tells them apart. A scalar stands for itself (MATCH-1). */
export const TESTS = {
  atLeast: strictObject({ atLeast: number }),
  atMost: strictObject({ atMost: number }),
  in: strictObject({ in: array(anyScalar) }),
  not: strictObject({ not: anyScalar }),
  exists: strictObject({ exists: boolean() }),
  var: strictObject({
    /** Equal to this variable of an open run of the contact in the campaign (VAR-2). */
    var: name,
  }),
}

/**
 * A value to be exactly equal to, or one test. Nothing is converted, and a value that the signal does not have passes only
 * `{ exists: false }` (MATCH-1).
 */
export type MatchTest = JsonScalar | Named<OneOf<typeof TESTS>>

export const PATTERN = strictObject({
  kind: name,
  match: optional(record(slot<MatchTest>('test'))),
  /** True: automated signals satisfy it, too (MATCH-2). Default false. */
  automated: optional(boolean()),
})
/** Matches a signal of this `kind` whose `data` passes every test of `match`. */
export interface SignalPattern extends TypeOf<typeof PATTERN> {}

const KEPT = strictObject({
  /** Names of values that are recorded as they are: texts up to 500 characters, numbers, booleans, null. */
  keep: optional(array(name)),
  /** Names of values of which only the outcomes of tests are recorded. */
  private: optional(array(name)),
})
/** What is recorded of the data of a kind of signal (SIGNAL-1): at most 20 values in all. */
export interface KeptSignal extends TypeOf<typeof KEPT> {}

// --- Conditions and routes ------------------------------------------------------------------------------------------

const valueTests = <Of extends Properties>(of: Of) => ({
  equals: strictObject({ ...of, equals: anyScalar }),
  in: strictObject({ ...of, in: array(anyScalar) }),
  atLeast: strictObject({ ...of, atLeast: number }),
  atMost: strictObject({ ...of, atMost: number }),
  exists: strictObject({ ...of, exists: boolean() }),
})
/** One test of a value. */
export type ValueTest = Named<OneOf<ReturnType<typeof valueTests<Record<never, never>>>>>

/** Tests of the contact's facts, by the key that tells them apart. */
const OF_FACTS = { tag: strictObject({ tag: name }), ...valueTests({ field: name }) }
/** Tests of a variable of the run. */
export const OF_VARIABLES = valueTests({ var: name })

/**
 * A test of the contact's facts or, in a sequence, of a variable of the run. An absent field or variable equals nothing
 * and is in no range.
 */
export type Condition =
  | Named<OneOf<typeof OF_FACTS> | OneOf<typeof OF_VARIABLES>>
  // A type cannot be computed from what it is part of: these are written out, and `COMBINED` must be of them.
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly none: readonly Condition[] }

const condition = slot<Condition>('condition')
const COMBINED = {
  all: strictObject({ all: array(condition) }),
  any: strictObject({ any: array(condition) }),
  none: strictObject({ none: array(condition) }),
} satisfies { readonly [Key in 'all' | 'any' | 'none']: Schema<{ readonly [K in Key]: readonly Condition[] }> }
export const CONDITIONS = { ...OF_FACTS, ...COMBINED }

export const ROUTES = {
  if: strictObject({ to: id(), if: condition }),
  otherwise: strictObject({ to: id(), otherwise: literal(true) }),
}
type LeadingTo<Form, Target> = Form extends unknown
  ? { readonly [Key in keyof Form]: Key extends 'to' ? Target : Form[Key] }
  : never
/** A node id, or one with a condition, or the one that is taken if no other is (ROUTE-2). */
export type Route<Target extends string = string> = Target | LeadingTo<OneOf<typeof ROUTES>, Target>

/** A node whose routes lead to these. */
type Routing<Node, Target extends string> = {
  readonly [Key in keyof Node]: Key extends 'next' ? readonly Route<Target>[] : Node[Key]
}
const next = optional(array(slot<Route>('route')))

// --- Goals, sequences, steps ----------------------------------------------------------------------------------------

const GOAL = {
  /** Unique among the campaign's goals and sequences. */
  id: id<GoalId>(),
  name: optional(name),
  /** One pattern or several, any of which will do. */
  when: slot<SignalPattern | readonly SignalPattern[]>('when'),
  /** Default "anyone": an entry point. "members": only contacts that are in one of the campaign's sequences (GOAL-2). */
  achievableBy: optional(oneOf('anyone', 'members')),
  /**
   * The name of a value of its signals: upstream it stops only runs whose key equals that value (KEY-3). Default: it stops
   * the runs of every key.
   */
  same: optional(name),
  /** Default []: an exit (GOAL-8). */
  next,
}
export interface GoalDefinition<Target extends string = string> extends Routing<ObjectOf<typeof GOAL>, Target> {}

const STEP = {
  /** Unique within its sequence. */
  id: id<StepId>(),
  /** Chooses the host's handler: "email", "sms", "task", … any kind the host names. */
  kind: name,
  /** Left out: due at once (STEP-2). */
  timer: optional(slot<Timer>('timer')),
  /** Asked when the step would be dispatched: if it does not hold, the step is skipped with reason `condition` (STEP-10). */
  if: optional(condition),
  /** Skipped, never caught up (STEP-3). Default false. */
  draft: optional(boolean()),
  /** For the handler, handed on as they stand. Default {}. */
  params: optional<JsonObject>(record(keywords<JsonValue>({}))),
  /** 1 to 100. Default 5. */
  maxAttempts: optional(integer({ minimum: 1, maximum: 100 })),
  /** After the last attempt (STEP-5). Default "continue". */
  onFailure: optional(oneOf('continue', 'stop', 'hold')),
  /** When a worker died between dispatch and outcome (STEP-6). Default "retry": at least once; "hold": at most once. */
  onUnknown: optional(oneOf('retry', 'hold')),
  /** ISO 8601 duration: later than due + this, the step is skipped with reason `late` (STEP-9). */
  expiresAfter: optional(text('enfold-duration', '^P')),
}
export interface StepDefinition extends ObjectOf<typeof STEP> {}

const VARIABLE_SOURCE = strictObject({ data: name })
/** Where a variable comes from: this value of the signal's data. */
export interface VariableSource extends TypeOf<typeof VARIABLE_SOURCE> {}

const SEQUENCE = {
  /** Unique among the campaign's goals and sequences. */
  id: id<SequenceId>(),
  name: optional(name),
  /**
   * Values that a run takes from the signal that starts it, or from a start by hand, and keeps: at most 20 (VAR-1). Of a
   * sequence that is started by another, those that the other's run has under the same names.
   */
  vars: optional(record<VariableSource>(VARIABLE_SOURCE)),
  /** The name of a variable: a contact is then in the sequence once for each of its values, its key (KEY-1). */
  per: optional(name),
  /** At least one, in order. */
  steps: array<StepDefinition>(strictObject(STEP), { minItems: 1 }),
  /** Default "stop". "runToCompletion": goals do not stop it (GOAL-5). */
  onGoal: optional(oneOf('stop', 'runToCompletion')),
  /** Goals are then downstream of it; sequences start when it is completed (ROUTE-4). Default []. */
  next,
}
export interface SequenceDefinition<Target extends string = string>
  extends Routing<ObjectOf<typeof SEQUENCE>, Target> {}

export const CAMPAIGN = strictObject({
  id: id<CampaignId>(),
  /** For people. Default: the id. */
  name: optional(name),
  /** IANA zone for contacts who have none of their own. Default "UTC". */
  timeZone: optional(text('enfold-time-zone')),
  /** What the engine must know of the contact's fields; fields that are not listed are not private. */
  fields: optional(record(strictObject({ private: optional(boolean()) }))),
  /**
   * A whole number of your own that grows with the definition. One that is lower than that of the newest version, or none
   * where that has one, is not published: an old process that starts again brings no old campaign back (VERSION-2a).
   */
  revision: optional(integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  /** At most so many starts of one sequence for one contact within an hour: 1 to 10,000. Default 60 (BRAKE-1). */
  brake: optional(integer({ minimum: 1, maximum: 10_000 })),
  /** Kinds of signals that are recorded whether or not they satisfy a goal, and what of them (SIGNAL-1). Default: none. */
  signals: optional(record<KeptSignal>(KEPT)),
  /** In the order in which one signal's goals are handled (GOAL-3). */
  goals: array<GoalDefinition>(strictObject(GOAL)),
  sequences: array<SequenceDefinition>(strictObject(SEQUENCE)),
})
export interface CampaignDefinition extends TypeOf<typeof CAMPAIGN> {}
