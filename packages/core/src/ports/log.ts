/** The log: appends with the version that they expect, and reads in order. */
import type { NewEvent, RecordedEvent } from '../events.ts'
import type { ContactId, Position, StreamId, Version } from '../ids.ts'
import type { Derived } from './projection.ts'

/** The version that the stream must have for an append to happen. Never optional, never a default. */
export type ExpectedVersion = Version | 'no-stream'

export interface Appended {
  readonly outcome: 'appended'
  /**
   * The stream's version after, and the position of, the last of the events. The others have the versions before it; where
   * they stand in the log a read tells: not every server says it of more than the last.
   */
  readonly version: Version
  readonly position: Position
  /** True if exactly these event ids stood there already: nothing was written, version and place are those of the first time. */
  readonly repeated: boolean
}

export interface Conflict {
  readonly outcome: 'conflict'
  /** The version that the stream has; 0 if there is none. */
  readonly actual: Version
  /** True: it is the one that was expected, but a required stream has another one. */
  readonly outdated?: true
}

export type AppendResult = Appended | Conflict

/** Another transaction that is still open keeps the stream. Nothing of the append was written; `append` waits for it. */
export interface Locked {
  readonly outcome: 'locked'
}

export interface StreamAppend {
  readonly stream: StreamId
  /** At least one. */
  readonly events: readonly NewEvent[]
  readonly expected: ExpectedVersion
  readonly derived?: Derived
  /**
   * True: the writer knows that none of the ids stands in the stream up to the version that is expected. Then a store
   * that must look for them need not, while the stream has that version. Left out: nobody knows.
   */
  readonly areNew?: boolean
  /** Other streams that the decision rests on. Left out: none. */
  readonly requires?: readonly RequiredVersion[]
}

/** A stream at the version at which a decision saw it; 0: there was none. */
export interface RequiredVersion {
  readonly stream: StreamId
  readonly version: Version
}

/** Which events of the log a reader wants. Left out: all. */
export interface EventFilter {
  readonly streams?: 'contacts' | 'campaigns'
}

/** Marks in a subscription that everything recorded so far has been given. */
export interface CaughtUp {
  readonly type: 'CaughtUp'
  readonly position: Position
}

/**
 * The append-only log: one stream per contact, one per campaign (LOG-1).
 *
 * Promises: an append is all or nothing and durable when it resolves. An append whose event ids all stand in the
 * stream already returns `repeated` with the place of the first time, whatever was expected; ids that are partly
 * there throw `EVENT_ID_REUSED`. An id stands for one event of its stream: those that the engine makes follow from the
 * stream (LOG-3), so no two streams have the same, and a store need not look for them in others. It may, and then throws
 * `EVENT_ID_REUSED` too. A `hash` that comes with an event is not taken over. Versions are 1, 2, 3 … per stream, positions
 * grow in the order of `readAll`, and a reader never passes a position that an append in progress can still take.
 * Every method throws an `EnfoldFault` for faults; after `close` each throws `CLOSED`.
 */
export interface EventStore {
  append(
    stream: StreamId,
    events: readonly NewEvent[],
    expected: ExpectedVersion,
    derived?: Derived,
    requires?: readonly RequiredVersion[],
  ): Promise<AppendResult>
  /**
   * Independent outcomes, in the order given, in as few round trips as the store can. Appends to one stream are written
   * in the order of the list. **Between streams no order is promised**: which event comes first in the log is the
   * store's affair, as with separate calls that are made at the same time. To have one event after another, wait for
   * the first. If it throws for what it was given (`INVALID_INPUT`, `EVENT_ID_REUSED`), nothing was written. After
   * another fault a store without transactions may have written some; the same call again returns `repeated` for those.
   * A stream that another open transaction keeps makes nobody else wait: it is answered `locked` where others wrote.
   */
  appendMany(appends: readonly StreamAppend[]): Promise<readonly (AppendResult | Locked)[]>
  /** Events with version ≥ `from` (default 1), in order. A stream that does not exist is empty. */
  readStream(stream: StreamId, from?: Version): AsyncIterable<RecordedEvent>
  /** Whole streams at once; every stream asked for is a key, empty ones too. */
  readMany(streams: readonly StreamId[]): Promise<ReadonlyMap<StreamId, readonly RecordedEvent[]>>
  /** Log order, positions > `after` (default 0), up to what is recorded when it gets there. */
  readAll(after?: Position, filter?: EventFilter): AsyncIterable<RecordedEvent>
  /** As `readAll`, and goes on with what is recorded later, until the signal aborts; then it ends without an error. */
  subscribe(after: Position, signal: AbortSignal, filter?: EventFilter): AsyncIterable<RecordedEvent | CaughtUp>
  /** Contacts that have a stream, in a fixed order: those after `after`, at most `limit`. */
  contacts(after: ContactId | null, limit: number): Promise<readonly ContactId[]>
  /** Lets work in progress finish, then frees everything. A second call changes nothing. */
  close(): Promise<void>
}
