/** Work of the same key one after the other, of different keys at once. */

export type Serialize<Key> = <T>(key: Key, work: () => Promise<T>) => Promise<T>

export function createSerialize<Key>(): Serialize<Key> {
  /** The last work of each key that is not done yet: the next waits for it. */
  const last = new Map<Key, Promise<unknown>>()
  return (key, work) => {
    const done = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, done)
    const leave = () => {
      if (last.get(key) === done) last.delete(key)
    }
    done.then(leave, leave)
    return done
  }
}
