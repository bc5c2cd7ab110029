/**
 * All of `@enfold/core`: what a host seldom needs, and pages in a browser, and tools.
 *
 * @packageDocumentation
 */
export * from '@enfold/core'
