/** Reasons that the engine itself gives for a step that was not sent. */
export const REASONS = {
  draft: 'draft',
  late: 'late',
  past: 'past',
  fieldEmpty: 'field-empty',
  fieldUnreadable: 'field-unreadable',
  variableEmpty: 'variable-empty',
  variableUnreadable: 'variable-unreadable',
  suppressed: 'suppressed',
  condition: 'condition',
  operator: 'operator',
  contactUnknown: 'contact-unknown',
  paused: 'paused',
  unknownOutcome: 'unknown-outcome',
} as const

/** Why a timer asks for no moment. */
export type TimerReason = (typeof REASONS)[
  | 'past'
  | 'fieldEmpty'
  | 'fieldUnreadable'
  | 'variableEmpty'
  | 'variableUnreadable']

/** Any other reason of a skip or a failure is a handler's. */
export const ENGINE_REASONS: ReadonlySet<string> = new Set(Object.values(REASONS))
