/**
 * Whether the index is what the log says (INDEX-3). The log is read once, and each contact is folded while it is read: stream
 * by stream it took three readings of everything.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  ContactCounters,
  ContactFold,
  type ContactId,
  type ContactState,
  type CounterChange,
  compareIds,
  contactOf,
  contactStream,
  type EventStore,
  fold,
  INDEX_EVENTS,
  isCampaignEvent,
  isInProgress,
  isMarkOfPlan,
  type Membership,
  marksOf,
  membershipsAfter,
  type NamedMembership,
  namedMembership,
  newestRun,
  type Position,
  type ReadModel,
  type RecordedContactEvent,
  type StreamId,
  tagOf,
  waitingTagOf,
} from '@enfold/core'
import type { EngineContext } from './engine-context.ts'
import { yieldToEventLoop } from './event-loop.ts'
import { pagesOf } from './paging.ts'
import { addFromStreams, beginRecount, type CounterDifference, counterDifferences, type Recount } from './recount.ts'
import { type StateDifference, stateDifferences } from './verify-states.ts'

/** One contact whose rows in the index are not what its log says. Tags, and for a key both, in the order of their text. */
export interface IndexDifference {
  readonly contactId: ContactId
  /** By the projector, from the contact's events. */
  readonly expected: readonly NamedMembership[]
  /** In the live index. */
  readonly found: readonly NamedMembership[]
  /** By the reducer's state: the same as `expected`, or one of the two is wrong. */
  readonly byState: readonly NamedMembership[]
}

export interface IndexReport {
  /** How many contacts were looked at. */
  readonly contacts: number
  readonly differences: readonly IndexDifference[]
  /** Counters of which the index says another number than the log (FUNNEL-2). */
  readonly counters: readonly CounterDifference[]
  /** Stored states of contacts that the log contradicts. */
  readonly states: readonly StateDifference[]
}

/** How much is held while the log is read: so many contacts, and so many events folded into them. */
export interface HeldAtMost {
  readonly contacts: number
  readonly events: number
}

const HELD_AT_MOST: HeldAtMost = { contacts: 100_000, events: 1_000_000 }
/** So many contacts are asked for at once. */
const AT_ONCE = 50
const LOOKS = 3
const YIELD_EVERY = 1000

/** A contact by its events: the memberships as the projector has them, and the reducer's state. */
interface LoggedContact {
  readonly contactId: ContactId
  readonly memberships: readonly Membership[]
  readonly state: ContactState
  /** Its share of the counters. */
  readonly counted: readonly CounterChange[]
}

interface Verifying {
  readonly context: Pick<EngineContext, 'store' | 'historyOf' | 'campaigns'>
  readonly readModel: ReadModel
  readonly shown: (position: Position) => Promise<void>
}

/**
 * Rebuilds every contact's tags and the counters from the events, separate from the live index, and its marks of steps that wait for a person, and
 * reports each difference (INDEX-3). Contacts that could not be held while the log was read are read again, stream by stream.
 * Rejected: to read the log again for each part of them. It costs no less for two parts, and grows with their square.
 *
 * @param shown resolves when the read model shows what is recorded up to a position
 */
export async function verifyIndex(
  context: Verifying['context'],
  readModel: ReadModel,
  shown: Verifying['shown'],
  heldAtMost: HeldAtMost = HELD_AT_MOST,
): Promise<IndexReport> {
  const verifying = { context, readModel, shown }
  const { store } = context
  const differences: IndexDifference[] = []
  const states: StateDifference[] = []
  let contacts = 0
  const recount = await beginRecount(readModel, context.campaigns)
  const compare = async (logged: readonly LoggedContact[]) => {
    contacts += logged.length
    for (const { contactId, counted } of logged) if (!recount.isAhead(contactId)) recount.add(counted)
    differences.push(...(await differencesOf(verifying, logged)))
    states.push(...(await stateDifferences(context, readModel, logged)))
    await yieldToEventLoop()
  }

  const { held, isWhole } = await contactsOfLog(store, recount, heldAtMost)
  for (const some of partsOf([...held.values()])) await compare(some)
  const others = (page: readonly ContactId[]) =>
    partsOf(page.filter((contactId) => !held.has(contactStream(contactId))))
  if (!isWhole)
    for await (const page of pagesOf((after, limit) => store.contacts(after, limit)))
      for (const some of others(page)) await compare(await readContacts(store, recount, some))
  for await (const page of pagesOf((after, limit) => readModel.indexed(after, limit)))
    for (const some of others(page)) {
      const read = await readContacts(store, recount, some)
      await compare(read.filter(({ state }) => state.version === 0))
    }
  await addFromStreams(recount, store, recount.ahead)
  return { contacts, differences, counters: counterDifferences(recount), states }
}

/** A contact that is folded while the log is read. */
class HeldContact implements LoggedContact {
  readonly #fold = new ContactFold()
  readonly #counters = new ContactCounters()
  readonly #recount: Recount
  /** From the first event on that is not counted any more. */
  #counted: readonly CounterChange[] | null = null
  readonly contactId: ContactId
  memberships: readonly Membership[] = []

  constructor(contactId: ContactId, recount: Recount) {
    this.contactId = contactId
    this.#recount = recount
  }

  get state(): ContactState {
    return this.#fold.state
  }

  get counted(): readonly CounterChange[] {
    return this.#counted ?? this.#counters.changes(this.state, this.#recount.campaigns)
  }

  add(event: RecordedContactEvent): void {
    if (this.#recount.counts(event)) this.#counters.add(event)
    else this.#counted ??= this.counted
    this.#fold.add(event)
    if (INDEX_EVENTS.has(event.type)) this.memberships = membershipsAfter(this.contactId, [event], this.memberships)
  }
}

/**
 * Folds the contacts of the log. Where more are met than may be held, those that began first are given up for good: only a
 * contact's first event makes an entry. `isWhole`: nothing was given up or left out.
 */
async function contactsOfLog(
  store: EventStore,
  recount: Recount,
  atMost: HeldAtMost,
): Promise<{ readonly held: ReadonlyMap<StreamId, HeldContact>; readonly isWhole: boolean }> {
  const held = new Map<StreamId, HeldContact>()
  // One iterator for all: a new one would pass over all that were deleted.
  const oldestFirst = held.entries()
  let isWhole = true
  let read = 0
  let events = 0
  for await (const event of store.readAll(0, { streams: 'contacts' })) {
    if (++read % YIELD_EVERY === 0) await yieldToEventLoop()
    if (isCampaignEvent(event)) continue
    let contact = held.get(event.stream)
    if (contact === undefined) {
      // A log without a contact's first event is damaged, and its stream tells.
      const contactId = event.version === 1 ? contactOf(event.stream) : null
      if (contactId === null) {
        isWhole = false
        continue
      }
      contact = new HeldContact(contactId, recount)
      held.set(event.stream, contact)
    }
    contact.add(event)
    events += 1
    while (held.size > atMost.contacts || (events > atMost.events && held.size > 1)) {
      const [oldest, { state }] = oldestFirst.next().value as [StreamId, HeldContact]
      held.delete(oldest)
      events -= state.version
      isWhole = false
    }
  }
  return { held, isWhole }
}

async function readContacts(
  store: EventStore,
  recount: Recount,
  contacts: readonly ContactId[],
): Promise<readonly LoggedContact[]> {
  const histories = await store.readMany(contacts.map(contactStream))
  return contacts.map((contactId) => {
    const history = (histories.get(contactStream(contactId)) ?? []) as readonly RecordedContactEvent[]
    return { ...loggedBy(contactId, history), counted: recount.countersOf(history) }
  })
}

function loggedBy(contactId: ContactId, history: readonly RecordedContactEvent[]): Omit<LoggedContact, 'counted'> {
  return { contactId, memberships: membershipsAfter(contactId, history), state: fold(history) }
}

async function differencesOf(
  verifying: Verifying,
  logged: readonly LoggedContact[],
): Promise<readonly IndexDifference[]> {
  const found = await Promise.all(logged.map(({ contactId }) => verifying.readModel.membershipsOf(contactId)))
  const differences: IndexDifference[] = []
  for (const [i, contact] of logged.entries()) {
    if (differenceOf(contact, found[i] ?? []) === null) continue
    const difference = await lookAgain(verifying, contact.contactId)
    if (difference !== null) differences.push(difference)
  }
  return differences
}

function differenceOf(
  { contactId, memberships, state }: Omit<LoggedContact, 'counted'>,
  inIndex: readonly Membership[],
): IndexDifference | null {
  const marks = marksOf(state).map((tag) => ({ tag }))
  // What follows from the plan depends on the release and the hour, as wakes do, and is not held against the log.
  const found = named(inIndex.filter(({ tag }) => !isMarkOfPlan(tag)))
  const expected = named([...memberships, ...marks])
  const byState = named([...membershipsByState(state), ...marks])
  return isDeepStrictEqual(expected, found) && isDeepStrictEqual(expected, byState)
    ? null
    : { contactId, expected, found, byState }
}

function named(memberships: readonly Membership[]): readonly NamedMembership[] {
  return [...memberships]
    .sort((a, b) => compareIds(a.tag, b.tag) || compareIds(a.key ?? '', b.key ?? ''))
    .map(namedMembership)
}

/** A command between the two looks would show as a difference: only one that stays is one. */
async function lookAgain(
  { context, readModel, shown }: Verifying,
  contactId: ContactId,
): Promise<IndexDifference | null> {
  for (let look = 1; look <= LOOKS; look++) {
    const history = await context.historyOf(contactId)
    const difference = differenceOf(loggedBy(contactId, history), await readModel.membershipsOf(contactId))
    if (difference === null) return null
    // A separate read model may only be late.
    if (look === 1) await shown(history.at(-1)?.position ?? 0)
    else if ((await context.historyOf(contactId)).length === history.length) return difference
  }
  return null
}

function membershipsByState(state: ContactState): readonly Membership[] {
  return state.enrollments.flatMap((enrollment): readonly Membership[] => {
    const { campaignId, sequenceId, key } = enrollment
    const run = newestRun(enrollment)
    const keyed = key === '' ? {} : { key }
    if (isInProgress(run)) return [{ tag: tagOf(campaignId, sequenceId), ...keyed }]
    return run?.status === 'waiting' ? [{ tag: waitingTagOf(campaignId, sequenceId), ...keyed }] : []
  })
}

function* partsOf<One>(all: readonly One[]): Generator<readonly One[]> {
  for (let from = 0; from < all.length; from += AT_ONCE) yield all.slice(from, from + AT_ONCE)
}
