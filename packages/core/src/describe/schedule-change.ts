/** What an order would change of the schedule, as a sentence without its full stop. */
import type { ScheduleChange } from '../effect.ts'
import type { StepId } from '../ids.ts'
import { instantInWords, runInWords, stepNameInWords, type Wording } from './wording.ts'

/**
 * @example
 * describeScheduleChange(change, wording) // 'mistake-4 of pool-owners/nurture, run 1: from Mon 08:00 to Wed 08:00'
 */
export function describeScheduleChange(change: ScheduleChange, wording: Wording = {}): string {
  const { before, after } = change
  const run = runInWords(change, wording)
  const named = (stepId: StepId) => stepNameInWords({ ...change, stepId }, wording)
  if (after === null) return before === null ? `Nothing is to come of ${run}` : `Nothing more is to come of ${run}`
  const due = instantInWords(after.dueAt, wording)
  if (before === null) return `${named(after.stepId)} of ${run}: due ${due}`
  if (before.stepId !== after.stepId)
    return `${named(after.stepId)} of ${run}: due ${due}, instead of ${named(before.stepId)}`
  return `${named(after.stepId)} of ${run}: from ${instantInWords(before.dueAt, wording)} to ${due}`
}
