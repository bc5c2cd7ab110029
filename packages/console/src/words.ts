/** What orders and actions come to, as sentences for operators. Events and causes are in `describe` of the core. */

/** What an order came to, by its outcome. */
export const OUTCOMES: ReadonlyMap<string, string> = new Map([
  ['started', 'Started from its first step.'],
  ['restarted', 'Stopped, and started again from its first step.'],
  ['already_active', 'It is in the sequence already. Nothing was changed, and nothing reset.'],
  ['stopped', 'Stopped. No further step of it is sent.'],
  ['not_active', 'It was not in the sequence. Nothing was changed.'],
  ['paused', 'Paused. None of its steps is sent until it is resumed.'],
  ['already_paused', 'It was paused already. Nothing was changed.'],
  ['resumed', 'Resumed.'],
  ['not_paused', 'It was not paused. Nothing was changed.'],
  ['resent', 'The step is sent again as soon as a dispatcher comes by. The schedule stays as it is.'],
  ['cancelled', 'The step was cancelled. Later steps keep their times.'],
  ['already_cancelled', 'The step was cancelled already. Nothing was changed.'],
  ['suppressed', 'Suppressed: everything was stopped, and nothing can start until it is lifted.'],
  ['already_suppressed', 'Suppressed already, in the same way. Nothing was changed.'],
  ['unsuppressed', 'The ban was lifted.'],
  ['not_suppressed', 'There was no ban. Nothing was changed.'],
  ['refreshed', 'Due times were computed again, with what the directory says now.'],
])

/** Outcomes that changed something. The others are no success to be shown as one. */
export const CHANGED: ReadonlySet<string> = new Set([
  'started',
  'restarted',
  'stopped',
  'paused',
  'resumed',
  'resent',
  'cancelled',
  'suppressed',
  'unsuppressed',
  'refreshed',
])

/** What an action comes to for a contact, as a preview and a result say it. */
export const ACTION_WORDS: ReadonlyMap<string, string> = new Map([
  ['started', 'start at the first step'],
  ['restarted', 'are stopped, and start again'],
  ['already_active', 'are in it already, and stay where they are'],
  ['stopped', 'are taken out'],
  ['not_active', 'are not in it, and stay as they are'],
  ['contact_unknown', 'are unknown to the directory'],
  ['suppressed', 'are suppressed, and not started'],
  ['failed', 'fail, each with its reason'],
])
