/** What a decision saw and chose, a line each. */
import type { NewEvent, Observation, RouteTaken, Timing, UndoRunOutcome, UnmetGoal } from '../events.ts'
import type { CampaignId, StepId } from '../ids.ts'
import { durationInWords } from './duration.ts'
import {
  goalInWords,
  idInWords,
  instantInWords,
  keyInWords,
  runInWords,
  stepNameInWords,
  valueInWords,
  visibleText,
  type Wording,
} from './wording.ts'

/**
 * What the decision saw and chose, a line each; empty for most events. Of a private field only the test and its outcome
 * are known (LOG-4).
 *
 * @example
 * describeEvidence(satisfied)
 * // ['Happened at 2026-03-02T09:22:00.000Z', 'Route to vip: started, run 1', 'Saw the field spend: 1200']
 */
export function describeEvidence({ type, data }: NewEvent, wording: Wording = {}): readonly string[] {
  switch (type) {
    case 'GoalSatisfied':
      return [
        `Happened at ${instantInWords(data.occurredAt, wording)}`,
        ...(data.same === undefined ? [] : [`Stops runs of the key ${idInWords(data.same)}`]),
        ...routes(data.campaignId, data.routes, wording),
        ...sights(data.saw),
      ]
    case 'SequenceStarted':
      return [
        ...(data.standing === undefined ? [] : [data.standing === 'paused' ? 'It is paused' : 'It waits for a goal']),
        ...((data.shiftMs ?? 0) === 0 ? [] : [`Its wait is ${durationInWords(data.shiftMs ?? 0)} longer`]),
        ...Object.entries(data.vars ?? {}).map(
          ([name, value]) => `Began with ${idInWords(name)}: ${valueInWords(value)}`,
        ),
      ]
    case 'SignalRetracted':
      return [
        ...data.goals.map((goal) => `Does not satisfy the goal ${goalInWords(goal, wording)} any more`),
        ...data.results.map((one) => `Run of ${runInWords(one, wording)}: ${UNDONE[one.outcome]}`),
      ]
    case 'SignalReceived':
      return [
        `Happened at ${instantInWords(data.occurredAt, wording)}`,
        ...Object.entries(data.data).map(([name, value]) => `Kept ${idInWords(name)}: ${valueInWords(value)}`),
        ...data.clipped.map((name) => `Could not keep ${idInWords(name)}: no scalar, too long or one too many`),
        ...sights(data.tests),
        ...goalsUnmet(data.unmet, wording),
      ]
    case 'SignalsDropped':
      return goalsUnmet(data.unmet, wording)
    case 'SequenceCompleted':
      return [...routes(data.campaignId, data.routes, wording), ...sights(data.saw)]
    case 'StepDispatched':
      return [
        ...schedule(data.timing, data.resend, wording),
        ...sights(data.saw ?? []),
        `Idempotency key ${visibleText(data.idempotencyKey)}`,
      ]
    case 'StepSkipped':
      return [...schedule(data.timing, data.resend, wording), ...sights(data.saw ?? [])]
    case 'StepSent':
      return data.receipt === undefined ? [] : [`Receipt ${visibleText(data.receipt)}`]
    case 'RunMoved': {
      const named = (stepId: StepId) => stepNameInWords({ ...data, stepId }, wording)
      return [
        ...(data.from === null ? [] : [`Stood at ${named(data.from)}`]),
        data.standsAt === null ? 'No step is left' : `Stands at ${named(data.standsAt)}, ${WAIT[data.wait]}`,
        ...data.again.map((stepId) => `Does ${named(stepId)} again`),
      ]
    }
    case 'SequenceStopped':
      return data.movedTo === undefined ? [] : [`Moved to ${runInWords({ ...data, ...data.movedTo }, wording)}`]
    case 'StepRescheduled':
      return [
        ...(data.from === undefined ? [] : [`Was due ${instantInWords(data.from, wording)}`]),
        ...(data.to === undefined ? [] : [`Is due ${instantInWords(data.to, wording)}`]),
      ]
    case 'CampaignPublished':
    case 'CampaignUnpublished':
    case 'CampaignPaused':
    case 'CampaignResumed':
    case 'CampaignUnchanged':
    case 'RunUndone':
    case 'SequencePaused':
    case 'SequenceResumed':
    case 'StepFailed':
    case 'StepResent':
    case 'StepCancelled':
    case 'RunShifted':
    case 'OrderUndone':
    case 'ContactSuppressed':
    case 'ContactUnsuppressed':
    case 'ContactErased':
      return []
  }
}

/** What became of a run, where what was done to it was to be undone (UNDO-5). */
export const UNDONE: Readonly<Record<UndoRunOutcome, string>> = {
  undone: 'as if it had never begun',
  restored: 'goes on where the one before it stood',
  stopped: 'something of it had been dispatched, so it was stopped',
  already_sent: 'something of it had been dispatched, so it was left alone',
  changed_since: 'left alone, because more has happened since',
  nothing_to_undo: 'there was nothing to undo',
  failed: 'not undone',
}
const WAIT = { none: 'due now', keep: 'whose wait begins' } as const

const ROUTES: Readonly<Record<RouteTaken['outcome'], string>> = {
  closed: 'its condition did not hold',
  started: 'started',
  already_active: 'already in progress',
  goal: 'a goal, which waits for its signal',
  not_published: 'can no longer be started',
  brake: 'started too often within an hour',
  key_missing: 'not started',
  too_many_runs: 'not started',
  paused: 'not started',
}

/** After the key that it would have been for. */
const WHY: Partial<typeof ROUTES> = {
  key_missing: ', because no value says its key',
  too_many_runs: ', because too many runs with other keys are open',
  paused: ', because its campaign is paused and closed to entries',
}

function routes(campaignId: CampaignId, taken: readonly RouteTaken[], { name }: Wording): string[] {
  return taken.map(({ to, outcome, key, run }) => {
    // An id is that of a sequence or a goal, never of both.
    const node = name?.({ campaignId, sequenceId: to }) ?? name?.({ campaignId, goalId: to }) ?? idInWords(to)
    return `Route to ${node}: ${ROUTES[outcome]}${keyInWords(key)}${WHY[outcome] ?? ''}${run === undefined ? '' : `, run ${run}`}`
  })
}

const UNMET: Readonly<Record<UnmetGoal['because'], string>> = {
  not_member: 'the contact was no member of the campaign',
  suppressed: 'the contact was suppressed',
  automated: 'it takes no automated signals',
}

function goalsUnmet(unmet: readonly UnmetGoal[], wording: Wording): string[] {
  return unmet.map((one) => `Did not satisfy the goal ${goalInWords(one, wording)}: ${UNMET[one.because]}`)
}

function sights(saw: readonly Observation[]): string[] {
  return saw.map((one) => {
    if ('tag' in one) return `Saw ${one.present ? 'the' : 'no'} tag ${idInWords(one.tag)}`
    if ('test' in one)
      return `Saw that the private field ${idInWords(one.field)} ${one.holds ? 'passes' : 'fails'} the test ${visibleText(one.test)}`
    if ('var' in one) return `Saw the variable ${idInWords(one.var)}: ${valueInWords(one.value)}`
    return `Saw the field ${idInWords(one.field)}: ${valueInWords(one.value)}`
  })
}

function schedule(timing: Timing | null, resend: number, wording: Wording): string[] {
  if (timing === null) return resend > 0 ? ['Outside the schedule'] : []
  const { anchor, dueAt, field, invalidTimeZone, timeZone, var: variable } = timing
  if (timing.byHand === true) return [`Due ${instantInWords(dueAt, wording)}, as an operator ordered`]
  const zone = timeZone === undefined ? '' : `, in ${visibleText(timeZone)}`
  const invalid = invalidTimeZone === undefined ? '' : ` (${valueInWords(invalidTimeZone)} is no time zone)`
  return [
    `Due ${instantInWords(dueAt, wording)}, counted from ${instantInWords(anchor, wording)}${zone}${invalid}`,
    ...(variable === undefined
      ? []
      : [`Read the variable ${idInWords(variable.name)}: ${valueInWords(variable.value)}`]),
    ...(field === undefined
      ? []
      : [
          `Read the field ${idInWords(field.name)}${field.value === undefined ? ', which is private' : `: ${valueInWords(field.value)}`}`,
        ]),
  ]
}
