/** Contacts that an answer leaves out, because their facts could not be had. */
import type { ContactId } from '@enfold/core'
import type { FactsFault } from '../directory.ts'

/** Contacts that may have something due, and whose facts could not be read, for the same reason. */
export interface BrokenContacts {
  readonly code: FactsFault['code']
  readonly contacts: number
  /** The first of them, and what was wrong there. */
  readonly example: ContactId
  readonly message: string
}

export function createBrokenTally(before: readonly BrokenContacts[] = []) {
  const broken = new Map(before.map((one) => [one.code, one]))
  return {
    add(contactId: ContactId, { code, message }: FactsFault): void {
      const known = broken.get(code) ?? { code, contacts: 0, example: contactId, message }
      broken.set(code, { ...known, contacts: known.contacts + 1 })
    },
    sum: (): readonly BrokenContacts[] => [...broken.values()],
  }
}
