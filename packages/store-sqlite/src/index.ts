/** The public names of `@enfold/store-sqlite`. */
export { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts'
