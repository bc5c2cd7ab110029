/** Wakes the readers of a store that wait for more. */

export interface Changes {
  /** How many changes there were, to tell whether one came between a look and the wait for the next. */
  readonly count: number
  /** Something was written, or the store was closed. */
  notifyWaiters(): void
  /** Resolves at the next change, when `pollMs` are over, or when the signal aborts. */
  waitForChange(signal: AbortSignal, pollMs?: number): Promise<void>
}

export function createChanges(): Changes {
  const waiting = new Set<() => void>()
  let count = 0
  return {
    get count() {
      return count
    },
    notifyWaiters() {
      count += 1
      for (const wake of waiting) wake()
    },
    async waitForChange(signal, pollMs) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = () => resolve()
      const timer = pollMs === undefined ? undefined : setTimeout(wake, pollMs)
      // A subscription alone keeps no process alive. Browsers have numbers for timers.
      if (typeof timer === 'object') timer.unref()
      waiting.add(wake)
      signal.addEventListener('abort', wake)
      await promise
      signal.removeEventListener('abort', wake)
      waiting.delete(wake)
      clearTimeout(timer)
    },
  }
}
