/** The store that `--database` names, on which any number of processes work: a PostgreSQL URL, or a SQLite file. */
import type { Store } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'

export function openStore(database: string): Store {
  return /^postgres(ql)?:\/\//.test(database)
    ? createPostgresStore({ connectionString: database })
    : createSqliteStore({ path: database })
}
