/**
 * Every promise of a store, with another session for each transaction, and through a real PgBouncer where there is one. The
 * gate plays one story so: `pooler.test.ts`.
 */

import { orThrow } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { storeBattery } from '@enfold/testkit/battery'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { PGBOUNCER, startPgBouncer } from './pgbouncer.fixture.ts'
import { createPooler } from './pooler.fixture.ts'

const server = givenServer()

let pooler: ReturnType<typeof createPooler> | undefined
afterAll(() => pooler?.end())

storeBattery('the PostgreSQL store, each transaction in another session,', () => {
  pooler ??= createPooler(server.url)
  const { pool } = pooler
  const schema = givenSchema(server)
  const reopen = () => createPostgresStore({ pool, schema, pollMs: 5 })
  return { store: reopen(), reopen }
})

it('the battery has left nothing in any session', () => {
  expect(pooler?.transactions()).toBeGreaterThan(500)
  expect(pooler?.leftovers).toEqual([])
})

describe.skipIf(PGBOUNCER === undefined)('PgBouncer in transaction mode', () => {
  let running: ReturnType<typeof startPgBouncer> | undefined
  afterAll(() => running?.then(({ stop }) => stop()))

  // With the options that a host would give: statements are prepared by name until it is clear that they cannot be.
  storeBattery('the PostgreSQL store through PgBouncer', async () => {
    running ??= startPgBouncer(PGBOUNCER ?? '', server.url, 3)
    const { url: connectionString } = await running
    const schema = givenSchema(server)
    const reopen = () => createPostgresStore({ connectionString, schema, pollMs: 5 })
    return { store: reopen(), reopen }
  })

  it('orders at once are all carried out', async () => {
    running ??= startPgBouncer(PGBOUNCER ?? '', server.url, 3)
    const { url: connectionString } = await running
    const schema = givenSchema(server)
    const engines = Array.from({ length: 4 }, () => {
      const store = createPostgresStore({ connectionString, schema, pollMs: 5 })
      const engine = createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } })
      onTestFinished(() => engine.close().then(() => store.close()))
      return engine
    })
    const [first] = engines
    const sequences = [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }]
    orThrow((await first?.publish({ id: 'pool', goals: [], sequences })) as never)
    const ids = Array.from({ length: 200 }, (_, n) => `c${n}`)
    const orders = ids.map((contactId, n) =>
      engines[n % engines.length]?.startSequence({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: null }),
    )
    for (const answer of await Promise.all(orders)) expect(answer).toMatchObject({ right: { outcome: 'started' } })
    await Promise.all(engines.map((engine) => engine.runDue()))
    expect((await first?.inspect.funnel('pool'))?.sequences).toMatchObject([{ started: 200, completed: 200 }])
  })
})
