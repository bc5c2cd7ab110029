import { findSequence } from '../catalog.ts'
import type { OfSequence } from '../commands.ts'
import { byOperator, createDecisionBuilder, type DecisionBuilder } from '../decision/builder.ts'
import { hasPendingResend, oneRun } from '../decision/finding.ts'
import { answerOfRun } from '../decision/keys.ts'
import { noSuchStep, start, startable, tooMany } from '../decision/starting.ts'
import { stop } from '../decision/stopping.ts'
import type { StepDefinition } from '../definition.ts'
import { type Either, isLeft, left, right } from '../either.ts'
import {
  enrollmentOf,
  isInProgress,
  isOpenRun,
  isSameEnrollment,
  newestRun,
  nextRunNumber,
  type Run,
  recordOf,
  refOf,
  requireRun,
  type StepRecord,
  standingAt,
} from '../enrollment.ts'
import type { RunRef } from '../events.ts'
import type { SequenceId, StepId } from '../ids.ts'
import { nearestFirst } from '../nearest.ts'
import { REASONS } from '../reasons.ts'
import type { Rejection } from '../rejection.ts'
import { varsOfRun } from '../variables.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface MoveRun extends OfSequence {
  readonly type: 'MoveRun'
  /** The step at which it goes on; with `toSequence`, that at which the new run opens. */
  readonly toStep?: StepId
  /** Of the same campaign: a stop and a start in one append. */
  readonly toSequence?: SequenceId
  /** `keep`: the wait of the step is counted from now. `none`: it is due now. Left out: `keep`. */
  readonly wait?: 'keep' | 'none'
  /** True: what was sent, from that step on, is sent again, each under a key of its own. */
  readonly again: boolean
}

/** Lets a run go on at another step, or in another sequence. JUMP-1, JUMP-2, KEY-2. */
export const moveRun = defineVerb<MoveRun>()({
  command: 'MoveRun',
  word: 'move',
  summary: 'Lets the run go on at another step, or stops it and starts another sequence in its place',
  about: 'sequence',
  permission: ['reschedule', 'start', 'stop'],
  // Only the start of another sequence asks whether the directory knows the contact.
  readsFacts: ({ toSequence }) => toSequence !== undefined,
  readsPublished: true,
  takes: { toStep: 'step', toSequence: 'sequence', wait: 'wait', again: 'flag', key: 'key' },
  expects({ toStep, toSequence, wait, again = false }) {
    if (toStep === undefined && toSequence === undefined) return '`toStep` or `toSequence`'
    const isOfStep = wait !== undefined || again
    return toSequence !== undefined && isOfStep ? 'no `wait` and no `again` with `toSequence`' : null
  },
  outcomes: ['moved'],
  answers: { run: 'count', key: 'key' },
  recordedBy: null,
  decide(command, decision) {
    const found = oneRun(command, decision)
    if (isLeft(found)) return found
    const { toStep, toSequence } = command
    const run = found.right
    const refused =
      toSequence === undefined
        ? moveToStep(command, run, toStep ?? '', decision)
        : moveToSequence(command, run, toSequence, decision)
    return refused === null ? right(null) : left(refused)
  },
  answerFrom(added) {
    const moved = added.some(({ type }) => type === 'RunMoved')
    return answerOfRun('moved', moved ? firstOf(added, 'RunMoved') : firstOf(added, 'SequenceStarted'))
  },
})

/** JUMP-1. @returns why not */
function moveToStep(command: MoveRun, run: Run, to: StepId, decision: DecisionBuilder): Rejection | null {
  const ref: RunRef = { ...refOf(command), run: run.run }
  if (!isInProgress(run)) return { type: 'EnrollmentNotActive', ...ref, status: run.status }
  const { campaignVersion } = run
  const { campaign } = decision.campaigns.version(ref.campaignId, campaignVersion)
  const { steps } = campaign.sequence(ref.sequenceId)
  const ids = steps.map(({ id }) => id)
  if (!ids.includes(to))
    return { type: 'StepUnknown', ...refOf(command), stepId: to, campaignVersion, known: nearestFirst(to, ids) }
  const from = standingAt(run, steps)
  const stood = from === null ? undefined : recordOf(run, from)
  if (from !== null && (stood?.status === 'dispatched' || hasPendingResend(stood)))
    return { type: 'StepInFlight', ...ref, stepId: from }
  const target = recordOf(run, to)
  if (target?.status === 'cancelled') return { type: 'StepAlreadyResolved', ...ref, stepId: to, status: 'cancelled' }
  const again = doneAgain(run, steps, { from, to, isAgain: command.again })
  const busy = again.find((stepId) => hasPendingResend(recordOf(run, stepId)))
  if (busy !== undefined) return { type: 'StepInFlight', ...ref, stepId: busy }
  const moved = { ...ref, from, to, wait: command.wait ?? 'keep', again } as const
  const why = byOperator(command)
  // Where it stands then is seen when it is there.
  const trial = createDecisionBuilder(command, decision.state(), decision)
  trial.add('RunMoved', { ...moved, standsAt: null }, why)
  const standsAt = standingAt(requireRun(trial.state(), ref), steps)
  decision.add('RunMoved', { ...moved, standsAt }, why)
  return null
}

/** The steps that the run does once more when it comes to them. */
function doneAgain(
  run: Run,
  steps: readonly StepDefinition[],
  { from, to, isAgain }: { readonly from: StepId | null; readonly to: StepId; readonly isAgain: boolean },
): readonly StepId[] {
  const ids = steps.map(({ id }) => id)
  const [stood, place] = [from === null ? ids.length : ids.indexOf(from), ids.indexOf(to)]
  return ids.filter((id, i) => {
    if (i < place) return false
    const record = recordOf(run, id)
    if (i === stood) return record !== undefined || from !== to
    if (record === undefined || record.status === 'cancelled') return false
    if (wasSent(record)) return isAgain
    // What an operator skipped ahead stays so, but for the step that is asked for.
    return i < stood || id === to
  })
}

/** Whether the contact has it, or may have it. */
function wasSent({ status, reason, resends }: StepRecord): boolean {
  if (status === 'sent' || resends.some((resend) => resend.status === 'sent')) return true
  return status === 'failed' && reason === REASONS.unknownOutcome
}

/** JUMP-2. @returns why not */
function moveToSequence(
  command: MoveRun,
  run: Run,
  sequenceId: SequenceId,
  decision: DecisionBuilder,
): Rejection | null {
  const { toStep } = command
  const ref = refOf(command)
  if (!isOpenRun(run)) return { type: 'EnrollmentNotActive', ...ref, run: run.run, status: run.status }
  const { key: _, ...order } = command
  const found = findSequence(decision.campaigns, ref.campaignId, sequenceId)
  const handedOn = isLeft(found) ? {} : { vars: varsOfRun(found.right.sequence, run.vars) }
  const entered: Either<Rejection, Parameters<typeof start>[1]> = startable(
    { ...order, sequenceId, ...handedOn },
    decision,
  )
  if (isLeft(entered)) return entered.left
  const entry = entered.right
  const refused = tooMany(entry, decision) ?? (toStep === undefined ? null : noSuchStep(entry, toStep))
  if (refused !== null) return refused
  const there = newestRun(enrollmentOf(decision.state(), entry.ref))
  if (isInProgress(there) && !isSameEnrollment(entry.ref, ref))
    return { type: 'EnrollmentActive', ...refOf(entry.ref), run: there.run }
  const { key, sequenceId: to } = refOf(entry.ref)
  const movedTo = {
    sequenceId: to,
    ...(key === undefined ? {} : { key }),
    run: nextRunNumber(enrollmentOf(decision.state(), entry.ref)),
  }
  const why = byOperator(command)
  stop(decision, ref, run, why, movedTo)
  start(decision, entry, why, toStep)
  return null
}
