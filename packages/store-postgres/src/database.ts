/**
 * The way to one schema of one database: statements on connections of a pool, each a transaction of its own, with every
 * error turned into a fault. Keeps no state in a session, so that a pooler may stand between.
 */
import { createHash } from 'node:crypto'
import type { TransactionClient } from '@enfold/core'
import { createOpenWork, type OpenWork } from '@enfold/core/store'
import type { QueryConfig } from 'pg'
import type { UsedPool } from './driver.ts'
import { faultOf, isNameLost, isNameUnknown, isRace, poolExhausted, sqlStateOf } from './faults.ts'
import { type AppendGate, type HostTransaction, joinHostTransaction, type SchemaChecks } from './host-transaction.ts'
import { isCurrent, isUpToDate, openSchema, outdated } from './migrate.ts'
import { type Connect, onConnection, type Query } from './query.ts'

export interface Database {
  /** The schema's name as it stands in statements. */
  readonly schema: string
  /** Opens the schema at first use. What another transaction was in the way of is tried again. */
  readonly query: Query
  /** As `query`, for statements made for one question: these are never prepared by name. */
  readonly queryOnce: Query
  /** What appends over `query` must find true. */
  readonly gate: AppendGate
  /** `SELECT …` of functions that write: asked only while no newer release has changed the schema. */
  readonly write: Query
  /** A condition of SQL: none has. */
  readonly isCurrent: string
  /** Throws if one has. */
  refuseIfOutdated(): Promise<void>
  /** The same within a transaction of the host: nothing is tried again, since that is the host's to do. */
  inTransaction(client: TransactionClient): HostTransaction
  /** Closed by the store; then nothing is asked any more. */
  readonly open: OpenWork
}

export interface DatabaseOptions {
  readonly pool: UsedPool
  readonly schema: string
  readonly migrate: boolean
  readonly prepare: boolean
}

const MAX_ATTEMPTS = 10

export function openDatabase({ pool, schema, migrate, prepare }: DatabaseOptions): Database {
  const place = `PostgreSQL, schema ${schema}`
  const connect = connectorOf(pool, place)
  const open = createOpenWork('PostgreSQL')
  let opening: Promise<void> | undefined

  async function opened(): Promise<void> {
    // What failed may work the next time: the server may be back.
    opening ??= openSchema(connect, schema, migrate).catch((error) => {
      opening = undefined
      throw faultOf(error, place)
    })
    await opening
  }

  const nameOf = createNames()
  /** Whether statements are prepared by name. What stands between may turn out not to bear it. */
  let mayName = prepare

  async function askByName<Row extends object>(statement: QueryConfig & { readonly text: string }): Promise<Row[]> {
    try {
      return await askPatiently<Row>(connect, { ...statement, name: nameOf(statement.text) }, place)
    } catch (error) {
      if (!isNameLost(error)) throw error
      mayName &&= !isNameUnknown(error)
      return askPatiently<Row>(connect, statement, place)
    }
  }

  const ask = <Row extends object>(text: string, values: readonly (string | null)[] = [], isKept = true) =>
    // One piece of work, however often it is tried: a store that is being closed waits for all of it.
    open.run(async () => {
      await opened()
      const statement = { text, values: [...values] }
      return isKept && mayName ? askByName<Row>(statement) : askPatiently<Row>(connect, statement, place)
    })

  const query: Query = (text, values) => ask(text, values)
  const checks: SchemaChecks = {
    // On the host's connection, too: all others may be held by transactions like this one. Only what is to be made or
    // brought up to date needs one of its own.
    async opened(bound) {
      open.refuseIfClosed()
      if (opening === undefined && (await isUpToDate(bound, schema))) opening = Promise.resolve()
      await opened()
    },
    isCurrent: isCurrent(schema),
    outdated: (bound) => outdated(bound, schema),
  }

  async function refuseIfOutdated(): Promise<void> {
    const fault = await checks.outdated(query)
    if (fault !== null) throw fault
  }

  return {
    // Quoted, because it may be a word of SQL.
    schema: `"${schema}"`,
    query,
    queryOnce: (text, values) => ask(text, values, false),
    gate: {
      // For this statement alone: nothing stays in the session.
      condition: (_, lockMs) => `set_config('lock_timeout', '${lockMs}', true) <> '' AND ${checks.isCurrent}`,
      values: () => [],
      refusal: () => checks.outdated(query),
    },
    async write<Row extends object>(text: string, values?: readonly (string | null)[]) {
      // What is selected is computed for each row of `open`, so not at all where there is none.
      const rows = await query<Row>(`${text} FROM (SELECT WHERE ${checks.isCurrent} OFFSET 0) open`, values)
      if (rows.length === 0) await refuseIfOutdated()
      return rows
    },
    isCurrent: checks.isCurrent,
    refuseIfOutdated,
    inTransaction: (client) => joinHostTransaction(client, place, checks),
    open,
  }
}

/** Names of statements: by what they say, so that two releases on one connection of a pooler mean the same by the same name. */
function createNames(): (text: string) => string {
  const names = new Map<string, string>()
  return (text) => {
    const name = names.get(text) ?? `enfold_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
    names.set(text, name)
    return name
  }
}

/** What another transaction was in the way of is tried again. */
async function askPatiently<Row extends object>(
  connect: Connect,
  statement: QueryConfig,
  place: string,
): Promise<Row[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await askOnce<Row>(connect, statement)
    } catch (error) {
      const fault = faultOf(error, place)
      if (!isRace(fault) || attempt === MAX_ATTEMPTS) throw fault
      // Jitter, so that those who were in each other's way are not so again.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(2 ** attempt, 100)))
    }
  }
}

/** How long to wait for a connection of a pool that would wait without end by itself. */
const CONNECT_MS = 10_000

/** A pool of the host's may wait without end, and a store that waits along could keep its own health check from speaking. */
export function connectorOf(pool: UsedPool, place: string): Connect {
  if (pool.options?.connectionTimeoutMillis) return () => pool.connect()
  return async () => {
    const connecting = pool.connect()
    const { promise: tooLong, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      // It may come yet, and is nobody's then.
      connecting.then((client) => client.release()).catch(() => {})
      reject(poolExhausted(place))
    }, CONNECT_MS)
    return Promise.race([connecting, tooLong]).finally(() => clearTimeout(timer))
  }
}

/** After these the session is as it was, and a new connection takes longer than the statement. */
const isLostRace = (error: unknown) => /^(?:23505|40001|40P01)$/.test(sqlStateOf(error) ?? '')

async function askOnce<Row extends object>(connect: Connect, statement: QueryConfig): Promise<Row[]> {
  return onConnection(connect, async (client) => (await client.query<Row>(statement)).rows, isLostRace)
}
