import type { OfContact } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { stopEverything, stoppedRuns } from '../decision/stopping.ts'
import { right } from '../either.ts'
import { defineVerb } from './verb.ts'

export interface StopAll extends OfContact {
  readonly type: 'StopAll'
}

/** Ends every open run of the contact in one append. STOP-3. */
export const stopAll = defineVerb<StopAll>()({
  command: 'StopAll',
  word: 'stop-all',
  summary: 'Takes the contact out of everything',
  about: 'contact',
  permission: ['stop'],
  readsFacts: false,
  outcomes: ['stopped', 'not_active'],
  unchanged: ['not_active'],
  answers: { stopped: 'runs' },
  recordedBy: 'SequenceStopped',
  decide(command, decision) {
    const stopped = stopEverything(decision, byOperator(command))
    return right(stopped === 0 ? { outcome: 'not_active', stopped: [] } : null)
  },
  answerFrom: (added) => ({ outcome: 'stopped', stopped: stoppedRuns(added) }),
})
