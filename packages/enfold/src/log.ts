/**
 * For auditors: a log as a file, read, replayed, explained, held against the rules and sealed.
 *
 * @packageDocumentation
 */
export * from '@enfold/core/log'
