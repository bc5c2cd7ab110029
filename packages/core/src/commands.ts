/**
 * What every command carries, and the commands that are no verb on a contact: those of the dispatcher, and those on a
 * campaign. The command of a verb stands in the verb's own file (`verbs/`); the union of all is made there.
 */
import type { SequenceRef, StepRef } from './events.ts'
import type { CampaignId, CommandId, ContactId, Instant, SequenceId, StepId } from './ids.ts'
import type { Overdue, Pace } from './pauses.ts'
import type { StepOutcome } from './ports/host.ts'

/** What every command carries. */
export interface CommandMeta {
  /** The same id again has the same effect, once, and the same answer (ONCE-1). */
  readonly commandId: CommandId
  /** The host's id of the person or program that orders it; `null` for the engine itself. */
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

/** A command on a contact. */
export interface OfContact extends CommandMeta {
  readonly contactId: ContactId
}

/** A command on a contact's place in a sequence; `key` says in which, where it runs once for each key (KEY-2). */
export interface OfSequence extends OfContact, SequenceRef {}

/** A command on one step of a contact's run. */
export interface OfStep extends OfSequence {
  readonly stepId: StepId
  /** Default: the newest. */
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
  /** Where it was sent instead of to the contact: an address, or `nobody` (DELIVER-3). */
  readonly deliverTo?: string
  /** When to try again, should this failure be neither permanent nor the last; back-off is the dispatcher's affair. */
  readonly retryAt: Instant
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
export interface PauseCampaign extends CommandMeta {
  readonly type: 'PauseCampaign'
  readonly campaignId: CampaignId
  /** At least one. Left out: all, those of later versions too. */
  readonly sequences?: readonly SequenceId[]
  readonly entries: 'open' | 'closed'
}
export interface ResumeCampaign extends CommandMeta {
  readonly type: 'ResumeCampaign'
  readonly campaignId: CampaignId
  readonly overdue: Overdue
  readonly pace?: Pace
}

/** An order on a campaign as a whole. */
export type CampaignCommand = PublishCampaign | UnpublishCampaign | PauseCampaign | ResumeCampaign
