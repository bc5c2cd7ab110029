/**
 * Types only: what the engine needs of the world, and what each port promises. Stores and hosts implement these.
 * `@enfold/testkit/battery` proves the promises: `storeBattery(name, makeStore)`.
 */
export type * from './actions.ts'
export type * from './agenda.ts'
export type * from './counters.ts'
export type * from './host.ts'
export type * from './log.ts'
export type * from './projection.ts'
export type * from './store.ts'
export type * from './tag-index.ts'
