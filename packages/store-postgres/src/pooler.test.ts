/**
 * What a pooler in transaction mode asks of the store: each transaction may be another session's, and what a transaction
 * leaves in a session somebody else finds. Not PgBouncer itself, but its two traps, set for every statement.
 */
import { givenSchema, givenServer } from '@enfold/postgres-server/given'
import { createPostgresStore } from '@enfold/store-postgres'
import { storeBattery } from '@enfold/testkit/battery'
import { Pool, type PoolClient, type QueryConfig } from 'pg'
import { afterAll, expect, it } from 'vitest'

const server = givenServer()

/** Sessions that take turns, and whatever a transaction left in one of them. */
function createPooler(url: string) {
  const sessions = Array.from({ length: 3 }, () => new Pool({ connectionString: url, max: 1 }))
  for (const session of sessions) session.on('error', () => {})
  const leftovers: string[] = []
  let transactions = 0

  async function lookThrough(client: PoolClient): Promise<void> {
    const { rows } = await client.query<{ what: string }>(
      `SELECT 'setting ' || name AS what FROM pg_settings WHERE source = 'session'
       UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements
       UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE name <> ''
       UNION ALL SELECT 'channel ' || channel FROM pg_listening_channels() AS channel
       UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'
       UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()`,
    )
    leftovers.push(...rows.map(({ what }) => what))
    await client.query('DISCARD ALL')
  }

  async function connect(): Promise<PoolClient> {
    const client = await (sessions[transactions++ % sessions.length] as Pool).connect()
    const release = client.release
    client.release = (broken) => {
      if (broken) release(broken)
      else
        lookThrough(client).then(
          () => release(),
          () => release(true),
        )
    }
    return client
  }

  async function query(statement: string | QueryConfig, values?: unknown[]) {
    const client = await connect()
    try {
      return await client.query(statement as string, values)
    } finally {
      client.release()
    }
  }

  return {
    // All that the store asks of a pool.
    pool: { connect, query } as unknown as Pool,
    leftovers: leftovers as readonly string[],
    transactions: () => transactions,
    end: () => Promise.all(sessions.map((session) => session.end())),
  }
}

const open: ReturnType<typeof createPooler>[] = []
afterAll(() => Promise.all(open.map((pooler) => pooler.end())))
function givenPooler() {
  const pooler = createPooler(server.url)
  open.push(pooler)
  return pooler
}

let shared: ReturnType<typeof createPooler> | undefined
storeBattery('the PostgreSQL store, each transaction in another session,', () => {
  shared ??= givenPooler()
  const { pool } = shared
  const schema = givenSchema(server)
  const reopen = () => createPostgresStore({ pool, schema, pollMs: 5 })
  return { store: reopen(), reopen }
})

it('has left nothing in any session', () => {
  expect(shared?.transactions()).toBeGreaterThan(500)
  expect(shared?.leftovers).toEqual([])
})

it('would have told: a name, a setting, a lock and a channel are found', async () => {
  const pooler = givenPooler()
  const { pool } = pooler
  await pool.query({ name: 'by_name', text: 'SELECT 1' })
  await pool.query("SET work_mem = '1MB'")
  await pool.query('SELECT pg_advisory_lock(7)')
  await pool.query('LISTEN news')
  const last = await pool.connect()
  last.release()
  while (pooler.leftovers.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(pooler.leftovers.toSorted()).toEqual(['channel news', 'lock 7', 'setting work_mem', 'statement by_name'])
  const sessions = new Set<number>()
  for (let i = 0; i < 3; i++) sessions.add((await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
  expect(sessions.size).toBe(3)
})
