/** The embedded store: one file, through the SQLite that Node brings. Events, index and agenda in one transaction. */
import {
  type ActionStore,
  type Agenda,
  type AppendResult,
  type BeginsTransactions,
  type ChecksRequired,
  type CounterChange,
  type CounterStore,
  CounterSum,
  contactOf,
  EnfoldFault,
  type ProjectionStore,
  type Store,
  type StreamAppend,
  type TagIndex,
  type Tail,
  type TailAsked,
} from '@enfold/core'
import {
  createChanges,
  createInProcessTransactions,
  createStore,
  inRuns,
  type LogPart,
  leaseEnd,
} from '@enfold/core/store'
import { createActionTables } from './actions.ts'
import {
  type AgendaTable,
  backlog,
  claim,
  createAgendaTable,
  entriesUntil,
  nextWake,
  release,
  renew,
} from './agenda.ts'
import { type CounterTables, createCounterTables } from './counters.ts'
import { type Database, openDatabase } from './database.ts'
import { createEventLog, type EventLog, type TailRead } from './event-log.ts'
import { createProjection, type Projection } from './projection.ts'
import { createStateTable } from './states.ts'
import { createTagTables } from './tag-index.ts'

export interface SqliteStoreOptions {
  /** A file, made if there is none; ":memory:" for one that goes with the store. */
  readonly path: string
  /**
   * Default "FULL": every answer is on the disk. "NORMAL": about twice as quick one by one; what was answered survives
   * the end of the process, but the last of it may be lost when the power fails.
   */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** Default false. True: the file must be there and is not written to; a write throws `STORE_READ_ONLY`. */
  readonly readOnly?: boolean
  /** Default true: each event gets a hash over its predecessor's and its own digest. */
  readonly hashChain?: boolean
  /** How long to wait for other processes that write, in milliseconds. Default 5,000; then `STORE_BUSY`. */
  readonly busyTimeoutMs?: number
  /** How often a subscription looks for what other processes wrote, in milliseconds. Default 200. */
  readonly pollMs?: number
}

/**
 * Opens, and if need be makes, a store in a file. Several processes on one machine may have it open at once.
 *
 * @throws EnfoldFault `STORE_INCOMPATIBLE` for a file of another program or of a newer release, which is left as it is;
 *   `STORE_UNAVAILABLE` if it cannot be opened; `STORE_BUSY`; `INVALID_INPUT` for options that cannot be
 * @example
 * const store = createSqliteStore({ path: 'campaigns.db' })
 */
export function createSqliteStore(options: SqliteStoreOptions): Store & ChecksRequired & BeginsTransactions {
  const { path, synchronous = 'FULL', readOnly = false, busyTimeoutMs = 5000 } = checked(options)
  return storeOn(openDatabase({ path, synchronous, readOnly, busyTimeoutMs }), options)
}

/** The store of a database that is open. */
export function storeOn(database: Database, options: SqliteStoreOptions): Store & ChecksRequired & BeginsTransactions {
  const { pollMs = 200, hashChain = true } = options
  const { connection, open, read, write } = database
  const changes = createChanges()
  const log = createEventLog(database, hashChain)
  const tags = createTagTables(database)
  const agenda = createAgendaTable(connection)
  const counters = createCounterTables(connection)
  const states = createStateTable(database)
  const projection = createProjection(connection, { tags, agenda, counters, states }, log.version)
  const { action, actions, actionContacts, saveAction } = createActionTables(connection)

  const { streamPage, logPage, readMany, contacts } = log
  const { checkpoint, apply, restore, states: statesOf } = projection.port
  const { correctCounters, ...askedCounters } = counters.port
  const appendAll = createAppends(log, projection, counters)
  const store = createStore({
    capabilities: { projectsInAppend: true, hashChain },
    log: {
      ...inRuns<Pick<LogPart, 'streamPage' | 'readMany' | 'contacts'>>(read, { streamPage, readMany, contacts }),
      ...inRuns<Pick<LogPart, 'logPage'>>(database.readTogether, { logPage }),
      readTails: (asked) => readTails(database, (one) => log.readTail(one, states.of), asked),
      appendMany: (appends) => write(() => appendAll(appends)),
    },
    index: inRuns<TagIndex>(read, tags.index),
    agenda: agendaOf(database, agenda),
    counters: {
      ...inRuns<Omit<CounterStore, 'correctCounters'>>(read, askedCounters),
      ...inRuns<Pick<CounterStore, 'correctCounters'>>(write, { correctCounters }),
    },
    projection: {
      ...inRuns<Pick<ProjectionStore, 'checkpoint'>>(read, { checkpoint }),
      ...inRuns<Pick<ProjectionStore, 'states'>>(database.readTogether, { states: statesOf }),
      ...inRuns<Omit<ProjectionStore, 'checkpoint' | 'states'>>(write, { apply, restore }),
    },
    actions: {
      ...inRuns<Omit<ActionStore, 'saveAction'>>(read, { action, actions, actionContacts }),
      ...inRuns<Pick<ActionStore, 'saveAction'>>(write, { saveAction }),
    },
    open,
    changes,
    pollMs,
    free: () => connection.close(),
  })
  const transactions = createInProcessTransactions({
    readMany: store.readMany,
    readTails: store.readTails,
    readAll: store.readAll,
    head: () => read(() => log.head()),
    async appendAll(appends) {
      const areWritten = await writtenTogether(database, () => appendAll(appends))
      if (areWritten) changes.notifyWaiters()
      return areWritten
    },
  })
  // `settled`: one writes at a time.
  return { ...store, ...transactions, settled: async () => open.refuseIfClosed() }
}

/**
 * Appends of one transaction, with what each derives. What they count together is written once, at the end: 500 starts of
 * one sequence change the same few counters.
 */
function createAppends(
  log: EventLog,
  projection: Projection,
  counters: CounterTables,
): (appends: readonly StreamAppend[]) => readonly AppendResult[] {
  return (appends) => {
    const counted: CounterChange[] = []
    const results = appends.map((one) =>
      log.append(one, ({ stream, derived }, version) => {
        const contactId = contactOf(stream)
        if (contactId === null || derived === undefined) return
        projection.project(contactId, version, derived)
        if (derived.counters !== undefined) counted.push(...derived.counters)
      }),
    )
    if (appends.length === 1) counters.add(counted)
    else {
      const sum = new CounterSum()
      sum.addAll(counted)
      counters.add(sum.changes())
    }
    return results
  }
}

/** One by itself without a transaction, which costs more than its events; if another process writes just then, with one. */
async function readTails(
  { read, readTogether }: Database,
  readTail: (asked: TailAsked) => TailRead,
  asked: readonly TailAsked[],
): Promise<readonly Tail[]> {
  const [one] = asked
  if (one !== undefined && asked.length === 1) {
    const { tail, fits } = await read(() => readTail(one))
    if (fits) return [tail]
  }
  return readTogether(() => asked.map((each) => readTail(each).tail))
}

function agendaOf({ read, writeWithoutSync, refuseIfOutdated }: Database, table: AgendaTable): Agenda {
  return {
    async claimDue(now, worker, limit, leaseMs, maxPerKind) {
      // Nothing due is the usual answer to a poll, and needs no write lock.
      const due = await read(() => nextWake(table, maxPerKind))
      if (due === null || due > now) return []
      return writeWithoutSync(() => claim(table, now, worker, limit, leaseEnd(now, leaseMs), maxPerKind))
    },
    release: (claims) => writeWithoutSync(() => release(table, claims)),
    renew: (claims, now, leaseMs) => writeWithoutSync(() => renew(table, claims, now, leaseEnd(now, leaseMs))),
    nextWake: (maxPerKind) =>
      read(() => {
        // Workers and health checks could not read it.
        refuseIfOutdated()
        return nextWake(table, maxPerKind)
      }),
    backlog: (kinds, now) => read(() => backlog(table, kinds, now)),
    agenda: (until, limit, after) => read(() => entriesUntil(table, until, limit, after)),
  }
}

/** All of them, or none and false if one meets another version than it expects. */
async function writtenTogether({ write }: Database, append: () => readonly AppendResult[]): Promise<boolean> {
  const undone = new Error('Another has written meanwhile.')
  try {
    await write(() => {
      if (append().some((result) => result.outcome === 'conflict' || result.repeated)) throw undone
    })
    return true
  } catch (error) {
    if (error === undone) return false
    throw error
  }
}

function checked(options: SqliteStoreOptions): SqliteStoreOptions {
  const { path, synchronous, readOnly, hashChain, busyTimeoutMs, pollMs } = options
  if (typeof path !== 'string' || path.length === 0)
    throw EnfoldFault.invalidInput('createSqliteStore.path', path, 'the path of a file, or ":memory:"')
  if (synchronous !== undefined && synchronous !== 'FULL' && synchronous !== 'NORMAL')
    throw EnfoldFault.invalidInput('createSqliteStore.synchronous', synchronous, '"FULL" or "NORMAL"')
  for (const [name, flag] of Object.entries({ readOnly, hashChain }))
    if (flag !== undefined && typeof flag !== 'boolean')
      throw EnfoldFault.invalidInput(`createSqliteStore.${name}`, flag, 'true or false')
  for (const [name, ms] of Object.entries({ busyTimeoutMs, pollMs }))
    if (ms !== undefined && !(Number.isInteger(ms) && ms >= 1))
      throw EnfoldFault.invalidInput(`createSqliteStore.${name}`, ms, 'a whole number of milliseconds from 1')
  return options
}
