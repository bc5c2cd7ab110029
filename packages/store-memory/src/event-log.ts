/** The events in memory: appends with the version that they expect, and reads in pages. */
import {
  type AppendResult,
  type ContactId,
  contactOf,
  type EventFilter,
  type EventId,
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
import { appendedOf, idReused, type LogPage, unknownCursor, versionExpected, withoutHash } from '@enfold/core/store'

/** How many events a reader gets at once: enough that asking for more costs nothing. */
const PAGE = 1000

export interface MemoryLog {
  readonly events: RecordedEvent[]
  /** Those of campaigns, which each command asks for: few of many. */
  readonly ofCampaigns: RecordedEvent[]
  readonly streams: Map<StreamId, RecordedEvent[]>
  readonly byId: Map<EventId, RecordedEvent>
  /** Contacts in the order of their first events, and where each stands in it. */
  readonly contacts: ContactId[]
  readonly places: Map<ContactId, number>
  readonly hashChain: boolean
}

export function createMemoryLog(hashChain: boolean): MemoryLog {
  return {
    events: [],
    ofCampaigns: [],
    streams: new Map(),
    byId: new Map(),
    contacts: [],
    places: new Map(),
    hashChain,
  }
}

export function versionOf(log: MemoryLog, stream: StreamId): Version {
  return log.streams.get(stream)?.length ?? 0
}

/**
 * Writes each append that meets the versions that it expects.
 *
 * @param onWritten called for what was written now, not for repeats
 */
export function appendTo(
  log: MemoryLog,
  appends: readonly StreamAppend[],
  onWritten: (append: StreamAppend, version: Version) => void,
): readonly AppendResult[] {
  // Everything that can throw comes before anything is written.
  refuseReusedIds(log, appends)
  return appends.map((one) => {
    const before = one.events.flatMap(({ id }) => log.byId.get(id) ?? [])
    const repeated = before.at(-1)
    if (repeated !== undefined) return appendedOf(repeated, true)
    const actual = versionOf(log, one.stream)
    if (actual !== versionExpected(one.expected)) return { outcome: 'conflict', actual }
    if (!hasRequired(log, one)) return { outcome: 'conflict', actual, outdated: true }
    const written = write(log, one, actual)
    onWritten(one, actual + written.length)
    return appendedOf(written.at(-1) as RecordedEvent, false)
  })
}

/** Whether all of them would be written, one after the other. */
export function wouldBeWritten(log: MemoryLog, appends: readonly StreamAppend[]): boolean {
  const versions = new Map<StreamId, Version>()
  return appends.every((one) => {
    const actual = versions.get(one.stream) ?? versionOf(log, one.stream)
    versions.set(one.stream, actual + one.events.length)
    return actual === versionExpected(one.expected) && hasRequired(log, one)
  })
}

function hasRequired(log: MemoryLog, { requires = [] }: StreamAppend): boolean {
  return requires.every(({ stream, version }) => versionOf(log, stream) === version)
}

function refuseReusedIds(log: MemoryLog, appends: readonly StreamAppend[]): void {
  const claimed = new Map<EventId, StreamId>()
  for (const { stream, events } of appends) {
    const owners = events.map(({ id }) => log.byId.get(id)?.stream ?? claimed.get(id))
    if (owners.every((owner) => owner === stream)) continue
    for (const [i, { id }] of events.entries()) {
      if (owners[i] !== undefined || claimed.has(id)) throw idReused(id, owners[i] ?? stream)
      claimed.set(id, stream)
    }
  }
}

function write(log: MemoryLog, { stream, events }: StreamAppend, actual: Version): RecordedEvent[] {
  const ofStream = log.streams.get(stream) ?? []
  let previous = ofStream.at(-1)?.hash ?? null
  const written = events.map((event, i) => {
    const given = structuredClone(withoutHash(event))
    const place = { stream, version: actual + i + 1, position: log.events.length + i + 1 }
    if (!log.hashChain) return deepFreeze({ ...given, ...place } as RecordedEvent)
    previous = chainHash(previous, digestOf({ ...given, stream } as NewEvent & { stream: StreamId }))
    return deepFreeze({ ...given, ...place, hash: previous } as RecordedEvent)
  })
  const contactId = contactOf(stream)
  for (const event of written) {
    log.events.push(event)
    if (contactId === null) log.ofCampaigns.push(event)
    log.byId.set(event.id, event)
    ofStream.push(event)
  }
  log.streams.set(stream, ofStream)
  if (contactId !== null && actual === 0) log.places.set(contactId, log.contacts.push(contactId) - 1)
  return written
}

export function streamPage(log: MemoryLog, stream: StreamId, from: Version) {
  const events = log.streams.get(stream)?.slice(from - 1, from - 1 + PAGE) ?? []
  return { events, isLast: events.length < PAGE, nextSize: PAGE }
}

export function readTail(log: MemoryLog, { stream, ids }: TailAsked, stored: StoredState | null): Tail {
  const events = log.streams.get(stream) ?? []
  return {
    stored,
    events: events.slice(Math.max(stored?.version ?? 1, 1) - 1),
    isRecorded: ids.some((id) => log.byId.get(id)?.stream === stream),
  }
}

export function logPage({ events, ofCampaigns }: MemoryLog, after: Position, { streams }: EventFilter = {}): LogPage {
  if (streams === 'campaigns') {
    const from = ofCampaigns.findLastIndex(({ position }) => position <= after) + 1
    const page = ofCampaigns.slice(from, from + PAGE)
    return { events: page, isLast: from + PAGE >= ofCampaigns.length, nextSize: PAGE, head: events.length }
  }
  const found: RecordedEvent[] = []
  let i = after
  for (; i < events.length && found.length < PAGE; i++) {
    const event = events[i] as RecordedEvent
    if (streams === undefined || contactOf(event.stream) !== null) found.push(event)
  }
  return { events: found, isLast: i >= events.length, nextSize: PAGE, head: events.length }
}

export function contactsAfter(log: MemoryLog, after: ContactId | null, limit: number): readonly ContactId[] {
  const place = after === null ? -1 : log.places.get(after)
  if (place === undefined) throw unknownCursor(after, 'a contact that has a stream')
  return log.contacts.slice(place + 1, place + 1 + limit)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
