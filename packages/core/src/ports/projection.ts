/** How index and agenda are written: in the append, by a projection, or by a repair. */
import type { ContactId, Instant, Position, Tag, Version } from '../ids.ts'
import type { Lane, OtherLane } from './agenda.ts'
import type { CounterChange } from './counters.ts'
import type { Membership, TagChange } from './tag-index.ts'

/** A contact's working state, as the engine keeps it: for a store two values to be kept as they are. */
export interface FoldedState {
  /** Of the code that made it. */
  readonly reducer: number
  readonly text: string
}

/** A state that is kept, and of which version of the contact's stream it is. */
export interface StoredState extends FoldedState {
  readonly version: Version
}

/** What the engine computed from the new events by the pure projectors; SQL stores write it in the same transaction. */
export interface Derived {
  /** In the order in which they are to be made. */
  readonly tags: readonly TagChange[]
  /** The contact's next instant at which anything of it is due; `null`: nothing. */
  readonly wakeAt: Instant | null
  /** What is due then; absent: nothing that a limit could hold back. */
  readonly lane?: Lane | null
  /** What other kinds of steps are due later, each at its first instant, the earliest first. Absent: none. */
  readonly others?: readonly OtherLane[]
  /**
   * True: what the row of the agenda says already is as good. It wakes the contact no later, for each kind of step, and the
   * contact is claimed. A store may leave the row as it is.
   */
  readonly agendaStays?: true
  /** By how much the append changes counters (FUNNEL-1), each version of a campaign once. Absent: none. */
  readonly counters?: readonly CounterChange[]
  /** The contact's state after the events, to be kept instead of the one before. Absent: that one stays. */
  readonly state?: FoldedState
}

/** What a contact's rows in the read model must be, computed from its stream up to `version`. */
export interface ContactProjection {
  readonly contactId: ContactId
  readonly version: Version
  readonly tags: readonly Tag[]
  /** Memberships with a key other than '' (KEY-4). Left out: none. */
  readonly keyed?: readonly Required<Membership>[]
  readonly wakeAt: Instant | null
  readonly lane?: Lane | null
  /** As `Derived`. */
  readonly others?: readonly OtherLane[]
  /** The state to be kept; `null`: none. Absent: what is kept stays. */
  readonly state?: StoredState | null
}

/** One contact's share of a batch that a projection applies. */
export interface Change {
  readonly contactId: ContactId
  readonly version: Version
  /** Without `counters`: those of a batch go with its checkpoint. */
  readonly derived: Derived
}

/** What the events of a batch change in the counters: those between two checkpoints. */
export interface CountedBatch {
  /** The checkpoint that the batch follows. */
  readonly since: Position
  readonly changes: readonly CounterChange[]
  /** False: some events of it could not be counted. */
  readonly complete: boolean
}

/**
 * Writes index and agenda apart from appends. Both can be rebuilt from the log at any time.
 *
 * Promises: what an append's `Derived` says, or a change or a projection here, is visible to every later call.
 */
export interface ProjectionStore {
  /**
   * Changes and checkpoint in one transaction; for logs that cannot project in the append. A change whose version is
   * not above that of the contact's rows is skipped. The checkpoint never moves back, so a second, slower projector does
   * no harm.
   *
   * @param counted where counters follow the checkpoint. If it is not at `since` any more, nothing is written, and the
   *   answer is false: each event must be counted once.
   */
  apply(changes: readonly Change[], checkpoint: Position, counted?: CountedBatch): Promise<boolean>
  /** The last checkpoint; 0 before the first. */
  checkpoint(): Promise<Position>
  /**
   * Sets a contact's rows to what its stream says if the stream still has that version, else changes nothing and returns
   * false. The lease stays as it is.
   */
  restore(projection: ContactProjection): Promise<boolean>
  /** The states that are kept of these contacts; of those that have none there is no entry. */
  states(contacts: readonly ContactId[]): Promise<ReadonlyMap<ContactId, StoredState>>
}
