/** `enfold migrate`: brings stores up to date, says how they stand, or prints the SQL to review. */
import { enfoldSchemas, migrateSchema, migrationSql, schemaStatus } from '@enfold/store-postgres'
import { createSqliteStore, fileStatus, migrationSql as sqliteMigrationSql } from '@enfold/store-sqlite'
import { UsageError } from './errors.ts'
import { postgresIn } from './store-url.ts'
import type { Streams } from './streams.ts'
import { plain } from './text.ts'

export interface MigrateOptions {
  readonly status?: boolean
  readonly sql?: boolean
  readonly allSchemas?: boolean
}

/** What can be migrated, and how. */
interface Target {
  readonly name: string
  status(): Promise<{ readonly version: number; readonly known: number }>
  sql(from: number): string
  migrate(): Promise<unknown>
}

/** @returns whether every store is up to date now */
export async function migrateStores(
  { stdout }: Streams,
  urls: readonly string[],
  { status = false, sql = false, allSchemas = false }: MigrateOptions,
): Promise<boolean> {
  if (status && sql) throw new UsageError('--status and --sql exclude each other.')
  let fine = true
  const targets = (await Promise.all(urls.map((url) => targetsOf(url, allSchemas)))).flat()
  for (const target of targets) {
    const { version, known } = await target.status()
    const isBehind = version < known
    if (sql) {
      if (isBehind) stdout.write(`-- ${target.name}: from version ${version} to ${known}\n${target.sql(version)}`)
    } else if (status || !isBehind) {
      stdout.write(`${target.name}: version ${version} of ${known}, ${isBehind ? 'to be migrated' : 'up to date'}\n`)
      fine &&= !isBehind
    } else {
      await target.migrate()
      stdout.write(`${target.name}: migrated from version ${version} to ${known}\n`)
    }
  }
  return fine
}

async function targetsOf(url: string, allSchemas: boolean): Promise<readonly Target[]> {
  if (/^postgres(ql)?:\/\//i.test(url)) {
    const { connectionString, schema: given } = postgresIn(url)
    if (allSchemas && given !== undefined)
      throw new UsageError(`--all-schemas is for every schema, and the URL names one, ${plain(given)}.`)
    const schema = given ?? 'enfold'
    const schemas = allSchemas ? await enfoldSchemas({ connectionString }) : [schema]
    return schemas.map((one) => ({
      name: `schema ${one}`,
      status: () => schemaStatus({ connectionString, schema: one }),
      sql: (from) => migrationSql(one, from),
      migrate: () => migrateSchema({ connectionString, schema: one }),
    }))
  }
  if (allSchemas) throw new UsageError('--all-schemas is for postgres://ROLE@HOST/DATABASE.')
  if (!url.startsWith('sqlite:') || url === 'sqlite:')
    throw new UsageError('migrate is for sqlite:PATH and postgres://ROLE@HOST/DATABASE?schema=NAME.')
  const path = url.slice('sqlite:'.length)
  return [
    {
      name: path,
      status: async () => fileStatus(path),
      sql: sqliteMigrationSql,
      migrate: () => createSqliteStore({ path }).close(),
    },
  ]
}
