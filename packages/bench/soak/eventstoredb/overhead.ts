/** What the store costs above the bare client, side by side on the same fake server. */
import { randomUUID } from 'node:crypto'
import { contactStream } from '@enfold/core'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { openServer } from '@enfold/test-servers/eventstoredb'
import { sampleStart } from '@enfold/testkit'
import { EventStoreDBClient, jsonEvent, streamNameFilter } from '@eventstore/db-client'

/** Microseconds for each event or append: the best of some rounds, taken in turns. */
export async function overhead(): Promise<Record<string, Micros>> {
  const server = await openServer()
  const client = EventStoreDBClient.connectionString(server.url)
  // Your own server keeps the streams of every run.
  const prefix = `overhead-${randomUUID()}-`
  const store = createEventStoreDbStore({ client, prefix, ...server.asUser })
  const unchained = createEventStoreDbStore({ client, prefix, hashChain: false, ...server.asUser })
  const { credentials = { username: '', password: '' } } = server.asUser
  try {
    const count = 5000
    for (let n = 0; n < count; n += 100) {
      const events = Array.from({ length: 100 }, (_, i) => sampleStart('ann', n + i))
      await store.append(contactStream('ann'), events, n)
    }
    let run = 0
    /** One append after the other; the stream is known after the first. */
    const appendsBy = async (append: (id: string, n: number) => Promise<unknown>) => {
      const id = `r${run++}`
      for (let n = 0; n < 500; n++) await append(id, n)
      return 500
    }
    const countOf = async (items: AsyncIterable<unknown>) => {
      let found = 0
      for await (const _ of items) found += 1
      return found
    }
    const reading = await best(7, {
      'read a stream, bare': () => countOf(client.readStream(`${prefix}contact-ann`)),
      'read a stream, store': () => countOf(store.readStream(contactStream('ann'))),
      'read all, bare': async () => {
        let left = count
        const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: [prefix] }) })
        for await (const { event } of subscription) if (event !== undefined && --left === 0) break
        return count
      },
      'read all, store': () => countOf(store.readAll()),
    })
    const appending = await best(7, {
      'append one, bare': () =>
        appendsBy((id, n) => {
          const event = proposed(id, n)
          const expectedRevision = n === 0 ? 'no_stream' : BigInt(n - 1)
          return client.appendToStream(`${prefix}bare-${id}`, [event], { expectedRevision, credentials })
        }),
      'append one, store': () => appendsBy((id, n) => store.append(contactStream(id), [sampleStart(id, n)], n)),
      'append one, store without hashes': () =>
        appendsBy((id, n) => unchained.append(contactStream(id), [sampleStart(id, n)], n)),
      'append 128 at once, bare': async () => {
        const id = `n${run++}`
        await Promise.all(
          Array.from({ length: 128 }, (_, i) =>
            client.appendToStream(`${prefix}bare-${id}-${i}`, [proposed(`${id}-${i}`, 1)], {
              expectedRevision: 'no_stream',
              credentials,
            }),
          ),
        )
        return 128
      },
      'append 128 at once, store': async () => {
        const id = `m${run++}`
        const events = Array.from({ length: 128 }, (_, i) => sampleStart(`${id}-${i}`, 1))
        await Promise.all(events.map((event, i) => store.append(contactStream(`${id}-${i}`), [event], 'no-stream')))
        return events.length
      },
      'append 100 events at once, bare': async () => {
        const id = `g${run++}`
        const events = Array.from({ length: 100 }, (_, i) => proposed(id, i))
        await client.appendToStream(`${prefix}bare-${id}`, events, { expectedRevision: 'no_stream', credentials })
        return events.length
      },
      'append 100 events at once, store': async () => {
        const id = `h${run++}`
        const events = Array.from({ length: 100 }, (_, i) => sampleStart(id, i))
        await store.append(contactStream(id), events, 'no-stream')
        return events.length
      },
    })
    return { ...reading, ...appending }
  } finally {
    await store.close()
    await client.dispose()
    await server.stop()
  }
}

function proposed(id: string, n: number) {
  const { type, data, ...metadata } = sampleStart(id, n)
  return jsonEvent({ type, data: { ...data }, metadata: { ...metadata } })
}

/** Least of all rounds. CPU is that of this process, which a busy machine does not falsify. */
interface Micros {
  readonly elapsed: number
  readonly cpu: number
}

async function best(rounds: number, deeds: Record<string, () => Promise<number>>): Promise<Record<string, Micros>> {
  const least = new Map<string, Micros>()
  for (let round = 0; round < rounds; round++)
    for (const [name, deed] of Object.entries(deeds)) {
      const startedAt = performance.now()
      const cpuAt = process.cpuUsage()
      const done = await deed()
      const { user, system } = process.cpuUsage(cpuAt)
      const before = least.get(name) ?? { elapsed: Number.POSITIVE_INFINITY, cpu: Number.POSITIVE_INFINITY }
      least.set(name, {
        elapsed: Math.min(before.elapsed, rounded(((performance.now() - startedAt) * 1000) / done)),
        cpu: Math.min(before.cpu, rounded((user + system) / done)),
      })
    }
  return Object.fromEntries(least)
}

function rounded(micros: number): number {
  return Math.round(micros * 10) / 10
}
