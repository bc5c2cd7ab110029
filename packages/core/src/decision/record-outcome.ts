/** The dispatcher's report: what a handler came to, and what follows from it (STEP-5 to STEP-8). */

import { requireStep } from '../campaign.ts'
import type { RecordOutcome } from '../commands.ts'
import type { StepDefinition } from '../definition.ts'
import { right } from '../either.ts'
import {
  type ContactState,
  isInProgress,
  isSuppressed,
  type ResendRecord,
  type Run,
  recordFor,
  refOf,
  runOf,
  type StepRecord,
} from '../enrollment.ts'
import type { RunRef } from '../events.ts'
import type { Instant } from '../ids.ts'
import { maxAttemptsOf } from '../plan.ts'
import { REASONS } from '../reasons.ts'
import type { Decider } from '../verbs/verb.ts'
import type { Causation } from './builder.ts'
import { afterResolution } from './resolving.ts'

/** `stale`: the step was resolved otherwise meanwhile. */
export interface RecordOutcomeAnswer {
  readonly outcome: 'recorded' | 'stale'
}

export const recordOutcome: Decider<RecordOutcome, RecordOutcomeAnswer> = {
  command: 'RecordOutcome',
  readsFacts: true,
  readsPublished: false,
  recordedBy: null,
  decide(command, decision) {
    const { stepId, occurrence, resend, attempt, outcome, deliverTo } = command
    const ref: RunRef = { ...refOf(command), run: command.run }
    const run = runOf(decision.state(), ref)
    const record = run === undefined ? undefined : recordFor(run, stepId, occurrence)
    const sending = resend === 0 ? record : record?.resends[resend - 1]
    if (run === undefined || sending === undefined || !isAwaited(sending, command)) return right({ outcome: 'stale' })
    const { correlationId } = run
    const why: Causation = { cause: { by: 'step', stepId }, causationId: sending.eventId, correlationId }
    const data = { ...ref, stepId, ...(occurrence === undefined ? {} : { occurrence }), resend, attempt }
    const redirected = deliverTo === undefined ? {} : { deliverTo }
    switch (outcome.outcome) {
      case 'sent':
        decision.add(
          'StepSent',
          { ...data, ...(outcome.receipt === undefined ? {} : { receipt: outcome.receipt }), ...redirected },
          why,
        )
        break
      case 'skipped':
        decision.add('StepSkipped', { ...data, reason: outcome.reason, timing: null }, why)
        break
      case 'failed': {
        const { campaign } = decision.campaigns.version(ref.campaignId, run.campaignVersion)
        const step = requireStep(campaign.sequence(ref.sequenceId), stepId)
        const consequence = afterFailure(decision.state(), decision.now, run, step, sending, command)
        const retryAt = consequence === 'retry' ? command.retryAt : null
        decision.add('StepFailed', { ...data, reason: outcome.reason, consequence, retryAt, ...redirected }, why)
      }
    }
    afterResolution(decision, ref, stepId)
    return right(null)
  },
  answerFrom: () => ({ outcome: 'recorded' }),
}

/**
 * Whether this outcome still says something. A worker that was given up may report after another has tried again: that
 * the step was sent is then news, that it failed is not.
 */
function isAwaited(sending: StepRecord | ResendRecord, { attempt, outcome }: RecordOutcome): boolean {
  if (attempt > sending.attempt) return false
  const good = outcome.outcome !== 'failed'
  if (sending.status === 'dispatched') return good || attempt === sending.attempt
  const givenUp = sending.status === 'failed' || sending.status === 'held'
  return good && (sending.status === 'retrying' || (givenUp && sending.reason === REASONS.unknownOutcome))
}

function afterFailure(
  state: ContactState,
  now: Instant,
  run: Run,
  step: StepDefinition,
  sending: StepRecord | ResendRecord,
  { resend, attempt, outcome }: RecordOutcome,
): 'retry' | 'continue' | 'stop' | 'hold' {
  const last = (outcome.outcome === 'failed' && outcome.permanent === true) || attempt >= maxAttemptsOf(step)
  // STOP-6: what was in flight at a stop is recorded, and not tried again.
  const stoppedSince = run.status === 'stopped' && run.endedAt !== null && sending.at <= run.endedAt
  // A failure that leaves open whether it was sent is an unknown outcome like that of a dead worker (STEP-6).
  const unknown = outcome.outcome === 'failed' && outcome.unknown === true && step.onUnknown === 'hold'
  if (resend > 0)
    return last || unknown || stoppedSince || isSuppressed(state, now) || state.erased ? 'continue' : 'retry'
  if (!isInProgress(run)) return 'continue'
  if (unknown) return 'hold'
  return last ? (step.onFailure ?? 'continue') : 'retry'
}
