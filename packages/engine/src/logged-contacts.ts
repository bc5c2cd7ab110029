/**
 * Every contact as the log has it, for those that look at all of them. The log is read once, and each contact is folded while
 * it is read: stream by stream it took three readings of everything.
 */
import {
  ContactCounters,
  ContactFold,
  type ContactId,
  type ContactState,
  type CounterChange,
  commandsAfter,
  contactOf,
  contactStream,
  type EventId,
  type EventStore,
  fold,
  type HashList,
  INDEX_EVENTS,
  isCampaignEvent,
  type Membership,
  membershipsAfter,
  type ReadModel,
  type RecordedContactEvent,
  type StreamId,
  type Version,
} from '@enfold/core'
import { yieldToEventLoop } from './event-loop.ts'
import type { FoldedContact } from './logged-contact.ts'
import { pagesOf } from './paging.ts'
import { addFromStreams, type Recount } from './recount.ts'

/** How much is held while the log is read: so many contacts, and so many events folded into them. */
export interface HeldAtMost {
  readonly contacts: number
  readonly events: number
}

const HELD_AT_MOST: HeldAtMost = { contacts: 100_000, events: 1_000_000 }
/** So many contacts are given, and read from their streams, at once. */
const AT_ONCE = 50
const YIELD_EVERY = 1000

/** One of the contacts of the log. */
export interface ContactOfLog extends FoldedContact {
  readonly contactId: ContactId
}

interface CountedContact extends ContactOfLog {
  /** Its share of the counters. */
  readonly counted: readonly CounterChange[]
}

/**
 * Every contact of the log, and then those that only the index has, at most 50 at once. All are added to the recount.
 * Contacts that could not be held while the log was read are read again, stream by stream. Rejected: to read the log again
 * for each part of them. It costs no less for two parts, and grows with their square.
 */
export async function* loggedContacts(
  store: EventStore,
  readModel: ReadModel,
  recount: Recount,
  heldAtMost: HeldAtMost = HELD_AT_MOST,
): AsyncGenerator<readonly ContactOfLog[]> {
  const { held, isWhole } = await contactsOfLog(store, recount, heldAtMost)
  for await (const some of contactsOnce(store, readModel, recount, held, isWhole)) {
    for (const { contactId, counted } of some) if (!recount.isAhead(contactId)) recount.add(counted)
    yield some
    await yieldToEventLoop()
  }
  await addFromStreams(recount, store, recount.ahead)
}

async function* contactsOnce(
  store: EventStore,
  readModel: ReadModel,
  recount: Recount,
  held: ReadonlyMap<StreamId, HeldContact>,
  isWhole: boolean,
): AsyncGenerator<readonly CountedContact[]> {
  yield* partsOf([...held.values()])
  const others = (page: readonly ContactId[]) =>
    partsOf(page.filter((contactId) => !held.has(contactStream(contactId))))
  if (!isWhole)
    for await (const page of pagesOf((after, limit) => store.contacts(after, limit)))
      for (const some of others(page)) yield await readContacts(store, recount, some)
  for await (const page of pagesOf((after, limit) => readModel.indexed(after, limit)))
    for (const some of others(page)) {
      const read = await readContacts(store, recount, some)
      yield read.filter(({ version }) => version === 0)
    }
}

/** A contact that is folded while the log is read. */
class HeldContact implements CountedContact {
  readonly #fold = new ContactFold()
  readonly #counters = new ContactCounters()
  readonly #recount: Recount
  /** From the first event on that is not counted any more. */
  #counted: readonly CounterChange[] | null = null
  readonly contactId: ContactId
  version: Version = 0
  lastEventId: EventId = ''
  memberships: readonly Membership[] = []
  commands: HashList = ''

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
    this.version = event.version
    this.lastEventId = event.id
    this.commands = commandsAfter([event], this.commands)
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
): Promise<readonly CountedContact[]> {
  const histories = await store.readMany(contacts.map(contactStream))
  return contacts.map((contactId) => {
    const history = (histories.get(contactStream(contactId)) ?? []) as readonly RecordedContactEvent[]
    return { ...foldedBy(contactId, history), counted: recount.countersOf(history) }
  })
}

/** @param state left out: that of these events */
export function foldedBy(
  contactId: ContactId,
  history: readonly RecordedContactEvent[],
  state: ContactState = fold(history),
): ContactOfLog {
  const { version = 0, id: lastEventId = '' } = history.at(-1) ?? {}
  const memberships = membershipsAfter(contactId, history)
  return { contactId, version, lastEventId, memberships, commands: commandsAfter(history), state }
}

function* partsOf<One>(all: readonly One[]): Generator<readonly One[]> {
  for (let from = 0; from < all.length; from += AT_ONCE) yield all.slice(from, from + AT_ONCE)
}
