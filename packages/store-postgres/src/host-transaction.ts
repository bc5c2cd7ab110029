/**
 * Statements on a connection on which the host has a transaction open: one at a time, and only once the server itself
 * has shown that a transaction is open there. Nothing is ever asked on another connection: the host's transactions may
 * hold every connection that there is.
 */
import { EnfoldFault, type TransactionClient } from '@enfold/core'
import { faultOf } from './faults.ts'
import type { Query } from './query.ts'

/** What an append must find true, in its own statement; else no row comes back and nothing is written. */
export interface AppendGate {
  /**
   * @param first the number of the first of its parameters
   * @param lockMs how long the statement may wait for a lock; within a transaction of the host that is the host's affair
   */
  condition(first: number, lockMs: number): string
  values(): readonly string[]
  /** Why no row came back; `null`: for no reason that still holds, so once more. */
  refusal(): Promise<EnfoldFault | null>
}

export interface HostTransaction {
  readonly query: Query
  readonly gate: AppendGate
}

interface Identity {
  readonly pid: string
  /** When the transaction began, in seconds with six digits: it stands still until the transaction ends. */
  readonly began: string
  /** 'true' where it has written: then it is no statement by itself. */
  readonly written: string
  readonly isolation: string
}

const IDENTITY = `SELECT pg_backend_pid()::text AS pid, extract(epoch FROM now())::text AS began,
  (pg_current_xact_id_if_assigned() IS NOT NULL)::text AS written, current_setting('transaction_isolation') AS isolation`

export interface SchemaChecks {
  /** Sees to it that the schema is there. */
  opened(query: Query): Promise<void>
  /** A condition of SQL: no newer release has changed the schema. */
  readonly isCurrent: string
  /** The fault, where one has. */
  outdated(query: Query): Promise<EnfoldFault | null>
}

/** @param place what faults name as theirs */
export function joinHostTransaction(
  client: TransactionClient,
  place: string,
  { opened, isCurrent, outdated }: SchemaChecks,
): HostTransaction {
  const exclusively = mutexOf(client)
  let entering: Promise<void> | undefined
  let identity: Identity | undefined

  const ask: Query = <Row extends object>(text: string, values: readonly (string | null)[] = []) =>
    exclusively(async () => {
      try {
        return rowsOf(await client.query(text, [...values])) as Row[]
      } catch (error) {
        throw faultOf(error, place)
      }
    })

  /** Two looks where one does not tell: outside of a transaction each statement begins at another instant. */
  async function identify(): Promise<EnfoldFault | null> {
    const [first] = await ask<Identity>(IDENTITY)
    const [second] = first?.written === 'true' ? [first] : await ask<Identity>(IDENTITY)
    if (first === undefined || second === undefined || first.pid !== second.pid || first.began !== second.began)
      return notInTransaction()
    if (!/^read (un)?committed$/.test(first.isolation)) return tooStrict(first.isolation)
    identity = first
    return null
  }

  async function enter(): Promise<void> {
    const refusal = await identify()
    if (refusal !== null) throw refusal
    await opened(ask)
  }

  return {
    async query(text, values) {
      // What failed may work the next time: the client may have begun its transaction by then.
      entering ??= enter().catch((error) => {
        entering = undefined
        throw error
      })
      await entering
      return ask(text, values)
    },
    gate: {
      condition: (first) =>
        `pg_backend_pid()::text = $${first} AND extract(epoch FROM now())::text = $${first + 1} AND ${isCurrent}`,
      values: () => [identity?.pid ?? '', identity?.began ?? ''],
      // The host may use the same verbs in its next transaction. It may not use them between two.
      refusal: async () => (await identify()) ?? outdated(ask),
    },
  }
}

const mutexes = new WeakMap<object, <T>(work: () => Promise<T>) => Promise<T>>()

/** One for each client, shared by all callers: drivers refuse a second statement before the first is answered, or mix them up. */
export function mutexOf(client: TransactionClient) {
  const known = mutexes.get(client)
  if (known !== undefined) return known
  let last: Promise<unknown> = Promise.resolve()
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
  mutexes.set(client, exclusively)
  return exclusively
}

/** `{ rows }` of pg, Kysely, Knex; a list of TypeORM, Prisma, postgres.js; `[rows, metadata]` of Sequelize. */
export function rowsOf(answer: unknown, path = 'withTransaction.client.query'): readonly object[] {
  const given = Array.isArray(answer) ? answer : (answer as { readonly rows?: unknown } | null | undefined)?.rows
  const rows = Array.isArray(given) && given.length === 2 && Array.isArray(given[0]) ? given[0] : given
  if (Array.isArray(rows) && rows.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row)))
    return rows
  throw EnfoldFault.unshownInput(
    path,
    'resolves to what holds no rows',
    '{ rows } or a list, of rows that are objects by the name of the column',
  )
}

function notInTransaction(): EnfoldFault {
  return EnfoldFault.unshownInput(
    'withTransaction.client',
    'is not inside a transaction: two statements on it were not in the same one',
    'the client on which you sent BEGIN, and none that sends its statements elsewhere: no pool, of Prisma the tx of $transaction and not prisma itself. Nothing was written',
  )
}

function tooStrict(isolation: string): EnfoldFault {
  return EnfoldFault.unshownInput(
    'withTransaction.client',
    `has a transaction open in ${isolation.toUpperCase()}, which cannot see what was recorded since it began`,
    'one in READ COMMITTED, as transactions are by default. Nothing was written; roll back and begin again with BEGIN ISOLATION LEVEL READ COMMITTED',
  )
}
