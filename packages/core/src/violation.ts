/** What is wrong with an event of a log. */

/** A rule, and how the event breaks it. */
export interface Violation {
  readonly rule: string
  readonly message: string
}
