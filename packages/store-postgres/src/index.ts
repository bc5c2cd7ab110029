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
export { createPostgresHost, type PostgresHost, type PostgresHostOptions } from './postgres-host.ts'
export { createPostgresStore, type PostgresStore, type PostgresStoreOptions } from './postgres-store.ts'
export {
  enfoldSchemas,
  migrateSchema,
  migrationSql,
  type SchemaOptions,
  type SchemaStatus,
  schemaStatus,
} from './schema-tools.ts'
