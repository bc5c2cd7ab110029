/** Steps that are all due at once, with a handler that does nothing: how many a second are done and recorded. */
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { makeWorkerUtils } from 'graphile-worker'
import { PgBoss } from 'pg-boss'
import { countRows, insertSteps } from './bare-rows.ts'
import { type Benchmark, type Given, type Measured, sizeOf } from './benchmark.ts'
import { enrol, givenEngine } from './campaign.ts'
import { freshDatabase, queryNumber } from './databases.ts'
import type { WorkerKind, WorkerMessage, WorkerOrder } from './dispatch-worker.ts'
import { silentLogger } from './graphile.ts'

const PREPARED = 'bench_dispatch_due'
const preparedIn = ({ folder }: Given) => join(folder, 'due.db')
/** Made in the first round: what the bare loop inserts is what Enfold wrote. */
const doneIn = ({ folder }: Given) => join(folder, 'done.db')
const program = join(import.meta.dirname, 'dispatch-worker.ts')

/** Lets so many processes work until all steps are done. The time begins when all of them are ready. */
async function letWork(steps: number, processes: number, kind: WorkerKind, where: string): Promise<number> {
  const order: WorkerOrder = { kind, where, steps }
  const workers = Array.from({ length: processes }, () => fork(program, [JSON.stringify(order)]))
  const allDone = Promise.withResolvers<void>()
  const allReady = Promise.withResolvers<void>()
  let [ready, done] = [0, 0]
  for (const worker of workers) {
    worker.on('message', (message: WorkerMessage) => {
      if (message === 'ready') {
        ready += 1
        if (ready === processes) allReady.resolve()
        return
      }
      done += message.done
      if (done >= steps) allDone.resolve()
    })
    const failed = (code: number | null) => {
      const error = new Error(`A worker ended with ${code}, ${done} of ${steps} steps done.`)
      if (code !== 0) for (const part of [allReady, allDone]) part.reject(error)
    }
    worker.on('exit', failed)
  }
  try {
    await allReady.promise
    const startedAt = performance.now()
    for (const worker of workers) worker.send('go')
    await allDone.promise
    return (performance.now() - startedAt) / 1000
  } finally {
    // A process that is told to end closes what it has open; its exit is awaited, so that it is not measured with the next.
    await Promise.all(
      workers.map(async (worker) => {
        if (worker.exitCode !== null || worker.signalCode !== null) return
        const gone = new Promise((resolve) => worker.once('exit', resolve))
        if (worker.connected) worker.send('end')
        await gone
      }),
    )
  }
}

async function onSqlite(given: Given, processes: number): Promise<Measured> {
  const steps = sizeOf(given, 'steps')
  const path = join(given.folder, `enfold-${randomUUID()}.db`)
  copyFileSync(preparedIn(given), path)
  const before = countRows(path).events
  const seconds = await letWork(steps, processes, 'enfold-sqlite', path)
  // Two events for each step: that it was dispatched, and that it was sent.
  const work = { steps: (countRows(path).events - before) / 2 }
  if (existsSync(doneIn(given))) rmSync(path)
  else renameSync(path, doneIn(given))
  return { figures: { speed: steps / seconds }, work }
}

async function bareSteps(given: Given): Promise<Measured> {
  const path = join(given.folder, `bare-${randomUUID()}.db`)
  copyFileSync(preparedIn(given), path)
  const { steps, seconds } = insertSteps(doneIn(given), path)
  rmSync(path)
  return { figures: { speed: steps / seconds }, work: { steps } }
}

async function onGraphile(given: Given, kind: WorkerKind): Promise<Measured> {
  const steps = sizeOf(given, 'steps')
  const url = await freshDatabase(given.postgres, 'bench_dispatch_graphile')
  const utils = await makeWorkerUtils({ connectionString: url, logger: silentLogger })
  await utils.migrate()
  for (let first = 0; first < steps; first += 10_000)
    await utils.addJobs(
      Array.from({ length: Math.min(10_000, steps - first) }, (_, i) => ({
        identifier: 'step',
        payload: { contactId: `contact-${first + i}` },
      })),
    )
  await utils.release()
  const seconds = await letWork(steps, sizeOf(given, 'workers'), kind, url)
  const left = await queryNumber(url, 'SELECT count(*) AS n FROM graphile_worker.jobs')
  return { figures: { speed: steps / seconds }, work: { steps: steps - left } }
}

export const dispatchBenchmark: Benchmark = {
  name: 'dispatch',
  what: '{steps} steps that are due, done and recorded; {workers} processes but where it says otherwise',
  full: { steps: 5_000, workers: 4 },
  quick: { steps: 200, workers: 2 },
  figures: { speed: { title: 'speed', unit: 'steps/s', better: 'more' } },
  async prepare(given) {
    const sqlite = createSqliteStore({ path: preparedIn(given), synchronous: 'NORMAL' })
    const postgres = createPostgresStore({ connectionString: await freshDatabase(given.postgres, PREPARED) })
    for (const store of [sqlite, postgres]) {
      const engine = await givenEngine({ store })
      await enrol(engine, sizeOf(given, 'steps'), 'now')
      await engine.close()
      await store.close()
    }
  },
  contenders: {
    sqlite: { title: 'Enfold on SQLite, FULL, one process', run: (given) => onSqlite(given, 1) },
    limit: { title: 'the same rows on SQLite, FULL, 50 contacts at once', run: bareSteps },
    sqliteMany: { title: 'Enfold on SQLite, FULL', run: (given) => onSqlite(given, sizeOf(given, 'workers')) },
    postgres: {
      title: 'Enfold on PostgreSQL',
      needs: 'postgres',
      async run(given) {
        const steps = sizeOf(given, 'steps')
        const url = await freshDatabase(given.postgres, 'bench_dispatch_enfold', PREPARED)
        const events = "SELECT count(*) AS n FROM enfold.events WHERE stream LIKE 'contact-%'"
        const before = await queryNumber(url, events)
        const seconds = await letWork(steps, sizeOf(given, 'workers'), 'enfold-postgres', url)
        return {
          figures: { speed: steps / seconds },
          work: { steps: ((await queryNumber(url, events)) - before) / 2 },
        }
      },
    },
    graphile: {
      title: 'graphile-worker',
      needs: 'postgres',
      run: (given) => onGraphile(given, 'graphile'),
    },
    graphileBatched: {
      title: 'graphile-worker, fetched and completed in batches',
      needs: 'postgres',
      run: (given) => onGraphile(given, 'graphile-batched'),
    },
    pgBoss: {
      title: 'pg-boss, in batches of 100',
      needs: 'postgres',
      async run(given) {
        const steps = sizeOf(given, 'steps')
        const url = await freshDatabase(given.postgres, 'bench_dispatch_boss')
        const boss = new PgBoss({ connectionString: url })
        await boss.start()
        await boss.createQueue('step')
        for (let first = 0; first < steps; first += 10_000)
          await boss.insert(
            'step',
            Array.from({ length: Math.min(10_000, steps - first) }, (_, i) => ({
              data: { contactId: `contact-${first + i}` },
            })),
          )
        await boss.stop()
        const seconds = await letWork(steps, sizeOf(given, 'workers'), 'pg-boss', url)
        const completed = await queryNumber(url, "SELECT count(*) AS n FROM pgboss.job WHERE state = 'completed'")
        return { figures: { speed: steps / seconds }, work: { steps: completed } }
      },
    },
  },
  wanted: [
    { text: 'SQLite, one process, of the limit', figure: 'speed', of: 'sqlite', over: ['limit'], atLeast: 0.5 },
    {
      text: 'PostgreSQL, of graphile-worker unbatched',
      figure: 'speed',
      of: 'postgres',
      over: ['graphile'],
      atLeast: 1,
    },
  ],
}
