/** The store for many workers: one schema of a PostgreSQL database. Events, index and agenda in one transaction. */
import {
  type AppendResult,
  appendOf,
  type CaughtUp,
  type ChangeNotifications,
  type ChecksRequired,
  type Claim,
  checkAppend,
  contactStream,
  EnfoldFault,
  type EventFilter,
  epochMsOf,
  instantOf,
  type Locked,
  type Position,
  type RecordedEvent,
  type Store,
  type StreamAppend,
  type StreamId,
  type Tag,
  type TransactionalStore,
  tagOf,
  waitingTagOf,
} from '@enfold/core'
import { type ClientConfig, Pool } from 'pg'
import { createSqlActions } from './actions.ts'
import { appendAroundLocks, appendPatiently, tryAgain, untilNothingLeft, untilUnlocked } from './around-locks.ts'
import { openDatabase } from './database.ts'
import { createEventLog, type EventLog, FIRST_SIZE } from './event-log.ts'
import { createNews } from './news.ts'
import type { PostgresPool } from './pool.ts'
import { createSqlReadModel } from './read-model.ts'

export interface PostgresStoreOptions {
  /** Where the database is, as `postgres://role:password@host:5432/database`. The store then has a pool of its own. */
  readonly connectionString?: string
  /** Instead of a connection string: a pool of yours. It stays open when the store is closed. */
  readonly pool?: PostgresPool
  /** Of the store's own pool. Default 10. */
  readonly maxConnections?: number
  /** How long to wait for a connection, in milliseconds; of the store's own pool. Default 10,000; then `STORE_BUSY`. */
  readonly connectTimeoutMs?: number
  /** How long the server may take to answer, in milliseconds; of the store's own pool. Default 60,000. */
  readonly answerTimeoutMs?: number
  /** Where the tables are: small letters, digits and underscores. Made if it is not there. Default "enfold". */
  readonly schema?: string
  /** Whether to bring the schema up to date when it is opened. Default true. False: `STORE_INCOMPATIBLE` if it is not. */
  readonly migrate?: boolean
  /** Whether each event gets a hash over its predecessor's and its own bytes. Default true. */
  readonly hashChain?: boolean
  /** Whether statements are prepared by name, which poolers in transaction mode may not bear. Default false. */
  readonly prepare?: boolean
  /**
   * LISTEN and NOTIFY on one more connection, so that other processes hear of writes at once and not with their next
   * poll. Default false, because a pooler in transaction mode swallows it. A connection string: the way past the pooler.
   */
  readonly notify?: boolean | string
  /**
   * How long an append waits for a contact to which another transaction, still open, has written, in milliseconds.
   * Default 10,000; then `CONTACT_LOCKED`. Others do not wait for it meanwhile.
   */
  readonly lockWaitMs?: number
  /** How often a subscription looks for what other processes wrote, in milliseconds. Default 200. */
  readonly pollMs?: number
}

/**
 * A store in a schema of a PostgreSQL database, 14 or newer. Nothing is opened before its first use.
 *
 * @throws EnfoldFault at first use `STORE_INCOMPATIBLE` for a schema of others or of a newer release, which is left as it
 *   is; `STORE_UNAVAILABLE`, `STORE_BUSY`; here `INVALID_INPUT` for options that cannot be
 * @example
 * const store = createPostgresStore({ connectionString: process.env.DATABASE_URL })
 */
export function createPostgresStore(
  options: PostgresStoreOptions,
): Store & ChangeNotifications & TransactionalStore & ChecksRequired {
  const {
    schema = 'enfold',
    migrate = true,
    hashChain = true,
    prepare = false,
    pollMs = 200,
    lockWaitMs = 10_000,
  } = checked(options)
  // What more of it is used is `pg`'s own, and read with care.
  const pool = (options.pool as Pool | undefined) ?? ownPool(options)
  const database = openDatabase({ pool, ownsPool: options.pool === undefined, schema, migrate, prepare })
  const channel = `enfold_${schema}`
  const news = createNewsOf(options, pool, channel, onNews)
  const log = createEventLog({ ...database, hashChain, channel: null })
  const model = createSqlReadModel(database)
  const bulk = createSqlActions(database)
  const waiting = new Set<() => void>()
  const listeners = new Set<() => void>()
  /** How many times anybody is known to have written, to tell whether something came between a look and the wait for more. */
  let writes = 0

  function rouse(): void {
    writes += 1
    for (const wake of waiting) wake()
  }

  function onNews(): void {
    rouse()
    for (const listener of listeners) listener()
  }

  async function appendBy<Result extends AppendResult | Locked>(
    write: (appends: readonly StreamAppend[]) => Promise<readonly Result[]>,
    appends: readonly StreamAppend[],
  ): Promise<readonly Result[]> {
    database.refuseIfClosed()
    const tags = tagsPublishedIn(appends)
    // Named before anybody wears them: whoever names one within a long transaction makes all wait who come to it.
    if (tags.length > 0) await model.name(tags)
    const results = await appended(write, appends)
    if (results.some((result) => result.outcome === 'appended' && !result.repeated)) {
      news?.tell()
      rouse()
    }
    return results
  }

  async function* readAllOf(from: EventLog, after: Position = 0, filter?: EventFilter): AsyncGenerator<RecordedEvent> {
    // Asked before each start and signal, and nearly always in vain. What is not to be seen here yet, the log in order
    // would not give either.
    if (filter?.streams === 'campaigns' && !(await from.hasCampaignsBehind(after))) return
    for (let position = after, size = FIRST_SIZE; ; ) {
      const batch = await from.all(position, size, filter)
      for (const event of batch.events) {
        yield event
        database.refuseIfClosed()
        position = event.position
      }
      if (batch.isLast) return
      size = batch.nextSize
    }
  }

  /** Until somebody writes, the store is closed, the poll for other processes is due, or the signal aborts. */
  async function somethingNew(signal: AbortSignal): Promise<void> {
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

  return {
    capabilities: { projectsInAppend: true, hashChain },
    async append(stream, events, expected, derived, requires) {
      const one = appendOf(stream, events, expected, derived, requires)
      const [result] = await appendBy(async () => [await appendPatiently(log, one, lockWaitMs)], [one])
      return result as AppendResult
    },
    appendMany: (appends) => appendBy((all) => appendAroundLocks(log, all), appends),
    async settled(stream, timeoutMs) {
      const startedAt = performance.now()
      // Those that began since saw what was committed before.
      let under = await log.requiring(stream, null)
      for (let pauseMs = 5; under.length > 0; pauseMs = Math.min(2 * pauseMs, 200)) {
        if (performance.now() - startedAt >= timeoutMs) throw unsettled(stream)
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
        under = await log.requiring(stream, under)
      }
    },
    async *readStream(stream, from = 1) {
      for (let next = from, size = FIRST_SIZE; ; ) {
        const batch = await log.stream(stream, next, size)
        for (const event of batch.events) {
          yield event
          database.refuseIfClosed()
        }
        if (batch.isLast) return
        next = (batch.events.at(-1) as RecordedEvent).version + 1
        size = batch.nextSize
      }
    },
    async readMany(streams) {
      database.refuseIfClosed()
      return log.streams(streams)
    },
    readAll: (after, filter) => readAllOf(log, after, filter),
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      database.refuseIfClosed()
      news?.listen()
      let caughtUp: Position | null = null
      for (let position = after, size = FIRST_SIZE; !signal.aborted; ) {
        const before = writes
        const batch = await log.all(position, size, filter)
        for (const event of batch.events) {
          yield event
          if (signal.aborted) return
          database.refuseIfClosed()
          position = event.position
        }
        size = batch.nextSize
        if (!batch.isLast) continue
        position = Math.max(position, batch.head)
        if (caughtUp !== position) {
          caughtUp = position
          yield { type: 'CaughtUp', position }
          if (signal.aborted) return
        }
        if (writes === before) await somethingNew(signal)
        database.refuseIfClosed()
      }
    },
    contacts: async (after, limit) => log.contacts(after, checkedLimit(limit)),
    inTransaction(client) {
      const bound = createEventLog({
        ...database.inTransaction(client),
        schema: database.schema,
        hashChain,
        channel: news === null ? null : channel,
      })
      return {
        async append(stream, events, expected, derived, requires) {
          const [result] = await appended(bound.append, [appendOf(stream, events, expected, derived, requires)])
          return result as AppendResult
        },
        readMany: (streams) => bound.streams(streams),
        readAll: (after, filter) => readAllOf(bound, after, filter),
      }
    },
    watch(listener) {
      news?.listen()
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      const closed = database.close()
      rouse()
      await news?.close()
      await closed
    },

    apply: (changes, position) =>
      model.apply(
        changes.map(({ contactId, version, derived }) => ({ contactId, version, ...derived })),
        position,
      ),
    checkpoint: () => model.checkpoint(),
    members: (tag, page) => model.members(tag, page),
    tagsOf: (contactId) => model.tagsOf(contactId),
    search: (tags, page) => model.search(tags, page),
    count: (tag) => model.count(tag),
    claimDue: async (now, worker, limit, leaseMs, maxPerKind) =>
      model.claim(now, worker, checkedLimit(limit), instantOf(epochMsOf(now) + leaseMs), maxPerKind),
    async release(claims) {
      database.refuseIfClosed()
      if (claims.length > 0) await untilNothingLeft(model.release, claims, lockWaitMs)
    },
    async renew(claims, now, leaseMs) {
      database.refuseIfClosed()
      if (claims.length === 0) return []
      const all: Claim[] = []
      const renew = async (some: readonly Claim[]) => {
        const { renewed, locked } = await model.renew(some, now, instantOf(epochMsOf(now) + leaseMs))
        all.push(...renewed)
        return locked
      }
      // The lock may be that of an outcome which this worker is just recording.
      await tryAgain(renew, await renew(claims), Math.min(1000, leaseMs / 10))
      return all
    },
    nextWake: (maxPerKind) => model.nextWake(maxPerKind),
    backlog: (kinds, now) => model.backlog(kinds, now),
    agenda: async (until, limit, after) => model.agenda(until, checkedLimit(limit), after),
    restore: (projection) =>
      untilUnlocked(() => model.restore(projection), contactStream(projection.contactId), lockWaitMs),
    indexed: (after, limit) => model.indexed({ after, limit }),

    saveAction: (record, change) => bulk.save(record, change),
    action: (actionId) => bulk.find(actionId),
    actions: async (after, limit) => bulk.list(after, checkedLimit(limit)),
    actionContacts: async (actionId, after, limit, outcome) =>
      bulk.contacts(actionId, after, checkedLimit(limit), outcome),
  }
}

function unsettled(stream: StreamId): EnfoldFault {
  const message = `A transaction that rests on an earlier version of ${JSON.stringify(stream)} is still open: one of yours, perhaps, that waits for this very answer. What was written stands; end that transaction and try again.`
  return new EnfoldFault('CONTENTION', message, { stream })
}

function tagsPublishedIn(appends: readonly StreamAppend[]): readonly Tag[] {
  const tags: Tag[] = []
  for (const { events } of appends)
    for (const event of events)
      if (event.type === 'CampaignPublished') {
        const { campaignId, definition } = event.data
        for (const { id } of definition.sequences) tags.push(tagOf(campaignId, id), waitingTagOf(campaignId, id))
      }
  return tags
}

async function appended<Result>(
  append: (appends: readonly StreamAppend[]) => Promise<readonly Result[]>,
  appends: readonly StreamAppend[],
): Promise<readonly Result[]> {
  for (const one of appends) checkAppend(one)
  return appends.length === 0 ? [] : append(appends)
}

function ownPool({
  connectionString,
  maxConnections = 10,
  connectTimeoutMs = 10_000,
  answerTimeoutMs = 60_000,
}: PostgresStoreOptions): Pool {
  const pool = new Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    application_name: 'enfold',
  })
  // An idle connection that breaks is thrown away by the pool; whoever asks next gets a new one.
  pool.on('error', () => {})
  // One that breaks while it is being closed is nobody's any more, and its error would end the process.
  pool.on('connect', (client) => void client.on('error', () => {}))
  return pool
}

function createNewsOf(
  { notify = false, connectionString, pool: given }: PostgresStoreOptions,
  pool: Pool,
  channel: string,
  onNews: () => void,
) {
  if (notify === false) return null
  const config: ClientConfig =
    typeof notify === 'string'
      ? { connectionString: notify }
      : given === undefined
        ? { connectionString }
        : // A pool hides its password from whoever lists its options.
          { ...pool.options, password: pool.options.password }
  return createNews({ ...config, keepAlive: true }, channel, onNews)
}

function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw EnfoldFault.invalidInput('limit', limit, 'a whole number from 1')
}

function checked(options: PostgresStoreOptions): PostgresStoreOptions {
  const at = (name: string) => `createPostgresStore.${name}`
  const { connectionString, pool, schema, notify } = options
  // Both may hold a password, so neither is shown.
  const refused = (name: string, what: string, expected: string) => EnfoldFault.unshownInput(at(name), what, expected)
  if ((connectionString === undefined) === (pool === undefined))
    throw refused(
      'connectionString',
      pool === undefined ? 'is not given, and no pool is' : 'is given, and a pool is, too',
      'a connection string, or else a pool',
    )
  if (connectionString !== undefined && (typeof connectionString !== 'string' || connectionString === ''))
    throw refused(
      'connectionString',
      `is ${connectionString === '' ? '""' : typeof connectionString}`,
      '"postgres://…"',
    )
  if (pool !== undefined && typeof pool?.connect !== 'function')
    throw refused('pool', 'has no method connect', 'a Pool of pg')
  if (notify === true && pool !== undefined && !('options' in pool))
    throw refused('notify', 'is true, and the pool has no options that say where to connect', 'a connection string')
  // In PostgreSQL names have at most 63 bytes, and the channel of notices has a few more than the schema.
  if (schema !== undefined && !(/^[a-z_][a-z0-9_]{0,49}$/.test(schema) && !schema.startsWith('pg_')))
    throw EnfoldFault.invalidInput(at('schema'), schema, 'up to 50 small letters, digits and underscores')
  for (const name of ['migrate', 'hashChain', 'prepare'] as const)
    if (options[name] !== undefined && typeof options[name] !== 'boolean')
      throw EnfoldFault.invalidInput(at(name), options[name], 'true or false')
  if (notify !== undefined && typeof notify !== 'boolean' && typeof notify !== 'string')
    throw EnfoldFault.invalidInput(at('notify'), notify, 'true, false or a connection string')
  for (const name of ['maxConnections', 'connectTimeoutMs', 'answerTimeoutMs', 'pollMs', 'lockWaitMs'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      throw EnfoldFault.invalidInput(at(name), value, 'a whole number from 1')
    if (value !== undefined && pool !== undefined && name !== 'pollMs' && name !== 'lockWaitMs')
      throw EnfoldFault.invalidInput(at(name), value, 'nothing: the pool that was given has its own')
  }
  return options
}
