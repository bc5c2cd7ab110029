/**
 * Marks: who waits for a person, kept in the index of tags. A mark begins with `~`, which no tag of a sequence does, so
 * stores page through it as through any tag. What a mark says follows from the contact's state, or from its plan; tags of
 * sequences follow from the events alone (INDEX-1).
 */
import { type ContactState, isInProgress, newestRun, type Run, refOf, type StepRecord } from './enrollment.ts'
import type { ContactEvent, StepRef } from './events.ts'
import { type CampaignId, type ContactId, type Instant, isInstant, type Tag } from './ids.ts'
import type { PlanFault } from './plan.ts'
import type { TagChange } from './ports/tag-index.ts'

/**
 * - `held`: a step is held, and its run stands still until somebody resends or cancels it (STEP-5, STEP-6).
 * - `failed`: the last sending of a step failed for good.
 * - `unplanned`: a run whose schedule cannot be computed.
 * - `unread`: something is due, and the facts that the directory returns cannot be read (FACTS-2).
 * - `unknown`: something is due, and the directory does not know the contact; with the instant since when it is asked (FACTS-3).
 */
export type Mark = 'held' | 'failed' | 'unplanned' | 'unread' | 'unknown'

/**
 * The mark as a tag: of all contacts that have it, or of those that have it in one campaign, or since an instant.
 *
 * @example
 * markOf('held')                // '~held'
 * markOf('held', 'pool-owners') // '~held/pool-owners'
 */
export function markOf(mark: Mark, of?: CampaignId | Instant): Tag {
  return of === undefined ? `~${mark}` : `~${mark}/${encodeURIComponent(of)}`
}

const OF_PLAN = (['unplanned', 'unread', 'unknown'] as const).map((mark) => markOf(mark))

/** Whether a tag is a mark that follows from the plan or from what the directory says, and not from the events. */
export function isMarkOfPlan(tag: Tag): boolean {
  return OF_PLAN.some((mark) => tag === mark || tag.startsWith(`${mark}/`))
}

/** Since when the directory is asked about a contact that it does not know, by the contact's marks; `null`: it is not. */
export function unknownSince(tags: readonly Tag[]): Instant | null {
  const begins = `${markOf('unknown')}/`
  const mark = tags.find((tag) => tag.startsWith(begins))
  const since = mark === undefined ? '' : decodeURIComponent(mark.slice(begins.length))
  return isInstant(since) ? since : null
}

/** The marks of a contact whose facts cannot be read: of all campaigns that it is in progress in. */
export function unreadMarks(state: ContactState): readonly Tag[] {
  const within = state.enrollments.filter((enrollment) => isInProgress(newestRun(enrollment)))
  return tagsOfMarks(within.map(({ campaignId }) => ({ mark: 'unread', campaignId })))
}

/** A step that waits for a person. */
export interface WaitingStep extends StepRef {
  readonly mark: 'held' | 'failed'
  /** Which sending it was: 0 the scheduled one, 1, 2, … resends. */
  readonly resend: number
  readonly since: Instant
  /** As it was recorded with the failure. */
  readonly reason: string
}

/**
 * Steps of the newest run of each sequence that wait for a person, in the order of the enrollments. Held: while the run
 * goes on. Failed for good: until the step is sent after all, the run is stopped later than the step failed, or a new run
 * begins. Of an erased contact none.
 *
 * @example
 * stepsWaiting(fold(await engine.inspect.history('ann'))).map(({ stepId, mark }) => `${stepId}: ${mark}`)
 */
export function stepsWaiting(state: ContactState): readonly WaitingStep[] {
  const waiting: WaitingStep[] = []
  if (state.erased) return waiting
  for (const enrollment of state.enrollments) {
    const run = newestRun(enrollment)
    if (run === undefined) continue
    for (const step of run.steps) {
      const found = failureOf(run, step)
      if (found !== null) waiting.push({ ...refOf(enrollment), run: run.run, stepId: step.stepId, ...found })
    }
  }
  return waiting
}

type Failure = Pick<WaitingStep, 'mark' | 'resend' | 'since' | 'reason'>

function failureOf(run: Run, step: StepRecord): Failure | null {
  const { status, at, reason, resends } = step
  if (status === 'held') return isInProgress(run) ? { mark: 'held', resend: 0, since: at, reason: reason ?? '' } : null
  if (status !== 'failed' && resends.length === 0) return null
  let last: Failure | null = status === 'failed' ? { mark: 'failed', resend: 0, since: at, reason: reason ?? '' } : null
  for (const one of resends)
    if (one.status === 'sent') last = null
    else if (one.status === 'failed')
      last = { mark: 'failed', resend: one.resend, since: one.at, reason: one.reason ?? '' }
  const isStoppedSince = run.status === 'stopped' && last !== null && (run.endedAt ?? '') > last.since
  return isStoppedSince ? null : last
}

/** The marks of a contact that follow from its state, each once. */
export function marksOf(state: ContactState): readonly Tag[] {
  return tagsOfMarks(stepsWaiting(state))
}

/** The marks of runs that a plan could not compute. */
export function unplannedMarks(faults: readonly PlanFault[]): readonly Tag[] {
  return tagsOfMarks(faults.map(({ campaignId }) => ({ mark: 'unplanned', campaignId })))
}

function tagsOfMarks(marks: readonly { readonly mark: Mark; readonly campaignId: CampaignId }[]): readonly Tag[] {
  if (marks.length === 0) return NO_TAGS
  return [...new Set(marks.flatMap(({ mark, campaignId }) => [markOf(mark), markOf(mark, campaignId)]))]
}

const NO_TAGS: readonly Tag[] = []

/**
 * What events change in the contact's marks.
 *
 * @param faults of the plan after the events
 */
export function markChanges(
  contactId: ContactId,
  before: ContactState,
  after: ContactState,
  events: readonly ContactEvent[],
  faults: readonly PlanFault[] = [],
): readonly TagChange[] {
  const [was, is] = [marksOf(before), marksOf(after)]
  const unplanned = unplannedMarks(faults)
  const gone = [...was.filter((tag) => !is.includes(tag)), ...plannedAgain(events, unplanned)]
  const come = [...is.filter((tag) => !was.includes(tag)), ...unplanned]
  return [
    ...gone.map((tag) => ({ change: 'remove', contactId, tag }) as const),
    ...come.map((tag) => ({ change: 'add', contactId, tag }) as const),
  ]
}

/**
 * Marks of runs that could not be planned, and that these events have ended or led on. What else makes a run plannable, a
 * newer release, is found when the contact is looked at again: asking the plan before each append would double its price.
 */
function plannedAgain(events: readonly ContactEvent[], unplanned: readonly Tag[]): readonly Tag[] {
  const gone = new Set<Tag>()
  for (const event of events)
    if (LEAD_ON.has(event.type) && 'campaignId' in event.data)
      for (const tag of [markOf('unplanned'), markOf('unplanned', event.data.campaignId)])
        if (!unplanned.includes(tag)) gone.add(tag)
  return [...gone]
}

const LEAD_ON: ReadonlySet<ContactEvent['type']> = new Set<ContactEvent['type']>([
  'SequenceStopped',
  'SequenceCompleted',
  'StepCancelled',
  'StepSkipped',
  'StepRescheduled',
  'RunMoved',
  'OrderUndone',
])
