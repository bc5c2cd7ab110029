/** The machine's own time, where the host gives no other clock. */
import { type Clock, instantOf } from '@enfold/core'

export const systemClock: Clock = { now: () => instantOf(Date.now()) }

/** `setTimeout` takes 31 bits of milliseconds; a longer wait ends early. */
export const LONGEST_WAIT_MS = 2_147_483_647

/** Real time, and so the right thing for everything that waits for other machines. Ends early when the signal aborts. */
export function realWait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    // A wait that ends early is repeated.
    const timer = setTimeout(done, Math.min(Math.max(0, ms), LONGEST_WAIT_MS))
    signal?.addEventListener('abort', done)
  })
}
