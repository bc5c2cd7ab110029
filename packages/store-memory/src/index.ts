/**
 * The public names of `@enfold/store-memory`.
 *
 * @packageDocumentation
 */
export { createMemoryStore } from './memory-store.ts'
