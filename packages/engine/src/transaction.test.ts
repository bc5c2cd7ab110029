/** `withTransaction` over the stores that begin transactions by themselves: what a unit test of a host's service needs. */

import { type BeginsTransactions, campaign, contactStream, isLeft, type Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'

const pool = campaign({
  id: 'pool',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] }],
  sequences: [
    { id: 'nurture', steps: [{ id: 'one', kind: 'email' }], next: ['bought'] },
    { id: 'onboarding', steps: [{ id: 'hello', kind: 'email' }] },
  ],
})
const order = (contactId: string) => ({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })

const stores: { readonly [name: string]: () => Store & BeginsTransactions } = {
  memory: () => createMemoryStore(),
  SQLite: () => createSqliteStore({ path: ':memory:' }),
}

describe.each(Object.entries(stores))('a transaction of the %s store', (_, makeStore) => {
  async function givenEngine() {
    const store = makeStore()
    const sent: string[] = []
    const engine = createEngine({
      store,
      clock: createSimulatedClock('2026-03-02T09:00:00.000Z'),
      handlers: {
        email({ contactId }) {
          sent.push(contactId)
          return { outcome: 'sent' }
        },
      },
    })
    onTestFinished(async () => {
      await engine.close()
      await store.close()
    })
    await engine.publish(pool)
    const traces = async (id: string) => {
      const events = (await engine.inspect.history(id)).map(({ type }) => type)
      return { events, tags: await store.tagsOf(id), due: (await store.agenda('9999-01-01T00:00:00.000Z', 9)).length }
    }
    return { store, engine, sent, traces }
  }
  const NOTHING = { events: [], tags: [], due: 0 }

  it('a transaction shows what it wrote to its own verbs at once, and to all others from its commit on', async () => {
    const { store, engine, sent, traces } = await givenEngine()
    const tx = store.transaction()
    const verbs = engine.withTransaction(tx)
    expect(await verbs.startSequence(order('ann'))).toMatchObject({ right: { outcome: 'started', run: 1, version: 1 } })
    expect(await verbs.startSequence(order('ann'))).toMatchObject({ right: { outcome: 'already_active', run: 1 } })
    const bought = { contactId: 'ann', kind: 'purchased', signalId: 's1' }
    const goals = await verbs.signal(bought)
    expect(goals).toMatchObject({ right: { goals: [{ goalId: 'bought', stopped: [{ sequenceId: 'nurture' }] }] } })
    expect(await verbs.signal(bought)).toEqual(goals)
    expect(await traces('ann')).toEqual(NOTHING)
    await tx.commit()
    expect(await traces('ann')).toEqual({
      events: ['SequenceStarted', 'GoalSatisfied', 'SequenceStopped', 'SequenceStarted'],
      tags: ['pool/onboarding'],
      due: 1,
    })
    // ONCE-1 holds through the commit, positions too.
    expect(await engine.signal(bought)).toEqual(goals)
    await engine.runDue()
    expect(sent).toEqual(['ann'])
  })

  it('a transaction leaves nothing when it rolls back, and takes nothing after its end', async () => {
    const { store, engine, traces } = await givenEngine()
    const tx = store.transaction()
    const verbs = engine.withTransaction(tx)
    await verbs.startSequence(order('ann'))
    await tx.rollback()
    await tx.commit()
    expect(await traces('ann')).toEqual(NOTHING)
    await expect(verbs.startSequence(order('ann'))).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    expect((await engine.runDue()).dispatched).toBe(0)
  })

  it('a transaction is all or nothing if another has written to one of its contacts meanwhile', async () => {
    const { store, engine, traces } = await givenEngine()
    const tx = store.transaction()
    const verbs = engine.withTransaction(tx)
    await verbs.startSequence(order('ann'))
    await verbs.startSequence(order('bob'))
    expect(isLeft(await engine.startSequence(order('bob')))).toBe(false)
    await expect(verbs.stopSequence(order('bob'))).rejects.toMatchObject({ code: 'CONTENTION' })
    await expect(tx.commit()).rejects.toMatchObject({ code: 'CONTENTION' })
    expect((await traces('ann')).events).toEqual([])
    expect((await traces('bob')).events).toEqual(['SequenceStarted'])
  })

  it('a transaction can be treated as a client: BEGIN, COMMIT, ROLLBACK, and what the test answers to the rest', async () => {
    const { store, engine, traces } = await givenEngine()
    const asked: string[] = []
    async function enrol(id: string, end: string) {
      const client = store.transaction({
        async query(text, values) {
          asked.push(`${text} ${values}`)
          return { rows: [{ id }] }
        },
      })
      await client.query('BEGIN', [])
      await client.query('INSERT INTO customers VALUES ($1)', [id])
      await engine.withTransaction(client).startSequence(order(id))
      await client.query(end, [])
    }
    await enrol('ann', 'COMMIT;')
    await enrol('bob', 'rollback')
    expect(asked).toEqual(['INSERT INTO customers VALUES ($1) ann', 'INSERT INTO customers VALUES ($1) bob'])
    expect((await traces('ann')).events).toEqual(['SequenceStarted'])
    expect((await traces('bob')).events).toEqual([])
    await expect(store.transaction().query('SELECT 1', [])).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  it('a transaction does one after the other what is asked at once, of one contact and of many', async () => {
    const { store, engine, traces } = await givenEngine()
    const tx = store.transaction()
    const verbs = engine.withTransaction(tx)
    const flips = Array.from({ length: 30 }, (_, i) =>
      i % 2 === 0
        ? verbs.startSequence(order('ann'))
        : engine.withTransaction(tx).stopSequence({ ...order('ann'), commandId: `stop-${i}` }),
    )
    const twice = { ...order('bob'), commandId: 'once' }
    const [first, second, ...others] = await Promise.all([
      verbs.startSequence(twice),
      verbs.startSequence(twice),
      ...['cem', 'dee', 'eve'].map((id) => verbs.startSequence(order(id))),
    ])
    const versions = (await Promise.all(flips)).map((answer) => (isLeft(answer) ? null : answer.right.version))
    expect(versions).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(second).toEqual(first)
    const positions = others.map((answer) => (isLeft(answer) ? null : answer.right.position))
    expect(new Set(positions).size).toBe(3)
    await tx.commit()
    expect((await traces('ann')).events).toHaveLength(30)
    expect((await traces('bob')).events).toEqual(['SequenceStarted'])
  })

  it('appends one after the other too, and commits what was asked for before its commit', async () => {
    const { store, engine } = await givenEngine()
    await engine.startSequence(order('ann'))
    const [first] = await engine.inspect.history('ann')
    if (first === undefined) expect.fail('nothing was recorded')
    const tx = store.transaction()
    const bound = store.inTransaction(tx)
    const event = (n: number) => ({ ...first, id: `00000000-0000-5000-8000-00000000000${n}` })
    const answers = Promise.all([
      bound.append(contactStream('bob'), [event(1)], 'no-stream'),
      bound.append(contactStream('bob'), [event(2)], 'no-stream'),
      bound.append(contactStream('cem'), [event(3)], 'no-stream'),
    ])
    await tx.commit()
    expect(await answers).toMatchObject([
      { outcome: 'appended', version: 1, position: 3 },
      { outcome: 'conflict', actual: 1 },
      { outcome: 'appended', version: 1, position: 4 },
    ])
    expect(await engine.inspect.history('bob')).toHaveLength(1)
    expect(await engine.inspect.history('cem')).toHaveLength(1)
  })

  it('a transaction reads statements as a server does, with and without an answer to those of the host', async () => {
    const { store, engine, traces } = await givenEngine()
    const asked: string[] = []
    const options = {
      async query(text: string) {
        asked.push(text)
        return { rows: [] }
      },
    }
    const ends = [
      'COMMIT',
      'commit;',
      '/* x */ COMMIT',
      '-- x\nEND',
      'Commit Work',
      'END TRANSACTION;',
      'ROLLBACK',
      'abort work',
    ]
    for (const [i, end] of ends.entries())
      for (const given of [options, {}]) {
        const id = `${end} ${given === options}`
        const client = store.transaction(given)
        await client.query(i % 2 === 0 ? 'START TRANSACTION' : 'begin isolation level read committed', [])
        await engine.withTransaction(client).startSequence(order(id))
        await client.query(end, [])
        expect((await traces(id)).events, id).toEqual(/commit|end/i.test(end) ? ['SequenceStarted'] : [])
      }
    expect(asked).toEqual([])
  })

  it('a transaction goes back to a savepoint: what was written since is forgotten, what was written before is committed', async () => {
    const { store, engine, traces } = await givenEngine()
    const client = store.transaction()
    const verbs = engine.withTransaction(client)
    await verbs.startSequence(order('ann'))
    await client.query('SAVEPOINT a', [])
    await verbs.stopSequence(order('ann'))
    await verbs.startSequence(order('bob'))
    await client.query('savepoint "B"', [])
    await verbs.startSequence(order('cem'))
    await client.query('ROLLBACK TO SAVEPOINT A', [])
    await expect(client.query('ROLLBACK TO "B"', [])).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    // Free again for others, because nothing of this is in the transaction any more.
    await engine.startSequence(order('bob'))
    expect(await verbs.startSequence(order('ann'))).toMatchObject({ right: { outcome: 'already_active', version: 1 } })
    expect(await verbs.startSequence(order('dee'))).toMatchObject({ right: { outcome: 'started' } })
    await client.query('RELEASE a', [])
    await expect(client.query('ROLLBACK TO a', [])).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    await client.query('COMMIT', [])
    for (const id of ['ann', 'bob', 'dee']) expect((await traces(id)).events, id).toEqual(['SequenceStarted'])
    expect(await traces('cem')).toEqual({ events: [], tags: [], due: 3 })
  })

  it('a transaction is refused where it is of another store', async () => {
    const { engine } = await givenEngine()
    const other = createMemoryStore()
    onTestFinished(() => other.close())
    expect(() => engine.withTransaction(other.transaction())).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining('store.transaction()') }),
    )
  })

  it('VERSION-3: a transaction starts nothing of a campaign that was unpublished before its commit', async () => {
    const { store, engine, traces } = await givenEngine()
    const tx = store.transaction()
    await engine.withTransaction(tx).startSequence(order('ann'))
    await engine.unpublish('pool', { actor: null })
    await expect(tx.commit()).rejects.toMatchObject({ code: 'CONTENTION' })
    expect(await traces('ann')).toEqual(NOTHING)
  })

  it('an append returns what the log would: repeats, conflicts, versions', async () => {
    const { store, engine } = await givenEngine()
    await engine.startSequence({ ...order('ann'), commandId: 'c1' })
    const [first] = await engine.inspect.history('ann')
    if (first === undefined) expect.fail('nothing was recorded')
    const bound = store.inTransaction(store.transaction())
    const stream = contactStream('ann')
    expect(await bound.append(stream, [first], 0)).toMatchObject({
      outcome: 'appended',
      repeated: true,
      version: 1,
    })
    const next = { ...first, id: '00000000-0000-5000-8000-000000000001' }
    expect(await bound.append(stream, [next], 'no-stream')).toEqual({ outcome: 'conflict', actual: 1 })
    expect(await bound.append(stream, [next], 1)).toMatchObject({ outcome: 'appended', repeated: false, version: 2 })
    expect(await bound.append(stream, [next], 1)).toMatchObject({ repeated: true, version: 2 })
  })
})

it.each([
  ['outside the transaction is told that it was', false],
  ['inside it is told no more than elsewhere', true],
])('a directory that fails %s', async (_, isInside) => {
  const store = createMemoryStore()
  const cause = new Error('timeout exceeded when trying to connect')
  const contacts = { get: () => Promise.reject(cause) }
  const engine = createEngine({ store, handlers: {}, contacts })
  onTestFinished(() => engine.close())
  await engine.publish(pool)
  const verbs = engine.withTransaction(store.transaction(), isInside ? { contacts } : {})
  const start = verbs.startSequence(order('ann'))
  await expect(start).rejects.toMatchObject({ code: 'DIRECTORY_FAILED', cause })
  const advice = /same pool.*withTransaction\(client, \{ contacts \}\)/
  await expect(start).rejects.toThrow(
    isInside ? expect.objectContaining({ message: expect.not.stringMatching(advice) }) : advice,
  )
})
