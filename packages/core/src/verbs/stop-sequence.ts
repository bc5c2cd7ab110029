import { isLeft, right } from 'fp-ts/lib/Either.js'
import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { everKnown } from '../decision/finding.ts'
import { stop } from '../decision/stopping.ts'
import { enrollmentOf, isOpen, newestRun } from '../enrollment.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface StopSequence extends OfSequence {
  readonly type: 'StopSequence'
  /** Leaves a run of a later version alone: that of a publication after the unpublishing that this belongs to (VERSION-3). */
  readonly upToVersion?: number
}

/** Ends the run of one sequence, in progress or waiting at its end. STOP-1, STOP-2, STOP-5. */
export const stopSequence = defineVerb<StopSequence>()({
  command: 'StopSequence',
  word: 'stop',
  summary: 'Takes the contact out of a sequence; its other sequences go on',
  about: 'sequence',
  permission: ['stop'],
  readsFacts: false,
  outcomes: ['stopped', 'not_active'],
  unchanged: ['not_active'],
  answers: { run: 'count' },
  recordedBy: 'SequenceStopped',
  decide(command, decision) {
    const run = newestRun(enrollmentOf(decision.state(), command))
    if (run === undefined) {
      const known = everKnown(command, decision)
      return isLeft(known) ? known : right({ outcome: 'not_active', run: 0 })
    }
    const tooNew = command.upToVersion !== undefined && run.campaignVersion > command.upToVersion
    if (!isOpen(run) || tooNew) return right({ outcome: 'not_active', run: run.run })
    stop(decision, command, run, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'stopped', run: firstOf(added, 'SequenceStopped').run }),
})
