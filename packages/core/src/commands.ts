/** Every command, in one union: orders that `decide` turns into events and an answer, or refuses. */
import type { SequenceRef, StepRef } from './events.ts'
import type { CampaignId, CommandId, ContactId, Instant, StepId } from './ids.ts'
import type { JsonObject } from './json.ts'
import type { StepOutcome } from './ports.ts'

/** What every command carries. */
export interface CommandMeta {
  /** The same id again has the same effect, once, and the same answer (ONCE-1). */
  readonly commandId: CommandId
  /** The host's id of whoever orders it; `null` for the engine itself. */
  readonly actor: string | null
  /** For people, recorded as it is. Write no personal data here (LOG-4). */
  readonly reason?: string
  /** Set by a bulk action for its part of it (BULK-2). */
  readonly actionId?: string
  /** The root of the chain that this belongs to. Default: the command's own id. */
  readonly correlationId?: string
  /** W3C `traceparent` to record with the events. */
  readonly trace?: string
}

interface OfContact extends CommandMeta {
  readonly contactId: ContactId
}

export interface StartSequence extends OfContact, SequenceRef {
  readonly type: 'StartSequence'
}
export interface StopSequence extends OfContact, SequenceRef {
  readonly type: 'StopSequence'
  /** Leaves a run of a later version alone: that of a publication after the unpublishing that this belongs to (VERSION-3). */
  readonly upToVersion?: number
}
/** Stop, then start, in one append (START-3). */
export interface RestartSequence extends OfContact, SequenceRef {
  readonly type: 'RestartSequence'
}
export interface PauseSequence extends OfContact, SequenceRef {
  readonly type: 'PauseSequence'
}
export interface ResumeSequence extends OfContact, SequenceRef {
  readonly type: 'ResumeSequence'
  /** True: the wait in progress is longer by the pause. False: due times stand as they were (PAUSE-2). */
  readonly shift: boolean
}
export interface StopAll extends OfContact {
  readonly type: 'StopAll'
}
/** A ban, until an instant or without end (STOP-4). */
export interface SuppressContact extends OfContact {
  readonly type: 'SuppressContact'
  readonly until: Instant | null
}
export interface UnsuppressContact extends OfContact {
  readonly type: 'UnsuppressContact'
}
export interface EraseContact extends OfContact {
  readonly type: 'EraseContact'
}
/** Something happened in the CRM. Its command id is made of the signal id (GOAL-10). */
export interface HandleSignal extends OfContact {
  readonly type: 'HandleSignal'
  readonly signalId: string
  readonly kind: string
  readonly data: JsonObject
  /** Left out: now. */
  readonly occurredAt?: Instant
  /** True: a sequence's own step caused it (GOAL-11). */
  readonly fromStep: boolean
}
export interface ResendStep extends OfContact, SequenceRef {
  readonly type: 'ResendStep'
  readonly stepId: StepId
  /** Default: the newest. */
  readonly run?: number
}
export interface CancelStep extends OfContact, SequenceRef {
  readonly type: 'CancelStep'
  readonly stepId: StepId
  /** Default: the newest, which is the only one that can have something to cancel. */
  readonly run?: number
}

/** The dispatcher's order: everything of the contact that is due now. */
export interface DispatchDue extends OfContact {
  readonly type: 'DispatchDue'
  /**
   * Keys of sendings whose handler this worker is running. Any other dispatched step is one whose worker died, for the
   * worker that asks holds the contact's lease (STEP-6).
   */
  readonly inFlight: ReadonlySet<string>
  /** At most so many steps are dispatched, skipped or completed; what is left is due at once. */
  readonly limit: number
  /** At most so many of a kind are dispatched, the others stay due; `undefined`: all. Default: no limits. */
  readonly permits?: { get(kind: string): number | undefined }
}

/** The dispatcher's report of what a handler answered. */
export interface RecordOutcome extends OfContact, StepRef {
  readonly type: 'RecordOutcome'
  readonly resend: number
  readonly attempt: number
  readonly outcome: StepOutcome
  /** When to try again, should this failure be neither permanent nor the last; back-off is the dispatcher's affair. */
  readonly retryAt: Instant
}

export type ContactCommand =
  | StartSequence
  | StopSequence
  | RestartSequence
  | PauseSequence
  | ResumeSequence
  | StopAll
  | SuppressContact
  | UnsuppressContact
  | EraseContact
  | HandleSignal
  | ResendStep
  | CancelStep
  | DispatchDue
  | RecordOutcome

/**
 * Whether the decision on a command reads the host's facts of the contact (FACTS-1). For a command that reads none the
 * host's directory is not asked, so it works while the directory is down.
 */
export const READS_FACTS: { readonly [Type in ContactCommand['type']]: boolean } = {
  StartSequence: true,
  StopSequence: false,
  RestartSequence: true,
  PauseSequence: false,
  ResumeSequence: false,
  StopAll: false,
  SuppressContact: false,
  UnsuppressContact: false,
  EraseContact: false,
  HandleSignal: true,
  ResendStep: true,
  CancelStep: false,
  DispatchDue: true,
  RecordOutcome: true,
}

/** A definition to publish, unchecked. */
export interface PublishCampaign extends CommandMeta {
  readonly type: 'PublishCampaign'
  readonly definition: unknown
}
export interface UnpublishCampaign extends CommandMeta {
  readonly type: 'UnpublishCampaign'
  readonly campaignId: CampaignId
  /** True: every run of the campaign is to be stopped, too. That is done by the engine, contact by contact (VERSION-3). */
  readonly stopRuns?: boolean
}
