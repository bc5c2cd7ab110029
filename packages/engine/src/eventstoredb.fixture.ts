/** For tests: the fake server of the store on EventStoreDB, one for each test file that asks. */
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { type FakeServer, startFakeServer } from '@enfold/store-eventstoredb/fake'
import { EventStoreDBClient } from '@eventstore/db-client'
import { afterAll, beforeAll } from 'vitest'

/** Call it once in a file, outside of tests. What it answers opens the log of a prefix. */
export function givenEventStoreDb() {
  let server: FakeServer
  let client: EventStoreDBClient
  beforeAll(async () => {
    server = await startFakeServer({ shuffle: 1 })
    client = EventStoreDBClient.connectionString(server.url)
  })
  afterAll(async () => {
    await client.dispose()
    await server.stop()
  })
  return (prefix: string) => createEventStoreDbStore({ client, prefix })
}
