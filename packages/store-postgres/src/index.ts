/** The public names of `@enfold/store-postgres`. */
export {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromMikroOrm,
  fromPostgresJs,
  fromPrisma,
  fromSequelize,
  fromTypeOrm,
} from './adapters.ts'
export { type ContactsFromTableOptions, contactsFromTable, type TableOfContacts } from './contacts-from-table.ts'
export { grantsFor } from './grants.ts'
export type { PostgresPool, PostgresPoolClient } from './pool.ts'
export { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts'
