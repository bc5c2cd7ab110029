/** What an append requires of other streams, where transactions of hosts stay open between the check and the commit. */
import { campaign, campaignStream, contactStream, type NewEvent } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { givenServer } from '@enfold/test-servers/given'
import { Pool } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { givenStore } from './postgres.fixture.ts'

const server = givenServer()

const pool = campaign({
  id: 'pool',
  goals: [],
  sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }] }],
})
const order = (contactId: string) => ({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })

async function given() {
  const store = givenStore(server)
  const engine = createEngine({ store, handlers: {} })
  onTestFinished(() => engine.close())
  await engine.publish(pool)
  const host = new Pool({ connectionString: server.url, max: 4 })
  onTestFinished(() => host.end())
  const client = await host.connect()
  onTestFinished(() => client.release(true))
  await client.query('BEGIN')
  return { store, engine, client }
}

it("VERSION-3: a start in a host's open transaction is waited for, and stopped when it is committed", async () => {
  const { engine, client, store } = await given()
  await engine.withTransaction(client).startSequence(order('ann'))
  let answered = false
  const unpublishing = engine.unpublish('pool', { actor: null, stopRuns: true }).then((answer) => {
    answered = true
    return answer
  })
  // The unpublishing itself stands at once, and nobody else waits for the transaction.
  await expect.poll(async () => (await engine.inspect.campaigns())[0]?.published).toBe(false)
  expect(await engine.startSequence(order('bob'))).toMatchObject({ left: { type: 'CampaignNotPublished' } })
  expect(answered).toBe(false)
  await client.query('COMMIT')
  expect(await unpublishing).toMatchObject({ right: { stopped: 1 } })
  expect(await store.count('pool/nurture')).toBe(0)
})

it("VERSION-3: what is decided in a host's transaction after the answer starts nothing", async () => {
  const { engine, client } = await given()
  const inside = engine.withTransaction(client)
  await engine.unpublish('pool', { actor: null, stopRuns: true })
  expect(await inside.startSequence(order('ann'))).toMatchObject({ left: { type: 'CampaignNotPublished' } })
})

it('ONCE-2: a call that waits for a transaction which waits for it fails in time', async () => {
  const { engine, client, store } = await given()
  await engine.withTransaction(client).startSequence(order('ann'))
  await expect(store.settled(campaignStream('pool'), 50)).rejects.toMatchObject({ code: 'CONTENTION' })
  await expect(store.settled(campaignStream('garden'), 50)).resolves.toBeUndefined()
  await client.query('ROLLBACK')
  await store.settled(campaignStream('pool'), 30_000)
})

it('GATE-2: a pause is answered when no dispatch that was checked before it can be committed any more', async () => {
  const { engine, client, store } = await given()
  await engine.startSequence(order('ann'))
  const [started] = await engine.inspect.history('ann')
  const requires = [{ stream: campaignStream('pool'), version: 1 }]
  const dispatch = { ...started, id: 'd1', commandId: 'd1', type: 'StepDispatched' } as unknown as NewEvent
  const inside = store.inTransaction(client)
  expect(await inside.append(contactStream('ann'), [dispatch], 1, undefined, requires)).toMatchObject({
    outcome: 'appended',
  })
  let answered = false
  const pausing = engine.pauseCampaign('pool', { actor: null }).then((answer) => {
    answered = true
    return answer
  })
  await expect.poll(async () => (await store.readMany([campaignStream('pool')])).get('campaign-pool')?.length).toBe(2)
  const late = { ...dispatch, id: 'd2', commandId: 'd2' } as NewEvent
  expect(await store.append(contactStream('bob'), [late], 'no-stream', undefined, requires)).toEqual({
    outcome: 'conflict',
    actual: 0,
    outdated: true,
  })
  expect(answered).toBe(false)
  await client.query('COMMIT')
  expect(await pausing).toMatchObject({ right: { outcome: 'paused' } })
})
