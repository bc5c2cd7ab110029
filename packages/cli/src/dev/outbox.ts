/** Catches every step instead of sending it: the one handler of `enfold dev`, for whatever kind there is. */
import type { Instant, StepCall, StepHandler } from '@enfold/core'
import type { Caught } from './caught.ts'
import type { Journal } from './journal.ts'
import { mailOf, recipientOf } from './mail.ts'

export interface Outbox {
  /** Says `sent` of every step. */
  readonly catch: StepHandler
  /** How many were caught so far. */
  count(): number
  find(number: number): Caught | undefined
  /** The newest first. `before`: older than this number. */
  list(query: {
    readonly before?: number
    readonly limit: number
    readonly contactId?: string | null
  }): readonly Caught[]
}

/** @param onCaught is called after each, except for those of the journal */
export function createOutbox(
  now: () => Instant,
  journal: Pick<Journal, 'caught' | 'write'>,
  onCaught: (caught: Caught) => void,
): Outbox {
  const all: Caught[] = [...journal.caught]
  const known = new Set(all.map(({ idempotencyKey }) => idempotencyKey))

  return {
    catch(call) {
      // Caught already, and then the process ended before it was recorded (STEP-4).
      if (!known.has(call.idempotencyKey)) {
        const one = caughtFrom(call, all.length + 1, now())
        journal.write({ caught: one })
        known.add(call.idempotencyKey)
        all.push(one)
        onCaught(one)
      }
      return { outcome: 'sent', receipt: 'caught' }
    },
    count: () => all.length,
    find: (number) => all[number - 1],
    list({ before = all.length + 1, limit, contactId = null }) {
      const found: Caught[] = []
      for (let i = Math.min(before - 1, all.length); i > 0 && found.length < limit; i--) {
        const one = all[i - 1]
        if (one !== undefined && (contactId === null || one.contactId === contactId)) found.push(one)
      }
      return found
    },
  }
}

function caughtFrom(call: StepCall, number: number, at: Instant): Caught {
  const { contactId, campaignId, sequenceId, key, run, vars, step, resend, occurrence, idempotencyKey } = call
  return {
    ...{ number, at, contactId, campaignId, sequenceId, run, stepId: step.id, kind: step.kind, resend, idempotencyKey },
    ...(key === undefined ? {} : { key }),
    ...(vars === undefined ? {} : { vars }),
    ...(occurrence === undefined ? {} : { occurrence }),
    params: step.params ?? {},
    to: recipientOf(call),
    mail: mailOf(call),
  }
}
