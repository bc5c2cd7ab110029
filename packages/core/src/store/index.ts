/**
 * For authors of stores: a store made of its ports, and what stores have in common. The ports are types of
 * `@enfold/core`, and `@enfold/testkit/battery` proves what they promise.
 *
 * @packageDocumentation
 */

export { createInProcessTransactions, type TransactionalLog } from '../in-process-transaction.ts'
export { REQUIRED_NODE } from '../node-version.ts'
export { appendOf, checkAppend, checkEvent } from '../stream-append.ts'
export * from './action-rows.ts'
export * from './changes.ts'
export * from './checks.ts'
export * from './contact-table.ts'
export * from './create-store.ts'
export * from './memberships.ts'
export * from './open-work.ts'
export * from './pages.ts'
export * from './synchronous.ts'
