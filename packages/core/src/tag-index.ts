/**
 * The projector: contact events in, changes of active-sequence tags out (INDEX-1); and the index in memory that these
 * changes make (INDEX-2). It knows nothing of the reducer. Why it counts in bits: docs/decisions/0002-tag-index.md.
 */
import type { ContactEvent, ContactEventType } from './events.ts'
import { EnfoldFault } from './fault.ts'
import { type CampaignId, type ContactId, compareIds, requireId, type SequenceId, type Tag } from './ids.ts'
import type { Members, Page, TagChange, TagQuery } from './ports/index.ts'
import { BLOCK_SHIFT, blockOf, collect, countBits, NOBODY, type SlotQuery, SlotSet } from './slot-set.ts'

// --- Tags -----------------------------------------------------------------------------------------------------------

/** What a tag says: the sequence, and whether the run waits at its end. */
export interface ParsedTag {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  readonly waiting: boolean
}

const WAITING = '~waiting'

/**
 * The tag of a contact whose run of the sequence is in progress: both ids percent-encoded, joined by a slash.
 * Throws `INVALID_INPUT` for what is no id (LOG-6).
 *
 * @example
 * tagOf('pool-owners', 'nurture') // 'pool-owners/nurture'
 * tagOf('a/b', 'c~waiting')       // 'a%2Fb/c%7Ewaiting'
 */
export function tagOf(campaignId: CampaignId, sequenceId: SequenceId): Tag {
  return `${encoded('campaignId', campaignId)}/${encoded('sequenceId', sequenceId)}`
}

/**
 * The tag of a contact whose run stands at the end of the sequence and waits for a goal. Throws as `tagOf`.
 *
 * @example
 * waitingTagOf('pool-owners', 'nurture') // 'pool-owners/nurture~waiting'
 */
export function waitingTagOf(campaignId: CampaignId, sequenceId: SequenceId): Tag {
  return tagOf(campaignId, sequenceId) + WAITING
}

// encodeURIComponent leaves `~` alone, and a sequence named `b~waiting` would have the tag of `b` that waits.
function encoded(path: string, id: string): string {
  return encodeURIComponent(requireId<string>(path, id)).replaceAll('~', '%7E')
}

/**
 * What a tag says, or `null` for every text that is not exactly what `tagOf` or `waitingTagOf` yields.
 *
 * @example
 * parseTag('pool-owners/nurture~waiting') // { campaignId: 'pool-owners', sequenceId: 'nurture', waiting: true }
 * parseTag('customer')                    // null
 */
export function parseTag(tag: Tag): ParsedTag | null {
  const waiting = tag.endsWith(WAITING)
  const sequence = waiting ? tag.slice(0, -WAITING.length) : tag
  const slash = sequence.indexOf('/')
  try {
    const campaignId = decodeURIComponent(sequence.slice(0, Math.max(slash, 0)))
    const sequenceId = decodeURIComponent(sequence.slice(slash + 1))
    return tagOf(campaignId, sequenceId) === sequence ? { campaignId, sequenceId, waiting } : null
  } catch {
    return null
  }
}

/**
 * Whether a tag is a mark of the engine's (`marks.ts`), and none of a sequence: those encode `~`. A store keeps marks as
 * it keeps tags, and passes them over where it is asked who has any tag at all.
 *
 * @example
 * isMark('~held')               // true
 * isMark('pool-owners/nurture') // false
 */
export function isMark(tag: Tag): boolean {
  return tag.startsWith('~')
}

const NO_CHANGES: readonly TagChange[] = []

/** The events that change tags: all that a question about who was where needs to read. */
export const INDEX_EVENTS: ReadonlySet<ContactEventType> = new Set<ContactEventType>([
  'SequenceStarted',
  'SequenceStopped',
  'SequenceCompleted',
  'ContactErased',
])

/**
 * What an event changes in the contact's tags, in the order in which it is to be done; empty for most events.
 * Rules INDEX-1 and ERASE-1. A paused run is in progress, so pausing changes nothing.
 *
 * @example
 * index.apply(tagChanges('ann', event))
 */
export function tagChanges(contactId: ContactId, event: ContactEvent): readonly TagChange[] {
  switch (event.type) {
    case 'SequenceStarted':
    case 'SequenceStopped':
    case 'SequenceCompleted': {
      const { campaignId, sequenceId } = event.data
      const inProgress = event.type === 'SequenceStarted'
      const waiting = event.type === 'SequenceCompleted' && event.data.waiting
      return [
        { change: inProgress ? 'add' : 'remove', contactId, tag: tagOf(campaignId, sequenceId) },
        { change: waiting ? 'add' : 'remove', contactId, tag: waitingTagOf(campaignId, sequenceId) },
      ]
    }
    case 'ContactErased':
      return [{ change: 'clear', contactId }]
    default:
      return NO_CHANGES
  }
}

// --- The index ------------------------------------------------------------------------------------------------------

/**
 * Contacts by tag, in memory. Pages come in the order in which contacts had their first tag; a contact keeps its place
 * for as long as the index lives, also while it has no tag, so paging neither repeats nor skips one that stays.
 * The price: the index forgets no contact id, only its tags.
 *
 * Throws `INVALID_INPUT` for a limit that is no integer from 1 to 10,000, and for an `after` that never had a tag here.
 */
export interface MemoryTagIndex {
  /** Makes the changes in order. A change that was made already changes nothing. */
  apply(changes: Iterable<TagChange>): void
  /** Contacts that have the tag. */
  members(tag: Tag, page: Page): Members
  /** Contacts that the query describes; if `all` and `any` are empty, of all that have any tag but marks. */
  search(query: TagQuery, page: Page): Members
  /** How many contacts have the tag. */
  count(tag: Tag): number
  /** In the order of `compareIds`; empty for a contact that is not known. */
  tagsOf(contactId: ContactId): readonly Tag[]
  /** The tags that at least one contact has, in the order of `compareIds`. */
  tags(): readonly Tag[]
  /** Contacts that have at least one tag, marks too: those after `after`, at most `limit`. */
  contacts(after: ContactId | null, limit: number): readonly ContactId[]
}

interface Entry {
  readonly tag: Tag
  readonly members: SlotSet
  /** What a contact holds that has this tag only: one list for all of them, since most contacts have one tag. */
  readonly alone: readonly Entry[]
  readonly isMark: boolean
}

const NOTHING: readonly Entry[] = []
const MAX_LIMIT = 10_000

/**
 * An empty index.
 *
 * @example
 * const index = createTagIndex()
 * index.apply([{ change: 'add', contactId: 'ann', tag: tagOf('pool-owners', 'nurture') }])
 * index.members('pool-owners/nurture', { after: null, limit: 50 }) // { contacts: ['ann'], total: 1, next: null }
 */
export function createTagIndex(): MemoryTagIndex {
  // A contact's slot is its number, counted from 0 in the order of first tags.
  const slots = new Map<ContactId, number>()
  const contactIds: ContactId[] = []
  const held: (readonly Entry[])[] = []
  const entries = new Map<Tag, Entry>()
  /** Who has a tag of a sequence, and who has a mark. */
  const tagged = new SlotSet()
  const marked = new SlotSet()

  function slotFor(contactId: ContactId): number {
    let slot = slots.get(contactId)
    if (slot === undefined) {
      slot = contactIds.length
      slots.set(contactId, slot)
      contactIds.push(contactId)
      held.push(NOTHING)
    }
    return slot
  }

  function entryFor(tag: Tag): Entry {
    let entry = entries.get(tag)
    if (entry === undefined) {
      const alone: Entry[] = []
      entry = { tag, members: new SlotSet(), alone, isMark: isMark(tag) }
      alone.push(entry)
      entries.set(tag, entry)
    }
    return entry
  }

  function add(slot: number, entry: Entry): void {
    if (!entry.members.add(slot)) return
    const before = held[slot] ?? NOTHING
    // `concat` makes a list of exactly the length; spreading and pushing leave room for 17, which is 120 bytes.
    held[slot] = before.length === 0 ? entry.alone : before.concat(entry)
    if (entry.isMark) marked.add(slot)
    else tagged.add(slot)
  }

  function remove(slot: number, entry: Entry): void {
    if (!entry.members.delete(slot)) return
    if (entry.members.size === 0) entries.delete(entry.tag)
    const before = held[slot] ?? NOTHING
    const rest = before.toSpliced(before.indexOf(entry), 1)
    held[slot] = rest.length > 1 ? rest : (rest[0]?.alone ?? NOTHING)
    if (!rest.some((one) => one.isMark === entry.isMark)) (entry.isMark ? marked : tagged).delete(slot)
  }

  function make(change: TagChange): void {
    if (change.change === 'add') {
      add(slotFor(change.contactId), entryFor(change.tag))
      return
    }
    const slot = slots.get(change.contactId)
    if (slot === undefined) return
    const going = change.change === 'clear' ? held[slot] : [entries.get(change.tag)]
    for (const entry of going ?? NOTHING) if (entry !== undefined) remove(slot, entry)
  }

  function slotBehind(path: string, after: ContactId | null): number {
    if (after === null) return 0
    const slot = slots.get(after)
    if (slot !== undefined) return slot + 1
    throw EnfoldFault.invalidInput(path, after, 'null, or the last contact of a page of this index')
  }

  const membersOf = (tag: Tag): SlotSet => entries.get(tag)?.members ?? NOBODY

  /** `total` where it is known; else every block is counted. */
  function pageOf(query: SlotQuery, from: number, limit: number, total?: number): Members {
    const found: number[] = []
    let counted = 0
    const blocks = Math.max(tagged.blocks.length, marked.blocks.length)
    for (let b = total === undefined ? 0 : from >>> BLOCK_SHIFT; b < blocks; b++) {
      if (total !== undefined && found.length > limit) break
      const words = blockOf(query, b)
      if (words === null) continue
      if (total === undefined) counted += countBits(words)
      collect(words, b << BLOCK_SHIFT, from, limit + 1, found)
    }
    const contacts = found.slice(0, limit).map((slot) => contactIds[slot] as ContactId)
    return { contacts, total: total ?? counted, next: found.length > limit ? (contacts.at(-1) ?? null) : null }
  }

  return {
    apply(changes) {
      for (const change of changes) make(change)
    },
    members(tag, { after, limit }) {
      const members = membersOf(tag)
      const query = { any: [members], all: [], none: [] }
      return pageOf(query, slotBehind('page.after', after), checked('page.limit', limit), members.size)
    },
    search({ all = [], any = [], none = [] }, { after, limit }) {
      const required = all.map(membersOf)
      const base = any.length > 0 ? any.map(membersOf) : [required[0] ?? tagged]
      const query = { any: base, all: required, none: none.map(membersOf) }
      return pageOf(query, slotBehind('page.after', after), checked('page.limit', limit))
    },
    count: (tag) => membersOf(tag).size,
    tagsOf(contactId) {
      const entriesOfContact = held[slots.get(contactId) ?? -1] ?? NOTHING
      return entriesOfContact.map((entry) => entry.tag).sort(compareIds)
    },
    tags: () => [...entries.keys()].sort(compareIds),
    contacts(after, limit) {
      const query = { any: [tagged, marked], all: [], none: [] }
      return pageOf(query, slotBehind('after', after), checked('limit', limit), MAX_LIMIT).contacts
    },
  }
}

function checked(path: string, limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw EnfoldFault.invalidInput(path, limit, 'an integer from 1 to 10,000')
}
