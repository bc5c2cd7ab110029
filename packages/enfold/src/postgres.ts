/**
 * The store of many workers: one PostgreSQL database, also inside your own transactions.
 *
 * @packageDocumentation
 */
export * from '@enfold/store-postgres'
