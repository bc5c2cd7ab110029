/** The contacts of `enfold dev`: of a CSV file, or made up. What the engine is told of them, and how they are found. */
import type { ContactDirectory, ContactId, Facts } from '@enfold/core'

export type People = ReadonlyMap<ContactId, Facts>

/** A text among the fields of a contact, such as its name or its address; `null` if there is none. */
export function textField(facts: Facts, field: string): string | null {
  const fields = facts.fields ?? {}
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined
  return typeof value === 'string' && value !== '' ? value : null
}

/** A contact that is not among them exists as well, with no facts: so any id can be tried. */
export function directoryOf(people: People): ContactDirectory {
  const get = (contactId: ContactId): Facts => people.get(contactId) ?? {}
  return {
    get,
    getMany: (ids) => new Map(ids.map((id) => [id, get(id)])),
    async search(query, { after, limit }) {
      const wanted = query.toLowerCase()
      const found = [...people].flatMap(([id, facts]) =>
        [id, textField(facts, 'name'), textField(facts, 'email')].some((text) => text?.toLowerCase().includes(wanted))
          ? [id]
          : [],
      )
      const contacts = found.slice(after === null ? 0 : found.indexOf(after) + 1).slice(0, limit)
      const last = contacts.at(-1)
      return { contacts, next: last === undefined || last === found.at(-1) ? null : last }
    },
  }
}
