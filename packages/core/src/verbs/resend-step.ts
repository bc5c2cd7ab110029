import type { OfStep } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { runAndStep, stepRefOf } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { suppression } from '../decision/starting.ts'
import { isLeft, left, right } from '../either.ts'
import { isInProgress, type StepRecord } from '../enrollment.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface ResendStep extends OfStep {
  readonly type: 'ResendStep'
}

/** Sends one step again, now, outside the schedule. RESEND-1 to RESEND-4, KEY-2. */
export const resendStep = defineVerb<ResendStep>()({
  command: 'ResendStep',
  word: 'resend',
  summary: 'Sends one step again, now, outside the schedule',
  about: 'step',
  permission: ['resend'],
  readsFacts: true,
  takes: { key: 'key' },
  outcomes: ['resent'],
  answers: { run: 'count', key: 'key', resend: 'count' },
  recordedBy: 'StepResent',
  decide(command, decision) {
    const { contactId } = command
    if (decision.facts === null) return left({ type: 'ContactUnknown', contactId })
    const banned = suppression(decision)
    if (banned !== null) return left(banned)
    const found = runAndStep(command, decision)
    if (isLeft(found)) return found
    const { run, record } = found.right
    const ref = stepRefOf(command, run)
    if (record === undefined || record.status === 'cancelled' || record.attempt + skips(record) === 0)
      return left({ type: 'StepNotReached', ...ref })
    if (record.status === 'dispatched' || record.resends.some((r) => r.status === 'dispatched'))
      return left({ type: 'StepInFlight', ...ref })
    // Between two attempts the step is not over: the schedule itself will send it again, unless its run has ended.
    if (record.status === 'retrying' && isInProgress(run)) return left({ type: 'StepInFlight', ...ref })
    decision.add('StepResent', { ...ref, resend: record.resends.length + 1 }, byOperator(command))
    return right(null)
  },
  answerFrom(added) {
    const sent = firstOf(added, 'StepResent')
    return { ...answerOfRun('resent', sent), resend: sent.resend }
  },
})

/** A skipped step counts as reached, though it was never dispatched. */
const skips = (record: StepRecord) => (record.status === 'skipped' ? 1 : 0)
