import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { eachInProgress, pausedFor } from '../decision/finding.ts'
import { answerFromRuns, answerOfEach, answerOfRun, isForAll } from '../decision/keys.ts'
import { isLeft, right } from '../either.ts'
import { defineVerb } from './verb.ts'

export interface ResumeSequence extends OfSequence {
  readonly type: 'ResumeSequence'
  /** True: the wait in progress is longer by the pause. False: due times stand as they were (PAUSE-2). */
  readonly shift: boolean
}

/** Lets paused runs go on: that of a key, or all. PAUSE-2, PAUSE-3, KEY-2. */
export const resumeSequence = defineVerb<ResumeSequence>()({
  command: 'ResumeSequence',
  word: 'resume',
  summary: 'Goes on; with `shift` its wait is longer by the pause',
  about: 'sequence',
  permission: ['pause'],
  readsFacts: false,
  takes: { shift: 'flag', key: 'key' },
  outcomes: ['resumed', 'not_paused'],
  unchanged: ['not_paused'],
  answers: { run: 'count', key: 'key', runs: 'keyedRuns' },
  recordedBy: 'SequenceResumed',
  decide(command, decision) {
    const found = eachInProgress(command, decision)
    if (isLeft(found)) return found
    const paused = found.right.filter(({ run }) => run.status === 'paused')
    for (const { ref, run } of paused) {
      const shiftMs = command.shift ? pausedFor(run, decision.now) : 0
      decision.add('SequenceResumed', { ...ref, run: run.run, shiftMs }, byOperator(command))
    }
    if (paused.length > 0) return right(null)
    const runs = found.right.map(({ ref, run }) => ({ ...ref, run: run.run }))
    const [first] = runs
    const forAll = first === undefined || isForAll(command, decision)
    return right(forAll ? answerOfEach('not_paused', runs) : answerOfRun('not_paused', first))
  },
  answerFrom: (added, command) => answerFromRuns('resumed', command, added),
})
