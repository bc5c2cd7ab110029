/** The run or the step that a command means, or why there is none. */

import { stepOf } from '../campaign.ts'
import type { OfSequence, OfStep } from '../commands.ts'
import { type Either, isLeft, left, right } from '../either.ts'
import {
  enrollmentOf,
  isBeforePlace,
  isInProgress,
  isPendingResend,
  newestRun,
  occurrenceIn,
  type Run,
  recordOf,
  refOf,
  runNumbered,
  type StepRecord,
  standingAt,
} from '../enrollment.ts'
import type { SequenceRef, StepRef } from '../events.ts'
import { epochMsOf, type Instant, type StepId } from '../ids.ts'
import { nearestFirst } from '../nearest.ts'
import { waitSince } from '../plan.ts'
import { campaignUnknown, type Rejection } from '../rejection.ts'
import type { DecisionBuilder, DecisionContext } from './builder.ts'
import { meant, perOf, requireMeant } from './keys.ts'

/** A sequence that some version has or had; for commands that need no published one. */
export function everKnown(
  { campaignId, sequenceId }: SequenceRef,
  { campaigns }: Pick<DecisionContext, 'campaigns'>,
): Either<Rejection, null> {
  const entry = campaigns.find(campaignId)
  if (entry === undefined) return left(campaignUnknown(campaignId, campaigns.entries()))
  const ids = new Set(entry.versions.flatMap(({ campaign }) => [...campaign.sequences.keys()]))
  if (ids.has(sequenceId)) return right(null)
  return left({ type: 'SequenceUnknown', campaignId, sequenceId, known: nearestFirst(sequenceId, ids) })
}

/** Why no run of any contact can have the step, because no version of the sequence has it; `null`: some version does. */
export function unknownStep(
  ref: SequenceRef,
  stepId: StepId,
  { campaigns }: Pick<DecisionContext, 'campaigns'>,
): Rejection | null {
  const versions = campaigns.find(ref.campaignId)?.versions ?? []
  const ids = new Set(versions.flatMap(({ campaign }) => stepIdsOf(campaign.sequences.get(ref.sequenceId))))
  if (ids.has(stepId)) return null
  const known = nearestFirst(stepId, ids)
  return { type: 'StepUnknown', ...refOf(ref), stepId, campaignVersion: versions.length, known }
}

const stepIdsOf = (sequence: { readonly steps: readonly { readonly id: StepId }[] } | undefined) =>
  sequence?.steps.map(({ id }) => id) ?? []

/**
 * The runs in progress of the command's sequence: that of its key, or all (KEY-2). At least one. Where there was none yet,
 * the ids may be wrong.
 */
export function eachInProgress(
  command: OfSequence,
  decision: DecisionBuilder,
): Either<Rejection, readonly { readonly ref: SequenceRef; readonly run: Run }[]> {
  const enrollments = meant(command, decision)
  const found = enrollments.flatMap((enrollment) => {
    const run = newestRun(enrollment)
    return isInProgress(run) ? [{ ref: refOf(enrollment), run }] : []
  })
  if (found.length > 0) return right(found)
  requireMeant(command, decision)
  const run = newestRun(enrollments.at(-1))
  const known = run === undefined ? everKnown(command, decision) : right(null)
  if (isLeft(known)) return known
  const ref = refOf(enrollments.at(-1) ?? command)
  return left({ type: 'EnrollmentNotActive', ...ref, run: run?.run ?? 0, status: run?.status ?? null })
}

/** The newest run of the one enrollment that an order means. Where there was none yet, the ids may be wrong. */
export function oneRun(command: OfSequence, decision: DecisionBuilder): Either<Rejection, Run> {
  const ref = refOf(command)
  const newest = newestRun(enrollmentOf(decision.state(), ref))
  if (newest !== undefined) return right(newest)
  const known = everKnown(ref, decision)
  const per = ref.key === undefined ? perOf(ref, decision) : null
  if (isLeft(known)) return known
  return per === null
    ? left({ type: 'EnrollmentNotActive', ...ref, run: 0, status: null })
    : left({ type: 'KeyMissing', ...ref, per })
}

/** The run that a step command means, and what became of its step so far. */
export function runAndStep(
  command: OfStep,
  decision: DecisionBuilder,
): Either<Rejection, { readonly run: Run; readonly record: StepRecord | undefined }> {
  const ref = refOf(command)
  const found = oneRun(command, decision)
  if (isLeft(found)) return found
  const newest = found.right
  const enrollment = enrollmentOf(decision.state(), ref)
  const run = command.run === undefined ? newest : runNumbered(enrollment, command.run)
  if (run === undefined) return left({ type: 'RunUnknown', ...ref, run: command.run ?? 0, newest: newest.run })
  const { campaignVersion } = run
  const sequence = decision.campaigns.version(ref.campaignId, campaignVersion).campaign.sequences.get(ref.sequenceId)
  const { stepId } = command
  if (sequence === undefined || stepOf(sequence, stepId) === undefined) {
    const steps = sequence?.steps ?? []
    const known = nearestFirst(
      stepId,
      steps.map((step) => step.id),
    )
    return left({ type: 'StepUnknown', ...ref, stepId, campaignVersion, known })
  }
  return right({ run, record: recordOf(run, stepId) })
}

/** The step of an order as its event names it. */
export function stepRefOf(command: OfStep, run: Run): StepRef {
  const { stepId } = command
  return { ...refOf(command), run: run.run, stepId, ...occurrenceIn(run, stepId) }
}

/**
 * The run of a step command and its step, where an operator can still take it: the run is in progress, the step is not
 * resolved, and nothing of it is in flight.
 *
 * @param done the status that the order asks for: `isDone` says that the step has it already
 */
export function openStep(
  command: OfStep,
  decision: DecisionBuilder,
  done: 'cancelled' | 'skipped' | null,
): Either<Rejection, { readonly run: Run; readonly record: StepRecord | undefined; readonly isDone: boolean }> {
  const found = runAndStep(command, decision)
  if (isLeft(found)) return found
  const { run, record } = found.right
  const ref = { ...refOf(command), run: run.run, stepId: command.stepId }
  if (done !== null && record?.status === done) return right({ run, record, isDone: true })
  if (!isInProgress(run))
    return left({ type: 'EnrollmentNotActive', ...refOf(command), run: run.run, status: run.status })
  const { campaign } = decision.campaigns.version(ref.campaignId, run.campaignVersion)
  if (record === undefined && isBeforePlace(run, campaign.sequence(ref.sequenceId).steps, command.stepId))
    return left({ type: 'StepAlreadyResolved', ...ref, status: 'passed' })
  switch (record?.status) {
    case 'sent':
      return left({ type: 'StepAlreadySent', ...ref })
    case 'failed':
    case 'skipped':
    case 'cancelled':
    case 'passed':
      return left({ type: 'StepAlreadyResolved', ...ref, status: record.status })
    case 'dispatched':
      return left({ type: 'StepInFlight', ...ref })
  }
  if (record?.resends.some(({ status }) => status === 'dispatched')) return left({ type: 'StepInFlight', ...ref })
  return right({ run, record, isDone: false })
}

/** A resend that has not come to an end: together with it the step would be sent twice. */
export function hasPendingResend(record: StepRecord | undefined): boolean {
  return record?.resends.some(isPendingResend) === true
}

/** The step at which a run stands; `null`: at its end. */
export function standsAt(ref: SequenceRef, run: Run, { campaigns }: DecisionContext): StepId | null {
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  return standingAt(run, campaign.sequence(ref.sequenceId).steps)
}

/** A step that was in flight when the pause began may have been resolved since: the wait after it began only then. */
export function pausedFor(run: Run, now: Instant): number {
  const [pausedAt, waitAt] = [epochMsOf(run.pausedAt ?? now), epochMsOf(waitSince(run))]
  return Math.max(0, epochMsOf(now) - Math.max(pausedAt, waitAt))
}
