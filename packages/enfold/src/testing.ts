/**
 * Tests of your campaigns: given, when, then, and a simulated clock. Needs no runner of tests.
 *
 * @packageDocumentation
 */
export * from '@enfold/testkit'
