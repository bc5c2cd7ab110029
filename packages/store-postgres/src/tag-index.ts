/** Contacts by tag, and by key (KEY-4). Statements are made for what a query looks like. */
import {
  type ContactId,
  compareIds,
  type Members,
  type Membership,
  type Page,
  type Tag,
  type TagIndex,
  type TagQuery,
} from '@enfold/core'
import { type MemberRow, pageOfMembers, sortedMemberships } from '@enfold/core/store'
import type { Database } from './database.ts'
import { escapeNul, textArray, unescapeNul } from './pg-text.ts'
import type { Query } from './query.ts'

interface TagRow {
  /** `null`: nobody ever had it. */
  readonly id: number | null
  readonly members: number
}

type Asked = Pick<Database, 'query' | 'queryOnce' | 'schema'>

export function createTagIndex(database: Asked): TagIndex {
  const { query, schema } = database
  return {
    members: (tags, page) => members(database, typeof tags === 'string' ? [tags] : tags, page),
    search: (tags, page) => search(database, tags, page),
    async tagsOf(contactId) {
      const rows = await query<{ tag: string }>(
        `SELECT t.tag FROM ${schema}.memberships m JOIN ${schema}.tags t ON t.id = m.tag WHERE m.contact = $1`,
        [escapeNul(contactId)],
      )
      return rows.map(({ tag }) => unescapeNul(tag)).sort(compareIds)
    },
    membershipsOf: (contactId) => membershipsOf(database, contactId),
    async count(tag) {
      const [row] = await query<{ members: string }>(
        `SELECT coalesce(sum(c.members + c.more), 0)::text AS members FROM ${schema}.tag_counts c
         WHERE c.tag = (SELECT id FROM ${schema}.tags WHERE tag = $1)`,
        [escapeNul(tag)],
      )
      return Number(row?.members)
    },
    async indexed(after, limit) {
      const page = taggedPage(schema, [], true)
      const rows = await query<{ contact: ContactId }>(page, [escapeNul(after ?? ''), String(limit)])
      return rows.map(({ contact }) => unescapeNul(contact))
    },
  }
}

/** Makes tags known that contacts may come to have. */
export async function nameTags(
  { query, schema }: { readonly query: Query; readonly schema: string },
  tags: readonly Tag[],
) {
  await query(
    `INSERT INTO ${schema}.tags (tag) SELECT DISTINCT n.tag COLLATE "C" FROM unnest($1::text[]) AS n (tag)
     WHERE NOT EXISTS (SELECT FROM ${schema}.tags t WHERE t.tag = n.tag) ORDER BY 1 ON CONFLICT DO NOTHING`,
    [textArray(tags.map(escapeNul))],
  )
}

async function tagRows({ query, schema }: Asked, tags: readonly Tag[]): Promise<Map<Tag, TagRow>> {
  if (tags.length === 0) return new Map()
  const rows = await query<{ tag: string; id: string; members: string }>(
    `SELECT t.tag, t.id::text,
       (SELECT coalesce(sum(c.members), 0)::text FROM ${schema}.tag_counts c WHERE c.tag = t.id) AS members
     FROM ${schema}.tags t WHERE t.tag = ANY ($1::text[])`,
    [textArray([...new Set(tags)].map(escapeNul))],
  )
  return new Map(
    rows.map(({ tag, id, members }) => [unescapeNul(tag), { id: Number(id), members: Number(members) }] as const),
  )
}

async function members(database: Asked, tags: readonly Tag[], page: Page): Promise<Members> {
  const pages = await Promise.all([...new Set(tags)].map((tag) => pageOfTag(database, tag, page)))
  const total = pages.reduce((sum, one) => sum + one.total, 0)
  const areKeyed = pages.some(({ isKeyed }) => isKeyed)
  return {
    ...pageOfMembers(
      pages.map(({ rows }) => rows),
      page.limit,
      areKeyed,
    ),
    total,
  }
}

interface TagPage {
  /** One more than the page, to see whether there is a next one. */
  readonly rows: readonly MemberRow[]
  readonly total: number
  readonly isKeyed: boolean
}

/** In one statement: 0.8 ms instead of the 1.4 of a search, and all of one instant. Where there are keys, in a second one. */
async function pageOfTag(database: Asked, tag: Tag, page: Page): Promise<TagPage> {
  const { query, schema } = database
  const found = await query<{ contact: string; total: string | null; keyed: string | null }>(
    `(SELECT contact, NULL AS total, NULL AS keyed FROM ${schema}.memberships
      WHERE tag = (SELECT id FROM ${schema}.tags WHERE tag = $1) AND contact > $2 ORDER BY contact LIMIT $3::bigint)
     UNION ALL
     SELECT NULL, coalesce(sum(members + more), 0)::text, (SELECT keyed::text FROM ${schema}.tags WHERE tag = $1)
     FROM ${schema}.tag_counts WHERE tag = (SELECT id FROM ${schema}.tags WHERE tag = $1)
     ORDER BY contact NULLS LAST`,
    [escapeNul(tag), escapeNul(page.after ?? ''), String(page.limit + 1)],
  )
  const counted = found.pop()
  const isKeyed = counted?.keyed === 'true'
  const rows = isKeyed
    ? await keyedRows(database, tag, page)
    : found.map(({ contact }) => ({ contactId: unescapeNul(contact), key: '' }))
  return { rows, total: Number(counted?.total), isKeyed }
}

async function keyedRows({ query, schema }: Asked, tag: Tag, page: Page): Promise<readonly MemberRow[]> {
  const after =
    page.afterKey === undefined ? 'm.contact > $2' : `m.contact >= $2 AND (m.contact > $2 OR coalesce(k.key, '') > $4)`
  const rows = await query<{ contact: string; key: string }>(
    `SELECT m.contact, coalesce(k.key, '') AS key FROM ${schema}.memberships m
     LEFT JOIN ${schema}.membership_keys k ON k.tag = m.tag AND k.contact = m.contact
     WHERE m.tag = (SELECT id FROM ${schema}.tags WHERE tag = $1) AND ${after}
     ORDER BY m.contact, k.key LIMIT $3::bigint`,
    [
      escapeNul(tag),
      escapeNul(page.after ?? ''),
      String(page.limit + 1),
      ...(page.afterKey === undefined ? [] : [escapeNul(page.afterKey)]),
    ],
  )
  return rows.map(({ contact, key }) => ({ contactId: unescapeNul(contact), key: unescapeNul(key) }))
}

async function membershipsOf({ query, schema }: Asked, contactId: ContactId): Promise<readonly Membership[]> {
  const rows = await query<{ tag: string; key: string }>(
    `SELECT t.tag, coalesce(k.key, '') AS key FROM ${schema}.memberships m JOIN ${schema}.tags t ON t.id = m.tag
     LEFT JOIN ${schema}.membership_keys k ON k.tag = m.tag AND k.contact = m.contact WHERE m.contact = $1`,
    [escapeNul(contactId)],
  )
  return sortedMemberships(rows.map(({ tag, key }) => ({ tag: unescapeNul(tag), key: unescapeNul(key) })))
}

async function search(database: Asked, { all = [], any = [], none = [] }: TagQuery, page: Page): Promise<Members> {
  const { schema, queryOnce } = database
  const known = await tagRows(database, [...all, ...any, ...none])
  const rowsOf = (tags: readonly Tag[]) => distinct(tags.map((tag) => known.get(tag) ?? { id: null, members: 0 }))
  const [allRows, anyRows, noneRows] = [rowsOf(all), rowsOf(any), rowsOf(none)]
  const pages =
    anyRows.length > 0
      ? anyRows.map((tag) => pageOf(schema, distinct([...allRows, tag]), noneRows))
      : [allRows.length > 0 ? pageOf(schema, allRows, noneRows) : taggedPage(schema, noneRows)]
  // One more than the page, to see whether there is a next one.
  const found = await queryOnce<{ contact: string | null; total: string }>(
    `SELECT p.contact, t.total::text FROM (SELECT ${total(schema, allRows, anyRows, noneRows)} AS total) t
     LEFT JOIN (SELECT contact FROM (${pages.join(' UNION ')}) u ORDER BY contact LIMIT $2::bigint) p ON true
     ORDER BY p.contact`,
    [escapeNul(page.after ?? ''), String(page.limit + 1)],
  )
  return { ...pageIn(found, page.limit), total: Number(found[0]?.total) }
}

/**
 * Contacts after `after` that have all and none of these, as a statement: it reads one tag, the rarest of `all`, and
 * looks the others up by the primary key. As a subquery for each row and not as a join, which would read them whole.
 */
function pageOf(schema: string, all: readonly TagRow[], none: readonly TagRow[]): string {
  const [rarest, ...others] = rarestFirst(all)
  return `(SELECT contact FROM ${schema}.memberships m WHERE tag = ${idOf(rarest)} AND contact > $1
    ${others.length === 0 ? '' : `AND ${held(schema, others)} = ${others.length}`}
    ${none.length === 0 ? '' : `AND ${held(schema, none)} = 0`} ORDER BY contact LIMIT $2::bigint)`
}

function held(schema: string, tags: readonly TagRow[]): string {
  return `(SELECT count(*) FROM ${schema}.memberships o WHERE o.tag IN (${tags.map(idOf).join(', ')}) AND o.contact = m.contact)`
}

/** The tags that are marks (`isMark`): a contact that has no other is in no sequence. */
const marks = (schema: string) => `(SELECT id FROM ${schema}.tags WHERE tag >= '~' AND tag < chr(127))`

function taggedPage(schema: string, none: readonly TagRow[], withMarks = false): string {
  return `(SELECT DISTINCT contact FROM ${schema}.memberships m WHERE contact > $1
    ${withMarks ? '' : `AND tag NOT IN ${marks(schema)}`}
    ${none.length === 0 ? '' : `AND ${held(schema, none)} = 0`} ORDER BY contact LIMIT $2::bigint)`
}

/** How many, as an expression. Here the planner may join: all of the rarest tag is read anyway. */
function countOf(schema: string, all: readonly TagRow[], none: readonly TagRow[]): string {
  if (all.length === 1 && none.length === 0) return String(all[0]?.members)
  const [rarest, ...others] = rarestFirst(all)
  if (rarest?.id === null || rarest?.members === 0) return '0'
  const having = (tag: TagRow) =>
    `EXISTS (SELECT FROM ${schema}.memberships o WHERE o.tag = ${idOf(tag)} AND o.contact = m.contact)`
  const tests = [...others.map(having), ...none.map((tag) => `NOT ${having(tag)}`)]
  return `(SELECT count(*) FROM ${schema}.memberships m WHERE ${[`tag = ${idOf(rarest)}`, ...tests].join(' AND ')})`
}

/** Adds up what is counted already where it can: a scan is only made of the rarest tags. */
function total(schema: string, all: readonly TagRow[], any: readonly TagRow[], none: readonly TagRow[]): string {
  if (any.length > 0) {
    const commonFirst = [...any].sort((a, b) => b.members - a.members)
    return commonFirst
      .map((tag, i) => countOf(schema, distinct([...all, tag]), distinct([...none, ...commonFirst.slice(0, i)])))
      .join(' + ')
  }
  const base =
    all.length > 0
      ? countOf(schema, all, [])
      : `(SELECT count(*) FROM (SELECT DISTINCT contact FROM ${schema}.memberships WHERE tag NOT IN ${marks(schema)}) t)`
  return none.length > 0 ? `${base} - (${total(schema, all, none, [])})` : base
}

const rarestFirst = (tags: readonly TagRow[]) => [...tags].sort((a, b) => a.members - b.members)

/** 0 is no tag's id. */
const idOf = (tag: TagRow | undefined) => String(tag?.id ?? 0)

/** Each tag once; those that nobody ever had are one. */
function distinct(tags: readonly TagRow[]): TagRow[] {
  return [...new Map(tags.map((tag) => [tag.id, tag])).values()]
}

/** Of rows with one more than the limit, if there is one, which is how a next page shows. */
function pageIn(rows: readonly { readonly contact: string | null }[], limit: number): Omit<Members, 'total'> {
  const contacts = rows.flatMap(({ contact }) => (contact === null ? [] : [unescapeNul(contact)])).slice(0, limit)
  return { contacts, next: rows.length > limit ? (contacts.at(-1) ?? null) : null }
}
