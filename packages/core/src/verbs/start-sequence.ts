import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { brake, start, startable } from '../decision/starting.ts'
import { enrollmentOf, isInProgress, newestRun } from '../enrollment.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface StartSequence extends OfSequence {
  readonly type: 'StartSequence'
}

/** A new run, unless one is in progress. START-1, START-2, START-4 to START-6, BRAKE-1. */
export const startSequence = defineVerb<StartSequence>()({
  command: 'StartSequence',
  word: 'start',
  summary: 'Starts a sequence from its first step; a contact that is in it keeps its place',
  about: 'sequence',
  permission: ['start'],
  readsFacts: true,
  readsPublished: true,
  outcomes: ['started', 'already_active'],
  unchanged: ['already_active'],
  answers: { run: 'count' },
  recordedBy: 'SequenceStarted',
  decide(command, decision) {
    const found = startable(command, decision)
    if (isLeft(found)) return found
    const run = newestRun(enrollmentOf(decision.state(), command))
    if (isInProgress(run)) return right({ outcome: 'already_active', run: run.run })
    const braked = brake(command, found.right, decision)
    if (braked !== null) return left(braked)
    start(decision, command, found.right, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'started', run: firstOf(added, 'SequenceStarted').run }),
})
