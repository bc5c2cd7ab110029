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
