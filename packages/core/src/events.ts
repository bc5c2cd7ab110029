/**
 * Every event, in one union, and the envelope around it. Rules LOG-2, LOG-3, LOG-4.
 * Events are past tense and hold ids, instants and the values that a decision read: never a name, an address or a text.
 */
import type { CampaignDefinition } from './definition.ts'
import type { Extensions } from './extensions.ts'
import type {
  CampaignId,
  CommandId,
  EventId,
  GoalId,
  Instant,
  Position,
  SequenceId,
  StepId,
  StreamId,
  Version,
} from './ids.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'
import type { UnchangedOutcome } from './verbs/campaign-verbs.ts'

/** The schema version of events written by this release. Older ones are brought up to date by the codec. */
export const SCHEMA_VERSION = 1

/** Why an event happened. `actor` says who ordered it. */
export type Cause =
  /** A person or program of the host, through a verb. */
  | { readonly by: 'operator'; readonly reason?: string }
  /** One contact's part of a bulk action. */
  | { readonly by: 'bulk'; readonly actionId: string; readonly reason?: string }
  /** A signal from the CRM. */
  | { readonly by: 'signal'; readonly signalId: string; readonly kind: string }
  /** A goal that was satisfied in the same append. */
  | { readonly by: 'goal'; readonly campaignId: CampaignId; readonly goalId: GoalId }
  /** A sequence that was finished in the same append. */
  | ({ readonly by: 'sequence' } & RunRef)
  /** A step's own schedule, or what became of the step. */
  | { readonly by: 'step'; readonly stepId: StepId }

/** A contact's place in a sequence. */
export interface SequenceRef {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  /** What the run is about, where the sequence runs once for each value of a variable (KEY-1). Absent: it does not. */
  readonly key?: string
}

/** Values that a run began with, by the names that its sequence has for them (VAR-1). */
export interface Vars {
  readonly [name: string]: JsonScalar
}
export const NO_VARS: Vars = Object.freeze({})

/** One run of an enrollment: 1, 2, 3 … */
export interface RunRef extends SequenceRef {
  readonly run: number
}

export interface StepRef extends RunRef {
  readonly stepId: StepId
}

/** One of possibly several attempts at one sending. `resend` is 0 for the scheduled sending, 1, 2, … for resends. */
export interface AttemptRef extends StepRef {
  readonly resend: number
  /** 1 for the first attempt. 0 in a `StepSkipped` that was never attempted. */
  readonly attempt: number
}

/**
 * What a decision saw of the contact's facts, as it is recorded (LOG-4, ROUTE-3).
 * Of a field declared `private`, only the test and its outcome.
 */
export type Observation =
  | { readonly tag: string; readonly present: boolean }
  /** `value` is `null` for a field that the contact does not have. */
  | { readonly field: string; readonly value: JsonValue }
  | { readonly field: string; readonly test: string; readonly holds: boolean }
  /** A variable of the run; `value` is `null` for one that it does not have (VAR-2). */
  | { readonly var: string; readonly value: JsonScalar }

/** What became of one route out of a goal or a finished sequence (ROUTE-1 to ROUTE-5). */
export interface RouteTaken {
  /** Of a goal or a sequence of the campaign. */
  readonly to: string
  /**
   * `closed`: its condition did not hold. `started` (as `run`), `already_active`: a sequence, and what the start did.
   * `goal`: leads to a goal, which waits for a signal. `not_published`: the sequence can no longer be started. `brake`: it
   * was started too often within an hour (BRAKE-1). `key_missing`: the sequence needs a key, and there is no value for it
   * (KEY-1). `too_many_runs`: as many runs of it are open, each with another key, as may be (KEY-5).
   */
  readonly outcome:
    | 'closed'
    | 'started'
    | 'already_active'
    | 'goal'
    | 'not_published'
    | 'brake'
    | 'key_missing'
    | 'too_many_runs'
  /** Of the run that was started or is in progress, or would have been started; absent where there is none. */
  readonly key?: string
  readonly run?: number
}

/** How the due instant of a step was found (TIME-1 to TIME-8). */
export interface Timing {
  readonly anchor: Instant
  /** May be before the anchor: then the step was due as soon as the one before it was resolved (TIME-3). */
  readonly dueAt: Instant
  /** The zone that the timer was computed in; absent where no zone mattered. */
  readonly timeZone?: string
  /** The contact's own zone, where it was none that the machine knows and the campaign's was used instead. */
  readonly invalidTimeZone?: string
  /** The date field that the timer read; `value` is absent if the field is private, `null` if it was empty. */
  readonly field?: { readonly name: string; readonly value?: JsonValue }
  /** The variable that the timer read; `value` is `null` if the run does not have it. */
  readonly var?: { readonly name: string; readonly value: JsonScalar }
}

export interface MatchedGoal {
  readonly campaignId: CampaignId
  readonly goalId: GoalId
  readonly outcome: 'satisfied' | 'not_member' | 'automated'
}

/**
 * A goal that a kept signal matched and did not satisfy (SIGNAL-5). `not_member`: it is for members of its campaign, and
 * the contact was none. `suppressed`: the contact was banned. `automated`: the signal was, and no pattern of the goal takes
 * such ones.
 */
export interface UnmetGoal {
  readonly campaignId: CampaignId
  readonly goalId: GoalId
  readonly because: 'not_member' | 'suppressed' | 'automated'
  /** What its pattern read of the signal, as far as that is kept. */
  readonly saw: readonly Observation[]
}

/** The data of each event of a contact's stream. */
export interface ContactEventData {
  /** `vars`: what the run began with (VAR-1); absent if there is none. */
  SequenceStarted: RunRef & { readonly campaignVersion: number; readonly vars?: Vars }
  SequenceStopped: RunRef
  SequencePaused: RunRef
  /** `shiftMs` is by how much the wait in progress became longer: 0 unless the resume asked to shift (PAUSE-2). */
  SequenceResumed: RunRef & { readonly shiftMs: number }
  SequenceCompleted: RunRef & {
    readonly waiting: boolean
    readonly routes: readonly RouteTaken[]
    readonly saw: readonly Observation[]
  }
  /**
   * A signal of a kind that a campaign keeps, first in its append (SIGNAL-2). `data`: its kept values. `clipped`: names of
   * values that could not be kept. `tests`: outcomes of tests of private values.
   */
  SignalReceived: {
    readonly signalId: string
    readonly kind: string
    readonly occurredAt: Instant
    readonly automated: boolean
    readonly data: { readonly [key: string]: JsonScalar }
    readonly clipped: readonly string[]
    readonly tests: readonly Observation[]
    readonly unmet: readonly UnmetGoal[]
  }
  /**
   * More signals came than are kept of one contact: at most one such event for each day in UTC (SIGNAL-6). `count`: how many
   * the process has dropped of this contact since the last one, this signal included. `unmet` as in `SignalReceived`.
   */
  SignalsDropped: {
    readonly count: number
    readonly signalId: string
    readonly unmet: readonly UnmetGoal[]
  }
  GoalSatisfied: {
    readonly campaignId: CampaignId
    readonly goalId: GoalId
    readonly campaignVersion: number
    readonly signalId: string
    readonly kind: string
    readonly occurredAt: Instant
    /** Index of the pattern of `when` that matched. Its values are those of the signal, so none is repeated here. */
    readonly pattern: number
    /** Where the goal has a `same` (KEY-3): the key of the runs that it stops; absent if the signal does not say one. */
    readonly same?: string
    readonly routes: readonly RouteTaken[]
    readonly saw: readonly Observation[]
    /** On the first goal of a signal only: all goals that it matched, in the order in which they were handled. */
    readonly matched?: readonly MatchedGoal[]
  }
  /**
   * `timing` is `null` for resends, which stand outside the schedule, and for retries. `saw`: what the step's condition
   * read, where it has one (STEP-10).
   */
  StepDispatched: AttemptRef & {
    readonly idempotencyKey: string
    readonly timing: Timing | null
    readonly saw?: readonly Observation[]
  }
  StepSent: AttemptRef & { readonly receipt?: string }
  /**
   * `consequence` is what follows: another attempt at `retryAt`, or, after the last one, what the step's `onFailure` says.
   * The reason `unknown-outcome` stands for a worker that died in the middle (STEP-6).
   */
  StepFailed: AttemptRef & {
    readonly reason: string
    readonly consequence: 'retry' | 'continue' | 'stop' | 'hold'
    readonly retryAt: Instant | null
  }
  /**
   * `reason`: one of the engine's (`REASONS`), or the handler's. `saw`: what the step's condition read, where it was asked.
   */
  StepSkipped: AttemptRef & {
    readonly reason: string
    readonly timing: Timing | null
    readonly saw?: readonly Observation[]
  }
  StepResent: StepRef & { readonly resend: number }
  StepCancelled: StepRef
  /** `until` is `null` for a ban without end. */
  ContactSuppressed: { readonly until: Instant | null }
  ContactUnsuppressed: Readonly<Record<never, never>>
  ContactErased: Readonly<Record<never, never>>
}

/** The data of each event of a campaign's stream. */
export interface CampaignEventData {
  CampaignPublished: {
    readonly campaignId: CampaignId
    readonly campaignVersion: number
    readonly definition: CampaignDefinition
  }
  CampaignUnpublished: { readonly campaignId: CampaignId; readonly campaignVersion: number }
  /** An order left the campaign as it was, and its command id stands for that answer from now on (ONCE-1). */
  CampaignUnchanged: {
    readonly campaignId: CampaignId
    /** That the answer named. */
    readonly campaignVersion: number
    readonly outcome: UnchangedOutcome
  }
}

/** What each event carries besides its type and data before it is recorded (LOG-3). */
export interface EventMeta {
  readonly id: EventId
  readonly schema: number
  readonly at: Instant
  readonly commandId: CommandId
  /** The command or signal at the root of the chain: the same for all that follows from one start. */
  readonly correlationId: string
  /** The id of the event, or else of the command, that led to this one directly. */
  readonly causationId: string
  /** The host's id of the person or program that ordered it; `null` if the engine acted by itself. */
  readonly actor: string | null
  readonly cause: Cause
  /** W3C trace context (`traceparent`) of the command, where the host traces. */
  readonly trace?: string
  /**
   * On the first event of a command's append: a short digest of what was ordered (`order.ts`), so that its id given again
   * with another order is found out (ONCE-1). Absent on what the engine ordered itself, and in logs of early releases.
   */
  readonly order?: string
  /** What another program added to the event before it was imported. Carried, and never read (AUDIT-1). */
  readonly extensions?: Extensions
}

/** Where an event stands once it is recorded. */
export interface EventPlace {
  readonly stream: StreamId
  readonly version: Version
  readonly position: Position
  /** Over the predecessor's hash and this event's own digest (`chain.ts`). Absent where a store was told to write none. */
  readonly hash?: string
  /** Only where an older schema version was brought up to date: the line's data (cause included) as it was recorded. */
  readonly recordedAs?: { readonly schema: number; readonly data: JsonObject }
}

type Typed<Data> = { [Type in keyof Data]: { readonly type: Type; readonly data: Data[Type] } }[keyof Data]

export type ContactEventType = keyof ContactEventData
export type CampaignEventType = keyof CampaignEventData
export type EventType = ContactEventType | CampaignEventType

/** An event of a contact as `decide` yields it and `evolve` takes it. */
export type ContactEvent = Typed<ContactEventData> & EventMeta
export type CampaignEvent = Typed<CampaignEventData> & EventMeta
/** What is handed to a store. */
export type NewEvent = ContactEvent | CampaignEvent
export type RecordedContactEvent = ContactEvent & EventPlace
export type RecordedCampaignEvent = CampaignEvent & EventPlace
/** What a store gives back. */
export type RecordedEvent = RecordedContactEvent | RecordedCampaignEvent

/** One contact event of one type, by name: `ContactEventOf<'StepSent'>`. */
export type ContactEventOf<Type extends ContactEventType> = Extract<ContactEvent, { type: Type }>

const CAMPAIGN_EVENT_TYPES: ReadonlySet<string> = new Set<CampaignEventType>([
  'CampaignPublished',
  'CampaignUnpublished',
  'CampaignUnchanged',
])

export function isCampaignEvent<E extends NewEvent>(event: E): event is Extract<E, { type: CampaignEventType }> {
  return CAMPAIGN_EVENT_TYPES.has(event.type)
}

export function isContactEvent<E extends NewEvent>(event: E): event is Extract<E, { type: ContactEventType }> {
  return !CAMPAIGN_EVENT_TYPES.has(event.type)
}
