/** The log on EventStoreDB or KurrentDB: promises of `EventStore` kept over streams, expectations and subscriptions. */
import { type Capabilities, EnfoldFault, type EventStore, type StreamId } from '@enfold/core'
import { checkedLimit, createOpenWork, type OpenWork } from '@enfold/core/store'
import { append, appendMany, preparedAppend } from './append.ts'
import { createCalls } from './calls.ts'
import type { EventStoreDbClient } from './client.ts'
import { contactsAfter, followLog, type LogReading, pagesOf, readLog, wholeStream } from './read.ts'
import { createSerialize } from './serialize.ts'
import { createStreamHeads } from './stream-heads.ts'
import { createStreamNames } from './wire-event.ts'

export interface EventStoreDbStoreOptions {
  /** `EventStoreDBClient` of `@eventstore/db-client`, or `KurrentDBClient` of `@kurrent/kurrentdb-client`. */
  readonly client: EventStoreDbClient
  /** Of all streams: 1 to 100 of A-Z, a-z, 0-9, ".", "_", "-". Default "enfold-". */
  readonly prefix?: string
  /** Default true: each event gets a hash over its predecessor's and its own digest. */
  readonly hashChain?: boolean
  /** The user of the connection. Needed over TLS, where the plain path of appends wants it; not sent without TLS. */
  readonly credentials?: { readonly username: string; readonly password: string }
  /** How long a call may be silent, in milliseconds. Default 5,000. */
  readonly callTimeoutMs?: number
  /** How long a call is tried again before it throws `STORE_UNAVAILABLE`, in milliseconds. Default 15,000. */
  readonly giveUpAfterMs?: number
  /** How many calls may be under way at once. Default 64. */
  readonly maxInFlight?: number
}

/** Ids that are kept of the streams used last: about 10 MB. */
const KNOWN_IDS = 50_000

/**
 * The log on a server or cluster that the host's client is connected to. Index and agenda are to be kept elsewhere.
 *
 * Where it falls short of `EventStore`: ids are looked for in the stream only, so that one that stands in another stream
 * is written again; and `appendMany` appends stream by stream, so that after a fault some of it may stand. The same call
 * again then returns `repeated` for those, as always. `contacts` reads the log from where the page before ended: all
 * pages together cost one reading of all contacts' events.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be
 * @example
 * const client = EventStoreDBClient.connectionString('esdb://localhost:2113?tls=false')
 * const store = createEventStoreDbStore({ client })
 */
export function createEventStoreDbStore(
  options: EventStoreDbStoreOptions,
): EventStore & { readonly capabilities: Capabilities } {
  const { client, prefix, hashChain, callTimeoutMs, giveUpAfterMs, maxInFlight } = checked(options)
  const { credentials } = options
  const heads = createStreamHeads(KNOWN_IDS)
  const calls = createCalls({ client, credentials, callTimeoutMs, giveUpAfterMs, maxInFlight })
  const log: LogReading = {
    names: createStreamNames(prefix),
    calls,
    heads,
    ends: createStreamHeads(KNOWN_IDS),
    hashChain,
    giveUpAfterMs,
    following: { client, credentials, callTimeoutMs },
    campaignsRead: { after: -1, nothingUpTo: -1 },
  }
  const exclusively = createSerialize<StreamId>()
  const open = createOpenWork('EventStoreDB')
  const readers = createReaders(open)
  return {
    capabilities: { projectsInAppend: false, hashChain },
    append: (stream, events, expected) =>
      open.run(async () => {
        const prepared = preparedAppend(log, { stream, events, expected }, 'append.events')
        return await exclusively(stream, () => append(log, prepared))
      }),
    appendMany: (appends) => open.run(() => appendMany(log, exclusively, appends)),
    readStream: (stream, from = 1) => readers.read(() => pagesOf(log, stream, Math.max(from, 1))),
    readMany: (streams) =>
      open.run(async () => {
        const unique = [...new Set(streams)]
        const found = await Promise.all(unique.map(async (stream) => [stream, await wholeStream(log, stream)] as const))
        return new Map(found)
      }),
    readAll: (after = 0, filter = {}) => readers.read((signal) => readLog(log, after, filter, signal)),
    subscribe: (after, signal, filter = {}) =>
      readers.read((stopped) => followLog(log, after, filter, stopped), signal),
    contacts: (after, limit) => open.run(() => contactsAfter(log, after, checkedLimit(limit))),
    async close() {
      const closed = open.close()
      readers.stop()
      await closed
    },
  }
}

interface Readers {
  /** One by one. Ends with its consumer, when the outer signal aborts, and with `CLOSED` when the store is closed. */
  read<T>(read: (signal: AbortSignal) => AsyncIterable<readonly T[]>, outer?: AbortSignal): AsyncGenerator<T>
  /** Ends all of them. */
  stop(): void
}

/** A reason of its own: without one, each read makes an error with its stack, which nobody sees. */
const OVER = Symbol('over')

function createReaders({ refuseIfClosed }: OpenWork): Readers {
  const readers = new Set<AbortController>()
  return {
    async *read(read, outer) {
      refuseIfClosed()
      if (outer?.aborted) return
      const reader = new AbortController()
      const stop = () => reader.abort()
      readers.add(reader)
      outer?.addEventListener('abort', stop)
      try {
        for await (const items of read(reader.signal))
          for (const item of items) {
            yield item
            if (outer?.aborted) return
            refuseIfClosed()
          }
        if (!outer?.aborted) refuseIfClosed()
      } finally {
        readers.delete(reader)
        outer?.removeEventListener('abort', stop)
        reader.abort(OVER)
      }
    },
    stop() {
      for (const reader of readers) reader.abort()
    },
  }
}

function checked(options: EventStoreDbStoreOptions) {
  const { client, credentials } = options
  const where = 'createEventStoreDbStore'
  const { prefix = 'enfold-', hashChain = true } = options
  const { callTimeoutMs = 5000, giveUpAfterMs = 15_000, maxInFlight = 64 } = options
  for (const method of ['appendToStream', 'readStream', 'readAll', 'subscribeToAll'] as const)
    if (typeof client?.[method] !== 'function')
      throw EnfoldFault.invalidInput(`${where}.client`, client, `a client of EventStoreDB or KurrentDB, with ${method}`)
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9._-]{1,100}$/.test(prefix))
    throw EnfoldFault.invalidInput(`${where}.prefix`, prefix, '1 to 100 of A-Z, a-z, 0-9, ".", "_", "-"')
  if (typeof hashChain !== 'boolean') throw EnfoldFault.invalidInput(`${where}.hashChain`, hashChain, 'true or false')
  if (credentials !== undefined)
    for (const name of ['username', 'password'] as const)
      if (typeof credentials?.[name] !== 'string')
        throw EnfoldFault.invalidInput(`${where}.credentials.${name}`, typeof credentials?.[name], 'a text')
  for (const [name, number] of Object.entries({ callTimeoutMs, giveUpAfterMs, maxInFlight }))
    if (!(Number.isSafeInteger(number) && number >= 1))
      throw EnfoldFault.invalidInput(`${where}.${name}`, number, 'a whole number from 1')
  return { client, prefix, hashChain, callTimeoutMs, giveUpAfterMs, maxInFlight }
}
