// #region store

import { EventStoreDBClient } from '@eventstore/db-client'
import { createEngine, orThrow } from 'enfold'
import { createEventStoreDbStore } from 'enfold/eventstoredb'
import { createSqliteStore } from 'enfold/sqlite'

const client = EventStoreDBClient.connectionString(process.env.EVENTSTOREDB_URL ?? 'esdb://localhost:2113?tls=false')
const store = createEventStoreDbStore({ client })
// Index and agenda. May be lost: they are built again from the log.
const readModel = createSqliteStore({ path: 'read-model.db' })
const engine = createEngine({ store, readModel, handlers: { email: () => ({ outcome: 'sent' }) } })
// #endregion store
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)
orThrow(
  await engine.startSequence({ contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: 'olga' }),
)

// A worker does this all the time, and feeds the read model meanwhile: engine.run({ signal })
const { sent, completed } = await engine.runDue()
console.log({ sent, completed })
await engine.close()
await readModel.close()
await store.close()
await client.dispose()
