/**
 * For tests: a database of its own for each test file that asks, on one server for the whole run
 * (`.config/shared-postgres.ts`), and a schema for each test. A file that kills its server asks for one of its own.
 * `ENFOLD_POSTGRES_URL` uses your own server instead; tests that kill the server then skip.
 */
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, inject, onTestFinished } from 'vitest'
import { deserted, type PostgresServer, startPostgres } from '../postgres/postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Sends on each connection the URL of the server that all test files share. */
    sharedPostgresPort: number
  }
}

export interface GivenServer {
  /** Of a superuser. */
  readonly url: string
}

/** A server that the tests of a file may kill. */
export interface GivenOwnServer extends GivenServer, Pick<PostgresServer, 'kill' | 'start'> {
  /** False where the server is yours, and so is not to be killed. */
  readonly isOurs: boolean
}

const yours = process.env.ENFOLD_POSTGRES_URL

/** An empty database on the shared server, dropped after the tests of the file. Call it once in a file, outside of tests. */
export function givenServer(): GivenServer {
  if (yours !== undefined) return { url: yours }
  let url: string | undefined
  let server: string
  const database = newName()
  beforeAll(async () => {
    server = await sharedServer()
    await onServer(server, `CREATE DATABASE ${database}`)
    url = Object.assign(new URL(server), { pathname: `/${database}` }).href
  }, 120_000)
  afterAll(() => removeDatabase(server, database), 60_000)
  return {
    get url() {
      if (url === undefined) throw new Error('The database is there once the tests of the file begin.')
      return url
    },
  }
}

/** Starts a server before the tests of a file, and removes it after them. Call it once in a file, outside of tests. */
export function givenOwnServer(): GivenOwnServer {
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

/** Names for as many schemas as a test wants; all are dropped when the file is done. Call it once in a file, after `givenServer`. */
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

async function sharedServer(): Promise<string> {
  const answer = await text(connect(inject('sharedPostgresPort'), '127.0.0.1'))
  if (!answer.startsWith('postgres')) throw new Error(`The shared PostgreSQL server did not start: ${answer}`)
  return answer
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** Pools end before their last connection has; a connection that the server cuts would be an error that nobody catches. */
async function removeDatabase(server: string, database: string): Promise<void> {
  await deserted(server, database)
  await onServer(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
}

async function drop(url: string, schemas: readonly string[]): Promise<void> {
  // With the database go its schemas.
  if (yours === undefined) return
  const pool = new Pool({ connectionString: url, max: 1 })
  pool.on('error', () => {})
  await pool.query('SET client_min_messages = warning').catch(() => {})
  for (const schema of schemas) await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`).catch(() => {})
  await pool.end()
}
