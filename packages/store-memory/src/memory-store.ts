/** The reference store: the smallest honest keeping of the promises of the ports, in memory. For tests and first steps. */
import {
  type ActionStore,
  type BeginsTransactions,
  type ChecksRequired,
  type ContactId,
  contactOf,
  contactStream,
  createTagIndex,
  type Derived,
  type Position,
  type ProjectionStore,
  type Store,
  type StoredState,
  type StreamAppend,
  type TagIndex,
  type Version,
} from '@enfold/core'
import {
  createChanges,
  createInProcessTransactions,
  createOpenWork,
  createStore,
  inRuns,
  type LogPart,
} from '@enfold/core/store'
import { createActions } from './actions.ts'
import { createAgenda } from './agenda.ts'
import { createCounters } from './counters.ts'
import {
  appendTo,
  contactsAfter,
  createMemoryLog,
  logPage,
  readTail,
  streamPage,
  versionOf,
  wouldBeWritten,
} from './event-log.ts'

export interface MemoryStoreOptions {
  /** Default true: each event gets a hash over its predecessor's and its own digest. */
  readonly hashChain?: boolean
}

const atOnce = async <T>(work: () => T): Promise<T> => work()

/**
 * A store that lives as long as the process. Everything that it gives out is frozen.
 *
 * @example
 * const engine = createEngine({ store: createMemoryStore(), handlers: {} })
 */
export function createMemoryStore({
  hashChain = true,
}: MemoryStoreOptions = {}): Store & ChecksRequired & BeginsTransactions {
  const log = createMemoryLog(hashChain)
  const tags = createTagIndex()
  const agenda = createAgenda()
  const open = createOpenWork('memory')
  const changes = createChanges()
  /** Up to which version each contact's rows of the read model go. */
  const projected = new Map<ContactId, Version>()
  const states = new Map<ContactId, StoredState>()
  let checkpoint: Position = 0
  const counters = createCounters(() => (log.events.length > 0 ? log.events.length : checkpoint))

  function project(contactId: ContactId, version: Version, derived: Derived): void {
    const { tags: changed, wakeAt, lane, others, state } = derived
    if (state !== undefined) states.set(contactId, Object.freeze({ ...state, version }))
    tags.apply(changed)
    agenda.set(contactId, wakeAt, lane, others)
    projected.set(contactId, version)
  }

  const append = (appends: readonly StreamAppend[]) =>
    appendTo(log, appends, ({ stream, derived }, version) => {
      const contactId = contactOf(stream)
      if (contactId === null || derived === undefined) return
      project(contactId, version, derived)
      counters.add(derived.counters)
    })

  const logPart: LogPart = inRuns<Omit<LogPart, 'appendOne'>>(atOnce, {
    appendMany: append,
    streamPage: (stream, from) => streamPage(log, stream, from),
    logPage: (after, _, filter) => logPage(log, after, filter),
    readMany: (streams) => new Map(streams.map((stream) => [stream, [...(log.streams.get(stream) ?? [])]])),
    readTails: (asked) => asked.map((one) => readTail(log, one, states.get(contactOf(one.stream) ?? '') ?? null)),
    contacts: (after, limit) => contactsAfter(log, after, limit),
  })

  const projection = inRuns<ProjectionStore>(atOnce, {
    apply(all, position, counted) {
      if (counted !== undefined) {
        if (counted.since !== checkpoint) return false
        counters.addBatch(counted)
      }
      for (const { contactId, version, derived } of all)
        if (version > (projected.get(contactId) ?? 0)) project(contactId, version, derived)
      checkpoint = Math.max(checkpoint, position)
      return true
    },
    checkpoint: () => checkpoint,
    states: (contacts) =>
      new Map(
        contacts.flatMap((contactId) =>
          states.has(contactId) ? [[contactId, states.get(contactId) as StoredState]] : [],
        ),
      ),
    restore({ contactId, version, tags: all, keyed = [], wakeAt, lane = null, others = [], state }) {
      // As the read model of another log it has no streams: then what was projected last is what is known.
      const known = versionOf(log, contactStream(contactId))
      const isCurrent = known > 0 ? version === known : version === 0 || version >= (projected.get(contactId) ?? 0)
      if (!isCurrent) return false
      const memberships = [...all.map((tag) => ({ tag })), ...keyed]
      const added = memberships.map((one) => ({ change: 'add', contactId, ...one }) as const)
      project(contactId, version, { tags: [{ change: 'clear', contactId }, ...added], wakeAt, lane, others })
      if (state === null) states.delete(contactId)
      else if (state !== undefined) states.set(contactId, Object.freeze({ ...state }))
      return true
    },
  })

  const store = createStore({
    capabilities: { projectsInAppend: true, hashChain },
    log: logPart,
    index: inRuns<TagIndex>(atOnce, { ...tags, indexed: tags.contacts }),
    agenda: inRuns(atOnce, agenda.port),
    counters: inRuns(atOnce, counters.port),
    projection,
    actions: inRuns<ActionStore>(atOnce, createActions()),
    open,
    changes,
  })
  const transactions = createInProcessTransactions({
    readMany: store.readMany,
    readTails: store.readTails,
    readAll: store.readAll,
    head: async () => log.events.length,
    async appendAll(appends) {
      open.refuseIfClosed()
      if (!wouldBeWritten(log, appends)) return false
      append(appends)
      changes.notifyWaiters()
      return true
    },
  })
  return { ...store, ...transactions, settled: async () => open.refuseIfClosed() }
}
