/**
 * Contacts as this process saw them last, of a log whose every read is a round trip to a server: what the projection has
 * followed, and what was appended here since. What was seen may be old. It is good for one thing: for a decision that
 * appends, because the log refuses the append where the contact has moved on (STOP-6). Then it is read, and decided again. A
 * decision that appends nothing is never made on it.
 */
import { type ContactId, mayHold } from '@enfold/core'
import type { LastSeen, ProjectedContact } from './logged-contact.ts'
import { contactAfter } from './projection/rows.ts'

/** For a log that is asked each time. */
export const nothingSeen: LastSeen = {
  of: () => null,
  saw() {},
  reached() {},
  appended() {},
  forget() {},
  clear() {},
}

/** @param capacity how many contacts are kept */
export function createLastSeen(capacity: number): LastSeen {
  // The one that was seen last stands last.
  const seen = new Map<ContactId, ProjectedContact>()

  function keep(contactId: ContactId, contact: ProjectedContact): void {
    seen.delete(contactId)
    // Its state still has the variables of its runs.
    if (contact.state.erased) return
    seen.set(contactId, contact)
    if (seen.size <= capacity) return
    for (const oldest of seen.keys()) {
      seen.delete(oldest)
      return
    }
  }

  return {
    of(contactId, commands) {
      const contact = seen.get(contactId)
      if (contact === undefined || commands.some((id) => mayHold(contact.commands, id))) return null
      const { version, position, state, memberships, storedAt, latestAt } = contact
      return {
        state,
        stored: { version: storedAt, latestAt },
        history: [],
        isWhole: false,
        mayBeRecorded: false,
        alongside: { memberships, commands: contact.commands },
        version,
        position,
        mayBeOld: true,
      }
    },
    saw(contactId, contact) {
      // What was appended here since is ahead of the projection.
      if ((seen.get(contactId)?.version ?? 0) <= contact.version) keep(contactId, contact)
    },
    reached(contactId, version) {
      if ((seen.get(contactId)?.version ?? version) < version) seen.delete(contactId)
    },
    appended(contactId, before, events, after) {
      const contact = seen.get(contactId)
      if (contact?.version === before) keep(contactId, contactAfter(contactId, contact, events, after))
    },
    forget: (contactId) => void seen.delete(contactId),
    clear: () => seen.clear(),
  }
}
