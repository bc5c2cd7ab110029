/**
 * Contacts that have something due and that the directory does not know: asked about again, for an hour (FACTS-3). Since
 * when stands in the index, as a mark of the contact, so that it counts for whichever process asks next.
 */
import { epochMsOf, type Instant, instantOf, markOf, type Tag, unknownSince } from '@enfold/core'

/** Replicas lag, and deletions are undone. After so long, it is true that there is no such contact. */
const PATIENCE_MS = 3_600_000
const FIRST_MS = 30_000
const LONGEST_MS = 600_000
const MINUTE_MS = 60_000

/** When to ask about a contact again, and the mark that says since when it is asked about. */
export interface AskAgain {
  readonly at: Instant
  readonly mark: Tag
}

/**
 * The pauses double with the time that has passed. A mark of more than two hours ago is of another time: in between nobody
 * asked, or the contact was known.
 *
 * @param tags of the contact in the index
 * @returns `null`: it was asked about for long enough
 */
export function askAgain(tags: readonly Tag[], now: Instant): AskAgain | null {
  const nowMs = epochMsOf(now)
  const marked = unknownSince(tags)
  const isOld = marked === null || nowMs - epochMsOf(marked) > 2 * PATIENCE_MS
  // To the minute, up: so that contacts share their marks, and the hour is no shorter.
  const sinceMs = isOld ? Math.ceil(nowMs / MINUTE_MS) * MINUTE_MS : epochMsOf(marked)
  const passedMs = Math.max(0, nowMs - sinceMs)
  if (passedMs >= PATIENCE_MS) return null
  const pauseMs = Math.min(passedMs + FIRST_MS, LONGEST_MS)
  const at = instantOf(Math.min(nowMs + pauseMs, sinceMs + PATIENCE_MS))
  return { at, mark: markOf('unknown', instantOf(sinceMs)) }
}
