/** The events table: appends with their expected version and their repeats, and reads in pages. */
import type { DatabaseSync } from 'node:sqlite'
import {
  type Appended,
  type AppendResult,
  type ContactId,
  campaignOf,
  contactOf,
  type EventStore,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StoredState,
  type StreamAppend,
  type StreamId,
  type Tail,
  type TailAsked,
  type Version,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import {
  appendedOf,
  type EventPage,
  idReused,
  type LogPages,
  nextSizeOf,
  type Synchronous,
  versionExpected,
} from '@enfold/core/store'
import { type Database, LIMIT } from './database.ts'
import { createHeads, type Head, type Heads } from './heads.ts'
import { escapeNul, unescapeNul } from './id-text.ts'
import { rowsOf } from './rows.ts'

export interface EventLog extends Synchronous<LogPages & Pick<EventStore, 'readMany' | 'contacts'>> {
  /** Within a transaction that ends if this throws. `onWritten` is called for what was written now, not for repeats. */
  append(append: StreamAppend, onWritten: (append: StreamAppend, version: Version) => void): AppendResult
  version(stream: StreamId): Version
  /** In one statement where no state is stored, as of a short contact, which then needs no transaction. */
  readTail(asked: TailAsked, stateOf: (contactId: ContactId) => StoredState | null): TailRead
  /** The position of the last event; 0 if there is none. */
  head(): Position
}

export interface TailRead {
  readonly tail: Tail
  /** False: the state may be of another instant than the events, unless both were read in one transaction. */
  readonly fits: boolean
}

interface Place {
  readonly position: Position
  readonly version: Version
}

/** The hash in hexadecimal; "": it has none. As bytes each would cost a buffer of its own, as much as the event. */
type Row = readonly [position: Position, version: Version, id: string, body: string, hash: string]
type RowOfStream = readonly [...Row, stream: string]
/** With the version of the state that is stored; `null`: none is. */
type RowOfTail = readonly [...Row, kept: Version | null]

const HASH = 'lower(hex(hash)) AS hash'
const OF_STREAM = `position, version, id, body, ${HASH}`
const COLUMNS = `${OF_STREAM}, stream`
const STATE_VERSION = 'SELECT version FROM states WHERE contact = ?'

type Statements = ReturnType<typeof statementsOn>

function statementsOn(connection: DatabaseSync) {
  return {
    insert: connection.prepare(
      'INSERT INTO events (stream, version, id, body, hash) VALUES (?, ?, ?, ?, unhex(?)) ON CONFLICT (stream, id) DO NOTHING',
    ),
    headOf: connection.prepare(`SELECT version, ${HASH} FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1`),
    placeOf: connection.prepare('SELECT position, version FROM events WHERE stream = ? AND id = ?'),
    ofStream: rowsOf<RowOfStream>(
      connection,
      `SELECT ${COLUMNS} FROM events WHERE stream = ? AND version >= ? ORDER BY version ${LIMIT}`,
    ),
    wholeStream: rowsOf<Row>(connection, `SELECT ${OF_STREAM} FROM events WHERE stream = ? ORDER BY version`),
    // Joined with the state's row, the events would be sorted once more.
    tail: rowsOf<RowOfTail>(
      connection,
      `SELECT ${OF_STREAM}, (${STATE_VERSION}) FROM events
       WHERE stream = ? AND version >= coalesce((${STATE_VERSION}), 1) ORDER BY version`,
    ),
    everything: rowsOf<RowOfStream>(
      connection,
      `SELECT ${COLUMNS} FROM events WHERE position > ? ORDER BY position ${LIMIT}`,
    ),
    // The plus keeps the index of streams out of it, by which all of them would be found and then sorted.
    ofContacts: rowsOf<RowOfStream>(
      connection,
      `SELECT ${COLUMNS} FROM events WHERE position > ? AND +stream >= 'contact-' AND +stream < 'contact.'
       ORDER BY position ${LIMIT}`,
    ),
    ofCampaigns: rowsOf<RowOfStream>(
      connection,
      `SELECT ${COLUMNS} FROM events INDEXED BY events_of_campaigns
       WHERE position > ? AND stream >= 'campaign-' AND stream < 'campaign.' ORDER BY position ${LIMIT}`,
    ),
    head: connection.prepare('SELECT max(position) AS position FROM events'),
    // From stream to stream by the unique index, without reading the events between.
    contactStreams: connection.prepare(`
      WITH RECURSIVE one (stream) AS (
        SELECT min(stream) FROM events WHERE stream > 'contact-' || ? AND stream < 'contact.'
        UNION ALL
        SELECT (SELECT min(stream) FROM events WHERE stream > one.stream AND stream < 'contact.') FROM one
        WHERE one.stream IS NOT NULL
      )
      SELECT stream FROM one WHERE stream IS NOT NULL ${LIMIT}`),
  }
}

/** What an append works with. */
interface Log {
  readonly on: Statements
  readonly heads: Heads
  readonly hashChain: boolean
  /** Where the log ends; `null`: not known. */
  ends: Ends | null
}

/** In memory, because every command asks for what is new of campaigns, and there is hardly ever anything. */
interface Ends {
  /** The position of the last event. */
  readonly head: Position
  /** No event of a campaign comes after this position. */
  readonly campaigns: Position
}

/** @param hashChain whether events get a hash, over the one before in their stream */
export function createEventLog(
  { connection, remember }: Pick<Database, 'connection' | 'remember'>,
  hashChain: boolean,
): EventLog {
  const on = statementsOn(connection)
  const heads = createHeads((stream) => on.headOf.get(stream) as Head | undefined)
  const log: Log = { on, heads, hashChain, ends: null }
  remember(() => {
    heads.forget()
    log.ends = null
  })
  /** What a stream ends with is mostly read because something is to be appended. */
  const endsWith = (text: string, rows: readonly (Row | RowOfTail)[]) => {
    const last = rows.at(-1)
    heads.set(text, last === undefined ? undefined : { version: last[1], hash: last[4] })
  }
  const whole = (stream: StreamId): readonly RecordedEvent[] => {
    const text = escapeNul(stream)
    const rows = on.wholeStream(text)
    endsWith(text, rows)
    return rows.map((row) => eventOf(row, stream))
  }
  return {
    append: (one, onWritten) => append(log, one, onWritten),
    version: (stream) => heads.of(escapeNul(stream)).version,
    streamPage: (stream, from, size) => pageOf(on.ofStream(escapeNul(stream), from, size), size),
    readMany: (streams) => new Map(streams.map((stream) => [stream, whole(stream)])),
    logPage(after, size, { streams } = {}) {
      if (streams === 'campaigns') return campaignPage(log, after, size)
      const statement = streams === 'contacts' ? on.ofContacts : on.everything
      return { head: headOf(on), ...pageOf(statement(after, size), size) }
    },
    readTail({ stream, ids }, stateOf) {
      const text = escapeNul(stream)
      const contactId = contactOf(stream) ?? ''
      const contact = escapeNul(contactId)
      const rows = on.tail(contact, text, contact)
      const kept = rows[0]?.[5]
      // Of no stream, or of one that is shorter than its state says, no row tells whether a state is there.
      const stored = kept === null ? null : stateOf(contactId)
      const fits = (kept ?? null) === (stored?.version ?? null)
      if (fits) endsWith(text, rows)
      // Without a state these are all events: nobody need look for the ids by themselves.
      const isRecorded =
        stored === null
          ? rows.some(([, , id]) => ids.includes(unescapeNul(id)))
          : ids.some((id) => on.placeOf.get(text, escapeNul(id)) !== undefined)
      return { tail: { stored, isRecorded, events: rows.map((row) => eventOf(row, stream)) }, fits }
    },
    head: () => headOf(on),
    contacts(after, limit) {
      const rows = on.contactStreams.all(escapeNul(after ?? ''), limit) as { stream: string }[]
      return rows.map(({ stream }) => contactOf(unescapeNul(stream)) as ContactId)
    },
  }
}

function headOf(on: Statements): Position {
  return (on.head.get() as { position: number | null }).position ?? 0
}

/** Events of campaigns. Within `readTogether`. */
function campaignPage(log: Log, after: Position, size: number): EventPage & { readonly head: Position } {
  const { on, ends } = log
  if (ends !== null && after >= ends.campaigns) return { head: ends.head, ...pageOf([], size) }
  const page = pageOf(on.ofCampaigns(after, size), size)
  const head = headOf(on)
  if (page.isLast) log.ends = { head, campaigns: page.events.at(-1)?.position ?? after }
  return { head, ...page }
}

function append(
  log: Log,
  one: StreamAppend,
  onWritten: (append: StreamAppend, version: Version) => void,
): AppendResult {
  const { on, heads, hashChain } = log
  const { stream, events, expected, requires = [] } = one
  const text = escapeNul(stream)
  const head = heads.of(text)
  const actual = head.version
  // Where the expectation holds, as it mostly does, nobody looks for the ids: the unique index does.
  if (actual !== versionExpected(expected)) return repeated(on, one) ?? { outcome: 'conflict', actual }
  if (requires.some((required) => heads.of(escapeNul(required.stream)).version !== required.version))
    return repeated(on, one) ?? { outcome: 'conflict', actual, outdated: true }
  let [version, position, previous] = [actual, 0, head.hash]
  for (const event of events) {
    // A hash that comes along is that of another log, from which the event is imported.
    const { id, hash: _, ...body } = event as NewEvent & { readonly hash?: string }
    const hash = hashChain ? chainHash(previous === '' ? null : previous, digestOf({ ...event, stream })) : ''
    const { changes, lastInsertRowid } = on.insert.run(
      text,
      version + 1,
      escapeNul(id),
      JSON.stringify(body),
      hash || null,
    )
    if (changes === 0) {
      // The first one stands there already: perhaps all do. After the first it is too late for that.
      const before = version === actual ? repeated(on, one) : null
      if (before === null) throw idReused(id, stream)
      return before
    }
    version += 1
    position = Number(lastInsertRowid)
    previous = hash
  }
  heads.set(text, { version, hash: previous })
  if (log.ends !== null)
    log.ends = { head: position, campaigns: campaignOf(stream) !== null ? position : log.ends.campaigns }
  onWritten(one, version)
  return appendedOf({ version, position }, false)
}

/** Where these ids were recorded before; `null` if none was. */
function repeated(on: Statements, { stream, events }: StreamAppend): Appended | null {
  const text = escapeNul(stream)
  const before = events.map(({ id }) => on.placeOf.get(text, escapeNul(id)) as Place | undefined)
  const taken = before.findIndex((place) => place !== undefined)
  if (taken < 0) return null
  if (before.includes(undefined)) throw idReused((events[taken] as NewEvent).id, stream)
  return appendedOf(before.at(-1) as Place, true)
}

type PlaceFields = { -readonly [Key in 'id' | 'stream' | 'version' | 'position' | 'hash']?: RecordedEvent[Key] }

/** What was parsed is nobody else's yet: a copy with its place would take a tenth more. */
function eventOf([position, version, id, body, hash]: Row | RowOfStream | RowOfTail, stream: StreamId): RecordedEvent {
  const event = JSON.parse(body) as Omit<NewEvent, 'id'> & PlaceFields
  event.id = unescapeNul(id)
  event.stream = stream
  event.version = version
  event.position = position
  if (hash !== '') event.hash = hash
  return event as RecordedEvent
}

function pageOf(rows: readonly RowOfStream[], size: number): EventPage {
  const characters = rows.reduce((sum, [, , , body]) => sum + body.length, 0)
  const events = rows.map((row) => eventOf(row, unescapeNul(row[5])))
  return { events, isLast: rows.length < size, nextSize: nextSizeOf(rows.length, characters) }
}
