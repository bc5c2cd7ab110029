/** The reference store: the smallest honest keeping of the promises of `ports.ts`, in memory. For tests and first steps. */
import {
  type AppendResult,
  type CaughtUp,
  type ContactId,
  compareIds,
  contactOf,
  createTagIndex,
  type Derived,
  EnfoldFault,
  type EventFilter,
  type EventId,
  type ExpectedVersion,
  epochMsOf,
  instantOf,
  isCampaignEvent,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type Store,
  type StreamId,
} from '@enfold/core'
import { createAgenda } from './agenda.ts'

/**
 * A store that lives as long as the process.
 *
 * @example
 * const store = createMemoryStore()
 */
export function createMemoryStore(): Store {
  const log: RecordedEvent[] = []
  const streams = new Map<StreamId, RecordedEvent[]>()
  const byId = new Map<EventId, RecordedEvent>()
  const index = createTagIndex()
  const agenda = createAgenda()
  let checkpoint: Position = 0
  let waiting: (() => void)[] = []
  let closed = false

  function open(): void {
    if (closed) throw new EnfoldFault('CLOSED', 'The memory store was closed. Make a new one.')
  }

  function append(
    stream: StreamId,
    events: readonly NewEvent[],
    expected: ExpectedVersion,
    derived?: Derived,
  ): AppendResult {
    if (events.length === 0) throw EnfoldFault.invalidInput('append.events', events, 'at least one event')
    const recorded = streams.get(stream) ?? []
    const before = events.map((event) => byId.get(event.id))
    if (before.every((event) => event?.stream === stream)) return appended(before as RecordedEvent[], true)
    const taken = before.find((event) => event !== undefined)
    const ids = new Set(events.map((event) => event.id))
    if (taken !== undefined || ids.size < events.length)
      throw new EnfoldFault('EVENT_ID_REUSED', 'An event id stands in the log already, in other company.', {
        id: taken?.id,
        stream: taken?.stream,
      })
    const actual = recorded.length
    if (expected !== 'any' && actual !== (expected === 'no-stream' ? 0 : expected))
      return { outcome: 'conflict', actual }
    const added = events.map((event, i) =>
      deepFreeze({
        ...structuredClone(event),
        stream,
        version: actual + i + 1,
        position: log.length + i + 1,
      } as RecordedEvent),
    )
    for (const event of added) {
      log.push(event)
      byId.set(event.id, event)
    }
    streams.set(stream, [...recorded, ...added])
    const contactId = contactOf(stream)
    if (derived !== undefined && contactId !== null) project(contactId, derived)
    const all = waiting
    waiting = []
    for (const wake of all) wake()
    return appended(added, false)
  }

  function appended(events: readonly RecordedEvent[], repeated: boolean): AppendResult {
    const { version, position } = events.at(-1) as RecordedEvent
    return { outcome: 'appended', version, position, events, repeated }
  }

  function project(contactId: ContactId, { tags, wakeAt, lane }: Derived): void {
    index.apply(tags)
    agenda.set(contactId, wakeAt, lane)
  }

  function* from(after: Position, filter?: EventFilter): Generator<RecordedEvent> {
    for (let i = after; i < log.length; i++) {
      const event = log[i] as RecordedEvent
      if (filter?.streams === undefined || (filter.streams === 'campaigns') === isCampaignEvent(event)) yield event
      open()
    }
  }

  return {
    capabilities: { projectsInAppend: true, manyProcesses: false, durable: false },
    async append(stream, events, expected, derived) {
      open()
      return append(stream, events, expected, derived)
    },
    async appendMany(appends) {
      open()
      return appends.map((one) => append(one.stream, one.events, one.expected, one.derived))
    },
    async *readStream(stream, version = 1) {
      open()
      for (const event of (streams.get(stream) ?? []).slice(version - 1)) {
        yield event
        open()
      }
    },
    async readMany(names) {
      open()
      return new Map(names.map((name) => [name, [...(streams.get(name) ?? [])]]))
    },
    async *readAll(after = 0, filter) {
      open()
      yield* from(after, filter)
    },
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      for (let position = after; ; ) {
        for (const event of from(position, filter)) {
          if (signal.aborted) return
          yield event
        }
        if (signal.aborted) return
        open()
        position = Math.max(position, log.length)
        yield { type: 'CaughtUp', position }
        while (log.length === position && !signal.aborted && !closed)
          await new Promise<void>((resolve) => {
            waiting.push(resolve)
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
      }
    },
    async contacts(after, limit) {
      open()
      return [...streams.keys()]
        .flatMap((stream) => contactOf(stream) ?? [])
        .filter((contactId) => after === null || compareIds(contactId, after) > 0)
        .sort(compareIds)
        .slice(0, limit)
    },
    async close() {
      closed = true
      for (const wake of waiting) wake()
    },

    async apply(changes, position) {
      open()
      for (const { contactId, derived } of changes) project(contactId, derived)
      checkpoint = position
    },
    async checkpoint() {
      open()
      return checkpoint
    },
    async members(tag, page) {
      open()
      return index.members(tag, page)
    },
    async tagsOf(contactId) {
      open()
      return index.tagsOf(contactId)
    },
    async search(query, page) {
      open()
      return index.search(query, page)
    },
    async count(tag) {
      open()
      return index.count(tag)
    },
    async claimDue(now, worker, limit, leaseMs, room) {
      open()
      return agenda.claim(now, worker, limit, instantOf(epochMsOf(now) + leaseMs), room)
    },
    async release(claims) {
      open()
      agenda.release(claims)
    },
    async renew(claims, now, leaseMs) {
      open()
      return agenda.renew(claims, instantOf(epochMsOf(now) + leaseMs))
    },
    async nextWake() {
      open()
      return agenda.nextWake()
    },
    async agenda(until, limit) {
      open()
      return agenda.until(until, limit)
    },
    async restore({ contactId, version, tags, wakeAt, lane }) {
      open()
      if ((streams.get(`contact-${contactId}`)?.length ?? 0) !== version) return false
      index.apply([{ change: 'clear', contactId }, ...tags.map((tag) => ({ change: 'add', contactId, tag }) as const)])
      agenda.set(contactId, wakeAt, lane)
      return true
    },
    async indexed(after, limit) {
      open()
      return index.contacts(after, limit)
    },
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
