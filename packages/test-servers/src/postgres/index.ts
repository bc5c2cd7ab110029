/** Real PostgreSQL servers. What tests are given is `@enfold/test-servers/given`. */
export { type PostgresServer, type PostgresServerOptions, removePostgres, startPostgres } from './postgres-server.ts'
