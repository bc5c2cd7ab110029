/** The public names of `@enfold/engine`. */
export type { DispatchCounts, DispatcherHealth } from './dispatch.ts'
export * from './engine.ts'
export type { DispatchOptions, EngineOptions } from './engine-options.ts'
export type * from './inspect.ts'
export type { KindLimit } from './limits.ts'
export type { IndexDifference, IndexReport } from './read-model.ts'
export type { EngineSignal, Observer } from './signals.ts'
