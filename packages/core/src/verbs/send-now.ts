import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { hasPendingResend, oneRun, standsAt } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { suppression } from '../decision/starting.ts'
import { isLeft, left, right } from '../either.ts'
import { occurrenceIn, recordOf, refOf } from '../enrollment.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface SendNow extends OfSequence {
  readonly type: 'SendNow'
}

/** The step that stands next is due now, and does not wait for its window. NOW-1, KEY-2. */
export const sendNow = defineVerb<SendNow>()({
  command: 'SendNow',
  word: 'send-now',
  summary: 'Sends the step that stands next now, whatever its wait and its window say; the run goes on from there',
  about: 'sequence',
  permission: ['resend'],
  readsFacts: false,
  takes: { key: 'key' },
  outcomes: ['due_now'],
  answers: { run: 'count', key: 'key', stepId: 'step' },
  recordedBy: 'StepRescheduled',
  decide(command, decision) {
    const banned = suppression(decision)
    if (banned !== null) return left(banned)
    const found = oneRun(command, decision)
    if (isLeft(found)) return found
    const run = found.right
    const ref = { ...refOf(command), run: run.run }
    // It passes no pause, so a paused run is refused like one that is over.
    if (run.status !== 'active') return left({ type: 'EnrollmentNotActive', ...ref, status: run.status })
    const stepId = standsAt(ref, run, decision)
    if (stepId === null) return left({ type: 'NoStepLeft', ...ref })
    const record = recordOf(run, stepId)
    if (record?.status === 'dispatched' || hasPendingResend(record))
      return left({ type: 'StepInFlight', ...ref, stepId })
    decision.add(
      'StepRescheduled',
      { ...ref, stepId, ...occurrenceIn(run, stepId), dueAt: decision.now, now: true },
      byOperator(command),
    )
    return right(null)
  },
  answerFrom(added) {
    const rescheduled = firstOf(added, 'StepRescheduled')
    return { ...answerOfRun('due_now', rescheduled), stepId: rescheduled.stepId }
  },
})
