/** Contacts in groups, and the results of a group. */
import type { ContactId } from '@enfold/core'

/** Contacts in one transaction, and between two looks at the signal. Above this a transaction grows without gaining. */
export const GROUP = 500

export async function* groupsOf(contacts: AsyncIterable<ContactId>): AsyncGenerator<readonly ContactId[]> {
  let group: ContactId[] = []
  for await (const contactId of contacts) {
    group.push(contactId)
    if (group.length < GROUP) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

/** All results, or the first fault, when nothing is under way any more. */
export async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}
