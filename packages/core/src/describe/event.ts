/** What happened, as one sentence. */
import { NOBODY } from '../deliver-to.ts'
import type { CampaignEventData, ContactEventData, NewEvent } from '../events.ts'
import { elapsedWords } from '../timers/after.ts'
import type { UnchangedOutcome } from '../verbs/campaign-verbs.ts'
import { describeDelivery } from './delivery.ts'
import { durationInWords } from './duration.ts'
import {
  campaignInWords,
  goalInWords,
  idInWords,
  instantInWords,
  runInWords,
  stepInWords,
  stepNameInWords,
  visibleText,
  type Wording,
} from './wording.ts'

/**
 * What happened, as a sentence without its full stop. `describeCause` says why, `describeEvidence` what the decision saw.
 *
 * Values of the host stand in it as the log has them: a reason of a failure, for example. Escape it like any other text.
 *
 * @example
 * describeEvent(event) // 'Sent mistake-1 of pool-owners/nurture, run 1'
 * describeEvent(event, { name: ({ stepId, sequenceId }) => titles.get(stepId ?? sequenceId) })
 * // 'Sent Mistake 1 of Seven mistakes, run 1'
 */
export function describeEvent({ type, data }: NewEvent, wording: Wording = {}): string {
  switch (type) {
    case 'CampaignPublished':
      return `Published version ${data.campaignVersion} of ${campaignInWords(data.campaignId, wording)}`
    case 'CampaignUnpublished':
      return `Unpublished ${campaignInWords(data.campaignId, wording)}`
    case 'CampaignPaused':
      return `Paused ${pausedInWords(data, wording)}${data.entries === 'closed' ? ', closed to entries' : ''}`
    case 'CampaignResumed':
      return `Resumed ${campaignInWords(data.campaignId, wording)}: ${overdueInWords(data)}`
    case 'CampaignUnchanged':
      return `Left ${campaignInWords(data.campaignId, wording)} as it was: ${UNCHANGED[data.outcome](data.campaignVersion)}`
    case 'SequenceStarted':
      return data.continues === undefined
        ? `Started ${runInWords(data, wording)}${atInWords(data, wording)} (version ${data.campaignVersion})`
        : `Restored ${runInWords(data, wording)} (version ${data.campaignVersion}), which goes on where run ${data.continues} stood`
    case 'RunUndone':
      return `Undid the start of ${runInWords(data, wording)}${data.waiting ? '; the run before it waits again' : ''}`
    case 'SequenceStopped':
      return `Stopped ${runInWords(data, wording)}`
    case 'SequencePaused':
      return `Paused ${runInWords(data, wording)}`
    case 'SequenceResumed':
      return `Resumed ${runInWords(data, wording)}${data.shiftMs > 0 ? `; the wait is ${durationInWords(data.shiftMs)} longer` : ''}`
    case 'SequenceCompleted':
      return `Completed ${runInWords(data, wording)}${data.waiting ? ', and waits for a goal' : ''}`
    case 'SignalReceived':
      return `Received the ${data.automated ? 'automated ' : ''}signal ${idInWords(data.signalId)} (${visibleText(data.kind)})`
    case 'SignalsDropped':
      return data.count === 1
        ? 'Dropped a signal: too many are kept'
        : `Dropped ${data.count} signals: too many are kept`
    case 'SignalRetracted':
      return `Retracted the signal ${idInWords(data.signalId)}`
    case 'GoalSatisfied':
      return `Satisfied the goal ${goalInWords(data, wording)}`
    case 'StepDispatched':
      return `Dispatched ${stepInWords(data, wording)}`
    case 'StepSent':
      return data.deliverTo === NOBODY
        ? `Did not send ${stepInWords(data, wording)}: ${describeDelivery(data.deliverTo)}`
        : `Sent ${stepInWords(data, wording)}${instead(data)}`
    case 'StepFailed':
      return `Failed ${stepInWords(data, wording)}${instead(data, 'to be ')}: ${visibleText(data.reason)}; ${consequence(data, wording)}`
    case 'StepSkipped':
      return `Skipped ${stepInWords(data, wording)}: ${visibleText(data.reason)}`
    case 'StepResent':
      return `Ordered ${stepInWords(data, wording)}`
    case 'StepCancelled':
      return `Cancelled ${stepInWords(data, wording)}`
    case 'StepRescheduled':
      if (data.dueAt === null) return `Gave ${stepInWords(data, wording)} back to its timer`
      return data.now === true
        ? `Ordered ${stepInWords(data, wording)} to be sent now`
        : `Rescheduled ${stepInWords(data, wording)} to ${instantInWords(data.dueAt, wording)}`
    case 'RunMoved':
      return `Moved ${runInWords(data, wording)} to ${stepNameInWords({ ...data, stepId: data.to }, wording)}`
    case 'OrderUndone':
      return `Undid ${ORDERS[data.order]} of ${orderedInWords(data, wording)}`
    case 'RunShifted':
      return `Shifted ${runInWords(data, wording)}: waits end ${durationInWords(Math.abs(data.byMs))} ${data.byMs < 0 ? 'earlier' : 'later'}`
    case 'ContactSuppressed':
      return data.until === null ? 'Suppressed without end' : `Suppressed until ${instantInWords(data.until, wording)}`
    case 'ContactUnsuppressed':
      return 'No longer suppressed'
    case 'ContactErased':
      return 'Erased'
  }
}

/** ", delivered to me@example.com instead"; empty where it was for the contact. */
function instead({ deliverTo }: { readonly deliverTo?: string }, before = ''): string {
  return deliverTo === undefined ? '' : `, ${before}${describeDelivery(deliverTo)}`
}

/** " at mistake-4"; empty where it begins at its first step. */
function atInWords({ atStep, ...run }: ContactEventData['SequenceStarted'], wording: Wording): string {
  return atStep === undefined ? '' : ` at ${stepNameInWords({ ...run, stepId: atStep }, wording)}`
}

const ORDERS: { readonly [One in ContactEventData['OrderUndone']['order']]: string } = {
  skip: 'the skip',
  cancel: 'the cancelling',
  resend: 'the resend',
  move: 'the move',
}

function orderedInWords({ stepId, ...run }: ContactEventData['OrderUndone'], wording: Wording): string {
  return stepId === undefined ? runInWords(run, wording) : stepInWords({ ...run, stepId }, wording)
}

const UNCHANGED: { readonly [Outcome in UnchangedOutcome]: (version: number) => string } = {
  unchanged: (version) => `published already, as version ${version}`,
  superseded: (version) => `version ${version} has a higher revision`,
  not_published: () => 'not published',
  already_paused: () => 'paused already',
  not_paused: () => 'not paused',
}

function pausedInWords({ campaignId, sequences }: CampaignEventData['CampaignPaused'], wording: Wording): string {
  const campaign = campaignInWords(campaignId, wording)
  if (sequences === null) return campaign
  const named = sequences.map((sequenceId) => wording.name?.({ campaignId, sequenceId }) ?? idInWords(sequenceId))
  return `${named.join(', ')} of ${campaign}`
}

const OVERDUE: { readonly [One in CampaignEventData['CampaignResumed']['overdue']]: string } = {
  shift: 'waits are longer by the pause',
  send: 'what fell due is due now',
  skip: 'what fell due is skipped',
}

function overdueInWords({ overdue, pace }: CampaignEventData['CampaignResumed']): string {
  const most = pace === undefined ? '' : `, at most ${pace.most} overdue steps in ${elapsedWords(pace.per)}`
  return `${OVERDUE[overdue]}${most}`
}

function consequence({ consequence, retryAt }: ContactEventData['StepFailed'], wording: Wording): string {
  switch (consequence) {
    case 'retry':
      return retryAt === null
        ? 'another attempt follows'
        : `the next attempt is due ${instantInWords(retryAt, wording)}`
    case 'continue':
      return 'the sequence goes on'
    case 'stop':
      return 'the sequence stops'
    case 'hold':
      return 'held for an operator'
  }
}
