/**
 * What operators have changed of a run's schedule: instants that they gave to steps, and by how much they moved all waits.
 * The reducer keeps it with the run, the planner reads it. Rules SHIFT-1, SHIFT-2, NOW-1.
 */
import { type EventId, epochMsOf, type Instant, instantOf, type StepId } from './ids.ts'

/** An instant that an operator gave to a step, until the step begins or is resolved (SHIFT-1). */
export interface DueByHand {
  readonly stepId: StepId
  readonly dueAt: Instant
  /** When it was ordered, and by which event: what follows is caused by it. */
  readonly at: Instant
  readonly eventId: EventId
  /** Sent now: it does not wait for its window (NOW-1). */
  readonly now: boolean
  /** The step was held: it is so again when the instant is taken back. */
  readonly wasHeld: boolean
  /** How many shifts of the run came before it: those since then move it. */
  readonly shiftsBefore: number
}

/** All waits to come end so much later, or earlier if it is below 0 (SHIFT-2). */
export interface RunShift {
  readonly at: Instant
  readonly byMs: number
}

export interface ByHand {
  readonly dues: readonly DueByHand[]
  /** Oldest first. */
  readonly shifts: readonly RunShift[]
  /** How many of them were ordered before the wait in progress began. Those since then move its end. */
  readonly shiftsBefore: number
}

/** Of a run that no operator has touched. */
const UNTOUCHED: ByHand = { dues: [], shifts: [], shiftsBefore: 0 }

interface Touched {
  readonly byHand?: ByHand
}

/** The instant that an operator gave to the step, if it still stands. */
export function dueByHand({ byHand }: Touched, stepId: StepId): DueByHand | undefined {
  return byHand?.dues.find((due) => due.stepId === stepId)
}

const NO_SHIFTS: readonly RunShift[] = []

/** All shifts of the run: they move what is counted from its start or is a moment, whenever that comes. */
export function shiftsOf({ byHand }: Touched): readonly RunShift[] {
  return byHand?.shifts ?? NO_SHIFTS
}

/** The shifts since the wait in progress began: they move its end, from which later waits are counted. */
export function shiftsOfWait({ byHand }: Touched): readonly RunShift[] {
  return byHand === undefined ? NO_SHIFTS : byHand.shifts.slice(byHand.shiftsBefore)
}

/** Where shifts, one after the other, move the end of a wait. None moves it earlier than to its own instant. */
export function shifted(end: Instant, shifts: readonly RunShift[]): Instant {
  let moved = end
  for (const { at, byMs } of shifts) {
    const wanted = instantOf(epochMsOf(moved) + byMs)
    // What was over before the order cannot end any earlier.
    if (byMs >= 0) moved = wanted
    else if (moved > at) moved = later(wanted, at)
  }
  return moved
}

function later(a: Instant, b: Instant): Instant {
  if (a > b) return a
  return b
}

/** When a step is due to which an operator gave its instant: later by what stood still since, and moved with all waits. */
export function byHandAt(run: Touched, { dueAt, shiftsBefore }: DueByHand, stoodStillMs = 0): Instant {
  return shifted(instantOf(epochMsOf(dueAt) + stoodStillMs), shiftsOf(run).slice(shiftsBefore))
}

/** After an instant was given to a step. */
export function withDue(hand: ByHand = UNTOUCHED, due: Omit<DueByHand, 'shiftsBefore'>): ByHand {
  const others = hand.dues.filter(({ stepId }) => stepId !== due.stepId)
  return { ...hand, dues: [...others, { ...due, shiftsBefore: hand.shifts.length }] }
}

/** After the step began, was resolved, or was given back to its timer. */
export function withoutDue(hand: ByHand, stepId: StepId): ByHand {
  const dues = hand.dues.filter((due) => due.stepId !== stepId)
  return dues.length === hand.dues.length ? hand : { ...hand, dues }
}

/** After the run was moved: an instant that is over says nothing of a step to which the run comes another time. */
export function withoutPast(hand: ByHand, now: Instant): ByHand {
  return { ...hand, dues: hand.dues.filter((due) => byHandAt({ byHand: hand }, due) > now) }
}

/** After all waits were moved. */
export function withShift(hand: ByHand = UNTOUCHED, shift: RunShift): ByHand {
  return { ...hand, shifts: [...hand.shifts, shift] }
}

/** After a wait ended: what was ordered before does not move the next one. */
export function withWaitOver(hand: ByHand): ByHand {
  return { ...hand, shiftsBefore: hand.shifts.length }
}
