import type { OfContact } from '../commands.ts'
import { byOperator, type DecisionBuilder, type HistoricEvent } from '../decision/builder.ts'
import { resultsIn, undoAppend, undoSummary } from '../decision/undoing.ts'
import { undoBan } from '../decision/undoing-changes.ts'
import { left, right } from '../either.ts'
import { refOf, requireRun } from '../enrollment.ts'
import type { RunRef } from '../events.ts'
import type { CommandId } from '../ids.ts'
import type { Rejection } from '../rejection.ts'
import { defineVerb } from './verb.ts'

/** What one order did to a contact was a mistake. */
export interface UndoOrder extends OfContact {
  readonly type: 'UndoOrder'
  /** The id of the command that is to be undone. */
  readonly undoes: CommandId
  /** True: a run that it started, and of which something was dispatched, is stopped. False: it is left alone (UNDO-2). */
  readonly stopSent: boolean
  /** True: waits that go on are longer by the gap. False: due instants are as they were (UNDO-3). */
  readonly shift: boolean
}

/** Undoes an order on a contact, by its command id. An undo of an action is this for each contact. UNDO-1 to UNDO-3, UNDO-5, UNDO-6. */
export const undoOrder = defineVerb<UndoOrder>()({
  command: 'UndoOrder',
  word: 'undo-order',
  summary: 'Undoes what an order did to the contact, by the command id of the order; what was sent stays sent',
  about: 'contact',
  // What an inverse may be: a start, a stop, a pause, a shift, a step that is done again or not, a ban.
  permission: ['start', 'stop', 'pause', 'reschedule', 'cancel', 'resend', 'suppress'],
  readsFacts: false,
  readsPublished: true,
  takes: { undoes: 'command', stopSent: 'flag', shift: 'flag' },
  needs: ['undoes'],
  outcomes: ['undone', 'restored', 'stopped', 'already_sent', 'changed_since', 'nothing_to_undo'],
  unchanged: ['already_sent', 'changed_since', 'nothing_to_undo'],
  answers: { results: 'undone' },
  recordedBy: null,
  decide(command, decision) {
    const { commandId, contactId, undoes, stopSent, shift } = command
    const appended = decision.stream().filter((event) => event.commandId === undoes)
    if (!isOrder(appended)) return left({ type: 'OrderUnknown', contactId, undoes })
    if (!hasInverse(appended)) return left({ type: 'NotUndoable', contactId, undoes })
    const why = byOperator(command)
    // Runs go on only where no ban is left, and a ban begins again only where no run is open.
    const isLifted = appended.some(({ type }) => type === 'ContactUnsuppressed')
    const before = isLifted ? null : undoBan(decision, appended, why)
    const results = undoAppend(decision, appended, { stopSent, shift, isWhole: true, commandId }, why)
    const ban = isLifted ? undoBan(decision, appended, why) : before
    const stuck = results.find(({ outcome }) => outcome === 'failed')
    if (stuck !== undefined) return left(inFlight(stuck, decision))
    const settled = results.flatMap(({ outcome, ...ref }) => (outcome === 'failed' ? [] : [{ ...ref, outcome }]))
    return right({ outcome: summary(ban, settled), results: settled })
  },
  answerFrom(added) {
    const isOfBan = added.some(({ type }) => type === 'ContactSuppressed' || type === 'ContactUnsuppressed')
    const results = resultsIn(added)
    return { outcome: summary(isOfBan ? 'undone' : null, results), results }
  },
})

/**
 * Whether what one command did is an order that has an inverse. Whether it can be undone now, the decision says.
 *
 * @param appended all that the command added to the contact's stream
 */
export function mayBeUndone(appended: readonly HistoricEvent[]): boolean {
  return isOrder(appended) && hasInverse(appended)
}

/** Signals are retracted (UNDO-4), and what a step led to nobody has ordered. */
function isOrder([first]: readonly HistoricEvent[]): boolean {
  return first?.cause.by === 'operator' || first?.cause.by === 'bulk'
}

function hasInverse(appended: readonly HistoricEvent[]): boolean {
  const types = new Set(appended.map(({ type }) => type))
  // A signal that was retracted has had its effect (UNDO-4); what was taken back is ordered again; and
  // the skip of the last step has ended its run, which does not go on (STEP-8).
  const isEnd = types.has('StepSkipped') && types.has('SequenceCompleted')
  return !isEnd && !types.has('SignalRetracted') && !types.has('OrderUndone')
}

/** What became of a ban and of runs, in one word. */
function summary<Ban extends string, One extends string>(
  ban: Ban | null,
  results: readonly { readonly outcome: One }[],
) {
  return undoSummary<Ban | One>(ban === null ? results : [...results, { outcome: ban }])
}

/** Its handler is at work: then none of the order is undone, so that it can be undone whole a moment later. */
function inFlight(stuck: RunRef, decision: DecisionBuilder): Rejection {
  const ref = { ...refOf(stuck), run: stuck.run }
  const step = requireRun(decision.state(), ref).steps.find(({ status }) => status === 'dispatched')
  return { type: 'StepInFlight', ...ref, stepId: step?.stepId ?? '' }
}
