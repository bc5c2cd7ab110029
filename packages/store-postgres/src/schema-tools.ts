/** Migrations apart from a store: how a schema stands, what would be done to it, and doing it. */
import { EnfoldFault } from '@enfold/core'
import { connectorOf } from './database.ts'
import { faultOf } from './faults.ts'
import { migrationText, openSchema, schemaVersion } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import { checked, type PostgresStoreOptions, poolOf } from './postgres-store.ts'
import { type Connect, onConnection } from './query.ts'

/** Where the schema is; the role of the connection must be allowed to do what is asked. */
export type SchemaOptions = Pick<PostgresStoreOptions, 'connectionString' | 'pool' | 'schema'>

export interface SchemaStatus {
  readonly schema: string
  /** 0: it is not there, or empty. */
  readonly version: number
  /** The version that this release works with. */
  readonly known: number
}

/**
 * How a schema stands. Changes nothing.
 *
 * @throws EnfoldFault `STORE_INCOMPATIBLE` for a schema of another program or of a newer release; `STORE_UNAVAILABLE`
 */
export async function schemaStatus(options: SchemaOptions): Promise<SchemaStatus> {
  return onSchema(options, 'schemaStatus', async (connect, schema) => {
    const version = await schemaVersion(connect, schema)
    return { schema, version, known: migrations.length }
  })
}

/**
 * Brings a schema up to date, and makes it if it is not there, in one transaction: what a store with `migrate: true` does at
 * its first use. Returns how it stood before.
 *
 * @throws EnfoldFault as `schemaStatus`; `STORE_READ_ONLY` if the role may not
 */
export async function migrateSchema(options: SchemaOptions): Promise<SchemaStatus> {
  return onSchema(options, 'migrateSchema', async (connect, schema) => {
    const version = await schemaVersion(connect, schema)
    await openSchema(connect, schema, true)
    return { schema, version, known: migrations.length }
  })
}

/**
 * The names of the schemas of Enfold in a database, in their order.
 *
 * @throws EnfoldFault `STORE_UNAVAILABLE`
 */
export async function enfoldSchemas(options: Omit<SchemaOptions, 'schema'>): Promise<readonly string[]> {
  return onSchema(options, 'enfoldSchemas', (connect) =>
    onConnection(connect, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT n.nspname::text AS name FROM pg_namespace n
         WHERE (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid
           AND (c.relname, c.relkind) IN (('migrations', 'r'), ('events', 'r'), ('agenda', 'r'), ('positions', 'S'))) = 4
         ORDER BY n.nspname`,
      )
      return rows.map(({ name }) => name)
    }),
  )
}

/**
 * Plain SQL that brings a schema up to date, to read and to run with `psql` or your own tool: one transaction, which changes
 * nothing if the schema does not stand at `from` any more. `""`: there is nothing to do.
 *
 * @param from the version that the schema has; 0 makes it
 * @throws EnfoldFault `INVALID_INPUT`
 * @example
 * writeFileSync('enfold.sql', migrationSql('enfold') + grantsFor('crm_app', 'enfold'))
 */
export function migrationSql(schema = 'enfold', from = 0): string {
  checked({ connectionString: '-', schema }, 'migrationSql')
  if (!Number.isInteger(from) || from < 0 || from > migrations.length)
    throw EnfoldFault.invalidInput('migrationSql.from', from, `a whole number from 0 to ${migrations.length}`)
  return from === migrations.length ? '' : migrationText(schema, from)
}

async function onSchema<T>(
  options: SchemaOptions,
  where: string,
  work: (connect: Connect, schema: string) => Promise<T>,
): Promise<T> {
  const { schema = 'enfold' } = checked(options, where)
  const pool = poolOf(options)
  const place = `PostgreSQL, schema ${schema}`
  try {
    return await work(connectorOf(pool, place), schema)
  } catch (error) {
    throw faultOf(error, place)
  } finally {
    if (options.pool === undefined) await pool.end()
  }
}
