/**
 * The store that `--store` names: a SQLite file, a PostgreSQL server that is started here unless there is one, and a
 * server of EventStoreDB that the environment names, or a fake one, with the read model in SQLite.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Store } from 'enfold'
import { createEventStoreDbStore } from 'enfold/eventstoredb'
import { createPostgresStore } from 'enfold/postgres'
import { createSqliteStore } from 'enfold/sqlite'
import { Pool } from 'pg'

export const STORES = ['sqlite', 'postgres', 'eventstoredb'] as const
export type StoreName = (typeof STORES)[number]

export interface DemoStore {
  readonly store: Store
  /** What the figures are of. */
  readonly inWords: string
  /** Closes the store, and stops the server if it was started here. Says how large the store is, and where. */
  close(): Promise<string>
}

/** Where each store has its files in a folder; by one of them a folder is known to hold an earlier run. */
const placeOf = { sqlite: 'enfold-demo.db', postgres: 'postgres', eventstoredb: 'enfold-demo-read-model.db' } as const
/** On your own server. */
const SCHEMA = 'enfold_demo'

export function holdsRun(folder: string): boolean {
  return Object.values(placeOf).some((place) => existsSync(join(folder, place)))
}

/** Removes what any of the stores left. */
export async function removeStores(folder: string): Promise<void> {
  const server = join(folder, placeOf.postgres)
  if (existsSync(server)) await (await import('@enfold/test-servers/postgres')).removePostgres(server)
  for (const place of [placeOf.sqlite, placeOf.eventstoredb]) {
    const file = join(folder, place)
    for (const path of [`${file}-wal`, `${file}-shm`, file]) rmSync(path, { force: true })
  }
}

/**
 * @param keep what an earlier run wrote; without it the store is empty. Not of the fake, whose log ends with it
 * @param say is told of a server that is started
 */
export function openStore(
  name: StoreName,
  folder: string,
  keep: boolean,
  say: (line: string) => void,
): Promise<DemoStore> {
  if (name === 'eventstoredb') return openEventStoreDb(folder, say)
  return name === 'sqlite' ? openSqlite(folder) : openPostgres(folder, keep, say)
}

async function openSqlite(folder: string): Promise<DemoStore> {
  const path = join(folder, placeOf.sqlite)
  // NORMAL: thousands of commits in seconds, each safe from a crash of the process, the last ones not from a power cut.
  const store = createSqliteStore({ path, synchronous: 'NORMAL' })
  return {
    store,
    inWords: 'SQLite with synchronous NORMAL',
    async close() {
      await store.close()
      return `${inMiB(statSync(path).size)} in ${relative(process.cwd(), path)}`
    },
  }
}

async function openPostgres(folder: string, keep: boolean, say: (line: string) => void): Promise<DemoStore> {
  const yours = process.env.ENFOLD_POSTGRES_URL
  const files = join(folder, placeOf.postgres)
  mkdirSync(files, { recursive: true })
  const place = yours === undefined ? `in ${relative(process.cwd(), files)}` : 'of ENFOLD_POSTGRES_URL'
  say(yours === undefined ? `Starting a PostgreSQL server ${place}` : `Using the PostgreSQL server ${place}`)
  // As for the file: safe from a crash of the process, the last commits not from a power cut.
  const settings = ['synchronous_commit=off']
  const server =
    yours === undefined
      ? await (await import('@enfold/test-servers/postgres')).startPostgres({ folder: files, settings })
      : { url: yours, stop: async () => {} }
  const pool = new Pool({ connectionString: server.url })
  // An idle connection that breaks is thrown away by the pool.
  pool.on('error', () => {})
  const store = createPostgresStore({ pool, schema: SCHEMA })
  const stop = async () => {
    await store.close()
    await pool.end()
    await server.stop()
  }
  try {
    if (!keep) await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`)
    const { rows } = await pool.query<{ server_version: string; synchronous_commit: string }>(
      `SELECT current_setting('server_version') AS server_version, current_setting('synchronous_commit') AS synchronous_commit`,
    )
    const { server_version, synchronous_commit } = rows[0] as (typeof rows)[number]
    return {
      store,
      inWords: `PostgreSQL ${server_version} with synchronous_commit ${synchronous_commit}`,
      async close() {
        const size = await sizeIn(pool).catch(() => null)
        await stop()
        // Ctrl-C in a terminal reaches the server as well as us, and it may be the quicker one.
        if (size === null) return `The server ${place} is stopped`
        const whence = yours === undefined ? `${place}, which is stopped` : place
        return `${size} in the schema ${SCHEMA} of the server ${whence}`
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function sizeIn(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ bytes: string }>(
    `SELECT sum(pg_total_relation_size(oid))::text AS bytes FROM pg_class
     WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind IN ('r', 'S')`,
  )
  return inMiB(Number(rows[0]?.bytes ?? 0))
}

async function openEventStoreDb(folder: string, say: (line: string) => void): Promise<DemoStore> {
  const { EventStoreDBClient } = await import('@eventstore/db-client')
  const { openServer } = await import('@enfold/test-servers/eventstoredb')
  const server = await openServer({ shuffle: 1 })
  const isFake = server.fake !== null
  // Streams are not removed from a server, so each run has its own.
  const prefix = isFake ? 'enfold-' : `enfold-demo-${randomBytes(4).toString('hex')}-`
  say(
    isFake
      ? 'Starting a fake of EventStoreDB, which speaks its protocol and keeps the log in memory'
      : `Using the server of ENFOLD_EVENTSTOREDB_URL, in streams whose names begin with ${prefix}`,
  )
  const client = EventStoreDBClient.connectionString(server.url)
  const log = createEventStoreDbStore({ client, prefix, ...server.asUser })
  const path = join(folder, placeOf.eventstoredb)
  const readModel = createSqliteStore({ path, synchronous: 'NORMAL' })
  const close = async () => {
    await log.close()
    await client.dispose()
    await readModel.close()
    await server.stop()
  }
  return {
    store: { ...readModel, ...log, close },
    inWords: `${isFake ? 'a fake of EventStoreDB' : 'your own server'}, read model in SQLite`,
    async close() {
      await close()
      const where = isFake ? 'was in memory' : `is in the streams ${prefix}… of your server`
      return `The log ${where}; the read model, ${inMiB(statSync(path).size)}, is ${relative(process.cwd(), path)}`
    },
  }
}

function inMiB(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}
