/**
 * A log in; states, memberships, differences and faults out. From events alone, without the database (AUDIT-2, AUDIT-4).
 * Reading events from files is in `codec.ts`; why something happened is in `explain.ts`.
 */
import { isRight } from 'fp-ts/lib/Either.js'
import { defineCampaign } from './campaign.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { type ContactState, evolve, evolveWithPatches, fold, initialContact, type Patch } from './enrollment.ts'
import { isCampaignEvent, type RecordedContactEvent, type RecordedEvent } from './events.ts'
import {
  type ContactId,
  compareIds,
  contactOf,
  type Instant,
  type Position,
  type StreamId,
  type Tag,
  type Version,
} from './ids.ts'
import { describeRejection } from './rejection.ts'
import { createTagIndex, type TagIndex, tagChanges, tagOf, waitingTagOf } from './tag-index.ts'
import { type Violation, violationOf } from './verify.ts'

/** A log in its order: what `store.readAll()` yields, or the decoded lines of a file. */
export type Log = AsyncIterable<RecordedEvent> | Iterable<RecordedEvent>

export interface ReplayOptions {
  /** Only events at or before this instant. Default: all. */
  readonly until?: Instant
}

export interface Replayed {
  readonly contacts: ReadonlyMap<ContactId, ContactState>
  readonly campaigns: Catalog
  readonly index: TagIndex
  /** Of the events taken. */
  readonly events: number
  /** Of the last event taken; 0 for none. */
  readonly position: Position
}

/**
 * Folds a whole log. Memory grows with the events of contacts, which are kept until each can be folded at once.
 *
 * @example
 * const { contacts, index } = await replay(store.readAll(), { until: '2026-03-01T00:00:00.000Z' })
 */
export async function replay(log: Log, options: ReplayOptions = {}): Promise<Replayed> {
  const histories = new Map<ContactId, RecordedContactEvent[]>()
  const campaigns = createCatalog()
  const index = createTagIndex()
  let events = 0
  let position = 0
  for await (const event of upTo(log, options.until)) {
    events += 1
    position = event.position
    if (isCampaignEvent(event)) {
      campaigns.apply(event)
      continue
    }
    const contactId = contactOf(event.stream) as ContactId
    const history = histories.get(contactId)
    if (history === undefined) histories.set(contactId, [event])
    else history.push(event)
    index.apply(tagChanges(contactId, event))
  }
  const contacts = new Map<ContactId, ContactState>()
  for (const [contactId, history] of histories) contacts.set(contactId, fold(history))
  return { contacts, campaigns, index, events, position }
}

/** One contact as it was at an instant, events of that very instant included. */
export async function stateAt(log: Log, contactId: ContactId, at: Instant): Promise<ContactState> {
  const history: RecordedContactEvent[] = []
  for await (const event of upTo(log, at))
    if (!isCampaignEvent(event) && contactOf(event.stream) === contactId) history.push(event)
  return fold(history)
}

/** Who was in a sequence at an instant, by contact id. `status` default "active": in progress. */
export async function membersAt(
  log: Log,
  sequence: {
    readonly campaignId: string
    readonly sequenceId: string
    readonly status?: 'active' | 'waiting' | 'either'
  },
  at: Instant,
): Promise<readonly ContactId[]> {
  const { campaignId, sequenceId, status = 'active' } = sequence
  const wanted = new Set<Tag>()
  if (status !== 'waiting') wanted.add(tagOf(campaignId, sequenceId))
  if (status !== 'active') wanted.add(waitingTagOf(campaignId, sequenceId))
  const members = new Map<Tag, Set<ContactId>>([...wanted].map((tag) => [tag, new Set()]))
  for await (const event of upTo(log, at)) {
    if (isCampaignEvent(event)) continue
    for (const change of tagChanges(contactOf(event.stream) as ContactId, event)) {
      if (change.change === 'clear') for (const set of members.values()) set.delete(change.contactId)
      else if (change.change === 'add') members.get(change.tag)?.add(change.contactId)
      else members.get(change.tag)?.delete(change.contactId)
    }
  }
  return [...new Set([...members.values()].flatMap((set) => [...set]))].sort(compareIds)
}

/** What became different for one contact between two instants. */
export interface ContactDifference {
  readonly contactId: ContactId
  /** Tags that the contact had at the first instant only, and at the second only. */
  readonly left: readonly Tag[]
  readonly entered: readonly Tag[]
  /** The events between. */
  readonly events: readonly RecordedContactEvent[]
}

/** Contacts of whom something was recorded after the first instant and up to the second, by contact id. */
export async function diff(log: Log, from: Instant, to: Instant): Promise<readonly ContactDifference[]> {
  const before = createTagIndex()
  const after = createTagIndex()
  const changed = new Map<ContactId, RecordedContactEvent[]>()
  for await (const event of upTo(log, to)) {
    if (isCampaignEvent(event)) continue
    const contactId = contactOf(event.stream) as ContactId
    const changes = tagChanges(contactId, event)
    after.apply(changes)
    if (event.at <= from) before.apply(changes)
    else if (changed.has(contactId)) changed.get(contactId)?.push(event)
    else changed.set(contactId, [event])
  }
  return [...changed]
    .sort(([a], [b]) => compareIds(a, b))
    .map(([contactId, events]) => {
      const was = new Set(before.tagsOf(contactId))
      const is = new Set(after.tagsOf(contactId))
      return {
        contactId,
        left: [...was].filter((tag) => !is.has(tag)),
        entered: [...is].filter((tag) => !was.has(tag)),
        events,
      }
    })
}

/** What each event of one contact's history changed, as JSON patches. */
export function changesOf(
  history: Iterable<RecordedContactEvent>,
): readonly { readonly event: RecordedContactEvent; readonly patches: readonly Patch[] }[] {
  let state = initialContact
  return [...history].map((event) => {
    const [next, patches] = evolveWithPatches(state, event)
    state = next
    return { event, patches }
  })
}

/** A fault of a log: the first event that shows it, and the rule that it breaks. */
export interface LogFault extends Violation {
  /** 1 for the first event of the log. */
  readonly number: number
  readonly stream: StreamId
  readonly version: Version
  readonly position: Position
}

export interface Verified {
  readonly events: number
  readonly contacts: number
  /** In the order of the log. Of each stream the first fault only: what follows a fault cannot be judged. */
  readonly faults: readonly LogFault[]
}

/**
 * Whether a log can be true: versions without a gap, positions that grow, and an order of events that the rules allow
 * (AUDIT-4). Keeps one state for each contact in memory.
 */
export async function verify(log: Log): Promise<Verified> {
  const campaigns = createCatalog()
  const states = new Map<ContactId, ContactState>()
  const versions = new Map<StreamId, Version>()
  const broken = new Set<StreamId>()
  const faults: LogFault[] = []
  let number = 0
  let position = 0
  for await (const event of log) {
    number += 1
    const { stream, version } = event
    const known = versions.get(stream) ?? 0
    versions.set(stream, version)
    const fault = (violation: Violation) => {
      if (!broken.has(stream)) faults.push({ ...violation, number, stream, version, position: event.position })
      broken.add(stream)
    }
    if (event.position <= position)
      fault({ rule: 'LOG-3', message: `position ${event.position} does not come after ${position}` })
    position = Math.max(position, event.position)
    if (version !== known + 1) fault({ rule: 'LOG-3', message: `version ${version} follows version ${known}` })
    if (isCampaignEvent(event)) {
      if (broken.has(stream)) continue
      const defined = event.type === 'CampaignPublished' ? defineCampaign(event.data.definition) : null
      if (defined === null || isRight(defined)) campaigns.apply(event)
      else fault({ rule: 'VERSION-2', message: describeRejection(defined.left) })
      continue
    }
    const contactId = contactOf(stream)
    if (contactId === null) {
      fault({ rule: 'LOG-1', message: `${event.type} in a stream that is no contact's` })
      continue
    }
    if (broken.has(stream)) continue
    const state = states.get(contactId) ?? initialContact
    const violation = violationOf(contactId, state, event, campaigns)
    // Not `fold([event], state)`: it would copy the whole state for each event of a long history.
    if (violation === null) states.set(contactId, evolve(state, event))
    else fault(violation)
  }
  return { events: number, contacts: states.size, faults }
}

async function* upTo(log: Log, until: Instant | undefined): AsyncGenerator<RecordedEvent> {
  for await (const event of log) if (until === undefined || event.at <= until) yield event
}
