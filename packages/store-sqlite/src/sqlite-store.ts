/** The embedded store: one file, through the SQLite that Node brings. Events, index and agenda in one transaction. */
import {
  type AppendResult,
  type CaughtUp,
  contactOf,
  contactStream,
  EnfoldFault,
  epochMsOf,
  instantOf,
  type RecordedEvent,
  type Store,
  type StreamAppend,
} from '@enfold/core'
import { openDatabase } from './database.ts'
import { createEventLog } from './event-log.ts'
import { createSqlReadModel } from './read-model.ts'

export interface SqliteStoreOptions {
  /** A file, made if there is none; ":memory:" for one that goes with the process; or a `file:` URL with SQLite's own parameters. */
  readonly path: string | URL
  /** Default "FULL": durable at each answer. "NORMAL": quicker, survives a crash of the process, may lose the last answers in a power cut. */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** How long to wait for other processes that write, in milliseconds. Default 5,000; then `STORE_BUSY`. */
  readonly busyTimeoutMs?: number
  /** How often a subscription looks for what other processes wrote, in milliseconds. Default 200. */
  readonly pollMs?: number
}

/**
 * Opens, and if need be makes, a store in a file. Several processes may have it open at once.
 *
 * @throws EnfoldFault `STORE_INCOMPATIBLE` for a file of another program or of a newer release, which is left as it is;
 *   `STORE_UNAVAILABLE` if it cannot be opened; `INVALID_INPUT` for options that cannot be
 * @example
 * const store = createSqliteStore({ path: 'campaigns.db' })
 */
export function createSqliteStore(options: SqliteStoreOptions): Store {
  const { path, synchronous = 'FULL', busyTimeoutMs = 5000, pollMs = 200 } = checked(options)
  const database = openDatabase({ path, synchronous, busyTimeoutMs })
  const log = createEventLog(database.connection)
  const model = createSqlReadModel(database.connection)
  let waiting: (() => void)[] = []
  let closed = false

  function open(): void {
    if (closed) throw new EnfoldFault('CLOSED', 'The SQLite store was closed. Make a new one.')
  }
  function read<T>(work: () => T): Promise<T> {
    return database.read(() => {
      open()
      return work()
    })
  }
  function write<T>(work: () => T): Promise<T> {
    open()
    return database.write(() => {
      open()
      return work()
    })
  }

  function project({ stream, derived }: StreamAppend): void {
    const contactId = contactOf(stream)
    if (contactId !== null && derived !== undefined) model.project(contactId, derived)
  }
  async function appendMany(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    const results = await write(() => appends.map((one) => log.append(one, project)))
    const all = waiting
    waiting = []
    for (const wake of all) wake()
    return results
  }

  /** Until this store writes, or the poll for other processes is due, or the reader ends. */
  function news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      // A subscription alone keeps no process alive.
      const timer = setTimeout(done, pollMs).unref()
      signal.addEventListener('abort', done)
      waiting.push(done)
    })
  }

  return {
    capabilities: { projectsInAppend: true, manyProcesses: true, durable: true },
    async append(stream, events, expected, derived) {
      const [result] = await appendMany([{ stream, events, expected, ...(derived === undefined ? {} : { derived }) }])
      return result as AppendResult
    },
    appendMany: async (appends) => appendMany(appends),
    async *readStream(stream, from = 1) {
      yield* await read(() => log.stream(stream, from))
    },
    readMany: (streams) => read(() => new Map(streams.map((stream) => [stream, log.stream(stream, 1)]))),
    async *readAll(after = 0, filter) {
      for (let position = after; ; ) {
        const page = await read(() => log.page(position, filter))
        yield* page
        if (page.length === 0) return
        position = (page.at(-1) as RecordedEvent).position
      }
    },
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      let position = after
      let told = -1
      while (!signal.aborted) {
        // The head first: what is behind it when the page is read is read by the next look.
        const [head, page] = await read(() => [log.head(), log.page(position, filter)] as const)
        for (const event of page) {
          if (signal.aborted) return
          yield event
          position = event.position
        }
        if (page.length > 0) continue
        position = Math.max(position, head)
        if (told !== position) yield { type: 'CaughtUp', position }
        told = position
        if (!signal.aborted) await news(signal)
      }
    },
    contacts: (after, limit) => read(() => log.contacts(after, limit)),
    async close() {
      if (closed) return
      closed = true
      for (const wake of waiting) wake()
      database.connection.close()
    },

    apply: (changes, position) =>
      write(() => {
        for (const { contactId, derived } of changes) model.project(contactId, derived)
        model.setCheckpoint(position)
      }),
    checkpoint: () => read(() => model.checkpoint()),
    members: (tag, page) => read(() => model.members(tag, page)),
    tagsOf: (contactId) => read(() => model.tagsOf(contactId)),
    search: (query, page) => read(() => model.search(query, page)),
    count: (tag) => read(() => model.count(tag)),
    async claimDue(now, worker, limit, leaseMs, room) {
      // Nothing due is the usual answer to a poll, and needs no write lock.
      const due = await read(() => model.nextWake())
      if (due === null || due > now) return []
      return write(() => model.claim(now, worker, limit, instantOf(epochMsOf(now) + leaseMs), room))
    },
    release: (claims) => write(() => model.release(claims)),
    renew: (claims, now, leaseMs) => write(() => model.renew(claims, instantOf(epochMsOf(now) + leaseMs))),
    nextWake: () => read(() => model.nextWake()),
    agenda: (until, limit) => read(() => model.agenda(until, limit)),
    restore: (projection) =>
      write(() => {
        if (log.version(contactStream(projection.contactId)) !== projection.version) return false
        model.replace(projection)
        return true
      }),
    indexed: (after, limit) => read(() => model.indexed(after, limit)),
  }
}

function checked(options: SqliteStoreOptions): SqliteStoreOptions {
  const { path, synchronous, busyTimeoutMs, pollMs } = options
  if (!(typeof path === 'string' && path.length > 0) && !(path instanceof URL))
    throw EnfoldFault.invalidInput('createSqliteStore.path', path, 'a file path or a file: URL')
  if (synchronous !== undefined && synchronous !== 'FULL' && synchronous !== 'NORMAL')
    throw EnfoldFault.invalidInput('createSqliteStore.synchronous', synchronous, '"FULL" or "NORMAL"')
  for (const [name, ms] of [['busyTimeoutMs', busyTimeoutMs], ['pollMs', pollMs]] as const)
    if (ms !== undefined && !(Number.isInteger(ms) && ms >= 1))
      throw EnfoldFault.invalidInput(`createSqliteStore.${name}`, ms, 'a whole number of milliseconds from 1')
  return options
}
