/** The events table: appends with what is derived of them, and reads in pages. */
import {
  type AppendResult,
  type ContactId,
  contactOf,
  contactStream,
  type EventFilter,
  type EventStore,
  type KeepsStates,
  type Locked,
  type Position,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Tail,
  type TailAsked,
} from '@enfold/core'
import { type LogPage, type LogPages, readInPages } from '@enfold/core/store'
import { type AppendCall, appendBy, appendStatements } from './append-call.ts'
import { COLUMNS, eventOf, pageOf, type Row } from './event-rows.ts'
import { fromText, plainArray, textArray, toText } from './pg-text.ts'

/** How long an append may wait for a lock that another transaction holds, before it goes on without its stream. */
const LOCK_MS = 100
/** The same for each stream, once it is known that some are locked. */
const AROUND_LOCK_MS = 10

export interface EventLog extends LogPages, Pick<EventStore, 'readMany' | 'contacts'>, KeepsStates {
  /** In one round trip. Throws where it meets a lock: `isLocked`. */
  append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>
  /** The same, slower, and for each stream by itself. */
  appendAroundLocks(appends: readonly StreamAppend[]): Promise<readonly (AppendResult | Locked)[]>
  /** Transactions that are under way, required a version of the stream, and are among those given (`null`: any). */
  requiring(stream: StreamId, among: readonly string[] | null): Promise<readonly string[]>
  /** Whether any publication is to be seen after a position: one look into an index. */
  hasCampaigns(after: Position): Promise<boolean>
}

export function createEventLog(at: AppendCall): EventLog {
  const { query, schema } = at
  const plainly = appendStatements(at, 'append', LOCK_MS)
  const aroundLocks = appendStatements(at, 'append_around_locks', AROUND_LOCK_MS)
  return {
    append: async (appends) => (await appendBy(at, plainly, appends)) as readonly AppendResult[],
    appendAroundLocks: (appends) => appendBy(at, aroundLocks, appends),
    async requiring(stream, among) {
      const rows = await query<{ one: string }>(
        `SELECT one FROM ${schema}.requiring($1) one WHERE $2::text[] IS NULL OR one = ANY ($2::text[])`,
        [toText(stream), among === null ? null : textArray(among)],
      )
      return rows.map(({ one }) => one)
    },
    async streamPage(stream, from, size) {
      const rows = await query<Row>(
        `SELECT ${COLUMNS} FROM ${schema}.events e WHERE e.stream = $1 AND e.version >= $2::bigint
         ORDER BY e.version LIMIT $3::bigint`,
        [toText(stream), String(from), String(size)],
      )
      return pageOf(rows, size)
    },
    readMany: (streams) => readMany(at, streams),
    readTails: (asked) => readTails(at, asked),
    hasCampaigns: (after) => hasCampaigns(at, after),
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
    [found.size === 1 ? toText(streams[0] as StreamId) : textArray([...found.keys()].map(toText))],
  )
  for (const row of rows) found.get(fromText(row.stream))?.push(eventOf(row))
  return found
}

interface TailRow extends Omit<Row, 'stream'> {
  /** The number of what was asked. */
  readonly n: string
  /** A state, an event, or that an id stands in the stream. */
  readonly what: 's' | 'e' | 'r'
}

async function readTails({ query, schema }: Asked, asked: readonly TailAsked[]): Promise<readonly Tail[]> {
  const ids = asked.flatMap(({ ids }, i) => ids.map((id) => ({ id, of: i + 1 })))
  const rows = await query<TailRow>(
    `SELECT t.n, t.what, t.position, t.version, t.id, t.hash, t.body
     FROM ${schema}.read_tails($1::text[], $2::text[], $3::integer[]) t`,
    [
      textArray(asked.map(({ stream }) => toText(stream))),
      textArray(ids.map(({ id }) => toText(id))),
      plainArray(ids.map(({ of }) => of)),
    ],
  )
  const tails = asked.map(() => ({ stored: null as Tail['stored'], events: [] as RecordedEvent[], isRecorded: false }))
  for (const row of rows) {
    const tail = tails[Number(row.n) - 1] as (typeof tails)[number]
    const { stream } = asked[Number(row.n) - 1] as TailAsked
    if (row.what === 'e') tail.events.push(eventOf({ ...row, stream: toText(stream) }))
    else if (row.what === 's') tail.stored = { version: Number(row.version), reducer: Number(row.hash), text: row.body }
    else tail.isRecorded = true
  }
  return tails
}

async function hasCampaigns({ query, schema }: Asked, after: Position): Promise<boolean> {
  const rows = await query(
    `SELECT FROM ${schema}.events e
     WHERE e.position > $1::bigint AND e.stream >= 'campaign-' AND e.stream < 'campaign.' LIMIT 1`,
    [String(after)],
  )
  return rows.length > 0
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
    [toText(contactStream(after ?? '')), String(limit)],
  )
  return rows.map(({ stream }) => contactOf(fromText(stream)) as ContactId)
}
