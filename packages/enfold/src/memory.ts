/**
 * The store of tests and first steps: everything in memory.
 *
 * @packageDocumentation
 */
export * from '@enfold/store-memory'
