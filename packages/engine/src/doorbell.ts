/** Wakes a dispatcher that sleeps when a command of this process may have made something due. */
import type { Clock } from '@enfold/core'
import { realWait } from './clock.ts'

export interface Doorbell {
  ring(): void
  /** Until so much of the clock's time has passed, the bell rings, or the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export function createDoorbell(clock: Clock): Doorbell {
  const bell = createBell()
  return {
    ring: bell.ring,
    async sleep(ms, signal) {
      const awake = new AbortController()
      const over = AbortSignal.any([signal, awake.signal])
      await Promise.race([clock.wait?.(ms, over) ?? realWait(ms, over), bell.heard(over)])
      awake.abort()
    },
  }
}

function createBell() {
  const waiting = new Set<() => void>()
  let rung = false
  return {
    ring() {
      rung = waiting.size === 0
      for (const wake of [...waiting]) wake()
    },
    /** Resolves at the next ring, or at once if it rang since somebody last listened. */
    heard(signal: AbortSignal): Promise<void> {
      if (signal.aborted) return Promise.resolve()
      if (rung) {
        rung = false
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        // Whoever has gone hears nothing: a ring meant for the next listener must not be lost on him.
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
