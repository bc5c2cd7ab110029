import {
  type CounterChange,
  CounterSum,
  counterChanges,
  countersOf,
  countersOfHistory,
  needsHistoryFor,
} from '@enfold/core'
import { historyArbitrary } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { asStored, type FollowedContact, followedFrom, followedOn } from './rows.ts'

/** How far the next batch goes, how far the stream is read meanwhile, whether a state is stored, and whether it is forgotten. */
const batch = fc.record({
  events: fc.integer({ min: 1, max: 4 }),
  ahead: fc.integer({ min: 0, max: 6 }),
  isStored: fc.boolean(),
  isForgotten: fc.boolean(),
})

function namedCounts(changes: readonly CounterChange[]): readonly string[] {
  return countersOf(changes)
    .map((counter) => JSON.stringify(counter))
    .sort()
}

it('FUNNEL-2: a contact is counted alike however far its stream is read, and whenever its state is stored', () => {
  fc.assert(
    fc.property(
      historyArbitrary(),
      fc.array(batch, { minLength: 1 }),
      ({ contactId, events, state, campaigns }, batches) => {
        const sum = new CounterSum()
        let followed: FollowedContact | null = null
        for (let given = 0, n = 0; given < events.length; n++) {
          const { events: many, ahead, isStored, isForgotten } = batches[n % batches.length] as (typeof batches)[number]
          const its = events.slice(given, given + many)
          const handled = events[given - 1]?.position ?? 0
          given += its.length
          if (followed === null || needsHistoryFor(followed.state, its))
            followed = followedFrom(
              contactId,
              { stored: null, events: events.slice(0, given + ahead), isRecorded: false },
              its,
              handled,
            )
          if (followed === null) throw new Error('a contact that was read from its whole stream is always known')
          const now = followedOn(contactId, followed, its)
          sum.addAll(counterChanges(followed.counted, its, now.counted, campaigns))
          followed = isForgotten ? null : asStored(isStored ? { ...now, storedAt: now.version } : now)
        }
        expect(namedCounts(sum.changes())).toEqual(namedCounts(countersOfHistory(events, state, campaigns)))
      },
    ),
    { numRuns: runs(300) },
  )
})
