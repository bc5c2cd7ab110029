/** A contact to which a host's open transaction has written waits alone: orders, workers and the pool go on. */

import { contactStream } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { givenServer } from '@enfold/test-servers/given'
import { sampleStart } from '@enfold/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerOf, givenHost, order, STARTED, traces } from './host.fixture.ts'

const server = givenServer()

const onboarding = (contactId: string) => order(contactId, 'onboarding')

describe("a contact that a host's open transaction has written to", () => {
  it('such a contact makes no order for anyone else wait, in its batch or later', async () => {
    const given = await givenHost(server)
    const { engine } = given
    answerOf(await engine.startSequence(order('bob')))
    const client = await given.begin()
    answerOf(await engine.withTransaction(client).startSequence(order('ann')))
    // Awaited inside the transaction, so that waiting for its end would never return.
    const forAnn = [engine.startSequence(onboarding('ann')), engine.startSequence(onboarding('ann'))]
    expect(answerOf(await engine.stopSequence(order('bob')))).toMatchObject({ outcome: 'stopped' })
    const others = ['cid', 'dot', 'eve'].map((id) => engine.startSequence(order(id)))
    forAnn.push(engine.startSequence(onboarding('ann')))
    for (const one of await Promise.all(others)) expect(answerOf(one)).toMatchObject({ outcome: 'started' })
    await client.query('COMMIT')
    const outcomes = (await Promise.all(forAnn)).map((one) => answerOf(one).outcome)
    expect(outcomes.sort()).toEqual(['already_active', 'already_active', 'started'])
    expect((await traces(given, 'ann')).events).toEqual(['SequenceStarted', 'SequenceStarted'])
  })

  it('such a contact is CONTACT_LOCKED after the stated time; nothing was written, and the same command works later', async () => {
    const given = await givenHost(server, { lockWaitMs: 50 })
    const client = await given.begin()
    answerOf(await given.engine.withTransaction(client).startSequence(order('ann')))
    const stop = { ...order('ann'), commandId: 'stop it' }
    await expect(given.engine.startSequence(onboarding('ann'))).rejects.toMatchObject({
      code: 'CONTACT_LOCKED',
      message: expect.stringContaining('engine.withTransaction(client)'),
      details: { contactId: 'ann', waitMs: 50 },
    })
    await client.query('COMMIT')
    expect(await traces(given, 'ann')).toEqual(STARTED)
    expect(answerOf(await given.engine.stopSequence(stop))).toMatchObject({ outcome: 'stopped' })
  })

  it('such a contact holds no connection of the pool, however many such contacts there are', async () => {
    const given = await givenHost(server, { maxConnections: 2, lockWaitMs: 120_000 })
    const { engine } = given
    const client = await given.begin()
    const ids = Array.from({ length: 10 }, (_, i) => `c${i}`)
    const bound = engine.withTransaction(client)
    for (const id of ids) answerOf(await bound.startSequence(order(id)))
    const waiting = ids.map((id) => engine.startSequence(onboarding(id)))
    for (const id of ['ann', 'bob', 'cid']) answerOf(await engine.startSequence(order(id)))
    expect(await engine.health()).toMatchObject({ ok: true })
    await client.query('ROLLBACK')
    for (const one of await Promise.all(waiting))
      expect(answerOf(one)).toMatchObject({ outcome: 'started', version: 1 })
  })

  it('such a contact keeps no worker from giving back the claims of others, and is given back when the transaction ends', async () => {
    const given = await givenHost(server)
    const { store, engine, clock } = given
    for (const id of ['ann', 'bob']) answerOf(await engine.startSequence(order(id)))
    const claims = await store.claimDue(clock.now(), 'w', 2, 3_600_000)
    expect(claims).toHaveLength(2)
    const client = await given.begin()
    answerOf(await engine.withTransaction(client).startSequence(onboarding('ann')))
    await store.release(claims)
    const [bob] = await store.claimDue(clock.now(), 'w2', 2, 3_600_000)
    expect(bob?.contactId).toBe('bob')
    await client.query('COMMIT')
    const isFree = async () => (await store.agenda(clock.now(), 9)).some((one) => one.leaseUntil === null)
    await expect.poll(isFree).toBe(true)
    expect(await store.claimDue(clock.now(), 'w3', 2, 1000)).toMatchObject([{ contactId: 'ann' }])
  })

  it('STEP-11: such a contact keeps the outcome of its step in memory past lockWaitMs, and has it recorded when the transaction ends', async () => {
    const given = await givenHost(server, { lockWaitMs: 50 })
    const { store, clock } = given
    const calls: string[] = []
    const lines: string[] = []
    const client = await given.begin()
    const worker = createEngine({
      store,
      clock,
      log: (line) => lines.push(line),
      handlers: {
        async email({ contactId }) {
          calls.push(contactId)
          // While the handler is at work a host writes to the contact, and does not commit.
          answerOf(await worker.withTransaction(client).startSequence(onboarding('ann')))
          return { outcome: 'sent' }
        },
      },
    })
    onTestFinished(() => worker.close())
    answerOf(await worker.startSequence(order('ann')))
    expect(await worker.runDue()).toMatchObject({ sent: 0 })
    expect(lines).toEqual([expect.stringContaining('CONTACT_LOCKED')])
    expect((await traces(given, 'ann')).events).toEqual(['SequenceStarted', 'StepDispatched'])
    // The claim is long over by the clock: the worker that knows the outcome keeps the contact, and sends nothing again.
    clock.advance('PT1H')
    const other = createEngine({ store, clock, log: false, handlers: { email: () => ({ outcome: 'sent' }) } })
    onTestFinished(() => other.close())
    expect(await other.runDue()).toMatchObject({ dispatched: 0 })
    await client.query('COMMIT')
    const types = async () => (await traces(given, 'ann')).events
    await expect.poll(types).toContain('StepSent')
    expect(await types()).toEqual([
      'SequenceStarted',
      'StepDispatched',
      'SequenceStarted',
      'StepSent',
      'SequenceCompleted',
    ])
    expect(calls).toEqual(['ann'])
  })

  it('such a contact keeps no worker from prolonging its claims of others', async () => {
    const given = await givenHost(server)
    const { store, engine, clock } = given
    for (const id of ['ann', 'bob', 'cid']) answerOf(await engine.startSequence(order(id)))
    const claims = await store.claimDue(clock.now(), 'w', 3, 60_000)
    expect(claims).toHaveLength(3)
    const client = await given.begin()
    answerOf(await engine.withTransaction(client).startSequence(onboarding('ann')))
    const renewed = await store.renew(claims, clock.now(), 3_600_000)
    expect(renewed.map(({ contactId }) => contactId).sort()).toEqual(['bob', 'cid'])
    const left = store.renew(
      claims.filter(({ contactId }) => contactId === 'ann'),
      clock.now(),
      3_600_000,
    )
    await client.query('COMMIT')
    expect(await left).toMatchObject([{ contactId: 'ann' }])
  })
})

describe('appendMany', () => {
  it('past a locked stream writes the others as ever: outcomes, versions, tags and wakes', async () => {
    const given = await givenHost(server)
    const { store } = given
    const wakeAt = '2026-03-02T10:00:00.000Z'
    const one = (id: string, n: number, expected: number | 'no-stream', tag?: string) => ({
      stream: contactStream(id),
      events: [sampleStart(id, n), sampleStart(id, n + 1)],
      expected,
      ...(tag === undefined ? {} : { derived: { tags: [{ change: 'add', contactId: id, tag } as const], wakeAt } }),
    })
    await store.appendMany([one('bob', 1, 'no-stream'), one('cid', 1, 'no-stream')])
    const client = await given.begin()
    await store.inTransaction(client).append(contactStream('ann'), [sampleStart('ann', 1)], 'no-stream')
    const results = await store.appendMany([
      one('dot', 1, 'no-stream', 'a/dot'),
      one('ann', 1, 'no-stream', 'a/ann'),
      one('bob', 3, 1, 'a/bob'),
      one('cid', 1, 'no-stream'),
      one('eve', 1, 'no-stream', 'a/eve'),
    ])
    expect(results).toMatchObject([
      { outcome: 'appended', version: 2, repeated: false },
      { outcome: 'locked' },
      { outcome: 'conflict', actual: 2 },
      { outcome: 'appended', version: 2, repeated: true },
      { outcome: 'appended', version: 2, repeated: false },
    ])
    await client.query('ROLLBACK')
    const tags = await Promise.all(['ann', 'bob', 'dot', 'eve'].map((id) => store.tagsOf(id)))
    expect(tags).toEqual([[], [], ['a/dot'], ['a/eve']])
    expect((await store.agenda(wakeAt, 9)).map(({ contactId }) => contactId)).toEqual(['dot', 'eve'])
    const streams = await store.readMany(['dot', 'eve', 'ann'].map(contactStream))
    expect([...streams.values()].map((events) => events.map(({ version }) => version))).toEqual([[1, 2], [1, 2], []])
    expect([...streams.values()].flat().every(({ hash }) => hash?.length === 64)).toBe(true)
    // An id that stands elsewhere is a fault of the whole, past a lock as without one.
    await client.query('BEGIN')
    await store.inTransaction(client).append(contactStream('ann'), [sampleStart('ann', 1)], 'no-stream')
    const foreign = { ...one('fay', 1, 'no-stream'), events: [sampleStart('bob', 1)] }
    await expect(store.appendMany([one('gus', 1, 'no-stream'), one('ann', 1, 'no-stream'), foreign])).rejects.toThrow(
      expect.objectContaining({ code: 'EVENT_ID_REUSED' }),
    )
    await client.query('ROLLBACK')
    expect((await store.readMany([contactStream('gus')])).get(contactStream('gus'))).toEqual([])
  })
})
