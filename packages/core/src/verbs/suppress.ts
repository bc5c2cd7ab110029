import type { OfContact } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { stopEverything, stoppedRuns } from '../decision/stopping.ts'
import { left, right } from '../either.ts'
import { isSuppressed } from '../enrollment.ts'
import type { Instant } from '../ids.ts'
import { defineVerb } from './verb.ts'

/** A ban, until an instant or without end (STOP-4). */
export interface SuppressContact extends OfContact {
  readonly type: 'SuppressContact'
  readonly until: Instant | null
}

/** Stops everything, and lets nothing start until the ban is over. STOP-4, SUPPRESS-1. */
export const suppress = defineVerb<SuppressContact>()({
  command: 'SuppressContact',
  word: 'suppress',
  summary: 'A ban, until an instant or without end',
  about: 'contact',
  permission: ['suppress'],
  readsFacts: false,
  takes: { until: 'instantOrNull' },
  outcomes: ['suppressed', 'already_suppressed'],
  unchanged: ['already_suppressed'],
  answers: { stopped: 'runs' },
  recordedBy: 'ContactSuppressed',
  decide(command, decision) {
    const { now } = decision
    const { until } = command
    if (isSuppressed(decision.state(), now) && decision.state().suppressed?.until === until)
      return right({ outcome: 'already_suppressed', stopped: [] })
    if (until !== null && until <= now) return left({ type: 'InstantPast', instant: until, now })
    decision.add('ContactSuppressed', { until }, byOperator(command))
    stopEverything(decision, { ...byOperator(command), causationId: decision.lastEventId() })
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'suppressed', stopped: stoppedRuns(added) }),
})
