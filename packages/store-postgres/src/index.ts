/** The public names of `@enfold/store-postgres`. */
export { grantsFor } from './grants.ts'
export type { PostgresPool, PostgresPoolClient } from './pool.ts'
export { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts'
