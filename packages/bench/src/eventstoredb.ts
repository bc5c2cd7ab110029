/**
 * What the store on EventStoreDB costs above its client, and Emmett's store next to it. The server is the wire-level fake of
 * `@enfold/store-eventstoredb`, in a process of its own: it keeps events in memory, so that what is measured is the way to
 * it. With ENFOLD_EVENTSTOREDB_URL it is yours, where each run leaves streams that begin with "bench-".
 */
import { randomUUID } from 'node:crypto'
import { contactStream, eventIdOf, type NewEvent } from '@enfold/core'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { type GivenServer, openServer } from '@enfold/test-servers/eventstoredb'
import { getEventStoreDBEventStore } from '@event-driven-io/emmett-esdb'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { type Benchmark, type Given, type Measured, sizeOf } from './benchmark.ts'

const stream = contactStream('ann')

function started(of: string, number: number): NewEvent {
  return {
    type: 'SequenceStarted',
    data: { campaignId: 'bench', sequenceId: 'nurture', run: number, campaignVersion: 1 },
    id: eventIdOf(of, `command-${number}`, 0),
    schema: 1,
    at: '2026-03-01T09:00:00.000Z',
    commandId: `command-${number}`,
    correlationId: `command-${number}`,
    causationId: `command-${number}`,
    actor: 'bench',
    cause: { by: 'operator' },
  }
}

/** What a contender works with; no other has streams with this prefix. */
interface Place {
  readonly client: EventStoreDBClient
  readonly prefix: string
  readonly asUser: GivenServer['asUser']
  nameOf(one: string): string
}

interface Way {
  /** Reads the stream that everybody reads, and counts its events. */
  read(): Promise<number>
  /** Appends one event, the `number`-th of a stream of the contender's own. */
  append(number: number): Promise<unknown>
}

async function measure(given: Given, wayOf: (place: Place) => Way): Promise<Measured> {
  const server = await openServer()
  const client = EventStoreDBClient.connectionString(server.url)
  const events = sizeOf(given, 'events')
  const prefix = `bench-${randomUUID()}-`
  const { asUser } = server
  const store = createEventStoreDbStore({ client, prefix, ...asUser })
  for (let n = 0; n < events; n += 100)
    await store.append(
      stream,
      Array.from({ length: Math.min(100, events - n) }, (_, i) => started(stream, n + i + 1)),
      n === 0 ? 'no-stream' : n,
    )
  const way = wayOf({ client, prefix, asUser, nameOf: (one) => `${prefix}${one}` })
  // As many before, to warm up.
  const [passes, appends] = [sizeOf(given, 'passes'), sizeOf(given, 'appends')]
  let read = 0
  for (let pass = 0; pass < passes; pass++) read += await way.read()
  const reading = await microsOf(async () => {
    for (let pass = 0; pass < passes; pass++) read += await way.read()
  })
  for (let n = 1; n <= appends; n++) await way.append(n)
  const appending = await microsOf(async () => {
    for (let n = 1; n <= appends; n++) await way.append(appends + n)
  })
  await store.close()
  await client.dispose()
  await server.stop()
  return {
    figures: {
      read: reading.elapsed / (passes * events),
      readCpu: reading.cpu / (passes * events),
      append: appending.elapsed / appends,
      appendCpu: appending.cpu / appends,
    },
    work: { read, appended: 2 * appends },
  }
}

/** By the clock, and by the processor time of this process, which does not see how busy the server is. */
async function microsOf(work: () => Promise<void>): Promise<{ elapsed: number; cpu: number }> {
  const [startedAt, cpuAt] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpuAt)
  return { elapsed: (performance.now() - startedAt) * 1000, cpu: user + system }
}

const own = contactStream('bob')

export const eventStoreDbBenchmark: Benchmark = {
  name: 'eventstoredb',
  what: 'a stream of {events} events read {passes} times, and {appends} events appended one by one, from a fake server that keeps them in memory, or from yours',
  full: { events: 2_000, passes: 10, appends: 1_000 },
  quick: { events: 150, passes: 2, appends: 10 },
  figures: {
    read: { title: 'an event read', unit: 'µs', better: 'less' },
    readCpu: { title: 'an event read, processor', unit: 'µs', better: 'less' },
    append: { title: 'an append', unit: 'µs', better: 'less' },
    appendCpu: { title: 'an append, processor', unit: 'µs', better: 'less' },
  },
  contenders: {
    client: {
      title: 'the bare client',
      run: (given) =>
        measure(given, ({ client, nameOf, asUser }) => ({
          async read() {
            let count = 0
            for await (const _ of client.readStream(nameOf(stream))) count += 1
            return count
          },
          append(number) {
            const { id, type, data, ...metadata } = started(own, number)
            const event = jsonEvent({ id, type, data: { ...data }, metadata: { ...metadata } })
            const expectedRevision = number === 1 ? 'no_stream' : BigInt(number - 2)
            // With credentials the client takes the plain path, as the store does.
            return client.appendToStream(nameOf(own), [event], {
              expectedRevision,
              credentials: { username: '', password: '' },
              ...asUser,
            })
          },
        })),
    },
    enfold: {
      title: 'Enfold, hash chain included',
      run: (given) =>
        measure(given, ({ client, prefix, asUser }) => {
          const store = createEventStoreDbStore({ client, prefix, ...asUser })
          return {
            async read() {
              let count = 0
              for await (const _ of store.readStream(stream)) count += 1
              return count
            },
            append: (number) => store.append(own, [started(own, number)], number === 1 ? 'no-stream' : number - 1),
          }
        }),
    },
    emmett: {
      title: 'emmett-esdb',
      run: (given) =>
        measure(given, ({ client, nameOf }) => {
          const store = getEventStoreDBEventStore(client)
          return {
            read: async () => (await store.readStream(nameOf(stream))).events.length,
            append(number) {
              const { type, data, ...metadata } = started(own, number)
              return store.appendToStream(nameOf(own), [{ type, data: { ...data }, metadata: { ...metadata } }], {
                expectedStreamVersion: number === 1 ? 'STREAM_DOES_NOT_EXIST' : BigInt(number - 2),
              })
            },
          }
        }),
    },
  },
  wanted: [
    {
      text: 'an event read, processor, above the bare client in µs',
      figure: 'readCpu',
      of: 'enfold',
      over: ['client'],
      by: 'difference',
      atMost: 1,
    },
    { text: 'an append, of the bare client', figure: 'append', of: 'enfold', over: ['client'], atMost: 1.05 },
  ],
}
