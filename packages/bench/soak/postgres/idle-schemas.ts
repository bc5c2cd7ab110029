/**
 * `pnpm soak:idle`: what workers over many schemas cost while nothing is due. A hundred schemas (`ENFOLD_SCHEMAS`), an engine
 * at work on each, all in this process; first each with a store of its own on one pool, then on one `createPostgresHost`.
 * Counts the transactions of the database in a minute (`ENFOLD_SECONDS`). Exit status 1 if the host needs two a second or more.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { createEngine, orThrow } from '@enfold/engine'
import { createPostgresHost, createPostgresStore, type PostgresStore } from '@enfold/store-postgres'
import { startPostgres } from '@enfold/test-servers/postgres'
import { Client, Pool } from 'pg'

const print = (line: string) => process.stdout.write(`${line}\n`)
const SCHEMAS = Number(process.env.ENFOLD_SCHEMAS ?? 100)
const SECONDS = Number(process.env.ENFOLD_SECONDS ?? 60)

const definition = {
  id: 'pool',
  goals: [],
  sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email', timer: { afterDays: 30, at: '08:00' } }] }],
}

const server = await startPostgres({})
const pool = new Pool({ connectionString: server.url, max: 10 })
const host = createPostgresHost({ connectionString: server.url })
let perSecond = 0
try {
  const schemas = Array.from({ length: SCHEMAS }, (_, i) => `tenant_${i}`)
  await measured('a store of its own for each schema, one pool', schemas, (schema) =>
    createPostgresStore({ pool, schema }),
  )
  perSecond = await measured('one host', schemas, (schema) => host.store({ schema }))
} finally {
  await host.close()
  await pool.end()
  await server.stop()
}
if (perSecond >= 2) process.exitCode = 1

async function measured(
  name: string,
  schemas: readonly string[],
  storeOf: (schema: string) => PostgresStore,
): Promise<number> {
  const stores = schemas.map(storeOf)
  const engines = stores.map((store) => createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } }))
  const end = new AbortController()
  const running: Promise<void>[] = []
  for (const engine of engines) {
    orThrow(await engine.publish(definition))
    // Somebody waits, a month from now: the usual case of an idle schema.
    orThrow(await engine.startSequence({ contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', actor: 'soak' }))
    running.push(engine.run({ signal: end.signal }))
  }
  await wait(5000)
  const before = await commits()
  const cpuBefore = process.cpuUsage()
  await wait(SECONDS * 1000)
  const { user, system } = process.cpuUsage(cpuBefore)
  // Its own question is not of the workers.
  const perSecond = ((await commits()) - before - 1) / SECONDS
  const cpu = ((user + system) / 1e6 / SECONDS) * 100
  print(
    `${SCHEMAS} idle schemas, ${name}: ${perSecond.toFixed(2)} transactions/s, ${cpu.toFixed(1)} % of a core in this process`,
  )
  end.abort()
  await Promise.all(running)
  await Promise.all(engines.map((engine) => engine.close()))
  await Promise.all(stores.map((store) => store.close()))
  return perSecond
}

/** On a connection of its own, which is closed: a session reports what it did a second later, or at its end. */
async function commits(): Promise<number> {
  await wait(1500)
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query<{ n: string }>(
    'SELECT xact_commit::text AS n FROM pg_stat_database WHERE datname = current_database()',
  )
  await client.end()
  return Number(rows[0]?.n)
}
