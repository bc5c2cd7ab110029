/** The index and the agenda: contacts by tag, and contacts by when they are due. All within a transaction of the caller. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import {
  type AgendaEntry,
  type Claim,
  type ContactId,
  type ContactProjection,
  type Derived,
  EnfoldFault,
  type Instant,
  type Members,
  type Page,
  type Tag,
  type TagChange,
  type TagQuery,
  type WorkerId,
} from '@enfold/core'

interface LaneRow {
  readonly kind: string
  readonly campaign: string
}

interface DueRow {
  readonly contact: string
  readonly wake_at: string
}

export interface SqlReadModel {
  project(contactId: ContactId, derived: Derived): void
  replace(projection: ContactProjection): void
  members(tag: Tag, page: Page): Members
  search(query: TagQuery, page: Page): Members
  tagsOf(contactId: ContactId): Tag[]
  count(tag: Tag): number
  indexed(after: ContactId | null, limit: number): ContactId[]
  claim(
    now: Instant,
    worker: WorkerId,
    limit: number,
    leaseUntil: Instant,
    room?: ReadonlyMap<string, number>,
  ): Claim[]
  release(claims: readonly Claim[]): void
  renew(claims: readonly Claim[], leaseUntil: Instant): Claim[]
  nextWake(): Instant | null
  agenda(until: Instant, limit: number): AgendaEntry[]
  checkpoint(): number
  setCheckpoint(position: number): void
}

export function createSqlReadModel(connection: DatabaseSync): SqlReadModel {
  const add = connection.prepare('INSERT OR IGNORE INTO tags (tag, contact) VALUES (?, ?)')
  const remove = connection.prepare('DELETE FROM tags WHERE tag = ? AND contact = ?')
  const clear = connection.prepare('DELETE FROM tags WHERE contact = ?')
  const tagsOf = connection.prepare('SELECT tag FROM tags WHERE contact = ? ORDER BY tag')
  const count = connection.prepare('SELECT members FROM tag_counts WHERE tag = ?')
  const members = connection.prepare('SELECT contact FROM tags WHERE tag = ? AND contact > ? ORDER BY contact LIMIT ?')
  const indexed = connection.prepare(
    'SELECT DISTINCT contact FROM tags INDEXED BY tags_of_contact WHERE contact > ? ORDER BY contact LIMIT ?',
  )
  const wake = connection.prepare(
    `INSERT INTO agenda (contact, wake_at, kind, campaign) VALUES (?, ?, ?, ?) ON CONFLICT (contact)
     DO UPDATE SET wake_at = excluded.wake_at, kind = excluded.kind, campaign = excluded.campaign`,
  )
  // From lane to lane by the index, without reading their contacts.
  const laneAfter = connection.prepare(
    'SELECT kind, campaign FROM agenda WHERE claimable_at IS NOT NULL AND (kind, campaign) > (?, ?) ORDER BY kind, campaign LIMIT 1',
  )
  const dueInLane = connection.prepare(`
    SELECT contact, wake_at FROM agenda WHERE kind = ? AND campaign = ? AND claimable_at <= ?
    ORDER BY claimable_at LIMIT ?`)
  const firstInLane = connection.prepare(
    'SELECT min(claimable_at) AS at FROM agenda WHERE kind = ? AND campaign = ? AND claimable_at IS NOT NULL',
  )
  const lease = connection.prepare('UPDATE agenda SET lease_until = ?, worker = ? WHERE contact = ?')
  const release = connection.prepare(
    'UPDATE agenda SET lease_until = NULL, worker = NULL WHERE contact = ? AND worker = ? AND lease_until = ?',
  )
  const renew = connection.prepare(
    'UPDATE agenda SET lease_until = ? WHERE contact = ? AND worker = ? AND lease_until = ?',
  )
  const agenda = connection.prepare(
    'SELECT contact, wake_at, lease_until, kind FROM agenda WHERE wake_at <= ? ORDER BY wake_at, contact LIMIT ?',
  )
  const checkpoint = connection.prepare("SELECT checkpoint FROM projection WHERE name = 'read model'")
  const setCheckpoint = connection.prepare(
    "INSERT INTO projection (name, checkpoint) VALUES ('read model', ?) ON CONFLICT (name) DO UPDATE SET checkpoint = excluded.checkpoint",
  )

  function change(one: TagChange): void {
    if (one.change === 'add') add.run(one.tag, one.contactId)
    else if (one.change === 'remove') remove.run(one.tag, one.contactId)
    else clear.run(one.contactId)
  }
  const contactsOf = (rows: readonly unknown[]) => (rows as { contact: string }[]).map((row) => row.contact)

  return {
    project(contactId, { tags, wakeAt, lane }) {
      for (const one of tags) change(one)
      wake.run(contactId, wakeAt, lane?.kind ?? '', lane?.campaignId ?? '')
    },
    replace({ contactId, tags, wakeAt, lane }) {
      clear.run(contactId)
      for (const tag of tags) add.run(tag, contactId)
      wake.run(contactId, wakeAt, lane?.kind ?? '', lane?.campaignId ?? '')
    },
    members(tag, page) {
      const found = contactsOf(members.all(tag, page.after ?? '', checkedLimit(page) + 1))
      return paged(found, page.limit, countOf(tag))
    },
    search(query, page) {
      const { all = [], any = [], none = [] } = query
      const [first, ...rest] = all
      const limit = checkedLimit(page) + 1
      // Each contact once, with every test as a look into the primary key.
      const tests = [
        ...rest.map(() => 'EXISTS (SELECT 1 FROM tags WHERE tag = ? AND contact = t.contact)'),
        ...(any.length > 0 && first !== undefined ? [`EXISTS (SELECT 1 FROM tags WHERE tag IN (${marks(any)}) AND contact = t.contact)`] : []),
        ...(none.length > 0 ? [`NOT EXISTS (SELECT 1 FROM tags WHERE tag IN (${marks(none)}) AND contact = t.contact)`] : []),
      ]
      const and = tests.map((test) => ` AND ${test}`).join('')
      if (first !== undefined) {
        const values = [...rest, ...any, ...none]
        const found = rows(`SELECT contact FROM tags t WHERE tag = ? AND contact > ?${and} ORDER BY contact LIMIT ?`, [first, page.after ?? '', ...values, limit])
        return paged(found, page.limit, total(`SELECT count(*) AS n FROM tags t WHERE tag = ?${and}`, [first, ...values]))
      }
      if (any.length > 0) {
        // One ordered range for each tag, merged: none is read further than the page.
        const part = `SELECT * FROM (SELECT contact FROM tags t WHERE tag = ? AND contact > ?${and} ORDER BY contact LIMIT ?)`
        const found = rows(
          `${any.map(() => part).join(' UNION ')} ORDER BY contact LIMIT ?`,
          [...any.flatMap((tag) => [tag, page.after ?? '', ...none, limit]), limit],
        )
        const counted = `SELECT count(DISTINCT contact) AS n FROM tags t WHERE tag IN (${marks(any)})${and}`
        return paged(found, page.limit, total(counted, [...any, ...none]))
      }
      const from = 'FROM tags t INDEXED BY tags_of_contact'
      const found = rows(`SELECT DISTINCT contact ${from} WHERE contact > ?${and} ORDER BY contact LIMIT ?`, [page.after ?? '', ...none, limit])
      return paged(found, page.limit, total(`SELECT count(DISTINCT contact) AS n ${from} WHERE TRUE${and}`, [...none]))
    },
    tagsOf: (contactId) => (tagsOf.all(contactId) as { tag: string }[]).map((row) => row.tag),
    count: countOf,
    indexed: (after, limit) => contactsOf(indexed.all(after ?? '', limit)),
    claim(now, worker, limit, leaseUntil, room) {
      const waiting = lanes().map(({ kind, campaign }) => ({
        kind,
        rows: dueInLane.all(kind, campaign, now, Math.min(limit, room?.get(kind) ?? limit)) as unknown as DueRow[],
      }))
      const left = new Map(room)
      const claims: Claim[] = []
      // One of each lane in turn, so that a great backlog of one campaign does not stand before all others.
      for (let turn = 0, took = true; took && claims.length < limit; turn++) {
        took = false
        for (const { kind, rows } of waiting) {
          const row = rows[turn]
          if (row === undefined || left.get(kind) === 0 || claims.length >= limit) continue
          if (left.has(kind)) left.set(kind, (left.get(kind) as number) - 1)
          lease.run(leaseUntil, worker, row.contact)
          claims.push({ contactId: row.contact, worker, wakeAt: row.wake_at, leaseUntil, kind })
          took = true
        }
      }
      return claims.sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
    },
    release(claims) {
      for (const { contactId, worker, leaseUntil } of claims) release.run(contactId, worker, leaseUntil)
    },
    renew: (claims, until) =>
      claims.flatMap((one) => {
        const { changes } = renew.run(until, one.contactId, one.worker, one.leaseUntil)
        return changes === 1 ? [{ ...one, leaseUntil: until }] : []
      }),
    nextWake: () =>
      lanes().reduce<Instant | null>((first, { kind, campaign }) => {
        const { at } = firstInLane.get(kind, campaign) as { at: Instant | null }
        return at !== null && (first === null || at < first) ? at : first
      }, null),
    agenda: (until, limit) =>
      (agenda.all(until, limit) as { contact: string; wake_at: string; lease_until: string | null; kind: string }[]).map((row) => ({
        contactId: row.contact,
        wakeAt: row.wake_at,
        leaseUntil: row.lease_until,
        kind: row.kind,
      })),
    checkpoint: () => (checkpoint.get() as { checkpoint: number } | undefined)?.checkpoint ?? 0,
    setCheckpoint: (position) => void setCheckpoint.run(position),
  }

  function lanes(): LaneRow[] {
    const found: LaneRow[] = []
    // Before the first there is nothing that sorts lower than the two empty texts: ask for that lane by itself.
    const { at } = firstInLane.get('', '') as { at: Instant | null }
    if (at !== null) found.push({ kind: '', campaign: '' })
    for (let last = { kind: '', campaign: '' }; ; ) {
      const next = laneAfter.get(last.kind, last.campaign) as LaneRow | undefined
      if (next === undefined) return found
      found.push(next)
      last = next
    }
  }
  function countOf(tag: Tag): number {
    return (count.get(tag) as { members: number } | undefined)?.members ?? 0
  }
  function rows(sql: string, values: readonly SQLInputValue[]): ContactId[] {
    return contactsOf(connection.prepare(sql).all(...values))
  }
  function total(sql: string, values: readonly SQLInputValue[]): number {
    return (connection.prepare(sql).get(...values) as { n: number }).n
  }
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ')
}

/** `found` has one more than the page if there is a next one. */
function paged(found: readonly ContactId[], limit: number, total: number): Members {
  const contacts = found.slice(0, limit)
  return { contacts, total, next: found.length > limit ? (contacts.at(-1) ?? null) : null }
}

function checkedLimit({ limit }: Page): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000) return limit
  throw EnfoldFault.invalidInput('page.limit', limit, 'a whole number from 1 to 10,000')
}
