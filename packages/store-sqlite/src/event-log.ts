/** The events table: appends with their expected version and their repeats, and reads in pages. */
import type { DatabaseSync } from 'node:sqlite'
import {
  type Appended,
  type AppendResult,
  type ContactId,
  EnfoldFault,
  type EventFilter,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { isSqliteError } from './database.ts'

/** Rows that a reader takes at once: it holds no statement open while its consumer is at work. */
const PAGE = 1000

interface Row {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly command_id: string
  readonly type: string
  readonly at: string
  readonly body: string
}

export interface EventLog {
  /** Within a transaction. `onAppended` is called for what was written now, not for repeats. */
  append(append: StreamAppend, onAppended: (append: StreamAppend) => void): AppendResult
  stream(stream: StreamId, from: Version): RecordedEvent[]
  page(after: Position, filter?: EventFilter): RecordedEvent[]
  version(stream: StreamId): Version
  head(): Position
  contacts(after: ContactId | null, limit: number): ContactId[]
}

export function createEventLog(connection: DatabaseSync): EventLog {
  const columns = 'position, stream, version, id, command_id, type, at, body'
  const insert = connection.prepare(
    'INSERT INTO events (stream, version, id, command_id, type, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const versionOf = connection.prepare('SELECT max(version) AS version FROM events WHERE stream = ?')
  const byId = connection.prepare(`SELECT ${columns} FROM events WHERE id = ?`)
  const streamFrom = connection.prepare(
    `SELECT ${columns} FROM events WHERE stream = ? AND version >= ? ORDER BY version LIMIT ${PAGE}`,
  )
  const all = connection.prepare(`SELECT ${columns} FROM events WHERE position > ? ORDER BY position LIMIT ${PAGE}`)
  const campaigns = connection.prepare(
    `SELECT ${columns} FROM events WHERE position > ? AND type IN ('CampaignPublished', 'CampaignUnpublished') ORDER BY position LIMIT ${PAGE}`,
  )
  const contactsOnly = connection.prepare(
    `SELECT ${columns} FROM events WHERE position > ? AND type NOT IN ('CampaignPublished', 'CampaignUnpublished') ORDER BY position LIMIT ${PAGE}`,
  )
  const head = connection.prepare('SELECT max(position) AS position FROM events')
  // From stream to stream by the unique index, without reading the events between. '.' follows '-' in ASCII.
  const contactStreams = connection.prepare(`
    WITH RECURSIVE one (stream) AS (
      SELECT min(stream) FROM events WHERE stream > 'contact-' || ? AND stream < 'contact.'
      UNION ALL
      SELECT (SELECT min(stream) FROM events WHERE stream > one.stream AND stream < 'contact.') FROM one
      WHERE one.stream IS NOT NULL
    )
    SELECT stream FROM one WHERE stream IS NOT NULL LIMIT ?`)

  function version(stream: StreamId): Version {
    return (versionOf.get(stream) as { version: number | null }).version ?? 0
  }

  /** What was recorded under these ids before; `null` if none was. */
  function repeated({ stream, events }: StreamAppend): Appended | null {
    const before = events.map((event) => byId.get(event.id) as Row | undefined)
    if (before.every((row) => row === undefined)) return null
    if (!before.every((row) => row?.stream === stream)) {
      const taken = before.find((row) => row !== undefined)
      throw new EnfoldFault('EVENT_ID_REUSED', 'An event id stands in the log already, in other company. Nothing was written.', {
        id: taken?.id,
        stream: taken?.stream,
      })
    }
    return appended((before as Row[]).map(eventOf), true)
  }

  function append(one: StreamAppend, onAppended: (append: StreamAppend) => void): AppendResult {
    const { stream, events, expected } = one
    if (events.length === 0) throw EnfoldFault.invalidInput('append.events', events, 'at least one event')
    const actual = version(stream)
    // The usual case costs no look for the ids: the unique index tells, and then there is time to look.
    if (expected !== 'any' && actual !== (expected === 'no-stream' ? 0 : expected))
      return repeated(one) ?? { outcome: 'conflict', actual }
    connection.exec('SAVEPOINT one')
    try {
      const recorded = events.map((event, i) => write(stream, actual + i + 1, event))
      onAppended(one)
      connection.exec('RELEASE one')
      return appended(recorded, false)
    } catch (error) {
      // SQLITE_CONSTRAINT_UNIQUE
      if (!(isSqliteError(error) && error.errcode === 2067)) throw error
      connection.exec('ROLLBACK TO one; RELEASE one')
      const before = repeated(one)
      if (before !== null) return before
      throw new EnfoldFault('EVENT_ID_REUSED', 'Two of the events have the same id. Nothing was written.', { stream })
    }
  }

  function write(stream: StreamId, version: Version, event: NewEvent): RecordedEvent {
    const { id, commandId, type, at, ...rest } = event
    const body = JSON.stringify(rest)
    const { lastInsertRowid } = insert.run(stream, version, id, commandId, type, at, body)
    return { ...event, stream, version, position: Number(lastInsertRowid) } as RecordedEvent
  }

  return {
    append,
    version,
    stream(stream, from) {
      const events: RecordedEvent[] = []
      for (let next = from; ; ) {
        const rows = streamFrom.all(stream, next) as unknown as Row[]
        for (const row of rows) events.push(eventOf(row))
        if (rows.length < PAGE) return events
        next = (rows.at(-1) as Row).version + 1
      }
    },
    page(after, filter) {
      const statement = filter?.streams === 'campaigns' ? campaigns : filter?.streams === 'contacts' ? contactsOnly : all
      return (statement.all(after) as unknown as Row[]).map(eventOf)
    },
    head: () => (head.get() as { position: number | null }).position ?? 0,
    contacts: (after, limit) =>
      (contactStreams.all(after ?? '', limit) as { stream: string }[]).map(({ stream }) => stream.slice('contact-'.length)),
  }
}

function appended(events: readonly RecordedEvent[], repeated: boolean): Appended {
  const { version, position } = events.at(-1) as RecordedEvent
  return { outcome: 'appended', version, position, events, repeated }
}

function eventOf({ position, stream, version, id, command_id: commandId, type, at, body }: Row): RecordedEvent {
  return { type, id, commandId, at, ...JSON.parse(body), stream, version, position } as RecordedEvent
}
