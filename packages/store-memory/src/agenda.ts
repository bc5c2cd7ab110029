/**
 * When contacts are due, and which worker holds each: for each lane a heap by instant, whose outdated entries are dropped when they
 * come up.
 */
import {
  type Agenda,
  type AgendaEntry,
  type Claim,
  type ContactId,
  compareIds,
  type Instant,
  type Lane,
  type OtherLane,
  type WorkerId,
} from '@enfold/core'
import { leaseEnd, type Synchronous } from '@enfold/core/store'
import { type Entry, pop, push } from './heap.ts'

interface Row {
  lane: string
  kind: string
  wakeAt: Instant | null
  leaseUntil: Instant | null
  worker: WorkerId | null
  others: readonly OtherLane[]
}

type MaxPerKind = ReadonlyMap<string, number>

interface Rows {
  readonly byContact: Map<ContactId, Row>
  /** Contacts with several lanes. */
  readonly mixed: Set<ContactId>
  /** By lane: when its rows can be claimed, at their wake or at the end of their lease if that is later. */
  readonly lanes: Map<string, { readonly kind: string; readonly heap: Entry[] }>
}

export interface MemoryAgenda {
  set(contactId: ContactId, wakeAt: Instant | null, lane: Lane | null | undefined, others?: readonly OtherLane[]): void
  readonly port: Synchronous<Agenda>
}

export function createAgenda(): MemoryAgenda {
  const rows: Rows = { byContact: new Map(), mixed: new Set(), lanes: new Map() }
  return {
    set: (contactId, wakeAt, lane, others = []) => set(rows, contactId, wakeAt, lane, others),
    port: {
      claimDue: (now, worker, limit, leaseMs, maxPerKind) =>
        claim(rows, now, worker, limit, leaseEnd(now, leaseMs), maxPerKind),
      release: (claims) => release(rows, claims),
      renew: (claims, now, leaseMs) => renew(rows, claims, now, leaseEnd(now, leaseMs)),
      nextWake: (maxPerKind) => nextWake(rows, maxPerKind),
      backlog: (kinds, now) => backlog(rows, kinds, now),
      agenda: (until, limit, after) => entriesUntil(rows, until, limit, after),
    },
  }
}

function set(
  rows: Rows,
  contactId: ContactId,
  wakeAt: Instant | null,
  lane: Lane | null | undefined,
  others: readonly OtherLane[],
): void {
  const fresh = { lane: '', kind: '', wakeAt: null, leaseUntil: null, worker: null, others }
  const row: Row = rows.byContact.get(contactId) ?? fresh
  row.others = others
  if (others.length > 0) rows.mixed.add(contactId)
  else rows.mixed.delete(contactId)
  row.wakeAt = wakeAt
  row.kind = lane?.kind ?? ''
  row.lane = JSON.stringify([row.kind, lane?.campaignId ?? ''])
  rows.byContact.set(contactId, row)
  enter(rows, contactId, row)
}

/** When the row can be claimed next; `null`: not as things stand. */
function claimableAt(row: Row): Instant | null {
  if (row.wakeAt === null) return null
  return row.leaseUntil !== null && row.leaseUntil > row.wakeAt ? row.leaseUntil : row.wakeAt
}

function enter({ lanes }: Rows, contactId: ContactId, row: Row): void {
  const at = claimableAt(row)
  if (at === null) return
  const lane = lanes.get(row.lane) ?? { kind: row.kind, heap: [] }
  lanes.set(row.lane, lane)
  push(lane.heap, { at, contactId })
}

/** The earliest entry of a lane that still says what its row says. */
function earliest({ byContact, lanes }: Rows, name: string): Entry | undefined {
  const { heap } = lanes.get(name) as { heap: Entry[] }
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    const row = byContact.get(top.contactId)
    if (row !== undefined && row.lane === name && claimableAt(row) === top.at) return top
    pop(heap)
  }
  lanes.delete(name)
  return undefined
}

/** Contacts whose first lane has a maximum of 0, and when they can be claimed for another, the earliest first. */
function inOtherLanes({ byContact, mixed }: Rows, maxPerKind: MaxPerKind = new Map()) {
  const found: { at: Instant; contactId: ContactId; kind: string }[] = []
  if ([...maxPerKind.values()].includes(0))
    for (const contactId of mixed) {
      const row = byContact.get(contactId) as Row
      const free =
        maxPerKind.get(row.kind) === 0 ? row.others.find(({ kind }) => maxPerKind.get(kind) !== 0) : undefined
      if (free === undefined) continue
      const at = row.leaseUntil !== null && row.leaseUntil > free.wakeAt ? row.leaseUntil : free.wakeAt
      found.push({ at, contactId, kind: free.kind })
    }
  return found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

function claim(
  rows: Rows,
  now: Instant,
  worker: WorkerId,
  limit: number,
  leaseUntil: Instant,
  maxPerKind?: MaxPerKind,
): Claim[] {
  const claims: Claim[] = []
  const left = new Map(maxPerKind)
  const more = inOtherLanes(rows, maxPerKind).filter(({ at }) => at <= now)
  const take = (contactId: ContactId, kind: string) => {
    if (left.has(kind)) left.set(kind, (left.get(kind) as number) - 1)
    const row = rows.byContact.get(contactId) as Row
    row.leaseUntil = leaseUntil
    row.worker = worker
    enter(rows, contactId, row)
    claims.push({ contactId, worker, wakeAt: row.wakeAt as Instant, leaseUntil, kind })
  }
  const takeAnother = () => {
    for (let one = more.shift(); one !== undefined && claims.length < limit; one = more.shift())
      if (left.get(one.kind) !== 0) return take(one.contactId, one.kind)
  }
  // One of each lane in turn, so that a great backlog of one campaign does not stand before all others.
  for (let turn = [...rows.lanes.keys()]; turn.length + more.length > 0 && claims.length < limit; takeAnother())
    turn = turn.filter((name) => {
      const kind = rows.lanes.get(name)?.kind ?? ''
      const top = earliest(rows, name)
      if (top === undefined || top.at > now || claims.length >= limit || left.get(kind) === 0) return false
      take(top.contactId, kind)
      return true
    })
  return claims.sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
}

const isHeldBy = (row: Row | undefined, claim: Claim): row is Row =>
  row !== undefined && row.worker === claim.worker && row.leaseUntil === claim.leaseUntil

function release(rows: Rows, claims: readonly Claim[]): void {
  for (const one of claims) {
    const row = rows.byContact.get(one.contactId)
    if (!isHeldBy(row, one)) continue
    row.leaseUntil = null
    row.worker = null
    enter(rows, one.contactId, row)
  }
}

function renew(rows: Rows, claims: readonly Claim[], now: Instant, leaseUntil: Instant): Claim[] {
  return claims.flatMap((one) => {
    const row = rows.byContact.get(one.contactId)
    if (!isHeldBy(row, one) || one.leaseUntil <= now) return []
    row.leaseUntil = leaseUntil
    enter(rows, one.contactId, row)
    return [{ ...one, leaseUntil }]
  })
}

function nextWake(rows: Rows, maxPerKind?: MaxPerKind): Instant | null {
  const claimable = [...rows.lanes].flatMap(([name, { kind }]) => (maxPerKind?.get(kind) === 0 ? [] : [name]))
  const wakes = [
    ...claimable.flatMap((name) => earliest(rows, name)?.at ?? []),
    ...inOtherLanes(rows, maxPerKind).map(({ at }) => at),
  ]
  return wakes.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null)
}

function backlog({ byContact }: Rows, kinds: readonly string[], now: Instant) {
  const asked = new Map(kinds.map((kind) => [kind, { kind, contacts: 0, since: now }]))
  for (const { kind, wakeAt } of byContact.values()) {
    const found = asked.get(kind)
    if (found === undefined || wakeAt === null || wakeAt > now) continue
    found.contacts += 1
    if (wakeAt < found.since) found.since = wakeAt
  }
  return [...asked.values()].filter(({ contacts }) => contacts > 0)
}

function entriesUntil({ byContact }: Rows, until: Instant, limit: number, after?: AgendaEntry): AgendaEntry[] {
  return [...byContact]
    .flatMap(([contactId, { wakeAt, leaseUntil, kind }]) =>
      wakeAt !== null && wakeAt <= until ? [{ contactId, wakeAt, leaseUntil, kind }] : [],
    )
    .filter((entry) => after === undefined || byWake(after, entry) < 0)
    .sort(byWake)
    .slice(0, limit)
}

function byWake(a: AgendaEntry, b: AgendaEntry): number {
  return a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : compareIds(a.contactId, b.contactId)
}
