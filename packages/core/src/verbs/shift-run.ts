import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { eachInProgress } from '../decision/finding.ts'
import { answerFromRuns } from '../decision/keys.ts'
import { isLeft, right } from '../either.ts'
import { A_SIGNED_DURATION, signedDurationMs } from '../timers/duration.ts'
import { defineVerb } from './verb.ts'

export interface ShiftRun extends OfSequence {
  readonly type: 'ShiftRun'
  /** "P2D": two days later. "-PT3H": three hours earlier, but not before now. */
  readonly by: string
}

/** Moves the ends of all waits that are still to come, of the run of a key or of all. SHIFT-2, KEY-2. */
export const shiftRun = defineVerb<ShiftRun>()({
  command: 'ShiftRun',
  word: 'shift',
  summary: 'All waits of the run that are still to come end that much later, or earlier, but not before now',
  about: 'sequence',
  permission: ['reschedule'],
  readsFacts: false,
  takes: { by: 'duration', key: 'key' },
  needs: ['by'],
  expects: ({ by = '' }) => (signedDurationMs(by) ? null : `\`by\` as ${A_SIGNED_DURATION}, other than 0`),
  outcomes: ['shifted'],
  answers: { run: 'count', key: 'key', runs: 'keyedRuns' },
  recordedBy: 'RunShifted',
  decide(command, decision) {
    const found = eachInProgress(command, decision)
    if (isLeft(found)) return found
    const byMs = signedDurationMs(command.by) ?? 0
    for (const { ref, run } of found.right)
      decision.add('RunShifted', { ...ref, run: run.run, byMs }, byOperator(command))
    return right(null)
  },
  answerFrom: (added, command) => answerFromRuns('shifted', command, added),
})
