import type { OfContact } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { right } from '../either.ts'
import { isSuppressed } from '../enrollment.ts'
import { defineVerb } from './verb.ts'

export interface UnsuppressContact extends OfContact {
  readonly type: 'UnsuppressContact'
}

/** Ends a ban before its time. STOP-4. */
export const unsuppress = defineVerb<UnsuppressContact>()({
  command: 'UnsuppressContact',
  word: 'unsuppress',
  summary: 'Lifts a ban',
  about: 'contact',
  permission: ['suppress'],
  readsFacts: false,
  outcomes: ['unsuppressed', 'not_suppressed'],
  unchanged: ['not_suppressed'],
  recordedBy: 'ContactUnsuppressed',
  decide(command, decision) {
    if (!isSuppressed(decision.state(), decision.now)) return right({ outcome: 'not_suppressed' })
    decision.add('ContactUnsuppressed', {}, byOperator(command))
    return right(null)
  },
  answerFrom: () => ({ outcome: 'unsuppressed' }),
})
