/** The events table: appends with their expected version and their repeats, and reads in pages. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import {
  type Appended,
  type AppendResult,
  type ContactId,
  chainHash,
  checkAppend,
  contactOf,
  digestOf,
  EnfoldFault,
  type EventFilter,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { LIMIT } from './database.ts'
import { fromText, toText } from './id-text.ts'

/** Some events in order, and what to ask for next. */
export interface Batch {
  readonly events: readonly RecordedEvent[]
  readonly isLast: boolean
  /** How many events the next batch should have. */
  readonly nextSize: number
}

/** Of the first batch, when nothing is known of the size of the events. */
export const FIRST_SIZE = 100

export interface EventLog {
  /** Within a transaction that ends if this throws. `onWritten` is called for what was written now, not for repeats. */
  append(append: StreamAppend, onWritten: (append: StreamAppend, version: Version) => void): AppendResult
  stream(stream: StreamId, from: Version, size: number): Batch
  wholeStream(stream: StreamId): RecordedEvent[]
  all(after: Position, size: number, filter?: EventFilter): Batch
  version(stream: StreamId): Version
  /** The position of the last event; 0 if there is none. */
  head(): Position
  contacts(after: ContactId | null, limit: number): ContactId[]
}

interface Row {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly body: string
  readonly hash: Uint8Array | null
}

const COLUMNS = 'position, stream, version, id, body, hash'

/** @param hashChain whether events get a hash, over the one before in their stream */
export function createEventLog(connection: DatabaseSync, hashChain: boolean): EventLog {
  const insert = connection.prepare(
    'INSERT INTO events (stream, version, id, body, hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
  )
  const headOf = connection.prepare('SELECT version, hash FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1')
  const byId = connection.prepare(`SELECT ${COLUMNS} FROM events WHERE id = ?`)
  const ofStream = connection.prepare(
    `SELECT ${COLUMNS} FROM events WHERE stream = ? AND version >= ? ORDER BY version ${LIMIT}`,
  )
  const everything = connection.prepare(`SELECT ${COLUMNS} FROM events WHERE position > ? ORDER BY position ${LIMIT}`)
  // The plus keeps the index of streams out of it, by which all of them would be found and then sorted.
  const ofContacts = connection.prepare(
    `SELECT ${COLUMNS} FROM events WHERE position > ? AND +stream >= 'contact-' AND +stream < 'contact.'
     ORDER BY position ${LIMIT}`,
  )
  const ofCampaigns = connection.prepare(
    `SELECT ${COLUMNS} FROM events INDEXED BY events_of_campaigns
     WHERE position > ? AND stream >= 'campaign-' AND stream < 'campaign.' ORDER BY position ${LIMIT}`,
  )
  const head = connection.prepare('SELECT max(position) AS position FROM events')
  // From stream to stream by the unique index, without reading the events between.
  const contactStreams = connection.prepare(`
    WITH RECURSIVE one (stream) AS (
      SELECT min(stream) FROM events WHERE stream > 'contact-' || ? AND stream < 'contact.'
      UNION ALL
      SELECT (SELECT min(stream) FROM events WHERE stream > one.stream AND stream < 'contact.') FROM one
      WHERE one.stream IS NOT NULL
    )
    SELECT stream FROM one WHERE stream IS NOT NULL ${LIMIT}`)

  function version(stream: StreamId): Version {
    return (headOf.get(toText(stream)) as Row | undefined)?.version ?? 0
  }

  function append(one: StreamAppend, onWritten: (append: StreamAppend, version: Version) => void): AppendResult {
    const { stream, events, expected, requires = [] } = one
    checkAppend(one)
    const text = toText(stream)
    const last = headOf.get(text) as Row | undefined
    const actual = last?.version ?? 0
    // Where the expectation holds, as it mostly does, nobody looks for the ids: the unique index does.
    if (actual !== (expected === 'no-stream' ? 0 : expected)) return repeated(one) ?? { outcome: 'conflict', actual }
    if (requires.some((required) => version(required.stream) !== required.version))
      return repeated(one) ?? { outcome: 'conflict', actual, outdated: true }
    const written: RecordedEvent[] = []
    let previous = last?.hash ? hexOf(last.hash) : null
    for (const event of events) {
      // A hash that comes along is that of another log, from which the event is imported.
      const { id, hash: _, ...body } = event as NewEvent & { readonly hash?: string }
      const version = actual + written.length + 1
      const hash = hashChain ? chainHash(previous, digestOf({ ...event, stream })) : null
      const bytes = hash === null ? null : Buffer.from(hash, 'hex')
      const { changes, lastInsertRowid } = insert.run(text, version, toText(id), JSON.stringify(body), bytes)
      if (changes === 0) {
        // The first one stands there already: perhaps all do. After the first it is too late for that.
        const before = written.length === 0 ? repeated(one) : null
        if (before === null) throw idReused(id, stream)
        return before
      }
      const place = { stream, version, position: Number(lastInsertRowid) }
      written.push({ ...body, id, ...place, ...(hash === null ? {} : { hash }) } as RecordedEvent)
      previous = hash
    }
    onWritten(one, actual + written.length)
    return appended(written, false)
  }

  /** What was recorded under these ids before; `null` if none was. */
  function repeated({ stream, events }: StreamAppend): Appended | null {
    const before = events.map(({ id }) => byId.get(toText(id)) as Row | undefined).map((row) => row && eventOf(row))
    if (before.every((event) => event === undefined)) return null
    const taken = before.find((event) => event !== undefined) as RecordedEvent
    if (!before.every((event) => event?.stream === stream)) throw idReused(taken.id, taken.stream)
    return appended(before as RecordedEvent[], true)
  }

  return {
    append,
    version,
    stream: (stream, from, size) => batchOf(ofStream.all(toText(stream), from, size), size),
    wholeStream: (stream) => (ofStream.all(toText(stream), 1, -1) as unknown as Row[]).map(eventOf),
    all(after, size, { streams } = {}) {
      const statement = streams === 'campaigns' ? ofCampaigns : streams === 'contacts' ? ofContacts : everything
      return batchOf(statement.all(after, size), size)
    },
    head: () => (head.get() as { position: number | null }).position ?? 0,
    contacts(after, limit) {
      const rows = contactStreams.all(toText(after ?? ''), limit) as { stream: string }[]
      return rows.map(({ stream }) => contactOf(fromText(stream)) as ContactId)
    },
  }
}

function idReused(id: string, stream: StreamId): EnfoldFault {
  const message = `The event id ${JSON.stringify(id)} stands in the log already, in other company. Nothing was written; use another command id.`
  return new EnfoldFault('EVENT_ID_REUSED', message, { id, stream })
}

function appended(events: readonly RecordedEvent[], repeated: boolean): Appended {
  const { version, position } = events.at(-1) as RecordedEvent
  return { outcome: 'appended', version, position, events, repeated }
}

function eventOf({ position, stream, version, id, body, hash }: Row): RecordedEvent {
  const event = JSON.parse(body) as NewEvent
  const place = { id: fromText(id), stream: fromText(stream), version, position }
  return { ...event, ...place, ...(hash === null ? {} : { hash: hexOf(hash) }) } as RecordedEvent
}

function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex')
}

/** About four million characters at once, to judge by the last batch, lest great events fill the memory. */
function batchOf(found: readonly Record<string, SQLInputValue>[], size: number): Batch {
  const rows = found as unknown as readonly Row[]
  const characters = rows.reduce((sum, { body }) => sum + body.length, 1)
  const nextSize = Math.max(1, Math.min(1000, Math.floor((4_000_000 * rows.length) / characters)))
  return { events: rows.map(eventOf), isLast: rows.length < size, nextSize }
}
