/** The events table: appends with what is derived of them, and reads in pages. */
import {
  type Appended,
  type AppendResult,
  type Conflict,
  type ContactId,
  contactOf,
  contactStream,
  digestOf,
  type EventFilter,
  type ExpectedVersion,
  type Locked,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { idReused } from './faults.ts'
import type { AppendGate } from './host-transaction.ts'
import { fromText, plainArray, textArray, toText } from './pg-text.ts'
import type { Query } from './query.ts'
import { projectionTexts } from './read-model.ts'

/** Some events in order, and what to ask for next. */
export interface Batch {
  readonly events: readonly RecordedEvent[]
  readonly isLast: boolean
  /** How many events the next batch should have. */
  readonly nextSize: number
}

/** Of the first batch, when nothing is known of the size of the events. */
export const FIRST_SIZE = 100

/** How long an append may wait for a lock that another transaction holds, before it goes on without its stream. */
const LOCK_MS = 100
/** The same for each stream, once it is known that some are locked. */
const AROUND_LOCK_MS = 10

export interface EventLog {
  /** In one round trip. Throws where it meets a lock: `isLocked`. */
  append(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>
  /** The same, slower, and for each stream by itself. */
  appendAroundLocks(appends: readonly StreamAppend[]): Promise<readonly (AppendResult | Locked)[]>
  /** Transactions that are under way, required a version of the stream, and are among those given (`null`: any). */
  requiring(stream: StreamId, among: readonly string[] | null): Promise<readonly string[]>
  stream(stream: StreamId, from: Version, size: number): Promise<Batch>
  streams(streams: readonly StreamId[]): Promise<Map<StreamId, RecordedEvent[]>>
  /** Whether any publication is to be seen above a position: one look into an index, where `all` has to find out what may still come. */
  hasCampaignsBehind(after: Position): Promise<boolean>
  /** `head` is where the log stands, known with the last batch only. */
  all(after: Position, size: number, filter?: EventFilter): Promise<Batch & { readonly head: Position }>
  contacts(after: ContactId | null, limit: number): Promise<ContactId[]>
}

interface Row {
  readonly position: string
  readonly version: string
  readonly stream: string
  readonly id: string
  readonly hash: string | null
  readonly body: string
}

interface Answer {
  readonly outcomes: string
  readonly versions: string
  readonly event_positions: string
  readonly event_hashes: string
}

const COLUMNS = `e.position::text, e.version::text, e.stream, e.id, encode(e.hash, 'hex') AS hash, e.body`

/** The same append with and without streams that it requires. */
interface Statements {
  readonly plain: string
  readonly requiring: string
}

export interface EventLogOptions {
  readonly query: Query
  readonly schema: string
  readonly hashChain: boolean
  readonly gate: AppendGate
  /** Told of each append in its own transaction; `null`: none is. */
  readonly channel: string | null
}

export function createEventLog({ query, schema, hashChain, gate, channel }: EventLogOptions): EventLog {
  const notice = channel === null ? '' : `, pg_notify('${channel}', '')::text`
  // The function is called for each row of `open`, so not at all where its condition does not hold.
  const calling = (name: string, lockMs: number): Statements => {
    const expecting = (expected: string, gateFrom: number) => `
    SELECT a.outcomes, a.versions, a.event_positions, a.event_hashes${notice}
    FROM (SELECT $1::text[] AS streams WHERE ${gate.condition(gateFrom, lockMs)} OFFSET 0) open
    CROSS JOIN LATERAL ${schema}.${name}(
      open.streams, ${expected}, $3::integer[], $4::text[], $5::text[], $6::text[],
      $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[],
      $12::boolean[], $13::integer[], $14::text[], $15::boolean[]) a`
    return {
      plain: expecting('$2::integer[]', 16),
      // In the same statement, and only for those who require something: nobody else has a parameter more.
      requiring: expecting(`${schema}.expecting($2::integer[], $16::integer[], $17::text[], $18::integer[])`, 19),
    }
  }
  const APPEND = calling('append', LOCK_MS)
  const APPEND_AROUND_LOCKS = calling('append_around_locks', AROUND_LOCK_MS)

  async function call(statement: string, values: readonly string[]): Promise<Answer> {
    const [answer] = await query<Answer>(statement, [...values, ...gate.values()])
    if (answer !== undefined) return answer
    const refusal = await gate.refusal()
    if (refusal !== null) throw refusal
    return call(statement, values)
  }

  async function appendBy(
    statements: Statements,
    appends: readonly StreamAppend[],
  ): Promise<readonly (AppendResult | Locked)[]> {
    const events = appends.flatMap((one) => one.events.map((event) => ({ event, stream: one.stream })))
    const required = requirementsOf(appends)
    const statement = required.length === 0 ? statements.plain : statements.requiring
    const { outcomes, versions, event_positions, event_hashes } = await call(statement, [
      textArray(appends.map(({ stream }) => toText(stream))),
      plainArray(appends.map(({ expected }) => versionOf(expected))),
      plainArray(appends.map(({ events }) => events.length)),
      textArray(events.map(({ event }) => toText(event.id))),
      textArray(events.map(({ event }) => bodyOf(event))),
      textArray(hashChain ? events.map(({ event, stream }) => digestOf({ ...event, stream })) : []),
      ...projectionTexts(appends.map(projectionOf)),
      ...required,
    ])
    const [outcome, before, position] = [outcomes.split(','), versions.split(','), event_positions.split(',')]
    const hash = hashChain ? event_hashes.split(',') : []
    const results: (AppendResult | Locked | Promise<AppendResult>)[] = []
    let first = 0
    for (const [n, { stream, events, expected }] of appends.entries()) {
      const actual = Number(before[n])
      if (outcome[n] === 'a') {
        const recorded = events.map((event, i) =>
          placed(event, stream, actual + 1 + i, Number(position[first + i]), hash[first + i]),
        )
        results.push(appended(recorded, false))
      } else if (outcome[n] === 'c') results.push(conflict(expected, actual))
      else if (outcome[n] === 'l') results.push({ outcome: 'locked' })
      else if (outcome[n] === 'r') results.push(recordedBefore(events))
      else throw idReused(events.map(({ id }) => id).join(', '))
      first += events.length
    }
    return Promise.all(results)
  }

  /** What was recorded under these ids the first time; it is never changed, so a second look may come later. */
  async function recordedBefore(events: readonly NewEvent[]): Promise<Appended> {
    const ids = textArray(events.map(({ id }) => toText(id)))
    const rows = await query<Row>(
      `SELECT ${COLUMNS} FROM ${schema}.events e WHERE e.id = ANY ($1::text[]) ORDER BY e.version`,
      [ids],
    )
    const found = new Map(rows.map((row) => [fromText(row.id), eventOf(row)]))
    return appended(
      events.map(({ id }) => found.get(id) as RecordedEvent),
      true,
    )
  }

  return {
    append: async (appends) => (await appendBy(APPEND, appends)) as readonly AppendResult[],
    appendAroundLocks: (appends) => appendBy(APPEND_AROUND_LOCKS, appends),
    async requiring(stream, among) {
      const rows = await query<{ one: string }>(
        `SELECT one FROM ${schema}.requiring($1) one WHERE $2::text[] IS NULL OR one = ANY ($2::text[])`,
        [toText(stream), among === null ? null : textArray(among)],
      )
      return rows.map(({ one }) => one)
    },
    async stream(stream, from, size) {
      const rows = await query<Row>(
        `SELECT ${COLUMNS} FROM ${schema}.events e WHERE e.stream = $1 AND e.version >= $2::bigint
         ORDER BY e.version LIMIT $3::bigint`,
        [toText(stream), String(from), String(size)],
      )
      return batchOf(rows, size)
    },
    async streams(streams) {
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
    },
    async hasCampaignsBehind(after) {
      const rows = await query(
        `SELECT FROM ${schema}.events e
         WHERE e.position > $1::bigint AND e.stream >= 'campaign-' AND e.stream < 'campaign.' LIMIT 1`,
        [String(after)],
      )
      return rows.length > 0
    },
    async all(after, size, { streams = 'all' }: EventFilter | { readonly streams?: 'all' } = {}) {
      const rows = await query<Row>(
        `SELECT position::text, version::text, stream, id, hash, body
         FROM ${schema}.read_events($1::bigint, $2::integer, $3)`,
        [String(after), String(size), streams],
      )
      const isLast = rows.length === 0 || rows.at(-1)?.version === '0'
      const mark = isLast ? rows.pop() : undefined
      return { ...batchOf(rows, size), isLast, head: Number(mark?.position ?? 0) }
    },
    async contacts(after, limit) {
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
    },
  }
}

/** No stream has more events than an integer of PostgreSQL counts. */
function versionOf(expected: ExpectedVersion): number {
  return expected === 'no-stream' ? 0 : Math.min(expected, 2 ** 31 - 1)
}

/** As parameters: for each requirement the number of its append, its stream, and its version. None: nothing is required. */
function requirementsOf(appends: readonly StreamAppend[]): readonly string[] {
  const all = appends.flatMap(({ requires = [] }, n) => requires.map(({ stream, version }) => ({ n, stream, version })))
  if (all.length === 0) return []
  return [
    plainArray(all.map(({ n }) => n + 1)),
    textArray(all.map(({ stream }) => toText(stream))),
    plainArray(all.map(({ version }) => versionOf(version))),
  ]
}

/** Where the stream has the version that was expected, a required one has not. */
function conflict(expected: ExpectedVersion, actual: Version): Conflict {
  return { outcome: 'conflict', actual, ...(versionOf(expected) === actual ? { outdated: true } : {}) }
}

function projectionOf({ stream, derived }: StreamAppend) {
  const contactId = contactOf(stream)
  return contactId === null || derived === undefined ? null : { contactId, ...derived }
}

/** Everything that has no column of its own. */
function bodyOf(event: NewEvent): string {
  const { id, stream, version, position, hash, ...body } = event as RecordedEvent
  return JSON.stringify(body)
}

function placed(event: NewEvent, stream: StreamId, version: Version, position: Position, hash?: string): RecordedEvent {
  return { ...event, stream, version, position, ...(hash === undefined ? {} : { hash }) } as RecordedEvent
}

function eventOf({ position, stream, version, id, hash, body }: Row): RecordedEvent {
  const event = { ...(JSON.parse(body) as NewEvent), id: fromText(id) }
  return placed(event, fromText(stream), Number(version), Number(position), hash ?? undefined)
}

function appended(events: readonly RecordedEvent[], repeated: boolean): Appended {
  const { version, position } = events.at(-1) as RecordedEvent
  return { outcome: 'appended', version, position, events, repeated }
}

/** About four million characters at once, to judge by the last batch, lest great events fill the memory. */
function batchOf(rows: readonly Row[], size: number): Batch {
  const characters = rows.reduce((sum, { body }) => sum + body.length, 1)
  const fitting = Math.floor((4_000_000 * rows.length) / characters)
  const nextSize = rows.length === 0 ? size : Math.max(1, Math.min(1000, fitting))
  return { events: rows.map(eventOf), isLast: rows.length < size, nextSize }
}
