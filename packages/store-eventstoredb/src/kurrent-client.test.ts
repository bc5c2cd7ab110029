// In a file of its own: the two client packages cannot be loaded into one process.
import { KurrentDBClient } from '@kurrent/kurrentdb-client'
import { eventStoreDbContract } from './contract.fixture.ts'

eventStoreDbContract('@kurrent/kurrentdb-client', {
  connect: (url) => KurrentDBClient.connectionString(url.replace(/^esdb:/, 'kurrentdb:')),
  expectation: 'streamState',
  battery: true,
})
