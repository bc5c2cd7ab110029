/** The public names of `@enfold/store-memory`. */
export { createMemoryStore } from './memory-store.ts'
