import { expect, it, vi } from 'vitest'
import { createCalls } from './calls.ts'
import type { EventStoreDbClient } from './client.ts'

it('an append that hangs after one that failed is made again, however well reads go meanwhile', async () => {
  vi.useFakeTimers()
  try {
    const appendToStream = vi
      .fn<EventStoreDbClient['appendToStream']>()
      .mockRejectedValueOnce(new Error('Failed to discover after 10 attempts.'))
      .mockReturnValueOnce(new Promise(() => {}))
      .mockResolvedValue({ success: true, nextExpectedRevision: 0n, position: { commit: 7n } })
    const client: EventStoreDbClient = {
      appendToStream,
      async *readStream() {},
      async *readAll() {},
      subscribeToAll: () => ({}),
    }
    const calls = createCalls({
      client,
      credentials: undefined,
      callTimeoutMs: 100_000,
      giveUpAfterMs: 200_000,
      maxInFlight: 8,
    })
    const appended = calls.append('contact-ann', [], -1)
    // Each 10 ms: also between the failure and the next attempt.
    for (let n = 0; n < 150; n++) {
      await vi.advanceTimersByTimeAsync(10)
      await calls.read('contact-bob', 0, 10)
    }
    expect(appendToStream).toHaveBeenCalledTimes(3)
    expect(await appended).toEqual({ revision: 0, position: 7 })
  } finally {
    vi.useRealTimers()
  }
})

it('calls that wait for a place begin together, in their order, and never more at once than may be', async () => {
  const begun: string[] = []
  const answers: (() => void)[] = []
  const client: EventStoreDbClient = {
    appendToStream(name) {
      begun.push(name)
      return new Promise((resolve) => {
        answers.push(() => resolve({ success: true, nextExpectedRevision: 0n, position: { commit: 7n } }))
      })
    },
    async *readStream() {},
    async *readAll() {},
    subscribeToAll: () => ({}),
  }
  const options = { client, credentials: undefined, callTimeoutMs: 100_000, giveUpAfterMs: 200_000 }
  const calls = createCalls({ ...options, maxInFlight: 2 })
  const all = ['a', 'b', 'c', 'd', 'e'].map((name) => calls.append(name, [], -1))
  const seen: string[] = []
  for (const name of ['a', 'b']) {
    await vi.waitFor(() => expect(begun).toContain(name), 30_000)
    answers.shift()?.()
  }
  // Nothing begins before the turn of the event loop is over in which both were answered.
  for (let n = 0; n < 50; n++) {
    await Promise.resolve()
    seen.push(begun.join(''))
  }
  expect(new Set(seen)).toEqual(new Set(['ab']))
  await vi.waitFor(() => expect(begun.join('')).toBe('abcd'), 30_000)
  for (const answer of answers.splice(0)) answer()
  await vi.waitFor(() => expect(begun.join('')).toBe('abcde'), 30_000)
  answers[0]?.()
  expect(await Promise.all(all)).toHaveLength(5)
})
