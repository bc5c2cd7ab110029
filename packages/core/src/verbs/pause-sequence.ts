import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { eachInProgress } from '../decision/finding.ts'
import { answerFromRuns, answerOfEach, answerOfRun, isForAll } from '../decision/keys.ts'
import { isLeft, right } from '../either.ts'
import { defineVerb } from './verb.ts'

export interface PauseSequence extends OfSequence {
  readonly type: 'PauseSequence'
}

/** Holds the runs in progress: that of a key, or all. PAUSE-1, PAUSE-3, KEY-2. */
export const pauseSequence = defineVerb<PauseSequence>()({
  command: 'PauseSequence',
  word: 'pause',
  summary: 'Nothing goes out until it is resumed',
  about: 'sequence',
  permission: ['pause'],
  readsFacts: false,
  takes: { key: 'key' },
  outcomes: ['paused', 'already_paused'],
  unchanged: ['already_paused'],
  answers: { run: 'count', key: 'key', runs: 'keyedRuns' },
  recordedBy: 'SequencePaused',
  decide(command, decision) {
    const found = eachInProgress(command, decision)
    if (isLeft(found)) return found
    const runs = found.right.map(({ ref, run: { run, status } }) => ({ ...ref, run, status }))
    const active = runs.filter(({ status }) => status === 'active')
    for (const { status: _, ...ref } of active) decision.add('SequencePaused', ref, byOperator(command))
    if (active.length > 0) return right(null)
    const [first] = runs
    const forAll = first === undefined || isForAll(command, decision)
    return right(forAll ? answerOfEach('already_paused', runs) : answerOfRun('already_paused', first))
  },
  answerFrom: (added, command) => answerFromRuns('paused', command, added),
})
