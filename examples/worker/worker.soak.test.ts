import { setTimeout as sleep } from 'node:timers/promises'
import { givenServer } from '@enfold/test-servers/given'
import { describe, expect, it } from 'vitest'
import { expectAfterDeath, givenPlace, SHORT } from './place.fixture.ts'
import { atRest, soak } from './soak/soak.ts'

const server = givenServer()

/** Real processes in real time: how long it takes depends on the machine. */
const PATIENCE_MS = 600_000

describe('given a worker that is killed at the worst moment', () => {
  it.each([
    ['dispatched', 'retry', { mails: 2, repeats: 0, held: 0 }],
    ['handled', 'hold', { mails: 1, repeats: 0, held: 1 }],
  ] as const)(
    'STEP-6: after it has %s, onUnknown "%s": %o',
    (moment, onUnknown, expected) => expectAfterDeath(moment, onUnknown, expected),
    PATIENCE_MS,
  )
})

describe('given a worker that is killed again and again', () => {
  it.each([
    ['at least once where it is retried', 'retry'],
    ['at most once where it is held', 'hold'],
  ] as const)(
    'STEP-4, STEP-6, STOP-6, GATE-2, ONCE-3: everything is sent, %s',
    async (_what, onUnknown) => {
      const figures = await soak({ kills: 12, steps: 240, seed: 7, onUnknown, workers: 1, ...SHORT })

      expect(figures.contacts).toBe(132)
      expect(figures.killsAtWork).toBeGreaterThan(0)
      expect(figures.cutOff).toBeGreaterThan(0)
      expect(figures).toMatchObject({ pauses: 5, freezes: 3 })
      if (onUnknown === 'retry') expect(figures).toMatchObject({ held: 0, resends: 0 })
      else expect(figures).toMatchObject({ repeats: 0 })
    },
    PATIENCE_MS,
  )

  it(
    'STEP-6, ONCE-2: several workers at once change nothing of that',
    async () => {
      const figures = await soak({ kills: 8, steps: 160, seed: 3, onUnknown: 'retry', workers: 2, ...SHORT })
      expect(figures.killsAtWork).toBeGreaterThan(0)
    },
    PATIENCE_MS,
  )
})

describe('given a worker that freezes between a claim and its dispatch', () => {
  it.each([
    ['SQLite', () => undefined],
    ['PostgreSQL', () => server.url],
  ])(
    'GATE-2: on %s, it begins nothing of a campaign that was paused meanwhile',
    async (_, urlOf) => {
      const place = await givenPlace('retry', 60, urlOf())
      await place.start(0, 5)
      const frozen = place.faltering('claimed', 'SIGSTOP')
      await frozen.printed('faltering')
      await place.pause()
      // More than once: it may have said that it falters, and stop a moment later. Its claims are good for a second; then it
      // claims again.
      for (let left = 25; left > 0; left--) {
        frozen.signal('SIGCONT')
        await sleep(100)
      }
      const { position } = await place.resume()
      await atRest(place.ledger)
      frozen.signal('SIGTERM')
      expect(await frozen.ended).toBe(0)
      const dispatched = [...place.ledger.sendings.values()].flat().map((attempt) => attempt.position)
      expect(dispatched).toHaveLength(10)
      expect(Math.min(...dispatched)).toBeGreaterThan(position)
    },
    PATIENCE_MS,
  )
})

describe('given a worker that freezes and wakes after its lease', () => {
  it(
    'STOP-6, STEP-6: with mails half sent, another takes over under the same keys, and stops hold',
    async () => {
      const place = await givenPlace('retry', 200)
      await place.start(0, 33)
      const frozen = place.worker(SHORT)
      await place.until(() => place.mails().length >= 12 && place.ledger.inFlight().length >= 4)
      await place.freeze(frozen)
      const abandoned = await place.abandoned()
      // Of a mail that was frozen before its first word nobody could say whether it was begun before the stop.
      const begun = abandoned.filter(({ contactId }) => place.hasBegun(contactId))
      const stopped = begun.filter((_, i) => i % 2 === 0).map(({ contactId }) => Number(contactId.slice(7)))
      await Promise.all(stopped.map(place.stop))
      const other = place.worker(SHORT)
      await atRest(place.ledger)
      frozen.signal('SIGCONT')
      await place.start(33, 40)
      await atRest(place.ledger)
      for (const worker of [frozen, other]) worker.signal('SIGTERM')
      const endings = await Promise.all([frozen.ended, other.ended])

      const verdict = await place.verdict({ endings })
      expect(abandoned.length).toBeGreaterThan(1)
      expect(stopped.length).toBeGreaterThan(0)
      expect(verdict).toMatchObject({ contacts: 40, stops: stopped.length, begunAfterStop: 0 })
      expect(frozen.lines.some((line) => line.includes('outcome-stale'))).toBe(true)
    },
    PATIENCE_MS,
  )

  it(
    'STOP-6, STEP-6: what it had sent before a stop is recorded when it wakes',
    async () => {
      const place = await givenPlace()
      await place.start(0, 1)
      const frozen = place.faltering('handled', 'SIGSTOP')
      await place.until(() => place.mails().length === 1)
      await place.abandoned()
      await place.stop(0)
      const other = place.faltering('never', 'never')
      await atRest(place.ledger)
      const before = [...place.ledger.sendings.values()].flat().map(({ end }) => end?.reason)
      frozen.signal('SIGCONT')
      await place.until(() => [...place.ledger.sendings.values()].flat()[0]?.end?.type === 'StepSent')
      for (const worker of [frozen, other]) worker.signal('SIGTERM')
      const endings = await Promise.all([frozen.ended, other.ended])

      expect(before).toEqual(['unknown-outcome'])
      expect(await place.verdict({ endings })).toMatchObject({ stops: 1, sendings: 1, dispatches: 1, repeats: 0 })
    },
    PATIENCE_MS,
  )
})
