/**
 * For authors of stores: a store made of its ports, and what stores have in common.
 *
 * @packageDocumentation
 */
export * from '@enfold/core/store'
