/** What a log says of starts and stops that were undone, held against the contact's state (AUDIT-4). Rules UNDO-2, UNDO-3. */
import type { Catalog } from './catalog.ts'
import { gapOf, isInFlight, waitsAgain } from './decision/undoing.ts'
import { type ContactState, enrollmentOf, hasDispatched, newestRun, requireRun, runOf } from './enrollment.ts'
import { type ContactEventOf, NO_VARS } from './events.ts'
import type { Instant } from './ids.ts'
import { canonicalJson } from './json.ts'
import { hasTooManyRuns, MAX_OPEN_KEYS } from './variables.ts'
import type { Violation } from './violation.ts'

/** A run goes on where a stopped one stood: of the same version, with the same variables, and at most longer by the gap. */
export function continuationViolation(
  state: ContactState,
  data: ContactEventOf<'SequenceStarted'>['data'],
  at: Instant,
  campaigns?: Catalog,
): Violation | null {
  const { campaignId, campaignVersion, continues = 0, run, standing = 'active', shiftMs = 0, vars = NO_VARS } = data
  const enrollment = enrollmentOf(state, data)
  const from = continues < run ? runOf(state, { ...data, run: continues }) : undefined
  if (from?.ended === undefined) return broken('UNDO-3', `run ${run} continues run ${continues}, which was not stopped`)
  if (campaigns?.has(campaignId, campaignVersion) === false)
    return broken('VERSION-1', `a start in version ${campaignVersion}, which was never published`)
  const stood = from.ended.from
  if (stood !== 'active' && stood !== 'paused' && stood !== 'waiting')
    return broken('UNDO-3', `run ${run} continues run ${continues}, which was over`)
  if ((newestRun(enrollment)?.run ?? 0) > continues) return broken('UNDO-3', 'a newer run has begun since')
  if (standing !== stood) return broken('UNDO-3', `a run that is ${standing}, and was ${stood}`)
  if (data.atStep !== undefined) return broken('UNDO-3', 'a run that goes on, and names a step at which it began')
  if (campaignVersion !== from.campaignVersion) return broken('UNDO-3', 'a run that goes on in another version')
  if (canonicalJson(vars) !== canonicalJson(from.vars))
    return broken('UNDO-3', 'a run that goes on with other variables')
  if (isInFlight(from)) return broken('UNDO-3', 'a run that goes on while a step is in flight')
  if (shiftMs > (stood === 'waiting' ? 0 : gapOf(from, at)))
    return broken('UNDO-3', 'waits made longer by more than the gap')
  if (hasTooManyRuns(state, data)) return broken('KEY-5', `a run next to ${MAX_OPEN_KEYS} open ones with other keys`)
  return null
}

/** Only a run that goes on from another one says how that stood, and by how much its waits are longer. */
export function goesOnFromNone({ standing, shiftMs }: ContactEventOf<'SequenceStarted'>['data']): Violation | null {
  return standing === undefined && shiftMs === undefined
    ? null
    : broken('UNDO-3', 'a start that goes on from no run, and says how one stood')
}

/** Nothing of the run was dispatched, and the run before it waits again exactly if it would. */
export function undoneViolation(state: ContactState, data: ContactEventOf<'RunUndone'>['data']): Violation | null {
  const run = requireRun(state, data)
  if (hasDispatched(run)) return broken('UNDO-2', 'a start undone of which something was dispatched')
  return data.waiting === waitsAgain(state, data, run)
    ? null
    : broken('UNDO-2', data.waiting ? 'a wait again that the start had not ended' : 'a wait that was not given back')
}

/** The order was the last that happened to the run, and is named truly. */
export function orderUndoneViolation(
  state: ContactState,
  data: ContactEventOf<'OrderUndone'>['data'],
): Violation | null {
  const last = runOf(state, data)?.undoable
  if (last === undefined || last.eventId !== data.undoes)
    return broken('UNDO-5', 'an order undone that was not the last that happened to its run')
  return last.order === data.order && last.stepId === data.stepId
    ? null
    : broken('UNDO-5', `an order undone as ${JSON.stringify(data.order)}, and it was another`)
}

function broken(rule: string, message: string): Violation {
  return { rule, message }
}
