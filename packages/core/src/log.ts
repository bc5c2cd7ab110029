/**
 * For auditors: a log as a file, read, replayed, explained, held against the rules and sealed; from events alone, without a
 * store and without an engine (AUDIT-1 to AUDIT-5).
 *
 * @packageDocumentation
 */
export { REQUIRED_NODE } from './node-version.ts'

// That module stands first, so that an old Node is refused before anything else is evaluated.

export { chainHash, digestOf, type Hash } from './chain.ts'
export { type DecodeProblem, decodeEvent, encodeEvent, type Upcasters } from './codec.ts'
export * from './event-order.ts'
export { EVENT_SOURCES, EVENT_TYPE_PREFIX, eventJsonSchema } from './event-schema.ts'
export * from './explain.ts'
export * from './explain-goal.ts'
export { evolveWithPatches, type Patch } from './fold.ts'
export { funnelOfLog } from './funnel-of-log.ts'
export { LogCheck } from './log-check.ts'
export {
  batchesOf,
  type LineProblem,
  type Log,
  type LogEntry,
  type ReadLogOptions,
  readLog,
  readLogBatches,
  writeLog,
} from './log-file.ts'
export * from './replay.ts'
export { type Seal, type SealBreach, sealOf, sealText } from './seal.ts'
export * from './verify.ts'
