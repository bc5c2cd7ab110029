/** What the log says of a contact: where it stands, its state, and the events that were read for it. */
import type {
  CommandId,
  ContactEvent,
  ContactId,
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

/** A contact as its stream has it up to a version, and what is stored of it. */
export interface ProjectedContact extends FoldedContact, LogPosition {
  /** The version of its stored state; 0: it has none that is known. */
  readonly storedAt: Version
  /** The latest instant among its events, as far as they were read; "": there are none. */
  readonly latestAt: Instant
}

/** Contacts as this process saw them last (`last-seen.ts`). */
export interface LastSeen {
  /** `null`: it was not seen; or one of the commands may be recorded, and the log has to tell (ONCE-1). */
  of(contactId: ContactId, commands: readonly CommandId[]): LoggedContact | null
  /** By the projection. */
  saw(contactId: ContactId, contact: ProjectedContact): void
  /** The log has it up to this version: what is older is kept no longer. */
  reached(contactId: ContactId, version: Version): void
  /** Moves on what was seen at the version before. Of another contact nothing is kept: nobody would tell of what others write. */
  appended(contactId: ContactId, before: Version, events: readonly ContactEvent[], after: AfterAppend): void
  forget(contactId: ContactId): void
  /** Others have written, it is not known what. */
  clear(): void
}

/** The contact after events that were appended. */
export interface AfterAppend extends LogPosition {
  readonly state: ContactState
}
