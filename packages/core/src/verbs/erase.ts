import type { OfContact } from '../commands.ts'
import { byOperator } from '../decision/builder.ts'
import { right } from '../either.ts'
import { defineVerb } from './verb.ts'

export interface EraseContact extends OfContact {
  readonly type: 'EraseContact'
}

/** Forgets the contact for good. ERASE-1. */
export const erase = defineVerb<EraseContact>()({
  command: 'EraseContact',
  word: 'erase',
  summary:
    'Forgets the contact: everything is stopped, and nothing undoes that; `holds` counts what of yours stays in the log',
  about: 'contact',
  permission: ['erase'],
  readsFacts: false,
  outcomes: ['erased'],
  tells: { holds: 'heldValues' },
  recordedBy: 'ContactErased',
  decide(command, decision) {
    decision.add('ContactErased', {}, byOperator(command))
    return right(null)
  },
  answerFrom: () => ({ outcome: 'erased' }),
})
