/** The quick way of appends (`known-append.ts`): when it is taken, and that nothing is otherwise on it. */

import { contactStream, type Derived, type RecordedEvent, type Store, type StreamAppend } from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { sampleStart } from '@enfold/testkit'
import { Pool, type PoolClient, type QueryConfig } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createPooler } from './pooler.fixture.ts'
import { givenStore } from './postgres.fixture.ts'

const server = givenServer()

const ann = contactStream('ann')

/** A store on a pool that notes which functions append, and in what schema. */
async function givenNoted() {
  const schema = givenSchema(server)
  const pool = givenPool()
  const calls: string[] = []
  const connect = async () => {
    const client = await pool.connect()
    const query = (statement: QueryConfig | string, values?: unknown[]) => {
      const called = /\.(append\w*)\(/.exec(typeof statement === 'string' ? statement : statement.text)
      if (called?.[1] !== undefined) calls.push(called[1])
      return client.query(statement as string, values)
    }
    return new Proxy(client, {
      get: (it, name) => (name === 'query' ? query : Reflect.get(it, name, it)),
    }) as PoolClient
  }
  const store = givenStore(server, { schema, pool: { connect } })
  await store.checkpoint()
  // What made the schema.
  calls.length = 0
  return { schema, pool, store, other: givenStore(server, { schema }), callsSince: () => calls.splice(0) }
}

function givenPool(): Pool {
  const pool = new Pool({ connectionString: server.url })
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
  return pool
}

async function logOf(store: Store): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const event of store.readAll()) events.push(event)
  return events
}

function expectChained(events: readonly RecordedEvent[]): void {
  const hashes = new Map<string, string>()
  for (const event of events) {
    expect(event.hash).toBe(chainHash(hashes.get(event.stream) ?? null, digestOf(event)))
    hashes.set(event.stream, event.hash as string)
  }
}

const derived = (contactId: string): Derived => ({
  tags: [{ change: 'add', contactId, tag: 'pool/nurture' }],
  wakeAt: '2026-03-02T09:00:00.000Z',
  counters: [{ campaignId: 'pool', campaignVersion: 1, by: [['["sequence","nurture","started"]', 1]] }],
  state: { reducer: 7, text: `state of ${contactId}` },
})

const appendTo = (contactId: string, n: number, expected: StreamAppend['expected'] = 'no-stream'): StreamAppend => ({
  stream: contactStream(contactId),
  events: [sampleStart(contactId, n), sampleStart(contactId, n + 1)],
  expected,
  derived: derived(contactId),
})

describe('an append', () => {
  it('LOG-1, AUDIT-4: an append goes the quick way to a stream that stands where this process saw it, with all that is derived', async () => {
    const { store, other, callsSince } = await givenNoted()
    const ids = ['ann', 'bob', 'cid']
    expect(await store.appendMany(ids.map((id) => appendTo(id, 1)))).toMatchObject([
      { outcome: 'appended', version: 2, position: 2, repeated: false },
      { outcome: 'appended', version: 2, position: 4, repeated: false },
      { outcome: 'appended', version: 2, position: 6, repeated: false },
    ])
    // Streams are taken in their order, and the log has the events in the order that was given.
    expect(await store.appendMany(['cid', 'ann'].map((id) => appendTo(id, 3, 2)))).toMatchObject([
      { outcome: 'appended', version: 4, position: 8 },
      { outcome: 'appended', version: 4, position: 10 },
    ])
    expect(await store.append(contactStream('bob'), [sampleStart('bob', 3)], 2, derived('bob'))).toMatchObject({
      version: 3,
      position: 11,
    })
    expect(callsSince()).toEqual(['append_known', 'append_known', 'append_known'])

    expectChained(await logOf(other))
    expect(await other.members('pool/nurture', { after: null, limit: 9 })).toMatchObject({ contacts: ids, total: 3 })
    expect((await other.agenda('2026-03-03T00:00:00.000Z', 9)).map(({ contactId }) => contactId).sort()).toEqual(ids)
    expect((await other.counters('pool')).counters).toMatchObject([{ count: 6 }])
    const [tail] = await other.readTails([{ stream: ann, ids: [] }])
    expect(tail).toMatchObject({ stored: { version: 4, reducer: 7, text: 'state of ann' }, events: [{ version: 4 }] })
    // Another process that has looked goes on from there.
    await store.readMany([contactStream('bob')])
    expect(await other.appendMany([appendTo('ann', 5, 4)])).toMatchObject([{ version: 6 }])
  })

  it('an append goes the slow way where its stream was never seen, and its outcome is the same', async () => {
    const { store, other, callsSince } = await givenNoted()
    await other.append(ann, [sampleStart('ann', 1)], 'no-stream')
    expect(await store.append(ann, [sampleStart('ann', 2)], 1)).toMatchObject({ outcome: 'appended', version: 2 })
    expect(callsSince()).toEqual(['append'])
    await store.readTails([{ stream: ann, ids: [] }])
    expect(await store.append(ann, [sampleStart('ann', 3)], 2)).toMatchObject({ outcome: 'appended', version: 3 })
    expect(callsSince()).toEqual(['append_known'])
    expectChained(await logOf(other))
  })

  it('LOG-2: one append of a batch that comes too late is a conflict, and the others are written once', async () => {
    const { store, other, callsSince } = await givenNoted()
    await store.appendMany(['ann', 'bob', 'cid'].map((id) => appendTo(id, 1)))
    await other.readMany([ann])
    await other.appendMany([appendTo('ann', 3, 2)])
    callsSince()
    expect(await store.appendMany(['cid', 'ann', 'bob'].map((id) => appendTo(id, 5, 2)))).toMatchObject([
      { outcome: 'appended', version: 4 },
      { outcome: 'conflict', actual: 4 },
      { outcome: 'appended', version: 4 },
    ])
    expect(callsSince()).toEqual(['append_known', 'append'])
    expect((await other.counters('pool')).counters).toMatchObject([{ count: 6 }])
    expectChained(await logOf(other))
    expect(await logOf(other)).toHaveLength(12)
  })

  it('ONCE-1: an append that is repeated tells of the first time; ids in other company are refused', async () => {
    const { store, callsSince } = await givenNoted()
    const first = await store.appendMany([appendTo('ann', 1)])
    expect(await store.appendMany([appendTo('ann', 1)])).toEqual(first.map((one) => ({ ...one, repeated: true })))
    expect(callsSince()).toEqual(['append_known', 'append_known', 'append'])
    const mixed = { ...appendTo('ann', 2), expected: 2 }
    await expect(store.appendMany([mixed])).rejects.toMatchObject({ code: 'EVENT_ID_REUSED' })
    await expect(
      store.appendMany([appendTo('bob', 7), { ...appendTo('cid', 7), events: mixed.events }]),
    ).rejects.toMatchObject({
      code: 'EVENT_ID_REUSED',
    })
    expect(await logOf(store)).toHaveLength(2)
  })

  it('VERSION-3: an append that requires a stream which has moved on is a conflict, and nothing of it is written', async () => {
    const { store, callsSince } = await givenNoted()
    const requires = (version: number) => ({ requires: [{ stream: 'campaign-pool', version }] })
    expect(await store.appendMany([{ ...appendTo('ann', 1), ...requires(1) }])).toMatchObject([
      { outcome: 'conflict', actual: 0, outdated: true },
    ])
    expect(callsSince()).toEqual(['append_known', 'append'])
    expect(await store.appendMany([{ ...appendTo('ann', 1), ...requires(0) }])).toMatchObject([{ version: 2 }])
    expect(callsSince()).toEqual(['append_known'])
    expect(await store.tagsOf('ann')).toEqual(['pool/nurture'])
  })

  it.each([
    ['lacks it', (schema: string) => `DELETE FROM ${schema}.events WHERE version = 2`],
    ['has another one there', (schema: string) => `UPDATE ${schema}.events SET hash = sha256('x') WHERE version = 2`],
  ])('an append after an event that this process saw goes the slow way where the server %s', async (_, change) => {
    const { store, schema, pool, callsSince } = await givenNoted()
    await store.appendMany([appendTo('ann', 1)])
    await pool.query(change(schema))
    callsSince()
    const [result] = await store.appendMany([appendTo('ann', 3, 2)])
    expect(callsSince()).toEqual(['append_known', 'append'])
    const log = await logOf(store)
    // As a server that took over without it: the log has no gap.
    expect(log.map(({ version }) => version)).toEqual(result?.outcome === 'appended' ? [1, 2, 3, 4] : [1])
    const last = log.at(-1) as RecordedEvent
    if (result?.outcome === 'appended') expect(last.hash).toBe(chainHash(log[2]?.hash ?? null, digestOf(last)))
  })
})

describe('statements that are prepared by name', () => {
  it('statements go without a name once a pooler has given them a session that does not know it', async () => {
    const pooler = createPooler(server.url)
    onTestFinished(() => pooler.end().then(() => {}))
    const store = givenStore(server, { pool: pooler.pool, prepare: true })
    for (let n = 1; n <= 8; n++)
      expect(await store.append(ann, [sampleStart('ann', n)], n === 1 ? 'no-stream' : n - 1)).toMatchObject({
        version: n,
      })
    const named = pooler.leftovers.length
    expect(named).toBeGreaterThan(0)
    for (let n = 9; n <= 12; n++)
      expect(await store.append(ann, [sampleStart('ann', n)], n - 1)).toMatchObject({ version: n })
    expect(pooler.leftovers).toHaveLength(named)
    expectChained(await logOf(store))
  })

  it('statements that are asked again without a name are finished before the store is closed', async () => {
    const pooler = createPooler(server.url)
    onTestFinished(() => pooler.end().then(() => {}))
    const store = givenStore(server, { pool: pooler.pool, prepare: true })
    await store.checkpoint()
    // Each of the three sessions prepares it, and forgets it again.
    const looks = () => Array.from({ length: 3 }, () => store.readMany([ann]))
    await Promise.all(looks())
    const late = Promise.all(looks())
    await store.close()
    for (const found of await late) expect(found.get(ann)).toEqual([])
  })

  it('statements go without a name once a pooler has given them a session in which another has prepared it', async () => {
    const schema = givenSchema(server)
    const first = new Pool({ connectionString: server.url, max: 1 })
    onTestFinished(() => first.end())
    const known = givenStore(server, { schema, pool: first, prepare: true })
    await known.append(ann, [sampleStart('ann', 1)], 'no-stream')
    await known.readTails([{ stream: ann, ids: [] }])
    const { rows } = await first.query<{ name: string }>('SELECT name FROM pg_prepared_statements')
    expect(rows.length).toBeGreaterThan(1)
    const second = new Pool({ connectionString: server.url, max: 1 })
    onTestFinished(() => second.end())
    const prepared = rows.map(({ name }) => `PREPARE "${name}" AS SELECT 1`).join(';')
    second.on('connect', (client) => void client.query(prepared))
    const store = givenStore(server, { schema, pool: second, prepare: true })
    expect(await store.readTails([{ stream: ann, ids: [] }])).toMatchObject([{ events: [{ version: 1 }] }])
    expect(await store.append(ann, [sampleStart('ann', 2)], 1)).toMatchObject({ outcome: 'appended', version: 2 })
  })
})
