/** The reference store: the smallest honest keeping of the promises of the ports, in memory. For tests and first steps. */
import {
  type AppendResult,
  appendOf,
  type BeginsTransactions,
  type CaughtUp,
  type ChecksRequired,
  type ContactId,
  chainHash,
  checkAppend,
  contactOf,
  contactStream,
  createInProcessTransactions,
  createTagIndex,
  type Derived,
  digestOf,
  EnfoldFault,
  type EventFilter,
  type EventId,
  epochMsOf,
  instantOf,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type Store,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { createActions } from './actions.ts'
import { createAgenda } from './agenda.ts'

export interface MemoryStoreOptions {
  /** Default true: each event gets a hash over its predecessor's and its own digest. */
  readonly hashChain?: boolean
}

/**
 * A store that lives as long as the process. Everything that it gives out is frozen.
 *
 * @example
 * const engine = createEngine({ store: createMemoryStore(), handlers: {} })
 */
export function createMemoryStore({
  hashChain = true,
}: MemoryStoreOptions = {}): Store & ChecksRequired & BeginsTransactions {
  const log: RecordedEvent[] = []
  const streams = new Map<StreamId, RecordedEvent[]>()
  const byId = new Map<EventId, RecordedEvent>()
  /** Contacts in the order of their first events, and where each stands in it. */
  const contacts: ContactId[] = []
  const places = new Map<ContactId, number>()
  const index = createTagIndex()
  const agenda = createAgenda()
  const actions = createActions()
  /** Up to which version each contact's rows of the read model go. */
  const projected = new Map<ContactId, Version>()
  let checkpoint: Position = 0
  const waiting = new Set<() => void>()
  let closed = false

  function open(): void {
    if (closed) throw new EnfoldFault('CLOSED', 'The memory store was closed. Make a new one.')
  }

  const versionOf = (stream: StreamId): Version => streams.get(stream)?.length ?? 0

  /** Everything that can throw comes before anything is written. */
  function appendMany(appends: readonly StreamAppend[]): readonly AppendResult[] {
    const claimed = new Map<EventId, StreamId>()
    for (const { stream, events } of appends) {
      checkAppend({ stream, events })
      const owners = events.map(({ id }) => byId.get(id)?.stream ?? claimed.get(id))
      if (owners.every((owner) => owner === stream)) continue
      for (const [i, { id }] of events.entries()) {
        if (owners[i] === undefined && !claimed.has(id)) claimed.set(id, stream)
        else
          throw new EnfoldFault(
            'EVENT_ID_REUSED',
            `The event id ${JSON.stringify(id)} stands in the log already, in other company. Nothing was written; use another command id.`,
            { id, stream: owners[i] ?? stream },
          )
      }
    }
    return appends.map(append)
  }

  function append({ stream, events, expected, derived, requires = [] }: StreamAppend): AppendResult {
    const before = events.flatMap(({ id }) => byId.get(id) ?? [])
    if (before.length > 0) return appended(before, true)
    const actual = versionOf(stream)
    if (actual !== (expected === 'no-stream' ? 0 : expected)) return { outcome: 'conflict', actual }
    if (requires.some((one) => versionOf(one.stream) !== one.version))
      return { outcome: 'conflict', actual, outdated: true }
    let previous = streams.get(stream)?.at(-1)?.hash ?? null
    const written = events.map((event, i) => {
      // A hash that comes along is that of another log, from which the event is imported.
      const { hash: _, ...given } = structuredClone(event) as NewEvent & { hash?: string }
      const place = { stream, version: actual + i + 1, position: log.length + i + 1 }
      if (!hashChain) return deepFreeze({ ...given, ...place } as RecordedEvent)
      previous = chainHash(previous, digestOf({ ...given, stream } as NewEvent & { stream: StreamId }))
      return deepFreeze({ ...given, ...place, hash: previous } as RecordedEvent)
    })
    for (const event of written) {
      log.push(event)
      byId.set(event.id, event)
    }
    if (actual === 0) streams.set(stream, [])
    streams.get(stream)?.push(...written)
    const contactId = contactOf(stream)
    if (contactId !== null) {
      if (actual === 0) places.set(contactId, contacts.push(contactId) - 1)
      if (derived !== undefined) project(contactId, actual + written.length, derived)
    }
    for (const wake of waiting) wake()
    return appended(written, false)
  }

  function appended(events: readonly RecordedEvent[], repeated: boolean): AppendResult {
    const { version, position } = events.at(-1) as RecordedEvent
    return { outcome: 'appended', version, position, events: Object.freeze(events), repeated }
  }

  function project(contactId: ContactId, version: Version, { tags, wakeAt, lane, others }: Derived): void {
    index.apply(tags)
    agenda.set(contactId, wakeAt, lane, others)
    projected.set(contactId, version)
  }

  function* eventsBehind(after: Position, filter: EventFilter = {}): Generator<RecordedEvent> {
    for (let i = after; i < log.length; i++) {
      open()
      const event = log[i] as RecordedEvent
      const kind = contactOf(event.stream) === null ? 'campaigns' : 'contacts'
      if (filter.streams === undefined || filter.streams === kind) yield event
    }
    open()
  }

  /** For transactions: all of them, or none if one meets another version than it expects. */
  function appendAll(appends: readonly StreamAppend[]): boolean {
    const versions = new Map<StreamId, Version>()
    for (const { stream, events, expected, requires = [] } of appends) {
      const actual = versions.get(stream) ?? versionOf(stream)
      if (actual !== (expected === 'no-stream' ? 0 : expected)) return false
      if (requires.some((one) => versionOf(one.stream) !== one.version)) return false
      versions.set(stream, actual + events.length)
    }
    appendMany(appends)
    return true
  }

  /** Until something is appended, the store is closed, or the signal aborts. */
  async function news(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => resolve()
    waiting.add(wake)
    signal.addEventListener('abort', wake)
    await promise
    signal.removeEventListener('abort', wake)
    waiting.delete(wake)
  }

  const store: Store & ChecksRequired = {
    capabilities: { projectsInAppend: true, hashChain },
    async append(stream, events, expected, derived, requires) {
      open()
      return appendMany([appendOf(stream, events, expected, derived, requires)])[0] as AppendResult
    },
    async settled() {
      open()
    },
    async appendMany(appends) {
      open()
      return appendMany(appends)
    },
    async *readStream(stream, from = 1) {
      open()
      for (let i = Math.max(from, 1) - 1; i < versionOf(stream); i++) {
        yield streams.get(stream)?.[i] as RecordedEvent
        open()
      }
    },
    async readMany(names) {
      open()
      return new Map(names.map((name) => [name, [...(streams.get(name) ?? [])]]))
    },
    async *readAll(after = 0, filter) {
      yield* eventsBehind(after, filter)
    },
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      open()
      for (let position = after; !signal.aborted; ) {
        for (const event of eventsBehind(position, filter)) {
          yield event
          if (signal.aborted) return
        }
        position = Math.max(position, log.length)
        yield { type: 'CaughtUp', position }
        while (log.length <= position && !signal.aborted && !closed) await news(signal)
        if (!signal.aborted) open()
      }
    },
    async contacts(after, limit) {
      open()
      const place = after === null ? -1 : places.get(after)
      if (place === undefined) throw EnfoldFault.invalidInput('after', after, 'null, or a contact that has a stream')
      return contacts.slice(place + 1, place + 1 + checkedLimit(limit))
    },
    async close() {
      closed = true
      for (const wake of waiting) wake()
    },

    async apply(changes, position) {
      open()
      for (const { contactId, version, derived } of changes)
        if (version > (projected.get(contactId) ?? 0)) project(contactId, version, derived)
      checkpoint = Math.max(checkpoint, position)
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
    async claimDue(now, worker, limit, leaseMs, maxPerKind) {
      open()
      return agenda.claim(now, worker, checkedLimit(limit), instantOf(epochMsOf(now) + leaseMs), maxPerKind)
    },
    async release(claims) {
      open()
      agenda.release(claims)
    },
    async renew(claims, now, leaseMs) {
      open()
      return agenda.renew(claims, now, instantOf(epochMsOf(now) + leaseMs))
    },
    async nextWake(maxPerKind) {
      open()
      return agenda.nextWake(maxPerKind)
    },
    async backlog(kinds, now) {
      open()
      return agenda.backlog(kinds, now)
    },
    async agenda(until, limit, after) {
      open()
      return agenda.until(until, checkedLimit(limit), after)
    },
    async restore({ contactId, version, tags, wakeAt, lane = null, others = [] }) {
      open()
      // Beside another log there are no streams here: then what was projected last is what is known.
      const known = versionOf(contactStream(contactId))
      const isCurrent = known > 0 ? version === known : version === 0 || version >= (projected.get(contactId) ?? 0)
      if (!isCurrent) return false
      const added = tags.map((tag) => ({ change: 'add', contactId, tag }) as const)
      project(contactId, version, { tags: [{ change: 'clear', contactId }, ...added], wakeAt, lane, others })
      return true
    },
    async indexed(after, limit) {
      open()
      return index.contacts(after, limit)
    },

    async saveAction(record, change) {
      open()
      return actions.saveAction(record, change)
    },
    async action(actionId) {
      open()
      return actions.action(actionId)
    },
    async actions(after, limit) {
      open()
      return actions.actions(after, checkedLimit(limit))
    },
    async actionContacts(actionId, after, limit, outcome) {
      open()
      return actions.actionContacts(actionId, after, checkedLimit(limit), outcome)
    },
  }
  const transactions = createInProcessTransactions({
    readMany: store.readMany,
    readAll: store.readAll,
    head: async () => log.length,
    async appendAll(appends) {
      open()
      return appendAll(appends)
    },
  })
  return { ...store, ...transactions }
}

function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw EnfoldFault.invalidInput('limit', limit, 'a whole number from 1')
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
