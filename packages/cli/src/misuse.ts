/** How a command ends other than with an answer. Both were told to people before the process ends. */

/** The caller has to put something right: exit status 2. The message says what. */
export class Misuse extends Error {}

/** The log is not in order, and what was asked cannot be answered: exit status 1. */
export class BadLog extends Error {}
