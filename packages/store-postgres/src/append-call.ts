/** The call of the function that appends, and what its answer says of each append. */
import {
  type Appended,
  type AppendResult,
  type Conflict,
  contactOf,
  type ExpectedVersion,
  type Locked,
  type NewEvent,
  type RecordedEvent,
  type StreamAppend,
  type Version,
} from '@enfold/core'
import { digestOf } from '@enfold/core/log'
import { appendedOf, versionExpected } from '@enfold/core/store'
import { changesText } from './counters.ts'
import { projectionTexts, stateTexts } from './derived-texts.ts'
import type { Row } from './event-rows.ts'
import { idReused } from './faults.ts'
import type { AppendGate } from './host-transaction.ts'
import { escapeNul, plainArray, textArray } from './pg-text.ts'
import type { Query } from './query.ts'

/** Where it is called. */
export interface AppendCall {
  readonly query: Query
  readonly schema: string
  readonly hashChain: boolean
  readonly gate: AppendGate
  /** Told of each append in its own transaction; `null`: none is. */
  readonly channel: string | null
}

/** No name of a column has a capital or an underscore: drivers of hosts may rename such columns. */
interface Answer {
  readonly outcomes: string
  readonly versions: string
  readonly positions: string
}

/** The same append with and without streams that it requires, and states that are kept with it. */
export type AppendStatements = (requires: boolean, keeps: boolean) => string

/** @param lockMs how long it may wait for a lock that another transaction holds */
export function appendStatements(
  { schema, gate, channel }: AppendCall,
  name: 'append' | 'append_around_locks',
  lockMs: number,
): AppendStatements {
  const notice = channel === null ? '' : `, pg_notify('${channel}', '')::text`
  // The function is called for each row of `open`, so not at all where its condition does not hold.
  const expecting = (expected: string, next: number, keeps: boolean) => {
    const [of, contacts, reducers, bodies] = [next, next + 1, next + 2, next + 3]
    const kept = `, ${schema}.keep_appended(a.outcomes, a.versions, $3::integer[],
    $${of}::integer[], $${contacts}::text[], $${reducers}::integer[], $${bodies}::text[])`
    return `
  SELECT a.outcomes, a.versions, a.event_positions AS positions${keeps ? kept : ''}${notice}
  FROM (SELECT $1::text[] AS streams WHERE ${gate.condition(keeps ? next + 4 : next, lockMs)} OFFSET 0) open
  CROSS JOIN LATERAL ${schema}.${name}(
    open.streams, ${expected}, $3::integer[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[],
    $12::boolean[], $13::integer[], $14::text[], $15::text[], $16::boolean[]) a
  CROSS JOIN LATERAL ${schema}.count_appended(a.outcomes, $17::text[]) counted`
  }
  // In the same statement, and only for those who require or keep something: nobody else has a parameter more.
  const required = `${schema}.expecting($2::integer[], $18::integer[], $19::text[], $20::integer[])`
  const made = [false, true].map((keeps) => [expecting('$2::integer[]', 18, keeps), expecting(required, 21, keeps)])
  return (requires, keeps) => made[keeps ? 1 : 0]?.[requires ? 1 : 0] as string
}

async function answerTo(at: AppendCall, statement: string, values: readonly string[]): Promise<Answer> {
  const [answer] = await at.query<Answer>(statement, [...values, ...at.gate.values()])
  if (answer !== undefined) return answer
  const refusal = await at.gate.refusal()
  if (refusal !== null) throw refusal
  return answerTo(at, statement, values)
}

export async function appendBy(
  at: AppendCall,
  statements: AppendStatements,
  appends: readonly StreamAppend[],
): Promise<readonly (AppendResult | Locked)[]> {
  const events = appends.flatMap((one) => one.events.map((event) => ({ event, stream: one.stream })))
  const required = requirementsOf(appends)
  const kept = statesOf(appends)
  const statement = statements(required.length > 0, kept.length > 0)
  const answer = await answerTo(at, statement, [
    textArray(appends.map(({ stream }) => escapeNul(stream))),
    plainArray(appends.map(({ expected }) => versionOf(expected))),
    plainArray(appends.map(({ events }) => events.length)),
    textArray(events.map(({ event }) => escapeNul(event.id))),
    textArray(events.map(({ event }) => bodyOf(event))),
    textArray(at.hashChain ? events.map(({ event, stream }) => digestOf({ ...event, stream })) : []),
    ...projectionTexts(appends.map(projectionOf)),
    textArray(appends.map(({ derived }) => changesText(derived?.counters))),
    ...required,
    ...kept,
  ])
  return Promise.all(resultsOf(at, appends, answer))
}

function resultsOf(at: AppendCall, appends: readonly StreamAppend[], answer: Answer) {
  const { outcomes, versions, positions } = answer
  const [outcome, before, position] = [outcomes.split(','), versions.split(','), positions.split(',')]
  const results: (AppendResult | Locked | Promise<AppendResult>)[] = []
  let first = 0
  for (const [n, { events, expected }] of appends.entries()) {
    const actual = Number(before[n])
    const last = events.length - 1
    if (outcome[n] === 'a')
      results.push(appendedOf({ version: actual + 1 + last, position: Number(position[first + last]) }, false))
    else if (outcome[n] === 'c') results.push(conflict(expected, actual))
    else if (outcome[n] === 'l') results.push({ outcome: 'locked' })
    else if (outcome[n] === 'r') results.push(recordedBefore(at, events))
    else throw idReused(events.map(({ id }) => id).join(', '))
    first += events.length
  }
  return results
}

/** Where the last of them was recorded the first time; it is never changed, so a second look may come later. */
async function recordedBefore({ query, schema }: AppendCall, events: readonly NewEvent[]): Promise<Appended> {
  const { id } = events.at(-1) as NewEvent
  const [row] = await query<Pick<Row, 'position' | 'version'>>(
    `SELECT e.position::text, e.version::text FROM ${schema}.events e WHERE e.id = ANY ($1::text[])`,
    [textArray([escapeNul(id)])],
  )
  const { version, position } = row as Pick<Row, 'position' | 'version'>
  return appendedOf({ version: Number(version), position: Number(position) }, true)
}

/** No stream has more events than an integer of PostgreSQL counts. */
export function versionOf(expected: ExpectedVersion): number {
  return Math.min(versionExpected(expected), 2 ** 31 - 1)
}

/** As parameters: for each requirement the number of its append, its stream, and its version. None: nothing is required. */
function requirementsOf(appends: readonly StreamAppend[]): readonly string[] {
  const all = appends.flatMap(({ requires = [] }, n) => requires.map(({ stream, version }) => ({ n, stream, version })))
  if (all.length === 0) return []
  return [
    plainArray(all.map(({ n }) => n + 1)),
    textArray(all.map(({ stream }) => escapeNul(stream))),
    plainArray(all.map(({ version }) => versionOf(version))),
  ]
}

/** As parameters: for each state that is kept the number of its append, its contact, and what it is. None: none is. */
function statesOf(appends: readonly StreamAppend[]): readonly string[] {
  const all = appends.flatMap(({ stream, derived }, n) => {
    const contactId = contactOf(stream)
    return contactId === null || derived?.state === undefined ? [] : [{ n: n + 1, contactId, ...derived.state }]
  })
  return all.length === 0 ? [] : [plainArray(all.map(({ n }) => n)), ...stateTexts(all)]
}

/** Where the stream has the version that was expected, a required one has not. */
function conflict(expected: ExpectedVersion, actual: Version): Conflict {
  return { outcome: 'conflict', actual, ...(versionOf(expected) === actual ? { outdated: true } : {}) }
}

/** What is derived for a contact; `null`: nothing. */
export function projectionOf({ stream, derived }: StreamAppend) {
  const contactId = contactOf(stream)
  return contactId === null || derived === undefined ? null : { contactId, ...derived }
}

/** Everything that has no column of its own. */
export function bodyOf(event: NewEvent): string {
  const { id, stream, version, position, hash, ...body } = event as RecordedEvent
  return JSON.stringify(body)
}
