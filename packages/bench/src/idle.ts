/** What stores cost that have nothing to do: one process that works on many schemas of one PostgreSQL server. */
import { createEngine, type Engine, orThrow } from '@enfold/engine'
import { createPostgresHost } from '@enfold/store-postgres'
import { Pool } from 'pg'
import { type Benchmark, type Given, sizeOf } from './benchmark.ts'
import { campaign } from './campaign.ts'
import { freshDatabase } from './databases.ts'

const DATABASE = 'bench_idle'
/** The middle one counts: the server cleans up the new schemas by itself, now and then, and that is counted as well. */
const SPANS = 5

/** The server's own count, of which a moment may be missing: sessions tell it of theirs once a second at most. */
async function transactions(url: string): Promise<number> {
  const pool = new Pool({ connectionString: url, max: 1 })
  const { rows } = await pool.query<{ n: string }>(
    'SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()',
  )
  await pool.end()
  return Number(rows[0]?.n)
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

async function idle(given: Given): Promise<number> {
  const url = await freshDatabase(given.postgres, DATABASE)
  const host = createPostgresHost({ connectionString: url })
  const ending = new AbortController()
  const engines: Engine[] = []
  const closing: (() => Promise<void>)[] = []
  const running: Promise<void>[] = []
  for (let n = 0; n < sizeOf(given, 'schemas'); n++) {
    const store = host.store({ schema: `tenant_${n}` })
    const engine = createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } })
    orThrow(await engine.publish(campaign))
    engines.push(engine)
    closing.push(() => store.close())
    running.push(engine.run({ signal: ending.signal }))
  }
  const seconds = sizeOf(given, 'seconds')
  // What each looks at when it begins is none of it. A session that falls idle may tell of it ten seconds later.
  await pause(12)
  const rates: number[] = []
  for (let span = 0; span < SPANS; span++) {
    const before = await transactions(url)
    await pause(seconds / SPANS)
    // Its own first question is counted by the second.
    rates.push(((await transactions(url)) - before - 1) / (seconds / SPANS))
  }
  ending.abort()
  await Promise.all(running)
  await Promise.all(engines.map((engine) => engine.close()))
  for (const close of closing) await close()
  await host.close()
  return rates.sort((a, b) => a - b)[Math.floor(SPANS / 2)] ?? 0
}

export const idleBenchmark: Benchmark = {
  name: 'idle',
  what: '{schemas} schemas of one database with nothing to do, each with an engine that runs, all in one process: the middle of five spans of {seconds} s in all',
  full: { schemas: 100, seconds: 30 },
  quick: { schemas: 2, seconds: 1 },
  rounds: 1,
  figures: { transactions: { title: 'transactions', unit: '1/s', better: 'less' } },
  contenders: {
    enfold: {
      title: 'Enfold on PostgreSQL, one `createPostgresHost`',
      needs: 'postgres',
      run: async (given) => ({ figures: { transactions: await idle(given) }, work: {} }),
    },
  },
  wanted: [{ text: 'transactions a second', figure: 'transactions', of: 'enfold', atMost: 2 }],
}
