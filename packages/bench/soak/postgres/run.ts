/** `pnpm soak:postgres`: half a million events, on a server of its own or on that of ENFOLD_POSTGRES_URL; exit status 1 if anything is wrong. */
import { startPostgres } from '@enfold/test-servers/postgres'
import { Pool } from 'pg'
import { soak } from '../../../store-postgres/src/writers.fixture.ts'

const print = (line: string) => process.stdout.write(`${line}\n`)

const events = Number(process.env.ENFOLD_EVENTS ?? 500_000)
const yours = process.env.ENFOLD_POSTGRES_URL
const server = yours === undefined ? await startPostgres({ settings: [] }) : { url: yours, stop: async () => {} }
try {
  const pool = new Pool({ connectionString: server.url, max: 1 })
  const { rows } = await pool.query<{ server_version: string }>('SHOW server_version')
  print(`PostgreSQL ${rows[0]?.server_version}`)
  let shown = performance.now()
  const report = await soak({
    url: server.url,
    schema: 'enfold_soak',
    events,
    writers: 16,
    readers: 4,
    killEveryMs: 250,
    onProgress(written) {
      if (performance.now() - shown < 5000) return
      shown = performance.now()
      print(`${written} events`)
    },
  })
  const sizes = await pool.query<{ relname: string; bytes: string }>(
    `SELECT relname, pg_relation_size(oid)::text AS bytes FROM pg_class
     WHERE relnamespace = 'enfold_soak'::regnamespace AND relname LIKE 'events%' AND relkind IN ('r', 'i')`,
  )
  print(JSON.stringify(report, null, 2))
  print(`${Math.round(report.events / report.seconds)} events/s`)
  for (const { relname, bytes } of sizes.rows)
    print(`${relname}: ${Math.round(Number(bytes) / report.events)} bytes per event`)
  await pool.query('DROP SCHEMA enfold_soak CASCADE')
  await pool.end()
  if (report.problems.length > 0 || report.lostByNaive === 0) process.exitCode = 1
} finally {
  await server.stop()
}
