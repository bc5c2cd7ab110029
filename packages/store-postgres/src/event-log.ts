/** The events table: appends with what is derived of them, and reads in pages. */
import {
  type AppendResult,
  type ContactId,
  contactOf,
  contactStream,
  type EventFilter,
  type EventStore,
  type Locked,
  type Position,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
} from '@enfold/core'
import { type LogPage, type LogPages, readInPages } from '@enfold/core/store'
import { type AppendCall, appendBy, appendStatements } from './append-call.ts'
import { COLUMNS, eventOf, pageOf, type Row } from './event-rows.ts'
import { createHeads } from './heads.ts'
import { appendKnown } from './known-append.ts'
import { createLooks, type Looks } from './looks.ts'
import { escapeNul, textArray, unescapeNul } from './pg-text.ts'

/** How long an append may wait for a lock that another transaction holds, before it goes on without its stream. */
const LOCK_MS = 100
/** The same for each stream, once it is known that some are locked. */
const AROUND_LOCK_MS = 10

export interface EventLog extends LogPages, Pick<EventStore, 'readMany' | 'contacts'>, Looks {
  /** In one round trip. Throws where it meets a lock: `isLocked`. */
  append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>
  /** The same, slower, and for each stream by itself. */
  appendAroundLocks(appends: readonly StreamAppend[]): Promise<readonly (AppendResult | Locked)[]>
  /** Transactions that are under way, required a version of the stream, and are among those given (`null`: any). */
  requiring(stream: StreamId, among: readonly string[] | null): Promise<readonly string[]>
}

/**
 * @param schemaVersion of the schema as this release knows it; left out: appends go the slow way, as in a transaction
 *   of the host, which an error of the quick way would end
 */
export function createEventLog(at: AppendCall, schemaVersion: number | null = null): EventLog {
  const { query, schema } = at
  const heads = createHeads()
  const quickly = schemaVersion === null ? null : { ...at, schemaVersion, heads }
  const plainly = appendStatements(at, 'append', LOCK_MS)
  const aroundLocks = appendStatements(at, 'append_around_locks', AROUND_LOCK_MS)
  const looks = createLooks(at)
  return {
    async append(appends) {
      const written = quickly === null ? null : await appendKnown(quickly, appends, LOCK_MS)
      if (written !== null) return written
      for (const { stream } of appends) heads.forget(stream)
      return (await appendBy(at, plainly, appends)) as readonly AppendResult[]
    },
    appendAroundLocks: (appends) => appendBy(at, aroundLocks, appends),
    async requiring(stream, among) {
      const rows = await query<{ one: string }>(
        `SELECT one FROM ${schema}.requiring($1) one WHERE $2::text[] IS NULL OR one = ANY ($2::text[])`,
        [escapeNul(stream), among === null ? null : textArray(among)],
      )
      return rows.map(({ one }) => one)
    },
    async streamPage(stream, from, size) {
      const rows = await query<Row>(
        `SELECT ${COLUMNS} FROM ${schema}.events e WHERE e.stream = $1 AND e.version >= $2::bigint
         ORDER BY e.version LIMIT $3::bigint`,
        [escapeNul(stream), String(from), String(size)],
      )
      return pageOf(rows, size)
    },
    async readMany(streams) {
      const found = await readMany(at, streams)
      for (const [stream, events] of found) heads.saw(stream, events.at(-1))
      return found
    },
    async readTails(asked) {
      const tails = await looks.readTails(asked)
      for (const [i, { stream }] of asked.entries()) heads.saw(stream, tails[i]?.events.at(-1))
      return tails
    },
    hasCampaigns: looks.hasCampaigns,
    logPage: (after, size, filter) => logPage(at, after, size, filter),
    contacts: (after, limit) => contactsAfter(at, after, limit),
  }
}

/** @param refuseIfClosed called between events */
export function readAllOf(log: EventLog, refuseIfClosed: () => void, after: Position = 0, filter?: EventFilter) {
  return readInPages(
    after,
    ({ position }) => position,
    async (position, size) => {
      // Asked before each start and signal, and nearly always in vain. What is not to be seen here yet, the log in order
      // would not give either.
      if (filter?.streams === 'campaigns' && position === after && !(await log.hasCampaigns(after)))
        return { events: [], isLast: true, nextSize: size }
      return log.logPage(position, size, filter)
    },
    refuseIfClosed,
  )
}

type Asked = Pick<AppendCall, 'query' | 'schema'>

async function readMany({ query, schema }: Asked, streams: readonly StreamId[]) {
  const found = new Map<StreamId, RecordedEvent[]>(streams.map((stream) => [stream, []]))
  if (found.size === 0) return found
  const rows = await query<Row>(
    found.size === 1
      ? `SELECT ${COLUMNS} FROM ${schema}.events e WHERE e.stream = $1 ORDER BY e.version`
      : `SELECT ${COLUMNS} FROM ${schema}.events e WHERE e.stream = ANY ($1::text[]) ORDER BY e.stream, e.version`,
    [found.size === 1 ? escapeNul(streams[0] as StreamId) : textArray([...found.keys()].map(escapeNul))],
  )
  for (const row of rows) found.get(unescapeNul(row.stream))?.push(eventOf(row))
  return found
}

async function logPage(at: Asked, after: Position, size: number, filter: EventFilter = {}): Promise<LogPage> {
  const { query, schema } = at
  const { streams = 'all' } = filter
  const rows = await query<Row>(
    `SELECT position::text, version::text, stream, id, hash, body
     FROM ${schema}.read_events($1::bigint, $2::integer, $3)`,
    [String(after), String(size), streams],
  )
  const isLast = rows.length === 0 || rows.at(-1)?.version === '0'
  const mark = isLast ? rows.pop() : undefined
  return { ...pageOf(rows, size), isLast, head: Number(mark?.position ?? 0) }
}

async function contactsAfter({ query, schema }: Asked, after: ContactId | null, limit: number): Promise<ContactId[]> {
  // From stream to stream by the unique index, without reading the events between.
  const rows = await query<{ stream: string }>(
    `WITH RECURSIVE one AS (
       SELECT (SELECT min(stream) FROM ${schema}.events WHERE stream > $1 AND stream < 'contact.') AS stream
       UNION ALL
       SELECT (SELECT min(e.stream) FROM ${schema}.events e WHERE e.stream > one.stream AND e.stream < 'contact.')
       FROM one WHERE one.stream IS NOT NULL
     )
     SELECT stream FROM one WHERE stream IS NOT NULL LIMIT $2::bigint`,
    [escapeNul(contactStream(after ?? '')), String(limit)],
  )
  return rows.map(({ stream }) => contactOf(unescapeNul(stream)) as ContactId)
}
