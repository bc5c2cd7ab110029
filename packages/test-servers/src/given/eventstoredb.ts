/** For tests: the fake of EventStoreDB, one for each test file that asks. */
import type { EventStoreDBClient } from '@eventstore/db-client'
import { afterAll, beforeAll } from 'vitest'
import type { FakeServer } from '../eventstoredb/server.ts'

/**
 * Call it once in a file, outside of tests. Pass its result to `createEventStoreDbStore`: each prefix is a log
 * of its own.
 */
export function givenEventStoreDb(): (prefix: string) => {
  readonly client: EventStoreDBClient
  readonly prefix: string
} {
  let server: FakeServer
  let client: EventStoreDBClient
  beforeAll(async () => {
    // Loaded here, so that files which want PostgreSQL alone do not load the client.
    const [{ startFakeServer }, { EventStoreDBClient }] = await Promise.all([
      import('../eventstoredb/server.ts'),
      import('@eventstore/db-client'),
    ])
    server = await startFakeServer({ shuffle: 1 })
    client = EventStoreDBClient.connectionString(server.url)
  })
  afterAll(async () => {
    await client.dispose()
    await server.stop()
  })
  return (prefix) => ({ client, prefix })
}
