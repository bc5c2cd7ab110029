/**
 * The public names of `@enfold/testkit`. What proves a store needs Vitest, and stands by itself: `@enfold/testkit/battery`.
 *
 * @packageDocumentation
 */

export * from './generators.ts'
export * from './sample-events.ts'
export * from './scenario.ts'
export * from './simulated-clock.ts'
