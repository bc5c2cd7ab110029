/** The log on EventStoreDB or KurrentDB: promises of `EventStore` kept over streams, expectations and subscriptions. */
import { randomUUID } from 'node:crypto'
import {
  type Appended,
  type AppendResult,
  type Capabilities,
  type CaughtUp,
  type ContactId,
  chainHash,
  checkAppend,
  contactOf,
  contactStream,
  digestOf,
  EnfoldFault,
  type EventFilter,
  type EventStore,
  type ExpectedVersion,
  isLegalId,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { backOffMs, createCalls, pause } from './calls.ts'
import type { EventStoreDbClient } from './client.ts'
import { follow } from './follow.ts'
import { createStreamHeads, growingHead, type Head } from './stream-heads.ts'
import { copyOf, createStreamNames, proposedOf, recordedOf } from './wire-event.ts'

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

/** Events of one read of a stream. */
const PAGE = 1000
/** Of a stream of which nothing is known: it is taken to be empty until the server says otherwise. */
const EMPTY: Head = { version: 0, hash: null, versions: new Map() }
/** Ids that are kept of the streams used last: about 10 MB. */
const KNOWN_IDS = 50_000

/**
 * The log on a server or cluster that the host's client is connected to. Index and agenda are to be kept elsewhere.
 *
 * Where it falls short of `EventStore`: ids are looked for in the stream only, so that one that stands in another stream
 * is written again; and `appendMany` appends stream by stream, so that after a fault some of it may stand. The same call
 * again then answers `repeated` for those, as ever. `contacts` reads the log from where the page before ended: all
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
  const names = createStreamNames(prefix)
  const calls = createCalls({ client, credentials, callTimeoutMs, giveUpAfterMs, maxInFlight })
  const heads = createStreamHeads(KNOWN_IDS)
  /** The last append of each stream that is not done yet: an append waits for the one before. */
  const queues = new Map<StreamId, Promise<unknown>>()
  const working = new Set<Promise<unknown>>()
  const readers = new Set<AbortController>()
  let closed = false
  /** Where the last reading of campaigns began, and up to where it found nothing more. */
  let campaignsRead: { readonly after: Position; readonly nothingUpTo: Position } = { after: -1, nothingUpTo: -1 }

  function open(): void {
    if (closed) throw new EnfoldFault('CLOSED', 'The store was closed. Make a new one.')
  }

  /** Work that `close` waits for. */
  async function work<T>(deed: () => Promise<T>): Promise<T> {
    open()
    const done = deed()
    working.add(done)
    try {
      return await done
    } finally {
      working.delete(done)
    }
  }

  function inQueue<T>(stream: StreamId, deed: () => Promise<T>): Promise<T> {
    const done = (queues.get(stream) ?? Promise.resolve()).then(deed, deed)
    queues.set(stream, done)
    const leave = () => {
      if (queues.get(stream) === done) queues.delete(stream)
    }
    done.then(leave, leave)
    return done
  }

  // --- Appending --------------------------------------------------------------------------------------------------

  /** What stands in the stream now: what is known of it, and what came since. */
  async function lookedAt(stream: StreamId): Promise<Head> {
    const name = names.nameOf(stream)
    let head = growingHead(heads.get(stream))
    for (let isWhole = false; !isWhole; ) {
      const page = await calls.read(name, head.version, PAGE)
      if (page === 'missing') {
        heads.forget(stream)
        head = growingHead()
      } else head.add(page.map((event) => recordedOf(event, names)))
      isWhole = page === 'missing' || page.length < PAGE
    }
    heads.offer(stream, head)
    return head
  }

  /** The events with these ids, as they were recorded; fewer, if what was known of the stream is no longer so. */
  async function recorded(stream: StreamId, versions: readonly Version[]): Promise<RecordedEvent[]> {
    const first = Math.min(...versions)
    const wanted = new Set(versions)
    const found = new Map<Version, RecordedEvent>()
    for (let next = first; found.size < wanted.size; ) {
      const page = await calls.read(names.nameOf(stream), next - 1, PAGE)
      if (page === 'missing' || page.length === 0) break
      for (const event of page.map((one) => recordedOf(one, names)))
        if (wanted.has(event.version)) found.set(event.version, event)
      next = Number(page.at(-1)?.revision) + 2
    }
    return versions.flatMap((version) => found.get(version) ?? [])
  }

  async function append(
    stream: StreamId,
    events: readonly NewEvent[],
    expected: ExpectedVersion,
  ): Promise<AppendResult> {
    const name = names.nameOf(stream)
    const wanted = expected === 'no-stream' ? 0 : expected
    // Of this append alone. With the events' own ids the server would answer success for what another process wrote under
    // the same ids, other data or not; so it refuses, and a look into the stream tells a repeat from a conflict.
    const wireIds = events.map(() => randomUUID())
    const giveUpAt = performance.now() + giveUpAfterMs
    let head = heads.get(stream)
    let isFresh = false
    for (let round = 0; ; round++) {
      // A stream that is not to be there is not looked for: the server finds it, and then it is.
      if (head === undefined && wanted !== 0) {
        head = await lookedAt(stream)
        isFresh = true
      }
      const { version, versions } = head ?? EMPTY
      const before = events.flatMap(({ id }) => versions.get(id) ?? [])
      if (before.length > 0) {
        if (before.length < events.length) throw idReused(events.find(({ id }) => versions.has(id)) as NewEvent, stream)
        const found = await recorded(stream, before)
        if (found.length === events.length && found.every(({ id }, i) => id === events[i]?.id))
          return appended(found, true)
        // Somebody deleted from the stream since.
        heads.forget(stream)
        head = undefined
      } else if (wanted !== version) {
        if (isFresh) return { outcome: 'conflict', actual: version }
      } else {
        const result = await write(stream, events, wireIds, head ?? EMPTY)
        if (result !== null) return result
      }
      if (performance.now() > giveUpAt)
        throw new EnfoldFault(
          'CONTENTION',
          `Other writers were first at every one of ${round + 1} attempts to append to ${name}. Try again.`,
          { stream },
        )
      if (round > 0) await pause(backOffMs(round - 1))
      head = await lookedAt(stream)
      isFresh = true
    }
  }

  /** `null`: the stream has another version by now, and nothing was written. */
  async function write(
    stream: StreamId,
    events: readonly NewEvent[],
    wireIds: readonly string[],
    head: Head,
  ): Promise<Appended | null> {
    let hash = hashChain ? head.hash : null
    const chained = events.map((event, i) => {
      if (hashChain) hash = chainHash(hash, digestOf({ ...event, stream }))
      return { event, hash, proposed: proposedOf(event, hash, wireIds[i] as string) }
    })
    try {
      const written = await calls.append(
        names.nameOf(stream),
        chained.map(({ proposed }) => proposed),
        head.version - 1,
      )
      if (written === 'refused') return null
      const first = written.revision + 2 - events.length
      const places = chained.map(({ event, hash }, i) => ({
        ...event,
        stream,
        version: first + i,
        ...(hash === null ? {} : { hash }),
      }))
      // Where a stream was deleted, the versions go on behind what is gone.
      const grown = growingHead(first === head.version + 1 && head !== EMPTY ? head : undefined)
      grown.add(places)
      heads.offer(stream, grown)
      // The server tells where the last one stands; where the others do, only a look at them.
      const { position } = written
      const [only] = places
      if (places.length === 1 && position !== null) return appended([{ ...only, position } as RecordedEvent], false)
      const versions = places.map(({ version }) => version)
      const found = await recorded(stream, versions)
      if (found.length === places.length) return appended(found, false)
      throw new EnfoldFault(
        'STORE_CORRUPT',
        `Events that were just appended to ${names.nameOf(stream)} are not there. Set no $maxCount, $maxAge or $tb on these streams.`,
        { stream },
      )
    } catch (error) {
      // It may have been written: what is known of the stream is known no longer.
      heads.forget(stream)
      throw error
    }
  }

  async function appendMany(given: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    const all = given.map(({ stream, events, expected }, i) => {
      names.nameOf(stream)
      return {
        stream,
        expected: checkedExpectation(expected),
        events: copiesOf(stream, events, `appends[${i}].events`),
      }
    })
    // Reused ids are looked for in all streams before the first is written, so that then nothing is.
    await Promise.all(
      [...new Set(all.map(({ stream }) => stream))].map(async (stream) => {
        if (heads.get(stream) === undefined) await lookedAt(stream)
      }),
    )
    const claimed = new Map<string, StreamId>()
    for (const { stream, events } of all) {
      const versions = heads.get(stream)?.versions
      const owners = events.map(({ id }) => (versions?.has(id) ? stream : claimed.get(id)))
      if (owners.every((owner) => owner === stream)) continue
      for (const [i, event] of events.entries()) {
        if (owners[i] !== undefined || claimed.has(event.id)) throw idReused(event, owners[i] ?? stream)
        claimed.set(event.id, stream)
      }
    }
    const outcomes = await Promise.allSettled(
      all.map(({ stream, events, expected }) => inQueue(stream, () => append(stream, events, expected))),
    )
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }

  // --- Reading ----------------------------------------------------------------------------------------------------

  async function* pagesOf(stream: StreamId, from: Version): AsyncGenerator<readonly RecordedEvent[]> {
    const name = names.nameOf(stream)
    const head = growingHead()
    for (let next = from - 1; ; ) {
      const page = await calls.read(name, next, PAGE)
      const events = page === 'missing' ? [] : page.map((event) => recordedOf(event, names))
      if (page === 'missing') heads.forget(stream)
      if (from === 1) {
        head.add(events)
        heads.offer(stream, head)
      }
      if (events.length > 0) yield events
      if (events.length < PAGE) return
      next = (events.at(-1) as RecordedEvent).version
    }
  }

  async function wholeStream(stream: StreamId): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = []
    for await (const page of pagesOf(stream, 1)) events.push(...page)
    return events
  }

  const bothKinds = [names.contacts, names.campaigns]
  const followed = (after: Position, signal: AbortSignal, prefixes: readonly string[], patienceMs: number) =>
    follow(after, signal, { client, prefixes, credentials, callTimeoutMs, giveUpAfterMs: patienceMs })

  /** Up to what is recorded when it gets there. */
  async function* behind(after: Position, prefixes: readonly string[], signal: AbortSignal) {
    for await (const event of followed(after, signal, prefixes, giveUpAfterMs)) {
      if (event === null) return
      yield recordedOf(event, names)
    }
  }

  /**
   * Campaigns alone are asked for often, and from the same position each time while nobody publishes. So that the server
   * need not search the whole log again, it is remembered up to where there was nothing.
   */
  async function* campaignsBehind(after: Position, signal: AbortSignal) {
    const from = campaignsRead.after === after ? Math.max(after, campaignsRead.nothingUpTo) : after
    const end = await calls.end()
    let last = after
    for await (const event of behind(from, [names.campaigns], signal)) {
      last = event.position
      yield event
    }
    if (!signal.aborted) campaignsRead = { after: last, nothingUpTo: Math.max(last, end) }
  }

  /** Ends with the reader, and when the store is closed. */
  async function* reading<T>(read: (signal: AbortSignal) => AsyncIterable<T>, outer?: AbortSignal): AsyncGenerator<T> {
    open()
    if (outer?.aborted) return
    const reader = new AbortController()
    const stop = () => reader.abort()
    readers.add(reader)
    outer?.addEventListener('abort', stop)
    try {
      for await (const item of read(reader.signal)) {
        yield item
        if (outer?.aborted) return
        open()
      }
      if (!outer?.aborted) open()
    } finally {
      readers.delete(reader)
      outer?.removeEventListener('abort', stop)
      reader.abort()
    }
  }

  async function contacts(after: ContactId | null, limit: number): Promise<readonly ContactId[]> {
    if (!(Number.isInteger(limit) && limit >= 1))
      throw EnfoldFault.invalidInput('limit', limit, 'a whole number from 1')
    // In the order of their first events.
    let from = 0
    if (after !== null) {
      if (!isLegalId(after)) throw EnfoldFault.invalidInput('after', after, 'null, or a contact that has a stream')
      const page = await calls.read(names.nameOf(contactStream(after)), 0, 1)
      const [first] = page === 'missing' ? [] : page
      if (first === undefined) throw EnfoldFault.invalidInput('after', after, 'null, or a contact that has a stream')
      from = recordedOf(first, names).position
    }
    const found: ContactId[] = []
    for await (const { stream, version } of behind(from, [names.contacts], new AbortController().signal)) {
      if (version === 1) found.push(contactOf(stream) as ContactId)
      if (found.length === limit) break
    }
    return found
  }

  return {
    capabilities: { projectsInAppend: false, hashChain },
    append: (stream, events, expected) =>
      work(async () => {
        names.nameOf(stream)
        const copies = copiesOf(stream, events, 'append.events')
        checkedExpectation(expected)
        return await inQueue(stream, () => append(stream, copies, expected))
      }),
    appendMany: (appends) => work(() => appendMany(appends)),
    readStream: (stream, from = 1) =>
      reading(async function* () {
        for await (const page of pagesOf(stream, Math.max(from, 1))) yield* page
      }),
    readMany: (streams) =>
      work(async () => {
        const unique = [...new Set(streams)]
        const found = await Promise.all(unique.map(async (stream) => [stream, await wholeStream(stream)] as const))
        return new Map(found)
      }),
    readAll: (after = 0, { streams } = {}) =>
      reading((signal) => {
        checkedPosition(after)
        if (streams === 'campaigns') return campaignsBehind(after, signal)
        return behind(after, streams === 'contacts' ? [names.contacts] : bothKinds, signal)
      }),
    subscribe: (after, signal, filter: EventFilter = {}) =>
      reading(async function* (stopped): AsyncGenerator<RecordedEvent | CaughtUp> {
        let position = checkedPosition(after)
        // Both kinds are asked for, whichever is wanted: so a reader of campaigns is carried past the contacts' events.
        for await (const stored of followed(after, stopped, bothKinds, Number.POSITIVE_INFINITY)) {
          if (stored === null) {
            yield { type: 'CaughtUp', position }
            continue
          }
          const event = recordedOf(stored, names)
          position = event.position
          const kind = contactOf(event.stream) === null ? 'campaigns' : 'contacts'
          if (filter.streams === undefined || filter.streams === kind) yield event
        }
      }, signal),
    contacts: (after, limit) => work(() => contacts(after, limit)),
    async close() {
      closed = true
      for (const reader of readers) reader.abort()
      await Promise.allSettled(working)
    },
  }
}

function appended(events: readonly RecordedEvent[], repeated: boolean): Appended {
  const { version, position } = events.at(-1) as RecordedEvent
  return { outcome: 'appended', version, position, events, repeated }
}

function idReused({ id }: NewEvent, stream: StreamId): EnfoldFault {
  const message = `The event id ${JSON.stringify(id)} stands in the log already, in other company. Nothing was written; use another command id.`
  return new EnfoldFault('EVENT_ID_REUSED', message, { id, stream })
}

function copiesOf(stream: StreamId, events: readonly NewEvent[], path: string): NewEvent[] {
  const ids = new Set<string>()
  const copies = events.map((event, i) => {
    const copy = copyOf(event, `${path}[${i}]`)
    if (ids.has(copy.id)) throw idReused(copy, '')
    ids.add(copy.id)
    return copy
  })
  checkAppend({ stream, events: copies })
  return copies
}

function checkedExpectation(expected: ExpectedVersion): ExpectedVersion {
  if (expected === 'no-stream') return expected
  if (Number.isSafeInteger(expected) && expected >= 0) return expected
  throw EnfoldFault.invalidInput('expected', expected, '"no-stream", or a version from 0')
}

function checkedPosition(after: Position): Position {
  if (Number.isSafeInteger(after) && after >= 0) return after
  throw EnfoldFault.invalidInput('after', after, 'a position from 0')
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
