/** Contacts by tag, in two tables; keys: `tag-keys.ts`. All within a transaction of the caller. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  type ContactId,
  compareIds,
  type Members,
  type Page,
  type Tag,
  type TagChange,
  type TagIndex,
  type TagQuery,
} from '@enfold/core'
import { pageOfMembers, type Synchronous } from '@enfold/core/store'
import { type Database, LIMIT } from './database.ts'
import { escapeNul, unescapeNul } from './id-text.ts'
import { createTagKeys } from './tag-keys.ts'

interface TagRow {
  readonly id: number
  /** Contacts. */
  readonly members: number
  /** How many more memberships than contacts; and whether any has a key. */
  readonly more: number
  readonly keyed: number
}

/** The tags that are marks. */
const MARKS = "(SELECT id FROM tags WHERE tag >= '~' AND tag < '\x7f')"

/** A tag that nobody ever had. */
const UNKNOWN_TAG: TagRow = { id: 0, members: 0, more: 0, keyed: 0 }

export interface TagTables {
  change(one: TagChange): void
  readonly index: Synchronous<TagIndex>
}

/** The statements on the two tables, and those that are made for what a query looks like, which are kept. */
type Statements = ReturnType<typeof statementsOn>

function statementsOn(connection: DatabaseSync) {
  const made = new Map<string, StatementSync>()
  return {
    /** Tags that were changed of late, by their text: what does not change, or is forgotten with the change. */
    known: new Map<string, Pick<TagRow, 'id' | 'keyed'>>(),
    keys: createTagKeys(connection),
    tagRow: connection.prepare('SELECT id, members, more, keyed FROM tags WHERE tag = ?'),
    newTag: connection.prepare('INSERT INTO tags (tag) VALUES (?)'),
    add: connection.prepare('INSERT INTO memberships (tag, contact) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    remove: connection.prepare('DELETE FROM memberships WHERE tag = ? AND contact = ?'),
    clear: connection.prepare('DELETE FROM memberships WHERE contact = ?'),
    tagsOf: connection.prepare('SELECT t.tag FROM memberships m JOIN tags t ON t.id = m.tag WHERE m.contact = ?'),
    made(sql: string): StatementSync {
      const statement = made.get(sql) ?? connection.prepare(sql)
      if (made.size > 100) made.clear()
      made.set(sql, statement)
      return statement
    },
  }
}

/** A campaign has some for each of its sequences. */
const MOST_KNOWN = 1000

export function createTagTables({ connection, remember }: Pick<Database, 'connection' | 'remember'>): TagTables {
  const on = statementsOn(connection)
  remember(() => on.known.clear())
  return {
    change: (one) => change(on, one),
    index: {
      members: (tags, page) => members(on, typeof tags === 'string' ? [tags] : tags, page),
      search: (query, page) => search(on, query, page),
      tagsOf: (contactId) =>
        (on.tagsOf.all(escapeNul(contactId)) as { tag: string }[]).map(({ tag }) => unescapeNul(tag)).sort(compareIds),
      membershipsOf: (contactId) => on.keys.of(escapeNul(contactId)),
      count: (tag) => membershipsOf(tagOf(on, tag)),
      indexed: (after, limit) => taggedPage(on, [], escapeNul(after ?? ''), limit, true).map(unescapeNul),
    },
  }
}

function tagOf(on: Statements, tag: Tag): TagRow {
  return (on.tagRow.get(escapeNul(tag)) as TagRow | undefined) ?? UNKNOWN_TAG
}

function change(on: Statements, one: TagChange): void {
  const contact = escapeNul(one.contactId)
  if (one.change === 'clear') {
    on.known.clear()
    on.keys.clear(contact)
    on.clear.run(contact)
    return
  }
  const tag = escapeNul(one.tag)
  const key = escapeNul(one.key ?? '')
  const { id, keyed } = knownTag(on, tag, one.change === 'add')
  // The number of its keys may be another one afterwards.
  if (key !== '' || keyed > 0) on.known.delete(tag)
  if (one.change === 'remove') {
    if (keyed === 0 ? key === '' : on.keys.remove(id, contact, key)) on.remove.run(id, contact)
    return
  }
  const had = on.add.run(id, contact).changes === 0
  if (key !== '' || (had && keyed > 0)) on.keys.add(id, contact, key, had)
}

/** Within a transaction. A tag that nobody ever had gets its row if it `isToBe` there. */
function knownTag(on: Statements, tag: string, isToBe: boolean): Pick<TagRow, 'id' | 'keyed'> {
  const known = on.known.get(tag)
  if (known !== undefined) return known
  const row = (on.tagRow.get(tag) as TagRow | undefined) ?? UNKNOWN_TAG
  if (row.id === 0 && !isToBe) return row
  const { id, keyed } = row.id === 0 ? { id: Number(on.newTag.run(tag).lastInsertRowid), keyed: 0 } : row
  if (on.known.size >= MOST_KNOWN) on.known.clear()
  on.known.set(tag, { id, keyed })
  return { id, keyed }
}

const membershipsOf = ({ members, more }: TagRow) => members + more

function members(on: Statements, tags: readonly Tag[], page: Page): Members {
  const rows = distinct(tags.map((tag) => tagOf(on, tag)))
  const total = rows.reduce((sum, row) => sum + membershipsOf(row), 0)
  const areKeyed = rows.some(({ keyed }) => keyed > 0)
  const pages = rows.map((row) =>
    areKeyed
      ? on.keys.page(row.id, page)
      : pageOf(on, [row], [], escapeNul(page.after ?? ''), page.limit + 1).map((contact) => ({
          contactId: unescapeNul(contact),
          key: '',
        })),
  )
  return { ...pageOfMembers(pages, page.limit, areKeyed), total }
}

function search(on: Statements, query: TagQuery, page: Page): Members {
  const rowsOf = (tags: readonly Tag[] = []) => [...new Set(tags)].map((tag) => tagOf(on, tag))
  const [all, any, none] = [rowsOf(query.all), rowsOf(query.any), rowsOf(query.none)]
  const after = escapeNul(page.after ?? '')
  // One more than the page, to see whether there is a next one.
  const limit = page.limit + 1
  const found =
    any.length > 0
      ? // The contacts of each tag up to the end of the page, put together.
        [...new Set(any.flatMap((tag) => pageOf(on, distinct([...all, tag]), none, after, limit)))].sort(compareIds)
      : all.length > 0
        ? pageOf(on, all, none, after, limit)
        : taggedPage(on, none, after, limit)
  const contacts: ContactId[] = found.slice(0, page.limit).map(unescapeNul)
  const next = found.length > page.limit ? (contacts.at(-1) ?? null) : null
  return { contacts, total: total(on, all, any, none), next }
}

/** Reads one tag, the rarest of `all`, and looks the others up by the primary key. `all` is not empty. */
function intersection(all: readonly TagRow[], none: readonly TagRow[]) {
  const [rarest, ...others] = [...all].sort((a, b) => a.members - b.members) as [TagRow, ...TagRow[]]
  const held = '(SELECT count(*) FROM memberships WHERE tag IN (?) AND contact = m.contact)'
  const sql = [
    'FROM memberships m WHERE tag = ?',
    ...(others.length === 0 ? [] : [`${held.replace('?', marks(others))} = ${others.length}`]),
    ...(none.length === 0 ? [] : [`${held.replace('?', marks(none))} = 0`]),
  ].join(' AND ')
  return { sql, values: [rarest, ...others, ...none].map(({ id }) => id) }
}

function pageOf(
  on: Statements,
  all: readonly TagRow[],
  none: readonly TagRow[],
  after: string,
  limit: number,
): string[] {
  const { sql, values } = intersection(all, none)
  const page = on.made(`SELECT contact ${sql} AND contact > ? ORDER BY contact ${LIMIT}`)
  return contactsOf(page.all(...values, after, limit))
}

function countOf(on: Statements, all: readonly TagRow[], none: readonly TagRow[]): number {
  if (all.length === 1 && none.length === 0) return (all[0] as TagRow).members
  const { sql, values } = intersection(all, none)
  return (on.made(`SELECT count(*) AS n ${sql}`).get(...values) as { n: number }).n
}

/** Adds up what is counted already where it can: a scan is only made of the rarest tags. */
function total(on: Statements, all: readonly TagRow[], any: readonly TagRow[], none: readonly TagRow[]): number {
  if (any.length > 0) {
    const commonFirst = [...any].sort((a, b) => b.members - a.members)
    return commonFirst.reduce(
      (sum, tag, i) => sum + countOf(on, distinct([...all, tag]), [...none, ...commonFirst.slice(0, i)]),
      0,
    )
  }
  const base = all.length > 0 ? countOf(on, all, []) : tagged(on)
  return none.length > 0 ? base - total(on, all, none, []) : base
}

function tagged(on: Statements): number {
  const sql = `SELECT count(DISTINCT contact) AS n FROM memberships INDEXED BY memberships_of_contact
    WHERE tag NOT IN ${MARKS}`
  return (on.made(sql).get() as { n: number }).n
}

/** Marks are no tags of sequences (`isMark`): a contact that has no other is in no sequence. */
function taggedPage(
  on: Statements,
  none: readonly TagRow[],
  after: string,
  limit: number,
  withMarks = false,
): string[] {
  const without = `AND NOT EXISTS (SELECT 1 FROM memberships WHERE tag IN (${marks(none)}) AND contact = m.contact)`
  const page = on.made(
    `SELECT DISTINCT contact FROM memberships m INDEXED BY memberships_of_contact
     WHERE contact > ? ${withMarks ? '' : `AND tag NOT IN ${MARKS}`} ${none.length > 0 ? without : ''}
     ORDER BY contact ${LIMIT}`,
  )
  return contactsOf(page.all(after, ...none.map(({ id }) => id), limit))
}

const contactsOf = (rows: readonly unknown[]) => (rows as { contact: string }[]).map(({ contact }) => contact)

const marks = (values: readonly unknown[]) => values.map(() => '?').join(', ')

/** Each known tag once; a tag that nobody ever had stays, since nobody has it. */
function distinct(tags: readonly TagRow[]): TagRow[] {
  return [...new Map(tags.map((tag) => [tag.id, tag])).values()]
}
