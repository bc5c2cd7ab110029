import type { OfSequence } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { answerOfRun } from '../decision/keys.ts'
import { start, startable, tooMany } from '../decision/starting.ts'
import { stop } from '../decision/stopping.ts'
import { isLeft, left, right } from '../either.ts'
import { enrollmentOf, isOpenRun, newestRun } from '../enrollment.ts'
import type { Vars } from '../events.ts'
import { countOf, defineVerb, firstOf } from './verb.ts'

/** Stop, then start, in one append (START-3). */
export interface RestartSequence extends OfSequence {
  readonly type: 'RestartSequence'
  /** What the new run begins with (VAR-1). Left out: what the newest run of the enrollment began with. */
  readonly vars?: Vars
}

/** A contact that was not in the sequence is started. START-3, VAR-1, KEY-1, KEY-5. */
export const restartSequence = defineVerb<RestartSequence>()({
  command: 'RestartSequence',
  word: 'restart',
  summary: 'Stops and starts in one',
  about: 'sequence',
  permission: ['start', 'stop'],
  readsFacts: true,
  readsPublished: true,
  takes: { key: 'key', vars: 'vars' },
  outcomes: ['restarted', 'started'],
  answers: { run: 'count', key: 'key' },
  recordedBy: 'SequenceStarted',
  decide(command, decision) {
    const found = startable(command, decision, true)
    if (isLeft(found)) return found
    const entry = found.right
    const refused = tooMany(entry, decision)
    if (refused !== null) return left(refused)
    const run = newestRun(enrollmentOf(decision.state(), entry.ref))
    if (isOpenRun(run)) stop(decision, entry.ref, run, byOperator(command))
    start(decision, entry, byOperator(command))
    return right(null)
  },
  answerFrom: (added) =>
    answerOfRun(countOf(added, 'SequenceStopped') > 0 ? 'restarted' : 'started', firstOf(added, 'SequenceStarted')),
})
