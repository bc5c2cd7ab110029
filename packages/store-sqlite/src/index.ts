/**
 * The public names of `@enfold/store-sqlite`.
 *
 * @packageDocumentation
 */
export { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts'
