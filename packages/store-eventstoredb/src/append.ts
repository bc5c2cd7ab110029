/** Appends: with the revision that they expect, each once however often a reply is lost, and the result of a repeat. */
import { randomUUID } from 'node:crypto'
import {
  type Appended,
  type AppendResult,
  chainHash,
  digestOf,
  EnfoldFault,
  type ExpectedVersion,
  type NewEvent,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { appendedOf, checkAppend, idReused, versionExpected } from '@enfold/core/store'
import { backOffMs, type Calls, pause } from './calls.ts'
import type { Serialize } from './serialize.ts'
import { growingHead, type Head, type StreamHeads } from './stream-heads.ts'
import { copyOf, proposedOf, recordedOf, type StreamNames } from './wire-event.ts'

/** The log, as appends and reads use it. */
export interface LogAccess {
  readonly names: StreamNames
  readonly calls: Calls
  readonly heads: StreamHeads
  readonly hashChain: boolean
  readonly giveUpAfterMs: number
}

/** Events of one read of a stream. */
export const PAGE = 1000
/** Of a stream of which nothing is known: it is taken to be empty until the server says otherwise. */
const EMPTY: Head = { version: 0, hash: null, versions: new Map() }

export async function append(
  at: LogAccess,
  stream: StreamId,
  events: readonly NewEvent[],
  expected: ExpectedVersion,
): Promise<AppendResult> {
  const name = at.names.nameOf(stream)
  const wanted = versionExpected(expected)
  // Of this append alone. With the events' own ids the server would answer success for what another process wrote under
  // the same ids, other data or not; so it refuses, and a look into the stream tells a repeat from a conflict.
  const wireIds = events.map(() => randomUUID())
  const giveUpAt = performance.now() + at.giveUpAfterMs
  let head = at.heads.get(stream)
  let isFresh = false
  for (let round = 0; ; round++) {
    // A stream that is not to be there is not looked for: the server finds it, and then it is.
    if (head === undefined && wanted !== 0) {
      head = await lookedAt(at, stream)
      isFresh = true
    }
    const { version, versions } = head ?? EMPTY
    const before = events.flatMap(({ id }) => versions.get(id) ?? [])
    if (before.length > 0) {
      if (before.length < events.length) throw idReused(events.find(({ id }) => versions.has(id))?.id ?? '', stream)
      const found = await recorded(at, stream, before)
      if (found.length === events.length && found.every(({ id }, i) => id === events[i]?.id))
        return appendedOf(found, true)
      // Somebody deleted from the stream since.
      at.heads.forget(stream)
      head = undefined
    } else if (wanted !== version) {
      if (isFresh) return { outcome: 'conflict', actual: version }
    } else {
      const result = await write(at, stream, events, wireIds, head ?? EMPTY)
      if (result !== null) return result
    }
    if (performance.now() > giveUpAt)
      throw new EnfoldFault(
        'CONTENTION',
        `Other writers were first at every one of ${round + 1} attempts to append to ${name}. Try again.`,
        { stream },
      )
    if (round > 0) await pause(backOffMs(round - 1))
    head = await lookedAt(at, stream)
    isFresh = true
  }
}

/** `null`: the stream has another version by now, and nothing was written. */
async function write(
  at: LogAccess,
  stream: StreamId,
  events: readonly NewEvent[],
  wireIds: readonly string[],
  head: Head,
): Promise<Appended | null> {
  let hash = at.hashChain ? head.hash : null
  const chained = events.map((event, i) => {
    if (at.hashChain) hash = chainHash(hash, digestOf({ ...event, stream }))
    return { event, hash, proposed: proposedOf(event, hash, wireIds[i] as string) }
  })
  try {
    const written = await at.calls.append(
      at.names.nameOf(stream),
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
    // Where a stream was deleted, the versions go on after what is gone.
    const grown = growingHead(first === head.version + 1 && head !== EMPTY ? head : undefined)
    grown.add(places)
    at.heads.offer(stream, grown)
    // The server tells where the last one stands; where the others do, only a look at them.
    const { position } = written
    const [only] = places
    if (places.length === 1 && position !== null) return appendedOf([{ ...only, position } as RecordedEvent], false)
    const versions = places.map(({ version }) => version)
    const found = await recorded(at, stream, versions)
    if (found.length === places.length) return appendedOf(found, false)
    throw new EnfoldFault(
      'STORE_CORRUPT',
      `Events that were just appended to ${at.names.nameOf(stream)} are not there. Set no $maxCount, $maxAge or $tb on these streams.`,
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
  inTurn: Serialize<StreamId>,
  given: readonly StreamAppend[],
): Promise<readonly AppendResult[]> {
  const all = given.map(({ stream, events, expected }, i) => {
    at.names.nameOf(stream)
    return {
      stream,
      expected: checkedExpectation(expected),
      events: copiesOf(stream, events, `appends[${i}].events`),
    }
  })
  // Reused ids are looked for in all streams before the first is written, so that then nothing is.
  await Promise.all(
    [...new Set(all.map(({ stream }) => stream))].map(async (stream) => {
      if (at.heads.get(stream) === undefined) await lookedAt(at, stream)
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
  const outcomes = await Promise.allSettled(
    all.map(({ stream, events, expected }) => inTurn(stream, () => append(at, stream, events, expected))),
  )
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

/** What stands in the stream now: what is known of it, and what came since. */
async function lookedAt(at: LogAccess, stream: StreamId): Promise<Head> {
  const name = at.names.nameOf(stream)
  let head = growingHead(at.heads.get(stream))
  for (let isWhole = false; !isWhole; ) {
    const page = await at.calls.read(name, head.version, PAGE)
    if (page === 'missing') {
      at.heads.forget(stream)
      head = growingHead()
    } else head.add(page.map((event) => recordedOf(event, at.names)))
    isWhole = page === 'missing' || page.length < PAGE
  }
  at.heads.offer(stream, head)
  return head
}

/** The events with these ids, as they were recorded; fewer, if what was known of the stream is no longer so. */
async function recorded(at: LogAccess, stream: StreamId, versions: readonly Version[]): Promise<RecordedEvent[]> {
  const first = Math.min(...versions)
  const wanted = new Set(versions)
  const found = new Map<Version, RecordedEvent>()
  for (let next = first; found.size < wanted.size; ) {
    const page = await at.calls.read(at.names.nameOf(stream), next - 1, PAGE)
    if (page === 'missing' || page.length === 0) break
    for (const event of page.map((one) => recordedOf(one, at.names)))
      if (wanted.has(event.version)) found.set(event.version, event)
    next = Number(page.at(-1)?.revision) + 2
  }
  return versions.flatMap((version) => found.get(version) ?? [])
}

export function copiesOf(stream: StreamId, events: readonly NewEvent[], path: string): NewEvent[] {
  const ids = new Set<string>()
  const copies = events.map((event, i) => {
    const copy = copyOf(event, `${path}[${i}]`)
    if (ids.has(copy.id)) throw idReused(copy.id, '')
    ids.add(copy.id)
    return copy
  })
  checkAppend({ stream, events: copies })
  return copies
}

export function checkedExpectation(expected: ExpectedVersion): ExpectedVersion {
  if (expected === 'no-stream') return expected
  if (Number.isSafeInteger(expected) && expected >= 0) return expected
  throw EnfoldFault.invalidInput('expected', expected, '"no-stream", or a version from 0')
}
