/** What types these functions take is checked by `tsc`; that the store refuses the rest, here. */
import type { Pool } from 'pg'
import type { Pool as Pool8_6 } from 'types-pg-8.6'
import type { Pool as Pool8_11 } from 'types-pg-8.11'
import { expect, expectTypeOf, it } from 'vitest'
import { createPostgresStore, type PostgresPool } from './index.ts'

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
