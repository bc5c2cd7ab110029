/** What the log says of a contact: where it stands, its state, and the events that were read for it. */
import type {
  ContactState,
  EventId,
  Instant,
  KeptAlongside,
  Position,
  RecordedContactEvent,
  Version,
} from '@enfold/core'

/** Where the log stands after a command: of its contact, and as a whole. 0 and 0: the contact has no events. */
export interface LogPosition {
  readonly version: Version
  readonly position: Position
}

/** A contact by its events: the memberships as the projector has them, and the reducer's state. */
export interface FoldedContact extends KeptAlongside {
  /** Of its last event; 0: it has none. */
  readonly version: Version
  /** Of its last event; "": it has none. */
  readonly lastEventId: EventId
  readonly state: ContactState
}

/** What is stored of a contact's state. */
export interface Stored {
  /** Of which version it is; 0: none is stored that can be used. */
  readonly version: Version
  /** The latest instant among the events since, that of this version included; "": there are none. */
  readonly latestAt: Instant
}

/** A contact as the log has it. */
export interface LoggedContact extends LogPosition {
  /** May be a working state: what looks for more in it throws `NeedsHistory`. */
  readonly state: ContactState
  readonly stored: Stored
  /** All its events; or where a stored state was used, those from its version on. */
  readonly history: readonly RecordedContactEvent[]
  readonly isWhole: boolean
  /** True: one of the commands asked about has events, or may have. In a whole history the answer stands in that. */
  readonly mayBeRecorded: boolean
  /** What was kept next to the state, brought up to now; `null`: nothing was. */
  readonly alongside: KeptAlongside | null
  /** True: the log was not asked now, and may have more of it. Good for a decision that appends, and for no other. */
  readonly mayBeOld?: true
}
