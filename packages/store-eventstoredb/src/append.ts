/** Appends: with the revision that they expect, each once however often a reply is lost, and the result of a repeat. */
import { randomUUID } from 'node:crypto'
import {
  type Appended,
  type AppendResult,
  EnfoldFault,
  type EventId,
  type ExpectedVersion,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { chainHash } from '@enfold/core/log'
import { appendedOf, idReused, versionExpected } from '@enfold/core/store'
import { backOffMs, type Calls, pause } from './calls.ts'
import type { Serialize } from './serialize.ts'
import { endWith, growingHead, type Head, type StreamHeads } from './stream-heads.ts'
import { type Outgoing, outgoingOf, proposedOf, recordedOf, type StreamNames } from './wire-event.ts'

/** The log, as appends and reads use it. */
export interface LogAccess {
  readonly names: StreamNames
  readonly calls: Calls
  readonly heads: StreamHeads
  /** Of streams that were not read from their first event on: their last events alone. */
  readonly ends: StreamHeads
  readonly hashChain: boolean
  readonly giveUpAfterMs: number
}

/** Events of one read of a stream. */
export const PAGE = 1000
/** Of a stream of which nothing is known: it is taken to be empty until the server says otherwise. */
const EMPTY: Head = { version: 0, hash: null, versions: new Map() }

/** An append that was checked, and made ready to go out. */
export interface PreparedAppend {
  readonly stream: StreamId
  /** Of the stream on the server. */
  readonly name: string
  readonly events: readonly Outgoing[]
  readonly version: Version
  readonly areNew: boolean
}

/**
 * @param path of the events, in faults
 * @throws EnfoldFault `INVALID_INPUT`; `EVENT_ID_REUSED` for an id that stands in it twice
 */
export function preparedAppend(
  { names, hashChain }: Pick<LogAccess, 'names' | 'hashChain'>,
  { stream, events, expected, areNew = false }: Pick<StreamAppend, 'stream' | 'events' | 'expected' | 'areNew'>,
  path: string,
): PreparedAppend {
  const name = names.nameOf(stream)
  if (events.length === 0) throw EnfoldFault.invalidInput(path, events, 'at least one event')
  const outgoing = events.map((event, i) => outgoingOf(stream, event, `${path}[${i}]`, hashChain))
  const ids = new Set<string>()
  for (const { id } of outgoing) {
    if (ids.has(id)) throw idReused(id, '')
    ids.add(id)
  }
  return { stream, name, events: outgoing, version: versionExpected(checkedExpectation(expected)), areNew }
}

export async function append(at: LogAccess, prepared: PreparedAppend): Promise<AppendResult> {
  if (isByItsEnd(at, prepared)) {
    const appended = await appendToEnd(at, prepared)
    if (appended !== null) return appended
  }
  return appendByHead(at, prepared)
}

/**
 * Whether the stream's end is enough for the append: nobody has to look for its ids among all that stand there. Where as much
 * or more of the stream is known as is expected, that has the ids, and tells a repeat.
 */
function isByItsEnd({ heads }: LogAccess, { areNew, stream, version }: PreparedAppend): boolean {
  return areNew && version > (heads.get(stream)?.version ?? 0)
}

/** `null`: the stream has another version than is expected, and nothing was written. */
async function appendToEnd(at: LogAccess, prepared: PreparedAppend): Promise<Appended | null> {
  const { stream, name, events, version } = prepared
  let end = at.ends.get(stream)
  if (end?.version !== version) {
    const page = await at.calls.read(name, version - 1, 1)
    const last = page === 'missing' || page[0] === undefined ? undefined : recordedOf(page[0], at.names)
    if (last?.version !== version) return null
    end = endWith(last)
  }
  const result = await write(
    { ...at, heads: at.ends },
    prepared,
    events.map(() => randomUUID()),
    end,
  )
  if (result === null) at.ends.forget(stream)
  return result
}

async function appendByHead(at: LogAccess, prepared: PreparedAppend): Promise<AppendResult> {
  const { stream, name, events, version: wanted } = prepared
  // Of this append alone. With the events' own ids the server would answer success for what another process wrote under
  // the same ids, other data or not; so it refuses, and a look into the stream tells a repeat from a conflict.
  const wireIds = events.map(() => randomUUID())
  const giveUpAt = performance.now() + at.giveUpAfterMs
  let head = at.heads.get(stream)
  let isFresh = false
  for (let round = 0; ; round++) {
    // A stream that is not to be there is not looked for: the server finds it, and then it is.
    if (head === undefined && wanted !== 0) {
      head = await lookedAt(at, stream, name)
      isFresh = true
    }
    const { version, versions } = head ?? EMPTY
    const before = events.filter(({ id }) => versions.has(id))
    const last = before.at(-1)
    if (last !== undefined) {
      if (before.length < events.length) throw idReused((before[0] as Outgoing).id, stream)
      const place = await placeOf(at, name, versions.get(last.id) as Version, last.id)
      if (place !== null) return appendedOf(place, true)
      // Somebody deleted from the stream since.
      at.heads.forget(stream)
      head = undefined
    } else if (wanted !== version) {
      if (isFresh) return { outcome: 'conflict', actual: version }
    } else {
      const result = await write(at, prepared, wireIds, head ?? EMPTY)
      if (result !== null) return result
    }
    if (performance.now() > giveUpAt)
      throw new EnfoldFault(
        'CONTENTION',
        `Other writers were first at every one of ${round + 1} attempts to append to ${name}. Try again.`,
        { stream },
      )
    if (round > 0) await pause(backOffMs(round - 1))
    head = await lookedAt(at, stream, name)
    isFresh = true
  }
}

/** `null`: the stream has another version by now, and nothing was written. */
async function write(
  at: LogAccess,
  { stream, name, events }: PreparedAppend,
  wireIds: readonly string[],
  head: Head,
): Promise<Appended | null> {
  let hash = at.hashChain ? head.hash : null
  const hashes = events.map(({ digest }) => {
    hash = digest === null ? null : chainHash(hash, digest)
    return hash
  })
  const proposed = events.map((event, i) => proposedOf(event, hashes[i] ?? null, wireIds[i] as string))
  try {
    const written = await at.calls.append(name, proposed, head.version - 1)
    if (written === 'refused') return null
    const version = written.revision + 1
    const first = version + 1 - events.length
    // Where a stream was deleted, the versions go on after what is gone.
    const grown = growingHead(first === head.version + 1 && head !== EMPTY ? head : undefined)
    for (const [i, { id }] of events.entries()) grown.add({ id, version: first + i, hash: hashes[i] ?? null })
    at.heads.offer(stream, grown)
    if (written.position !== null) return appendedOf({ version, position: written.position }, false)
    const place = await placeOf(at, name, version, (events.at(-1) as Outgoing).id)
    if (place !== null) return appendedOf(place, false)
    throw new EnfoldFault(
      'STORE_CORRUPT',
      `An event that was just appended to ${name} is not there. Set no $maxCount, $maxAge or $tb on these streams.`,
      { stream },
    )
  } catch (error) {
    // It may have been written: what is known of the stream is known no longer.
    at.heads.forget(stream)
    throw error
  }
}

export async function appendMany(
  at: LogAccess,
  exclusively: Serialize<StreamId>,
  given: readonly StreamAppend[],
): Promise<readonly AppendResult[]> {
  const all = given.map((one, i) => preparedAppend(at, one, `appends[${i}].events`))
  // Reused ids are looked for in all streams before the first is written, so that then nothing is.
  const looked = all.filter((one) => !isByItsEnd(at, one))
  await Promise.all(
    [...new Map(looked.map(({ stream, name }) => [stream, name]))].map(async ([stream, name]) => {
      if (at.heads.get(stream) === undefined) await lookedAt(at, stream, name)
    }),
  )
  const claimed = new Map<string, StreamId>()
  for (const { stream, events } of all) {
    const versions = at.heads.get(stream)?.versions
    const owners = events.map(({ id }) => (versions?.has(id) ? stream : claimed.get(id)))
    if (owners.every((owner) => owner === stream)) continue
    for (const [i, event] of events.entries()) {
      if (owners[i] !== undefined || claimed.has(event.id)) throw idReused(event.id, owners[i] ?? stream)
      claimed.set(event.id, stream)
    }
  }
  const outcomes = await Promise.allSettled(all.map((one) => exclusively(one.stream, () => append(at, one))))
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

/** What stands in the stream now: what is known of it, and what came since. */
async function lookedAt(at: LogAccess, stream: StreamId, name: string): Promise<Head> {
  let head = growingHead(at.heads.get(stream))
  for (let isWhole = false; !isWhole; ) {
    const page = await at.calls.read(name, head.version, PAGE)
    if (page === 'missing') {
      at.heads.forget(stream)
      head = growingHead()
    } else for (const stored of page) head.add(recordedOf(stored, at.names))
    isWhole = page === 'missing' || page.length < PAGE
  }
  at.heads.offer(stream, head)
  return head
}

/** Where the event of this version stands; `null`: another stands there, or none does. */
async function placeOf(at: LogAccess, name: string, version: Version, id: EventId) {
  const page = await at.calls.read(name, version - 1, 1)
  if (page === 'missing' || page[0] === undefined) return null
  const found = recordedOf(page[0], at.names)
  return found.id === id && found.version === version ? found : null
}

function checkedExpectation(expected: ExpectedVersion): ExpectedVersion {
  if (expected === 'no-stream') return expected
  if (Number.isSafeInteger(expected) && expected >= 0) return expected
  throw EnfoldFault.invalidInput('expected', expected, '"no-stream", or a version from 0')
}
