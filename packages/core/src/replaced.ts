/** What an order by hand replaces of a run, and how it comes back when the order is undone. Rule UNDO-5. */
import { occurrenceIn, type Replaced, type Run } from './enrollment.ts'
import type { ContactEventOf } from './events.ts'
import { type Mutable, ownCopy } from './live-state.ts'

/** Of the run as it is before the order. */
export function replacedBy(
  run: Mutable<Run>,
  event: ContactEventOf<'StepSkipped' | 'StepCancelled' | 'StepResent' | 'RunMoved'>,
): Replaced {
  const place = placeOfRecord(run, event)
  const was = run.steps[place]
  return {
    records: run.steps.length,
    ...(was === undefined ? {} : { record: { place, was: ownCopy(was) } }),
    shiftMs: run.shiftMs,
    ...(run.byHand === undefined ? {} : { byHand: run.byHand }),
    ...(run.place === undefined ? {} : { place: run.place }),
  }
}

/** Of the only record that the order may change; -1: there is none. A move changes that of the step where the run stood. */
function placeOfRecord(
  run: Mutable<Run>,
  event: ContactEventOf<'StepSkipped' | 'StepCancelled' | 'StepResent' | 'RunMoved'>,
): number {
  const stepId = event.type === 'RunMoved' ? event.data.from : event.data.stepId
  if (stepId === null) return -1
  const { occurrence } = event.type === 'RunMoved' ? occurrenceIn(run, stepId) : event.data
  return run.steps.findIndex((step) => step.stepId === stepId && step.occurrence === occurrence)
}

/** The run stands again as it did before the order. Records of steps are only ever added, at the end. */
export function restoreReplaced(run: Mutable<Run>, { records, record, shiftMs, byHand, place }: Replaced): void {
  run.steps.splice(records)
  if (record !== undefined) run.steps[record.place] = ownCopy(record.was)
  run.shiftMs = shiftMs
  if (byHand === undefined) delete run.byHand
  else Object.assign(run, { byHand })
  if (place === undefined) delete run.place
  else Object.assign(run, { place })
  delete run.undoable
}
