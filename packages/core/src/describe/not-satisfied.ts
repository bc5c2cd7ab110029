/** Why a signal did not satisfy a goal, or did, as one sentence. */
import type { NotSatisfied } from '../explain-goal.ts'
import { visibleText } from './wording.ts'

const REASONS: Readonly<Record<NotSatisfied['reason'], string>> = {
  satisfied: 'Satisfied',
  retracted: 'Satisfied, and the signal was retracted since',
  not_member: 'Not satisfied: the contact was no member of the campaign',
  suppressed: 'Not satisfied: the contact was suppressed',
  automated: 'Not satisfied: the goal takes no automated signals',
  'other-kind': 'Not satisfied: the goal is for another kind of signal',
  'no-match': 'Not satisfied: a value did not match',
  'from-step': 'Not satisfied: the note was written by a step of a sequence',
  'not-published': 'Not satisfied: the campaign was not published',
  'goal-unknown': 'Not satisfied: the campaign had no such goal',
  dropped: 'Not known: the contact has as many kept signals as are kept',
  'not-recorded': 'Not known: nothing is recorded of the signal',
}

/**
 * Why a signal did not satisfy a goal, or did, as a sentence without its full stop.
 *
 * @example
 * describeNotSatisfied({ reason: 'no-match', detail: 'total was 20, expected {"atLeast":100}' })
 * // 'Not satisfied: a value did not match (total was 20, expected {"atLeast":100})'
 */
export function describeNotSatisfied({ reason, detail }: Pick<NotSatisfied, 'reason' | 'detail'>): string {
  return `${REASONS[reason]}${detail === null ? '' : ` (${visibleText(detail)})`}`
}
