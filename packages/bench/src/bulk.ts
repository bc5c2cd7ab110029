/** A bulk action that starts many contacts, compared with the same rows on SQLite in batches of a thousand: time and memory. */
import { randomUUID } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { countRows, createBareLoop, emptyStore } from './bare-rows.ts'
import { type Benchmark, type Given, type Measured, sizeOf, timed } from './benchmark.ts'
import { enrol, fileOfWaiting, givenEngine } from './campaign.ts'
import { freshDatabase, queryNumber } from './databases.ts'

const BATCH = 1000

/** What the bare loop inserts is what Enfold wrote in the first round. */
const sourceIn = (given: Given) => fileOfWaiting(given.shared, sizeOf(given, 'contacts'))

async function onSqlite(given: Given): Promise<Measured> {
  const path = join(given.folder, `enfold-${randomUUID()}.db`)
  const figures = await bulk(given, createSqliteStore({ path }))
  const work = countRows(path)
  if (existsSync(sourceIn(given))) rmSync(path)
  else renameSync(path, sourceIn(given))
  return { figures, work }
}

async function onPostgres(given: Given): Promise<Measured> {
  const url = await freshDatabase(given.postgres, 'bench_bulk')
  const figures = await bulk(given, createPostgresStore({ connectionString: url }))
  const count = (sql: string) => queryNumber(url, `SELECT count(*) AS n FROM enfold.${sql}`)
  const work = {
    events: await count("events WHERE stream LIKE 'contact-%'"),
    memberships: await count('memberships'),
    agenda: await count('agenda'),
  }
  return { figures, work }
}

async function bulk(given: Given, store: Store): Promise<Measured['figures']> {
  const contacts = sizeOf(given, 'contacts')
  const engine = await givenEngine({ store })
  let early = 0
  let peak = 0
  let groups = 0
  const [seconds, started] = await timed(() =>
    enrol(engine, contacts, 'later', (processed) => {
      // Looked at seldom: asking costs as much as some contacts.
      if (groups++ % 20 !== 0) return
      peak = Math.max(peak, process.memoryUsage().rss / 2 ** 20)
      if (processed <= contacts / 10) early = peak
    }),
  )
  await engine.close()
  await store.close()
  if (started !== contacts) throw new Error(`${started} of ${contacts} were started.`)
  return { speed: contacts / seconds, early, peak }
}

async function bare(given: Given): Promise<Measured> {
  const path = join(given.folder, `bare-${randomUUID()}.db`)
  await emptyStore(path)
  const loop = createBareLoop(sourceIn(given), path, 'FULL')
  const { contacts, seconds } = loop.insert(sizeOf(given, 'contacts'), BATCH)
  loop.close()
  const work = countRows(path)
  rmSync(path)
  return { figures: { speed: contacts / seconds }, work }
}

const shape = {
  figures: {
    speed: { title: 'speed', unit: 'contacts/s', better: 'more' },
    early: { title: 'memory at most, first tenth', unit: 'MB', better: 'less' },
    peak: { title: 'memory at most', unit: 'MB', better: 'less' },
  },
  contenders: {
    enfold: { title: 'Enfold (`processAction`) on SQLite, FULL', run: onSqlite },
    limit: { title: 'the same rows in batches of 1,000', run: bare },
  },
  wanted: [{ text: 'of the limit', figure: 'speed', of: 'enfold', over: ['limit'], atLeast: 0.4 }],
} as const

export const bulkBenchmark: Benchmark = {
  ...shape,
  name: 'bulk',
  what: 'a bulk action starts {contacts} contacts, durable, with index, agenda and a result for each',
  full: { contacts: 50_000 },
  quick: { contacts: 700 },
  contenders: {
    ...shape.contenders,
    postgres: {
      title: 'Enfold (`processAction`) on PostgreSQL; one round',
      needs: 'postgres',
      once: true,
      run: onPostgres,
    },
  },
}

export const bulkMillionBenchmark: Benchmark = {
  ...shape,
  name: 'bulk-million',
  what: 'as bulk, with {contacts} contacts; one round',
  full: { contacts: 1_000_000 },
  quick: { contacts: 1_400 },
  rounds: 1,
  // A tenth of the limit is there already.
  contenders: { enfold: shape.contenders.enfold },
  wanted: [
    // Constant, but for what the page cache of SQLite (64 MB) and the garbage collector let lie.
    {
      text: 'memory at most, of that of the first tenth',
      figure: 'peak',
      of: 'enfold',
      over: ['enfold'],
      overFigure: 'early',
      atMost: 2,
    },
  ],
}
