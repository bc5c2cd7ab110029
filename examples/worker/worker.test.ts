import { describe, expect, it } from 'vitest'
import { expectAfterDeath, givenPlace, keysOf, LONG } from './place.fixture.ts'
import { atRest } from './soak/soak.ts'

/** Real processes in real time: how long it takes is the machine's affair. */
const PATIENCE_MS = 240_000

describe('given a worker that is killed at the worst moment', () => {
  // Each moment and each policy once; the others are a soak, because what follows from both is proved of the dispatcher.
  it.each([
    ['dispatched', 'hold', { mails: 0, repeats: 0, held: 1 }],
    ['handled', 'retry', { mails: 3, repeats: 1, held: 0 }],
  ] as const)(
    'STEP-6: after it has %s, onUnknown "%s": %o',
    (moment, onUnknown, expected) => expectAfterDeath(moment, onUnknown, expected),
    PATIENCE_MS,
  )
})

describe('given a worker that is told to end', () => {
  it(
    'ONCE-3: what is in flight is awaited and recorded, it ends with 0, and nothing is repeated afterwards',
    async () => {
      const place = await givenPlace()
      await place.start(0, 60)
      const worker = place.worker(LONG)
      await place.until(() => place.mails().length >= 10 && place.ledger.inFlight().length > 0)
      worker.signal('SIGTERM')

      expect(await worker.ended).toBe(0)
      await place.ledger.catchUp()
      expect(place.ledger.inFlight()).toEqual([])
      expect(place.ledger.sendings.size).toBeLessThan(120)
      const recorded = [...place.ledger.sendings.values()].flat().filter(({ end }) => end?.type === 'StepSent')
      expect(keysOf(place.mails())).toEqual(new Set(recorded.map(({ key }) => key)))

      const other = place.worker(LONG)
      await atRest(place.ledger)
      other.signal('SIGTERM')
      const verdict = await place.verdict({ endings: [await other.ended] })
      expect(verdict).toMatchObject({ sendings: 120, dispatches: 120, repeats: 0 })
    },
    PATIENCE_MS,
  )

  it(
    'ONCE-3: handlers that outlast the deadline are told to end, and what is known of them is recorded',
    async () => {
      const place = await givenPlace('retry', 1_000_000)
      await place.start(0, 8)
      const worker = place.worker(LONG, 200)
      await place.until(() => place.ledger.inFlight().length === 8)
      worker.signal('SIGINT')

      expect(await worker.ended).toBe(0)
      await place.ledger.catchUp()
      expect(place.ledger.inFlight()).toEqual([])
      const ends = [...place.ledger.sendings.values()].flat().map(({ end }) => [end?.type, end?.consequence])
      expect(ends).toEqual(Array.from({ length: 8 }, () => ['StepFailed', 'retry']))
    },
    PATIENCE_MS,
  )
})

describe.each([2])('given %i workers on one file', (count) => {
  it(
    'STEP-4, ONCE-2: each step is sent once, and more than one of them works',
    async () => {
      const place = await givenPlace()
      const workers = Array.from({ length: count }, () => place.worker(LONG))
      await Promise.all(workers.map((worker) => worker.printed('working')))
      await place.start(0, 100)
      await atRest(place.ledger)
      for (const worker of workers) worker.signal('SIGTERM')
      const endings = await Promise.all(workers.map((worker) => worker.ended))

      const verdict = await place.verdict({ endings })
      expect(verdict).toMatchObject({ contacts: 100, sendings: 200, repeats: 0, cutOff: 0 })
      const shares = workers.map(({ lines }) => Number(/at rest after (\d+)/.exec(lines.join())?.[1]))
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(verdict.dispatches)
      expect(shares.filter((share) => share > 0).length).toBeGreaterThan(1)
    },
    PATIENCE_MS,
  )
})

describe('given a worker that freezes and wakes after its lease', () => {
  it(
    'STOP-6: with dispatches recorded and handlers not begun, it begins none of them',
    async () => {
      const place = await givenPlace()
      await place.start(0, 8)
      const frozen = place.faltering('dispatched', 'SIGSTOP')
      await frozen.printed('faltering')
      const abandoned = await place.abandoned()
      const stopped = abandoned.filter((_, i) => i % 2 === 0).map(({ contactId }) => Number(contactId.slice(7)))
      await Promise.all(stopped.map(place.stop))
      const stoppedAt = Date.now()
      const other = place.faltering('never', 'never')
      await atRest(place.ledger)
      frozen.signal('SIGCONT')
      await place.start(8, 12)
      await atRest(place.ledger)
      for (const worker of [frozen, other]) worker.signal('SIGTERM')
      const endings = await Promise.all([frozen.ended, other.ended])

      const ofStopped = place.mails().filter(({ contactId }) => stopped.includes(Number(contactId.slice(7))))
      expect(ofStopped.filter(({ begunAt }) => begunAt > stoppedAt)).toEqual([])
      const verdict = await place.verdict({ endings })
      expect(verdict).toMatchObject({ contacts: 12, stops: stopped.length, repeats: 0, begunAfterStop: 0 })
      expect(stopped.length).toBeGreaterThan(0)
      expect(frozen.lines.some((line) => line.includes('lease-lost'))).toBe(true)
    },
    PATIENCE_MS,
  )
})
