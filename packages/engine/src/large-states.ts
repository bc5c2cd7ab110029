/**
 * Contacts with a large state as they were last seen. What is open of them would be parsed and folded again for each order:
 * with 1,000 open runs that is most of what an order costs. The log is still asked each time, so nothing here can be old:
 * what is kept is used where the stored state is the same text and the events since are the same events.
 */
import type { ContactId, KeptState, RecordedContactEvent, StoredState } from '@enfold/core'

/** A contact whose stored state is shorter is not kept: to parse it costs less than to keep it. */
const LARGE = 16_384
/** The texts of all that is kept have so many characters at most. What was parsed of them takes a few times as much. */
const AT_MOST = 8_000_000

interface Seen {
  readonly text: string
  /** The first is that of the stored state. */
  readonly events: readonly RecordedContactEvent[]
  readonly state: KeptState
}

export interface LargeStates {
  /** The contact as it was seen, and how many of the events are in it; `null`: it is not known, or was another. */
  of(
    contactId: ContactId,
    stored: StoredState,
    events: readonly RecordedContactEvent[],
  ): { readonly state: KeptState; readonly count: number } | null
  /** @param state after the events */
  keep(contactId: ContactId, stored: StoredState, events: readonly RecordedContactEvent[], state: KeptState): void
  forget(contactId: ContactId): void
}

export function createLargeStates(large = LARGE, atMost = AT_MOST): LargeStates {
  // The one that was seen last stands last.
  const seen = new Map<ContactId, Seen>()
  let held = 0
  const forget = (contactId: ContactId) => {
    held -= seen.get(contactId)?.text.length ?? 0
    seen.delete(contactId)
  }
  return {
    forget,
    of(contactId, { text }, events) {
      const last = seen.get(contactId)
      if (last === undefined) return null
      const { length } = last.events
      const isSame = last.text === text && last.events.every(({ id }, i) => id === events[i]?.id)
      // What an erasure takes out of the log is not kept here either.
      if (isSame && !events.slice(length).some(({ type }) => type === 'ContactErased'))
        return { state: last.state, count: length }
      forget(contactId)
      return null
    },
    keep(contactId, { text }, events, state) {
      forget(contactId)
      if (text.length < large || text.length > atMost || state.state.erased) return
      seen.set(contactId, { text, events, state })
      held += text.length
      for (const oldest of seen.keys()) {
        if (held <= atMost) break
        forget(oldest)
      }
    },
  }
}
