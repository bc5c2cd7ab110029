/**
 * A story through a pooler in transaction mode, with another session for each transaction (`pooler.fixture.ts`). The
 * whole battery goes through it in `pooler.soak.test.ts`.
 */
import { orThrow } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it, onTestFinished } from 'vitest'
import { createPooler } from './pooler.fixture.ts'

const server = givenServer()

function givenPooler() {
  const pooler = createPooler(server.url)
  onTestFinished(() => pooler.end().then(() => {}))
  return pooler
}

it('START-1, STEP-4, BULK-1, INDEX-3: with each transaction in another session, all goes as ever and nothing is left', async () => {
  const schema = givenSchema(server)
  const pooler = givenPooler()
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const sent: string[] = []
  const newEngine = () => {
    const store = createPostgresStore({ pool: pooler.pool, schema, pollMs: 5 })
    onTestFinished(() => store.close())
    const email = ({ idempotencyKey }: { readonly idempotencyKey: string }) => {
      sent.push(idempotencyKey)
      return { outcome: 'sent' } as const
    }
    const engine = createEngine({ store, clock, handlers: { email } })
    onTestFinished(() => engine.close())
    return { engine, store }
  }
  const [{ engine, store }, { engine: other }] = [newEngine(), newEngine()]
  const steps = ['one', 'two'].map((id) => ({ id, kind: 'email', timer: { after: 'P1D' } }))
  const goals = [{ id: 'bought', when: { kind: 'purchased' } }]
  orThrow(await engine.publish({ id: 'pool', goals, sequences: [{ id: 'nurture', steps, next: ['bought'] }] }))

  const nurture = { campaignId: 'pool', sequenceId: 'nurture' }
  const ids = Array.from({ length: 20 }, (_, i) => `c${i}`)
  const action = { actionId: 'twenty', action: 'start', ...nurture, contacts: { ids }, actor: 'olga' } as const
  expect(orThrow(await engine.processAction(action))).toMatchObject({ state: 'done', outcomes: { started: 20 } })
  orThrow(await other.stopSequence({ ...nurture, contactId: 'c0', actor: 'olga' }))
  orThrow(await other.signal({ contactId: 'c1', kind: 'purchased' }))
  clock.advance('P1D')
  await Promise.all([engine.runDue(), other.runDue()])
  await Promise.all([engine.runDue(), other.runDue()])

  expect(new Set(sent).size).toBe(18)
  expect(sent).toHaveLength(18)
  expect((await other.inspect.contactsInSequence({ ...nurture, limit: 5 })).total).toBe(18)
  expect(await engine.inspect.upcoming({ until: '2026-03-10T00:00:00.000Z' })).toHaveLength(18)
  expect((await engine.health()).ok).toBe(true)
  await other.rebuildIndex()
  expect(await engine.verifyIndex()).toEqual({ contacts: 20, differences: [], counters: [], states: [] })
  let events = 0
  for await (const _ of store.readAll()) events += 1
  expect(events).toBe(1 + 20 + 1 + 2 + 2 * 18)
  expect(pooler.leftovers).toEqual([])
})

it('the pooler of the tests finds a name, a setting, a lock and a channel that are left', async () => {
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
