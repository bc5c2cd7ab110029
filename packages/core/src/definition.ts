/**
 * The shape of a campaign as a host writes and stores it: plain JSON (as JSON Schema: `schema/campaign.schema.json`).
 * Types only; `campaign-schema.ts` checks the same shape at run time, `campaign.ts` the graph.
 */
import type { CampaignId, GoalId, SequenceId, StepId } from './ids.ts'
import type { JsonObject, JsonScalar } from './json.ts'
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

export interface CampaignDefinition {
  readonly id: CampaignId
  /** For people. Default: the id. */
  readonly name?: string
  /** IANA zone for contacts who have none of their own. Default "UTC". */
  readonly timeZone?: string
  /** What the engine must know of the contact's fields; fields that are not listed are not private. */
  readonly fields?: { readonly [field: string]: { readonly private?: boolean } }
  /**
   * A whole number of your own that grows with the definition. One that is lower than that of the newest version, or none
   * where that has one, is not published: an old process that starts again brings no old campaign back (VERSION-2a).
   */
  readonly revision?: number
  /** At most so many starts of one sequence for one contact within an hour: 1 to 10,000. Default 60 (BRAKE-1). */
  readonly brake?: number
  /** Kinds of signals that are recorded whether or not they satisfy a goal, and what of them (SIGNAL-1). Default: none. */
  readonly signals?: { readonly [kind: string]: KeptSignal }
  /** In the order in which one signal's goals are handled (GOAL-3). */
  readonly goals: readonly GoalDefinition[]
  readonly sequences: readonly SequenceDefinition[]
}

export interface GoalDefinition<Target extends string = string> {
  /** Unique among the campaign's goals and sequences. */
  readonly id: GoalId
  readonly name?: string
  /** One pattern or several, any of which will do. */
  readonly when: SignalPattern | readonly SignalPattern[]
  /** Default "anyone": an entry point. "members": only contacts that are in one of the campaign's sequences (GOAL-2). */
  readonly achievableBy?: 'anyone' | 'members'
  /**
   * The name of a value of its signals: upstream it stops only runs whose key equals that value (KEY-3). Default: it stops
   * the runs of every key.
   */
  readonly same?: string
  /** Default []: an exit (GOAL-8). */
  readonly next?: readonly Route<Target>[]
}

/** Matches a signal of this `kind` whose `data` passes every test of `match`. */
export interface SignalPattern {
  readonly kind: string
  readonly match?: { readonly [key: string]: MatchTest }
  /** True: automated signals satisfy it, too (MATCH-2). Default false. */
  readonly automated?: boolean
}

/**
 * A value to be exactly equal to, or one test. Nothing is converted, and a value that the signal does not have passes only
 * `{ exists: false }` (MATCH-1).
 */
export type MatchTest =
  | JsonScalar
  | { readonly atLeast: number }
  | { readonly atMost: number }
  | { readonly in: readonly JsonScalar[] }
  | { readonly not: JsonScalar }
  | { readonly exists: boolean }
  /** Equal to this variable of an open run of the contact in the campaign (VAR-2). */
  | { readonly var: string }

/** What is recorded of the data of a kind of signal (SIGNAL-1): at most 20 values in all. */
export interface KeptSignal {
  /** Names of values that are recorded as they are: texts up to 500 characters, numbers, booleans, null. */
  readonly keep?: readonly string[]
  /** Names of values of which only the outcomes of tests are recorded. */
  readonly private?: readonly string[]
}

/** Where a variable comes from: this value of the signal's data. */
export interface VariableSource {
  readonly data: string
}

export interface SequenceDefinition<Target extends string = string> {
  /** Unique among the campaign's goals and sequences. */
  readonly id: SequenceId
  readonly name?: string
  /**
   * Values that a run takes from the signal that starts it, or from a start by hand, and keeps: at most 20 (VAR-1). Of a
   * sequence that is started by another, those that the other's run has under the same names.
   */
  readonly vars?: { readonly [name: string]: VariableSource }
  /** The name of a variable: a contact is then in the sequence once for each of its values, its key (KEY-1). */
  readonly per?: string
  /** At least one, in order. */
  readonly steps: readonly StepDefinition[]
  /** Default "stop". "runToCompletion": goals do not stop it (GOAL-5). */
  readonly onGoal?: 'stop' | 'runToCompletion'
  /** Goals are then downstream of it; sequences start when it is completed (ROUTE-4). Default []. */
  readonly next?: readonly Route<Target>[]
}

/** A node id, or one with a condition, or the one that is taken if no other is (ROUTE-2). */
export type Route<Target extends string = string> =
  | Target
  | { readonly to: Target; readonly if: Condition }
  | { readonly to: Target; readonly otherwise: true }

/**
 * A test of the contact's facts or, in a sequence, of a variable of the run. An absent field or variable equals nothing
 * and is in no range.
 */
export type Condition =
  | { readonly tag: string }
  | ({ readonly field: string } & ValueTest)
  | ({ readonly var: string } & ValueTest)
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly none: readonly Condition[] }

/** One test of a value. */
export type ValueTest =
  | { readonly equals: JsonScalar }
  | { readonly in: readonly JsonScalar[] }
  | { readonly atLeast: number }
  | { readonly atMost: number }
  | { readonly exists: boolean }

export interface StepDefinition {
  /** Unique within its sequence. */
  readonly id: StepId
  /** Chooses the host's handler: "email", "sms", "task", … any kind the host names. */
  readonly kind: string
  /** Left out: due at once (STEP-2). */
  readonly timer?: Timer
  /** Asked when the step would be dispatched: if it does not hold, the step is skipped with reason `condition` (STEP-10). */
  readonly if?: Condition
  /** Skipped, never caught up (STEP-3). Default false. */
  readonly draft?: boolean
  /** For the handler, handed on as they stand. Default {}. */
  readonly params?: JsonObject
  /** 1 to 100. Default 5. */
  readonly maxAttempts?: number
  /** After the last attempt (STEP-5). Default "continue". */
  readonly onFailure?: 'continue' | 'stop' | 'hold'
  /** When a worker died between dispatch and outcome (STEP-6). Default "retry": at least once; "hold": at most once. */
  readonly onUnknown?: 'retry' | 'hold'
  /** ISO 8601 duration: later than due + this, the step is skipped with reason `late` (STEP-9). */
  readonly expiresAfter?: string
}
