/** The index: which contacts have which tags. */
import type { ContactId, Tag } from '../ids.ts'

/** One change of the index. `clear` removes all tags of the contact (ERASE-1). */
export type TagChange =
  | { readonly change: 'add' | 'remove'; readonly contactId: ContactId; readonly tag: Tag }
  | { readonly change: 'clear'; readonly contactId: ContactId }

/** Contacts that have all of `all`, at least one of `any` (if any are named), and none of `none`. Rule INDEX-2. */
export interface TagQuery {
  readonly all?: readonly Tag[]
  readonly any?: readonly Tag[]
  readonly none?: readonly Tag[]
}

export interface Page {
  /** The last contact of the page before; `null` for the first page. It need not be a member any more. */
  readonly after: ContactId | null
  /** 1 to 10,000. */
  readonly limit: number
}

export interface Members {
  /** In an order that does not change while one pages. Which one is the store's own affair. */
  readonly contacts: readonly ContactId[]
  readonly total: number
  /** What to pass as `after` for more; `null` at the end. */
  readonly next: ContactId | null
}

/**
 * Contacts by tag.
 *
 * Tags that begin with `~` are marks of the engine's (`isMark`). A store keeps, pages and counts them like any tag. Only a
 * search without tags skips the contacts that have nothing but marks.
 */
export interface TagIndex {
  members(tag: Tag, page: Page): Promise<Members>
  /** In the order of their text. */
  tagsOf(contact: ContactId): Promise<readonly Tag[]>
  search(query: TagQuery, page: Page): Promise<Members>
  count(tag: Tag): Promise<number>
  /** Contacts that have tags or marks, in a fixed order: those after `after`, at most `limit`. */
  indexed(after: ContactId | null, limit: number): Promise<readonly ContactId[]>
}
