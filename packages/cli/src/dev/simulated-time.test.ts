import { type Instant, instantOf } from '@enfold/core'
import type { DispatchCounts } from '@enfold/engine'
import { expect, it } from 'vitest'
import { createSimulatedTime, createStandingClock } from './simulated-time.ts'

const NONE = { dispatched: 0, sent: 0, skipped: 0, failed: 0, completed: 0 }
const at = (hour: number): Instant => instantOf(Date.UTC(2026, 2, 2, hour))

/** An engine that has work at these hours: so many steps, and 0 for a wake at which there is nothing to do. */
function given(work: readonly (readonly [hour: number, steps: number])[]) {
  const clock = createStandingClock(at(0))
  const waiting = [...work]
  const done: Instant[] = []
  let caught = 0
  const runDue = async ({ limit = Number.POSITIVE_INFINITY } = {}): Promise<DispatchCounts> => {
    const counts = { ...NONE }
    for (let one = waiting[0]; one !== undefined && at(one[0]) <= clock.now(); one = waiting[0]) {
      waiting.shift()
      const steps = Math.min(one[1], limit)
      if (steps > 0) done.push(clock.now())
      counts.dispatched += steps
      counts.sent += steps
      caught += steps
      if (steps < one[1]) waiting.unshift([one[0], one[1] - steps])
      if (counts.dispatched >= limit) break
    }
    const [next] = waiting
    return { ...counts, wakeAt: next === undefined ? null : at(next[0]) }
  }
  const moved: Instant[] = []
  const onMoved = (now: Instant) => void moved.push(now)
  return { clock, done, moved, time: createSimulatedTime({ engine: { runDue }, clock, caught: () => caught, onMoved }) }
}

it('a move stops at every instant at which something is due, and ends at its target', async () => {
  const { clock, done, moved, time } = given([
    [1, 2],
    [5, 1],
    [30, 1],
  ])
  expect(await time.move(at(24))).toEqual({
    ...{ number: 1, from: at(0), to: at(24), isCut: false, caught: [1, 3] },
    counts: { ...NONE, dispatched: 3, sent: 3 },
  })
  expect(done).toEqual([at(1), at(5)])
  expect([clock.now(), moved]).toEqual([at(24), [at(24)]])
  expect(await time.move(at(25))).toMatchObject({ number: 2, from: at(24), to: at(25), caught: null })
})

it('a move to the next passes by wakes at which nothing is sent, and says if there is none', async () => {
  const { clock, time } = given([
    [1, 0],
    [2, 0],
    [3, 1],
  ])
  expect(await time.move('next')).toMatchObject({ to: at(3), caught: [1, 1] })
  expect(await time.move('next')).toBeNull()
  expect(clock.now()).toBe(at(3))
})

it('a move ends where very much was due, says so, and the next one goes on', async () => {
  const { time } = given([
    [1, 6000],
    [2, 1],
  ])
  expect(await time.move(at(24))).toMatchObject({ to: at(1), isCut: true, caught: [1, 5000] })
  expect(await time.move(at(24))).toMatchObject({ from: at(1), to: at(24), isCut: false, caught: [5001, 6001] })
  expect(time.moves().map(({ number }) => number)).toEqual([2, 1])
})
