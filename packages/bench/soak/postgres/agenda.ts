/**
 * `pnpm soak:agenda`: the agenda with ten million contacts (`ENFOLD_CONTACTS`) in it, a
 * hundred thousand of them due, and what a worker asks of it. Prints the plan of each statement of a claim, times and
 * sizes. Exit status 1 if anything but an index range scan finds what is due, or a claim looks at more than it takes.
 */
import { type Claim, instantOf } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { startPostgres } from '@enfold/test-servers/postgres'
import { Pool } from 'pg'

const print = (line: string) => process.stdout.write(`${line}\n`)

const CONTACTS = Number(process.env.ENFOLD_CONTACTS ?? 10_000_000)
const SCHEMA = 'enfold_agenda'
const NOW_MS = 1_800_000_000_000
const LANES = 15
/** Of the hundredth that is due, half at most. */
const ROUNDS = Math.min(200, Math.floor(CONTACTS / 10_000))

const yours = process.env.ENFOLD_POSTGRES_URL
// Written once and thrown away, so never synced; memory as a small server of its own would have it.
const server =
  yours === undefined
    ? await startPostgres({
        settings: ['fsync=off', 'max_wal_size=8GB', 'shared_buffers=1GB', 'maintenance_work_mem=1GB'],
      })
    : { url: yours, stop: async () => {} }
const problems: string[] = []
try {
  const owner = new Pool({ connectionString: server.url, max: 1 })
  const store = createPostgresStore({ connectionString: server.url, schema: SCHEMA })
  await owner.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`)
  await store.checkpoint()
  await fill(owner)
  await sizes(owner)
  await plans()
  await times()
  await store.close()
  await owner.query(`DROP SCHEMA ${SCHEMA} CASCADE`)
  await owner.end()

  async function times(): Promise<void> {
    const now = instantOf(NOW_MS)
    const [claims, releases, wakes, pages] = [[], [], [], []] as [number[], number[], number[], number[]]
    const held: Claim[][] = []
    for (let round = 0; round < ROUNDS; round++) {
      held.push([...(await timed(claims, () => store.claimDue(now, `worker ${round}`, 50, 60_000)))])
      await timed(wakes, () => store.nextWake())
      await timed(pages, () => store.agenda(now, 50))
    }
    const claimed = new Set(held.flat().map(({ contactId }) => contactId))
    if (claimed.size !== 50 * ROUNDS) problems.push(`${claimed.size} contacts were claimed, not ${50 * ROUNDS}`)
    for (const some of held) await timed(releases, () => store.release(some))
    for (const [what, given] of Object.entries({ claims, releases, wakes, pages })) print(`${what}: ${inMs(given)}`)
  }
} finally {
  await server.stop()
}
for (const problem of problems) print(problem)
if (problems.length > 0) process.exitCode = 1

/** One in a hundred is due, in any lane; the others within ninety days. Ids in no order, as a CRM draws them. */
async function fill(owner: Pool): Promise<void> {
  const startedAt = performance.now()
  const { rows } = await owner.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
     WHERE indrelid = '${SCHEMA}.agenda'::regclass AND NOT indisprimary`,
  )
  // Indexes are made after the rows: a tenth of the time.
  for (const { name } of rows) await owner.query(`DROP INDEX ${name}`)
  await owner.query(`ALTER TABLE ${SCHEMA}.agenda DROP CONSTRAINT agenda_pkey`)
  await owner.query(
    `INSERT INTO ${SCHEMA}.agenda (contact, version, wake_at, kind, campaign)
     SELECT md5(i::text), 1, CASE WHEN i % 100 = 0 THEN $1::bigint - i % 86400000 ELSE $1 + 1 + (i * 7919) % 7776000000 END,
       (ARRAY['email', 'sms', 'task'])[1 + i % 3], 'campaign-' || i / 100 % 5
     FROM generate_series(1::bigint, $2) i`,
    [NOW_MS, CONTACTS],
  )
  await owner.query(`ALTER TABLE ${SCHEMA}.agenda ADD CONSTRAINT agenda_pkey PRIMARY KEY (contact)`)
  for (const { definition } of rows) await owner.query(definition)
  await owner.query(`VACUUM (ANALYZE) ${SCHEMA}.agenda`)
  print(`${CONTACTS.toLocaleString('en')} contacts in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
}

async function sizes(owner: Pool): Promise<void> {
  const { rows } = await owner.query<{ name: string; bytes: string }>(
    `SELECT c.relname AS name, pg_relation_size(c.oid)::text AS bytes FROM pg_class c
     WHERE c.relnamespace = '${SCHEMA}'::regnamespace AND c.relname LIKE 'agenda%' AND c.relkind IN ('r', 'i') ORDER BY 1`,
  )
  for (const { name, bytes } of rows)
    print(
      `${name}: ${(Number(bytes) / 2 ** 20).toFixed(0)} MiB, ${(Number(bytes) / CONTACTS).toFixed(0)} bytes a contact`,
    )
}

/** As the server itself made them, for the statements within the functions. */
async function plans(): Promise<void> {
  const settings = ['log_min_duration=0', 'log_nested_statements=on', 'log_analyze=on', 'log_level=notice']
  const options = ['session_preload_libraries=auto_explain', ...settings.map((one) => `auto_explain.${one}`)]
  const pool = new Pool({ connectionString: server.url, max: 1, options: options.map((one) => `-c ${one}`).join(' ') })
  const found: string[] = []
  pool.on('connect', (client) => void client.on('notice', ({ message }) => void found.push(message ?? '')))
  const store = createPostgresStore({ pool, schema: SCHEMA, migrate: false })
  await store.checkpoint()
  found.length = 0
  const claims = await store.claimDue(instantOf(NOW_MS), 'planner', 50, 60_000)
  const due = found.filter((plan) => /Query Text: WITH due/.test(plan))
  if (claims.length !== 50) problems.push(`${claims.length} claims`)
  if (due.length < LANES) problems.push(`${due.length} scans for ${LANES} lanes`)
  print(due[0]?.slice(due[0].indexOf('Update on')) ?? 'no plan')
  for (const plan of found) {
    if (/Seq Scan on agenda/.test(plan) || (/ on agenda/.test(plan) && /Sort Method/.test(plan)))
      problems.push(`reads from end to end, or sorts:\n${plan}`)
    for (const [, rows] of plan.matchAll(/\(actual time=[^)]* rows=([\d.]+) loops/g))
      if (Number(rows) > 50) problems.push(`looks at ${rows} rows:\n${plan}`)
  }
  for (const plan of due)
    if (
      !/Index Scan using agenda_claimable.*\n.*Index Cond: \(\(kind = .*\) AND \(campaign = .*\) AND \(claimable_at <= /.test(
        plan,
      )
    )
      problems.push(`no range scan:\n${plan}`)
  await store.release(claims)
  await store.close()
  await pool.end()
}

async function timed<Answer>(into: number[], ask: () => Promise<Answer>): Promise<Answer> {
  const startedAt = performance.now()
  const answer = await ask()
  into.push(performance.now() - startedAt)
  return answer
}

function inMs(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(2)
  return `median ${at(0.5)} ms, 90 % within ${at(0.9)} ms, 99 % within ${at(0.99)} ms`
}
