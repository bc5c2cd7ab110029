/**
 * The projector: contact events in, changes of active-sequence tags out (INDEX-1). It knows nothing of the reducer.
 */
import type { ContactId, Tag } from './ids.ts'

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
