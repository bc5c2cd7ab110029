/** Brings a schema to the version that this release works with, or says why it cannot. */
import { EnfoldFault } from '@enfold/core'
import type { Pool } from 'pg'
import { migrations } from './migrations/index.ts'

/** Of the advisory lock that lets one process at a time migrate: "Enfold" in ASCII. */
const MIGRATION_LOCK = '76266945703012'

interface Found {
  readonly server: string
  readonly encoding: string
  readonly isolation: string
  readonly has_version: boolean
  /** Whether anything else is in the schema. */
  readonly occupied: boolean
}

/**
 * @throws EnfoldFault `STORE_INCOMPATIBLE` for a schema of others, of a newer release, or of an older one where
 *   `mayMigrate` is false; and for a database that cannot hold one. Nothing is changed then.
 */
export async function openSchema(pool: Pool, schema: string, mayMigrate: boolean): Promise<void> {
  const found = await versionOf(pool, schema)
  if (found === migrations.length) return
  if (!mayMigrate)
    throw incompatible(
      `${found === 0 ? `There is no schema ${schema} of Enfold` : `The schema ${schema} is at version ${found}, not ${migrations.length}`}. Open it once with migrate: true, as a role that may create tables.`,
    )
  const client = await pool.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
    await client.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    // Asked again: another process may have been first.
    let version = await versionOf(client, schema)
    if (version < migrations.length) {
      // Whoever owns a schema that is there need not be allowed to make one, and would be asked first whether he is.
      const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
      if (rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`)
      await client.query(
        `CREATE TABLE IF NOT EXISTS "${schema}".migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
      )
    }
    for (; version < migrations.length; version++) {
      await client.query((migrations[version] as (schema: string) => string)(`"${schema}"`))
      await client.query(`INSERT INTO "${schema}".migrations (version) VALUES (${version + 1})`)
    }
    await client.query('COMMIT')
    client.release()
  } catch (error) {
    // Closing the connection rolls back.
    client.release(true)
    throw error
  }
}

/** The schema's version, 0 if there is none yet. */
async function versionOf(connection: Pick<Pool, 'query'>, schema: string): Promise<number> {
  const { rows } = await connection.query<Found>(
    `SELECT current_setting('server_version_num') AS server, current_setting('server_encoding') AS encoding,
       current_setting('default_transaction_isolation') AS isolation,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = 'migrations' AND c.relkind = 'r') AS has_version,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1) AS occupied`,
    [schema],
  )
  const { server, encoding, isolation, has_version, occupied } = rows[0] as Found
  if (Number(server) < 140_000)
    throw incompatible(`The server is PostgreSQL ${Math.floor(Number(server) / 10_000)}. Use 14 or a newer one.`)
  if (encoding !== 'UTF8')
    throw incompatible(`The database keeps texts as ${encoding}. Ids may hold any character: use a database in UTF8.`)
  if (isolation !== 'read committed')
    throw incompatible(
      `Transactions begin in ${isolation} here, and the log is read in READ COMMITTED only. ALTER ROLE … SET default_transaction_isolation = 'read committed'.`,
    )
  if (!has_version) {
    if (!occupied) return 0
    throw incompatible(
      `The schema ${schema} holds tables of another program. It was left as it is; choose another name.`,
    )
  }
  const answer = await connection.query<{ version: number | null }>(
    `SELECT max(version) AS version FROM "${schema}".migrations`,
  )
  const version = Number(answer.rows[0]?.version ?? 0)
  if (version <= migrations.length) return version
  throw incompatible(
    `The schema ${schema} has version ${version}; this release of Enfold knows versions up to ${migrations.length}. It was left as it is; use a newer release.`,
  )
}

function incompatible(message: string): EnfoldFault {
  return new EnfoldFault('STORE_INCOMPATIBLE', message)
}
