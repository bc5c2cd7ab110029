/** An event in words: what happened, why, and what the decision saw. */
import type { Observation, RecordedEvent, RouteTaken, Timing } from '@enfold/core'
import { named, plain } from './text.ts'

/** A JSON value on one line; a text in quotes. */
const shown = (value: unknown) => plain(JSON.stringify(value))

/** What happened, as the end of a sentence: "sent mistake-1 of pool-owners/nurture, run 1". */
export function deedOf({ type, data }: RecordedEvent): string {
  switch (type) {
    case 'CampaignPublished':
      return `published version ${data.campaignVersion} of ${named(data.campaignId)}`
    case 'CampaignUnpublished':
      return `unpublished ${named(data.campaignId)}`
    case 'SequenceStarted':
      return `started ${runOf(data)} (version ${data.campaignVersion})`
    case 'SequenceStopped':
      return `stopped ${runOf(data)}`
    case 'SequencePaused':
      return `paused ${runOf(data)}`
    case 'SequenceResumed':
      return `resumed ${runOf(data)}${data.shiftMs > 0 ? `, ${data.shiftMs} ms later` : ''}`
    case 'SequenceCompleted':
      return `completed ${runOf(data)}${data.waiting ? ', and waits at its end' : ''}`
    case 'GoalSatisfied':
      return `satisfied the goal ${named(data.campaignId)}/${named(data.goalId)}`
    case 'StepDispatched':
      return `dispatched ${stepOf(data)}, attempt ${data.attempt}`
    case 'StepSent':
      return `sent ${stepOf(data)}`
    case 'StepFailed':
      return `failed ${stepOf(data)}: ${named(data.reason)}, then ${data.consequence}${data.retryAt === null ? '' : ` at ${data.retryAt}`}`
    case 'StepSkipped':
      return `skipped ${stepOf(data)}: ${named(data.reason)}`
    case 'StepResent':
      return `ordered again ${stepOf(data)}`
    case 'StepCancelled':
      return `cancelled ${stepOf(data)}`
    case 'ContactSuppressed':
      return data.until === null ? 'suppressed for ever' : `suppressed until ${data.until}`
    case 'ContactUnsuppressed':
      return 'suppressed no longer'
    case 'ContactErased':
      return 'erased'
  }
}

/** Who or what brought it about: "by luis: \"wants to begin again\"". */
export function reasonOf({ cause, actor }: RecordedEvent): string {
  const who = actor === null ? '' : ` of ${named(actor)}`
  switch (cause.by) {
    case 'operator':
      return `by ${actor === null ? 'an operator' : named(actor)}${saying(cause.reason)}`
    case 'bulk':
      return `by the bulk action ${named(cause.actionId)}${who}${saying(cause.reason)}`
    case 'signal':
      return `by the signal ${named(cause.signalId)} (${named(cause.kind)})${who}`
    case 'goal':
      return `by the goal ${named(cause.campaignId)}/${named(cause.goalId)}`
    case 'sequence':
      return `by the end of ${runOf(cause)}`
    case 'step':
      return `by the step ${named(cause.stepId)}`
  }
}

/** What the decision saw and chose, one line each; empty for most events. */
export function evidenceOf({ type, data }: RecordedEvent): readonly string[] {
  switch (type) {
    case 'GoalSatisfied':
      return [`happened at ${data.occurredAt}`, ...routesIn(data.routes), ...sightsIn(data.saw)]
    case 'SequenceCompleted':
      return [...routesIn(data.routes), ...sightsIn(data.saw)]
    case 'StepDispatched':
      return [...timesIn(data.timing), ...sightsIn(data.saw ?? []), `idempotency key ${data.idempotencyKey}`]
    case 'StepSkipped':
      return [...timesIn(data.timing), ...sightsIn(data.saw ?? [])]
    case 'StepSent':
      return data.receipt === undefined ? [] : [`receipt ${named(data.receipt)}`]
    default:
      return []
  }
}

export function sequenceName(ref: { readonly campaignId: string; readonly sequenceId: string }): string {
  return `${named(ref.campaignId)}/${named(ref.sequenceId)}`
}

function runOf(ref: { readonly campaignId: string; readonly sequenceId: string; readonly run: number }): string {
  return `${sequenceName(ref)}, run ${ref.run}`
}

function stepOf(
  ref: Parameters<typeof runOf>[0] & { readonly stepId: string; readonly resend?: number | undefined },
): string {
  return `${named(ref.stepId)} of ${runOf(ref)}${ref.resend === undefined || ref.resend === 0 ? '' : `, resend ${ref.resend}`}`
}

function saying(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${shown(reason)}`
}

const ROUTES: Readonly<Record<RouteTaken['outcome'], string>> = {
  closed: 'its condition did not hold',
  started: 'started',
  already_active: 'is in progress already',
  goal: 'a goal, which waits for its signal',
  not_published: 'can no longer be started',
  brake: 'was started too often within an hour',
}

function routesIn(routes: readonly RouteTaken[]): string[] {
  return routes.map(
    ({ to, outcome, run }) => `route to ${named(to)}: ${ROUTES[outcome]}${run === undefined ? '' : `, run ${run}`}`,
  )
}

function sightsIn(saw: readonly Observation[]): string[] {
  return saw.map((one) => {
    if ('tag' in one) return `saw ${one.present ? 'the' : 'no'} tag ${named(one.tag)}`
    if ('test' in one)
      return `saw that ${named(one.field)} ${one.holds ? 'passes' : 'does not pass'} the test ${named(one.test)}`
    return `saw the field ${named(one.field)}: ${shown(one.value)}`
  })
}

function timesIn(timing: Timing | null): string[] {
  if (timing === null) return ['outside the schedule']
  const { dueAt, anchor, timeZone, invalidTimeZone, field } = timing
  const zone = timeZone === undefined ? '' : `, in ${named(timeZone)}`
  const instead = invalidTimeZone === undefined ? '' : ` (${named(invalidTimeZone)} is no zone)`
  const read =
    field === undefined
      ? []
      : [`read the field ${named(field.name)}${field.value === undefined ? ' (private)' : `: ${shown(field.value)}`}`]
  return [`due ${dueAt}, counted from ${anchor}${zone}${instead}`, ...read]
}
