/**
 * The way of nearly every append: the stream stands where its writer has seen it. One call of a function that writes
 * everything by sets, with the links of the hash chain made here. Where anything is otherwise it writes nothing, and the
 * slower function (`append-call.ts`) finds out what it is.
 *
 * Rejected: the same statements prepared one by one and sent in one write. It takes a driver that can, no pooler in
 * between, and roles that may insert events themselves (docs/decisions/0007-postgres.md).
 */
import {
  type AppendResult,
  CounterSum,
  compareIds,
  contactOf,
  type StreamAppend,
  type StreamId,
  type Tag,
  type Version,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { appendedOf } from '@enfold/core/store'
import { bodyOf, projectionOf, versionOf } from './append-call.ts'
import { changesTexts } from './counters.ts'
import { agendaTexts, stateTexts, type TagChanged, tagsChanged } from './derived-texts.ts'
import { isDuplicate } from './faults.ts'
import type { Heads } from './heads.ts'
import { escapeNul, plainArray, textArray } from './pg-text.ts'
import type { Query } from './query.ts'

/** Where it is called. */
export interface KnownAppends {
  readonly query: Query
  readonly schema: string
  readonly hashChain: boolean
  /** The version of the schema that this release works with. */
  readonly schemaVersion: number
  readonly heads: Heads
}

/** @returns `null`: nothing was written, and it has to go the other way */
export async function appendKnown(
  at: KnownAppends,
  appends: readonly StreamAppend[],
  lockMs: number,
): Promise<readonly AppendResult[] | null> {
  // In one order for all, so that no two calls wait for each other.
  const inOrder = appends.length === 1 ? appends : appends.toSorted((a, b) => compareIds(a.stream, b.stream))
  const required = requiredVersions(inOrder)
  if (required === null || !inOrder.every((one, n) => isKnown(at.heads, one, inOrder[n - 1]))) return null
  const rows = rowsOf(at, inOrder)
  const positions = await written(at, [
    String(at.schemaVersion),
    String(lockMs),
    textArray([...required.keys()].map(escapeNul)),
    plainArray([...required.values()].map(versionOf)),
    ...seenTexts(at.heads, inOrder),
    textArray(rows.map(({ stream }) => escapeNul(stream))),
    plainArray(rows.map(({ version }) => version)),
    textArray(rows.map(({ id }) => escapeNul(id))),
    textArray(rows.map(({ hash }) => hash)),
    textArray(rows.map(({ body }) => body)),
    plainArray(inOrderOf(appends, rows)),
    ...derivedTexts(inOrder),
  ])
  if (positions === null) return null
  const results = new Map<StreamId, AppendResult>()
  for (const [i, { stream, version, hash }] of rows.entries()) {
    if (rows[i + 1]?.stream === stream) continue
    at.heads.set(stream, { version, hash })
    results.set(stream, appendedOf({ version, position: Number(positions[i]) }, false))
  }
  return appends.map(({ stream }) => results.get(stream) as AppendResult)
}

const PARAMETERS = [
  'integer, integer, text[], integer[], text[], integer[], text[], text[], integer[], text[], text[], text[], integer[]',
  'text[], integer[], bigint[], text[], text[], text[], boolean[]',
  'text[], integer[], integer[], text[], integer[], integer[], text[]',
  'text[], integer[], text[], integer[], text[], integer[], integer[], text[]',
].flatMap((types) => types.split(', '))

const ARGUMENTS = PARAMETERS.map((type, n) => `$${n + 1}::${type}`).join(', ')

/** The positions of the events. */
async function written({ query, schema }: KnownAppends, values: readonly string[]): Promise<string[] | null> {
  try {
    const [answer] = await query<{ positions: string | null }>(
      `SELECT ${schema}.append_known(${ARGUMENTS}) AS positions`,
      values,
    )
    return answer?.positions?.split(',') ?? null
  } catch (error) {
    // Another was at it at the same time, or an event id stands in the log already.
    if (isDuplicate(error)) return null
    throw error
  }
}

function isKnown(heads: Heads, { stream, expected }: StreamAppend, before: StreamAppend | undefined): boolean {
  if (contactOf(stream) === null || stream === before?.stream) return false
  const version = versionOf(expected)
  return version === 0 || heads.of(stream)?.version === version
}

/** Each stream once; `null`: one is required at several versions. */
function requiredVersions(appends: readonly StreamAppend[]): ReadonlyMap<StreamId, Version> | null {
  const all = new Map<StreamId, Version>()
  for (const { requires = [] } of appends)
    for (const { stream, version } of requires) {
      if ((all.get(stream) ?? version) !== version) return null
      all.set(stream, version)
    }
  return all
}

interface EventRow {
  readonly stream: StreamId
  readonly version: Version
  readonly id: string
  readonly hash: string | null
  readonly body: string
}

function rowsOf({ heads, hashChain }: KnownAppends, appends: readonly StreamAppend[]): readonly EventRow[] {
  return appends.flatMap(({ stream, events, expected }) => {
    let version = versionOf(expected)
    let hash = version === 0 ? null : (heads.of(stream)?.hash ?? null)
    return events.map((event) => {
      version += 1
      hash = hashChain ? chainHash(hash, digestOf({ ...event, stream })) : null
      return { stream, version, id: event.id, hash, body: bodyOf(event) }
    })
  })
}

/** The numbers of the rows as the appends were given: so the log has them, whatever order their streams are taken in. */
function inOrderOf(appends: readonly StreamAppend[], rows: readonly EventRow[]): readonly number[] {
  const firsts = new Map<StreamId, number>()
  for (const [i, { stream }] of rows.entries()) if (!firsts.has(stream)) firsts.set(stream, i + 1)
  return appends.flatMap(({ stream, events }) => events.map((_, i) => (firsts.get(stream) as number) + i))
}

/** As parameters: the streams that have events, and what was seen of them. */
function seenTexts(heads: Heads, appends: readonly StreamAppend[]): readonly string[] {
  const seen = appends.flatMap(({ stream, expected }) => {
    const head = versionOf(expected) === 0 ? null : heads.of(stream)
    return head === null ? [] : [{ stream, ...head }]
  })
  return [
    textArray(seen.map(({ stream }) => escapeNul(stream))),
    plainArray(seen.map(({ version }) => version)),
    textArray(seen.map(({ hash }) => hash)),
  ]
}

const reachedBy = ({ expected, events }: StreamAppend): Version => versionOf(expected) + events.length

/** As parameters: what is projected, counted and kept. */
function derivedTexts(appends: readonly StreamAppend[]): readonly string[] {
  const derived = appends.filter((one) => projectionOf(one) !== null)
  const projections = derived.map(projectionOf)
  const [contacts = '', ...agenda] = agendaTexts(projections)
  const { cleared, changes } = tagsChanged(projections)
  const counted = new CounterSum()
  for (const one of derived) counted.addAll(one.derived?.counters ?? [])
  const kept = derived.flatMap((one) => {
    const contactId = contactOf(one.stream)
    const state = one.derived?.state
    return contactId === null || state === undefined ? [] : [{ contactId, version: reachedBy(one), ...state }]
  })
  const [keptOf = '', ...states] = stateTexts(kept)
  return [
    contacts,
    plainArray(derived.map(reachedBy)),
    ...agenda,
    plainArray(cleared),
    // A contact without events has no tag that could be removed.
    ...tagTexts(changes.filter(({ of, added }) => added || versionOf((derived[of - 1] as StreamAppend).expected) > 0)),
    ...changesTexts(counted.changes()),
    keptOf,
    plainArray(kept.map(({ version }) => version)),
    ...states,
  ]
}

/** As parameters: each tag once, then those that are added, and those that are removed, by their numbers. */
function tagTexts(changes: readonly TagChanged[]): readonly string[] {
  const numbers = new Map<Tag, number>()
  for (const { tag } of changes) if (!numbers.has(tag)) numbers.set(tag, numbers.size + 1)
  const textsOf = (some: readonly TagChanged[]) => [
    plainArray(some.map(({ tag }) => numbers.get(tag) as number)),
    plainArray(some.map(({ of }) => of)),
    textArray(some.map(({ key }) => escapeNul(key))),
  ]
  return [
    textArray([...numbers.keys()].map(escapeNul)),
    ...textsOf(changes.filter(({ added }) => added)),
    ...textsOf(changes.filter(({ added }) => !added)),
  ]
}
