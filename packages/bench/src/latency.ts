/** From the instant at which a step is due to the call of its handler, at a steady hundred steps a second. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Store } from '@enfold/core'
import { orThrow } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { makeWorkerUtils, run } from 'graphile-worker'
import { type Benchmark, type Given, type Measured, quantile, sizeOf } from './benchmark.ts'
import { givenEngine, orderOf } from './campaign.ts'
import { freshDatabase } from './databases.ts'
import { graphilePreset, silentLogger } from './graphile.ts'

const PER_SECOND = 100
/** How far ahead the scheduled half is ordered. */
const AHEAD_MS = 1000

type Order = (number: number, ahead: boolean) => Promise<void>

/** Orders steps in time with the clock: first those for a second later, then those that are due at once. */
async function steadily(given: Given, order: Order, lags: { later: number[]; atOnce: number[] }): Promise<Measured> {
  const steps = sizeOf(given, 'seconds') * PER_SECOND
  // Half a second's worth before, to warm up.
  const warmUp = PER_SECOND / 2
  for (let i = 0; i < warmUp; i++) await order(-1 - i, false)
  while (lags.atOnce.length < warmUp) await new Promise((resolve) => setTimeout(resolve, 20))
  lags.atOnce.length = 0
  for (const [ahead, arrived] of [[true, lags.later] as const, [false, lags.atOnce] as const]) {
    const startedAt = performance.now()
    const ordering: Promise<void>[] = []
    for (let i = 0; i < steps; i++) {
      const waitMs = startedAt + (i * 1000) / PER_SECOND - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      ordering.push(order(i, ahead))
    }
    await Promise.all(ordering)
    const giveUpAt = performance.now() + 30_000
    while (arrived.length < steps && performance.now() < giveUpAt)
      await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const figure = (values: readonly number[], share: number) => Math.max(0, quantile(values, share))
  return {
    figures: {
      laterMedian: figure(lags.later, 0.5),
      laterP99: figure(lags.later, 0.99),
      nowMedian: figure(lags.atOnce, 0.5),
      nowP99: figure(lags.atOnce, 0.99),
    },
    work: { steps: lags.later.length + lags.atOnce.length },
  }
}

async function onStore(given: Given, store: Store): Promise<Measured> {
  const lags = { later: [] as number[], atOnce: [] as number[] }
  const engine = await givenEngine({
    store,
    observe(signal) {
      // Told right before the handler is called.
      if (signal.type !== 'step-dispatched') return
      const list = signal.attempt.sequenceId === 'soon' ? lags.later : lags.atOnce
      list.push(signal.lagMs)
    },
  })
  const end = new AbortController()
  const running = engine.run({ signal: end.signal })
  const order: Order = async (number, ahead) => {
    const sequence = ahead ? 'soon' : 'now'
    orThrow(await engine.startSequence(orderOf(`${sequence}-${number}`, sequence)))
  }
  const measured = await steadily(given, order, lags)
  end.abort()
  await running
  await engine.close()
  await store.close()
  return measured
}

export const latencyBenchmark: Benchmark = {
  name: 'latency',
  what: `${PER_SECOND} steps a second for {seconds} s ordered a second ahead, and for {seconds} s ordered for at once`,
  full: { seconds: 2 },
  quick: { seconds: 1 },
  figures: {
    laterMedian: { title: 'a second ahead, median', unit: 'ms', better: 'less' },
    laterP99: { title: 'a second ahead, p99', unit: 'ms', better: 'less' },
    nowMedian: { title: 'at once, median', unit: 'ms', better: 'less' },
    nowP99: { title: 'at once, p99', unit: 'ms', better: 'less' },
  },
  contenders: {
    sqlite: {
      title: 'Enfold on SQLite, FULL',
      run: (given) => onStore(given, createSqliteStore({ path: join(given.folder, `${randomUUID()}.db`) })),
    },
    postgres: {
      title: 'Enfold on PostgreSQL',
      needs: 'postgres',
      run: async (given) =>
        onStore(
          given,
          createPostgresStore({ connectionString: await freshDatabase(given.postgres, 'bench_latency_enfold') }),
        ),
    },
    graphile: {
      title: 'graphile-worker (looks for what is scheduled every 2 s, its default)',
      needs: 'postgres',
      async run(given) {
        const connectionString = await freshDatabase(given.postgres, 'bench_latency_graphile')
        const lags = { later: [] as number[], atOnce: [] as number[] }
        const utils = await makeWorkerUtils({ connectionString, logger: silentLogger })
        await utils.migrate()
        const runner = await run({
          preset: graphilePreset(connectionString),
          noHandleSignals: true,
          logger: silentLogger,
          taskList: {
            step(payload) {
              const { dueAt, ahead } = payload as { dueAt: number; ahead: boolean }
              const list = ahead ? lags.later : lags.atOnce
              list.push(Date.now() - dueAt)
            },
          },
        })
        const order: Order = async (number, ahead) => {
          const dueAt = Date.now() + (ahead ? AHEAD_MS : 0)
          await utils.addJob('step', { number, dueAt, ahead }, ahead ? { runAt: new Date(dueAt) } : {})
        }
        const measured = await steadily(given, order, lags)
        await runner.stop()
        await utils.release()
        return measured
      },
    },
  },
  wanted: [
    { text: 'SQLite, a second ahead, p99 in ms', figure: 'laterP99', of: 'sqlite', atMost: 50 },
    { text: 'SQLite, at once, p99 in ms', figure: 'nowP99', of: 'sqlite', atMost: 50 },
    { text: 'PostgreSQL, a second ahead, p99 in ms', figure: 'laterP99', of: 'postgres', atMost: 50 },
    { text: 'PostgreSQL, at once, p99 in ms', figure: 'nowP99', of: 'postgres', atMost: 50 },
  ],
}
