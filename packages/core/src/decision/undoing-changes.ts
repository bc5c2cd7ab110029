/**
 * The inverse of orders that neither start nor stop: pauses, resumes, shifts, instants by hand, bans. Only where nothing
 * has happened to the run since, and only where it comes out as if the order had never been given. Rule UNDO-5.
 */
import { byHandAt, dueByHand } from '../by-hand.ts'
import {
  isInProgress,
  isOpen,
  isSameEnrollment,
  isSuppressed,
  newestRun,
  type Run,
  refOf,
  runOf,
} from '../enrollment.ts'
import type { ContactEventOf, RunRef, UndoneRun, UndoRunOutcome } from '../events.ts'
import { upcomingOfRun } from '../plan.ts'
import type { Causation, DecisionBuilder, HistoricEvent } from './builder.ts'
import { pausedFor } from './finding.ts'

/** Events of orders by hand that change a run in progress. */
type Change = Extract<
  HistoricEvent,
  {
    readonly type:
      | 'SequencePaused'
      | 'SequenceResumed'
      | 'RunShifted'
      | 'StepRescheduled'
      | 'RunMoved'
      | 'StepSkipped'
      | 'StepCancelled'
      | 'StepResent'
  }
>

const CHANGES: ReadonlySet<string> = new Set<Change['type']>([
  'SequencePaused',
  'SequenceResumed',
  'RunShifted',
  'StepRescheduled',
  'RunMoved',
  'StepSkipped',
  'StepCancelled',
  'StepResent',
])

export const isChange = (event: HistoricEvent): event is Change => CHANGES.has(event.type)

/** @param shift of a pause: the wait in progress is longer by it */
export function undoChange(
  decision: DecisionBuilder,
  event: Change,
  { shift }: { readonly shift: boolean },
  why: Causation,
): UndoneRun {
  const ref: RunRef = { ...refOf(event.data), run: event.data.run }
  const as = (outcome: UndoRunOutcome): UndoneRun => ({ ...ref, outcome })
  const since = decision.stream().filter((one) => isSince(one, event) && isOfRun(one, ref))
  if (since.some(({ type }) => type === 'StepDispatched')) return as('already_sent')
  const run = runOf(decision.state(), ref)
  if (since.length > 0 || !isInProgress(run)) return as('changed_since')
  const inverse = INVERSES[event.type] as Inverse
  return as(inverse(decision, event as never, { ref, run, shift }, why))
}

/** What was recorded after an order, by another one. */
const isSince = (one: HistoricEvent, { version, commandId }: HistoricEvent) =>
  one.version > version && one.commandId !== commandId

function isOfRun({ data }: HistoricEvent, ref: RunRef): boolean {
  return 'run' in data && data.run === ref.run && isSameEnrollment(data, ref)
}

interface Place {
  readonly ref: RunRef
  readonly run: Run
  readonly shift: boolean
}
type Inverse<Of extends Change = never> = (
  decision: DecisionBuilder,
  event: Of,
  place: Place,
  why: Causation,
) => UndoRunOutcome

/** A step that was skipped or cancelled stays so (CANCEL-3), and a run is not moved back by itself: that is a new order. */
const standsAsItIs = (): UndoRunOutcome => 'failed'

const INVERSES: { readonly [Type in Change['type']]: Inverse<Extract<Change, { readonly type: Type }>> } = {
  SequencePaused(decision, _, { ref, run, shift }, why) {
    decision.add('SequenceResumed', { ...ref, shiftMs: shift ? pausedFor(run, decision.now) : 0 }, why)
    return 'undone'
  },
  SequenceResumed(decision, _, { ref }, why) {
    decision.add('SequencePaused', ref, why)
    return 'undone'
  },
  RunShifted: unshift,
  StepRescheduled: giveBack,
  RunMoved: standsAsItIs,
  StepSkipped: standsAsItIs,
  StepCancelled: standsAsItIs,
  StepResent: standsAsItIs,
}

/** SHIFT-2. A wait that was cut to the instant of the order has lost its length: later again is not as it was. */
function unshift(
  decision: DecisionBuilder,
  { at, data }: ContactEventOf<'RunShifted'>,
  { ref }: Place,
  why: Causation,
): UndoRunOutcome {
  const { campaigns, contactId, facts, now } = decision
  const next = upcomingOfRun(contactId, decision.state(), campaigns, facts, now, ref)
  if (data.byMs < 0 && next !== undefined && next.dueAt <= at) return 'changed_since'
  decision.add('RunShifted', { ...ref, byMs: -data.byMs }, why)
  return 'undone'
}

/** SHIFT-1, NOW-1: the instant by hand that it had before, or its timer again. */
function giveBack(
  decision: DecisionBuilder,
  event: ContactEventOf<'StepRescheduled'> & HistoricEvent,
  { ref, run }: Place,
  why: Causation,
): UndoRunOutcome {
  const { stepId, occurrence } = event.data
  const step = { ...ref, stepId, ...(occurrence === undefined ? {} : { occurrence }) }
  const earlier = decision.stream().filter((one) => one.version < event.version && isOfRun(one, ref))
  const by = earlier.findLast((one) => one.type === 'StepRescheduled' && one.data.stepId === stepId)
  const before = by?.type === 'StepRescheduled' ? by.data.dueAt : null
  // Shifts have moved that instant since.
  if (before !== null && earlier.some((one) => one.type === 'RunShifted' && one.version > (by?.version ?? 0)))
    return 'changed_since'
  const present = dueByHand(run, stepId)
  // It was an order to give it back, and it had had no other instant.
  if (before === null && present === undefined) return 'nothing_to_undo'
  if (before === null && present !== undefined) {
    decision.add('StepRescheduled', { ...step, dueAt: null, from: byHandAt(run, present) }, why)
    return 'undone'
  }
  const dueAt = before === null || before > decision.now ? before : decision.now
  decision.add('StepRescheduled', { ...step, dueAt }, why)
  return 'undone'
}

// --- A ban ------------------------------------------------------------------------------------------------------------

/**
 * Lifts a ban that the order began, or begins one again that it lifted. The runs that a ban stopped go on afterwards,
 * as others do. `null`: the order was none on a ban.
 */
export function undoBan(
  decision: DecisionBuilder,
  appended: readonly HistoricEvent[],
  why: Causation,
): UndoRunOutcome | null {
  const event = appended.find(({ type }) => type === 'ContactSuppressed' || type === 'ContactUnsuppressed')
  if (event === undefined) return null
  const stream = decision.stream()
  if (stream.some((one) => isSince(one, event) && isOfBan(one))) return 'changed_since'
  if (event.type === 'ContactSuppressed') {
    if (!isSuppressed(decision.state(), decision.now)) return 'nothing_to_undo'
    decision.add('ContactUnsuppressed', {}, why)
    return 'undone'
  }
  const before = stream.findLast((one) => one.type === 'ContactSuppressed' && one.version < event.version)
  const until = before?.type === 'ContactSuppressed' ? before.data.until : null
  if (until !== null && until <= decision.now) return 'nothing_to_undo'
  // What was started meanwhile would be stopped, which nobody has asked for.
  if (decision.state().enrollments.some((enrollment) => isOpen(newestRun(enrollment)))) return 'changed_since'
  decision.add('ContactSuppressed', { until }, why)
  return 'undone'
}

const isOfBan = ({ type }: HistoricEvent) => type === 'ContactSuppressed' || type === 'ContactUnsuppressed'
