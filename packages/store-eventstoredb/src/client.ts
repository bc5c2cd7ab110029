/**
 * What the store wants of a client, in words of our own: `EventStoreDBClient` of `@eventstore/db-client` and
 * `KurrentDBClient` of `@kurrent/kurrentdb-client` both have it. Nothing here or elsewhere imports either at run time.
 */

/** The host's client. It stays the host's: the store neither configures nor disposes of it. */
export interface EventStoreDbClient {
  appendToStream(stream: string, events: object, options: object): Promise<object>
  readStream(stream: string, options: object): object
  readAll(options: object): object
  subscribeToAll(options: object): object
}

/** What goes out. Both clients make JSON of the data; metadata that are bytes already they pass on as they are. */
export interface ProposedEvent {
  readonly id: string
  readonly type: string
  readonly contentType: 'application/json'
  readonly data: unknown
  /** Of this class itself: the clients do not know a `Buffer` for bytes. */
  readonly metadata: Uint8Array
}

/** What comes back. `data` and `metadata` are whatever the JSON says, or bytes or text where it is none. */
export interface StoredEvent {
  readonly streamId: string
  readonly revision: bigint
  readonly type: string
  readonly data: unknown
  readonly metadata: unknown
  readonly position?: { readonly commit: bigint; readonly prepare: bigint } | undefined
}

/** The result of an append. `position` is missing if a server does not say. */
export interface AppendAnswer {
  readonly success: boolean
  readonly nextExpectedRevision: bigint
  readonly position?: { readonly commit: bigint } | undefined
}

export interface Resolved {
  readonly event?: StoredEvent | undefined
}

/** A read of `@eventstore/db-client` is a stream of Node; one of `@kurrent/kurrentdb-client` is a generator. */
export type Reading = NodeReading | AsyncIterable<Resolved>

export interface NodeReading {
  on(event: 'data', heard: (item: Resolved) => void): unknown
  on(event: 'end' | 'close', heard: () => void): unknown
  on(event: 'error', heard: (error: unknown) => void): unknown
  cancel(): Promise<void>
}

/** A subscription is a stream of Node in both. */
export interface Subscription {
  on(event: 'data', heard: (item: Resolved) => void): unknown
  on(event: 'end' | 'close' | 'caughtUp', heard: () => void): unknown
  on(event: 'error', heard: (error: unknown) => void): unknown
  pause(): unknown
  resume(): unknown
  readonly readableLength: number
  unsubscribe(): Promise<void>
}
