/**
 * The table of contacts' states. All within a transaction of the caller. Large ones stay in memory: what reading takes grows
 * with them, and each order on a contact reads its state.
 */
import type { ContactId, StoredState } from '@enfold/core'
import type { Database } from './database.ts'
import { escapeNul } from './id-text.ts'

export interface StateTable {
  of(contactId: ContactId): StoredState | null
  set(contactId: ContactId, state: StoredState): void
  remove(contactId: ContactId): void
}

/** Of characters: to read a shorter one costs next to nothing. */
const LARGE = 16_384
const AT_MOST = 8_000_000

export function createStateTable({ connection, remember }: Pick<Database, 'connection' | 'remember'>): StateTable {
  const of = connection.prepare('SELECT version, reducer, state AS text FROM states WHERE contact = ?')
  const set = connection.prepare(
    `INSERT INTO states (contact, version, reducer, state) VALUES (?, ?, ?, ?)
     ON CONFLICT (contact) DO UPDATE SET version = excluded.version, reducer = excluded.reducer, state = excluded.state`,
  )
  const remove = connection.prepare('DELETE FROM states WHERE contact = ?')
  const large = new Map<ContactId, StoredState>()
  let held = 0
  function forget(contactId: ContactId): void {
    held -= large.get(contactId)?.text.length ?? 0
    large.delete(contactId)
  }
  function keep(contactId: ContactId, state: StoredState): void {
    forget(contactId)
    if (state.text.length < LARGE || state.text.length > AT_MOST) return
    large.set(contactId, state)
    held += state.text.length
    for (const oldest of large.keys()) {
      if (held <= AT_MOST) break
      forget(oldest)
    }
  }
  remember(() => {
    large.clear()
    held = 0
  })
  return {
    of(contactId) {
      const known = large.get(contactId)
      if (known !== undefined) return known
      const found = of.get(escapeNul(contactId)) as StoredState | undefined
      if (found !== undefined) keep(contactId, found)
      return found ?? null
    },
    set(contactId, { version, reducer, text }) {
      set.run(escapeNul(contactId), version, reducer, text)
      keep(contactId, { version, reducer, text })
    },
    remove(contactId) {
      remove.run(escapeNul(contactId))
      forget(contactId)
    },
  }
}
