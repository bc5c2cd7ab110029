/** What the data of events is made of: ids, references, causes, observations. Each as a schema, from which its type is made. */
import {
  type CampaignId,
  type GoalId,
  type Instant,
  isLegalId,
  MAX_ID_LENGTH,
  type SequenceId,
  type StepId,
} from './ids.ts'
import type { JsonValue } from './json.ts'
import {
  array,
  boolean,
  counted,
  integer,
  keywords,
  literal,
  type Named,
  type ObjectOf,
  oneWordOf,
  optional,
  orNull,
  record,
  refined,
  type Schema,
  scalar,
  string,
  type TypeOf,
  union,
} from './schema.ts'

// --- Leaves ---------------------------------------------------------------------------------------------------------

// Every leaf says in `description` what it expects: for readers of the schema, and for sentences about what is wrong.

export const text = string({ description: 'a text' })
export const flag = boolean({ description: 'true or false' })
const anyJson = keywords<JsonValue>({ description: 'any JSON value' })
const anyScalar = scalar({ description: 'a text, a number, true, false or null' })
export const scalars = record(anyScalar, { description: 'an object of scalars' })
export const list = <T>(items: Schema<T>) => array(items, { description: 'a list' })
export const oneOf = <const Words extends readonly string[]>(...values: Words) =>
  oneWordOf(values, { description: `one of ${values.join(', ')}` })

/** From 0, or from 1. Up to what a double holds exactly. */
export const whole = (minimum: 0 | 1) =>
  integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description: `a whole number, ${minimum} or more` })

const description = `an id of 1 to ${MAX_ID_LENGTH} well-formed characters`
const someId = refined(string({ minLength: 1, maxLength: MAX_ID_LENGTH, description }), isLegalId)
/** An id of some kind; at run time they are all the same. */
export const id = <Id extends string = string>(): Schema<Id> => someId as Schema<Id>
const campaignId = id<CampaignId>()
const sequenceId = id<SequenceId>()
const goalId = id<GoalId>()
const stepId = id<StepId>()

/** Below 0: earlier. */
export const milliseconds = integer({
  minimum: -Number.MAX_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'a whole number of milliseconds',
})

/** Real days only: the long months, the short ones, February, and its 29th in leap years. */
const DAY = [
  '[0-9]{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])',
  '[0-9]{4}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)',
  '[0-9]{4}-02-(?:0[1-9]|1[0-9]|2[0-8])',
  '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29',
].join('|')
/** The same strings as `isInstant`; a pattern is quicker, and other languages can check it. */
export const instant = string<Instant>({
  pattern: `^(?:${DAY})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$`,
  description: 'an instant in UTC with milliseconds, such as "2026-03-01T09:00:00.000Z"',
})
export const instantOrNull = orNull(instant, { description: 'an instant in UTC with milliseconds, or null' })

// --- References -----------------------------------------------------------------------------------------------------

export const SEQUENCE = {
  campaignId,
  sequenceId,
  /** What the run is about, where the sequence runs once for each value of a variable (KEY-1). Absent: it does not. */
  key: optional(id()),
}
export const RUN = {
  ...SEQUENCE,
  /** 1, 2, 3 … of its enrollment. */
  run: whole(1),
}
export const STEP = {
  ...RUN,
  stepId,
  /** 2, 3 … after a move backwards that sends it again (JUMP-1). Absent: the first time. */
  occurrence: optional(
    integer({ minimum: 2, maximum: Number.MAX_SAFE_INTEGER, description: 'a whole number, 2 or more' }),
  ),
}
export const ATTEMPT = {
  ...STEP,
  /** 0 for the scheduled sending, 1, 2, … for resends. */
  resend: whole(0),
  /** 1 for the first attempt. 0 in a `StepSkipped` that was never attempted. */
  attempt: whole(1),
}
export const GOAL = { campaignId, goalId }

/** A contact's place in a sequence. */
export interface SequenceRef extends ObjectOf<typeof SEQUENCE> {}
/** One run of an enrollment: 1, 2, 3 … */
export interface RunRef extends ObjectOf<typeof RUN> {}
export interface StepRef extends ObjectOf<typeof STEP> {}
/** One of possibly several attempts at one sending. */
export interface AttemptRef extends ObjectOf<typeof ATTEMPT> {}

/** Values that a run began with, by the names that its sequence has for them (VAR-1). */
export interface Vars extends TypeOf<typeof scalars> {}
export const NO_VARS: Vars = Object.freeze({})

// --- Causes ---------------------------------------------------------------------------------------------------------

const CAUSES = [
  /** A person or program of the host, through a verb. */
  counted({ by: literal('operator'), reason: optional(text) }),
  /** One contact's part of a bulk action. */
  counted({ by: literal('bulk'), actionId: id(), reason: optional(text) }),
  /** A signal from the CRM. */
  counted({ by: literal('signal'), signalId: id(), kind: text }),
  /** A goal that was satisfied in the same append. */
  counted({ by: literal('goal'), ...GOAL }),
  /** A sequence that was finished in the same append. */
  counted({ by: literal('sequence'), ...RUN }),
  /** A step's own schedule, or what became of the step. */
  counted({ by: literal('step'), stepId }),
] as const

/**
 * Why an event happened: an `operator` (a person or program of the host, through a verb), one contact's part of a `bulk`
 * action, a `signal` from the CRM, a `goal` that was satisfied or a `sequence` that was finished in the same append, or a
 * `step`: its own schedule, or what became of it. `actor` says who ordered it.
 */
export type Cause = Named<TypeOf<(typeof CAUSES)[number]>>
export const cause = union<Cause>(CAUSES, {
  description: 'a cause: by operator, bulk, signal, goal, sequence or step, with what belongs to it',
})

// --- Observations ---------------------------------------------------------------------------------------------------

const OBSERVATIONS = [
  counted({ tag: text, present: flag }),
  counted({
    field: text,
    /** `null` for a field that the contact does not have. */
    value: anyJson,
  }),
  counted({ field: text, test: text, holds: flag }),
  counted({
    /** A variable of the run (VAR-2). */
    var: text,
    /** `null` for a variable that the run does not have. */
    value: anyScalar,
  }),
] as const

/**
 * What a decision saw of the contact's facts, as it is recorded (LOG-4, ROUTE-3).
 * Of a field declared `private`, only the test and its outcome.
 */
export type Observation = Named<TypeOf<(typeof OBSERVATIONS)[number]>>
const observation = union<Observation>(OBSERVATIONS, {
  description: 'an observation: { tag, present }, { field, value }, { field, test, holds } or { var, value }',
})
export const observations = list(observation)

// --- Routes, timings, goals -----------------------------------------------------------------------------------------

const routeTaken = counted({
  /** Of a goal or a sequence of the campaign. */
  to: id(),
  /**
   * `closed`: its condition did not hold. `started` (as `run`), `already_active`: a sequence, and what the start did.
   * `goal`: leads to a goal, which waits for a signal. `not_published`: the sequence can no longer be started. `brake`: it
   * was started too often within an hour (BRAKE-1). `key_missing`: the sequence needs a key, and there is no value for it
   * (KEY-1). `too_many_runs`: as many runs of it are open, each with another key, as may be (KEY-5). `paused`: a pause of the
   * campaign has closed it to entries (GATE-1).
   */
  outcome: oneOf(
    'closed',
    'started',
    'already_active',
    'goal',
    'not_published',
    'brake',
    'key_missing',
    'too_many_runs',
    'paused',
  ),
  /** Of the run that was started or is in progress, or would have been started; absent where there is none. */
  key: optional(id()),
  run: optional(whole(1)),
})
/** What became of one route out of a goal or a finished sequence (ROUTE-1 to ROUTE-5). */
export interface RouteTaken extends TypeOf<typeof routeTaken> {}
export const routes = list<RouteTaken>(routeTaken)

export const timing = counted({
  anchor: instant,
  /** May be before the anchor: then the step was due as soon as the one before it was resolved (TIME-3). */
  dueAt: instant,
  /** The zone that the timer was computed in; absent where no zone mattered. */
  timeZone: optional(text),
  /** The contact's own zone, where it was none that the machine knows and the campaign's was used instead. */
  invalidTimeZone: optional(text),
  /** The date field that the timer read; `value` is absent if the field is private, `null` if it was empty. */
  field: optional(counted({ name: text, value: optional(anyJson) })),
  /** The variable that the timer read; `value` is `null` if the run does not have it. */
  var: optional(counted({ name: text, value: anyScalar })),
  /** An operator gave the step its instant, and no timer was asked (SHIFT-1). */
  byHand: optional(flag),
})
/** How the due instant of a step was found (TIME-1 to TIME-8). */
export interface Timing extends TypeOf<typeof timing> {}
export const timingOrNull = orNull<Timing>(timing, { description: 'a timing { anchor, dueAt, … }, or null' })

const matchedGoal = counted({ ...GOAL, outcome: oneOf('satisfied', 'not_member', 'automated') })
export interface MatchedGoal extends TypeOf<typeof matchedGoal> {}
export const matchedGoals = list<MatchedGoal>(matchedGoal)

/** What can become of a run, where what was done to it is to be undone (UNDO-5). */
export const UNDO_RUN_OUTCOMES = [
  'undone',
  'restored',
  'stopped',
  'already_sent',
  'changed_since',
  'nothing_to_undo',
  'failed',
] as const
export type UndoRunOutcome = (typeof UNDO_RUN_OUTCOMES)[number]

const undoneRun = counted({ ...RUN, outcome: oneOf(...UNDO_RUN_OUTCOMES) })
/** A run that a start or a stop was about, and what became of undoing that. `restored` names the run that goes on now. */
export interface UndoneRun extends TypeOf<typeof undoneRun> {}
export const undoneRuns = list<UndoneRun>(undoneRun)

const unmetGoal = counted({
  ...GOAL,
  /**
   * `not_member`: it is for members of its campaign, and the contact was none. `suppressed`: the contact was banned.
   * `automated`: the signal was, and no pattern of the goal takes such ones.
   */
  because: oneOf('not_member', 'suppressed', 'automated'),
  /** What its pattern read of the signal, as far as that is kept. */
  saw: observations,
})
/** A goal that a kept signal matched and did not satisfy (SIGNAL-5). */
export interface UnmetGoal extends TypeOf<typeof unmetGoal> {}
export const unmetGoals = list<UnmetGoal>(unmetGoal)
