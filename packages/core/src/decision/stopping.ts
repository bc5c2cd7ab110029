/** The end of a run by a stop: of one, or of everything that is open (STOP-1 to STOP-3). */
import { isOpenRun, newestRun, type Run, refOf } from '../enrollment.ts'
import type { ContactEvent, ContactEventData, RunRef, SequenceRef } from '../events.ts'
import type { Causation, DecisionBuilder } from './builder.ts'

/** @param movedTo the run that the same order opens in its place (JUMP-2) */
export function stop(
  decision: DecisionBuilder,
  ref: SequenceRef,
  run: Run,
  why: Causation,
  movedTo?: NonNullable<ContactEventData['SequenceStopped']['movedTo']>,
): void {
  const moved = movedTo === undefined ? {} : { movedTo }
  decision.add('SequenceStopped', { ...refOf(ref), run: run.run, ...moved }, why)
}

/** @returns how many runs it stopped */
export function stopEverything(decision: DecisionBuilder, why: Causation): number {
  const open = decision.state().enrollments.flatMap((enrollment) => {
    const run = newestRun(enrollment)
    return isOpenRun(run) ? [{ enrollment, run }] : []
  })
  for (const { enrollment, run } of open) stop(decision, enrollment, run, why)
  return open.length
}

/** The runs that these events stopped, in order. */
export function stoppedRuns(events: readonly ContactEvent[]): readonly RunRef[] {
  return events.flatMap((event) => {
    if (event.type !== 'SequenceStopped') return []
    return [{ ...refOf(event.data), run: event.data.run }]
  })
}
