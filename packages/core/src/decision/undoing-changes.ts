/**
 * The inverse of orders that neither start nor stop: pauses, resumes, shifts, instants by hand, steps that were taken out or
 * ordered again, moves to another step, bans. Only where nothing
 * has happened to the run since, and only where it comes out as if the order had never been given. Rule UNDO-5.
 */
import { dueByHand } from '../by-hand.ts'
import {
  type ContactState,
  isInProgress,
  isOpenRun,
  isSameEnrollment,
  isSkipByHand,
  isSuppressed,
  newestRun,
  type Run,
  refOf,
  requireRun,
  runOf,
} from '../enrollment.ts'
import type { ContactEventOf, RunRef, UndoneRun, UndoRunOutcome } from '../events.ts'
import { pausesOf } from '../pauses.ts'
import { instantByHand, upcomingOfRun } from '../plan.ts'
import type { Causation, DecisionBuilder, HistoricEvent } from './builder.ts'
import { pausedFor } from './finding.ts'

/** Those whose run keeps what they replaced, until something else happens to it. */
type TakenBack = 'StepSkipped' | 'StepCancelled' | 'StepResent' | 'RunMoved'

/** Events of orders by hand that change a run, and have an inverse. */
type Change = Extract<
  HistoricEvent,
  {
    readonly type: 'SequencePaused' | 'SequenceResumed' | 'RunShifted' | 'StepRescheduled' | TakenBack
  }
>

const CHANGES: ReadonlySet<string> = new Set<Change['type']>([
  'SequencePaused',
  'SequenceResumed',
  'RunShifted',
  'StepRescheduled',
  'StepSkipped',
  'StepCancelled',
  'StepResent',
  'RunMoved',
])

export const isChange = (event: HistoricEvent): event is Change =>
  CHANGES.has(event.type) && (event.type !== 'StepSkipped' || isSkipByHand(event))

/** What undoing a change goes by. */
export interface UndoneBy {
  /** Of a pause: the wait in progress is longer by it. */
  readonly shift: boolean
  /** The contact as it was before the order. */
  readonly before: () => ContactState
}

export function undoChange(
  decision: DecisionBuilder,
  event: Change,
  { shift, before }: UndoneBy,
  why: Causation,
): UndoneRun {
  const ref: RunRef = { ...refOf(event.data), run: event.data.run }
  const as = (outcome: UndoRunOutcome): UndoneRun => ({ ...ref, outcome })
  const since = decision.stream().filter((one) => isSince(one, event) && isOfRun(one, ref))
  if (since.some(({ type }) => type === 'StepDispatched')) return as('already_sent')
  const run = runOf(decision.state(), ref)
  if (isTakenBack(event)) return as(takeBack(decision, event, ref, since, why))
  if (since.length > 0 || !isInProgress(run)) return as('changed_since')
  const inverse = INVERSES[event.type] as Inverse
  return as(inverse(decision, event as never, { ref, run, shift, before }, why))
}

const isTakenBack = (event: Change): event is Change & { readonly type: TakenBack } =>
  event.type === 'StepSkipped' ||
  event.type === 'StepCancelled' ||
  event.type === 'StepResent' ||
  event.type === 'RunMoved'

/** SKIP-1, CANCEL-1, RESEND-1, JUMP-1: the run stands as before, so its schedule is what it would have been. */
function takeBack(
  decision: DecisionBuilder,
  event: Change & { readonly type: TakenBack },
  ref: RunRef,
  since: readonly HistoricEvent[],
  why: Causation,
): UndoRunOutcome {
  if (since.some((one) => one.type === 'OrderUndone' && one.data.undoes === event.id)) return 'nothing_to_undo'
  const last = runOf(decision.state(), ref)?.undoable
  if (last?.eventId !== event.id) return 'changed_since'
  const { order, stepId } = last
  decision.add('OrderUndone', { ...ref, undoes: event.id, order, ...(stepId === undefined ? {} : { stepId }) }, why)
  return 'undone'
}

/** What was recorded after an order, by another one. */
const isSince = (one: HistoricEvent, { version, commandId }: HistoricEvent) =>
  one.version > version && one.commandId !== commandId

function isOfRun({ data }: HistoricEvent, ref: RunRef): boolean {
  return 'run' in data && data.run === ref.run && isSameEnrollment(data, ref)
}

/** Undone by an order of the other kind. */
type Reversed = Exclude<Change, { readonly type: TakenBack }>

interface Place extends UndoneBy {
  readonly ref: RunRef
  readonly run: Run
}
type Inverse<Of extends Reversed = never> = (
  decision: DecisionBuilder,
  event: Of,
  place: Place,
  why: Causation,
) => UndoRunOutcome

const INVERSES: { readonly [Type in Reversed['type']]: Inverse<Extract<Reversed, { readonly type: Type }>> } = {
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
}

/**
 * SHIFT-2. A wait that was cut to the instant of the order, or has ended since, has lost its length: moved back it does not
 * end when it would have. Only what would be overdue by now is due now.
 */
function unshift(
  decision: DecisionBuilder,
  { data }: ContactEventOf<'RunShifted'>,
  { ref, before }: Place,
  why: Causation,
): UndoRunOutcome {
  const back = { ...ref, byMs: -data.byMs }
  const trial = decision.trial()
  trial.add('RunShifted', back, why)
  const wasDueAt = dueAtOf(ref, before(), decision)
  const isOverdue = data.byMs > 0 && wasDueAt !== undefined && wasDueAt <= decision.now
  if (!isOverdue && dueAtOf(ref, trial.state(), decision) !== wasDueAt) return 'changed_since'
  decision.add('RunShifted', back, why)
  return 'undone'
}

/** When the next step of the run is due in that state. */
function dueAtOf(ref: RunRef, state: ContactState, { campaigns, contactId, facts, now }: DecisionBuilder) {
  return upcomingOfRun(contactId, state, campaigns, facts, now, ref)?.dueAt
}

/** SHIFT-1, NOW-1: the instant by hand that it had before, or its timer again. */
function giveBack(
  decision: DecisionBuilder,
  { data: { stepId, occurrence } }: ContactEventOf<'StepRescheduled'>,
  { ref, run, before }: Place,
  why: Causation,
): UndoRunOutcome {
  const { campaigns, now } = decision
  const step = { ...ref, stepId, ...(occurrence === undefined ? {} : { occurrence }) }
  const pauses = pausesOf(campaigns.find(ref.campaignId), ref.sequenceId)
  // A run that goes on where another stood has that one's instants, and a step to which a run comes again has none.
  const runBefore = requireRun(before(), ref)
  const earlier = dueByHand(runBefore, stepId)
  const present = dueByHand(run, stepId)
  if (earlier !== undefined) {
    const dueAt = instantByHand(runBefore, earlier, pauses)
    const isOver = dueAt <= now
    const again = isOver && earlier.now && run.status === 'active' ? { now: true } : {}
    decision.add('StepRescheduled', { ...step, dueAt: isOver ? now : dueAt, ...again }, why)
    return 'undone'
  }
  // It was an order to give it back, and it had had no other instant.
  if (present === undefined) return 'nothing_to_undo'
  decision.add('StepRescheduled', { ...step, dueAt: null, from: instantByHand(run, present, pauses) }, why)
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
): 'undone' | 'changed_since' | 'nothing_to_undo' | null {
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
  if (decision.state().enrollments.some((enrollment) => isOpenRun(newestRun(enrollment)))) return 'changed_since'
  decision.add('ContactSuppressed', { until }, why)
  return 'undone'
}

const isOfBan = ({ type }: HistoricEvent) => type === 'ContactSuppressed' || type === 'ContactUnsuppressed'
