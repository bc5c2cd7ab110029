/** What stores answer of memberships and their keys (KEY-4), made of their rows. */
import { type ContactId, compareIds, type Tag } from '../ids.ts'
import type { Members, Membership } from '../ports/tag-index.ts'

/** One row of a page of `members`. `key` is '' where there is none. */
export interface MemberRow {
  readonly contactId: ContactId
  readonly key: string
}

/**
 * The page of one tag, or of several put together. Of each tag its rows in order, one more than the limit if there are more.
 *
 * @param areKeyed whether anybody has one of the tags for a key
 */
export function pageOfMembers(
  ofTags: readonly (readonly MemberRow[])[],
  limit: number,
  areKeyed: boolean,
): Omit<Members, 'total'> {
  const found = ofTags.length === 1 ? (ofTags[0] as readonly MemberRow[]) : together(ofTags)
  const shown = found.slice(0, limit)
  const contacts = shown.map(({ contactId }) => contactId)
  const next = found.length > limit ? (contacts.at(-1) ?? null) : null
  if (!areKeyed) return { contacts, next }
  const keys = shown.map(({ key }) => key)
  return { contacts, keys, next, ...(next === null ? {} : { nextKey: keys.at(-1) ?? '' }) }
}

function together(ofTags: readonly (readonly MemberRow[])[]): readonly MemberRow[] {
  const sorted = ofTags.flat().sort((a, b) => compareIds(a.contactId, b.contactId) || compareIds(a.key, b.key))
  return sorted.filter(({ contactId, key }, i) => contactId !== sorted[i - 1]?.contactId || key !== sorted[i - 1]?.key)
}

/** A contact's memberships in the order of the port. */
export function sortedMemberships(rows: readonly { readonly tag: Tag; readonly key: string }[]): readonly Membership[] {
  return [...rows]
    .sort((a, b) => compareIds(a.tag, b.tag) || compareIds(a.key, b.key))
    .map(({ tag, key }) => (key === '' ? { tag } : { tag, key }))
}
