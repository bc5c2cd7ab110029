/** Events, ids and instants in words for people. */
import {
  type Instant,
  isTimeZone,
  type Observation,
  type RecordedContactEvent,
  type RouteTaken,
  type StepRef,
  show,
  type Timing,
} from '@enfold/core'

/** An id as it is, or in quotes if it could be taken for something else. */
export function named(id: string): string {
  return /^[\w.-]+$/.test(id) ? id : JSON.stringify(id)
}

/** "2026-03-04 07:00 UTC" */
export function utc(instant: Instant): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** "Wed 4 Mar 08:00 Europe/Berlin" */
export function local(instant: Instant, timeZone: string): string {
  let format = formats.get(timeZone)
  if (format === undefined) {
    const options = { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } as const
    format = new Intl.DateTimeFormat('en-GB', { timeZone, hourCycle: 'h23', ...options })
    formats.set(timeZone, format)
  }
  const parts = new Map(format.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]))
  const [weekday, day, month] = ['weekday', 'day', 'month'].map((part) => parts.get(part as 'day'))
  return `${weekday} ${day} ${month} ${parts.get('hour')}:${parts.get('minute')} ${timeZone}`
}

/** The first of these zones that this machine knows, else UTC. */
export function zoneAmong(...zones: readonly (string | undefined)[]): string {
  return zones.find((zone) => isTimeZone(zone)) ?? 'UTC'
}

/** What an event says happened. */
export function deed(event: RecordedContactEvent): string {
  const { type, data } = event
  switch (type) {
    case 'SequenceStarted':
      return `${run(data)} started`
    case 'SequenceStopped':
      return `${run(data)} stopped`
    case 'SequencePaused':
      return `${run(data)} paused`
    case 'SequenceResumed':
      return `${run(data)} resumed${data.shiftMs > 0 ? `, its wait longer by ${days(data.shiftMs)}` : ''}`
    case 'SequenceCompleted':
      return `${run(data)} ${data.waiting ? 'finished, waiting for a goal' : 'completed'}${routes(data.routes)}${saw(data.saw)}`
    case 'GoalSatisfied':
      return `goal ${named(data.goalId)} satisfied${routes(data.routes)}${saw(data.saw)}`
    case 'StepDispatched':
      return `${step(data)} dispatched${data.attempt > 1 ? `, attempt ${data.attempt}` : ''}${due(data.timing)}`
    case 'StepSent':
      return `${step(data)} sent${data.receipt === undefined ? '' : `: ${data.receipt}`}`
    case 'StepFailed':
      return `${step(data)} failed (${data.reason}), then ${data.consequence}`
    case 'StepSkipped':
      return `${step(data)} skipped (${data.reason})${due(data.timing)}`
    case 'StepResent':
      return `${step(data)} ordered`
    case 'StepCancelled':
      return `${step(data)} cancelled`
    case 'ContactSuppressed':
      return `suppressed ${data.until === null ? 'without end' : `until ${utc(data.until)}`}`
    case 'ContactUnsuppressed':
      return 'no longer suppressed'
    case 'ContactErased':
      return 'erased'
  }
}

/** Why it happened, and who ordered it. */
export function why({ type, data, cause, actor }: RecordedContactEvent): string {
  switch (cause.by) {
    case 'operator':
    case 'bulk': {
      const who = actor === null ? 'by nobody in particular' : `by ${named(actor)}`
      return cause.reason === undefined ? who : `${who}: ${JSON.stringify(cause.reason)}`
    }
    case 'signal':
      return `because of ${cause.kind}, signal ${named(cause.signalId)}`
    case 'goal':
      return `because goal ${named(cause.goalId)} was satisfied`
    case 'sequence':
      return `because ${run(cause)} was finished`
    case 'step':
      if (type === 'SequenceCompleted') return `because step ${named(cause.stepId)} was its last`
      if (type === 'StepDispatched') return data.resend > 0 ? 'as ordered' : 'on its schedule'
      if (type === 'StepSkipped' && data.attempt === 0) return 'on its schedule'
      return type.startsWith('Step') ? 'as its handler answered' : `because of step ${named(cause.stepId)}`
  }
}

export function run({ sequenceId, run }: { readonly sequenceId: string; readonly run: number }): string {
  return `${named(sequenceId)} (run ${run})`
}

function step({ sequenceId, stepId, run, resend = 0 }: StepRef & { readonly resend?: number }): string {
  const which = [...(run > 1 ? [`run ${run}`] : []), ...(resend > 0 ? [`resend ${resend}`] : [])]
  return `${named(sequenceId)}/${named(stepId)}${which.length > 0 ? ` (${which.join(', ')})` : ''}`
}

function due(timing: Timing | null): string {
  if (timing === null) return ''
  const { dueAt, timeZone, invalidTimeZone } = timing
  if (timeZone === undefined) return ''
  const fallback = invalidTimeZone === undefined ? '' : `, for ${show(invalidTimeZone)} is no zone`
  return `, due ${local(dueAt, timeZone)}${fallback}`
}

function routes(taken: readonly RouteTaken[]): string {
  return taken
    .filter(({ outcome }) => outcome !== 'goal')
    .map(({ to, outcome, run }) => {
      if (outcome === 'started') return `, to ${named(to)} (run ${run})`
      return `, not to ${named(to)}: ${outcome.replaceAll('_', ' ')}`
    })
    .join('')
}

function saw(seen: readonly Observation[]): string {
  return seen
    .map((one) => {
      if ('tag' in one) return `, saw ${one.present ? 'the tag' : 'no tag'} ${show(one.tag)}`
      return 'value' in one ? `, saw ${one.field} ${show(one.value)}` : `, saw ${one.test}: ${one.holds}`
    })
    .join('')
}

function days(ms: number): string {
  return `${Math.round(ms / 8_640_000) / 10} days`
}
