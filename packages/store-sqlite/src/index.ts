/**
 * The public names of `@enfold/store-sqlite`.
 *
 * @packageDocumentation
 */
export {
  type ContactsFromTableOptions,
  contactsFromTable,
  type SqliteTables,
  type TableOfContacts,
} from './contacts-from-table.ts'
export { type FileStatus, fileStatus, migrationSql } from './database.ts'
export { createSqliteStore, type SqliteStoreOptions } from './sqlite-store.ts'
