/** From the events of a contact to its rows in index and agenda, and what the order of the events must be. Pure. */
import {
  type Change,
  type ContactId,
  type ContactState,
  contactOf,
  EnfoldFault,
  fold,
  type Membership,
  membershipsAfter,
  type Position,
  type RecordedContactEvent,
  type Tag,
  type Version,
} from '@enfold/core'

/** A contact as its stream has it up to a version. */
export interface FoldedContact {
  readonly version: Version
  readonly state: ContactState
  readonly memberships: readonly Membership[]
}

/** A contact whose events are given one after the other. */
export interface FollowedContact extends FoldedContact {
  /** Up to where its events have been given. The stream may have been read further. */
  readonly given: Version
  /** As it was at that version: what the counters count. */
  readonly counted: ContactState
}

export function foldedFrom(contactId: ContactId, history: readonly RecordedContactEvent[]): FoldedContact {
  return { version: history.length, state: fold(history), memberships: membershipsAfter(contactId, history) }
}

export function eventsByContact(events: readonly RecordedContactEvent[]): Map<ContactId, RecordedContactEvent[]> {
  const byContact = new Map<ContactId, RecordedContactEvent[]>()
  for (const event of events) {
    const contactId = contactOf(event.stream)
    if (contactId === null) continue
    const its = byContact.get(contactId)
    if (its === undefined) byContact.set(contactId, [event])
    else its.push(event)
  }
  return byContact
}

/**
 * Up to which version a contact's events were given before this one, which its stream must hold.
 *
 * @param handled up to where events have been projected
 * @throws EnfoldFault `PROJECTION_OUT_OF_ORDER`; `STORE_UNAVAILABLE` where the stream does not show the event yet
 */
export function givenBefore(
  event: RecordedContactEvent,
  history: readonly RecordedContactEvent[],
  handled: Position,
): Version {
  const recorded = history[event.version - 1]
  if (recorded === undefined)
    throw new EnfoldFault(
      'STORE_UNAVAILABLE',
      `The stream ${JSON.stringify(event.stream)} does not show its version ${event.version} yet, which the log has given already. Try again.`,
      placeOf(event),
    )
  if (recorded.id !== event.id) throw outOfOrder(event, event.version - 1, 'again, as another event')
  const before = history[event.version - 2]
  if (before !== undefined && before.position > handled) throw outOfOrder(event, event.version - 2)
  return event.version - 1
}

/**
 * The contact after its events, each of which must follow the one before.
 *
 * @throws EnfoldFault `PROJECTION_OUT_OF_ORDER`
 */
export function followedOn(
  contactId: ContactId,
  before: FollowedContact,
  events: readonly RecordedContactEvent[],
): FollowedContact {
  let { given } = before
  for (const event of events) {
    if (event.version !== given + 1) throw outOfOrder(event, given)
    given = event.version
  }
  const unread = events.filter((event) => event.version > before.version)
  // Mostly the stream was read no further than it was given.
  if (unread.length === 0) return { ...before, given, counted: fold(events, before.counted) }
  const state = fold(unread, before.state)
  return {
    given,
    counted: state,
    version: given,
    state,
    memberships: membershipsAfter(contactId, unread, before.memberships),
  }
}

/** Sets exactly these memberships and marks, whatever there was. */
export function setTo(
  contactId: ContactId,
  memberships: readonly Membership[],
  marks: readonly Tag[],
): Change['derived']['tags'] {
  const all = [...memberships, ...marks.map((tag) => ({ tag }))]
  return [{ change: 'clear', contactId }, ...all.map((one) => ({ change: 'add', contactId, ...one }) as const)]
}

export function placeOf({ id, type, stream, version, position }: RecordedContactEvent) {
  return { id, type, stream, version, position }
}

export function nameOf({ id, type, stream, version, position }: RecordedContactEvent): string {
  return `${type} ${id}, version ${version} of the stream ${JSON.stringify(stream)}, at position ${position}`
}

function outOfOrder(event: RecordedContactEvent, given: Version, how?: string): EnfoldFault {
  const what = how ?? (event.version <= given ? `again, after version ${given}` : `right after version ${given}`)
  return new EnfoldFault(
    'PROJECTION_OUT_OF_ORDER',
    `The log gave ${nameOf(event)}, ${what}. Nothing of it was projected. Check the log with \`enfold verify\`; if it is whole, the subscription lost or repeated an event: run the projection again, which begins at its checkpoint.`,
    { ...placeOf(event), given },
  )
}
