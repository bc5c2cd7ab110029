import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { answerOfRun } from '../decision/keys.ts'
import { noSuchStep, start, startable, tooMany } from '../decision/starting.ts'
import { isLeft, left, right } from '../either.ts'
import { enrollmentOf, isInProgress, newestRun } from '../enrollment.ts'
import type { Vars } from '../events.ts'
import type { StepId } from '../ids.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface StartSequence extends OfSequence {
  readonly type: 'StartSequence'
  /** What the run begins with (VAR-1). Left out: nothing but its key. */
  readonly vars?: Vars
  /** Where the run opens: those before it are passed (START-7). Left out: at the first. */
  readonly atStep?: StepId
}

/** A new run, unless one is in progress. START-1, START-2, START-4 to START-6, START-7, BRAKE-1, VAR-1, KEY-1, KEY-5. */
export const startSequence = defineVerb<StartSequence>()({
  command: 'StartSequence',
  word: 'start',
  summary: 'Starts a sequence from its first step, or from `atStep`; a contact that is in it keeps its place',
  about: 'sequence',
  permission: ['start'],
  readsFacts: true,
  readsPublished: true,
  takes: { key: 'key', vars: 'vars', atStep: 'step' },
  outcomes: ['started', 'already_active'],
  unchanged: ['already_active'],
  answers: { run: 'count', key: 'key' },
  recordedBy: 'SequenceStarted',
  decide(command, decision) {
    const found = startable(command, decision)
    if (isLeft(found)) return found
    const entry = found.right
    const run = newestRun(enrollmentOf(decision.state(), entry.ref))
    if (isInProgress(run)) return right(answerOfRun('already_active', { ...entry.ref, run: run.run }))
    const refused = tooMany(entry, decision)
    if (refused !== null) return left(refused)
    const unknown = command.atStep === undefined ? null : noSuchStep(entry, command.atStep)
    if (unknown !== null) return left(unknown)
    start(decision, entry, byOperator(command), command.atStep)
    return right(null)
  },
  answerFrom: (added) => answerOfRun('started', firstOf(added, 'SequenceStarted')),
})
