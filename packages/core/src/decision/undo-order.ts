/** Undoes one order on a contact: what an action over many is undone with, contact by contact (UNDO-1 to UNDO-3, UNDO-5). */

import type { UndoOrder } from '../commands.ts'
import { right } from '../either.ts'
import type { UndoneRun, UndoRunOutcome } from '../events.ts'
import type { Decider } from '../verbs/verb.ts'
import { byOperator } from './builder.ts'
import { resultsIn, undoAppend, undoSummary } from './undoing.ts'
import { undoBan } from './undoing-changes.ts'

export interface UndoOrderAnswer {
  readonly outcome: UndoRunOutcome
  /** In the order in which they were started and stopped. Of a repeat only those that were changed. */
  readonly results: readonly UndoneRun[]
}

export const undoOrder: Decider<UndoOrder, UndoOrderAnswer> = {
  command: 'UndoOrder',
  readsFacts: false,
  readsPublished: false,
  recordedBy: null,
  decide(command, decision) {
    const { commandId, undoes, stopSent, shift } = command
    const options = { stopSent, shift, isWhole: true, commandId }
    const appended = decision.stream().filter(({ commandId }) => commandId === undoes)
    const ban = undoBan(decision, appended, byOperator(command))
    const results = undoAppend(decision, appended, options, byOperator(command))
    return right({ outcome: summary(ban, results), results })
  },
  answerFrom(added) {
    const isOfBan = added.some(({ type }) => type === 'ContactSuppressed' || type === 'ContactUnsuppressed')
    const results = resultsIn(added)
    return { outcome: summary(isOfBan ? 'undone' : null, results), results }
  },
}

/** What became of a ban and of runs, in one word. */
function summary(ban: UndoRunOutcome | null, results: readonly UndoneRun[]): UndoRunOutcome {
  return undoSummary(ban === null ? results : [...results, { outcome: ban }])
}
