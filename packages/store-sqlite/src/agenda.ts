/** Contacts by when they are due, and those that are claimed, in two tables. All within a transaction of the caller. */
import type { DatabaseSync } from 'node:sqlite'
import {
  type AgendaEntry,
  type Backlog,
  type Claim,
  type ContactId,
  compareIds,
  type Derived,
  type Instant,
  type OtherLane,
  type Version,
  type WorkerId,
} from '@enfold/core'
import { LIMIT } from './database.ts'
import { escapeNul, unescapeNul } from './id-text.ts'

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
interface InOtherLane {
  readonly contact: string
  readonly wake_at: Instant
  readonly at: Instant
  readonly kind: string
}

type MaxPerKind = ReadonlyMap<string, number>

export type AgendaTable = ReturnType<typeof createAgendaTable>

/** The statements on the tables. */
export function createAgendaTable(connection: DatabaseSync) {
  return {
    wake: connection.prepare(
      `INSERT INTO agenda (contact, version, wake_at, kind, campaign, others) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
       campaign = excluded.campaign, others = excluded.others`,
    ),
    version: connection.prepare('SELECT version FROM agenda WHERE contact = ?'),
    // From lane to lane by the index, without reading their contacts. In two questions: for one `(kind, campaign) > (?, ?)`
    // SQLite seeks the lane before and reads through all of its contacts.
    laneOfKind: connection.prepare(
      `SELECT kind, campaign FROM agenda WHERE wake_at IS NOT NULL AND kind = ? AND campaign > ?
       ORDER BY campaign LIMIT 1`,
    ),
    laneOfNextKind: connection.prepare(
      'SELECT kind, campaign FROM agenda WHERE wake_at IS NOT NULL AND kind > ? ORDER BY kind, campaign LIMIT 1',
    ),
    isLane: connection.prepare('SELECT 1 FROM agenda WHERE kind = ? AND campaign = ? AND wake_at IS NOT NULL LIMIT 1'),
    dueInLane: connection.prepare(
      `SELECT contact, wake_at FROM agenda a WHERE kind = ? AND campaign = ? AND wake_at <= ?
       AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.contact = a.contact AND l.lease_until > ?)
       ORDER BY wake_at ${LIMIT}`,
    ),
    firstInLane: connection.prepare(
      `SELECT wake_at AS at FROM agenda a WHERE kind = ? AND campaign = ? AND wake_at IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.contact = a.contact) ORDER BY wake_at LIMIT 1`,
    ),
    // When those that are leased can be claimed again. CROSS: by the leases, of which there are few.
    leased: connection.prepare(
      `SELECT a.kind, max(l.lease_until, a.wake_at) AS at FROM leases l CROSS JOIN agenda a ON a.contact = l.contact
       WHERE a.wake_at IS NOT NULL`,
    ),
    others: connection.prepare(
      `SELECT a.contact, wake_at, lease_until, others FROM agenda a LEFT JOIN leases l ON l.contact = a.contact
       WHERE others IS NOT NULL AND kind = ? ORDER BY other_at`,
    ),
    backlog: connection.prepare(
      `SELECT count(*) AS contacts, min(wake_at) AS since FROM agenda WHERE kind = ? AND campaign = ? AND wake_at <= ?`,
    ),
    lease: connection.prepare(
      `INSERT INTO leases (contact, lease_until, worker) VALUES (?, ?, ?)
       ON CONFLICT (contact) DO UPDATE SET lease_until = excluded.lease_until, worker = excluded.worker`,
    ),
    release: connection.prepare('DELETE FROM leases WHERE contact = ? AND worker = ? AND lease_until = ?'),
    renew: connection.prepare(
      'UPDATE leases SET lease_until = ? WHERE contact = ? AND worker = ? AND lease_until = ? AND lease_until > ?',
    ),
    inLane: connection.prepare(
      `SELECT a.contact, wake_at, lease_until, kind FROM agenda a LEFT JOIN leases l ON l.contact = a.contact
       WHERE kind = ? AND campaign = ? AND wake_at <= ? AND (wake_at, a.contact) > (?, ?)
       ORDER BY wake_at, a.contact ${LIMIT}`,
    ),
  }
}

/** @param version up to which the contact's rows go now */
export function setWake(
  on: AgendaTable,
  contactId: ContactId,
  version: Version,
  { wakeAt, lane, others }: Omit<Derived, 'tags'>,
): void {
  const [kind, campaign] = [escapeNul(lane?.kind ?? ''), escapeNul(lane?.campaignId ?? '')]
  on.wake.run(escapeNul(contactId), version, wakeAt, kind, campaign, othersText(others))
}

/** Up to where the contact's rows go; 0 if it has none. */
export function projectedVersion(on: AgendaTable, contactId: ContactId): Version {
  return (on.version.get(escapeNul(contactId)) as { version: number } | undefined)?.version ?? 0
}

function lanes(on: AgendaTable): LaneRow[] {
  const found: LaneRow[] = []
  // Before the first there is nothing that sorts lower than the two empty texts: ask for that lane by itself.
  if (on.isLane.get('', '') !== undefined) found.push({ kind: '', campaign: '' })
  for (let last: LaneRow = { kind: '', campaign: '' }; ; ) {
    const next = (on.laneOfKind.get(last.kind, last.campaign) ?? on.laneOfNextKind.get(last.kind)) as
      | LaneRow
      | undefined
    if (next === undefined) return found
    found.push(next)
    last = next
  }
}

/**
 * Contacts whose first lane has a maximum of 0, and when they can be claimed for another of theirs, until `isEnough`.
 * Those that come later may still be claimable earlier than one that is leased, never earlier than `otherAt` says.
 */
function inOtherLanes(
  on: AgendaTable,
  maxPerKind: MaxPerKind,
  isEnough: (found: readonly InOtherLane[], otherAt: Instant) => boolean,
): InOtherLane[] {
  const found: InOtherLane[] = []
  for (const [kind, left] of maxPerKind) {
    if (left !== 0) continue
    for (const row of on.others.iterate(escapeNul(kind)) as Iterable<OthersRow>) {
      const all = JSON.parse(row.others) as [Instant, string, string][]
      if (isEnough(found, all[0]?.[0] as Instant)) break
      const free = all.find(([, other]) => maxPerKind.get(unescapeNul(other)) !== 0)
      if (free === undefined) continue
      const at = row.lease_until !== null && row.lease_until > free[0] ? row.lease_until : free[0]
      found.push({ contact: row.contact, wake_at: row.wake_at, at, kind: unescapeNul(free[1]) })
    }
  }
  return found
}

/** Contacts that can be claimed now, by lane; more of them than will be. */
function claimable(on: AgendaTable, now: Instant, limit: number, maxPerKind?: MaxPerKind) {
  const byLane: (readonly Omit<InOtherLane, 'at'>[])[] = lanes(on).map(({ kind, campaign }) => {
    const most = Math.min(limit, maxPerKind?.get(unescapeNul(kind)) ?? limit)
    const rows = on.dueInLane.all(kind, campaign, now, now, most) as unknown as Pick<AgendaRow, 'contact' | 'wake_at'>[]
    return rows.map((row) => ({ ...row, kind: unescapeNul(kind) }))
  })
  if (maxPerKind === undefined) return byLane
  const enough = (found: readonly InOtherLane[], otherAt: Instant) =>
    otherAt > now || found.filter(({ at }) => at <= now).length >= limit
  return [...byLane, inOtherLanes(on, maxPerKind, enough).filter(({ at }) => at <= now)]
}

export function claim(
  on: AgendaTable,
  now: Instant,
  worker: WorkerId,
  limit: number,
  leaseUntil: Instant,
  maxPerKind?: MaxPerKind,
): Claim[] {
  const waiting = claimable(on, now, limit, maxPerKind)
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
      on.lease.run(row.contact, leaseUntil, escapeNul(worker))
      claims.push({ contactId: unescapeNul(row.contact), worker, wakeAt: row.wake_at, leaseUntil, kind })
    }
  }
  return claims.sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
}

export function release(on: AgendaTable, claims: readonly Claim[]): void {
  for (const { contactId, worker, leaseUntil } of claims)
    on.release.run(escapeNul(contactId), escapeNul(worker), leaseUntil)
}

export function renew(on: AgendaTable, claims: readonly Claim[], now: Instant, leaseUntil: Instant): Claim[] {
  return claims.flatMap((one) => {
    const { changes } = on.renew.run(leaseUntil, escapeNul(one.contactId), escapeNul(one.worker), one.leaseUntil, now)
    return changes === 1 ? [{ ...one, leaseUntil }] : []
  })
}

export function nextWake(on: AgendaTable, maxPerKind: MaxPerKind = new Map()): Instant | null {
  const isOpen = (kind: string) => maxPerKind.get(unescapeNul(kind)) !== 0
  const free = lanes(on).flatMap(({ kind, campaign }) =>
    isOpen(kind) ? ((on.firstInLane.get(kind, campaign) as { at: Instant } | undefined)?.at ?? []) : [],
  )
  const leased = (on.leased.all() as { kind: string; at: Instant }[]).flatMap(({ kind, at }) =>
    isOpen(kind) ? at : [],
  )
  const isEnough = (found: readonly InOtherLane[], otherAt: Instant) => found.some(({ at }) => at <= otherAt)
  const wakes = [...free, ...leased, ...inOtherLanes(on, maxPerKind, isEnough).map(({ at }) => at)]
  return wakes.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null)
}

export function backlog(on: AgendaTable, kinds: readonly string[], now: Instant): Backlog[] {
  const all = lanes(on)
  return kinds.flatMap((kind) => {
    let [contacts, since]: [number, Instant | null] = [0, null]
    for (const lane of all.filter((one) => one.kind === escapeNul(kind))) {
      const row = on.backlog.get(lane.kind, lane.campaign, now) as { contacts: number; since: Instant | null }
      contacts += row.contacts
      if (row.since !== null && (since === null || row.since < since)) since = row.since
    }
    return since === null ? [] : [{ kind, contacts, since }]
  })
}

/** Entries of one lane that were read and not given yet. */
interface OpenLane {
  readonly lane: LaneRow
  rows: readonly AgendaRow[]
  next: number
}

/** From all lanes, the first of each, in portions, so that no lane is read much further than is needed. */
export function entriesUntil(on: AgendaTable, until: Instant, limit: number, after?: AgendaEntry): AgendaEntry[] {
  const all = lanes(on)
  const size = Math.min(limit, Math.max(16, Math.ceil((2 * limit) / Math.max(1, all.length))))
  const read = (lane: LaneRow, { wake_at, contact }: Pick<AgendaRow, 'wake_at' | 'contact'>): OpenLane => ({
    lane,
    rows: on.inLane.all(lane.kind, lane.campaign, until, wake_at, contact, size) as unknown as AgendaRow[],
    next: 0,
  })
  const from = { wake_at: after?.wakeAt ?? '', contact: escapeNul(after?.contactId ?? '') }
  const open = all.map((lane) => read(lane, from)).filter(({ rows }) => rows.length > 0)
  const entries: AgendaEntry[] = []
  while (open.length > 0 && entries.length < limit) {
    const first = open.reduce((one, other) => (isBefore(nextOf(other), nextOf(one)) ? other : one))
    const row = nextOf(first)
    entries.push(entryOf(row))
    first.next += 1
    if (first.next < first.rows.length) continue
    const more = first.rows.length < size ? [] : [read(first.lane, row)].filter(({ rows }) => rows.length > 0)
    open.splice(open.indexOf(first), 1, ...more)
  }
  return entries
}

const nextOf = ({ rows, next }: OpenLane) => rows[next] as AgendaRow

function isBefore(a: AgendaRow, b: AgendaRow): boolean {
  return a.wake_at === b.wake_at ? compareIds(a.contact, b.contact) < 0 : a.wake_at < b.wake_at
}

function entryOf(row: AgendaRow): AgendaEntry {
  return {
    contactId: unescapeNul(row.contact),
    wakeAt: row.wake_at,
    leaseUntil: row.lease_until,
    kind: unescapeNul(row.kind),
  }
}

const othersText = (others: readonly OtherLane[] = []) =>
  others.length === 0
    ? null
    : JSON.stringify(others.map(({ wakeAt, kind, campaignId }) => [wakeAt, escapeNul(kind), escapeNul(campaignId)]))
