/**
 * Types only: what the engine needs of the world, and what each port promises. Stores and hosts implement these.
 * `@enfold/testkit/battery` proves the promises: `storeBattery(name, makeStore)`.
 */

import type { ActionContact, ActionOutcome, ActionRecord, ActionResult } from './action.ts'
import type { StepDefinition } from './definition.ts'
import type { NewEvent, RecordedEvent } from './events.ts'
import type {
  ActionId,
  CampaignId,
  ContactId,
  Instant,
  Position,
  SequenceId,
  StreamId,
  Tag,
  Version,
  WorkerId,
} from './ids.ts'
import type { JsonObject, JsonValue } from './json.ts'

// --- The log --------------------------------------------------------------------------------------------------------

/** The version that the stream must have for an append to happen. Never optional, never a default. */
export type ExpectedVersion = Version | 'no-stream'

/** One change of the index. `clear` removes all tags of the contact (ERASE-1). */
export type TagChange =
  | { readonly change: 'add' | 'remove'; readonly contactId: ContactId; readonly tag: Tag }
  | { readonly change: 'clear'; readonly contactId: ContactId }

/** Contacts that have all of `all`, at least one of `any` (if any are named), and none of `none`. Rule INDEX-2. */
export interface TagQuery {
  readonly all?: readonly Tag[]
  readonly any?: readonly Tag[]
  readonly none?: readonly Tag[]
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
}

/** Whose turn it is: limits are set for kinds of steps, and campaigns share a limit fairly. */
export interface Lane {
  /** Of the step that is due first; "" where no handler is called. */
  readonly kind: string
  readonly campaignId: CampaignId
}

/**
 * A lane of the contact that comes after its first: a worker that does not do what is due first still finds what it does
 * (KIND-1).
 */
export interface OtherLane extends Lane {
  readonly wakeAt: Instant
}

export interface Appended {
  readonly outcome: 'appended'
  /** The stream's version after, and the position of, the last of the events. */
  readonly version: Version
  readonly position: Position
  readonly events: readonly RecordedEvent[]
  /** True if exactly these event ids stood there already: nothing was written, `events` are those of the first time. */
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
 * stream already answers `repeated` with what was recorded the first time, whatever was expected; ids that are partly
 * there, or in another stream, throw `EVENT_ID_REUSED`. A `hash` that comes with an event is not taken over. Versions are 1, 2, 3 … per stream, positions grow in the order
 * of `readAll`, and a reader never passes a position that an append in progress can still take.
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
   * another fault a store without transactions may have written some; the same call again answers `repeated` for those.
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
  /** Contacts that have a stream, in a fixed order: those behind `after`, at most `limit`. */
  contacts(after: ContactId | null, limit: number): Promise<readonly ContactId[]>
  /** Lets work in progress finish, then frees everything. Twice is once. */
  close(): Promise<void>
}

// --- The read model -------------------------------------------------------------------------------------------------

export interface Page {
  /** The last contact of the page before; `null` for the first page. It need not be a member any more. */
  readonly after: ContactId | null
  /** 1 to 10,000. */
  readonly limit: number
}

export interface Members {
  /** In an order that does not change while one pages. Which one is the store's own affair. */
  readonly contacts: readonly ContactId[]
  readonly total: number
  /** What to pass as `after` for more; `null` at the end. */
  readonly next: ContactId | null
}

/** A worker's right to work on one contact until `leaseUntil`, by the engine's clock. */
export interface Claim {
  readonly contactId: ContactId
  readonly worker: WorkerId
  readonly wakeAt: Instant
  readonly leaseUntil: Instant
  /** Of the lane that it was claimed from. */
  readonly kind: string
}

/** One row of the agenda: the next instant at which anything of the contact is due. */
export interface AgendaEntry {
  readonly contactId: ContactId
  readonly wakeAt: Instant
  readonly leaseUntil: Instant | null
  readonly kind: string
}

/** Contacts that are due for a kind of step. */
export interface Backlog {
  readonly kind: string
  readonly contacts: number
  /** The earliest wake among them. */
  readonly since: Instant
}

/** What a contact's rows in the read model must be, computed from its stream up to `version`. */
export interface ContactProjection {
  readonly contactId: ContactId
  readonly version: Version
  readonly tags: readonly Tag[]
  readonly wakeAt: Instant | null
  readonly lane?: Lane | null
  /** As `Derived`. */
  readonly others?: readonly OtherLane[]
}

/** One contact's share of a batch that a projection applies. */
export interface Change {
  readonly contactId: ContactId
  readonly version: Version
  readonly derived: Derived
}

/**
 * The index (contacts by tag) and the agenda (contacts by next wake). Both can be rebuilt from the log at will.
 *
 * Tags that begin with `~` are marks of the engine's (`isMark`). A store keeps, pages and counts them as it does any tag,
 * save that a search for nobody in particular passes over contacts that have marks only.
 *
 * Promises: what an append's `Derived` says is visible to every later call. A claimed contact is given to no other
 * worker until its lease has run out or it is released. Claims come by wake instant, oldest first.
 */
export interface ReadModel {
  /**
   * Changes and checkpoint in one transaction; for logs that cannot project in the append. A change whose version is
   * not above that of the contact's rows is passed over, and a checkpoint below the last one leaves it as it is: of two
   * projectors, the slower one takes nothing back.
   */
  apply(changes: readonly Change[], checkpoint: Position): Promise<void>
  /** The last checkpoint; 0 before the first. */
  checkpoint(): Promise<Position>
  members(tag: Tag, page: Page): Promise<Members>
  /** In the order of their text. */
  tagsOf(contact: ContactId): Promise<readonly Tag[]>
  search(query: TagQuery, page: Page): Promise<Members>
  count(tag: Tag): Promise<number>
  /**
   * Claims contacts with `wakeAt` ≤ now that nobody holds, at most `limit` (≥ 1) in all. Of a kind that `room` names, at
   * most so many; and where `limit` or `room` leaves some out, campaigns take turns. A contact whose first lane is of a
   * kind with no room is claimed for the first of its other lanes that is due and has room.
   */
  claimDue(
    now: Instant,
    worker: WorkerId,
    limit: number,
    leaseMs: number,
    room?: ReadonlyMap<string, number>,
  ): Promise<readonly Claim[]>
  /** Gives claims back, those that are still held by their worker; others are left alone. */
  release(claims: readonly Claim[]): Promise<void>
  /** Prolongs claims that are still held and have not run out; the answer holds those, with their new lease. */
  renew(claims: readonly Claim[], now: Instant, leaseMs: number): Promise<readonly Claim[]>
  /**
   * The earliest instant at which `claimDue` with the same `room` can have something that it has not now, leases
   * counted; `null`: never. Kinds of which `room` leaves none are passed over.
   */
  nextWake(room?: ReadonlyMap<string, number>): Promise<Instant | null>
  /**
   * Of each of these kinds that any contact is due for first, leases or not: how many contacts, and since when the
   * earliest of them.
   */
  backlog(kinds: readonly string[], now: Instant): Promise<readonly Backlog[]>
  /**
   * Agenda entries with `wakeAt` ≤ `until`, by wake instant and, of the same, by contact id; at most `limit`, those
   * behind `after`.
   */
  agenda(until: Instant, limit: number, after?: AgendaEntry): Promise<readonly AgendaEntry[]>
  /**
   * Sets a contact's rows to what its stream says, if the stream still has that version; else changes nothing and
   * answers false. The lease stays as it is.
   */
  restore(projection: ContactProjection): Promise<boolean>
  /** Contacts that have tags or marks in the index, in a fixed order: those behind `after`, at most `limit`. */
  indexed(after: ContactId | null, limit: number): Promise<readonly ContactId[]>
}

// --- Bulk actions ---------------------------------------------------------------------------------------------------

/** What a save brings besides the record: in this order. */
export interface ActionChange {
  /** Forget all contacts of the action. */
  readonly clear?: boolean
  /** Contacts to be put behind those that are there, in this order; one that is there already is passed over. */
  readonly add?: readonly ContactId[]
  /** Of contacts that were added; a later result replaces an earlier one. */
  readonly results?: readonly ActionResult[]
}

/**
 * Keeps what the log does not hold of bulk actions: who ordered what, for whom, and what became of each (BULK-1).
 *
 * Promises: a save is one transaction, durable when it resolves, and visible to every later call. Of two saves with
 * the same revision one is written. Contacts are numbered 1, 2, 3 … without gaps, each of them once.
 */
export interface ActionStore {
  /**
   * Writes the record if it is the next revision of what is stored (1: nothing is), and the change with it.
   *
   * @returns how many contacts were added; `null` if another save was first: then nothing was written
   */
  saveAction(record: ActionRecord, change?: ActionChange): Promise<number | null>
  /** As it was saved last; `null` if it never was. */
  action(actionId: ActionId): Promise<ActionRecord | null>
  /** By their first save, the newest first: those behind `after`, which must be one of them; at most `limit` (≥ 1). */
  actions(after: ActionId | null, limit: number): Promise<readonly ActionRecord[]>
  /** By number: those above `after` (0 for all), with this outcome if one is named; at most `limit` (≥ 1). */
  actionContacts(
    actionId: ActionId,
    after: number,
    limit: number,
    outcome?: ActionOutcome,
  ): Promise<readonly ActionContact[]>
}

/** What a store can do besides the promises; asked, never found out by a "not supported". */
export interface Capabilities {
  /** The store is its own read model and writes `Derived` in the append's transaction. */
  readonly projectsInAppend: boolean
  /** Each event that it writes gets a hash over its predecessor's (`chainHash`). */
  readonly hashChain: boolean
}

/** A store that is event store, read model and keeper of actions at once, as the memory and SQL stores are. */
export interface Store extends EventStore, ReadModel, ActionStore {
  readonly capabilities: Capabilities
}

// --- What some stores can do besides: asked by whether they have the method -----------------------------------------

/** A store that hears of what other processes write. */
export interface Tells {
  /**
   * Calls the listener soon after others may have written, until the answer is called. A hint: it may come too often, and
   * never where the way to the store does not carry it. Whoever waits looks from time to time besides.
   */
  watch(listener: () => void): () => void
}

/**
 * A store that checks in the append whether the streams that it `requires` still have their versions; one without this
 * passes `requires` over.
 *
 * Promises: where a required stream has another version, nothing is written, and the answer is a conflict, `outdated` if
 * the stream itself is as expected. (A repeat answers `repeated` all the same.)
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

/**
 * A connection on which the host has a transaction open: a client of `pg`, or anything that can be made to look like one.
 * `values` are texts or null, and stand for $1, $2 … in `text`. The rows are objects by the name of the column: in
 * `rows`, as `pg` has them, or as a list.
 */
export interface TransactionClient {
  query(text: string, values: (string | null)[]): Promise<{ readonly rows: readonly object[] } | readonly object[]>
}

/** A store that works inside the host's own transaction, too. */
export interface JoinsTransactions {
  /**
   * The part of the store that a command needs, on this connection and no other, one statement at a time. What is
   * appended becomes true when the host commits. A conflict is an answer, as ever, and leaves the transaction as it was;
   * where only a rollback helps, it throws `CONTENTION`. A client that is not inside a transaction is refused with
   * `INVALID_INPUT`, here or by the methods, before anything is written.
   */
  within(client: TransactionClient): Pick<EventStore, 'append' | 'readMany' | 'readAll'>
}

// --- The host -------------------------------------------------------------------------------------------------------

/** What the host knows of a contact at the moment of a decision. Read, never kept, save for what LOG-4 names. */
export interface Facts {
  /** IANA name. Left out: the campaign's. */
  readonly timeZone?: string
  readonly tags?: readonly string[]
  readonly fields?: { readonly [field: string]: JsonValue }
}

/** The host's directory of contacts. Left out of `createEngine`: every contact exists, with no facts. */
export interface ContactDirectory {
  /** `null`: there is no such contact (START-6). */
  get(contactId: ContactId): Promise<Facts | null> | Facts | null
  /** As `get`, for many; ids without an entry do not exist. Left out: `get` one by one. */
  getMany?(contactIds: readonly ContactId[]): Promise<ReadonlyMap<ContactId, Facts>> | ReadonlyMap<ContactId, Facts>
  /** Quick search by whatever the host finds contacts by. */
  search?(
    query: string,
    page: Page,
  ): Promise<{ readonly contacts: readonly ContactId[]; readonly next: ContactId | null }>
}

/** What a handler is told of the step that it is to do. */
export interface StepCall {
  readonly contactId: ContactId
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  readonly run: number
  /** As the run's version defines it. */
  readonly step: StepDefinition & { readonly params: JsonObject }
  readonly facts: Facts
  /** 1 for the first. */
  readonly attempt: number
  /** 0 for the scheduled sending, 1, 2, … for resends. */
  readonly resend: number
  /** The same for every attempt at the same sending (STEP-4). */
  readonly idempotencyKey: string
  /** Aborts when the handler's time is over, or when the engine shuts down and has waited for it long enough. */
  readonly signal: AbortSignal
}

/** What a handler answers. */
export type StepOutcome =
  /**
   * `receipt`: an opaque id of the sending, at most 500 characters, recorded. No address or text (LOG-4). In this and in
   * `reason`, a number is recorded as text, and what is neither is left out.
   */
  | { readonly outcome: 'sent'; readonly receipt?: string }
  | { readonly outcome: 'skipped'; readonly reason: string }
  /**
   * `reason`: recorded; no personal data (LOG-4). `permanent`: no retry. `retryAfterMs`: not before that long from now.
   * `unknown`: it may have been sent all the same; a step with `onUnknown: "hold"` is then held, not retried (STEP-6).
   */
  | {
      readonly outcome: 'failed'
      readonly reason: string
      readonly permanent?: boolean
      readonly unknown?: boolean
      readonly retryAfterMs?: number
    }

/**
 * Does one step for one contact. Whatever it throws is a failure of this step alone (STEP-7), with an unknown outcome:
 * `onUnknown` says whether it is tried again or held (STEP-6).
 */
export type StepHandler = (call: StepCall) => Promise<StepOutcome> | StepOutcome

/** Time. `createSimulatedClock` of the testkit is another one. */
export interface Clock {
  now(): Instant
  /** Resolves after `ms` of this clock's time, or at once when the signal aborts. Left out: real time. */
  wait?(ms: number, signal: AbortSignal): Promise<void>
}
