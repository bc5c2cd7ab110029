import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { brake, start, startable } from '../decision/starting.ts'
import { stop } from '../decision/stopping.ts'
import { enrollmentOf, isOpen, newestRun } from '../enrollment.ts'
import { countOf, defineVerb, firstOf } from './verb.ts'

/** Stop, then start, in one append (START-3). */
export interface RestartSequence extends OfSequence {
  readonly type: 'RestartSequence'
}

/** A contact that was not in the sequence is started. START-3. */
export const restartSequence = defineVerb<RestartSequence>()({
  command: 'RestartSequence',
  word: 'restart',
  summary: 'Stops and starts in one',
  about: 'sequence',
  permission: ['start', 'stop'],
  readsFacts: true,
  readsPublished: true,
  outcomes: ['restarted', 'started'],
  answers: { run: 'count' },
  recordedBy: 'SequenceStarted',
  decide(command, decision) {
    const found = startable(command, decision)
    if (isLeft(found)) return found
    const braked = brake(command, found.right, decision)
    if (braked !== null) return left(braked)
    const run = newestRun(enrollmentOf(decision.state(), command))
    if (isOpen(run)) stop(decision, command, run, byOperator(command))
    start(decision, command, found.right, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => ({
    outcome: countOf(added, 'SequenceStopped') > 0 ? 'restarted' : 'started',
    run: firstOf(added, 'SequenceStarted').run,
  }),
})
