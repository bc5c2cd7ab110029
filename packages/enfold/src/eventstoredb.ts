/**
 * The log on EventStoreDB or KurrentDB; the index stands in a store of SQL.
 *
 * @packageDocumentation
 */
export * from '@enfold/store-eventstoredb'
