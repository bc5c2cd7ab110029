/**
 * What an order, a due step and a question cost by the length of the contact's stream: they should cost the same. And
 * what they cost by how much of one contact is open or kept: each part should cost the same.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { campaign, orThrow } from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { openServer } from '@enfold/test-servers/eventstoredb'
import { createSimulatedClock } from '@enfold/testkit'
import { EventStoreDBClient } from '@eventstore/db-client'
import { type Benchmark, type Contender, type Given, quantile, sizeOf, timed } from './benchmark.ts'
import { freshDatabase } from './databases.ts'

const SEQUENCES = 30

/** A step that is due at once and one that is not, so that a run stays open; and as many sequences with keys as are needed. */
const definition = campaign({
  id: 'bench',
  // All starts of a contact are measured within one instant.
  brake: 10_000,
  signals: { purchased: { keep: ['total'] } },
  goals: [{ id: 'bought', achievableBy: 'members', when: { kind: 'purchased', match: { total: { atLeast: 1000 } } } }],
  sequences: [
    {
      id: 'plain',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P30D' } },
      ],
    },
    ...Array.from({ length: SEQUENCES }, (_, i) => ({
      id: `keyed-${i}`,
      vars: { order: { data: 'order' } },
      per: 'order',
      steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }],
    })),
  ],
})

const clock = () => createSimulatedClock('2026-03-02T09:00:00.000Z')

interface Opened {
  readonly options: Pick<EngineOptions, 'store' | 'readModel'>
  close(): Promise<void>
}

const sqliteIn = ({ folder }: Given, synchronous: 'FULL' | 'NORMAL' = 'FULL') =>
  createSqliteStore({ path: join(folder, `${randomUUID()}.db`), synchronous })

async function onSqlite(given: Given): Promise<Opened> {
  const store = sqliteIn(given)
  return { options: { store }, close: () => store.close() }
}

async function onPostgres({ postgres }: Given): Promise<Opened> {
  const connectionString = await freshDatabase(postgres, `contact_${randomUUID().replaceAll('-', '')}`)
  const store = createPostgresStore({ connectionString })
  return { options: { store }, close: () => store.close() }
}

/** The wire-level fake, in a process of its own, or yours; the read model in SQLite. */
async function onEventStoreDb(given: Given): Promise<Opened> {
  const server = await openServer()
  const client = EventStoreDBClient.connectionString(server.url)
  const store = createEventStoreDbStore({ client, prefix: `bench-${randomUUID()}-`, ...server.asUser })
  const readModel = sqliteIn(given, 'NORMAL')
  return {
    options: { store, readModel },
    async close() {
      await store.close()
      await readModel.close()
      await client.dispose()
      await server.stop()
    },
  }
}

const orderOf = (contactId: string) => ({ contactId, campaignId: 'bench', sequenceId: 'plain', actor: 'bench' })

/** Runs that were stopped before their step, two events each. */
async function grow(engine: Engine, now: ReturnType<typeof clock>, contactId: string, events: number): Promise<void> {
  for (let n = 0; n < events; n += 2) {
    orThrow(await engine.startSequence(orderOf(contactId)))
    orThrow(await engine.stopSequence(orderOf(contactId)))
    await now.advance('PT2M')
    // Where the read model is apart it keeps the states, and nothing else feeds it here.
    if (n % 100 === 0) await engine.runDue()
  }
}

const LENGTHS = [
  ['short', '20 events'],
  ['long', '1,000'],
  ['longest', '10,000'],
] as const
const ASKED = [
  ['order', 'an order'],
  ['step', 'a due step'],
  ['question', 'a question'],
] as const

/** Microseconds of each, in the middle. Each of short contacts is asked once, a long one again and again. */
async function atLength(options: Opened['options'], size: string, events: number, times: number) {
  const now = clock()
  const engine = createEngine({ ...options, clock: now, handlers: { email: () => ({ outcome: 'sent' }) } })
  orThrow(await engine.publish(definition))
  const contacts = Array.from({ length: size === 'short' ? times : 1 }, (_, i) => `${size}-${i}`)
  for (const contactId of contacts) await grow(engine, now, contactId, events)
  await engine.runDue()
  const took: { readonly [asked: string]: number[] } = { order: [], step: [], question: [] }
  for (let n = 0; n < times; n++) {
    const contactId = contacts[n % contacts.length] as string
    took.order?.push((await timed(async () => orThrow(await engine.startSequence(orderOf(contactId)))))[0])
    took.step?.push((await timed(() => engine.runDue()))[0])
    took.question?.push((await timed(() => engine.inspect.contact(contactId)))[0])
    orThrow(await engine.stopSequence(orderOf(contactId)))
    await now.advance('PT2M')
  }
  await engine.close()
  return Object.fromEntries(ASKED.map(([asked]) => [`${asked}-${size}`, quantile(took[asked] ?? [], 0.5) * 1e6]))
}

function on(title: string, open: (given: Given) => Promise<Opened>, needs?: 'postgres'): Contender {
  return {
    title,
    ...(needs === undefined ? {} : { needs }),
    async run(given) {
      const { options, close } = await open(given)
      const times = sizeOf(given, 'times')
      const figures: Record<string, number> = {}
      for (const [size] of LENGTHS) Object.assign(figures, await atLength(options, size, sizeOf(given, size), times))
      await close()
      return { figures, work: { times } }
    },
  }
}

const STORES = {
  sqlite: on('SQLite', onSqlite),
  postgres: on('PostgreSQL', onPostgres, 'postgres'),
  eventstoredb: on('EventStoreDB', onEventStoreDb),
}

export const contactBenchmark: Benchmark = {
  name: 'contact',
  what: 'an order, a due step and a question about one contact, {times} times each, whose stream has {short}, {long} or {longest} events',
  full: { short: 20, long: 1_000, longest: 10_000, times: 100 },
  quick: { short: 4, long: 30, longest: 60, times: 3 },
  rounds: 1,
  figures: Object.fromEntries(
    ASKED.flatMap(([asked, title]) =>
      LENGTHS.map(([size, length]) => [
        `${asked}-${size}`,
        { title: `${title}, ${length}`, unit: 'µs', better: 'less' as const },
      ]),
    ),
  ),
  contenders: STORES,
  wanted: Object.entries(STORES).flatMap(([key, { title: store }]) =>
    ASKED.map(([asked, title]) => ({
      text: `${title} at 10,000 events on ${store}, of that at 20`,
      figure: `${asked}-longest`,
      of: key,
      over: [key],
      overFigure: `${asked}-short`,
      atMost: 1.2,
    })),
  ),
}

// --- By what is open or kept ----------------------------------------------------------------------------------------

type Work = (engine: Engine, now: ReturnType<typeof clock>, count: number) => Promise<number>

const keyed = (sequence: number, key: string) => ({
  contactId: 'ann',
  campaignId: 'bench',
  sequenceId: `keyed-${sequence}`,
  key,
  actor: 'bench',
})

/** So many runs of one contact that are due at the same instant: seconds until all are sent. */
const runsAtOnce: Work = async (engine, now, count) => {
  for (let n = 0; n < count; n++)
    orThrow(await engine.startSequence(keyed(n % SEQUENCES, `k${Math.floor(n / SEQUENCES)}`)))
  await now.advance('P2D')
  const [seconds, { sent }] = await timed(() => engine.runDue())
  if (sent !== count) throw new Error(`${sent} of ${count} were sent.`)
  return seconds
}

/** One key after the other, each started and stopped. */
const keysInTurn: Work = async (engine, now, count) => {
  const [seconds] = await timed(async () => {
    for (let n = 0; n < count; n++) {
      orThrow(await engine.startSequence(keyed(0, `k${n}`)))
      orThrow(await engine.stopSequence(keyed(0, `k${n}`)))
    }
  })
  await now.advance('PT1M')
  return seconds
}

const signalsKept: Work = async (engine, now, count) => {
  const [seconds] = await timed(async () => {
    for (let n = 0; n < count; n++)
      orThrow(await engine.signal({ contactId: 'ann', kind: 'purchased', data: { total: n % 500 }, signalId: `s${n}` }))
  })
  await now.advance('PT1M')
  return seconds
}

const PARTS = [
  ['runs', 'a run due at once', runsAtOnce],
  ['keys', 'a key', keysInTurn],
  ['signals', 'a kept signal', signalsKept],
] as const

export const oneContactBenchmark: Benchmark = {
  name: 'one-contact',
  what: 'one contact with {runsFew} and {runsMany} runs due at once, {keysFew} and {keysMany} keys, {signalsFew} and {signalsMany} kept signals; SQLite, NORMAL',
  full: { runsFew: 300, runsMany: 3_000, keysFew: 100, keysMany: 1_000, signalsFew: 1_000, signalsMany: 10_000 },
  quick: { runsFew: 10, runsMany: 40, keysFew: 5, keysMany: 20, signalsFew: 10, signalsMany: 40 },
  rounds: 1,
  figures: {
    ...Object.fromEntries(
      PARTS.flatMap(([part, title]) => [
        [`${part}Few`, { title: `${title}, of few`, unit: 'µs', better: 'less' as const }],
        [`${part}Many`, { title: `${title}, of ten times as many`, unit: 'µs', better: 'less' as const }],
      ]),
    ),
    runsInAll: { title: 'all runs due at once', unit: 's', better: 'less' },
  },
  contenders: {
    enfold: {
      title: 'Enfold',
      async run(given) {
        const figures: Record<string, number> = {}
        for (const [part, , work] of PARTS)
          for (const size of [`${part}Few`, `${part}Many`]) {
            const count = sizeOf(given, size)
            const store = sqliteIn(given, 'NORMAL')
            const now = clock()
            const engine = createEngine({ store, clock: now, handlers: { email: () => ({ outcome: 'sent' }) } })
            orThrow(await engine.publish(definition))
            figures[size] = ((await work(engine, now, count)) * 1e6) / count
            await engine.close()
            await store.close()
          }
        figures.runsInAll = ((figures.runsMany ?? Number.NaN) * sizeOf(given, 'runsMany')) / 1e6
        return { figures, work: {} }
      },
    },
  },
  wanted: [
    { text: 'all runs due at once, seconds', figure: 'runsInAll', of: 'enfold', atMost: 30 },
    ...PARTS.map(([part, title]) => ({
      text: `${title} among many, of one among few`,
      figure: `${part}Many`,
      of: 'enfold',
      over: ['enfold'],
      overFigure: `${part}Few`,
      atMost: 1.3,
    })),
  ],
}
