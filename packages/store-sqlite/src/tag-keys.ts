/** Keys of memberships, in a table of their own (KEY-4). Ids and keys come as the texts of the database. */
import type { DatabaseSync } from 'node:sqlite'
import type { Membership, Page } from '@enfold/core'
import { type MemberRow, sortedMemberships } from '@enfold/core/store'
import { LIMIT } from './database.ts'
import { escapeNul, unescapeNul } from './id-text.ts'

interface KeyRow {
  readonly contact: string
  readonly key: string
}

export function createTagKeys(connection: DatabaseSync) {
  const KEYS = `SELECT m.contact, coalesce(k.key, '') AS key FROM memberships m
    LEFT JOIN membership_keys k ON k.tag = m.tag AND k.contact = m.contact WHERE m.tag = ?`
  const firstTwo = connection.prepare(
    'SELECT key FROM membership_keys WHERE tag = ? AND contact = ? ORDER BY key LIMIT 2',
  )
  const insert = connection.prepare(
    'INSERT INTO membership_keys (tag, contact, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const remove = connection.prepare('DELETE FROM membership_keys WHERE tag = ? AND contact = ? AND key = ?')
  const clear = connection.prepare(
    `DELETE FROM membership_keys WHERE contact = ? AND tag IN (
       SELECT m.tag FROM memberships m JOIN tags t ON t.id = m.tag WHERE m.contact = ? AND t.keyed > 0
     )`,
  )
  const of = connection.prepare(
    `SELECT t.tag, coalesce(k.key, '') AS key FROM memberships m JOIN tags t ON t.id = m.tag
     LEFT JOIN membership_keys k ON k.tag = m.tag AND k.contact = m.contact WHERE m.contact = ?`,
  )
  const after = connection.prepare(`${KEYS} AND m.contact > ? ORDER BY m.contact, k.key ${LIMIT}`)
  const afterKey = connection.prepare(
    `${KEYS} AND m.contact >= ? AND (m.contact > ? OR coalesce(k.key, '') > ?) ORDER BY m.contact, k.key ${LIMIT}`,
  )
  const keysOf = (tag: number, contact: string) =>
    (firstTwo.all(tag, contact) as unknown as readonly KeyRow[]).map(({ key }) => key)

  return {
    /** @param had whether the contact had the tag before */
    add(tag: number, contact: string, key: string, had: boolean): void {
      const isBare = had && keysOf(tag, contact).length === 0
      if (isBare && key === '') return
      if (isBare) insert.run(tag, contact, '')
      insert.run(tag, contact, key)
    },
    /** Whether that was its last membership of the tag. */
    remove(tag: number, contact: string, key: string): boolean {
      if (remove.run(tag, contact, key).changes === 0) return key === '' && keysOf(tag, contact).length === 0
      const [first, ...more] = keysOf(tag, contact)
      // Without a key alone, it needs no row here.
      if (first === '' && more.length === 0) remove.run(tag, contact, '')
      return first === undefined
    },
    clear: (contact: string) => void clear.run(contact, contact),
    of: (contact: string): readonly Membership[] =>
      sortedMemberships(
        (of.all(contact) as unknown as readonly (KeyRow & { readonly tag: string })[]).map(({ tag, key }) => ({
          tag: unescapeNul(tag),
          key: unescapeNul(key),
        })),
      ),
    /** One more than the page has, to see whether there is a next one. */
    page(tag: number, page: Page): readonly MemberRow[] {
      const [contact, limit] = [escapeNul(page.after ?? ''), page.limit + 1]
      const rows =
        page.afterKey === undefined
          ? after.all(tag, contact, limit)
          : afterKey.all(tag, contact, contact, escapeNul(page.afterKey), limit)
      return (rows as unknown as readonly KeyRow[]).map((row) => ({
        contactId: unescapeNul(row.contact),
        key: unescapeNul(row.key),
      }))
    },
  }
}
