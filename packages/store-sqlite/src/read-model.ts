/** The index and the agenda: contacts by tag, and contacts by when they are due. All within a transaction of the caller. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  type AgendaEntry,
  type Backlog,
  type Claim,
  type ContactId,
  type ContactProjection,
  compareIds,
  type Derived,
  EnfoldFault,
  type Instant,
  type Members,
  type OtherLane,
  type Page,
  type Position,
  type Tag,
  type TagChange,
  type TagQuery,
  type Version,
  type WorkerId,
} from '@enfold/core'
import { LIMIT } from './database.ts'
import { fromText, toText } from './id-text.ts'

export interface SqlReadModel {
  project(contactId: ContactId, version: Version, derived: Derived): void
  replace(projection: ContactProjection): void
  /** Up to where the contact's rows go; 0 if it has none. */
  version(contactId: ContactId): Version
  members(tag: Tag, page: Page): Members
  search(query: TagQuery, page: Page): Members
  tagsOf(contactId: ContactId): Tag[]
  count(tag: Tag): number
  indexed(page: Page): ContactId[]
  claim(
    now: Instant,
    worker: WorkerId,
    limit: number,
    leaseUntil: Instant,
    maxPerKind?: ReadonlyMap<string, number>,
  ): Claim[]
  release(claims: readonly Claim[]): void
  renew(claims: readonly Claim[], now: Instant, leaseUntil: Instant): Claim[]
  nextWake(maxPerKind?: ReadonlyMap<string, number>): Instant | null
  backlog(kinds: readonly string[], now: Instant): Backlog[]
  agenda(until: Instant, limit: number, after?: AgendaEntry): AgendaEntry[]
  checkpoint(): Position
  setCheckpoint(position: Position): void
}

interface TagRow {
  readonly id: number
  readonly members: number
}

interface LaneRow {
  readonly kind: string
  readonly campaign: string
}

interface AgendaRow {
  readonly contact: string
  readonly wake_at: string
  readonly lease_until: string | null
  readonly kind: string
}

interface OthersRow {
  readonly contact: string
  readonly wake_at: Instant
  readonly lease_until: Instant | null
  readonly others: string
}

/** A contact that can be claimed for a lane that is not its first. */
interface Beside {
  readonly contact: string
  readonly wake_at: Instant
  readonly at: Instant
  readonly kind: string
}

/** The tags that are marks. */
const MARKS = "(SELECT id FROM tags WHERE tag >= '~' AND tag < '\x7f')"

/** A tag that nobody ever had. */
const UNKNOWN_TAG: TagRow = { id: 0, members: 0 }

export function createSqlReadModel(connection: DatabaseSync): SqlReadModel {
  const tagRow = connection.prepare('SELECT id, members FROM tags WHERE tag = ?')
  const newTag = connection.prepare('INSERT INTO tags (tag) VALUES (?)')
  const add = connection.prepare('INSERT INTO memberships (tag, contact) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const remove = connection.prepare('DELETE FROM memberships WHERE tag = ? AND contact = ?')
  const clear = connection.prepare('DELETE FROM memberships WHERE contact = ?')
  const tagsOf = connection.prepare('SELECT t.tag FROM memberships m JOIN tags t ON t.id = m.tag WHERE m.contact = ?')
  const wake = connection.prepare(
    `INSERT INTO agenda (contact, version, wake_at, kind, campaign, others) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
     campaign = excluded.campaign, others = excluded.others`,
  )
  const version = connection.prepare('SELECT version FROM agenda WHERE contact = ?')
  // From lane to lane by the index, without reading their contacts. In two questions: for one `(kind, campaign) > (?, ?)`
  // SQLite seeks the lane before and reads through all of its contacts.
  const laneOfKind = connection.prepare(
    `SELECT kind, campaign FROM agenda WHERE claimable_at IS NOT NULL AND kind = ? AND campaign > ?
     ORDER BY campaign LIMIT 1`,
  )
  const laneOfNextKind = connection.prepare(
    'SELECT kind, campaign FROM agenda WHERE claimable_at IS NOT NULL AND kind > ? ORDER BY kind, campaign LIMIT 1',
  )
  const dueInLane = connection.prepare(
    `SELECT contact, wake_at FROM agenda WHERE kind = ? AND campaign = ? AND claimable_at <= ?
     ORDER BY claimable_at ${LIMIT}`,
  )
  const firstInLane = connection.prepare(
    'SELECT min(claimable_at) AS at FROM agenda WHERE kind = ? AND campaign = ? AND claimable_at IS NOT NULL',
  )
  const others = connection.prepare(
    'SELECT contact, wake_at, lease_until, others FROM agenda WHERE others IS NOT NULL AND kind = ? ORDER BY other_at',
  )
  const backlog = connection.prepare(
    `SELECT count(*) AS contacts, min(wake_at) AS since FROM agenda
     WHERE claimable_at IS NOT NULL AND kind = ? AND wake_at <= ?`,
  )
  const lease = connection.prepare('UPDATE agenda SET lease_until = ?, worker = ? WHERE contact = ?')
  const release = connection.prepare(
    'UPDATE agenda SET lease_until = NULL, worker = NULL WHERE contact = ? AND worker = ? AND lease_until = ?',
  )
  const renew = connection.prepare(
    'UPDATE agenda SET lease_until = ? WHERE contact = ? AND worker = ? AND lease_until = ? AND lease_until > ?',
  )
  const agenda = connection.prepare(
    `SELECT contact, wake_at, lease_until, kind FROM agenda
     WHERE wake_at <= ? AND (wake_at, contact) > (?, ?) ORDER BY wake_at, contact ${LIMIT}`,
  )
  const checkpoint = connection.prepare('SELECT position FROM checkpoint')
  const setCheckpoint = connection.prepare('UPDATE checkpoint SET position = max(position, ?)')

  // --- Tags ---

  const tagOf = (tag: Tag) => (tagRow.get(toText(tag)) as TagRow | undefined) ?? UNKNOWN_TAG

  function addTag(contact: string, tag: Tag): void {
    const { id } = tagOf(tag)
    add.run(id || newTag.run(toText(tag)).lastInsertRowid, contact)
  }

  function change(one: TagChange): void {
    const contact = toText(one.contactId)
    if (one.change === 'add') addTag(contact, one.tag)
    else if (one.change === 'remove') remove.run(tagOf(one.tag).id, contact)
    else clear.run(contact)
  }

  // --- Search: statements are made for what a query looks like, and kept ---

  const statements = new Map<string, StatementSync>()
  function statement(sql: string): StatementSync {
    const made = statements.get(sql) ?? connection.prepare(sql)
    if (statements.size > 100) statements.clear()
    statements.set(sql, made)
    return made
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

  function pageOf(all: readonly TagRow[], none: readonly TagRow[], after: string, limit: number): string[] {
    const { sql, values } = intersection(all, none)
    const page = statement(`SELECT contact ${sql} AND contact > ? ORDER BY contact ${LIMIT}`)
    return contactsOf(page.all(...values, after, limit))
  }

  function countOf(all: readonly TagRow[], none: readonly TagRow[]): number {
    if (all.length === 1 && none.length === 0) return (all[0] as TagRow).members
    const { sql, values } = intersection(all, none)
    return (statement(`SELECT count(*) AS n ${sql}`).get(...values) as { n: number }).n
  }

  /** Adds up what is counted already where it can: a scan is only made of the rarest tags. */
  function total(all: readonly TagRow[], any: readonly TagRow[], none: readonly TagRow[]): number {
    if (any.length > 0) {
      const commonFirst = [...any].sort((a, b) => b.members - a.members)
      return commonFirst.reduce(
        (sum, tag, i) => sum + countOf(distinct([...all, tag]), [...none, ...commonFirst.slice(0, i)]),
        0,
      )
    }
    const base = all.length > 0 ? countOf(all, []) : tagged()
    return none.length > 0 ? base - total(all, none, []) : base
  }

  function tagged(): number {
    const sql = `SELECT count(DISTINCT contact) AS n FROM memberships INDEXED BY memberships_of_contact
      WHERE tag NOT IN ${MARKS}`
    return (statement(sql).get() as { n: number }).n
  }

  /** Marks are no tags of sequences (`isMark`): who has no other is nobody's member. */
  function taggedPage(none: readonly TagRow[], after: string, limit: number, withMarks = false): string[] {
    const without = `AND NOT EXISTS (SELECT 1 FROM memberships WHERE tag IN (${marks(none)}) AND contact = m.contact)`
    const page = statement(
      `SELECT DISTINCT contact FROM memberships m INDEXED BY memberships_of_contact
       WHERE contact > ? ${withMarks ? '' : `AND tag NOT IN ${MARKS}`} ${none.length > 0 ? without : ''}
       ORDER BY contact ${LIMIT}`,
    )
    return contactsOf(page.all(after, ...none.map(({ id }) => id), limit))
  }

  // --- Agenda ---

  function lanes(): LaneRow[] {
    const found: LaneRow[] = []
    // Before the first there is nothing that sorts lower than the two empty texts: ask for that lane by itself.
    const { at } = firstInLane.get('', '') as { at: Instant | null }
    if (at !== null) found.push({ kind: '', campaign: '' })
    for (let last: LaneRow = { kind: '', campaign: '' }; ; ) {
      const next = (laneOfKind.get(last.kind, last.campaign) ?? laneOfNextKind.get(last.kind)) as LaneRow | undefined
      if (next === undefined) return found
      found.push(next)
      last = next
    }
  }

  /**
   * Contacts whose first lane has a maximum of 0, and when they can be claimed for another of theirs, until `isEnough`. Those
   * that come later may still be claimable earlier than one that is leased, never earlier than `otherAt` says.
   */
  function besides(
    maxPerKind: ReadonlyMap<string, number>,
    isEnough: (found: readonly Beside[], otherAt: Instant) => boolean,
  ) {
    const found: Beside[] = []
    for (const [kind, left] of maxPerKind) {
      if (left !== 0) continue
      for (const row of others.iterate(toText(kind)) as Iterable<OthersRow>) {
        const lanes = JSON.parse(row.others) as [Instant, string, string][]
        if (isEnough(found, lanes[0]?.[0] as Instant)) break
        const open = lanes.find(([, other]) => maxPerKind.get(fromText(other)) !== 0)
        if (open === undefined) continue
        const at = row.lease_until !== null && row.lease_until > open[0] ? row.lease_until : open[0]
        found.push({ contact: row.contact, wake_at: row.wake_at, at, kind: fromText(open[1]) })
      }
    }
    return found
  }

  const model: SqlReadModel = {
    project(contactId, version, { tags, wakeAt, lane, others }) {
      for (const one of tags) change(one)
      const [kind, campaign] = [toText(lane?.kind ?? ''), toText(lane?.campaignId ?? '')]
      wake.run(toText(contactId), version, wakeAt, kind, campaign, othersText(others))
    },
    replace({ contactId, version, tags, wakeAt, lane = null, others = [] }) {
      const added = tags.map((tag) => ({ change: 'add', contactId, tag }) as const)
      model.project(contactId, version, { tags: [{ change: 'clear', contactId }, ...added], wakeAt, lane, others })
    },
    version: (contactId) => (version.get(toText(contactId)) as { version: number } | undefined)?.version ?? 0,
    members: (tag, page) => model.search({ all: [tag] }, page),
    search(query, page) {
      const [all, any, none] = [query.all, query.any, query.none].map((tags = []) => [...new Set(tags)].map(tagOf)) as [
        TagRow[],
        TagRow[],
        TagRow[],
      ]
      const after = toText(page.after ?? '')
      // One more than the page, to see whether there is a next one.
      const limit = checkedLimit(page) + 1
      const found =
        any.length > 0
          ? // The contacts of each tag up to the end of the page, put together.
            [...new Set(any.flatMap((tag) => pageOf(distinct([...all, tag]), none, after, limit)))].sort(compareIds)
          : all.length > 0
            ? pageOf(all, none, after, limit)
            : taggedPage(none, after, limit)
      const contacts = found.slice(0, page.limit).map(fromText)
      const next = found.length > page.limit ? (contacts.at(-1) ?? null) : null
      return { contacts, total: total(all, any, none), next }
    },
    tagsOf: (contactId) =>
      (tagsOf.all(toText(contactId)) as { tag: string }[]).map(({ tag }) => fromText(tag)).sort(compareIds),
    count: (tag) => tagOf(tag).members,
    indexed: (page) => taggedPage([], toText(page.after ?? ''), checkedLimit(page), true).map(fromText),

    claim(now, worker, limit, leaseUntil, maxPerKind) {
      const waiting = lanes().map(({ kind, campaign }) => {
        const most = Math.min(limit, maxPerKind?.get(fromText(kind)) ?? limit)
        const rows = dueInLane.all(kind, campaign, now, most) as unknown as Pick<AgendaRow, 'contact' | 'wake_at'>[]
        return rows.map((row) => ({ ...row, kind: fromText(kind) }))
      })
      if (maxPerKind !== undefined) {
        const enough = (found: readonly Beside[], otherAt: Instant) =>
          otherAt > now || found.filter(({ at }) => at <= now).length >= limit
        waiting.push(besides(maxPerKind, enough).filter(({ at }) => at <= now))
      }
      const left = new Map(maxPerKind)
      const claims: Claim[] = []
      // One of each lane in turn, so that a great backlog of one campaign does not stand before all others.
      for (let turn = 0, took = true; took && claims.length < limit; turn++) {
        took = false
        for (const rows of waiting) {
          const row = rows[turn]
          if (row === undefined || claims.length >= limit) continue
          const { kind } = row
          took = true
          if (left.get(kind) === 0) continue
          if (left.has(kind)) left.set(kind, (left.get(kind) as number) - 1)
          lease.run(leaseUntil, toText(worker), row.contact)
          claims.push({ contactId: fromText(row.contact), worker, wakeAt: row.wake_at, leaseUntil, kind })
        }
      }
      return claims.sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
    },
    release(claims) {
      for (const { contactId, worker, leaseUntil } of claims) release.run(toText(contactId), toText(worker), leaseUntil)
    },
    renew: (claims, now, leaseUntil) =>
      claims.flatMap((one) => {
        const { changes } = renew.run(leaseUntil, toText(one.contactId), toText(one.worker), one.leaseUntil, now)
        return changes === 1 ? [{ ...one, leaseUntil }] : []
      }),
    nextWake(maxPerKind = new Map()) {
      const ofLanes = lanes().flatMap(({ kind, campaign }) =>
        maxPerKind.get(fromText(kind)) === 0
          ? []
          : ((firstInLane.get(kind, campaign) as { at: Instant | null }).at ?? []),
      )
      const isEnough = (found: readonly Beside[], otherAt: Instant) => found.some(({ at }) => at <= otherAt)
      const wakes = [...ofLanes, ...besides(maxPerKind, isEnough).map(({ at }) => at)]
      return wakes.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null)
    },
    backlog: (kinds, now) =>
      kinds.flatMap((kind) => {
        const { contacts, since } = backlog.get(toText(kind), now) as { contacts: number; since: Instant | null }
        return since === null ? [] : [{ kind, contacts, since }]
      }),
    agenda(until, limit, after) {
      const rows = agenda.all(until, after?.wakeAt ?? '', toText(after?.contactId ?? ''), limit)
      return (rows as unknown as AgendaRow[]).map((row) => ({
        contactId: fromText(row.contact),
        wakeAt: row.wake_at,
        leaseUntil: row.lease_until,
        kind: fromText(row.kind),
      }))
    },
    checkpoint: () => (checkpoint.get() as { position: number }).position,
    setCheckpoint: (position) => void setCheckpoint.run(position),
  }
  return model
}

const othersText = (others: readonly OtherLane[] = []) =>
  others.length === 0
    ? null
    : JSON.stringify(others.map(({ wakeAt, kind, campaignId }) => [wakeAt, toText(kind), toText(campaignId)]))

const contactsOf = (rows: readonly unknown[]) => (rows as { contact: string }[]).map(({ contact }) => contact)

const marks = (values: readonly unknown[]) => values.map(() => '?').join(', ')

/** Each known tag once; a tag that nobody ever had stays, since nobody has it. */
function distinct(tags: readonly TagRow[]): TagRow[] {
  return [...new Map(tags.map((tag) => [tag.id, tag])).values()]
}

function checkedLimit({ limit }: Page): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000) return limit
  throw EnfoldFault.invalidInput('page.limit', limit, 'a whole number from 1 to 10,000')
}
