/**
 * The proof of a store of your own, as tests of Vitest.
 *
 * @packageDocumentation
 */
export * from '@enfold/testkit/battery'
