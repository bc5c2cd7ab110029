import type { OfStep } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { openStep, stepRefOf } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { isLeft, right } from '../either.ts'
import { defineVerb, firstOf } from './verb.ts'

/** Where no run is named, the newest is meant: the only one that can have something to cancel. */
export interface CancelStep extends OfStep {
  readonly type: 'CancelStep'
}

/** Takes a step that was not dispatched yet out of this run. CANCEL-1 to CANCEL-3, KEY-2. */
export const cancelStep = defineVerb<CancelStep>()({
  command: 'CancelStep',
  word: 'cancel',
  summary: 'Takes a step that was not dispatched yet out of this run',
  about: 'step',
  permission: ['cancel'],
  readsFacts: false,
  takes: { key: 'key' },
  outcomes: ['cancelled', 'already_cancelled'],
  unchanged: ['already_cancelled'],
  answers: { run: 'count', key: 'key' },
  recordedBy: 'StepCancelled',
  decide(command, decision) {
    const found = openStep(command, decision, 'cancelled')
    if (isLeft(found)) return found
    const { run, isDone } = found.right
    const ref = stepRefOf(command, run)
    if (isDone) return right(answerOfRun('already_cancelled', ref))
    decision.add('StepCancelled', ref, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => answerOfRun('cancelled', firstOf(added, 'StepCancelled')),
})
