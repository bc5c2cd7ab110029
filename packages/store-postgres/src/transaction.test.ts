/** `engine.withTransaction`: campaigns inside the host's own transaction, whatever the host drives PostgreSQL with. */

import { isLeft, type TransactionClient } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { givenServer } from '@enfold/test-servers/given'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerOf, givenHost, NOTHING, order, pool, STARTED, traces } from './host.fixture.ts'
import { givenStore } from './postgres.fixture.ts'

const server = givenServer()

describe("a transaction of the host's", () => {
  it('a transaction of the host makes all true with its commit: its own rows, the event, the tag and the place on the agenda', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ('ann')`)
    const answer = answerOf(await given.engine.withTransaction(client).startSequence(order('ann')))
    expect(answer).toMatchObject({ outcome: 'started', run: 1, version: 1 })
    expect(await traces(given, 'ann')).toEqual(NOTHING)
    expect(await given.customers()).toEqual([])
    await client.query('COMMIT')
    expect(await traces(given, 'ann')).toEqual(STARTED)
    expect(await given.customers()).toEqual(['ann'])
    await given.engine.runDue()
    expect(given.sent).toEqual(['ann'])
  })

  it('a transaction of the host leaves nothing when it rolls back', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ('ann')`)
    answerOf(await given.engine.withTransaction(client).startSequence(order('ann')))
    await client.query('ROLLBACK')
    expect(await traces(given, 'ann')).toEqual(NOTHING)
    expect(await given.customers()).toEqual([])
    expect((await given.engine.runDue()).dispatched).toBe(0)
    // Nothing remembers it: the same order again is the first.
    expect(answerOf(await given.engine.startSequence({ ...order('ann'), commandId: 'c' }))).toMatchObject({ run: 1 })
  })

  it('FUNNEL-1: a transaction of the host that is open keeps nobody from counting for the same campaign, and takes its counts back with a rollback', async () => {
    const given = await givenHost(server)
    const startedOf = async () => (await given.engine.inspect.funnel('pool'))?.sequences[0]?.started
    const [client, other] = [await given.begin(), await given.begin()]
    answerOf(await given.engine.withTransaction(client).startSequence(order('in one')))
    answerOf(await given.engine.withTransaction(other).startSequence(order('in another')))
    // More than are summed up at once, some of them by the one that comes to it.
    const ids = Array.from({ length: 300 }, (_, i) => `c${i}`)
    for (let from = 0; from < ids.length; from += 20)
      await Promise.all(ids.slice(from, from + 20).map((id) => given.engine.startSequence(order(id)).then(answerOf)))
    expect(await startedOf()).toBe(300)
    await client.query('ROLLBACK')
    expect(await startedOf()).toBe(300)
    await other.query('COMMIT')
    expect(await startedOf()).toBe(301)
    expect((await given.engine.verifyIndex()).counters).toEqual([])
  })

  it('a transaction of the host leaves nothing when its connection dies', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    answerOf(await given.engine.withTransaction(client).startSequence(order('ann')))
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await given.host.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid])
    await expect(given.engine.withTransaction(client).startSequence(order('bob'))).rejects.toMatchObject({
      name: 'EnfoldFault',
      code: 'STORE_UNAVAILABLE',
    })
    expect(await traces(given, 'ann')).toEqual(NOTHING)
  })

  it('a transaction sees what it has written itself, through several verbs', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    const verbs = given.engine.withTransaction(client)
    answerOf(await verbs.startSequence(order('ann')))
    expect(answerOf(await verbs.startSequence(order('ann')))).toMatchObject({ outcome: 'already_active' })
    const signal = { contactId: 'ann', kind: 'purchased', signalId: 's1' }
    const goals = answerOf(await verbs.signal(signal)).goals
    expect(goals).toMatchObject([{ goalId: 'bought', stopped: [{ sequenceId: 'nurture' }] }])
    // GOAL-10, within the transaction and after it.
    expect(answerOf(await verbs.signal(signal)).goals).toEqual(goals)
    await client.query('COMMIT')
    expect(answerOf(await given.engine.signal(signal)).goals).toEqual(goals)
    expect(await given.store.tagsOf('ann')).toEqual(['pool/onboarding'])
  })

  it('a transaction of the host is not spoiled by a conflict, a rejection or a misuse', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ('ann')`)
    const verbs = given.engine.withTransaction(client)
    expect(isLeft(await verbs.startSequence({ ...order('ann'), campaignId: 'nobody' }))).toBe(true)
    await expect(verbs.startSequence({ ...order('ann'), contactId: '' })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
    // Another writes between the look and the append.
    const spied: TransactionClient = {
      async query(text, values) {
        if (text.includes('.append(') && raced === 0) {
          raced += 1
          answerOf(await given.engine.startSequence(order('ann', 'onboarding')))
        }
        return client.query(text, values)
      },
    }
    let raced = 0
    const answer = answerOf(await given.engine.withTransaction(spied).startSequence(order('ann')))
    expect(answer).toMatchObject({ outcome: 'started', version: 2 })
    // ONCE-1: the same command, which another process wrote between the look and the append.
    raced = 0
    await client.query('COMMIT')
    expect(await given.customers()).toEqual(['ann'])
    expect((await traces(given, 'ann')).events).toEqual(['SequenceStarted', 'SequenceStarted'])
  })

  it('ONCE-1: a command that another process wrote meanwhile has its effect once, and the transaction goes on', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ('ann')`)
    const command = { ...order('ann'), commandId: 'the one' }
    let raced = false
    const spied: TransactionClient = {
      async query(text, values) {
        if (text.includes('.append(') && !raced) {
          raced = true
          answerOf(await given.engine.startSequence(command))
        }
        return client.query(text, values)
      },
    }
    const answer = answerOf(await given.engine.withTransaction(spied).startSequence(command))
    expect(raced).toBe(true)
    expect(answer).toMatchObject({ outcome: 'started', run: 1, version: 1 })
    await client.query('COMMIT')
    expect(await given.customers()).toEqual(['ann'])
    expect((await traces(given, 'ann')).events).toEqual(['SequenceStarted'])
  })

  it('a command decides by the directory that asks the same transaction, if one is given', async () => {
    const given = await givenHost(server)
    const engine: Engine = createEngine({ store: given.store, handlers: {}, contacts: { get: () => null } })
    onTestFinished(() => engine.close())
    const client = await given.begin()
    await client.query(`INSERT INTO ${given.schema}.customers VALUES ('ann')`)
    const contacts = {
      async get(contactId: string) {
        const { rowCount } = await client.query(`SELECT FROM ${given.schema}.customers WHERE id = $1`, [contactId])
        return rowCount === 1 ? {} : null
      },
    }
    const unknown = await engine.withTransaction(client).startSequence(order('ann'))
    expect(isLeft(unknown) && unknown.left.type).toBe('ContactUnknown')
    answerOf(await engine.withTransaction(client, { contacts }).startSequence(order('ann')))
  })

  it('a transaction of the host that stays open keeps nobody from publishing, and from seeing what was published', async () => {
    const given = await givenHost(server)
    const client = await given.begin()
    answerOf(await given.engine.withTransaction(client).startSequence(order('ann')))
    await given.engine.publish({ ...pool, id: 'other' })
    const another = createEngine({ store: givenStore(server, { schema: given.schema }), handlers: {} })
    onTestFinished(() => another.close())
    expect(answerOf(await another.startSequence({ ...order('bob'), campaignId: 'other' }))).toMatchObject({ run: 1 })
    // Readers of the whole log wait, because its first event is yet to come.
    const seen = async () => {
      const contacts: string[] = []
      for await (const { stream } of given.store.readAll(0, { streams: 'contacts' })) contacts.push(stream)
      return contacts
    }
    expect(await seen()).toEqual([])
    await client.query('COMMIT')
    expect(await seen()).toEqual(['contact-ann', 'contact-bob'])
  })

  it('a commit of the host wakes a dispatcher of another process, where the store may notify', async () => {
    const given = await givenHost(server, { notify: true })
    const sent: string[] = []
    const worker = createEngine({
      store: givenStore(server, { schema: given.schema, notify: true }),
      clock: given.clock,
      handlers: {
        email({ contactId }) {
          sent.push(contactId)
          stop.abort()
          return { outcome: 'sent' }
        },
      },
      // No poll of its own in the time of this test.
      dispatch: { pollMs: 86_400_000 },
    })
    const stop = new AbortController()
    onTestFinished(() => worker.close())
    const running = worker.run({ signal: stop.signal })
    // It listens, and has found nothing to do.
    const listening = async () =>
      (await given.host.query(`SELECT FROM pg_stat_activity WHERE query = 'LISTEN enfold_${given.schema}'`))
        .rowCount === 1
    while (!(await listening())) await new Promise((resolve) => setTimeout(resolve, 5))
    const client = await given.begin()
    answerOf(await given.engine.withTransaction(client).startSequence(order('ann')))
    expect(sent).toEqual([])
    await client.query('COMMIT')
    await running
    expect(sent).toEqual(['ann'])
  })

  it('a transaction of the host keeps nobody waiting who starts the same sequence, not even the first that anybody starts', async () => {
    const given = await givenHost(server)
    const [one, two] = [await given.begin(), await given.begin()]
    answerOf(await given.engine.withTransaction(one).startSequence(order('ann')))
    expect(answerOf(await given.engine.startSequence(order('bob')))).toMatchObject({ run: 1 })
    // And two who come to the same sequences in opposite order do not wait for each other.
    answerOf(await given.engine.withTransaction(two).startSequence(order('cid', 'onboarding')))
    answerOf(await given.engine.withTransaction(one).startSequence(order('ann', 'onboarding')))
    answerOf(await given.engine.withTransaction(two).startSequence(order('cid')))
    await one.query('COMMIT')
    await two.query('COMMIT')
    const { contacts } = await given.engine.inspect.contactsInSequence({ campaignId: 'pool', sequenceId: 'nurture' })
    expect(contacts).toEqual(['ann', 'bob', 'cid'])
  })

  it('a transaction of the host is refused by a store that joins none, and without a client', async () => {
    const given = await givenHost(server)
    const { inTransaction: _, ...plain } = given.store
    const engine = createEngine({ store: plain, handlers: {} })
    onTestFinished(() => engine.close())
    const client = await given.begin()
    expect(() => engine.withTransaction(client)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    expect(() => given.engine.withTransaction({} as TransactionClient)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    )
  })
})
