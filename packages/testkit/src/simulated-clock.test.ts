import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const START = '2026-03-01T09:00:00.000Z'

/** Whether a promise has been kept by now, every promise before it included. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const open = {}
  await new Promise(setImmediate)
  return (await Promise.race([promise, Promise.resolve(open)])) !== open
}

describe('the simulated clock', () => {
  it('the simulated clock stands still until it is moved', async () => {
    const clock = createSimulatedClock(START)
    await new Promise(setImmediate)
    expect(clock.now()).toBe(START)
  })

  it('the simulated clock moves on by durations and by milliseconds', () => {
    const clock = createSimulatedClock(START)
    clock.advance('P3D')
    expect(clock.now()).toBe('2026-03-04T09:00:00.000Z')
    clock.advance('PT1H30M')
    expect(clock.now()).toBe('2026-03-04T10:30:00.000Z')
    clock.advance(1)
    expect(clock.now()).toBe('2026-03-04T10:30:00.001Z')
  })

  it('the simulated clock goes to an instant, and never back', () => {
    const clock = createSimulatedClock(START)
    clock.set('2026-12-24T00:00:00.000Z')
    expect(clock.now()).toBe('2026-12-24T00:00:00.000Z')
    expect(() => clock.set('2026-12-23T23:59:59.999Z')).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    expect(clock.now()).toBe('2026-12-24T00:00:00.000Z')
  })

  it.each(['yesterday', '2026-03-01', '2026-02-30T00:00:00.000Z'])(
    'the simulated clock refuses %j as an instant',
    (text) => {
      expect(() => createSimulatedClock(text)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
      expect(() => createSimulatedClock(START).set(text)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    },
  )

  it.each(['3 days', '', -1, 0.5, Number.NaN])('the simulated clock refuses to advance by %j', (by) => {
    expect(() => createSimulatedClock(START).advance(by)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })

  it('a wait resolves once its time has passed, the earlier first', async () => {
    const clock = createSimulatedClock(START)
    const { signal } = new AbortController()
    const order: string[] = []
    const later = clock.wait(2000, signal).then(() => order.push('later'))
    const sooner = clock.wait(1000, signal).then(() => order.push('sooner'))
    clock.advance(999)
    expect(await isDone(sooner)).toBe(false)
    clock.advance(1)
    expect(await isDone(sooner)).toBe(true)
    expect(await isDone(later)).toBe(false)
    clock.advance('PT1H')
    await later
    expect(order).toEqual(['sooner', 'later'])

    const second = clock.wait(2, signal).then(() => order.push('second'))
    const first = clock.wait(1, signal).then(() => order.push('first'))
    clock.advance(10)
    await Promise.all([first, second])
    expect(order).toEqual(['sooner', 'later', 'first', 'second'])
  })

  it('a wait ends when the signal aborts, and at once if it already has', async () => {
    const clock = createSimulatedClock(START)
    const controller = new AbortController()
    const waiting = clock.wait(1000, controller.signal)
    expect(await isDone(waiting)).toBe(false)
    controller.abort()
    expect(await isDone(waiting)).toBe(true)
    expect(await isDone(clock.wait(1000, controller.signal))).toBe(true)
    expect(await isDone(clock.wait(0, new AbortController().signal))).toBe(true)
    expect(clock.now()).toBe(START)
  })
})
