/** What `withTransaction` takes and what it refuses; and that a transaction of the host's needs no second connection. */

import { describeRejection, type EnfoldFault, isLeft, type TransactionClient } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { givenServer } from '@enfold/test-servers/given'
import type { PoolClient } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerOf, givenHost, NOTHING, order, STARTED, traces } from './host.fixture.ts'
import { givenStore } from './postgres.fixture.ts'

const server = givenServer()

type Host = Awaited<ReturnType<typeof givenHost>>

/** Once the host has inserted its customer: 'COMMIT' or 'ROLLBACK'. */
async function enrol(given: Pick<Host, 'host' | 'schema' | 'engine'>, id: string, end: string): Promise<void> {
  const client = await given.host.connect()
  try {
    await client.query('BEGIN')
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ($1)`, [id])
    answerOf(await given.engine.withTransaction(client).startSequence(order(id)))
    await client.query(end)
  } finally {
    client.release()
  }
}

async function faultFrom(promise: Promise<unknown>): Promise<EnfoldFault> {
  return promise.then(
    () => expect.fail('nothing was thrown'),
    (error) => error,
  )
}

describe('a pool that host and store share', () => {
  it('a shared pool of two connections serves 200 transactions at once, commits and rollbacks, and health answers meanwhile', async () => {
    const given = await givenHost(server, { shared: 2 })
    const ids = Array.from({ length: 200 }, (_, i) => `c${String(i).padStart(3, '0')}`)
    const enrolling = ids.map((id, i) => enrol(given, id, i % 3 === 0 ? 'ROLLBACK' : 'COMMIT'))
    const health = given.engine.health()
    await Promise.all(enrolling)
    expect(await health).toMatchObject({ ok: true, storeFault: null })
    const committed = ids.filter((_, i) => i % 3 !== 0)
    expect(await given.customers()).toEqual(committed)
    const { contacts, total } = await given.engine.inspect.contactsInSequence({
      campaignId: 'pool',
      sequenceId: 'nurture',
      limit: 1000,
    })
    expect([total, [...contacts].sort()]).toEqual([committed.length, committed])
  })

  it('a shared pool serves transactions on a store that was not opened yet', async () => {
    const given = await givenHost(server, { shared: 2 })
    const store = givenStore(server, { pool: given.host, schema: given.schema })
    const engine = createEngine({ store, clock: given.clock, handlers: {} })
    onTestFinished(() => engine.close())
    await Promise.all(['ann', 'bob', 'cid', 'dot'].map((id) => enrol({ ...given, engine }, id, 'COMMIT')))
    expect(await given.customers()).toEqual(['ann', 'bob', 'cid', 'dot'])
  })

  it('a shared pool is asked one thing at a time by each transaction, however many verbs are under way', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    let underWay = 0
    const strict: TransactionClient = {
      async query(text, values) {
        underWay += 1
        expect(underWay).toBe(1)
        return client.query(text, values).finally(() => {
          underWay -= 1
        })
      },
    }
    const ids = ['ann', 'bob', 'cid']
    await Promise.all(ids.map((id) => given.engine.withTransaction(strict).startSequence(order(id)).then(answerOf)))
    await client.query('COMMIT')
    for (const id of ids) expect(await traces(given, id)).toEqual(STARTED)
  })
})

describe('the directory of contacts', () => {
  it('START-6: the directory on another connection does not see the transaction, and the rejection says what helps', async () => {
    const given = await givenHost(server)
    const knows = (client: Pick<Host['host'], 'query'>) => ({
      async get(id: string) {
        const { rows } = await client.query(`SELECT FROM ${given.schema}.customers WHERE id = $1`, [id])
        return rows.length === 0 ? null : {}
      },
    })
    const engine = createEngine({
      ...{ store: given.store, clock: given.clock, handlers: {} },
      contacts: knows(given.host),
    })
    onTestFinished(() => engine.close())
    const client = await given.begin()
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ('ann')`)
    const bought = { contactId: 'ann', kind: 'purchased', signalId: 's1' }
    const outside = engine.withTransaction(client)
    for (const answer of [await outside.startSequence(order('ann')), await outside.signal(bought)]) {
      const rejection = isLeft(answer) ? answer.left : expect.fail('it was accepted')
      expect(rejection).toEqual({ type: 'ContactUnknown', contactId: 'ann', outsideTransaction: true })
      expect(describeRejection(rejection)).toMatch(/another connection.*withTransaction\(client, \{ contacts \}\)/)
    }
    const inside = engine.withTransaction(client, { contacts: knows(client as unknown as Host['host']) })
    answerOf(await inside.startSequence(order('ann')))
    // Who is not there inside the transaction either is simply not there.
    expect(await inside.startSequence(order('bob'))).toMatchObject({
      left: { type: 'ContactUnknown', contactId: 'bob' },
    })
    expect(await engine.startSequence(order('bob'))).toEqual(
      expect.objectContaining({ left: { type: 'ContactUnknown', contactId: 'bob' } }),
    )
    await client.query('COMMIT')
    expect(await traces(given, 'ann')).toEqual(STARTED)
  })
})

describe('a directory of contacts on the pool that the transactions are on', () => {
  async function givenShared(contactsTimeoutMs = 30_000) {
    const given = await givenHost(server, { shared: 2 })
    const knows = (client: Host['host'] | PoolClient) => ({
      async get(id: string) {
        const { rows } = await client.query(`SELECT $1::text AS id`, [id])
        return rows.length === 0 ? null : {}
      },
    })
    const { store, clock, host } = given
    const engine = createEngine({ store, clock, handlers: {}, contacts: knows(host), contactsTimeoutMs })
    onTestFinished(() => engine.close())
    return { ...given, engine, knows }
  }

  it('a directory on that pool does not stand in the way when it reads in the transaction: ten at once all commit', async () => {
    const { engine, host, knows, store } = await givenShared()
    const ids = Array.from({ length: 10 }, (_, i) => `c${i}`)
    const start = async (id: string) => {
      const client = await host.connect()
      try {
        await client.query('BEGIN')
        answerOf(await engine.withTransaction(client, { contacts: knows(client) }).startSequence(order(id)))
        await client.query('COMMIT')
      } finally {
        client.release()
      }
    }
    await Promise.all(ids.map(start))
    for (const id of ids) expect(await traces({ store, engine }, id)).toEqual(STARTED)
  })

  it('a directory on that pool is a fault that says why when it waits for a connection which they hold', async () => {
    const { engine, begin } = await givenShared(200)
    const clients = [await begin(), await begin()]
    const starts = clients.map((client, i) => engine.withTransaction(client).startSequence(order(`c${i}`)))
    for (const one of await Promise.allSettled(starts))
      expect(one).toMatchObject({
        reason: {
          code: 'DIRECTORY_SILENT',
          details: { timeoutMs: 200 },
          message: expect.stringMatching(
            /same pool, .* open transactions hold.*withTransaction\(client, \{ contacts \}\)/,
          ),
        },
      })
  })
})

describe('withTransaction refuses', () => {
  const refused = (text: string) =>
    expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(text) })

  it('a pool, and a client without BEGIN, before anything is written', async () => {
    const given = await givenHost(server)
    const client = await given.host.connect()
    onTestFinished(() => client.release())
    for (const one of [given.host, client]) {
      const verbs = given.engine.withTransaction(one)
      await expect(verbs.startSequence(order('ann'))).rejects.toThrow(refused('is not inside a transaction'))
      await expect(verbs.stopSequence(order('ann'))).rejects.toThrow(refused('is not inside a transaction'))
    }
    expect(await traces(given, 'ann')).toEqual(NOTHING)
  })

  it('a pool whose connections take turns with the one on which BEGIN was sent', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    let asked = 0
    const turning: TransactionClient = {
      query: (text, values) => (asked++ % 2 === 0 ? client : given.host).query(text, values),
    }
    await expect(given.engine.withTransaction(turning).startSequence(order('ann'))).rejects.toThrow(
      refused('is not inside a transaction'),
    )
    await client.query('COMMIT')
    expect(await traces(given, 'ann')).toEqual(NOTHING)
  })

  it('a transaction that has ended; the next one on the client is taken', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    const verbs = given.engine.withTransaction(client)
    answerOf(await verbs.startSequence(order('ann')))
    await client.query('ROLLBACK')
    await expect(verbs.startSequence(order('ann'))).rejects.toThrow(refused('is not inside a transaction'))
    expect(await traces(given, 'ann')).toEqual(NOTHING)
    await client.query('BEGIN')
    answerOf(await verbs.startSequence(order('ann')))
    await client.query('COMMIT')
    expect(await traces(given, 'ann')).toEqual(STARTED)
  })

  it.each(['REPEATABLE READ', 'SERIALIZABLE'])(
    '%s, in which a stop would not see a start that was acknowledged since',
    async (level) => {
      const given = await givenHost(server)
      const client = await given.begin()
      await client.query(`SET TRANSACTION ISOLATION LEVEL ${level}`)
      await client.query('SELECT 1')
      answerOf(await given.engine.startSequence(order('ann')))
      await expect(given.engine.withTransaction(client).stopSequence(order('ann'))).rejects.toThrow(refused(level))
      await client.query('ROLLBACK')
      expect((await given.engine.inspect.contact('ann')).enrollments).toMatchObject([{ status: 'active' }])
    },
  )

  it('withTransaction refuses what has no query, with the adapter for its driver, and shows nothing of it', async () => {
    const given = await givenHost(server)
    const prisma = { $queryRawUnsafe: async () => [], url: 'postgres://crm:sesame@db/crm' }
    const unlike = (client: unknown) => () => given.engine.withTransaction(client as TransactionClient)
    expect(unlike(prisma)).toThrow(refused('as fromPrisma(tx) of enfold/postgres'))
    expect(unlike(prisma)).not.toThrow(/sesame/)
    expect(unlike(undefined)).toThrow(refused('as fromPrisma, fromDrizzle'))
  })
})

describe('a client that returns', () => {
  const shapes: { readonly [name: string]: (rows: object[]) => unknown } = {
    'a list of rows': (rows) => rows,
    'rows and metadata': (rows) => [rows, { rowCount: rows.length }],
    'an object with rows': (rows) => ({ rows }),
  }
  it.each(Object.entries(shapes))('%s is understood', async (_, shape) => {
    const given = await givenHost(server)
    const client = await given.begin()
    const odd = {
      query: async (text: string, values: (string | null)[]) => shape((await client.query(text, values)).rows),
    } as TransactionClient
    const verbs = given.engine.withTransaction(odd)
    answerOf(await verbs.startSequence(order('ann')))
    expect(answerOf(await verbs.startSequence(order('ann')))).toMatchObject({ outcome: 'already_active' })
    await client.query('COMMIT')
    expect(await traces(given, 'ann')).toEqual(STARTED)
  })

  it.each([[undefined], [[['1', '2', '3']]], [{ rowCount: 1 }]])(
    '%j is refused with what is expected',
    async (answer) => {
      const given = await givenHost(server)
      const odd = { query: async () => answer } as unknown as TransactionClient
      const fault = await faultFrom(given.engine.withTransaction(odd).startSequence(order('ann')))
      expect([fault.code, fault.message]).toEqual(['INVALID_INPUT', expect.stringContaining('{ rows } or a list')])
    },
  )
})
