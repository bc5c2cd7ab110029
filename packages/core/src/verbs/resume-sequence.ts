import { isLeft, right } from 'fp-ts/lib/Either.js'
import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { inProgress } from '../decision/finding.ts'
import { refOf } from '../enrollment.ts'
import { epochMsOf } from '../ids.ts'
import { waitSince } from '../plan.ts'
import { defineVerb, firstOf } from './verb.ts'

export interface ResumeSequence extends OfSequence {
  readonly type: 'ResumeSequence'
  /** True: the wait in progress is longer by the pause. False: due times stand as they were (PAUSE-2). */
  readonly shift: boolean
}

/** Lets a paused run go on. PAUSE-2, PAUSE-3. */
export const resumeSequence = defineVerb<ResumeSequence>()({
  command: 'ResumeSequence',
  word: 'resume',
  summary: 'Goes on; with `shift` its wait is longer by the pause',
  about: 'sequence',
  permission: ['pause'],
  readsFacts: false,
  takes: { shift: 'flag' },
  outcomes: ['resumed', 'not_paused'],
  unchanged: ['not_paused'],
  answers: { run: 'count' },
  recordedBy: 'SequenceResumed',
  decide(command, decision) {
    const { now } = decision
    const found = inProgress(command, decision)
    if (isLeft(found)) return found
    const run = found.right
    if (run.status !== 'paused') return right({ outcome: 'not_paused', run: run.run })
    // A step that was in flight when the pause began may have been resolved since: the wait after it began only then.
    const [pausedAt, waitAt] = [epochMsOf(run.pausedAt ?? now), epochMsOf(waitSince(run))]
    const shiftMs = command.shift ? Math.max(0, epochMsOf(now) - Math.max(pausedAt, waitAt)) : 0
    decision.add('SequenceResumed', { ...refOf(command), run: run.run, shiftMs }, byOperator(command))
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'resumed', run: firstOf(added, 'SequenceResumed').run }),
})
