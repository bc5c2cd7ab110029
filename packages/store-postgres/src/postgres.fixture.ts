/** For the tests of this package: a store in a schema of its own. */
import { type GivenServer, givenSchema } from '@enfold/test-servers/given'
import { onTestFinished } from 'vitest'
import { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts'

/** A store that is closed when the test is over; it tells its schema. */
export function givenStore(server: GivenServer, options: Partial<PostgresStoreOptions> = {}) {
  const schema = options.schema ?? givenSchema(server)
  const connection = options.pool === undefined ? { connectionString: server.url } : {}
  const store = createPostgresStore({ ...connection, pollMs: 5, ...options, schema })
  onTestFinished(() => store.close())
  return Object.assign(store, { schema })
}
