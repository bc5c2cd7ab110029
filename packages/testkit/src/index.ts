/**
 * The public names of `@enfold/testkit`.
 *
 * @packageDocumentation
 */

export * from './generators.ts'
export * from './sample-events.ts'
export * from './scenario.ts'
export * from './simulated-clock.ts'
export { type BatteryOptions, eventStoreBattery, type StoreUnderTest, storeBattery } from './store-battery.ts'
