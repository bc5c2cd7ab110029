/**
 * Appends past what other transactions keep locked, as a host's does that has written to a contact and is still open:
 * everything else is written at once, and what is locked waits by itself, without a connection.
 */
import { type AppendResult, contactOf, EnfoldFault, type Locked, type StreamAppend, type StreamId } from '@enfold/core'
import type { EventLog } from './event-log.ts'
import { isLocked } from './faults.ts'

type Log = Pick<EventLog, 'append' | 'appendAroundLocks'>

const LOCKED: Locked = { outcome: 'locked' }

export async function appendAroundLocks(
  log: Log,
  appends: readonly StreamAppend[],
): Promise<readonly (AppendResult | Locked)[]> {
  try {
    return await log.append(appends)
  } catch (error) {
    if (!isLocked(error)) throw error
    return appends.length === 1 ? [LOCKED] : await log.appendAroundLocks(appends)
  }
}

/**
 * One append, again and again until the lock is gone. A wait on the server would hold a connection of the pool for each
 * order to a locked contact, and soon all of them.
 *
 * @throws EnfoldFault `CONTACT_LOCKED` when the time is over
 */
export function appendPatiently(log: Log, append: StreamAppend, waitMs: number): Promise<AppendResult> {
  return untilUnlocked(() => log.append([append]).then(([result]) => result as AppendResult), append.stream, waitMs)
}

/**
 * @param work throws where it meets a lock, and has written nothing then
 * @param stream whose lock it is, for the fault
 * @throws EnfoldFault `CONTACT_LOCKED` when the time is over
 */
export async function untilUnlocked<T>(work: () => Promise<T>, stream: StreamId, waitMs: number): Promise<T> {
  const giveUpAt = performance.now() + waitMs
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 200))
    try {
      return await work()
    } catch (error) {
      if (!isLocked(error)) throw error
      if (performance.now() >= giveUpAt) throw locked(stream, waitMs)
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)))
    }
}

/**
 * Tries again what was passed over because it was locked: for a moment so that the caller may rely on it, then without
 * the caller.
 *
 * @param work answers what is left
 */
export async function untilNothingLeft<Item>(
  work: (items: readonly Item[]) => Promise<readonly Item[]>,
  items: readonly Item[],
  waitMs: number,
): Promise<void> {
  const startedAt = performance.now()
  const left = await tryAgain(work, await work(items), 100)
  void tryAgain(work, left, waitMs - (performance.now() - startedAt), 50).catch(() => {})
}

/**
 * @param work as of `untilNothingLeft`
 * @returns what is left when the time is over
 */
export async function tryAgain<Item>(
  work: (items: readonly Item[]) => Promise<readonly Item[]>,
  items: readonly Item[],
  waitMs: number,
  firstPauseMs = 5,
): Promise<readonly Item[]> {
  const giveUpAt = performance.now() + waitMs
  let left = items
  for (let pauseMs = firstPauseMs; left.length > 0 && performance.now() < giveUpAt; ) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    left = await work(left)
    pauseMs = Math.min(pauseMs * 2, 200)
  }
  return left
}

function locked(stream: StreamId, waitMs: number): EnfoldFault {
  const contactId = contactOf(stream)
  return new EnfoldFault(
    'CONTACT_LOCKED',
    `A transaction that is still open, perhaps a migration (see pg_stat_activity), has kept ${contactId === null ? 'the campaign' : `the contact ${JSON.stringify(contactId)}`} for ${waitMs} ms. Nothing was written. Is it yours? Then give its client: engine.withTransaction(client); else try again with the same command id.`,
    { contactId, stream, waitMs },
  )
}
