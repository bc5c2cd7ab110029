/** The public names of `@enfold/testkit`. */

export * from './generators.ts'
export * from './scenario.ts'
export * from './simulated-clock.ts'
