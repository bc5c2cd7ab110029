import { inspect } from 'node:util'
import { idempotencyKeyOf } from 'enfold'
import { describe, expect, it } from 'vitest'
import { type Evidence, judge } from './judge.ts'
import type { Attempt } from './ledger.ts'
import { leftBehind } from './soak.ts'

const person = { contactId: 'person-1', campaignId: 'letters', sequenceId: 'letters', run: 1 }
const sending = { ...person, stepId: 'one', resend: 0 }
const key = idempotencyKeyOf(sending)

const attemptAt = (attempt: number, end: Attempt['end']): Attempt => ({
  ...{ contactId: person.contactId, stepId: 'one', resend: 0, key, attempt, end },
  dispatchedAt: 1000 * attempt,
  position: attempt,
  killed: false,
  frozen: false,
})

/** A contact of which nothing but the two attempts of its one sending is told. */
function evidence(
  attempts: readonly Attempt[],
  leaseLost: ReadonlySet<string>,
  ...sentBy: readonly number[]
): Evidence {
  return {
    onUnknown: 'retry',
    killsFollowed: false,
    ledger: {
      contacts: new Map(),
      sendings: new Map([[key, attempts]]),
      byCommand: new Map(),
      violations: [],
      async catchUp() {},
      inFlight: () => [],
    },
    given: new Map(),
    mails: sentBy.map(
      (n) => ({ key, contactId: person.contactId, begunAt: 1000 * n + 1 }) as Evidence['mails'][number],
    ),
    endings: [],
    leaseLost,
    index: { contacts: 0, differences: [], counters: [], states: [] },
  }
}

/** Recorded after all dispatches. */
const sent: Attempt['end'] = { type: 'StepSent', reason: '', consequence: '', position: 10 }
const { contactId, ...ref } = sending
const line = inspect(
  { type: 'lease-lost', contactId, attempt: { ...ref, attempt: 1 } },
  { breakLength: Number.POSITIVE_INFINITY },
)

describe('the judge', () => {
  it('STEP-6: excuses the very attempt that a worker said it left to others', () => {
    const verdict = judge(evidence([attemptAt(1, null), attemptAt(2, sent)], new Set(leftBehind(line)), 2))
    expect(verdict).toMatchObject({ dispatches: 2, leftToOthers: 1, cutOff: 0, sendings: 1 })
  })

  it('STEP-6: excuses no other attempt of the same contact', () => {
    const attempts = [attemptAt(1, null), attemptAt(2, null), attemptAt(3, sent)]
    expect(() => judge(evidence(attempts, new Set(leftBehind(line)), 3))).toThrow('STEP-6: an outcome was not recorded')
  })

  it('STOP-6: the judge finds the mail of an attempt that was said to be left', () => {
    const attempts = [attemptAt(1, null), attemptAt(2, sent)]
    expect(() => judge(evidence(attempts, new Set(leftBehind(line)), 1))).toThrow('STOP-6: sent by a worker')
  })

  it('STEP-6: excuses a repeat where the first outcome was recorded after another had tried again, and the stale outcome of that', () => {
    const verdict = judge(evidence([attemptAt(1, sent), attemptAt(2, null)], new Set(), 1, 2))
    expect(verdict).toMatchObject({ dispatches: 2, repeats: 1, sendings: 1 })
    const inTime = { ...sent, position: 1.5 }
    expect(() => judge(evidence([attemptAt(1, inTime), attemptAt(2, sent)], new Set(), 1, 2))).toThrow(
      'a mail was repeated whose arrival was on record',
    )
  })

  it('the judge takes no other line for one', () => {
    expect(leftBehind(line.replace('lease-lost', 'outcome-stale'))).toEqual([])
    expect(leftBehind("{ type: 'lease-lost', contactId: 'person-1', attempt: null }")).toEqual([])
  })
})
