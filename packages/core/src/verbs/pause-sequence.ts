import { isLeft, right } from 'fp-ts/lib/Either.js'
import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { inProgress } from '../decision/finding.ts'
import { refOf } from '../enrollment.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface PauseSequence extends OfSequence {
  readonly type: 'PauseSequence'
}

/** Holds a run in progress. PAUSE-1, PAUSE-3. */
export const pauseSequence = defineVerb<PauseSequence>()({
  command: 'PauseSequence',
  word: 'pause',
  summary: 'Nothing goes out until it is resumed',
  about: 'sequence',
  permission: ['pause'],
  readsFacts: false,
  outcomes: ['paused', 'already_paused'],
  unchanged: ['already_paused'],
  answers: { run: 'count' },
  recordedBy: 'SequencePaused',
  decide(command, decision) {
    const found = inProgress(command, decision)
    if (isLeft(found)) return found
    const { run, status } = found.right
    if (status === 'paused') return right({ outcome: 'already_paused', run })
    decision.add('SequencePaused', { ...refOf(command), run }, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'paused', run: firstOf(added, 'SequencePaused').run }),
})
