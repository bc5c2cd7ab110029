import { EventStoreDBClient } from '@eventstore/db-client'
import { eventStoreDbContract } from './contract.ts'
import { forkFakeServer } from './fake/fork.ts'

eventStoreDbContract('@eventstore/db-client', {
  connect: (url) => EventStoreDBClient.connectionString(url),
  expectation: 'expectedRevision',
  startFake: forkFakeServer,
})
