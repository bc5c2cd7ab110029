/**
 * In which order appends that are under way at the same time are committed. A real server commits appends to different
 * streams as it likes; this is so here, too, where a seed is given.
 */

/** Commits what waits, each append once. Those to one stream keep the order in which they came. */
export type Commit = <T>(stream: string, write: () => T) => Promise<T>

/** As they come. */
const byArrival: Commit = async (_, write) => write()

/** @param seed the same seed draws the same numbers; left out: appends are committed as they come */
export function createCommitOrder(seed: number | undefined): Commit {
  if (seed === undefined) return byArrival
  const random = randomOf(seed)
  let waiting: { readonly stream: string; readonly write: () => void }[] = []

  /** At each turn of the loop every stream's oldest append is written, or left for the next turn, by chance. */
  function turn(): void {
    const oldest = [...new Map(waiting.toReversed().map((one) => [one.stream, one])).values()]
    const written = new Set(shuffled(oldest, random).filter(() => random() < 0.5))
    waiting = waiting.filter((one) => !written.has(one))
    for (const { write } of written) write()
    if (waiting.length > 0) setImmediate(turn)
  }

  return (stream, write) =>
    new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(turn)
      waiting.push({ stream, write: () => resolve(write()) })
    })
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
