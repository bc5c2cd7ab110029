/**
 * For tests: a real server, one for each test file that asks, and a schema for each test. `ENFOLD_POSTGRES_URL` uses a
 * server of yours instead; tests that kill the server then skip.
 */
import { randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { type PostgresServer, startPostgres } from './postgres-server.ts'

export interface GivenServer extends Pick<PostgresServer, 'kill' | 'start'> {
  /** Of a superuser. */
  readonly url: string
  /** False where the server is yours, and so is not to be killed. */
  readonly isOurs: boolean
}

/** Starts a server before the tests of a file, and removes it behind them. Call it once in a file, outside of tests. */
export function givenServer(): GivenServer {
  const yours = process.env.ENFOLD_POSTGRES_URL
  let server: PostgresServer | undefined
  if (yours === undefined) {
    beforeAll(async () => {
      server = await startPostgres()
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
  const schema = newName()
  onTestFinished(() => drop(server.url, [schema]))
  return schema
}

/** Names for as many schemas as a test wants; all are dropped when the file is done. Call it once in a file, behind `givenServer`. */
export function givenSchemas(server: GivenServer): () => string {
  const schemas: string[] = []
  afterAll(() => drop(server.url, schemas), 120_000)
  return () => {
    const schema = newName()
    schemas.push(schema)
    return schema
  }
}

const newName = () => `test_${randomUUID().replaceAll('-', '')}`

async function drop(url: string, schemas: readonly string[]): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 })
  pool.on('error', () => {})
  await pool.query('SET client_min_messages = warning').catch(() => {})
  for (const schema of schemas) await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`).catch(() => {})
  await pool.end()
}
