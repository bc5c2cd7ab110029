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

/** A mutex for each key, for as long as somebody has it or waits for it. */
export function createMutexes<Key>() {
  const last = new Map<Key, Promise<unknown>>()
  return function exclusively<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const mine = (last.get(key) ?? Promise.resolve()).then(work)
    const ended = mine
      .catch(() => {})
      .then(() => {
        if (last.get(key) === ended) last.delete(key)
      })
    last.set(key, ended)
    return mine
  }
}
