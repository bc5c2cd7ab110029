/** The store that `--database` names, on which any number of processes work: a PostgreSQL URL, or a SQLite file. */
import type { Store } from 'enfold'
import { createPostgresStore } from 'enfold/postgres'
import { createSqliteStore } from 'enfold/sqlite'

export function openStore(database: string): Store {
  return /^postgres(ql)?:\/\//.test(database)
    ? createPostgresStore({ connectionString: database })
    : createSqliteStore({ path: database })
}
