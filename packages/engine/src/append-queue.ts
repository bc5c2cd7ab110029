/**
 * Group commit: appends for many contacts share a transaction. A contact that a transaction of the host's keeps waits by
 * itself, and so do later orders for it; nobody else does.
 */
import type { AppendResult, EventStore, StreamAppend, StreamId } from '@enfold/core'
import { createBatcher } from './batch.ts'

/** Above 500 a transaction grows without gaining. */
const MOST = 500

/**
 * A batch that meets a lock takes at least 100 ms on PostgreSQL, one that meets none mostly a few. Splitting quick
 * batches gains nothing: they are not begun at once.
 */
const OVERLAP = { afterMs: 50, most: 4 }

export function createAppendQueue(
  store: Pick<EventStore, 'append' | 'appendMany'>,
): (append: StreamAppend) => Promise<AppendResult> {
  const together = createBatcher((appends: readonly StreamAppend[]) => store.appendMany(appends), MOST, OVERLAP)
  /** How many appends wait by themselves, for each stream that is locked. */
  const locked = new Map<StreamId, number>()

  async function alone({ stream, events, expected, derived, requires }: StreamAppend): Promise<AppendResult> {
    locked.set(stream, (locked.get(stream) ?? 0) + 1)
    try {
      return await store.append(stream, events, expected, derived, requires)
    } finally {
      const left = (locked.get(stream) ?? 1) - 1
      if (left > 0) locked.set(stream, left)
      else locked.delete(stream)
    }
  }

  return async (append) => {
    if (locked.has(append.stream)) return alone(append)
    const result = await together(append)
    return result.outcome === 'locked' ? alone(append) : result
  }
}
