/**
 * The store of one machine: one file, through the SQLite that Node brings.
 *
 * @packageDocumentation
 */
export * from '@enfold/store-sqlite'
