/** Brings a schema to the version that this release works with, or says why it cannot. */
import { EnfoldFault } from '@enfold/core'
import type { PoolClient } from 'pg'
import { sqlStateOf } from './faults.ts'
import { migrations } from './migrations/index.ts'
import { type Connect, onConnection, type Query } from './query.ts'

/** Of the advisory lock that lets one process at a time migrate: "Enfold" in ASCII. */
const MIGRATION_LOCK = '76266945703012'

interface Found {
  readonly server: string
  readonly encoding: string
  readonly isolation: string
  readonly role: string
  /** 'true' or 'false', as the next: drivers differ in what they make of truth values. */
  readonly versioned: string
  /** Whether anything else is in the schema. */
  readonly occupied: string
}

/**
 * @throws EnfoldFault `STORE_INCOMPATIBLE` for a schema of others, of a newer release, or of an older one where
 *   `mayMigrate` is false; and for a database that cannot hold one. Nothing is changed then.
 */
export async function openSchema(connect: Connect, schema: string, mayMigrate: boolean): Promise<void> {
  await onConnection(connect, (client) => broughtUpToDate(client, schema, mayMigrate))
}

async function broughtUpToDate(client: PoolClient, schema: string, mayMigrate: boolean): Promise<void> {
  const ask = queryOn(client)
  const { version: found, role } = await versionOf(ask, schema)
  if (found === migrations.length) return
  if (!mayMigrate)
    throw incompatible(
      `${found === 0 ? `There is no schema ${schema} of Enfold` : `The schema ${schema} is at version ${found}, not ${migrations.length}`}. Open it once with migrate: true, as a role that may create tables.`,
    )
  try {
    await migrate(client, ask, schema)
  } catch (error) {
    throw sqlStateOf(error) === '42501' ? mayNotMigrate(schema, found, role, error) : error
  }
}

const queryOn =
  (client: PoolClient): Query =>
  async <Row extends object>(text: string, values: readonly (string | null)[] = []) =>
    (await client.query<Row>(text, [...values])).rows

async function migrate(client: PoolClient, ask: Query, schema: string): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
  await client.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`)
  // Asked again: another process may have been first.
  let { version } = await versionOf(ask, schema)
  // Appends read this table in the statement that writes. None that has read the old version is in progress after this.
  if (version > 0 && version < migrations.length)
    await client.query(`LOCK TABLE "${schema}".migrations IN ACCESS EXCLUSIVE MODE`)
  if (version < migrations.length) {
    // The owner of an existing schema need not be allowed to make one, which PostgreSQL would check first.
    const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
    if (rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`)
    await client.query(
      `CREATE TABLE IF NOT EXISTS "${schema}".migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
    )
  }
  for (; version < migrations.length; version++)
    for (const statement of statementsTo(schema, version + 1)) await client.query(statement)
  await client.query('COMMIT')
}

/** What brings a schema from the version before to this one. */
function statementsTo(schema: string, version: number): readonly string[] {
  const migration = migrations[version - 1] as (schema: string) => string
  return [migration(`"${schema}"`), `INSERT INTO "${schema}".migrations (version) VALUES (${version})`]
}

/** The same as `openSchema` does, as text: one transaction, which fails as a whole where another was first. */
export function migrationText(schema: string, from: number): string {
  const first = [
    `CREATE SCHEMA IF NOT EXISTS "${schema}"`,
    `CREATE TABLE IF NOT EXISTS "${schema}".migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  ]
  const versions = migrations.slice(from).map((_, i) => from + 1 + i)
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`,
    ...(from === 0 ? first : [`LOCK TABLE "${schema}".migrations IN ACCESS EXCLUSIVE MODE`]),
    ...versions.flatMap((version) => [`-- version ${version}`, ...statementsTo(schema, version)]),
    'COMMIT',
  ]
    .map((statement) => (statement.startsWith('--') ? `\n${statement}\n` : `${statement.trim().replace(/;$/, '')};\n`))
    .join('')
}

/** The version of a schema, 0 if there is none. @throws as `openSchema` for what never can be brought up to date */
export async function schemaVersion(connect: Connect, schema: string): Promise<number> {
  return onConnection(connect, async (client) => (await versionOf(queryOn(client), schema)).version)
}

/** Without asking for anything to be changed. @throws as `openSchema` for what never can be brought up to date */
export async function isUpToDate(ask: Query, schema: string): Promise<boolean> {
  return (await versionOf(ask, schema)).version === migrations.length
}

/** A condition of SQL for statements that write: no newer release has changed the schema since it was opened. */
export function isCurrent(schema: string): string {
  return `"${schema}".is_current(${migrations.length})`
}

/** The fault, where a newer release has. */
export async function outdated(ask: Query, schema: string): Promise<EnfoldFault | null> {
  const [found] = await ask<{ version: string }>(`SELECT max(version)::text AS version FROM "${schema}".migrations`)
  if (Number(found?.version) <= migrations.length) return null
  return incompatible(
    `A newer release of Enfold has brought the schema ${schema} to version ${found?.version} while this process had it open, and this release knows versions up to ${migrations.length}. Nothing was written; end this process and start the newer release.`,
  )
}

/** The schema's version, 0 if there is none yet; and the role that asks. */
async function versionOf(ask: Query, schema: string): Promise<{ readonly version: number; readonly role: string }> {
  const [found] = await ask<Found>(
    `SELECT current_setting('server_version_num') AS server, current_setting('server_encoding') AS encoding,
       current_setting('default_transaction_isolation') AS isolation, current_user::text AS role,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = 'migrations' AND c.relkind = 'r')::text AS versioned,
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1)::text AS occupied`,
    [schema],
  )
  const { server, encoding, isolation, role, versioned, occupied } = found as Found
  if (Number(server) < 140_000)
    throw incompatible(`The server is PostgreSQL ${Math.floor(Number(server) / 10_000)}. Use 14 or a newer one.`)
  if (encoding !== 'UTF8')
    throw incompatible(`The database keeps texts as ${encoding}. Ids may hold any character: use a database in UTF8.`)
  if (isolation !== 'read committed')
    throw incompatible(
      `Transactions begin in ${isolation} here, and the log is read in READ COMMITTED only. ALTER ROLE … SET default_transaction_isolation = 'read committed'.`,
    )
  if (versioned !== 'true') {
    if (occupied !== 'true') return { version: 0, role }
    throw incompatible(
      `The schema ${schema} holds tables of another program. It was left as it is; choose another name.`,
    )
  }
  const [answer] = await ask<{ version: string | null }>(
    `SELECT max(version)::text AS version FROM "${schema}".migrations`,
  )
  const version = Number(answer?.version ?? 0)
  if (version <= migrations.length) return { version, role }
  throw incompatible(
    `The schema ${schema} has version ${version}; this release of Enfold knows versions up to ${migrations.length}. It was left as it is; use a newer release.`,
  )
}

/** What a role that lacks the right can do: rights on a schema that is not there cannot be granted. */
function mayNotMigrate(schema: string, found: number, role: string, cause: unknown): EnfoldFault {
  const name = `"${role.replaceAll('"', '""')}"`
  const advice =
    found === 0
      ? `The role ${role} may not make the schema ${schema}. Let the owner of the database run: CREATE SCHEMA "${schema}" AUTHORIZATION ${name}; then open the store again. Or let the owner open the store once, run grantsFor(${JSON.stringify(role)}, ${JSON.stringify(schema)}), and open it here with migrate: false.`
      : `The role ${role} may not bring the schema ${schema} from version ${found} to ${migrations.length}. Let its owner open the store once with this release, and run grantsFor(${JSON.stringify(role)}, ${JSON.stringify(schema)}) again.`
  return new EnfoldFault(
    'STORE_READ_ONLY',
    `${advice} Nothing was changed.`,
    { sqlState: '42501', schema, role },
    cause,
  )
}

function incompatible(message: string): EnfoldFault {
  return new EnfoldFault('STORE_INCOMPATIBLE', message)
}
