import { soaking } from '@enfold/testkit/runs'
import { EventStoreDBClient } from '@eventstore/db-client'
import { eventStoreDbContract } from './contract.fixture.ts'

eventStoreDbContract('@eventstore/db-client', {
  connect: (url) => EventStoreDBClient.connectionString(url),
  expectation: 'expectedRevision',
  // In the gate it is run with the other client.
  battery: soaking,
})
