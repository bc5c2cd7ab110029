/** The log read in order without losing an event: what a reader that trusts positions loses, ours does not. */

import { contactStream, type Store, type StreamAppend } from '@enfold/core'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { sampleStart } from '@enfold/testkit'
import { Client, Pool } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { openDatabase } from './database.ts'
import { createEventLog } from './event-log.ts'

import { givenStore } from './postgres.fixture.ts'

import { soak } from './writers.fixture.ts'

const server = givenServer()

const stream = (id: string) => contactStream(id)

async function givenClient(): Promise<Client> {
  const client = new Client({ connectionString: server.url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end().catch(() => {}))
  return client
}

/** Reads on from where it was, each time it is called. */
function follower(read: (after: number) => Promise<readonly { readonly stream: string; readonly position: number }[]>) {
  let after = 0
  return async () => {
    const events = await read(after)
    after = events.at(-1)?.position ?? after
    return events.map((event) => event.stream)
  }
}

/** Several appends in one statement of a transaction, where no time limit ends the wait for a lock. */
function appendIn(client: Client, schema: string, appends: readonly StreamAppend[]) {
  const pool = new Pool({ connectionString: server.url })
  onTestFinished(() => pool.end())
  const database = openDatabase({ pool, schema, migrate: false, prepare: false })
  const log = createEventLog({
    ...database.inTransaction(client),
    schema: database.schema,
    hashChain: true,
    channel: null,
  })
  return log.append(appends)
}

async function givenReaders() {
  const store = givenStore(server)
  await store.checkpoint()
  const pool = new Pool({ connectionString: server.url })
  onTestFinished(() => pool.end())
  const append = (to: Pick<Store, 'append'>, id: string) => to.append(stream(id), [sampleStart(id, 1)], 'no-stream')
  const ours = follower(async (after) => {
    const events = []
    for await (const event of store.readAll(after)) events.push(event)
    return events
  })
  const naive = follower(async (after) => {
    const { rows } = await pool.query<{ stream: string; position: string }>(
      `SELECT stream, position FROM ${store.schema}.events WHERE position > $1 ORDER BY position`,
      [after],
    )
    return rows.map((row) => ({ stream: row.stream, position: Number(row.position) }))
  })
  return { store, pool, append, ours, naive }
}

describe('a reader', () => {
  it('a reader waits for an append with a lower position; one that goes by positions alone loses it', async () => {
    const { store, append, ours, naive } = await givenReaders()
    const slow = await givenClient()
    await slow.query('BEGIN')
    await append(store.inTransaction(slow), 'slow')
    await append(store, 'quick')
    expect(await naive()).toEqual([stream('quick')])
    expect(await ours()).toEqual([])
    await slow.query('COMMIT')
    expect(await naive()).toEqual([])
    expect(await ours()).toEqual([stream('slow'), stream('quick')])
  })

  it('a reader goes on when that append is rolled back, or its writer dies', async () => {
    const { store, pool, append, ours } = await givenReaders()
    const [back, dying] = [await givenClient(), await givenClient()]
    for (const client of [back, dying]) await client.query('BEGIN')
    await append(store.inTransaction(back), 'back')
    await append(store.inTransaction(dying), 'dying')
    await append(store, 'quick')
    expect(await ours()).toEqual([])
    await back.query('ROLLBACK')
    expect(await ours()).toEqual([])
    const { rows } = await dying.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await pool.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid])
    expect(await ours()).toEqual([stream('quick')])
  })

  it('a reader waits for no transaction that appends nothing, nor for one of another database', async () => {
    const { store, pool, append, ours } = await givenReaders()
    const idle = await givenClient()
    await idle.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await idle.query(`CREATE TABLE ${store.schema}.theirs (x int)`)
    const database = `other_${store.schema}`
    await pool.query(`CREATE DATABASE ${database}`)
    onTestFinished(async () => {
      // Whatever asks for an end of its own here is never asked to end.
      const last = new Client({ connectionString: server.url })
      await last.connect()
      await last.query(`DROP DATABASE ${database} WITH (FORCE)`)
      await last.end()
    })
    const other = new Client({ connectionString: server.url.replace(/\/[^/]*$/, `/${database}`) })
    other.on('error', () => {})
    await other.connect()
    const { rows } = await pool.query<{ class: number }>(`SELECT ${store.schema}.lock_class(false) AS class`)
    await other.query('BEGIN')
    await other.query('SELECT pg_advisory_xact_lock_shared($1::int, 0)', [rows[0]?.class])
    await append(store, 'quick')
    expect(await ours()).toEqual([stream('quick')])
    await other.end()
  })

  it('a reader sees an append of an old transaction where it belongs', async () => {
    const { store, append, ours } = await givenReaders()
    const old = await givenClient()
    await old.query('BEGIN')
    await old.query('SELECT txid_current()')
    await append(store, 'first')
    expect(await ours()).toEqual([stream('first')])
    await append(store.inTransaction(old), 'old')
    await append(store, 'second')
    expect(await ours()).toEqual([])
    await old.query('COMMIT')
    expect(await ours()).toEqual([stream('old'), stream('second')])
  })

  it('a reader gets the events of a stream in the order of their versions, whichever writer waited', async () => {
    const { store, pool, append } = await givenReaders()
    const [slow, late] = [await givenClient(), await givenClient()]
    await slow.query('BEGIN')
    await append(store.inTransaction(slow), 'aaa')
    // Two streams in one append of a host's transaction: it has drawn its numbers for both when it begins to wait for the
    // first, and so long others write to the second.
    await late.query('BEGIN')
    const waiting = appendIn(late, store.schema, [
      { stream: stream('aaa'), events: [sampleStart('aaa', 2)], expected: 'no-stream' },
      { stream: stream('ann'), events: [sampleStart('ann', 3), sampleStart('ann', 4)], expected: 2 },
    ])
    const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${store.schema}%'`
    while ((await pool.query(waits)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await store.append(stream('ann'), [sampleStart('ann', 1), sampleStart('ann', 2)], 'no-stream')
    await slow.query('COMMIT')
    expect(await waiting).toMatchObject([{ outcome: 'conflict' }, { version: 4 }])
    await late.query('COMMIT')
    const versions = []
    for await (const event of store.readAll()) if (event.stream === stream('ann')) versions.push(event.version)
    expect(versions).toEqual([1, 2, 3, 4])
  })

  it('a reader keeps order after position 2^32, where the announced numbers start again, and after 2^31', async () => {
    for (const before of [2 ** 31 - 2, 2 ** 32 - 2]) {
      const { store, pool, append, ours } = await givenReaders()
      await pool.query(`SELECT setval('${store.schema}.positions', ${before})`)
      const slow = await givenClient()
      await slow.query('BEGIN')
      await append(store.inTransaction(slow), 'slow')
      for (const id of ['a', 'b', 'c', 'd']) await append(store, id)
      expect(await ours()).toEqual([])
      await slow.query('COMMIT')
      expect(await ours()).toEqual(['slow', 'a', 'b', 'c', 'd'].map(stream))
      // And one that begins after the turn waits for nobody before it.
      await slow.query('BEGIN')
      await append(store.inTransaction(slow), 'slower')
      expect(await ours()).toEqual([])
      await slow.query('COMMIT')
      expect(await ours()).toEqual([stream('slower')])
    }
  })

  it('a reader is refused in a transaction that sees only what was before it', async () => {
    const { store } = await givenReaders()
    const client = await givenClient()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const reading = client.query(`SELECT * FROM ${store.schema}.read_events(0, 1, 'all')`)
    await expect(reading).rejects.toMatchObject({ code: 'EF002' })
  })
})

it('a short soak: sixteen writers, four readers, rollbacks and killed connections; nothing lost, nothing twice', async () => {
  const schema = givenSchema(server)
  const report = await soak({ url: server.url, schema, events: 10_000, writers: 16, readers: 4, killEveryMs: 100 })
  expect(report.problems).toEqual([])
  expect(report.events).toBeGreaterThanOrEqual(10_000)
  expect(report.rolledBack).toBeGreaterThan(0)
  expect(report.killed).toBeGreaterThan(0)
  // So that it can fail: a reader by positions alone loses some of this very log.
  expect(report.lostByNaive).toBeGreaterThan(0)
})

describe('counts', () => {
  it('counts are right when many start and stop the same sequence at once, through rollbacks, and stay few rows', async () => {
    const store = givenStore(server)
    const write = (to: Pick<Store, 'append'>, id: string, n: number, change: 'add' | 'remove') =>
      to.append(stream(id), [sampleStart(id, n)], n - 1, {
        tags: [{ change, contactId: id, tag: 'a/b' }],
        wakeAt: null,
      })
    const ids = Array.from({ length: 600 }, (_, i) => `c${i}`)
    await Promise.all(ids.map((id) => write(store, id, 1, 'add')))
    await Promise.all(ids.slice(0, 200).map((id) => write(store, id, 2, 'remove')))
    const client = await givenClient()
    await client.query('BEGIN')
    await write(store.inTransaction(client), 'c300', 2, 'remove')
    await client.query('ROLLBACK')
    expect(await store.count('a/b')).toBe(400)
    expect(await store.members('a/b', { after: null, limit: 1 })).toMatchObject({ total: 400 })
    const { rows } = await client.query(`SELECT count(*)::int AS n FROM ${store.schema}.tag_counts`)
    expect(rows[0].n).toBeLessThan(512)
  })

  it('counts of a tag nobody waits for: an open transaction that starts a sequence keeps no other from starting it', async () => {
    const store = givenStore(server)
    const derived = (id: string) => ({ tags: [{ change: 'add', contactId: id, tag: 'a/b' }] as const, wakeAt: null })
    await store.append(stream('first'), [sampleStart('first', 1)], 'no-stream', derived('first'))
    const client = await givenClient()
    await client.query('BEGIN')
    await store.inTransaction(client).append(stream('slow'), [sampleStart('slow', 1)], 'no-stream', derived('slow'))
    for (let i = 0; i < 300; i++)
      await store.append(stream(`c${i}`), [sampleStart(`c${i}`, 1)], 'no-stream', derived(`c${i}`))
    expect(await store.count('a/b')).toBe(301)
    await client.query('COMMIT')
    expect(await store.count('a/b')).toBe(302)
  })
})
