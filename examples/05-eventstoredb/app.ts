/** The log on EventStoreDB, index and agenda in a separate SQLite file: the engine feeds the one from the other. */

import { EventStoreDBClient } from '@eventstore/db-client'
import { createEngine, type StepHandler } from 'enfold'
import { createEventStoreDbStore } from 'enfold/eventstoredb'
import { createSqliteStore } from 'enfold/sqlite'

export function startCrm(url: string, database: string, email: StepHandler) {
  const client = EventStoreDBClient.connectionString(url)
  const store = createEventStoreDbStore({ client })
  // May be lost: it is built again from the log.
  const readModel = createSqliteStore({ path: database })
  const engine = createEngine({ store, readModel, handlers: { email } })
  const stopping = new AbortController()
  const working = engine.run({ signal: stopping.signal })
  return {
    engine,
    async close() {
      stopping.abort()
      await working
      await engine.close()
      await readModel.close()
      await store.close()
      await client.dispose()
    },
  }
}
