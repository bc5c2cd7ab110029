import { EventStoreDBClient } from '@eventstore/db-client'
import { eventStoreDbContract } from './contract.fixture.ts'

eventStoreDbContract('@eventstore/db-client', {
  connect: (url) => EventStoreDBClient.connectionString(url),
  expectation: 'expectedRevision',
})
