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

  it('shows what it wrote to its own verbs at once, and to all others from its commit on', async () => {
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

  it('leaves nothing when it rolls back, and takes nothing after its end', async () => {
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

  it('is all or nothing where another has written to one of its contacts meanwhile', async () => {
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

  it('can be treated as a client: BEGIN, COMMIT, ROLLBACK, and what the test answers to the rest', async () => {
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

  it('is refused where it is of another store', async () => {
    const { engine } = await givenEngine()
    const other = createMemoryStore()
    onTestFinished(() => other.close())
    expect(() => engine.withTransaction(other.transaction())).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining('store.transaction()') }),
    )
  })

  it('VERSION-3: starts nothing of a campaign that was unpublished before its commit', async () => {
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
