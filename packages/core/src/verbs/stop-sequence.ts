import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { everKnown } from '../decision/finding.ts'
import { answerFromRuns, answerOfEach, answerOfRun, isForAll, meant, requireMeant } from '../decision/keys.ts'
import { stop } from '../decision/stopping.ts'
import { isLeft, right } from '../either.ts'
import { isOpenRun, newestRun } from '../enrollment.ts'
import { defineVerb } from './verb.ts'

export interface StopSequence extends OfSequence {
  readonly type: 'StopSequence'
  /** Leaves a run of a later version alone: that of a publication after the unpublishing that this belongs to (VERSION-3). */
  readonly upToVersion?: number
}

/** Ends the runs of one sequence, in progress or waiting at its end: that of a key, or all. STOP-1, STOP-2, STOP-5, KEY-2. */
export const stopSequence = defineVerb<StopSequence>()({
  command: 'StopSequence',
  word: 'stop',
  summary: 'Takes the contact out of a sequence; its other sequences go on',
  about: 'sequence',
  permission: ['stop'],
  readsFacts: false,
  takes: { key: 'key' },
  outcomes: ['stopped', 'not_active'],
  unchanged: ['not_active'],
  answers: { run: 'count', key: 'key', runs: 'keyedRuns' },
  recordedBy: 'SequenceStopped',
  decide(command, decision) {
    const { upToVersion = Number.POSITIVE_INFINITY } = command
    const forAll = isForAll(command, decision)
    const enrollments = meant(command, decision)
    if (enrollments.length === 0) {
      requireMeant(command, decision)
      const known = everKnown(command, decision)
      if (isLeft(known)) return known
      return right(forAll ? answerOfEach('not_active', []) : answerOfRun('not_active', { ...command, run: 0 }))
    }
    const newest = enrollments.flatMap((enrollment) => {
      const run = newestRun(enrollment)
      return run === undefined ? [] : [{ enrollment, run }]
    })
    const open = newest.filter(({ run }) => isOpenRun(run) && run.campaignVersion <= upToVersion)
    for (const { enrollment, run } of open) stop(decision, enrollment, run, byOperator(command))
    if (open.length > 0) return right(null)
    requireMeant(command, decision)
    const over = newest.map(({ enrollment, run }) => ({ key: enrollment.key, run: run.run }))
    return right(forAll ? answerOfEach('not_active', over) : answerOfRun('not_active', over[0] ?? { run: 0 }))
  },
  answerFrom: (added, command) => answerFromRuns('stopped', command, added),
})
