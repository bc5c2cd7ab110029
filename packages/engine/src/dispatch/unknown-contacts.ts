/** Contacts that have something due and that the directory does not know: asked about again, for an hour (FACTS-3). */
import { type Clock, type ContactId, epochMsOf, type Instant, instantOf } from '@enfold/core'

/** Replicas lag, and deletions are undone. After so long, it is true that there is no such contact. */
const PATIENCE_MS = 3_600_000
const FIRST_MS = 30_000
const LONGEST_MS = 600_000

export interface UnknownContacts {
  /** When to ask about the contact again; `null`: it was asked for long enough. */
  askAgainAt(contactId: ContactId): Instant | null
  /** The directory knows the contact. */
  isKnown(contactId: ContactId): void
}

/**
 * Remembered by this process: another worker, and this one after a restart, waits as long again. That
 * can only make the wait longer.
 */
export function createUnknownContacts(clock: Clock): UnknownContacts {
  const since = new Map<ContactId, { readonly firstMs: number; pauseMs: number }>()
  return {
    askAgainAt(contactId) {
      const nowMs = epochMsOf(clock.now())
      const known = since.get(contactId)
      if (known === undefined) {
        since.set(contactId, { firstMs: nowMs, pauseMs: FIRST_MS })
        return instantOf(nowMs + FIRST_MS)
      }
      const endMs = known.firstMs + PATIENCE_MS
      if (nowMs >= endMs) {
        since.delete(contactId)
        return null
      }
      known.pauseMs = Math.min(known.pauseMs * 2, LONGEST_MS)
      return instantOf(Math.min(nowMs + known.pauseMs, endMs))
    },
    isKnown: (contactId) => void since.delete(contactId),
  }
}
