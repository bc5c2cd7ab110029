/**
 * Pages for operators, mounted into your app at any path.
 *
 * @packageDocumentation
 */
export * from '@enfold/console'
