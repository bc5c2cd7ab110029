/** From the events of a contact to its rows in index and agenda, and what the order of the events must be. Pure. */
import {
  type Change,
  type ContactEvent,
  type ContactId,
  type ContactState,
  commandsAfter,
  contactOf,
  EnfoldFault,
  fold,
  initialContact,
  type Membership,
  membershipsAfter,
  needsHistoryFor,
  type Position,
  type RecordedContactEvent,
  type Tag,
  type Tail,
  type Version,
  workingState,
} from '@enfold/core'
import { latestOf } from '../load-contact.ts'
import type { AfterAppend, ProjectedContact } from '../logged-contact.ts'
import { usable } from '../stored-states.ts'

/** A contact of which nothing was read. */
const UNREAD: ProjectedContact = {
  version: 0,
  position: 0,
  lastEventId: '',
  state: initialContact,
  memberships: [],
  commands: '',
  storedAt: 0,
  latestAt: '',
}

/** A contact whose events are given one after the other. */
export interface FollowedContact extends ProjectedContact {
  /** Up to where its events have been given. The stream may have been read further. */
  readonly given: Version
  /** As it was at that version: what the counters count. */
  readonly counted: ContactState
}

export function foldedFrom(contactId: ContactId, history: readonly RecordedContactEvent[]): ProjectedContact {
  return foldedAfter(contactId, UNREAD, history)
}

/** The contact after more of its events. */
export function foldedAfter(
  contactId: ContactId,
  before: ProjectedContact,
  events: readonly RecordedContactEvent[],
): ProjectedContact {
  const last = events.at(-1)
  if (last === undefined) return before
  const version = before.version + events.length
  return contactAfter(contactId, before, events, {
    version,
    position: last.position,
    state: fold(events, before.state),
  })
}

/** The contact after events that were decided on it. */
export function contactAfter(
  contactId: ContactId,
  before: Omit<ProjectedContact, keyof AfterAppend>,
  events: readonly ContactEvent[],
  { version, position, state }: AfterAppend,
): ProjectedContact {
  return {
    version,
    position,
    lastEventId: events.at(-1)?.id ?? before.lastEventId,
    state,
    memberships: membershipsAfter(contactId, events, before.memberships),
    commands: commandsAfter(events, before.commands),
    storedAt: before.storedAt,
    latestAt: latestOf(events, before.latestAt),
  }
}

/** The contact as its stored state has it, and what to fold into it; `null`: its whole stream is needed. */
export function startOf({
  stored,
  events,
}: Tail): { readonly start: ProjectedContact; readonly since: readonly RecordedContactEvent[] } | null {
  const history = events as readonly RecordedContactEvent[]
  if (stored === null) return { start: UNREAD, since: history }
  const kept = usable(stored, history, true)
  if (typeof kept === 'string' || kept.alongside === null) return null
  const { state, alongside } = kept
  const { version } = stored
  const [first] = history
  const since = history.slice(1)
  if (first === undefined || needsHistoryFor(state, since)) return null
  const { id: lastEventId, position, at: latestAt } = first
  return { start: { version, position, lastEventId, state, ...alongside, storedAt: version, latestAt }, since }
}

/** The contact before these events, which its stream must hold, by its tail; `null`: its whole stream is needed. */
export function followedFrom(
  contactId: ContactId,
  tail: Tail,
  its: readonly RecordedContactEvent[],
  handled: Position,
): FollowedContact | null {
  const begun = startOf(tail)
  const [first] = its
  if (begun === null || first === undefined || begun.start.version >= first.version) return null
  const { start, since } = begun
  const given = givenBefore(first, tail.events as readonly RecordedContactEvent[], handled)
  const now = foldedAfter(contactId, start, since)
  const counted = given === now.version ? now.state : fold(since.slice(0, given - start.version), start.state)
  return { ...now, given, counted }
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
  const from = history[0]?.version ?? 1
  const recorded = history[event.version - from]
  if (recorded === undefined)
    throw new EnfoldFault(
      'STORE_UNAVAILABLE',
      `The stream ${JSON.stringify(event.stream)} does not show its version ${event.version} yet, which the log has given already. Try again.`,
      placeOf(event),
    )
  if (recorded.id !== event.id) throw outOfOrder(event, event.version - 1, 'again, as another event')
  const before = history[event.version - from - 1]
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
  if (unread.length === 0) {
    const counted = given === before.version ? before.state : fold(events, before.counted)
    return { ...before, given, counted }
  }
  const now = foldedAfter(contactId, before, unread)
  return { ...now, given, counted: now.state }
}

/**
 * The contact as it is followed: where its state was stored just now, by what was stored. Then its next event costs no more
 * than its next order does: with 5,000 runs in memory each event copied all of them. Not where its stream was read further
 * than it was given: events that are counted later may be about runs that the later state leaves out (FUNNEL-2).
 */
export function asStored(contact: FollowedContact): FollowedContact {
  const { version, storedAt, state, counted } = contact
  if (storedAt < version || counted !== state) return contact
  const kept = workingState(state)
  return { ...contact, state: kept, counted: kept }
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
