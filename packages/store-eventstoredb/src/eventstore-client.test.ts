import { EventStoreDBClient } from '@eventstore/db-client'
import { forkFakeServer } from './fake/fork.ts'
import { eventStoreDbContract } from './given-contract.ts'

eventStoreDbContract('@eventstore/db-client', {
  connect: (url) => EventStoreDBClient.connectionString(url),
  expectation: 'expectedRevision',
  startFake: () => forkFakeServer({ shuffle: 1 }),
})
