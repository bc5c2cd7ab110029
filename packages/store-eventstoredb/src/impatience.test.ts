import { expect, it, vi } from 'vitest'
import { createImpatience } from './impatience.ts'

/** A call that each time ends as the next of these says; `undefined`: never. */
function callThat(...ends: (string | Error | undefined)[]) {
  return vi.fn(() => {
    const end = ends.shift()
    if (end === undefined) return new Promise<string>(() => {})
    return end instanceof Error ? Promise.reject(end) : Promise.resolve(end)
  })
}
const away = () => new Error('Failed to discover after 10 attempts.')

it('a silent call is made once while the server is not in doubt', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(5000)
    const call = callThat(undefined, 'second')
    void settled(call)
    await vi.advanceTimersByTimeAsync(4999)
    expect(call).toHaveBeenCalledTimes(1)
  } finally {
    vi.useRealTimers()
  }
})

it('after a failure a silent call is made again after a second, long before its deadline', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(5000)
    await expect(settled(callThat(away()))).rejects.toThrow('discover')
    const call = callThat(undefined, away(), 'third')
    const answer = settled(call)
    await vi.advanceTimersByTimeAsync(2000)
    expect(await answer).toBe('third')
    // It answered, so nothing is in doubt any more.
    const silent = callThat(undefined, 'second')
    void settled(silent)
    await vi.advanceTimersByTimeAsync(4999)
    expect(silent).toHaveBeenCalledTimes(1)
  } finally {
    vi.useRealTimers()
  }
})

it('a call that was silent when another failed is made once more after others have succeeded', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(5000)
    const call = callThat(undefined, undefined, undefined, 'fourth')
    void settled(call)
    await vi.advanceTimersByTimeAsync(500)
    await expect(settled(callThat(away()))).rejects.toThrow('discover')
    await settled(callThat('well'))
    await vi.advanceTimersByTimeAsync(500)
    expect(call).toHaveBeenCalledTimes(2)
    // A server that is only slow is not asked five times.
    await vi.advanceTimersByTimeAsync(60_000)
    expect(call).toHaveBeenCalledTimes(2)
  } finally {
    vi.useRealTimers()
  }
})

it('a call that began in doubt is made once more after others have succeeded', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(5000)
    await expect(settled(callThat(away()))).rejects.toThrow('discover')
    const call = callThat(undefined, 'second')
    const answer = settled(call)
    await settled(callThat('well'))
    await vi.advanceTimersByTimeAsync(1000)
    expect(await answer).toBe('second')
  } finally {
    vi.useRealTimers()
  }
})

it('what stays as it is however often one tries is passed on at once', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(5000)
    await expect(settled(callThat(away()))).rejects.toThrow('discover')
    const denied = Object.assign(new Error('no rights'), { type: 'access-denied' })
    const answer = settled(callThat(undefined, denied))
    const refused = expect(answer).rejects.toBe(denied)
    await vi.advanceTimersByTimeAsync(1000)
    await refused
  } finally {
    vi.useRealTimers()
  }
})

it('when the first ends at its deadline, those that were made next to it are not waited for', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(3000)
    await expect(settled(callThat(away()))).rejects.toThrow('discover')
    const silent = () => new Promise<string>((_, reject) => setTimeout(() => reject(away()), 3000))
    let isOver = false
    const ended = settled(silent).catch(() => {
      isOver = true
    })
    await vi.advanceTimersByTimeAsync(3000)
    expect(isOver).toBe(true)
    await ended
  } finally {
    vi.useRealTimers()
  }
})

it('no more are made once the deadline of the first has passed', async () => {
  vi.useFakeTimers()
  try {
    const { settled } = createImpatience(3000)
    await expect(settled(callThat(away()))).rejects.toThrow('discover')
    const call = callThat()
    void settled(call)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(call).toHaveBeenCalledTimes(3)
  } finally {
    vi.useRealTimers()
  }
})
