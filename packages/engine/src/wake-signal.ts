/** Wakes a dispatcher that sleeps when a command of this process may have made something due. */
import type { Clock } from '@enfold/core'
import { realWait } from './clock.ts'

export interface WakeSignal {
  notify(): void
  /** Until so much of the clock's time has passed, `notify` is called, or the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export function createWakeSignal(clock: Clock): WakeSignal {
  const { notify, waitForNext } = createNotifications()
  return {
    notify,
    async sleep(ms, signal) {
      const awake = new AbortController()
      const over = AbortSignal.any([signal, awake.signal])
      await Promise.race([clock.wait?.(ms, over) ?? realWait(ms, over), waitForNext(over)])
      awake.abort()
    },
  }
}

function createNotifications() {
  const waiting = new Set<() => void>()
  let isPending = false
  return {
    notify() {
      isPending = waiting.size === 0
      for (const wake of [...waiting]) wake()
    },
    /** Resolves at the next notification, or at once if there was one since somebody last waited. */
    waitForNext(signal: AbortSignal): Promise<void> {
      if (signal.aborted) return Promise.resolve()
      if (isPending) {
        isPending = false
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        // A waiter whose signal aborted is removed at once, so that it takes no notification from the next waiter.
        const wake = () => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal.addEventListener('abort', wake)
      })
    },
  }
}
