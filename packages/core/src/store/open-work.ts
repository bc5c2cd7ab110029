/** Whether a store is open, and the work that closing it waits for. */
import { EnfoldFault } from '../fault.ts'

export interface OpenWork {
  /** @throws EnfoldFault `CLOSED` after `close` */
  refuseIfClosed(): void
  /**
   * Does work that `close` waits for.
   *
   * @throws EnfoldFault `CLOSED` after `close`
   */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Refuses work from now on, waits for the work in progress, then calls `free`. Idempotent: later calls wait as well. */
  close(free?: () => void | Promise<void>): Promise<void>
}

/** @param name of the store, for the fault: "The SQLite store was closed." */
export function createOpenWork(name: string): OpenWork {
  const working = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  function refuseIfClosed(): void {
    if (closing !== undefined) throw new EnfoldFault('CLOSED', `The ${name} store was closed. Open it again.`)
  }

  return {
    refuseIfClosed,
    async run(work) {
      refuseIfClosed()
      const doing = work()
      working.add(doing)
      try {
        return await doing
      } finally {
        working.delete(doing)
      }
    },
    close(free) {
      closing ??= Promise.allSettled(working).then(() => free?.())
      return closing
    },
  }
}
