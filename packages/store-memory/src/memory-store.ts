/** The reference store: the smallest honest keeping of the promises of the ports, in memory. For tests and first steps. */
import {
  type ActionStore,
  type BeginsTransactions,
  type ChecksRequired,
  contactOf,
  createTagIndex,
  type Store,
  type StreamAppend,
  type TagIndex,
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
import { createProjection } from './projection.ts'

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
  const counters = createCounters(() => (log.events.length > 0 ? log.events.length : projection.checkpoint()))
  const projection = createProjection(tags, agenda, counters, (stream) => versionOf(log, stream))

  const append = (appends: readonly StreamAppend[]) =>
    appendTo(log, appends, ({ stream, derived }, version) => projection.append(stream, version, derived))

  const logPart: LogPart = inRuns<Omit<LogPart, 'appendOne'>>(atOnce, {
    appendMany: append,
    streamPage: (stream, from) => streamPage(log, stream, from),
    logPage: (after, _, filter) => logPage(log, after, filter),
    readMany: (streams) => new Map(streams.map((stream) => [stream, [...(log.streams.get(stream) ?? [])]])),
    readTails: (asked) => asked.map((one) => readTail(log, one, projection.stateOf(contactOf(one.stream)))),
    contacts: (after, limit) => contactsAfter(log, after, limit),
  })

  const store = createStore({
    capabilities: { projectsInAppend: true, hashChain },
    log: logPart,
    index: inRuns<TagIndex>(atOnce, { ...tags, indexed: tags.contacts }),
    agenda: inRuns(atOnce, agenda.port),
    counters: inRuns(atOnce, counters.port),
    projection: inRuns(atOnce, projection.port),
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
