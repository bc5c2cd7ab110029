/** The embedded store: one file, through the SQLite that Node brings. Events, index and agenda in one transaction. */
import {
  type AppendResult,
  appendOf,
  type BeginsTransactions,
  type CaughtUp,
  type ChecksRequired,
  contactOf,
  contactStream,
  createInProcessTransactions,
  EnfoldFault,
  epochMsOf,
  instantOf,
  type RecordedEvent,
  type Store,
  type StreamAppend,
  type Version,
} from '@enfold/core'
import { createSqlActions } from './actions.ts'
import { type Database, openDatabase } from './database.ts'
import { createEventLog, FIRST_SIZE } from './event-log.ts'
import { createSqlReadModel } from './read-model.ts'

export interface SqliteStoreOptions {
  /** A file, made if there is none; ":memory:" for one that goes with the store. */
  readonly path: string
  /**
   * Default "FULL": every answer is on the disk. "NORMAL": about twice as quick one by one; what was answered survives
   * the end of the process, but the last of it may be lost when the power fails.
   */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** Default false. True: the file must be there and is not written to; whoever tries gets `STORE_READ_ONLY`. */
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
  const { read, write, writeFleeting } = database
  const log = createEventLog(database.connection, hashChain)
  const model = createSqlReadModel(database.connection)
  const actions = createSqlActions(database.connection)
  const waiting = new Set<() => void>()
  /** How many times this store has written, to tell whether something came between a look and the wait for more. */
  let writes = 0

  function project({ stream, derived }: StreamAppend, version: Version): void {
    const contactId = contactOf(stream)
    if (contactId !== null && derived !== undefined) model.project(contactId, version, derived)
  }

  async function appendMany(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    const results = await write(() => appends.map((one) => log.append(one, project)))
    writes += 1
    for (const wake of waiting) wake()
    return results
  }

  /** For transactions: all of them, or none if one meets another version than it expects. */
  async function appendAll(appends: readonly StreamAppend[]): Promise<boolean> {
    const undone = new Error('Another has written meanwhile.')
    try {
      await write(() => {
        for (const one of appends) {
          const result = log.append(one, project)
          if (result.outcome === 'conflict' || result.repeated) throw undone
        }
      })
    } catch (error) {
      if (error === undone) return false
      throw error
    }
    writes += 1
    for (const wake of waiting) wake()
    return true
  }

  /** Until this store writes or is closed, the poll for other processes is due, or the signal aborts. */
  async function news(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => resolve()
    // A subscription alone keeps no process alive.
    const timer = setTimeout(wake, pollMs).unref()
    waiting.add(wake)
    signal.addEventListener('abort', wake)
    await promise
    signal.removeEventListener('abort', wake)
    waiting.delete(wake)
    clearTimeout(timer)
  }

  const store: Store & ChecksRequired = {
    capabilities: { projectsInAppend: true, hashChain },
    async append(stream, events, expected, derived, requires) {
      const [result] = await appendMany([appendOf(stream, events, expected, derived, requires)])
      return result as AppendResult
    },
    appendMany,
    // One writes at a time.
    async settled() {
      database.refuseIfClosed()
    },
    async *readStream(stream, from = 1) {
      for (let next = from, size = FIRST_SIZE; ; ) {
        const batch = await read(() => log.stream(stream, next, size))
        for (const event of batch.events) {
          yield event
          database.refuseIfClosed()
        }
        if (batch.isLast) return
        next = (batch.events.at(-1) as RecordedEvent).version + 1
        size = batch.nextSize
      }
    },
    readMany: (streams) => read(() => new Map(streams.map((stream) => [stream, log.wholeStream(stream)]))),
    async *readAll(after = 0, filter) {
      for (let position = after, size = FIRST_SIZE; ; ) {
        const batch = await read(() => log.all(position, size, filter))
        for (const event of batch.events) {
          yield event
          database.refuseIfClosed()
          position = event.position
        }
        if (batch.isLast) return
        size = batch.nextSize
      }
    },
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      for (let position = after, size = FIRST_SIZE; !signal.aborted; ) {
        // Both in one look, so that nothing comes in between: behind the last batch there is nothing up to the head.
        const [batch, head] = await read(() => [log.all(position, size, filter), log.head()] as const)
        for (const event of batch.events) {
          yield event
          if (signal.aborted) return
          database.refuseIfClosed()
          position = event.position
        }
        size = batch.nextSize
        if (!batch.isLast) continue
        position = Math.max(position, head)
        yield { type: 'CaughtUp', position }
        for (;;) {
          const before = writes
          if (signal.aborted || (await read(() => log.head())) > position) break
          if (writes === before) await news(signal)
        }
      }
    },
    contacts: (after, limit) => read(() => log.contacts(after, checkedLimit(limit))),
    async close() {
      const closed = database.close()
      for (const wake of waiting) wake()
      await closed
    },

    apply: (changes, position) =>
      write(() => {
        for (const { contactId, version, derived } of changes)
          if (version > model.version(contactId)) model.project(contactId, version, derived)
        model.setCheckpoint(position)
      }),
    checkpoint: () => read(() => model.checkpoint()),
    members: (tag, page) => read(() => model.members(tag, page)),
    tagsOf: (contactId) => read(() => model.tagsOf(contactId)),
    search: (query, page) => read(() => model.search(query, page)),
    count: (tag) => read(() => model.count(tag)),
    async claimDue(now, worker, limit, leaseMs, maxPerKind) {
      checkedLimit(limit)
      // Nothing due is the usual answer to a poll, and needs no write lock.
      const due = await read(() => model.nextWake(maxPerKind))
      if (due === null || due > now) return []
      return await writeFleeting(() => model.claim(now, worker, limit, instantOf(epochMsOf(now) + leaseMs), maxPerKind))
    },
    release: (claims) => writeFleeting(() => model.release(claims)),
    renew: (claims, now, leaseMs) => writeFleeting(() => model.renew(claims, now, instantOf(epochMsOf(now) + leaseMs))),
    nextWake: (maxPerKind) =>
      read(() => {
        // Whoever would work on what is due, or answers for the health of it, could not.
        database.refuseIfOutdated()
        return model.nextWake(maxPerKind)
      }),
    backlog: (kinds, now) => read(() => model.backlog(kinds, now)),
    agenda: (until, limit, after) => read(() => model.agenda(until, checkedLimit(limit), after)),
    restore: (projection) =>
      write(() => {
        const { contactId, version } = projection
        // Beside another log there are no streams here: then what was projected last is what is known.
        const known = log.version(contactStream(contactId))
        const isCurrent = known > 0 ? version === known : version === 0 || version >= model.version(contactId)
        if (isCurrent) model.replace(projection)
        return isCurrent
      }),
    indexed: (after, limit) => read(() => model.indexed({ after, limit })),

    saveAction: (record, change) => write(() => actions.save(record, change)),
    action: (actionId) => read(() => actions.find(actionId)),
    actions: (after, limit) => read(() => actions.list(after, checkedLimit(limit))),
    actionContacts: (actionId, after, limit, outcome) =>
      read(() => actions.contacts(actionId, after, checkedLimit(limit), outcome)),
  }
  return {
    ...store,
    ...createInProcessTransactions({
      readMany: store.readMany,
      readAll: store.readAll,
      head: () => read(() => log.head()),
      appendAll,
    }),
  }
}

function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw EnfoldFault.invalidInput('limit', limit, 'a whole number from 1')
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
