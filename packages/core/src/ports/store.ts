/** A whole store, made of the six ports, and what some stores can do besides. */
import type { RecordedEvent } from '../events.ts'
import type { EventId, Instant, StreamId } from '../ids.ts'
import type { ActionStore } from './actions.ts'
import type { Agenda } from './agenda.ts'
import type { CounterStore } from './counters.ts'
import type { TransactionClient } from './host.ts'
import type { EventStore } from './log.ts'
import type { ProjectionStore, StoredState } from './projection.ts'
import type { TagIndex } from './tag-index.ts'

/** A question about one contact's stream. */
export interface TailAsked {
  readonly stream: StreamId
  /** Whether any of these stands in the stream is to be said. */
  readonly ids: readonly EventId[]
}

/** The state that is kept of a contact, and the events since. */
export interface Tail {
  /** `null`: none is kept. */
  readonly stored: StoredState | null
  /**
   * In order, from the version of `stored` on, the event of that version included, whatever `stored` says; the whole
   * stream where none is kept.
   */
  readonly events: readonly RecordedEvent[]
  readonly isRecorded: boolean
}

/** A log that keeps states of contacts: with its streams, or in its own transaction with its appends (`Derived.state`). */
export interface KeepsStates {
  /** In the order asked, in as few round trips as the store can. No event between the state and the others is missing. */
  readTails(asked: readonly TailAsked[]): Promise<readonly Tail[]>
}

/** Index, agenda, counters and what writes them. */
export interface ReadModel extends TagIndex, Agenda, CounterStore, ProjectionStore {}

/** What a store can do besides the promises; asked, never found out by a "not supported". */
export interface Capabilities {
  /** The store is its own read model and writes `Derived` in the append's transaction. */
  readonly projectsInAppend: boolean
  /** Each event that it writes gets a hash over its predecessor's (`chainHash`). */
  readonly hashChain: boolean
}

/**
 * A store that is log, read model and keeper of actions at once, as the memory and SQL stores are. `createStore` of
 * `@enfold/core/store` makes one of its parts.
 */
export interface Store extends EventStore, KeepsStates, ReadModel, ActionStore {
  readonly capabilities: Capabilities
}

// --- What some stores can do besides: asked by whether they have the method -----------------------------------------

/** A store that hears of what other processes write. */
export interface ChangeNotifications {
  /**
   * Calls the listener soon after another process may have written, until the returned function is called. A hint only: it
   * may come too often, and may never come if the connection cannot carry it (a pooler in transaction mode). Keep polling
   * as well.
   */
  watch(listener: () => void): () => void
}

/** A read model whose next wake was found out already, as where one look tells it of many schemas. */
export interface KnowsNextWake {
  /**
   * The earliest instant at which anything may be claimed, of any kind, leases counted; `null`: never. `undefined`: not
   * known. It may lack what other processes have written in the last moment, as any poll does, and nothing of this one.
   */
  knownWake(): Instant | null | undefined
}

/**
 * A store that checks in the append whether the streams that it `requires` still have their versions; one without this
 * passes `requires` over.
 *
 * Promises: where a required stream has another version, nothing is written, and the answer is a conflict, `outdated` if
 * the stream itself is as expected. (A repeat returns `repeated` all the same.)
 */
export interface ChecksRequired {
  /**
   * Resolves when nothing that required an earlier version of the stream can be committed any more: to be called once the
   * stream has been moved on. What is appended later sees the new version.
   *
   * @throws EnfoldFault `CONTENTION` when the time is over; then a transaction of a host is open that long
   */
  settled(stream: StreamId, timeoutMs: number): Promise<void>
}

/** A store that works inside the host's own transaction, too. */
export interface TransactionalStore {
  /**
   * The part of the store that a command needs, on this connection and no other, one statement at a time. What is
   * appended becomes true when the host commits. A conflict is an answer, as ever, and leaves the transaction as it was;
   * where only a rollback helps, it throws `CONTENTION`. A client that is not inside a transaction is refused with
   * `INVALID_INPUT`, here or by the methods, before anything is written.
   */
  inTransaction(client: TransactionClient): Pick<EventStore, 'append' | 'readMany' | 'readAll'> & KeepsStates
}
