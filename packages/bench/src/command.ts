/** One order of an operator or of a signal, from the call to the durable answer: one at a time, and eight at once. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { isRight } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { CommandHandler, type EventStore } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import { Client, Pool } from 'pg'
import { countRows, createBareLoop, emptyStore } from './bare-rows.ts'
import { type Benchmark, type Given, type Measured, sizeOf, timed } from './benchmark.ts'
import { contactIds, givenEngine, orderOf } from './campaign.ts'
import { freshDatabase, queryNumber, urlOf } from './databases.ts'

const AT_ONCE = 8

/** Contacts of a run: those to warm up with, then those one at a time, then those eight at once. */
function portionsOf(given: Given) {
  const warmUp = sizeOf(given, 'warmUp')
  const commands = sizeOf(given, 'commands')
  return {
    warmUp,
    commands,
    ids: {
      warmUp: [...contactIds(warmUp)],
      one: [...contactIds(commands, warmUp)],
      eight: [...contactIds(commands, warmUp + commands)],
    },
  }
}

export async function atOnce(
  ids: readonly string[],
  lanes: number,
  command: (id: string) => Promise<unknown>,
): Promise<void> {
  let next = 0
  async function lane(): Promise<void> {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) await command(id)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/**
 * @param count how many contacts ended up in the store
 * @param lanes how many of the first portion and of the last are at once; 1: the last is not measured
 */
async function measure(
  given: Given,
  command: (id: string) => Promise<void>,
  count: () => Promise<number>,
  lanes = AT_ONCE,
): Promise<Measured> {
  const { ids, commands } = portionsOf(given)
  await atOnce(ids.warmUp, lanes, command)
  const [one] = await timed(() => atOnce(ids.one, 1, command))
  const [eight] = await timed(() => atOnce(ids.eight, lanes, command))
  const figures = { one: commands / one, ...(lanes === 1 ? {} : { eight: commands / eight }) }
  return { figures, work: { started: await count() } }
}

export async function start(engine: Engine, contactId: string): Promise<void> {
  const answer = await engine.startSequence(orderOf(contactId, 'later'))
  if (!isRight(answer) || answer.right.outcome !== 'started') throw new Error(`Not started: ${JSON.stringify(answer)}`)
}

// --- Emmett: a decision on the folded stream, and its event; no index, no agenda ---------------------------------------

type Started = { type: 'SequenceStarted'; data: Record<string, unknown> }

const handle = CommandHandler<{ started: boolean }, Started>({
  initialState: () => ({ started: false }),
  evolve: () => ({ started: true }),
})

export async function startInEmmett(store: EventStore, contactId: string): Promise<void> {
  const { newEvents } = await handle(store, `contact-${contactId}`, ({ started }) =>
    started
      ? []
      : [
          {
            type: 'SequenceStarted',
            data: {
              campaignId: 'bench',
              sequenceId: 'later',
              run: 1,
              campaignVersion: 1,
              at: new Date().toISOString(),
              commandId: randomUUID(),
              correlationId: randomUUID(),
              actor: 'bench',
              cause: { by: 'operator' },
            },
          },
        ],
  )
  if (newEvents.length !== 1) throw new Error('Not started.')
}

// --- The same rows on PostgreSQL, in one statement for each command ---------------------------------------------------

const PREPARED = 'bench_command_rows'

async function insertRows(given: Given): Promise<Measured> {
  const url = await freshDatabase(given.postgres, 'bench_command_bare')
  const store = createPostgresStore({ connectionString: url })
  await store.count('none')
  await store.close()
  // Everything as text, as the server writes and reads it.
  const types = { getTypeParser: () => (value: unknown) => value }
  const source = new Client({ connectionString: urlOf(given.postgres, PREPARED), types })
  const pool = new Pool({ connectionString: url, max: AT_ONCE })
  await source.connect()
  const tables = ['events', 'memberships', 'agenda']
  const columns = new Map<string, readonly string[]>()
  for (const table of tables) {
    const { rows } = await source.query<{ name: string }>(
      `SELECT quote_ident(attname) AS name FROM pg_attribute
       WHERE attrelid = 'enfold.${table}'::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped`,
    )
    columns.set(
      table,
      rows.map(({ name }) => name),
    )
  }
  const rowsOf = async (table: string, order: string) => {
    const sql = `SELECT ${columns.get(table)?.join(', ')} FROM enfold.${table} ${order}`
    return (await source.query({ text: sql, rowMode: 'array' })).rows as unknown[][]
  }
  const events = await rowsOf('events', "WHERE stream LIKE 'contact-%' ORDER BY position")
  const byContact = async (table: string) => {
    const at = columns.get(table)?.indexOf('contact') ?? -1
    return new Map((await rowsOf(table, '')).map((row) => [row[at], row]))
  }
  const [memberships, agenda] = [await byContact('memberships'), await byContact('agenda')]
  await source.end()
  const streamAt = columns.get('events')?.indexOf('stream') ?? -1
  const values = new Map(
    events.map((row) => {
      const contact = String(row[streamAt]).slice('contact-'.length)
      return [contact, [...row, ...(memberships.get(contact) ?? []), ...(agenda.get(contact) ?? [])]]
    }),
  )
  let mark = 1
  const inserts = tables.map((table) => {
    const names = columns.get(table) ?? []
    return `INSERT INTO enfold.${table} (${names.join(', ')}) VALUES (${names.map(() => `$${mark++}`).join(', ')})`
  })
  const text = `WITH a AS (${inserts[0]}), b AS (${inserts[1]}) ${inserts[2]}`
  const measured = await measure(
    given,
    async (id) => void (await pool.query({ name: 'start', text, values: values.get(id) ?? [] })),
    () => queryNumber(url, 'SELECT count(*) AS n FROM enfold.agenda JOIN enfold.memberships USING (contact)'),
  )
  await pool.end()
  return measured
}

export const commandBenchmark: Benchmark = {
  name: 'command',
  what: '`startSequence` for {commands} contacts one at a time and for as many eight at once, each answer on the disk, after {warmUp} to warm up',
  full: { warmUp: 1_500, commands: 400 },
  quick: { warmUp: 20, commands: 20 },
  figures: {
    one: { title: 'one at a time', unit: 'commands/s', better: 'more' },
    eight: { title: 'eight at once', unit: 'commands/s', better: 'more' },
  },
  async prepare(given) {
    const { ids } = portionsOf(given)
    const all = [...ids.warmUp, ...ids.one, ...ids.eight]
    const sqlite = createSqliteStore({ path: join(given.folder, 'source.db') })
    const postgres = createPostgresStore({ connectionString: await freshDatabase(given.postgres, PREPARED) })
    for (const store of [sqlite, postgres]) {
      const engine = await givenEngine({ store })
      await atOnce(all, AT_ONCE, (id) => start(engine, id))
      await engine.close()
      await store.close()
    }
  },
  contenders: {
    sqliteLimit: {
      title: 'SQLite: the same rows by a bare loop (eight in a transaction)',
      async run(given) {
        const { warmUp, commands } = portionsOf(given)
        const path = join(given.folder, `bare-${randomUUID()}.db`)
        await emptyStore(path)
        const loop = createBareLoop(join(given.folder, 'source.db'), path, 'FULL')
        loop.insert(warmUp, AT_ONCE)
        const one = loop.insert(commands, 1)
        const eight = loop.insert(commands, AT_ONCE)
        loop.close()
        const figures = { one: one.contacts / one.seconds, eight: eight.contacts / eight.seconds }
        return { figures, work: { started: countRows(path).memberships } }
      },
    },
    sqlite: {
      title: 'Enfold on SQLite, FULL',
      async run(given) {
        const path = join(given.folder, `enfold-${randomUUID()}.db`)
        const store = createSqliteStore({ path })
        const engine = await givenEngine({ store })
        const measured = await measure(
          given,
          (id) => start(engine, id),
          async () => countRows(path).memberships,
        )
        await engine.close()
        await store.close()
        return measured
      },
    },
    emmettSqlite: {
      title: 'emmett-sqlite, without index and agenda (eight at once it fails, or answers before the commit)',
      needs: 'sqlite3',
      async run(given) {
        const { getSQLiteEventStore, sqliteConnection } = await import('@event-driven-io/emmett-sqlite')
        const fileName = join(given.folder, `emmett-${randomUUID()}.db`)
        // One connection for all: by default it opens one for each call, which costs it most of its time. Eight calls at
        // once then fail with SQLITE_BUSY; on one connection they share a transaction, and are answered before its commit.
        const connection = sqliteConnection({ fileName })
        const store = getSQLiteEventStore({ fileName, connectionOptions: { singleton: true, connection } })
        await store.schema.migrate()
        const measured = await measure(
          given,
          (id) => startInEmmett(store, id),
          async () => (await connection.querySingle<{ n: number }>('SELECT count(*) AS n FROM emt_messages'))?.n ?? 0,
          1,
        )
        connection.close()
        return measured
      },
    },
    postgresLimit: {
      title: 'PostgreSQL: the same rows, one statement each',
      needs: 'postgres',
      run: insertRows,
    },
    postgres: {
      title: 'Enfold on PostgreSQL',
      needs: 'postgres',
      async run(given) {
        const url = await freshDatabase(given.postgres, 'bench_command_enfold')
        const store = createPostgresStore({ connectionString: url })
        const engine = await givenEngine({ store })
        const measured = await measure(
          given,
          (id) => start(engine, id),
          () => store.count('bench/later'),
        )
        await engine.close()
        await store.close()
        return measured
      },
    },
    emmettPostgres: {
      title: 'emmett-postgresql, without index and agenda',
      needs: 'postgres',
      async run(given) {
        const url = await freshDatabase(given.postgres, 'bench_command_emmett')
        const store = getPostgreSQLEventStore(url)
        const measured = await measure(
          given,
          (id) => startInEmmett(store, id),
          () => queryNumber(url, 'SELECT count(*) AS n FROM emt_messages'),
        )
        await store.close()
        return measured
      },
    },
  },
  wanted: [
    { text: 'SQLite, one at a time, of the limit', figure: 'one', of: 'sqlite', over: ['sqliteLimit'], atLeast: 0.7 },
    { text: 'SQLite, eight at once, of the limit', figure: 'eight', of: 'sqlite', over: ['sqliteLimit'], atLeast: 0.7 },
    {
      text: 'SQLite, one at a time, of emmett-sqlite',
      figure: 'one',
      of: 'sqlite',
      over: ['emmettSqlite'],
      atLeast: 2,
    },
    {
      text: 'PostgreSQL, one at a time, of the limit',
      figure: 'one',
      of: 'postgres',
      over: ['postgresLimit'],
      atLeast: 0.45,
    },
    {
      text: 'PostgreSQL, eight at once, of the limit',
      figure: 'eight',
      of: 'postgres',
      over: ['postgresLimit'],
      atLeast: 0.65,
    },
    {
      text: 'PostgreSQL, one at a time, of emmett-postgresql',
      figure: 'one',
      of: 'postgres',
      over: ['emmettPostgres'],
      atLeast: 1.1,
    },
    {
      text: 'PostgreSQL, eight at once, of emmett-postgresql',
      figure: 'eight',
      of: 'postgres',
      over: ['emmettPostgres'],
      atLeast: 2,
    },
  ],
}
