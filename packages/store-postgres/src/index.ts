/** The public names of `@enfold/store-postgres`. */
export { grantsFor } from './grants.ts'
export { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts'
