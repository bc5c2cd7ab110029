import { dueByHand } from '../by-hand.ts'
import type { OfStep } from '../commands.ts'
import { byOperator, type DecisionBuilder } from '../decision/builder.ts'
import { hasPendingResend, openStep, stepRefOf } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { isLeft, left, right } from '../either.ts'
import type { StepRef } from '../events.ts'
import type { Instant } from '../ids.ts'
import { pausesOf } from '../pauses.ts'
import { instantByHand, upcomingOfRun } from '../plan.ts'
import { defineVerb, firstOf } from './verb.ts'

/** Exactly one of the two. Where no run is named, the newest is meant: the only one that can have something to come. */
export interface RescheduleStep extends OfStep {
  readonly type: 'RescheduleStep'
  readonly dueAt?: Instant
  /** True: it is due by its timer again. */
  readonly clear: boolean
}

/**
 * The instant of one step, that stands next or comes later. In the answer `from` and `to` are `null` where the run has not
 * come to the step, so that its timer says nothing yet. SHIFT-1, KEY-2.
 */
export const rescheduleStep = defineVerb<RescheduleStep>()({
  command: 'RescheduleStep',
  word: 'reschedule',
  summary: 'Gives a step an instant of your own, or with `clear` gives it back to its timer',
  about: 'step',
  permission: ['reschedule'],
  readsFacts: true,
  takes: { dueAt: 'instant', clear: 'flag', key: 'key' },
  expects: ({ dueAt, clear = false }) => ((dueAt === undefined) === clear ? null : 'either `dueAt` or `clear: true`'),
  outcomes: ['rescheduled', 'cleared', 'not_rescheduled'],
  unchanged: ['not_rescheduled'],
  answers: { run: 'count', key: 'key', from: 'instantOrNull', to: 'instantOrNull' },
  recordedBy: 'StepRescheduled',
  decide(command, decision) {
    const { dueAt = null } = command
    const { now } = decision
    const found = openStep(command, decision, null)
    if (isLeft(found)) return found
    const { run, record } = found.right
    const ref = stepRefOf(command, run)
    if (hasPendingResend(record)) return left({ type: 'StepInFlight', ...ref })
    if (dueAt !== null && dueAt < now) return left({ type: 'InstantPast', instant: dueAt, now })
    const before = dueByHand(run, command.stepId)
    const pauses = pausesOf(decision.campaigns.find(ref.campaignId), ref.sequenceId)
    const from = before === undefined ? dueOf(ref, decision) : instantByHand(run, before, pauses)
    if (dueAt === null && before === undefined)
      return right({ ...answerOfRun('not_rescheduled', ref), from: from ?? null, to: from ?? null })
    const why = byOperator(command)
    const rescheduled = { ...ref, dueAt, ...(from === undefined ? {} : { from }) }
    if (dueAt !== null) decision.add('StepRescheduled', rescheduled, why)
    else {
      // What its timer says is seen when it has it back.
      const trial = decision.trial()
      trial.add('StepRescheduled', rescheduled, why)
      const to = dueOf(ref, trial)
      decision.add('StepRescheduled', { ...rescheduled, ...(to === undefined ? {} : { to }) }, why)
    }
    return right(null)
  },
  answerFrom(added) {
    const { dueAt, from = null, to = null, ...ref } = firstOf(added, 'StepRescheduled')
    return { ...answerOfRun(dueAt === null ? 'cleared' : 'rescheduled', ref), from, to: dueAt ?? to }
  },
})

/** When the step is due, if the run stands at it. */
function dueOf(ref: StepRef, decision: DecisionBuilder): Instant | undefined {
  const { campaigns, contactId, facts, now } = decision
  const next = upcomingOfRun(contactId, decision.state(), campaigns, facts, now, ref)
  return next?.stepId === ref.stepId ? next.dueAt : undefined
}
