/** PostgreSQL by the number of connections: single appends next to the bare call of the function that does them, and orders. */
import { contactStream, eventIdOf, type NewEvent } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import { Pool, type QueryConfig } from 'pg'
import { type Benchmark, type Given, type Measured, sizeOf, timed } from './benchmark.ts'
import { contactIds, givenEngine } from './campaign.ts'
import { atOnce, start, startInEmmett } from './command.ts'
import { freshDatabase, queryNumber } from './databases.ts'

const CONNECTIONS = [1, 8, 16] as const
const MOST = Math.max(...CONNECTIONS)

type Deed = (contactId: string) => Promise<unknown>

/** The deeds of one kind: some to warm up, then as many on each number of connections. Who is `ordered-…` is for orders. */
async function perSecond(given: Given, kind: 'append' | 'command', deed: Deed): Promise<Record<string, number>> {
  const [warmUp, deeds] = [sizeOf(given, 'warmUp'), sizeOf(given, 'deeds')]
  const ids = (count: number, from: number) =>
    [...contactIds(count, from)].map((id) => (kind === 'append' ? id : `ordered-${id}`))
  await atOnce(ids(warmUp, 0), MOST, deed)
  const figures: Record<string, number> = {}
  for (const [i, connections] of CONNECTIONS.entries()) {
    const [seconds] = await timed(() => atOnce(ids(deeds, warmUp + i * deeds), connections, deed))
    figures[`${kind}${connections}`] = deeds / seconds
  }
  return figures
}

/** An event of a contact that began. */
export function started(contactId: string): NewEvent {
  const commandId = `start-${contactId}`
  return {
    type: 'SequenceStarted',
    data: { campaignId: 'bench', sequenceId: 'later', run: 1, campaignVersion: 1 },
    id: eventIdOf(contactId, commandId, 0),
    schema: 1,
    at: '2026-03-01T09:00:00.000Z',
    commandId,
    correlationId: commandId,
    causationId: commandId,
    actor: 'bench',
    cause: { by: 'operator' },
  }
}

/** The statements that the store sends for the appends, sent again to an empty database, and nothing else done. */
async function bareCalls(given: Given): Promise<Measured> {
  const statements: QueryConfig[] = []
  const source = new Pool({ connectionString: await freshDatabase(given.postgres, 'bench_connections_source') })
  source.on('connect', (client) => {
    const query = client.query.bind(client)
    Object.assign(client, {
      // The appends come as one object; everything else goes through as it is.
      query(...asked: [QueryConfig, ...unknown[]]) {
        if (asked[0].text?.includes('.append_known(')) statements.push({ ...asked[0], name: 'append' })
        return query(...(asked as [QueryConfig]))
      },
    })
  })
  const recorded = createPostgresStore({ pool: source })
  await perSecond(given, 'append', (id) => recorded.append(contactStream(id), [started(id)], 'no-stream'))
  await recorded.close()
  await source.end()
  const url = await freshDatabase(given.postgres, 'bench_connections_bare')
  const empty = createPostgresStore({ connectionString: url })
  await empty.count('none')
  await empty.close()
  const pool = new Pool({ connectionString: url, max: MOST })
  let next = 0
  const figures = await perSecond(given, 'append', () => pool.query(statements[next++] as QueryConfig))
  await pool.end()
  return { figures, work: { appended: await queryNumber(url, 'SELECT count(*) AS n FROM enfold.events') } }
}

async function onEnfold(given: Given): Promise<Measured> {
  const url = await freshDatabase(given.postgres, 'bench_connections_enfold')
  const store = createPostgresStore({ connectionString: url, maxConnections: MOST })
  const appends = await perSecond(given, 'append', (id) => store.append(contactStream(id), [started(id)], 'no-stream'))
  const appended = await queryNumber(url, 'SELECT count(*) AS n FROM enfold.events')
  const engine = await givenEngine({ store })
  const commands = await perSecond(given, 'command', (id) => start(engine, id))
  await engine.close()
  await store.close()
  return { figures: { ...appends, ...commands }, work: { appended } }
}

async function onEmmett(given: Given): Promise<Measured> {
  const url = await freshDatabase(given.postgres, 'bench_connections_emmett')
  const pool = new Pool({ connectionString: url, max: MOST })
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } })
  const appends = await perSecond(given, 'append', (id) => {
    const { type, data, id: _, ...metadata } = started(id)
    const events = [{ type, data: { ...data }, metadata: { ...metadata } }]
    return store.appendToStream(contactStream(id), events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' })
  })
  const appended = await queryNumber(url, 'SELECT count(*) AS n FROM emt_messages')
  const commands = await perSecond(given, 'command', (id) => startInEmmett(store, id))
  await store.close()
  await pool.end()
  return { figures: { ...appends, ...commands }, work: { appended } }
}

const title = (what: string, connections: number) => `${what}, ${connections} at once`

const ORDERS_OF_EMMETT = { 1: 1.1, 8: 2, 16: 3 } as const

export const connectionsBenchmark: Benchmark = {
  name: 'connections',
  what: `PostgreSQL, on ${CONNECTIONS.join(', ')} connections: {deeds} appends of one event to a new stream, and as many orders (\`startSequence\`), which Enfold puts together where they come at once; after {warmUp} of each to warm up`,
  full: { warmUp: 1_500, deeds: 300 },
  quick: { warmUp: 20, deeds: 20 },
  figures: Object.fromEntries(
    (['append', 'command'] as const).flatMap((kind) =>
      CONNECTIONS.map((connections) => [
        `${kind}${connections}`,
        {
          title: title(kind === 'append' ? 'appends' : 'orders', connections),
          unit: `${kind}s/s`,
          better: 'more' as const,
        },
      ]),
    ),
  ),
  contenders: {
    limit: { title: 'the append function, called by hand', needs: 'postgres', run: bareCalls },
    enfold: { title: 'Enfold on PostgreSQL', needs: 'postgres', run: onEnfold },
    emmett: { title: 'emmett-postgresql, without index and agenda', needs: 'postgres', run: onEmmett },
  },
  wanted: CONNECTIONS.flatMap((connections) => [
    {
      text: `${title('appends', connections)}, of the limit`,
      figure: `append${connections}`,
      of: 'enfold',
      over: ['limit'],
      atLeast: 0.7,
    },
    {
      text: `${title('appends', connections)}, of emmett-postgresql`,
      figure: `append${connections}`,
      of: 'enfold',
      over: ['emmett'],
      atLeast: 2,
    },
    {
      text: `${title('orders', connections)}, of emmett-postgresql`,
      figure: `command${connections}`,
      of: 'enfold',
      over: ['emmett'],
      atLeast: ORDERS_OF_EMMETT[connections],
    },
  ]),
}
