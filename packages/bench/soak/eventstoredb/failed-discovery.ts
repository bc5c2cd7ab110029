/**
 * A client that gives up looking for a leader: what no server sends. Seen with a real cluster, for appends, reads and
 * subscriptions. Here it comes by chance, because after a real one `@eventstore/db-client` 6.2.1 may end the process.
 */
import { Readable } from 'node:stream'
import type { EventStoreDbClient } from '@enfold/store-eventstoredb'

export interface FailedDiscoveries {
  /** The client, of which a call fails now and then. */
  over(client: EventStoreDbClient): EventStoreDbClient
  /** How many calls failed. */
  count(): number
  /** Whether calls fail. Until it is told, none does. */
  set(isOn: boolean): void
}

/** Of single calls. */
const CHANCE = 0.02

export function createFailedDiscoveries(random: () => number): FailedDiscoveries {
  let isOn = false
  let failed = 0
  const fails = () => {
    if (!isOn || random() >= CHANCE) return false
    failed += 1
    return true
  }
  return {
    over: (client) => ({
      appendToStream: async (...given) => {
        if (fails()) throw undiscovered()
        return client.appendToStream(...given)
      },
      readStream: (...given) => (fails() ? failing() : client.readStream(...given)),
      readAll: (options) => (fails() ? failing() : client.readAll(options)),
      subscribeToAll: (options) => (fails() ? failing() : client.subscribeToAll(options)),
    }),
    count: () => failed,
    set(on) {
      isOn = on
    },
  }
}

const undiscovered = () => new Error('Failed to discover after 10 attempts.')

/** A read or a subscription that never begins. */
function failing(): object {
  const nothing = async () => {}
  const stream = new Readable({
    objectMode: true,
    read() {
      this.destroy(undiscovered())
    },
  })
  return Object.assign(stream, { cancel: nothing, unsubscribe: nothing })
}
