/** Why a step ran or did not, as a sentence. */
import type { NotRun } from '../explain.ts'
import { instantInWords, visibleText, type Wording } from './wording.ts'

/**
 * The answer of `explainNot` and `engine.inspect.explain` as a sentence or two.
 *
 * @example
 * describeNotRun({ reason: 'skipped', detail: 'late', dueAt: null }) // 'It was skipped: late.'
 */
export function describeNotRun(
  { reason, detail, dueAt }: Pick<NotRun, 'reason' | 'detail' | 'dueAt'>,
  wording: Wording = {},
): string {
  const more = detail === null ? '' : `: ${visibleText(detail)}`
  // What was sent has a detail only where it did not go to the contact (DELIVER-3).
  const why = reason === 'sent' && detail !== null ? 'It counts as sent' : REASONS[reason]
  if (dueAt === null) return `${why}${more}.`
  const when = reason === 'window' ? 'The window opens' : 'It is due'
  return `${why}${more}. ${when} ${instantInWords(dueAt, wording)}.`
}

const REASONS: Readonly<Record<NotRun['reason'], string>> = {
  sent: 'It was sent',
  'in-flight': 'It is being dispatched right now, or its worker died and another one will take over',
  'never-started': 'The sequence was never started for this contact',
  skipped: 'It was skipped',
  failed: 'It failed for good',
  held: 'It failed, and is held until an operator resends or cancels it',
  cancelled: 'It was cancelled in this run',
  passed: 'The run was opened at a later step, or moved past it',
  stopped: 'The sequence was stopped before it',
  suppressed: 'The contact is suppressed',
  erased: 'The contact was erased',
  paused: 'The sequence is paused',
  'campaign-paused': 'Its campaign is paused',
  'not-yet-due': 'It is not due yet',
  window: 'It is due, and waits for its window to open',
  due: 'It is due, and no dispatcher has taken it since',
  'step-unknown': 'This version of the sequence has no such step',
}
