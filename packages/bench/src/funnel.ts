/** The numbers of a campaign of 50 steps with very many contacts, and what keeping counters costs an order and a step. */
import { join } from 'node:path'
import { type CounterChange, campaign as checked, contactStream, type Store } from '@enfold/core'
import { type Engine, orThrow } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { type Benchmark, type Contender, type Given, type Measured, quantile, sizeOf, timed } from './benchmark.ts'
import { contactIds, givenEngine, orderOf } from './campaign.ts'
import { started } from './connections.ts'
import { freshDatabase, urlOf } from './databases.ts'

const STEPS = 50
const DATABASE = 'bench_funnel'
const fileOf = ({ folder }: Given) => join(folder, 'funnel.db')

const long = checked({
  id: 'long',
  goals: [{ id: 'bought', when: { kind: 'purchased' } }],
  sequences: [
    {
      id: 'course',
      steps: Array.from({ length: STEPS }, (_, i) => ({ id: `lesson-${i}`, kind: 'email', timer: { after: 'P1D' } })),
      next: ['bought'],
    },
  ],
})

/** What somebody counts who stands at a step. */
function standingAt(step: number): CounterChange {
  const keys = [
    ['sequence', 'course', 'started'],
    ['sequence', 'course', 'active'],
    ...['reached', 'sent', 'failed', 'skipped', 'cancelled', 'passed', 'left', 'held', 'inFlight', 'waiting'].map(
      (place) => ['step', 'course', `lesson-${step}`, place],
    ),
  ]
  return { campaignId: 'long', campaignVersion: 1, by: keys.map((key) => [JSON.stringify(key), 1]) }
}

/** Enrols so many contacts, spread over all steps, by what an append of each counts. */
async function fill(store: Store, contacts: number): Promise<void> {
  const engine = await givenEngine({ store })
  orThrow(await engine.publish(long))
  const ids = [...contactIds(contacts)]
  const AT_ONCE = 500
  for (let from = 0; from < contacts; from += AT_ONCE)
    await store.appendMany(
      ids.slice(from, from + AT_ONCE).map((id, i) => ({
        stream: contactStream(id),
        events: [started(id)],
        expected: 'no-stream' as const,
        derived: { tags: [], wakeAt: null, counters: [standingAt((from + i) % STEPS)] },
      })),
    )
  await engine.close()
  await store.close()
}

/** The store, whose appends count nothing. */
function withoutCounters(store: Store): Store {
  return {
    ...store,
    append(stream, events, expected, derived, requires) {
      const { counters: _, ...rest } = derived ?? { tags: [], wakeAt: null }
      return store.append(stream, events, expected, derived === undefined ? undefined : rest, requires)
    },
    appendMany: (appends) =>
      store.appendMany(
        appends.map((one) => {
          if (one.derived === undefined) return one
          const { counters: _, ...derived } = one.derived
          return { ...one, derived }
        }),
      ),
  }
}

interface Cost {
  readonly orders: number[]
  readonly steps: number[]
}

/** Starts some contacts whose first step is due at once, and does those steps. */
async function block(engine: Engine, { orders, steps }: Cost, ids: readonly string[]): Promise<number> {
  for (const id of ids) {
    const [seconds] = await timed(async () => orThrow(await engine.startSequence(orderOf(id, 'now'))))
    orders.push(seconds * 1e6)
  }
  const [seconds, { sent }] = await timed(() => engine.runDue())
  steps.push((seconds * 1e6) / ids.length)
  return sent
}

async function measured(given: Given, store: Store): Promise<Measured> {
  const [blocks, size] = [sizeOf(given, 'blocks'), sizeOf(given, 'block')]
  const counting = await givenEngine({ store })
  const bare = await givenEngine({ store: withoutCounters(store) })
  const withCounters: Cost = { orders: [], steps: [] }
  const without: Cost = { orders: [], steps: [] }
  const seen: number[] = []
  let sent = 0
  // In turns, so that whatever else the machine does falls on both.
  for (let i = 0; i < blocks; i++)
    for (const [engine, cost, name] of [
      [counting, withCounters, 'counted'],
      [bare, without, 'bare'],
    ] as const) {
      const ids = Array.from({ length: size }, (_, n) => `${name}-${i * size + n}-${process.pid}`)
      sent += await block(engine, cost, ids)
      const [seconds, funnel] = await timed(() => counting.inspect.funnel('long'))
      if (funnel?.sequences[0]?.steps.length !== STEPS) throw new Error('The funnel lacks steps.')
      seen.push(seconds * 1000)
    }
  await counting.close()
  await bare.close()
  await store.close()
  const median = (values: readonly number[] = []) => quantile(values, 0.5)
  return {
    figures: {
      funnel: median(seen),
      order: median(withCounters.orders),
      orderBare: median(without.orders),
      step: median(withCounters.steps),
      stepBare: median(without.steps),
    },
    work: { sent },
  }
}

const sqlite: Contender = {
  title: 'SQLite, FULL',
  run: (given) => measured(given, createSqliteStore({ path: fileOf(given) })),
}

const postgres: Contender = {
  title: 'PostgreSQL, fsync on',
  needs: 'postgres',
  run: (given) => measured(given, createPostgresStore({ connectionString: urlOf(given.postgres, DATABASE) })),
}

export const funnelBenchmark: Benchmark = {
  name: 'funnel',
  what: `the numbers of a campaign of ${STEPS} steps with {contacts} contacts, between orders and due steps of another one, half of which count nothing`,
  full: { contacts: 100_000, blocks: 40, block: 25 },
  quick: { contacts: 600, blocks: 2, block: 3 },
  figures: {
    funnel: { title: 'the funnel', unit: 'ms', better: 'less' },
    order: { title: 'an order', unit: 'µs', better: 'less' },
    orderBare: { title: 'without counters', unit: 'µs', better: 'less' },
    step: { title: 'a due step', unit: 'µs', better: 'less' },
    stepBare: { title: 'without counters', unit: 'µs', better: 'less' },
  },
  async prepare(given) {
    const contacts = sizeOf(given, 'contacts')
    await fill(createSqliteStore({ path: fileOf(given), synchronous: 'NORMAL' }), contacts)
    const url = await freshDatabase(given.postgres, DATABASE)
    await fill(createPostgresStore({ connectionString: url }), contacts)
  },
  contenders: { sqlite, postgres },
  wanted: [
    { text: 'the funnel from SQLite in 20 ms', figure: 'funnel', of: 'sqlite', atMost: 20 },
    { text: 'the funnel from PostgreSQL in 20 ms', figure: 'funnel', of: 'postgres', atMost: 20 },
    {
      text: 'an order on SQLite, of that without counters',
      figure: 'order',
      of: 'sqlite',
      over: ['sqlite'],
      overFigure: 'orderBare',
      atMost: 1.05,
    },
    {
      text: 'a due step on SQLite, of that without counters',
      figure: 'step',
      of: 'sqlite',
      over: ['sqlite'],
      overFigure: 'stepBare',
      atMost: 1.05,
    },
  ],
}
