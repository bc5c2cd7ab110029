/** The store for many workers: one schema of a PostgreSQL database. Events, index and agenda in one transaction. */
import {
  type AppendResult,
  type ChangeNotifications,
  type ChecksRequired,
  EnfoldFault,
  type KnowsNextWake,
  type Locked,
  type Store,
  type StreamAppend,
  type StreamId,
  type Tag,
  type TransactionalStore,
  tagOf,
  waitingTagOf,
} from '@enfold/core'
import { appendOf, checkAppend, createChanges, createStore, type LogPart } from '@enfold/core/store'
import type { ClientConfig } from 'pg'
import { createActionTables } from './actions.ts'
import { createAgenda } from './agenda.ts'
import { appendAroundLocks, appendPatiently } from './around-locks.ts'
import { createCounters } from './counters.ts'
import { type Database, openDatabase } from './database.ts'
import { createOwnPool, type UsedPool } from './driver.ts'
import { createEventLog, type EventLog, readAllOf } from './event-log.ts'
import { migrations } from './migrations/index.ts'
import { createNotificationConnection, type NotificationConnection, type Notifications } from './notifications.ts'
import type { PostgresPool } from './pool.ts'
import { createProjection } from './projection.ts'
import { createTagIndex, nameTags } from './tag-index.ts'
import type { WatchedSchema } from './watched-schemas.ts'

export interface PostgresStoreOptions {
  /** Where the database is, as `postgres://role:password@host:5432/database`. The store then has a pool of its own. */
  readonly connectionString?: string
  /** Instead of a connection string: your own pool. It stays open when the store is closed. */
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
  /**
   * Whether statements are prepared by name, which saves planning. Default: true for the store's own pool, false for
   * yours. A pooler that turns out not to bear it is asked without names from then on.
   */
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
 *   is; `STORE_UNAVAILABLE`, `STORE_BUSY`; `DRIVER_MISSING` without `pool` if `pg` is not installed; here `INVALID_INPUT` for options that cannot be
 * @example
 * const store = createPostgresStore({ connectionString: process.env.DATABASE_URL })
 */
export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const { pool: given } = checked(options, 'createPostgresStore')
  const pool = poolOf(options)
  const connection = newsConnectionOf(options, pool)
  return storeOn(options, {
    pool,
    // Of a pool that is given nobody here knows what stands between.
    prepare: options.prepare ?? given === undefined,
    notificationsOf: (channel, onNotification) => connection?.of(channel, onNotification) ?? null,
    async free() {
      await connection?.close()
      if (given === undefined) await pool.end()
    },
  })
}

/** A store of PostgreSQL, and what more it can do than others. */
export type PostgresStore = Store & ChangeNotifications & TransactionalStore & ChecksRequired & Partial<KnowsNextWake>

/** What a store shares with the other stores of its host, or has of its own. */
export interface StorePlace {
  readonly pool: UsedPool
  readonly prepare: boolean
  notificationsOf(channel: string, onNotification: () => void): Notifications | null
  /** Who looks at this schema together with others; left out: nobody. */
  readonly watched?: WatchedSchema
  /** When the store is closed. */
  free(): Promise<void>
}

export function storeOn(options: PostgresStoreOptions, place: StorePlace): PostgresStore {
  const { schema = 'enfold', migrate = true, hashChain = true, pollMs = 200, lockWaitMs = 10_000 } = options
  const { watched } = place
  // What more of it is used is `pg`'s own, and read with care.
  const database = openDatabase({ pool: place.pool, schema, migrate, prepare: place.prepare })
  const { refuseIfClosed } = database.open
  const changes = createChanges()
  const channel = `enfold_${schema}`
  const listeners = new Set<() => void>()
  const heard = () => {
    changes.notifyWaiters()
    for (const listener of listeners) listener()
  }
  const notifications = place.notificationsOf(channel, () => {
    watched?.changed()
    heard()
  })
  const log = createEventLog({ ...database, hashChain, channel: null }, migrations.length)
  const agenda = createAgenda(database, lockWaitMs)
  const part = logPartOf(database, log, notifications, lockWaitMs)
  const projection = createProjection(database, lockWaitMs)
  const store = createStore({
    capabilities: { projectsInAppend: true, hashChain },
    log: watched?.log(part) ?? part,
    index: createTagIndex(database),
    agenda: watched?.agenda(agenda) ?? agenda,
    counters: createCounters(database),
    projection: watched?.projection(projection) ?? projection,
    actions: createActionTables(database),
    open: database.open,
    changes,
    pollMs,
    async free() {
      watched?.end()
      await notifications?.close()
      await place.free()
    },
  })
  return {
    ...store,
    ...(watched === undefined ? {} : { knownWake: watched.knownWake }),
    readAll: (after, filter) => readAllOf(log, refuseIfClosed, after, filter),
    subscribe(after, signal, filter) {
      notifications?.listen()
      return store.subscribe(after, signal, filter)
    },
    watch(listener) {
      notifications?.listen()
      listeners.add(listener)
      const unwatch = watched?.watch(heard)
      return () => {
        listeners.delete(listener)
        unwatch?.()
      }
    },
    settled: (stream, timeoutMs) => settled(log, stream, timeoutMs),
    inTransaction(client) {
      const at = { ...database.inTransaction(client), schema: database.schema, hashChain }
      return boundTo(createEventLog({ ...at, channel: notifications === null ? null : channel }), refuseIfClosed)
    },
  }
}

function logPartOf(
  database: Database,
  log: EventLog,
  notifications: Notifications | null,
  lockWaitMs: number,
): LogPart {
  async function appendBy<Result extends AppendResult | Locked>(
    append: () => Promise<readonly Result[]>,
    appends: readonly StreamAppend[],
  ): Promise<readonly Result[]> {
    const tags = tagsPublishedIn(appends)
    // Named before any contact has them: a long transaction that names one would keep all others waiting who come to it.
    if (tags.length > 0) await nameTags(database, tags)
    const results = await append()
    if (results.some((result) => result.outcome === 'appended' && !result.repeated)) notifications?.tell()
    return results
  }
  return {
    ...log,
    appendMany: (appends) => appendBy(() => appendAroundLocks(log, appends), appends),
    async appendOne(one) {
      const [result] = await appendBy(async () => [await appendPatiently(log, one, lockWaitMs)], [one])
      return result as AppendResult
    },
  }
}

/** What a command needs of the store, on the connection of a host's transaction. */
function boundTo(log: EventLog, refuseIfClosed: () => void): ReturnType<TransactionalStore['inTransaction']> {
  return {
    async append(stream, events, expected, derived, requires) {
      const one = appendOf(stream, events, expected, derived, requires)
      checkAppend(one)
      const [result] = await log.append([one])
      return result as AppendResult
    },
    readMany: (streams) => log.readMany(streams),
    readTails: (asked) => log.readTails(asked),
    readAll: (after, filter) => readAllOf(log, refuseIfClosed, after, filter),
  }
}

async function settled(log: EventLog, stream: StreamId, timeoutMs: number): Promise<void> {
  const startedAt = performance.now()
  // Those that began since saw what was committed before.
  let under = await log.requiring(stream, null)
  for (let pauseMs = 5; under.length > 0; pauseMs = Math.min(2 * pauseMs, 200)) {
    if (performance.now() - startedAt >= timeoutMs) throw unsettled(stream)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    under = await log.requiring(stream, under)
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

/** The pool that was given, or one of its own. */
export function poolOf(options: PostgresStoreOptions): UsedPool {
  return (options.pool as UsedPool | undefined) ?? ownPool(options)
}

function ownPool({
  connectionString,
  maxConnections = 10,
  connectTimeoutMs = 10_000,
  answerTimeoutMs = 60_000,
}: PostgresStoreOptions): UsedPool {
  return createOwnPool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    application_name: 'enfold',
  })
}

/** `null`: nobody is told of anything. */
export function newsConnectionOf(
  { notify = false, connectionString, pool: given }: PostgresStoreOptions,
  pool: UsedPool,
): NotificationConnection | null {
  if (notify === false) return null
  const config: ClientConfig =
    typeof notify === 'string'
      ? { connectionString: notify }
      : given === undefined
        ? { connectionString }
        : // A pool hides its password when its options are listed.
          { ...pool.options, password: pool.options?.password }
  return createNotificationConnection({ ...config, keepAlive: true })
}

/** @param where the function that was given them, for messages */
export function checked(options: PostgresStoreOptions, where: string): PostgresStoreOptions {
  const at = (name: string) => `${where}.${name}`
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
