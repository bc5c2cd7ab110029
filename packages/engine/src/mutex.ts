/** A mutex: for what two callers must not do at once, although both may ask at once. */
export function createMutex() {
  let last: Promise<unknown> = Promise.resolve()
  /** Runs the work when all that was asked for before has ended. */
  return function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
}
