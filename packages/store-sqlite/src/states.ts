/** The table of contacts' states. All within a transaction of the caller. */
import type { DatabaseSync } from 'node:sqlite'
import type { ContactId, StoredState } from '@enfold/core'
import { toText } from './id-text.ts'

export interface StateTable {
  of(contactId: ContactId): StoredState | null
  set(contactId: ContactId, state: StoredState): void
  remove(contactId: ContactId): void
}

export function createStateTable(connection: DatabaseSync): StateTable {
  const of = connection.prepare('SELECT version, reducer, state AS text FROM states WHERE contact = ?')
  const set = connection.prepare(
    `INSERT INTO states (contact, version, reducer, state) VALUES (?, ?, ?, ?)
     ON CONFLICT (contact) DO UPDATE SET version = excluded.version, reducer = excluded.reducer, state = excluded.state`,
  )
  const remove = connection.prepare('DELETE FROM states WHERE contact = ?')
  return {
    of: (contactId) => (of.get(toText(contactId)) as StoredState | undefined) ?? null,
    set: (contactId, { version, reducer, text }) => void set.run(toText(contactId), version, reducer, text),
    remove: (contactId) => void remove.run(toText(contactId)),
  }
}
