/** Work that is under way, so that an end can wait for it. */
export interface InFlight {
  readonly size: number
  /** Returns the same promise. */
  track<T>(work: Promise<T>): Promise<T>
  /** Resolves when all that is under way now has ended, well or not. */
  settled(): Promise<unknown>
}

export function createInFlight(): InFlight {
  const promises = new Set<Promise<unknown>>()
  return {
    get size() {
      return promises.size
    },
    track(work) {
      promises.add(work)
      const ended = () => void promises.delete(work)
      work.then(ended, ended)
      return work
    },
    settled: () => Promise.allSettled(promises),
  }
}
