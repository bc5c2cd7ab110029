/**
 * Every event, in one union, and the envelope around it; what each says stands in `event-data.ts`. Rules LOG-2, LOG-3, LOG-4.
 * Events are past tense and hold ids, instants and the values that a decision read: never a name, an address or a text.
 */
import { type CampaignEventData, type ContactEventData, isOfCampaign } from './event-data.ts'
import type { Cause } from './event-parts.ts'
import type { Extensions } from './extensions.ts'
import type { CommandId, EventId, Instant, Position, StreamId, Version } from './ids.ts'
import type { JsonObject } from './json.ts'

export type { CampaignEventData, ContactEventData } from './event-data.ts'
export {
  type AttemptRef,
  type Cause,
  type MatchedGoal,
  NO_VARS,
  type Observation,
  type RouteTaken,
  type RunRef,
  type SequenceRef,
  type StepRef,
  type Timing,
  UNDO_RUN_OUTCOMES,
  type UndoneRun,
  type UndoRunOutcome,
  type UnmetGoal,
  type Vars,
} from './event-parts.ts'

/** The schema version of events written by this release. Older ones are brought up to date by the codec. */
export const SCHEMA_VERSION = 1

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

export function isCampaignEvent<E extends NewEvent>(event: E): event is Extract<E, { type: CampaignEventType }> {
  return isOfCampaign(event.type)
}

export function isContactEvent<E extends NewEvent>(event: E): event is Extract<E, { type: ContactEventType }> {
  return !isOfCampaign(event.type)
}
