/** The public names of `@enfold/store-eventstoredb`. */
export type { EventStoreDbClient } from './client.ts'
export { createEventStoreDbStore, type EventStoreDbStoreOptions } from './eventstoredb-store.ts'
