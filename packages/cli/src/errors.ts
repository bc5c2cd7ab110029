/** How a command ends other than with an answer. Each was told to people before the process ends. */

/** The caller has to put something right: exit status 2. The message says what. */
export class UsageError extends Error {}

/** The log is not in order, and what was asked cannot be answered: exit status 1. */
export class InvalidLogError extends Error {}

/** What was ordered was not done, or not all of it: exit status 1. The message says why, and what to do. */
export class CommandFailedError extends Error {}

/**
 * What was thrown, in a line. What the host's own module threw is shown in its own words on the terminal; records do not
 * hold it, because it may quote anything.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof CommandFailedError ? error.cause.message : error.message
}
