/** The index in memory that changes of tags make (INDEX-2). Why it counts in bits: docs/decisions/0002-tag-index.md. */

import { Bitmap, type BitmapQuery, BLOCK_SHIFT, blockOf, collect, countBits, EMPTY_BITMAP } from './bitmap.ts'
import { EnfoldFault } from './fault.ts'
import { type ContactId, compareIds, type Tag } from './ids.ts'
import { MembershipKeys } from './membership-keys.ts'
import type { Members, Membership, Page, TagChange, TagQuery } from './ports/tag-index.ts'
import { isMark } from './tags.ts'

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
  /** Memberships of the tag, or of several that exclude one another: a contact once for each of its keys (KEY-4). */
  members(tag: Tag | readonly Tag[], page: Page): Members
  /** Contacts that the query describes; if `all` and `any` are empty, of all that have any tag but marks. */
  search(query: TagQuery, page: Page): Members
  /** How many memberships the tag has: contacts, and where there are keys each of them. */
  count(tag: Tag): number
  /** In the order of `compareIds`; empty for a contact that is not known. */
  tagsOf(contactId: ContactId): readonly Tag[]
  /** The same with each key by itself. */
  membershipsOf(contactId: ContactId): readonly Membership[]
  /** The tags that at least one contact has, in the order of `compareIds`. */
  tags(): readonly Tag[]
  /** Contacts that have at least one tag, marks too: those after `after`, at most `limit`. */
  contacts(after: ContactId | null, limit: number): readonly ContactId[]
}

interface Entry {
  readonly tag: Tag
  readonly members: Bitmap
  /** What a contact holds that has this tag only: one list for all of them, since most contacts have one tag. */
  readonly alone: readonly Entry[]
  readonly isMark: boolean
}

const NOTHING: readonly Entry[] = []

const MAX_LIMIT = 10_000

/** Who has which tag: what the questions below are asked of. */
class TagTable {
  // A contact's slot is its number, counted from 0 in the order of first tags.
  readonly #slots = new Map<ContactId, number>()
  readonly #contactIds: ContactId[] = []
  readonly #held: (readonly Entry[])[] = []
  readonly #entries = new Map<Tag, Entry>()
  readonly #keys = new MembershipKeys()
  /** Who has a tag of a sequence, and who has a mark. */
  readonly tagged = new Bitmap()
  readonly marked = new Bitmap()

  #slotFor(contactId: ContactId): number {
    let slot = this.#slots.get(contactId)
    if (slot === undefined) {
      slot = this.#contactIds.length
      this.#slots.set(contactId, slot)
      this.#contactIds.push(contactId)
      this.#held.push(NOTHING)
    }
    return slot
  }

  #entryFor(tag: Tag): Entry {
    let entry = this.#entries.get(tag)
    if (entry === undefined) {
      const alone: Entry[] = []
      entry = { tag, members: new Bitmap(), alone, isMark: isMark(tag) }
      alone.push(entry)
      this.#entries.set(tag, entry)
    }
    return entry
  }

  #add(slot: number, entry: Entry, key: string): void {
    const had = !entry.members.add(slot)
    if (had || key !== '') this.#keys.add(entry.tag, slot, key, had)
    if (had) return
    const before = this.#held[slot] ?? NOTHING
    // `concat` makes a list of exactly the length; spreading and pushing leave room for 17, which is 120 bytes.
    this.#held[slot] = before.length === 0 ? entry.alone : before.concat(entry)
    if (entry.isMark) this.marked.add(slot)
    else this.tagged.add(slot)
  }

  #remove(slot: number, entry: Entry): void {
    if (!entry.members.delete(slot)) return
    if (entry.members.size === 0) this.#entries.delete(entry.tag)
    const before = this.#held[slot] ?? NOTHING
    const rest = before.toSpliced(before.indexOf(entry), 1)
    this.#held[slot] = rest.length > 1 ? rest : (rest[0]?.alone ?? NOTHING)
    if (!rest.some((one) => one.isMark === entry.isMark)) (entry.isMark ? this.marked : this.tagged).delete(slot)
  }

  make(change: TagChange): void {
    if (change.change === 'add') {
      this.#add(this.#slotFor(change.contactId), this.#entryFor(change.tag), change.key ?? '')
      return
    }
    const slot = this.#slots.get(change.contactId)
    if (slot === undefined) return
    if (change.change === 'clear') {
      for (const entry of this.#held[slot] ?? NOTHING) {
        this.#keys.clear(entry.tag, slot)
        this.#remove(slot, entry)
      }
      return
    }
    const entry = this.#entries.get(change.tag)
    if (entry !== undefined && this.#keys.remove(entry.tag, slot, change.key ?? '')) this.#remove(slot, entry)
  }

  slotAfter(path: string, after: ContactId | null): number {
    if (after === null) return 0
    const slot = this.#slots.get(after)
    if (slot !== undefined) return slot + 1
    throw EnfoldFault.invalidInput(path, after, 'null, or the last contact of a page of this index')
  }

  membersOf(tag: Tag): Bitmap {
    return this.#entries.get(tag)?.members ?? EMPTY_BITMAP
  }

  /** Memberships, which are more than contacts where there are keys. */
  count(tag: Tag): number {
    return this.membersOf(tag).size + this.#keys.more(tag)
  }

  tagsOf(contactId: ContactId): Tag[] {
    return (this.#held[this.#slots.get(contactId) ?? -1] ?? NOTHING).map(({ tag }) => tag)
  }

  membershipsOf(contactId: ContactId): Membership[] {
    const slot = this.#slots.get(contactId) ?? -1
    return this.tagsOf(contactId)
      .sort(compareIds)
      .flatMap((tag) => this.#keys.of(tag, slot).map((key) => (key === '' ? { tag } : { tag, key })))
  }

  tags(): Tag[] {
    return [...this.#entries.keys()]
  }

  membersPage(tags: readonly Tag[], page: Page): Members {
    const { after, afterKey, limit } = page
    const [first = ''] = tags
    if (tags.length === 1 && !this.#keys.has(first)) {
      // As most pages are; put together from several it took a tenth longer.
      const members = this.membersOf(first)
      const query = { any: [members], all: [], none: [] }
      return this.pageOf(query, this.slotAfter('page.after', after), limit, members.size)
    }
    const query = { any: tags.map((tag) => this.membersOf(tag)), all: [], none: [] }
    const total = tags.reduce((sum, tag) => sum + this.count(tag), 0)
    const from = this.slotAfter('page.after', after)
    if (!tags.some((tag) => this.#keys.has(tag))) return this.pageOf(query, from, limit, total)
    return this.#pageOfKeys(tags, query, afterKey === undefined ? from : from - 1, page, total)
  }

  /** As `pageOf`, of the keys of each contact. */
  #pageOfKeys(
    tags: readonly Tag[],
    query: BitmapQuery,
    from: number,
    { afterKey, limit }: Page,
    total: number,
  ): Members {
    const contacts: ContactId[] = []
    const keys: string[] = []
    // The first contact may have no key any more after `afterKey`, and one more says whether there is a next page.
    for (const contactId of this.pageOf(query, Math.max(from, 0), limit + 2, total).contacts) {
      const slot = this.#slots.get(contactId) as number
      const held = (this.#held[slot] ?? NOTHING).filter(({ tag }) => tags.includes(tag))
      const all = [...new Set(held.flatMap(({ tag }) => this.#keys.of(tag, slot)))].sort(compareIds)
      for (const key of all) {
        if (slot === from && afterKey !== undefined && compareIds(key, afterKey) <= 0) continue
        if (contacts.length === limit)
          return { contacts, keys, total, next: contacts.at(-1) ?? null, nextKey: keys.at(-1) ?? '' }
        contacts.push(contactId)
        keys.push(key)
      }
    }
    return { contacts, keys, total, next: null }
  }

  /** `total` where it is known; else every block is counted. */
  pageOf(query: BitmapQuery, from: number, limit: number, total?: number): Members {
    const found: number[] = []
    let counted = 0
    const blocks = Math.max(this.tagged.blocks.length, this.marked.blocks.length)
    for (let b = total === undefined ? 0 : from >>> BLOCK_SHIFT; b < blocks; b++) {
      if (total !== undefined && found.length > limit) break
      const words = blockOf(query, b)
      if (words === null) continue
      if (total === undefined) counted += countBits(words)
      collect(words, b << BLOCK_SHIFT, from, limit + 1, found)
    }
    const contacts = found.slice(0, limit).map((slot) => this.#contactIds[slot] as ContactId)
    return { contacts, total: total ?? counted, next: found.length > limit ? (contacts.at(-1) ?? null) : null }
  }
}

/**
 * An empty index.
 *
 * @example
 * const index = createTagIndex()
 * index.apply([{ change: 'add', contactId: 'ann', tag: tagOf('pool-owners', 'nurture') }])
 * index.members('pool-owners/nurture', { after: null, limit: 50 }) // { contacts: ['ann'], total: 1, next: null }
 */
export function createTagIndex(): MemoryTagIndex {
  const table = new TagTable()
  const membersOf = (tag: Tag) => table.membersOf(tag)
  return {
    apply(changes) {
      for (const change of changes) table.make(change)
    },
    members(tag, page) {
      checked('page.limit', page.limit)
      return table.membersPage(typeof tag === 'string' ? [tag] : tag, page)
    },
    search({ all = [], any = [], none = [] }, { after, limit }) {
      const required = all.map(membersOf)
      const base = any.length > 0 ? any.map(membersOf) : [required[0] ?? table.tagged]
      const query = { any: base, all: required, none: none.map(membersOf) }
      return table.pageOf(query, table.slotAfter('page.after', after), checked('page.limit', limit))
    },
    count: (tag) => table.count(tag),
    tagsOf: (contactId) => table.tagsOf(contactId).sort(compareIds),
    membershipsOf: (contactId) => table.membershipsOf(contactId),
    tags: () => table.tags().sort(compareIds),
    contacts(after, limit) {
      const query = { any: [table.tagged, table.marked], all: [], none: [] }
      return table.pageOf(query, table.slotAfter('after', after), checked('limit', limit), MAX_LIMIT).contacts
    },
  }
}

function checked(path: string, limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw EnfoldFault.invalidInput(path, limit, 'an integer from 1 to 10,000')
}
