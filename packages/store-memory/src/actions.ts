/** Bulk actions in memory: records, and their contacts in order. */
import type { ActionContact, ActionId, ActionRecord, ActionStore } from '@enfold/core'
import { type Synchronous, unknownCursor } from '@enfold/core/store'

interface Kept {
  record: ActionRecord
  readonly contacts: ActionContact[]
  readonly known: Set<string>
  readonly knownWithKeys: Set<string>
}

export function createActions(): Synchronous<ActionStore> {
  /** In the order of their first saves. */
  const actions = new Map<ActionId, Kept>()

  return {
    saveAction(record, { clear = false, add = [], results = [] } = {}) {
      const kept = actions.get(record.actionId) ?? { record, contacts: [], known: new Set(), knownWithKeys: new Set() }
      if (record.revision !== (actions.has(record.actionId) ? kept.record.revision + 1 : 1)) return null
      if (clear) {
        kept.contacts.length = 0
        kept.known.clear()
        kept.knownWithKeys.clear()
      }
      const before = kept.contacts.length
      for (const item of add) {
        const named = typeof item === 'string' ? { contactId: item } : { contactId: item.contactId, key: item.key }
        const known = typeof item === 'string' ? kept.known : kept.knownWithKeys
        const name = typeof item === 'string' ? item : JSON.stringify([item.contactId, item.key])
        if (known.has(name)) continue
        known.add(name)
        const number = kept.contacts.length + 1
        kept.contacts.push(Object.freeze({ number, ...named, outcome: null, run: null, reason: null }))
      }
      for (const { number, ...result } of results) {
        const contact = kept.contacts[number - 1]
        if (contact === undefined) continue
        const { contactId, key } = contact
        const named = key === undefined ? { contactId } : { contactId, key }
        kept.contacts[number - 1] = Object.freeze({ number, ...named, ...structuredClone(result) })
      }
      kept.record = structuredClone(record)
      actions.set(record.actionId, kept)
      return kept.contacts.length - before
    },
    action(actionId) {
      return structuredClone(actions.get(actionId)?.record ?? null)
    },
    actions(after, limit) {
      const newestFirst = [...actions.values()].reverse()
      const place = after === null ? -1 : newestFirst.findIndex(({ record }) => record.actionId === after)
      if (after !== null && place === -1) throw unknownCursor(after, 'an action')
      return newestFirst.slice(place + 1, place + 1 + limit).map(({ record }) => structuredClone(record))
    },
    actionContacts(actionId, after, limit, outcome) {
      const contacts = actions.get(actionId)?.contacts ?? []
      const found: ActionContact[] = []
      for (let i = after; i < contacts.length && found.length < limit; i++) {
        const contact = contacts[i] as ActionContact
        if (outcome === undefined || contact.outcome === outcome) found.push(contact)
      }
      return found
    },
  }
}
