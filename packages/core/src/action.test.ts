import {
  ACTION_OUTCOMES,
  type ActionOutcome,
  type ActionRecord,
  advancedAction,
  beginAction,
  cancelledAction,
  collectedAction,
  isOverAction,
  movedAction,
} from '@enfold/core'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const NOW = '2026-03-02T09:00:00.000Z'
const LATER = '2026-03-02T09:05:00.000Z'
const ORDER = {
  action: 'start',
  actionId: 'monday-mail',
  actor: 'olga',
  campaignId: 'pool',
  preview: null,
  reason: null,
  sequenceId: 'nurture',
  source: { from: 'ids' },
} as const

function collected(contacts: number, repeated = 0): ActionRecord {
  const record = movedAction(beginAction(ORDER, null, NOW), NOW)
  return collectedAction(record, { added: contacts, named: contacts + repeated, contactsDigest: 'd' }, NOW)
}

const outcomesArbitrary = fc.array(fc.constantFrom(...ACTION_OUTCOMES), { minLength: 1, maxLength: 40 })

/** What may happen next: a group has its results, a process takes it up, somebody cancels it, its process is told to end. */
const nextArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.record({ next: fc.constant('group' as const), size: fc.integer({ min: 0, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ next: fc.constant('take-up' as const) }) },
  { weight: 1, arbitrary: fc.record({ next: fc.constant('cancel' as const) }) },
  { weight: 1, arbitrary: fc.record({ next: fc.constant('told-to-end' as const) }) },
)
type Next = typeof nextArbitrary extends fc.Arbitrary<infer One> ? One : never

/** The next `size` contacts have their results; the n-th contact's events stand at position 10 n. */
function advance(record: ActionRecord, all: readonly ActionOutcome[], size: number, isLast = false): ActionRecord {
  const outcomes = all.slice(record.processed, record.processed + size)
  return advancedAction(record, { outcomes, position: 10 * (record.processed + outcomes.length), isLast }, NOW)
}

function happen(record: ActionRecord, all: readonly ActionOutcome[], one: Next): ActionRecord {
  if (isOverAction(record)) return record
  if (one.next === 'take-up') return movedAction(record, NOW)
  if (one.next === 'cancel') return cancelledAction(record, 'olga', NOW)
  return one.next === 'group' ? advance(record, all, one.size) : advance(record, all, 0, true)
}

const sumOf = (record: ActionRecord) => Object.values(record.outcomes).reduce((sum, count) => sum + count, 0)

describe('the life of an action', () => {
  it('BULK-1: at every save the counts of an action add up to the contacts seen, and its progress never goes back', () => {
    fc.assert(
      fc.property(outcomesArbitrary, fc.nat(5), fc.array(nextArbitrary), (all, repeated, happened) => {
        let before = collected(all.length, repeated)
        expect(before.contacts + before.repeated).toBe(all.length + repeated)
        for (const one of happened) {
          const record = happen(before, all, one)
          if (record !== before) expect(record.revision).toBe(before.revision + 1)
          expect(sumOf(record)).toBe(record.processed)
          expect(record.processed).toBeGreaterThanOrEqual(before.processed)
          expect(record.processed).toBeLessThanOrEqual(record.contacts)
          expect(record.position).toBeGreaterThanOrEqual(before.position)
          expect(record.state === 'done').toBe(
            before.state === 'done' || (record.state !== 'cancelled' && record.processed === all.length),
          )
          expect(record.endedAt === null).toBe(!isOverAction(record))
          before = record
        }
      }),
      { numRuns: runs(300) },
    )
  })

  it('BULK-2: an action cut into groups at any points and taken up in between ends at the same record', () => {
    fc.assert(
      fc.property(
        outcomesArbitrary,
        fc.array(fc.record({ size: fc.nat(7), isTakenUp: fc.boolean() })),
        (all, groups) => {
          const whole = advance(collected(all.length), all, all.length)
          let record = collected(all.length)
          for (const { size, isTakenUp } of [...groups, { size: all.length, isTakenUp: true }]) {
            if (isOverAction(record)) break
            record = advance(isTakenUp ? movedAction(record, NOW) : record, all, size)
          }
          expect(record.state).toBe('done')
          expect({ ...record, revision: whole.revision }).toEqual(whole)
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('BULK-3: an action that has ended makes no transition', () => {
    const done = advance(collected(1), ['started'], 1)
    const cancelled = cancelledAction(collected(2), 'olga', NOW)
    for (const record of [done, cancelled])
      for (const transition of [
        () => beginAction(ORDER, record, LATER),
        () => movedAction(record, LATER),
        () => collectedAction(record, { added: 1, named: 1, contactsDigest: 'd' }, LATER),
        () => cancelledAction(record, 'ben', LATER),
      ])
        expect(transition).toThrow(`is ${record.state}`)
    expect(() => advancedAction(done, { outcomes: ['started'], position: 9, isLast: false }, LATER)).toThrow('is done')
  })

  it('BULK-3: a group that was under way when the action was cancelled is counted, and the action stays cancelled', () => {
    const cancelled = cancelledAction(collected(2), 'olga', NOW)
    const counted = advancedAction(cancelled, { outcomes: ['started', 'failed'], position: 7, isLast: true }, LATER)
    expect(counted).toMatchObject({ state: 'cancelled', endedAt: NOW, cancelledBy: 'olga', processed: 2, position: 7 })
    expect(counted.outcomes).toMatchObject({ started: 1, failed: 1 })
  })

  it('BULK-3: an action that is told to end is cancelled by nobody; with its last contacts it is done', () => {
    const ended = { state: 'cancelled', cancelledBy: null, endedAt: NOW, processed: 1 }
    expect(advance(collected(2), ['started', 'started'], 1, true)).toMatchObject(ended)
    expect(advance(collected(1), ['started'], 1, true)).toMatchObject({ state: 'done', endedAt: NOW })
  })

  it('BULK-1: more results than contacts are refused', () => {
    const progress = { outcomes: ['started', 'started'], position: 1, isLast: false } as const
    expect(() => advancedAction(collected(1), progress, NOW)).toThrow('for 1 contacts, and 2 have a result')
  })

  it('BULK-2: collected again, it keeps the instant of its order and forgets what it had', () => {
    const first = movedAction(beginAction(ORDER, null, NOW), NOW)
    expect(beginAction(ORDER, first, LATER)).toEqual({
      ...beginAction(ORDER, null, LATER),
      revision: 3,
      orderedAt: NOW,
    })
  })
})
