/** What happens inside the engine, named and typed, for the loggers and meters of the host. Nothing of it is recorded. */
import type {
  AttemptRef,
  Backlog,
  CampaignId,
  ContactCommand,
  ContactId,
  EventId,
  EventType,
  Position,
  Rejection,
  RunRef,
  SequenceId,
  StepOutcome,
  StreamId,
  Version,
} from '@enfold/core'

export type EngineEvent =
  | {
      readonly type: 'command-decided'
      readonly command: ContactCommand['type']
      readonly contactId: ContactId
      /** How many events were appended; 0: nothing changed, or a repeat. */
      readonly events: number
      readonly rejection: Rejection | null
      readonly durationMs: number
    }
  /** A start was refused by the brake: this sequence was started too often for this contact within an hour (BRAKE-1). */
  | {
      readonly type: 'start-braked'
      readonly contactId: ContactId
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
    }
  /** Another writer was first; the command is decided again on the new state (ONCE-2). */
  | { readonly type: 'conflict'; readonly contactId: ContactId; readonly attempt: number }
  | {
      readonly type: 'step-dispatched'
      readonly contactId: ContactId
      readonly attempt: AttemptRef
      readonly kind: string
      /** From due to now. */
      readonly lagMs: number
      /** Where it goes instead of to the contact: an address, or "nobody" where no handler is called (DELIVER-1). */
      readonly deliverTo?: string
    }
  | {
      readonly type: 'step-answered'
      readonly contactId: ContactId
      readonly attempt: AttemptRef
      readonly kind: string
      readonly outcome: StepOutcome
      /** What the handler threw, for the log of the host; the recorded reason names only its kind (LOG-4). */
      readonly error?: unknown
      readonly durationMs: number
      /** As in `step-dispatched`. */
      readonly deliverTo?: string
    }
  /** An outcome that came when the step was resolved otherwise already; nothing is recorded. */
  | { readonly type: 'outcome-stale'; readonly contactId: ContactId; readonly attempt: AttemptRef }
  /**
   * The lease was over before the handler was called (a process that stood still); another worker takes over. `attempt`:
   * what was dispatched and is not sent; `null`: nothing had been dispatched.
   */
  | { readonly type: 'lease-lost'; readonly contactId: ContactId; readonly attempt: AttemptRef | null }
  /** One contact's work failed for a fault; it is tried again when its lease has run out. */
  | { readonly type: 'contact-failed'; readonly contactId: ContactId; readonly error: unknown }
  /**
   * A run of the contact cannot be planned: none of its steps begins. It is looked at again every hour, and with each
   * event of the contact. Orders and outcomes are recorded all the same.
   */
  | {
      readonly type: 'contact-not-planned'
      readonly contactId: ContactId
      readonly run: RunRef
      readonly error: unknown
    }
  /**
   * The stored state of a contact was not used, and its whole stream was read: another release made it, it is damaged, or
   * it is of a version that the stream does not have. The next append stores another one.
   */
  | { readonly type: 'state-refused'; readonly contactId: ContactId; readonly because: 'reducer' | 'damaged' | 'ahead' }
  /** The dispatcher's loop met a fault and goes on after a pause. */
  | { readonly type: 'loop-failed'; readonly error: unknown; readonly pauseMs: number }
  /** Contacts are due for kinds that this engine has no handler for (KIND-1). Told at most once a minute. */
  | { readonly type: 'kinds-waiting'; readonly kinds: readonly Backlog[] }
  /** The projection lost the log or the read model, and begins again at its checkpoint after a pause. */
  | { readonly type: 'projection-failed'; readonly error: unknown; readonly pauseMs: number }
  /** An event could not be projected; its contact waits until an operator retries or discards it. */
  | {
      readonly type: 'contact-parked'
      readonly contactId: ContactId
      readonly event: {
        readonly id: EventId
        readonly type: EventType
        readonly stream: StreamId
        readonly version: Version
        readonly position: Position
      }
      readonly error: unknown
    }

export type Observer = (event: EngineEvent) => void

/** Tells several observers. One that throws harms nobody. */
export function observedBy(observers: readonly Observer[]): Observer {
  return (event) => {
    for (const observer of observers)
      try {
        // One that is async after all must not end the process with a rejection of its own.
        Promise.resolve(observer(event) as unknown).catch(() => {})
      } catch {
        // An observer that throws has nobody left to tell.
      }
  }
}
