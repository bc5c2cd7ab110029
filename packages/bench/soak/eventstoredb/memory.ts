/** Reads the same events over and over, wholly and in part, and says how much memory stayed in use. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { contactStream } from '@enfold/core'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { forkFakeServer } from '@enfold/test-servers/eventstoredb'
import { sampleStart } from '@enfold/testkit'
import { EventStoreDBClient } from '@eventstore/db-client'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

export interface MemoryReport {
  readonly eventsRead: number
  readonly earlyExits: number
  /** In MB, after a warm-up of a tenth of the work. */
  readonly grownBy: number
  /** Calls that the server still has open. */
  readonly leftOpen: number
}

/** @param eventsRead and earlyExits in all; the log has 5,000 events, or fewer */
export async function memory(eventsRead: number, earlyExits: number): Promise<MemoryReport> {
  const server = await forkFakeServer()
  const client = EventStoreDBClient.connectionString(server.url)
  const store = createEventStoreDbStore({ client })
  try {
    const inLog = Math.min(5000, eventsRead)
    for (let n = 0; n < inLog; n += 100) {
      const id = `c${n}`
      const events = Array.from({ length: 100 }, (_, i) => sampleStart(id, i))
      await store.append(contactStream(id), events, 'no-stream')
    }
    let read = 0
    let exits = 0
    const work = async (share: number) => {
      for (const end = read + eventsRead * share; read < end; ) for await (const _ of store.readAll()) read += 1
      for (const end = exits + earlyExits * share; exits < end; exits += 2) {
        for await (const _ of store.readStream(contactStream('c0'))) break
        for await (const _ of store.readAll()) break
      }
    }
    await work(0.1)
    const before = await used()
    await work(0.9)
    const grownBy = Math.round(((await used()) - before) * 10) / 10
    return { eventsRead: read, earlyExits: exits, grownBy, leftOpen: await server.openReads() }
  } finally {
    await store.close()
    await client.dispose()
    await server.stop()
  }
}

/** The least of some looks: what was cancelled is let go a little later. */
async function used(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 8; look++) {
    await new Promise((resolve) => setTimeout(resolve, 150))
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least / 1e6
}
