/**
 * `node packages/bench/soak/postgres/orders.ts`: orders on PostgreSQL, on emmett-postgresql, and their bare rows by one
 * statement, in turns of some fifty within one run, so that other programs on the machine slow all of them alike. Prints
 * rates, the ratios that are wanted, and the processor time of an order, here and in the server.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createPostgresStore } from '@enfold/store-postgres'
import { startPostgres } from '@enfold/test-servers/postgres'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import { Pool } from 'pg'
import { contactIds, givenEngine } from '../../src/campaign.ts'
import { atOnce, start, startInEmmett } from '../../src/command.ts'
import { freshDatabase } from '../../src/databases.ts'

const ROUNDS = Number(process.env.ENFOLD_ROUNDS ?? 20)
const TURN = 48
const LANES = (process.env.ENFOLD_LANES ?? '1,8,16').split(',').map(Number)
const print = (line: string) => process.stdout.write(`${line}\n`)

interface Contender {
  readonly name: string
  order(contactId: string): Promise<unknown>
  end(): Promise<unknown>
}

const server = await startPostgres({ settings: ['max_connections=100'] })
/** Processor time in µs of each session of a database. Linux counts it in hundredths of a second: proc(5). */
function sessionsOf(database: string): ReadonlyMap<string, number> {
  const sessions = new Map<string, number>()
  for (const pid of readdirSync('/proc'))
    try {
      if (!/^\d+$/.test(pid) || !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(` ${database} `)) continue
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      sessions.set(pid, (Number(fields[11]) + Number(fields[12])) * 10_000)
    } catch {
      // It has ended meanwhile.
    }
  return sessions
}

function microsSince(before: ReadonlyMap<string, number>, database: string): number {
  let sum = 0
  for (const [pid, micros] of sessionsOf(database)) sum += micros - (before.get(pid) ?? 0)
  return sum
}

async function enfold(): Promise<Contender> {
  const connectionString = await freshDatabase(server.url, 'orders_enfold')
  const store = createPostgresStore({ connectionString, maxConnections: 16 })
  const engine = await givenEngine({ store })
  return {
    name: 'enfold',
    order: (id) => start(engine, id),
    end: () => engine.close().then(() => store.close()),
  }
}

async function emmett(): Promise<Contender> {
  const url = await freshDatabase(server.url, 'orders_emmett')
  const pool = new Pool({ connectionString: url, max: 16 })
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } })
  return { name: 'emmett', order: (id) => startInEmmett(store, id), end: () => store.close().then(() => pool.end()) }
}

/** The rows of a start, made beforehand in all but their numbers. */
async function bareRows(): Promise<Contender> {
  const connectionString = await freshDatabase(server.url, 'orders_bare')
  const store = createPostgresStore({ connectionString })
  await store.count('none')
  await store.close()
  const pool = new Pool({ connectionString, max: 16 })
  const body = JSON.stringify({ data: 'x'.repeat(420) })
  const text = `WITH a AS (INSERT INTO enfold.events (position, version, stream, id, hash, body) VALUES (nextval('enfold.positions'), 1, $1, $2, $3, $4)),
    b AS (INSERT INTO enfold.memberships (tag, contact) VALUES (1, $5))
    INSERT INTO enfold.agenda (contact, version, wake_at, kind, campaign) VALUES ($5, 1, $6, 'email', 'bench')`
  return {
    name: 'bare',
    order: (id) =>
      pool.query({
        name: 'rows',
        text,
        values: [`contact-${id}`, randomUUID(), randomBytes(32), body, id, String(Date.now())],
      }),
    end: () => pool.end(),
  }
}

const contenders = [await enfold(), await bareRows(), await emmett()]
let from = 0
for (const { order } of contenders) await atOnce([...contactIds(800, 10_000_000)], 8, order)
for (const lanes of LANES) {
  const spent = new Map(contenders.map(({ name }) => [name, { ms: 0, here: 0, there: 0 }]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, order } of contenders) {
      const database = `orders_${name}`
      const ids = [...contactIds(TURN, from)]
      const [at, here, there] = [performance.now(), process.cpuUsage(), sessionsOf(database)]
      await atOnce(ids, lanes, order)
      const sum = spent.get(name) as { ms: number; here: number; there: number }
      sum.ms += performance.now() - at
      const used = process.cpuUsage(here)
      sum.here += used.user + used.system
      sum.there += microsSince(there, database)
    }
    from += TURN
  }
  print(`${lanes} at once`)
  const count = ROUNDS * TURN
  const of = (name: string) => spent.get(name) as { ms: number; here: number; there: number }
  for (const [name, { ms, here, there }] of spent) {
    const cpu = `${(here / count).toFixed(0)} + ${(there / count).toFixed(0)} µs`
    const ratio = (what: 'ms' | 'cpu', other: string) => {
      const sum = (one: { ms: number; here: number; there: number }) => (what === 'ms' ? one.ms : one.here + one.there)
      return (sum(of(other)) / sum(of(name))).toFixed(2)
    }
    print(
      `  ${name}: ${((count / ms) * 1000).toFixed(0)}/s, of emmett ${ratio('ms', 'emmett')}, of bare rows ${ratio('ms', 'bare')}; processor ${cpu}, of emmett ${ratio('cpu', 'emmett')}, of bare rows ${ratio('cpu', 'bare')}`,
    )
  }
}
for (const { end } of contenders) await end()
await server.stop()
