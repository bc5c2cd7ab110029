import { eventStoreBattery } from '@enfold/testkit'
import { EventStoreDBClient } from '@eventstore/db-client'
import { startFakeServer } from './fake/index.ts'
import { createEventStoreDbStore } from './index.ts'

eventStoreBattery(
  'EventStoreDB, with @eventstore/db-client',
  async () => {
    const server = await startFakeServer()
    const clients: EventStoreDBClient[] = []
    const open = () => {
      const client = EventStoreDBClient.connectionString(server.url)
      clients.push(client)
      return createEventStoreDbStore({ client })
    }
    return {
      store: open(),
      reopen: open,
      async cleanup() {
        for (const client of clients) await client.dispose()
        await server.stop()
      },
    }
  },
  {
    skips: {
      'event ids of another stream throw EVENT_ID_REUSED, and nothing is written':
        'The server has no index of event ids over all streams. The ids that the engine makes name their stream.',
    },
  },
)
