/** Pools of hosts. What types are taken is checked by `tsc`; that the store refuses the rest, here. */
import { EventEmitter } from 'node:events'
import { contactStream } from '@enfold/core'
import type { Pool, PoolClient } from 'pg'
import type { Pool as Pool8_6 } from 'types-pg-8.6'
import type { Pool as Pool8_11 } from 'types-pg-8.11'
import { expect, expectTypeOf, it } from 'vitest'
import { createPostgresStore, enfoldSchemas, migrateSchema, type PostgresPool, schemaStatus } from './index.ts'

it('the pool of every version of @types/pg is taken, and what is no pool does not compile', () => {
  expectTypeOf<Pool>().toExtend<PostgresPool>()
  expectTypeOf<Pool8_6>().toExtend<PostgresPool>()
  expectTypeOf<Pool8_11>().toExtend<PostgresPool>()
  expectTypeOf<{ query: Pool['query'] }>().not.toExtend<PostgresPool>()
})

it('a pool without options cannot say where notices come from', () => {
  const pool: PostgresPool = { connect: () => Promise.reject(new Error('not asked')) }
  const open = () => createPostgresStore({ pool, notify: true })
  expect(open).toThrow(
    /createPostgresStore\.notify is true, and the pool has no options .* expected a connection string/,
  )
})

it.each<[string, (pool: Pool) => Promise<unknown>]>([
  ['a store', (pool) => createPostgresStore({ pool }).readMany([contactStream('ann')])],
  ['schemaStatus', (pool) => schemaStatus({ pool })],
  ['migrateSchema', (pool) => migrateSchema({ pool })],
  ['enfoldSchemas', (pool) => enfoldSchemas({ pool })],
])('a connection that breaks under %s ends no process, and is thrown away', async (_, ask) => {
  const lost = new Error('Connection terminated unexpectedly')
  const released: unknown[] = []
  const client = Object.assign(new EventEmitter(), {
    async query() {
      // An error of which nobody hears ends the process.
      expect(client.emit('error', lost)).toBe(true)
      throw lost
    },
    release: (error?: unknown) => void released.push(error),
  })
  const pool = { options: {}, connect: async () => client as unknown as PoolClient } as unknown as Pool
  await expect(ask(pool)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: lost })
  expect(released).toEqual([lost])
})
