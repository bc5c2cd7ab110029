/** Cause chains: why something happened, back to the signal or the operator; and why a step did not run (AUDIT-3). */
import type { Catalog } from './catalog.ts'
import { describeDelivery } from './describe/delivery.ts'
import {
  type ContactState,
  type Enrollment,
  enrollmentOf,
  enrollmentsOf,
  isBeforePlace,
  isSameEnrollment,
  isSuppressed,
  nameOfEnrollment,
  newestRun,
  type Run,
  recordOf,
  type StepRecord,
} from './enrollment.ts'
import type { RecordedContactEvent, RunRef, SequenceRef, StepRef } from './events.ts'
import { fold } from './fold.ts'
import type { ContactId, EventId, Instant } from './ids.ts'
import { MOST_NAMED } from './nearest.ts'
import { leavesWait, pausesOf, type SequencePause, skippingAt } from './pauses.ts'
import { pausesAsOf } from './pauses-seen.ts'
import { type Plan, plan, waitSince } from './plan.ts'
import type { Facts } from './ports/host.ts'

/**
 * The chain from an event back to its root, the event itself first. Each next one led to the one before it.
 * The last is caused by a command or signal from outside: its `cause`, `actor` and `causationId` name it.
 *
 * @returns empty if the history has no event with this id
 * @example
 * explain(await engine.inspect.history('ada'), dispatched.id).map((event) => event.type)
 * // ['StepDispatched', 'SequenceStarted', 'GoalSatisfied']
 */
export function explain(history: Iterable<RecordedContactEvent>, eventId: EventId): readonly RecordedContactEvent[] {
  const byId = new Map<string, RecordedContactEvent>()
  for (const event of history) byId.set(event.id, event)
  const starts = new Map<string, RecordedContactEvent>()
  for (const event of byId.values()) if (event.type === 'SequenceStarted') starts.set(nameOfRun(event.data), event)
  // A run that goes on where another one stood has begun with that one (UNDO-3).
  const ledTo = (event: RecordedContactEvent) =>
    event.type === 'SequenceStarted' && event.data.continues !== undefined
      ? starts.get(nameOfRun({ ...event.data, run: event.data.continues }))
      : byId.get(event.causationId)
  const chain: RecordedContactEvent[] = []
  // A damaged log may lead in a circle.
  for (let event = byId.get(eventId); event !== undefined && !chain.includes(event); event = ledTo(event))
    chain.push(event)
  return chain
}

const nameOfRun = (ref: RunRef) => `${ref.run} ${nameOfEnrollment(ref)}`

/** Why a step did not run, or did; with the events that show it, oldest first. */
export interface NotRun {
  readonly reason:
    | 'sent'
    | 'in-flight'
    | 'never-started'
    | 'skipped'
    | 'failed'
    | 'held'
    | 'cancelled'
    /** The run was opened at a later step, or moved past it (START-7, JUMP-1). */
    | 'passed'
    | 'stopped'
    | 'suppressed'
    | 'erased'
    | 'paused'
    | 'campaign-paused'
    | 'not-yet-due'
    /** It is due, and waits for its window to open: then it will be sent (TIME-2). */
    | 'window'
    /** Its time has come, and no dispatcher has been there since. */
    | 'due'
    | 'step-unknown'
  /**
   * What the reason was in particular: `late`, `draft`, what the handler said; of a step that is due, why it will be skipped;
   * of a sequence with keys that is asked about without one, the keys that it was started for.
   */
  readonly detail: string | null
  /** When it will be due, as things stand, or when its window opens; `null` if never or not known. */
  readonly dueAt: Instant | null
  readonly evidence: readonly RecordedContactEvent[]
}

/**
 * Why a step of a run (default: the newest) did not go out, as of `now`.
 *
 * @param context the catalogue, the facts that timers read, and the instant of the question. `facts` are `null` for a
 *   contact that the directory does not know. Left out where there is no directory to ask, as with a log alone: then due
 *   instants are those without zone and fields, and of a step that is due nothing is said about what will become of it.
 */
export function explainNot(
  contactId: ContactId,
  history: readonly RecordedContactEvent[],
  step: Omit<StepRef, 'run'> & { readonly run?: number },
  context: { readonly campaigns: Catalog; readonly facts?: Facts | null; readonly now: Instant },
): NotRun {
  const until = history.filter((event) => event.at <= context.now)
  const state = fold(until)
  const enrollment = enrollmentOf(state, step)
  const run = step.run === undefined ? newestRun(enrollment) : enrollment?.runs[step.run - 1]
  const evidence = evidenceAbout(step, runsBefore(enrollment, run), until)
  if (run === undefined) {
    const reason = neverStarted(state, context.now)
    const detail = reason === 'never-started' ? startedFor(state, step) : null
    return because(reason, evidence('ContactSuppressed', 'ContactErased'), detail)
  }
  const { campaign } = context.campaigns.version(step.campaignId, run.campaignVersion)
  if (campaign.sequences.get(step.sequenceId)?.steps.some((one) => one.id === step.stepId) !== true)
    return because('step-unknown', evidence('SequenceStarted'), `version ${run.campaignVersion} has no such step`)
  const catalog = pausesAsOf(context.campaigns, context.now)
  const pauses = pausesOf(catalog.find(step.campaignId), step.sequenceId)
  const record = recordOf(run, step.stepId)
  const recorded = record === undefined ? null : becauseOfRecord(record, pauses, evidence)
  if (recorded !== null) return recorded
  if (record === undefined && isBeforePlace(run, campaign.sequence(step.sequenceId).steps, step.stepId))
    return because('passed', evidence('SequenceStarted', 'RunMoved'))
  if (run.status === 'stopped') {
    if (state.erased) return because('erased', evidence('ContactErased'))
    return because('stopped', evidence('SequenceStopped'))
  }
  const facts = context.facts === undefined ? {} : context.facts
  const planned = plan(contactId, state, catalog, facts, context.now)
  return becauseOfPlan({ step, run, pauses, evidence, ...planned }, context)
}

type Evidence = (...types: readonly string[]) => NotRun['evidence']
type AskedStep = Omit<StepRef, 'run'>

/** Events of these types that say something of the step, or of what it belongs to, in these runs. */
function evidenceAbout(step: AskedStep, runs: ReadonlySet<number>, events: NotRun['evidence']): Evidence {
  return (...types) =>
    events.filter((event) => {
      const data = event.data as Partial<StepRef>
      const sameStep = data.stepId === undefined || data.stepId === step.stepId
      const sameRun = data.run === undefined || runs.has(data.run)
      const sameSequence = data.sequenceId === undefined || data.sequenceId === step.sequenceId
      const sameKey = data.sequenceId === undefined || (data.key ?? '') === (step.key ?? '')
      const sameCampaign = data.campaignId === undefined || data.campaignId === step.campaignId
      return types.includes(event.type) && sameStep && sameRun && sameKey && sameSequence && sameCampaign
    })
}

function because(reason: NotRun['reason'], evidence: NotRun['evidence'], detail: string | null = null): NotRun {
  return { reason, detail, dueAt: null, evidence }
}

/** By what became of the step; `null`: nothing yet. */
function becauseOfRecord(record: StepRecord, pauses: readonly SequencePause[], evidence: Evidence): NotRun | null {
  switch (record.status) {
    case 'sent':
      return because('sent', evidence('StepDispatched', 'StepSent', 'StepFailed'), deliveredInstead(record))
    case 'dispatched':
      return because('in-flight', evidence('StepDispatched'))
    case 'skipped':
      return because('skipped', evidence('StepSkipped'), skippedFor(record, pauses))
    case 'failed':
    case 'held':
      return because(record.status, evidence('StepDispatched', 'StepFailed'), record.reason)
    case 'cancelled':
      return because('cancelled', evidence('StepCancelled'))
    case 'passed':
      return because('passed', evidence('RunMoved'))
    default:
      return null
  }
}

interface Planned extends Pick<Plan, 'upcoming' | 'due'> {
  readonly step: AskedStep
  readonly run: Run
  readonly pauses: readonly SequencePause[]
  readonly evidence: Evidence
}

/** By when it, or what stands before it, is due. */
function becauseOfPlan(
  { step, run, pauses, evidence, upcoming, due }: Planned,
  { facts, now }: { readonly facts?: Facts | null; readonly now: Instant },
): NotRun {
  const isOfRun = (one: RunRef) => one.run === run.run && isSameEnrollment(one, step)
  const next = upcoming.find(isOfRun)
  const dueAt = next?.stepId === step.stepId ? next.dueAt : null
  if (next?.stepId === step.stepId && next.campaignPausedSince !== undefined)
    return { ...because('campaign-paused', evidence('SequenceStarted'), `since ${next.campaignPausedSince}`), dueAt }
  if (run.status === 'paused') return { ...because('paused', evidence('SequencePaused')), dueAt }
  const shown = evidence('SequenceStarted', 'StepFailed', 'StepRescheduled', 'RunShifted', 'RunMoved', 'OrderUndone')
  if (dueAt !== null && dueAt <= now && next?.opensAt !== undefined)
    return { ...because('window', shown), dueAt: next.opensAt }
  if (dueAt !== null && dueAt <= now) {
    const skip = due.find((step) => step.action === 'skip' && step.resend === 0 && isOfRun(step))
    const detail = facts !== undefined && skip?.action === 'skip' ? skip.reason : null
    return { ...because('due', shown, detail), dueAt }
  }
  const shifted =
    dueAt === null ? undefined : pauses.findLast((one) => one.overdue === 'shift' && (one.until ?? '') > waitSince(run))
  const detail =
    shifted !== undefined
      ? `its campaign was paused from ${shifted.from} to ${shifted.until}`
      : next === undefined || dueAt !== null
        ? null
        : `the step ${JSON.stringify(next.stepId)} stands before it`
  return { ...because('not-yet-due', shown, detail), dueAt }
}

/**
 * The instant by which a question "as of now" is asked: now, or that of the last event where a clock was fast. What stands
 * in the log has happened, so a step whose run was stopped is never said to be due because the stop is dated after now.
 */
export function nowFor(history: readonly RecordedContactEvent[], now: Instant): Instant {
  return [now, ...history.map(({ at }) => at)].sort().at(-1) ?? now
}

/** What a step was skipped for; where a pause left it out, which one (GATE-3). */
function skippedFor(record: StepRecord, pauses: readonly SequencePause[]): string | null {
  const pause = leavesWait(record) && record.dueAt !== null ? skippingAt(pauses, record.dueAt) : null
  return pause === null ? record.reason : `its campaign was paused from ${pause.from} to ${pause.until}`
}

/** Of a step that was sent, but not to the contact (DELIVER-3). */
function deliveredInstead({ deliverTo }: StepRecord): string | null {
  return deliverTo === undefined ? null : describeDelivery(deliverTo)
}

function neverStarted(state: ContactState, now: Instant): NotRun['reason'] {
  if (state.erased) return 'erased'
  return isSuppressed(state, now) ? 'suppressed' : 'never-started'
}

/** Of a sequence with keys, asked about without one: those that it was started for (KEY-2). */
function startedFor(state: ContactState, step: SequenceRef): string | null {
  if (step.key !== undefined) return null
  const keys = enrollmentsOf(state, step).flatMap((one) => (newestRun(one) === undefined ? [] : [one.key]))
  if (keys.length === 0) return null
  const named = keys.slice(0, MOST_NAMED).map((key) => JSON.stringify(key))
  const more = keys.length - named.length
  return `without a key; with a key for ${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}`
}

/** The numbers of the run and of those that it continues: what was resolved in one of them is resolved in it. */
function runsBefore(enrollment: Enrollment | undefined, newest: Run | undefined): ReadonlySet<number> {
  const numbers = new Set<number>()
  for (let run = newest; run !== undefined && !numbers.has(run.run); ) {
    numbers.add(run.run)
    const before = run.continued?.run
    run = enrollment?.runs.find((one) => one.run === before)
  }
  return numbers
}
