/** Contacts in groups, and the results of a group. */
import type { ActionItem, ContactId } from '@enfold/core'

/** Contacts in one transaction, and between two looks at the signal. Above this a transaction grows without gaining. */
export const GROUP = 500

export async function* groupsOf(contacts: AsyncIterable<ActionItem>): AsyncGenerator<readonly ActionItem[]> {
  let group: ActionItem[] = []
  for await (const item of contacts) {
    group.push(item)
    if (group.length < GROUP) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

/** A contact of an action, and the key that it is named for, if it is. */
export interface Named {
  readonly contactId: ContactId
  readonly key?: string
}

export const namedBy = (item: ActionItem): Named => (typeof item === 'string' ? { contactId: item } : item)

/**
 * The work on each, in the order of the list. What is for one contact is done one after the other: a contact that is named
 * for a hundred keys would otherwise compete with itself.
 */
export async function eachOf<One extends Named, T>(all: readonly One[], work: (one: One) => Promise<T>): Promise<T[]> {
  const last = new Map<ContactId, Promise<unknown>>()
  return allOf(
    all.map((one) => {
      const before = last.get(one.contactId)
      const result = before === undefined ? work(one) : before.then(() => work(one))
      last.set(
        one.contactId,
        result.catch(() => {}),
      )
      return result
    }),
  )
}

/** All results, or the first fault, when nothing is under way any more. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}
