/**
 * Batching: what is asked for while an earlier batch is being written goes together in the next one. One transaction
 * (and one fsync) then serves many contacts, and a single caller does not wait.
 */
import { type FaultCode, isEnfoldFault } from '@enfold/core'
import { yieldToEventLoop } from './event-loop.ts'

/** Faults that every contact meets. Any other concerns one contact, and harms no other (STEP-7). */
const FAULTS_OF_STORE: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'CLOSED',
  'STORE_UNAVAILABLE',
  'STORE_BUSY',
  'STORE_FULL',
  'STORE_READ_ONLY',
  'DRIVER_MISSING',
  'STORE_INCOMPATIBLE',
])

export function isFaultOfStore(error: unknown): boolean {
  return isEnfoldFault(error) && FAULTS_OF_STORE.has(error.code)
}

interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/** For writes that may wait for something that keeps others from nothing: a batch that is slow holds up no later one. */
export interface Overlap {
  /** After so long the next batch is begun, too. */
  readonly afterMs: number
  /** How many may be under way at once. */
  readonly most: number
}

/**
 * @param write writes a batch; its results are those of the items, in order. If a batch of several fails for one of
 *   them, each is tried by itself, so that the one fails nobody else: items must bear being written twice.
 * @param maxItems of one batch
 * @param overlap left out, one batch is written after the other
 */
export function createBatcher<Item, Result>(
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
  maxItems: number,
  overlap?: Overlap,
): (item: Item) => Promise<Result> {
  let queue: Waiting<Item, Result>[] = []
  let writing = false
  const underWay = new Set<Promise<void>>()

  async function writeAlone(one: Waiting<Item, Result>): Promise<void> {
    try {
      const [result] = await write([one.item])
      one.resolve(result as Result)
    } catch (error) {
      one.reject(error)
    }
  }

  async function writeTogether(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    if (batch.length === 1) return writeAlone(batch[0] as Waiting<Item, Result>)
    try {
      const results = await write(batch.map(({ item }) => item))
      for (const [i, one] of batch.entries()) one.resolve(results[i] as Result)
    } catch (error) {
      // A store that fails for all fails for each: asking again one by one would only make everyone wait.
      if (isFaultOfStore(error)) for (const one of batch) one.reject(error)
      else for (const one of batch) await writeAlone(one)
    }
  }

  /**
   * Until the batch is written, or has taken so long that the next one is not to wait for it.
   *
   * @returns whether it was written within one turn, which is over then; as a store in this process does. A timer of its
   *   own would cost such a batch more than deciding on its events
   */
  async function writtenOrSlow(written: Promise<void>, { afterMs, most }: Overlap): Promise<boolean> {
    let isWritten = false
    underWay.add(written)
    void written.then(() => {
      isWritten = true
      underWay.delete(written)
    })
    await yieldToEventLoop()
    if (isWritten) return true
    const { promise: slow, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, afterMs)
    await Promise.race([written, slow])
    clearTimeout(timer)
    while (underWay.size >= most) await Promise.race(underWay)
    return false
  }

  async function drain(): Promise<void> {
    writing = true
    let hasTurned = false
    while (queue.length > 0) {
      // Callers that the batch before has answered ask for their next step by then. Eight callers who each wait for their
      // answer go eight together; without it two on average did, and SQLite took 1,665 orders a second, not 3,400.
      if (!hasTurned) await yieldToEventLoop()
      const batch = queue.slice(0, maxItems)
      queue = queue.slice(maxItems)
      const written = writeTogether(batch)
      if (overlap === undefined) await written
      else hasTurned = await writtenOrSlow(written, overlap)
    }
    writing = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject })
      if (!writing) void drain()
    })
}
