/** The public names of `@enfold/postgres-server`. What tests are given is `@enfold/postgres-server/given`. */
export { type PostgresServer, type PostgresServerOptions, removePostgres, startPostgres } from './postgres-server.ts'
