/** LISTEN and NOTIFY: a waiter is told at once of what another process wrote. No poll comes in the time of these tests. */
import { contactStream } from '@enfold/core'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { sampleStart } from '@enfold/testkit'
import { Pool } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { givenStore } from './postgres.fixture.ts'
import type { PostgresStoreOptions } from './postgres-store.ts'

const server = givenServer()
const NEVER_MS = 86_400_000

function givenPool(): Pool {
  const pool = new Pool({ connectionString: server.url })
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
  return pool
}

/** Two stores in one schema; a subscription of the first has caught up, and its connection listens. */
async function givenListener(options: Partial<PostgresStoreOptions>) {
  const schema = givenSchema(server)
  const store = givenStore(server, { ...options, schema, pollMs: NEVER_MS })
  const writer = givenStore(server, { schema, notify: true, pollMs: NEVER_MS })
  const pool = givenPool()
  const listeners = async () =>
    (await pool.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN enfold_${schema}'`)).rows
  const end = new AbortController()
  onTestFinished(() => end.abort())
  const events = store.subscribe(0, end.signal)[Symbol.asyncIterator]()
  expect((await events.next()).value).toEqual({ type: 'CaughtUp', position: 0 })
  // Asked for before it listens: nobody would rouse it.
  const next = events.next()
  const listens = async (but = 0) => {
    for (;;) {
      const [listener] = (await listeners()).filter(({ pid }) => pid !== but)
      if (listener !== undefined) return listener.pid
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return { writer, pool, next, listens }
}

const write = (writer: ReturnType<typeof givenStore>) =>
  writer.append(contactStream('ann'), [sampleStart('ann', 1)], 'no-stream')

it.each<[string, () => Partial<PostgresStoreOptions>]>([
  ['a connection string', () => ({ notify: true })],
  ["the host's pool", () => ({ notify: true, pool: givenPool() })],
  [
    "the host's pool, made of parts",
    () => {
      const { hostname, port, username, password, pathname } = new URL(server.url)
      const parts = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) }
      const pool = new Pool(parts)
      onTestFinished(() => pool.end())
      return { notify: true, pool }
    },
  ],
  ['a way past the pooler', () => ({ notify: server.url, pool: givenPool() })],
])('with %s, a subscription hears of an append of another process', async (_, options) => {
  const { writer, next, listens } = await givenListener(options())
  await listens()
  await write(writer)
  expect((await next).value).toMatchObject({ stream: 'contact-ann', version: 1 })
})

it('a connection that is lost is made again, and hears', async () => {
  const { writer, pool, next, listens } = await givenListener({ notify: true })
  const lost = await listens()
  await pool.query('SELECT pg_terminate_backend($1, 5000)', [lost])
  await listens(lost)
  await write(writer)
  expect((await next).value).toMatchObject({ stream: 'contact-ann', version: 1 })
})
