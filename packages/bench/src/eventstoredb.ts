/**
 * What the store on EventStoreDB costs above its client, and Emmett's store next to it. The server is the wire-level fake of
 * `@enfold/store-eventstoredb`, in a process of its own: it keeps events in memory, so that what is measured is the way to
 * it. With ENFOLD_EVENTSTOREDB_URL it is yours, where each run leaves streams that begin with "bench-".
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { campaign, contactStream, type EventStore, eventIdOf, type NewEvent, orThrow } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { createEventStoreDbStore, type EventStoreDbClient } from '@enfold/store-eventstoredb'
import { createSqliteStore } from '@enfold/store-sqlite'
import { type GivenServer, openServer } from '@enfold/test-servers/eventstoredb'
import { createSimulatedClock } from '@enfold/testkit'
import { getEventStoreDBEventStore } from '@event-driven-io/emmett-esdb'
import { EventStoreDBClient, jsonEvent, streamNameFilter } from '@eventstore/db-client'
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

const startedUpTo = (of: string, count: number) => Array.from({ length: count }, (_, i) => started(of, i + 1))

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
  /** Reads so many events, all that there are, from the whole log. */
  readAll?(events: number): Promise<number>
  /** Appends to a stream that has so many events. */
  append(to: string, events: readonly NewEvent[], version: number): Promise<unknown>
}

interface Micros {
  readonly elapsed: number
  readonly cpu: number
}

async function measure(
  given: Given,
  wayOf: (place: Place) => Way,
  more: (place: Place) => Promise<Measured['figures']> = async () => ({}),
): Promise<Measured> {
  const server = await openServer()
  const client = EventStoreDBClient.connectionString(server.url)
  const [events, passes, appends] = [sizeOf(given, 'events'), sizeOf(given, 'passes'), sizeOf(given, 'appends')]
  const [bursts, atOnce, together] = [sizeOf(given, 'bursts'), sizeOf(given, 'atOnce'), sizeOf(given, 'together')]
  const prefix = `bench-${randomUUID()}-`
  const { asUser } = server
  const place: Place = { client, prefix, asUser, nameOf: (one) => `${prefix}${one}` }
  const store = createEventStoreDbStore({ client, prefix, ...asUser })
  const all = startedUpTo(stream, events)
  for (let n = 0; n < events; n += 100) await store.append(stream, all.slice(n, n + 100), n)
  const way = wayOf(place)
  let [read, appended] = [0, 0]
  /** Twice, of which the first is to warm up. Microseconds for each of what it counts. */
  const twice = async (deed: (pass: number) => Promise<number>): Promise<Micros> => {
    await deed(1)
    return await microsOf(() => deed(2))
  }
  const reading = await twice(async () => {
    let count = 0
    for (let n = 0; n < passes; n++) count += await way.read()
    read += count
    return count
  })
  const { readAll } = way
  const readingAll =
    readAll === undefined
      ? null
      : await twice(async () => {
          for (let n = 0; n < passes; n++) if ((await readAll(events)) !== events) throw new Error('Not all was read.')
          return passes * events
        })
  const append = async (to: string, some: readonly NewEvent[], version: number) => {
    await way.append(to, some, version)
    appended += some.length
  }
  const own = contactStream('bob')
  const appending = await twice(async (pass) => {
    for (let n = (pass - 1) * appends; n < pass * appends; n++) await append(own, [started(own, n + 1)], n)
    return appends
  })
  const appendingMany = await twice(async (pass) => {
    for (let burst = 0; burst < bursts; burst++) {
      const streams = Array.from({ length: atOnce }, (_, i) => contactStream(`many-${pass}-${burst}-${i}`))
      await Promise.all(streams.map((one) => append(one, [started(one, 1)], 0)))
    }
    return bursts * atOnce
  })
  const appendingTogether = await twice(async (pass) => {
    for (let burst = 0; burst < bursts; burst++) {
      const one = contactStream(`together-${pass}-${burst}`)
      await append(one, startedUpTo(one, together), 0)
    }
    return bursts * together
  })
  const others = await more(place)
  await store.close()
  await client.dispose()
  await server.stop()
  return {
    figures: {
      read: reading.elapsed,
      readCpu: reading.cpu,
      ...(readingAll === null ? {} : { readAll: readingAll.elapsed, readAllCpu: readingAll.cpu }),
      append: appending.elapsed,
      appendCpu: appending.cpu,
      appendMany: appendingMany.elapsed,
      appendManyCpu: appendingMany.cpu,
      appendTogether: appendingTogether.elapsed,
      appendTogetherCpu: appendingTogether.cpu,
      ...others,
    },
    work: { read, appended },
  }
}

/**
 * Due steps, with the read model in SQLite: how long one takes, and how many reads of streams it asks the server for. The
 * runs are started before, which is not counted.
 */
async function steps(given: Given, { client, prefix, asUser }: Place): Promise<Measured['figures']> {
  let reads = 0
  const counting: EventStoreDbClient = {
    appendToStream: (...asked) => client.appendToStream(...(asked as Parameters<typeof client.appendToStream>)),
    readStream(...asked) {
      reads += 1
      return client.readStream(...asked)
    },
    readAll: (options) => client.readAll(options),
    subscribeToAll: (options) => client.subscribeToAll(options),
  }
  const store = createEventStoreDbStore({ client: counting, prefix: `${prefix}steps-`, ...asUser })
  const readModel = createSqliteStore({ path: join(given.folder, `${randomUUID()}.db`), synchronous: 'NORMAL' })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  let sent = 0
  const email = () => {
    sent += 1
    return { outcome: 'sent' } as const
  }
  const engine = createEngine({ store, readModel, clock, handlers: { email } })
  const days = Array.from({ length: sizeOf(given, 'steps') }, (_, i) => ({
    id: `day-${i}`,
    kind: 'email',
    timer: { after: 'P1D' } as const,
  }))
  orThrow(await engine.publish(campaign({ id: 'bench', goals: [], sequences: [{ id: 'nurture', steps: days }] })))
  await Promise.all(
    Array.from({ length: sizeOf(given, 'contacts') }, (_, i) =>
      engine.startSequence({ contactId: `c${i}`, campaignId: 'bench', sequenceId: 'nurture', actor: 'bench' }),
    ),
  )
  await engine.runDue()
  reads = 0
  const { elapsed } = await microsOf(async () => {
    for (const _ of days) {
      clock.advance('P1D')
      await engine.runDue()
    }
    return sent
  })
  const verifying = await verified(engine, store)
  await engine.close()
  await store.close()
  await readModel.close()
  if (sent !== days.length * sizeOf(given, 'contacts')) throw new Error(`${sent} steps were sent.`)
  return { step: elapsed, stepReads: reads / sent, ...verifying }
}

/** What `verifyIndex` costs for each event, and reading the same log alone; once to warm up, and then in turns. */
async function verified(engine: Engine, store: EventStore): Promise<Measured['figures']> {
  const [logs, passes] = [[], []] as [number[], number[]]
  let events = 0
  for (let round = 0; round < 4; round++) {
    const log = await microsOf(async () => {
      events = 0
      for await (const _ of store.readAll()) events += 1
      return events
    })
    const pass = await microsOf(async () => {
      const { differences, states, counters } = await engine.verifyIndex()
      if (differences.length + states.length + counters.length > 0) throw new Error('The index differs from the log.')
      return events
    })
    if (round === 0) continue
    logs.push(log.cpu)
    passes.push(pass.cpu)
  }
  return { verifyCpu: Math.min(...passes), verifyLogCpu: Math.min(...logs) }
}

/** For each of what the work counts: by the clock, and by the processor time of this process, which does not see how busy the server is. */
async function microsOf(work: () => Promise<number>): Promise<Micros> {
  const [startedAt, cpuAt] = [performance.now(), process.cpuUsage()]
  const done = await work()
  const { user, system } = process.cpuUsage(cpuAt)
  return { elapsed: ((performance.now() - startedAt) * 1000) / done, cpu: (user + system) / done }
}

export const eventStoreDbBenchmark: Benchmark = {
  name: 'eventstoredb',
  what: 'a stream of {events} events, and then the whole log, read {passes} times; {appends} events appended one by one; {bursts} times {atOnce} appends at once, to as many streams; {bursts} appends of {together} events; and {contacts} contacts with {steps} due steps each. From a fake server that keeps them in memory, or from yours',
  full: {
    events: 2_000,
    passes: 10,
    appends: 1_000,
    bursts: 20,
    atOnce: 128,
    together: 100,
    contacts: 200,
    steps: 10,
  },
  rounds: 2,
  quick: { events: 150, passes: 2, appends: 10, bursts: 1, atOnce: 8, together: 10, contacts: 5, steps: 2 },
  figures: {
    read: { title: 'an event read', unit: 'µs', better: 'less' },
    readCpu: { title: 'an event read, processor', unit: 'µs', better: 'less' },
    readAll: { title: 'an event of the whole log', unit: 'µs', better: 'less' },
    readAllCpu: { title: 'an event of the whole log, processor', unit: 'µs', better: 'less' },
    append: { title: 'an append', unit: 'µs', better: 'less' },
    appendCpu: { title: 'an append, processor', unit: 'µs', better: 'less' },
    appendMany: { title: 'an append among many at once', unit: 'µs', better: 'less' },
    appendManyCpu: { title: 'an append among many at once, processor', unit: 'µs', better: 'less' },
    appendTogether: { title: 'an event among many of an append', unit: 'µs', better: 'less' },
    appendTogetherCpu: { title: 'an event among many of an append, processor', unit: 'µs', better: 'less' },
    step: { title: 'a due step', unit: 'µs', better: 'less' },
    stepReads: { title: 'reads of streams for a due step', unit: '', better: 'less' },
    verifyCpu: { title: 'an event that verifyIndex looks at, processor', unit: 'µs', better: 'less' },
    verifyLogCpu: { title: 'an event of that log, processor', unit: 'µs', better: 'less' },
  },
  contenders: {
    client: {
      title: 'the bare client',
      run: (given) =>
        measure(given, ({ client, nameOf, prefix, asUser }) => ({
          async read() {
            let count = 0
            for await (const _ of client.readStream(nameOf(stream))) count += 1
            return count
          },
          async readAll(events) {
            let left = events
            const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: [prefix] }), ...asUser })
            for await (const { event } of subscription) if (event !== undefined && --left === 0) break
            return events - left
          },
          append(to, events, version) {
            const proposed = events.map(({ id, type, data, ...metadata }) =>
              jsonEvent({ id, type, data: { ...data }, metadata: { ...metadata } }),
            )
            // With credentials the client takes the plain path, as the store does.
            return client.appendToStream(nameOf(to), proposed, {
              expectedRevision: version === 0 ? 'no_stream' : BigInt(version - 1),
              credentials: { username: '', password: '' },
              ...asUser,
            })
          },
        })),
    },
    enfold: {
      title: 'Enfold, hash chain included',
      run: (given) =>
        measure(
          given,
          ({ client, prefix, asUser }) => {
            const store = createEventStoreDbStore({ client, prefix, ...asUser })
            const countOf = async (events: AsyncIterable<unknown>) => {
              let count = 0
              for await (const _ of events) count += 1
              return count
            }
            return {
              read: () => countOf(store.readStream(stream)),
              readAll: () => countOf(store.readAll()),
              append: (to, events, version) => store.append(to, events, version === 0 ? 'no-stream' : version),
            }
          },
          (place) => steps(given, place),
        ),
    },
    emmett: {
      title: 'emmett-esdb',
      run: (given) =>
        measure(given, ({ client, nameOf }) => {
          const store = getEventStoreDBEventStore(client)
          return {
            read: async () => (await store.readStream(nameOf(stream))).events.length,
            append(to, events, version) {
              const proposed = events.map(({ type, data, ...metadata }) => ({
                type,
                data: { ...data },
                metadata: { ...metadata },
              }))
              return store.appendToStream(nameOf(to), proposed, {
                expectedStreamVersion: version === 0 ? 'STREAM_DOES_NOT_EXIST' : BigInt(version - 1),
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
    {
      text: 'an event of the whole log, of the bare client',
      figure: 'readAll',
      of: 'enfold',
      over: ['client'],
      atMost: 1,
    },
    {
      text: 'an append among many at once, processor, of the bare client',
      figure: 'appendManyCpu',
      of: 'enfold',
      over: ['client'],
      atMost: 1.11,
    },
    {
      text: 'an event among many of an append, processor, of the bare client',
      figure: 'appendTogetherCpu',
      of: 'enfold',
      over: ['client'],
      atMost: 1.25,
    },
    { text: 'reads of streams for a due step', figure: 'stepReads', of: 'enfold', atMost: 0 },
    {
      text: 'an event that verifyIndex looks at, processor, of reading the log',
      figure: 'verifyCpu',
      of: 'enfold',
      over: ['enfold'],
      overFigure: 'verifyLogCpu',
      atMost: 1.25,
    },
  ],
}
