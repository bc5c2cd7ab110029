/** Events, causes and reasons as sentences for operators. */
import type { NotRun, Observation, RecordedContactEvent, RouteTaken, StepRef, Timing } from '@enfold/core'
import type { Titles } from './titles.ts'
import { wallTime } from './when.ts'

/** What happened, with the sequence by its title. */
export function sentenceOf({ type, data }: RecordedContactEvent, titles: Titles, timeZone: string): string {
  switch (type) {
    case 'SequenceStarted':
      return `Started ${titles.sequence(data)}, run ${data.run}, version ${data.campaignVersion}`
    case 'SequenceStopped':
      return `Stopped ${titles.sequence(data)}, run ${data.run}`
    case 'SequencePaused':
      return `Paused ${titles.sequence(data)}`
    case 'SequenceResumed':
      return `Resumed ${titles.sequence(data)}${data.shiftMs > 0 ? `, ${Math.round(data.shiftMs / 60_000)} min later` : ''}`
    case 'SequenceCompleted':
      return `Completed ${titles.sequence(data)}${data.waiting ? ', and waits at its end' : ''}`
    case 'GoalSatisfied':
      return `Satisfied the goal ${goalTitle(data, titles)}`
    case 'StepDispatched':
      return `Dispatching ${stepOf(data)} of ${titles.sequence(data)}${data.attempt > 1 ? `, attempt ${data.attempt}` : ''}`
    case 'StepSent':
      return `Sent ${stepOf(data)} of ${titles.sequence(data)}`
    case 'StepFailed':
      return `Failed: ${stepOf(data)} of ${titles.sequence(data)}: ${data.reason}; ${CONSEQUENCES[data.consequence]}${
        data.retryAt === null ? '' : ` at ${wallTime(data.retryAt, timeZone)}`
      }`
    case 'StepSkipped':
      return `Skipped ${stepOf(data)} of ${titles.sequence(data)}: ${data.reason}`
    case 'StepResent':
      return `Ordered ${data.stepId} of ${titles.sequence(data)} to be sent again`
    case 'StepCancelled':
      return `Cancelled ${data.stepId} of ${titles.sequence(data)}`
    case 'ContactSuppressed':
      return data.until === null ? 'Suppressed without end' : `Suppressed until ${wallTime(data.until, timeZone)}`
    case 'ContactUnsuppressed':
      return 'Suppressed no longer'
    case 'ContactErased':
      return 'Erased'
  }
}

const CONSEQUENCES = {
  retry: 'tried again',
  continue: 'the sequence goes on',
  stop: 'the sequence is stopped',
  hold: 'held for an operator',
} as const

function stepOf({ stepId, resend }: Pick<StepRef, 'stepId'> & { readonly resend: number }): string {
  return resend === 0 ? stepId : `${stepId} (resend ${resend})`
}

function goalTitle({ campaignId, goalId }: { readonly campaignId: string; readonly goalId: string }, titles: Titles) {
  return titles.definition(campaignId)?.goals.find(({ id }) => id === goalId)?.name ?? goalId
}

/** Who or what brought it about. */
export function causeOf({ cause, actor }: RecordedContactEvent, titles: Titles): string {
  const who = actor ?? 'nobody named'
  switch (cause.by) {
    case 'operator':
      return `ordered by ${who}${saying(cause.reason)}`
    case 'bulk':
      return `action ordered by ${who}${saying(cause.reason)}`
    case 'signal':
      return `signal ${cause.kind}${actor === null ? '' : ` of ${actor}`}`
    case 'goal':
      return `goal ${goalTitle(cause, titles)}`
    case 'sequence':
      return `end of ${titles.sequence(cause)}`
    case 'step':
      return `schedule of ${cause.stepId}`
  }
}

function saying(reason: string | undefined): string {
  return reason === undefined ? '' : `: “${reason}”`
}

/** What a decision saw, chose and counted, a sentence each. */
export function evidenceOf(
  link: {
    readonly event: RecordedContactEvent
    readonly saw: readonly Observation[]
    readonly routes: readonly RouteTaken[]
    readonly timing: Timing | null
  },
  timeZone: string,
): readonly string[] {
  const { event, saw, routes, timing } = link
  return [
    ...(event.cause.by === 'signal' ? [`The signal ${event.cause.signalId} of the kind ${event.cause.kind}.`] : []),
    ...saw.map((one) => {
      if ('tag' in one) return `Saw ${one.present ? 'the' : 'no'} tag ${one.tag}.`
      if ('test' in one) return `Saw that the private field ${one.field} ${one.holds ? 'passes' : 'fails'} ${one.test}.`
      return `Saw the field ${one.field}: ${JSON.stringify(one.value)}.`
    }),
    ...routes.map(
      ({ to, outcome, run }) => `Route to ${to}: ${ROUTES[outcome]}${run === undefined ? '' : `, run ${run}`}.`,
    ),
    ...(timing === null ? [] : timingOf(timing, timeZone)),
    ...(event.type === 'StepDispatched' ? [`Idempotency key ${event.data.idempotencyKey}.`] : []),
    ...(event.type === 'StepSent' && event.data.receipt !== undefined ? [`Receipt ${event.data.receipt}.`] : []),
  ]
}

function timingOf({ anchor, dueAt, field, invalidTimeZone, timeZone }: Timing, shown: string): string[] {
  return [
    `Due ${wallTime(dueAt, shown)}, counted from ${wallTime(anchor, shown)}${timeZone === undefined ? '' : ` in ${timeZone}`}.`,
    ...(invalidTimeZone === undefined
      ? []
      : [`The contact's zone ${invalidTimeZone} is none; the campaign's was taken.`]),
    ...(field === undefined
      ? []
      : [
          `Read the field ${field.name}${field.value === undefined ? ', which is private' : `: ${JSON.stringify(field.value)}`}.`,
        ]),
  ]
}

const ROUTES: Readonly<Record<RouteTaken['outcome'], string>> = {
  closed: 'its condition did not hold',
  started: 'started',
  already_active: 'in progress already',
  goal: 'a goal, which waits for its signal',
  not_published: 'can no longer be started',
  brake: 'started too often within an hour',
}

/** Why a step ran or did not. */
export function reasonOf(
  { reason, detail, dueAt }: Pick<NotRun, 'reason' | 'detail' | 'dueAt'>,
  timeZone: string,
): string {
  const more = detail === null ? '' : `: ${detail}`
  const due = dueAt === null ? '' : ` It is due ${wallTime(dueAt, timeZone)}.`
  return `${REASONS[reason]}${more}.${due}`
}

const REASONS: Readonly<Record<NotRun['reason'], string>> = {
  sent: 'It was sent',
  'in-flight': 'It is being dispatched right now, or its worker died and another will take over',
  'never-started': 'The sequence was never started for this contact',
  skipped: 'It was skipped',
  failed: 'It failed for good',
  held: 'It failed, and is held until an operator resends or cancels it',
  cancelled: 'It was cancelled in this run',
  stopped: 'The sequence was stopped before it',
  suppressed: 'The contact is suppressed',
  erased: 'The contact was erased',
  paused: 'The sequence is paused',
  'not-yet-due': 'It is not due yet',
  window: 'It is due, and waits for its window to open',
  due: 'It is due, and no dispatcher has been there since',
  'step-unknown': 'This version of the sequence has no such step',
}

/** What an order came to, by its outcome. */
export const OUTCOMES: ReadonlyMap<string, string> = new Map([
  ['started', 'Started from its first step.'],
  ['restarted', 'Stopped, and started again from its first step.'],
  ['already_active', 'It is in the sequence already. Nothing was changed, and nothing reset.'],
  ['stopped', 'Stopped. No further step of it goes out.'],
  ['not_active', 'It was not in the sequence. Nothing was changed.'],
  ['paused', 'Paused. Nothing of it goes out until it is resumed.'],
  ['already_paused', 'It was paused already. Nothing was changed.'],
  ['resumed', 'Resumed.'],
  ['not_paused', 'It was not paused. Nothing was changed.'],
  ['resent', 'The step is sent again as soon as a dispatcher comes by. The schedule stays as it is.'],
  ['cancelled', 'The step was cancelled. The steps behind it keep their times.'],
  ['already_cancelled', 'The step was cancelled already. Nothing was changed.'],
  ['suppressed', 'Suppressed: everything was stopped, and nothing can start until it is lifted.'],
  ['already_suppressed', 'Suppressed already, in the same way. Nothing was changed.'],
  ['unsuppressed', 'The ban was lifted.'],
  ['not_suppressed', 'There was no ban. Nothing was changed.'],
])

/** Outcomes that changed something. The others are no success to be shown as one. */
export const CHANGED: ReadonlySet<string> = new Set([
  'started',
  'restarted',
  'stopped',
  'paused',
  'resumed',
  'resent',
  'cancelled',
  'suppressed',
  'unsuppressed',
])

/** What an action comes to for a contact, as a preview and a result say it. */
export const ACTION_WORDS: ReadonlyMap<string, string> = new Map([
  ['started', 'start at the first step'],
  ['restarted', 'are stopped, and start again'],
  ['already_active', 'are in it already, and stay where they are'],
  ['stopped', 'are taken out'],
  ['not_active', 'are not in it, and stay as they are'],
  ['contact_unknown', 'are unknown to the directory'],
  ['suppressed', 'are suppressed, and not started'],
  ['failed', 'fail, each with its reason'],
])
