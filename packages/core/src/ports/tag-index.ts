/** The index: which contacts have which tags, and for which keys. */
import type { ContactId, Tag } from '../ids.ts'

/**
 * One change of the index. `key` is that of the enrollment; left out: ''. A contact has a tag while it has it for any key
 * (KEY-4). `clear` removes all tags of the contact, whatever their keys (ERASE-1).
 */
export type TagChange =
  | { readonly change: 'add' | 'remove'; readonly contactId: ContactId; readonly tag: Tag; readonly key?: string }
  | { readonly change: 'clear'; readonly contactId: ContactId }

/** One tag of a contact. `key` is that of the enrollment, and left out where it is ''. */
export interface Membership {
  readonly tag: Tag
  readonly key?: string
}

/** Contacts that have all of `all`, at least one of `any` (if any are named), and none of `none`. Rule INDEX-2. */
export interface TagQuery {
  readonly all?: readonly Tag[]
  readonly any?: readonly Tag[]
  readonly none?: readonly Tag[]
}

export interface Page {
  /** The last contact of the page before; `null` for the first page. It need not be a member any more. */
  readonly after: ContactId | null
  /** Of `members`: `nextKey` of the page before. Left out: after all memberships of that contact. */
  readonly afterKey?: string
  /** 1 to 10,000. */
  readonly limit: number
}

export interface Members {
  /** In an order that does not change while one pages. Which one is the store's own affair. */
  readonly contacts: readonly ContactId[]
  /**
   * Of `members`: the key of each, in the same order. Then a contact comes once for each of its keys, in the order of their
   * text, and `total` counts memberships. Left out while nobody has the tag for a key other than ''.
   */
  readonly keys?: readonly string[]
  readonly total: number
  /** What to pass as `after` for more; `null` at the end. */
  readonly next: ContactId | null
  /** What to pass as `afterKey`, where there are `keys` and more of them. */
  readonly nextKey?: string
}

/**
 * Contacts by tag.
 *
 * Tags that begin with `~` are marks of the engine's (`isMark`). A store keeps, pages and counts them like any tag. Only a
 * search without tags skips the contacts that have nothing but marks.
 */
export interface TagIndex {
  /**
   * One page of the memberships of a tag, or of several of which no contact has two for the same key: the total is the sum of
   * theirs. Rule KEY-4.
   */
  members(tag: Tag | readonly Tag[], page: Page): Promise<Members>
  /** Each tag once, in the order of their text. */
  tagsOf(contact: ContactId): Promise<readonly Tag[]>
  /** As `tagsOf`, with each key by itself, in the order of their text. */
  membershipsOf(contact: ContactId): Promise<readonly Membership[]>
  /** Contacts, each of them once, whatever the keys. */
  search(query: TagQuery, page: Page): Promise<Members>
  /** How many memberships the tag has: contacts, and where there are keys each of them. */
  count(tag: Tag): Promise<number>
  /** Contacts that have tags or marks, in a fixed order: those after `after`, at most `limit`. */
  indexed(after: ContactId | null, limit: number): Promise<readonly ContactId[]>
}
