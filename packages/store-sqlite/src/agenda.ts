/** Contacts by when they are due, in one table. All within a transaction of the caller. */
import type { DatabaseSync } from 'node:sqlite'
import type {
  AgendaEntry,
  Backlog,
  Claim,
  ContactId,
  Derived,
  Instant,
  OtherLane,
  Version,
  WorkerId,
} from '@enfold/core'
import { LIMIT } from './database.ts'
import { fromText, toText } from './id-text.ts'

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

/** The statements on the table. */
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
      `SELECT kind, campaign FROM agenda WHERE claimable_at IS NOT NULL AND kind = ? AND campaign > ?
       ORDER BY campaign LIMIT 1`,
    ),
    laneOfNextKind: connection.prepare(
      'SELECT kind, campaign FROM agenda WHERE claimable_at IS NOT NULL AND kind > ? ORDER BY kind, campaign LIMIT 1',
    ),
    dueInLane: connection.prepare(
      `SELECT contact, wake_at FROM agenda WHERE kind = ? AND campaign = ? AND claimable_at <= ?
       ORDER BY claimable_at ${LIMIT}`,
    ),
    firstInLane: connection.prepare(
      'SELECT min(claimable_at) AS at FROM agenda WHERE kind = ? AND campaign = ? AND claimable_at IS NOT NULL',
    ),
    others: connection.prepare(
      'SELECT contact, wake_at, lease_until, others FROM agenda WHERE others IS NOT NULL AND kind = ? ORDER BY other_at',
    ),
    backlog: connection.prepare(
      `SELECT count(*) AS contacts, min(wake_at) AS since FROM agenda
       WHERE claimable_at IS NOT NULL AND kind = ? AND wake_at <= ?`,
    ),
    lease: connection.prepare('UPDATE agenda SET lease_until = ?, worker = ? WHERE contact = ?'),
    release: connection.prepare(
      'UPDATE agenda SET lease_until = NULL, worker = NULL WHERE contact = ? AND worker = ? AND lease_until = ?',
    ),
    renew: connection.prepare(
      'UPDATE agenda SET lease_until = ? WHERE contact = ? AND worker = ? AND lease_until = ? AND lease_until > ?',
    ),
    until: connection.prepare(
      `SELECT contact, wake_at, lease_until, kind FROM agenda
       WHERE wake_at <= ? AND (wake_at, contact) > (?, ?) ORDER BY wake_at, contact ${LIMIT}`,
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
  const [kind, campaign] = [toText(lane?.kind ?? ''), toText(lane?.campaignId ?? '')]
  on.wake.run(toText(contactId), version, wakeAt, kind, campaign, othersText(others))
}

/** Up to where the contact's rows go; 0 if it has none. */
export function projectedVersion(on: AgendaTable, contactId: ContactId): Version {
  return (on.version.get(toText(contactId)) as { version: number } | undefined)?.version ?? 0
}

function lanes(on: AgendaTable): LaneRow[] {
  const found: LaneRow[] = []
  // Before the first there is nothing that sorts lower than the two empty texts: ask for that lane by itself.
  const { at } = on.firstInLane.get('', '') as { at: Instant | null }
  if (at !== null) found.push({ kind: '', campaign: '' })
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
    for (const row of on.others.iterate(toText(kind)) as Iterable<OthersRow>) {
      const all = JSON.parse(row.others) as [Instant, string, string][]
      if (isEnough(found, all[0]?.[0] as Instant)) break
      const free = all.find(([, other]) => maxPerKind.get(fromText(other)) !== 0)
      if (free === undefined) continue
      const at = row.lease_until !== null && row.lease_until > free[0] ? row.lease_until : free[0]
      found.push({ contact: row.contact, wake_at: row.wake_at, at, kind: fromText(free[1]) })
    }
  }
  return found
}

/** Contacts that can be claimed now, by lane; more of them than will be. */
function claimable(on: AgendaTable, now: Instant, limit: number, maxPerKind?: MaxPerKind) {
  const byLane: (readonly Omit<InOtherLane, 'at'>[])[] = lanes(on).map(({ kind, campaign }) => {
    const most = Math.min(limit, maxPerKind?.get(fromText(kind)) ?? limit)
    const rows = on.dueInLane.all(kind, campaign, now, most) as unknown as Pick<AgendaRow, 'contact' | 'wake_at'>[]
    return rows.map((row) => ({ ...row, kind: fromText(kind) }))
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
      on.lease.run(leaseUntil, toText(worker), row.contact)
      claims.push({ contactId: fromText(row.contact), worker, wakeAt: row.wake_at, leaseUntil, kind })
    }
  }
  return claims.sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
}

export function release(on: AgendaTable, claims: readonly Claim[]): void {
  for (const { contactId, worker, leaseUntil } of claims) on.release.run(toText(contactId), toText(worker), leaseUntil)
}

export function renew(on: AgendaTable, claims: readonly Claim[], now: Instant, leaseUntil: Instant): Claim[] {
  return claims.flatMap((one) => {
    const { changes } = on.renew.run(leaseUntil, toText(one.contactId), toText(one.worker), one.leaseUntil, now)
    return changes === 1 ? [{ ...one, leaseUntil }] : []
  })
}

export function nextWake(on: AgendaTable, maxPerKind: MaxPerKind = new Map()): Instant | null {
  const ofLanes = lanes(on).flatMap(({ kind, campaign }) =>
    maxPerKind.get(fromText(kind)) === 0
      ? []
      : ((on.firstInLane.get(kind, campaign) as { at: Instant | null }).at ?? []),
  )
  const isEnough = (found: readonly InOtherLane[], otherAt: Instant) => found.some(({ at }) => at <= otherAt)
  const wakes = [...ofLanes, ...inOtherLanes(on, maxPerKind, isEnough).map(({ at }) => at)]
  return wakes.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null)
}

export function backlog(on: AgendaTable, kinds: readonly string[], now: Instant): Backlog[] {
  return kinds.flatMap((kind) => {
    const { contacts, since } = on.backlog.get(toText(kind), now) as { contacts: number; since: Instant | null }
    return since === null ? [] : [{ kind, contacts, since }]
  })
}

export function entriesUntil(on: AgendaTable, until: Instant, limit: number, after?: AgendaEntry): AgendaEntry[] {
  const rows = on.until.all(until, after?.wakeAt ?? '', toText(after?.contactId ?? ''), limit)
  return (rows as unknown as AgendaRow[]).map((row) => ({
    contactId: fromText(row.contact),
    wakeAt: row.wake_at,
    leaseUntil: row.lease_until,
    kind: fromText(row.kind),
  }))
}

const othersText = (others: readonly OtherLane[] = []) =>
  others.length === 0
    ? null
    : JSON.stringify(others.map(({ wakeAt, kind, campaignId }) => [wakeAt, toText(kind), toText(campaignId)]))
