/**
 * The way to one schema of one database: statements on connections of a pool, each a transaction of its own, with every
 * error turned into a fault. Keeps no state in a session, so that a pooler may stand between.
 */
import { createHash } from 'node:crypto'
import { EnfoldFault, type TransactionClient } from '@enfold/core'
import type { Pool, QueryConfig } from 'pg'
import { faultOf, isRace } from './faults.ts'
import { openSchema } from './migrate.ts'

/**
 * A statement with its parameters ($1, $2 …), all texts; the rows of its answer, all texts or null.
 */
export type Query = <Row extends object>(text: string, values?: readonly (string | null)[]) => Promise<Row[]>

export interface Database {
  /** The schema's name as it stands in statements. */
  readonly schema: string
  /** Opens the schema at first use. What another transaction was in the way of is tried again. */
  readonly query: Query
  /** As `query`, for statements made for one question: these are never prepared by name. */
  readonly queryOnce: Query
  /** The same within a transaction of the host: nothing is tried again, since that is the host's to do. */
  within(client: TransactionClient): Query
  /** Throws `CLOSED` after `close`. */
  refuseIfClosed(): void
  /** Lets work in progress finish. Twice is once. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly pool: Pool
  /** Whether closing the database ends the pool. */
  readonly ownsPool: boolean
  readonly schema: string
  readonly migrate: boolean
  readonly prepare: boolean
}

const MAX_ATTEMPTS = 10

export function openDatabase({ pool, ownsPool, schema, migrate, prepare }: DatabaseOptions): Database {
  const place = `PostgreSQL, schema ${schema}`
  const working = new Set<Promise<unknown>>()
  const names = new Map<string, string>()
  let opening: Promise<void> | undefined
  let closing: Promise<void> | undefined

  function refuseIfClosed(): void {
    if (closing !== undefined) throw new EnfoldFault('CLOSED', 'The PostgreSQL store was closed. Open it again.')
  }

  async function opened(): Promise<void> {
    // What failed may work the next time: the server may be back.
    opening ??= openSchema(pool, schema, migrate).catch((error) => {
      opening = undefined
      throw faultOf(error, place)
    })
    await opening
  }

  /** By what it says, so that two releases on one connection of a pooler mean the same by the same name. */
  function nameOf(text: string): string {
    const name = names.get(text) ?? `enfold_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
    names.set(text, name)
    return name
  }

  async function patiently<Row extends object>(statement: QueryConfig): Promise<Row[]> {
    await opened()
    for (let attempt = 1; ; attempt++) {
      try {
        return (await pool.query<Row>(statement)).rows
      } catch (error) {
        const fault = faultOf(error, place)
        if (!isRace(fault) || attempt === MAX_ATTEMPTS) throw fault
        // Jitter, so that those who were in each other's way are not so again.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(2 ** attempt, 100)))
      }
    }
  }

  async function tracked<Row extends object>(statement: QueryConfig): Promise<Row[]> {
    refuseIfClosed()
    const work = patiently<Row>(statement)
    working.add(work)
    try {
      return await work
    } finally {
      working.delete(work)
    }
  }

  return {
    // Quoted, because it may be a word of SQL.
    schema: `"${schema}"`,
    query: (text, values = []) => tracked({ text, values: [...values], ...(prepare ? { name: nameOf(text) } : {}) }),
    queryOnce: (text, values = []) => tracked({ text, values: [...values] }),
    within:
      (client) =>
      async <Row extends object>(text: string, values: readonly (string | null)[] = []): Promise<Row[]> => {
        refuseIfClosed()
        await opened()
        try {
          return (await client.query(text, [...values])).rows as Row[]
        } catch (error) {
          throw faultOf(error, place)
        }
      },
    refuseIfClosed,
    close() {
      closing ??= Promise.allSettled(working).then(async () => {
        if (ownsPool) await pool.end()
      })
      return closing
    },
  }
}
