import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { OfStep } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { runAndStep } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { isInProgress, refOf } from '../enrollment.ts'
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
    const found = runAndStep(command, decision)
    if (isLeft(found)) return found
    const { run, record } = found.right
    const ref = { ...refOf(command), run: run.run, stepId: command.stepId }
    if (record?.status === 'cancelled') return right(answerOfRun('already_cancelled', ref))
    if (!isInProgress(run))
      return left({ type: 'EnrollmentNotActive', ...refOf(command), run: run.run, status: run.status })
    switch (record?.status) {
      case 'sent':
        return left({ type: 'StepAlreadySent', ...ref })
      case 'failed':
      case 'skipped':
        return left({ type: 'StepAlreadyResolved', ...ref, status: record.status })
      case 'dispatched':
        return left({ type: 'StepInFlight', ...ref })
    }
    if (record?.resends.some((r) => r.status === 'dispatched')) return left({ type: 'StepInFlight', ...ref })
    decision.add('StepCancelled', ref, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => answerOfRun('cancelled', firstOf(added, 'StepCancelled')),
})
