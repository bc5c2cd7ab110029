/** Every promise of a store, with another session for each transaction. The gate plays one story so: `pooler.test.ts`. */

import { createPostgresStore } from '@enfold/store-postgres'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { storeBattery } from '@enfold/testkit/battery'
import { afterAll, expect, it } from 'vitest'
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
