/**
 * Who is due when, and who holds whom: for each lane a heap by instant, whose outdated entries are dropped when they
 * come up.
 */
import {
  type AgendaEntry,
  type Backlog,
  type Claim,
  type ContactId,
  compareIds,
  type Instant,
  type Lane,
  type OtherLane,
  type WorkerId,
} from '@enfold/core'

interface Row {
  lane: string
  kind: string
  wakeAt: Instant | null
  leaseUntil: Instant | null
  worker: WorkerId | null
  others: readonly OtherLane[]
}

interface Entry {
  /** When the row can be claimed: its wake, or the end of its lease if that is later. */
  readonly at: Instant
  readonly contactId: ContactId
}

export interface Agenda {
  set(contactId: ContactId, wakeAt: Instant | null, lane: Lane | null | undefined, others?: readonly OtherLane[]): void
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
  until(until: Instant, limit: number, after?: AgendaEntry): AgendaEntry[]
}

export function createAgenda(): Agenda {
  const rows = new Map<ContactId, Row>()
  /** Contacts with several lanes. */
  const mixed = new Set<ContactId>()
  const lanes = new Map<string, { readonly kind: string; readonly heap: Entry[] }>()

  /** When the row can be claimed next; `null`: not as things stand. */
  function claimableAt(row: Row): Instant | null {
    if (row.wakeAt === null) return null
    return row.leaseUntil !== null && row.leaseUntil > row.wakeAt ? row.leaseUntil : row.wakeAt
  }
  function enter(contactId: ContactId, row: Row): void {
    const at = claimableAt(row)
    if (at === null) return
    const lane = lanes.get(row.lane) ?? { kind: row.kind, heap: [] }
    lanes.set(row.lane, lane)
    push(lane.heap, { at, contactId })
  }
  /** The earliest entry of a lane that still says what its row says. */
  function earliest(name: string): Entry | undefined {
    const { heap } = lanes.get(name) as { heap: Entry[] }
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      const row = rows.get(top.contactId)
      if (row !== undefined && row.lane === name && claimableAt(row) === top.at) return top
      pop(heap)
    }
    lanes.delete(name)
    return undefined
  }
  const isHeldBy = (row: Row | undefined, claim: Claim): row is Row =>
    row !== undefined && row.worker === claim.worker && row.leaseUntil === claim.leaseUntil

  /** Contacts whose first lane has a maximum of 0, and when they can be claimed for another, the earliest first. */
  function besides(maxPerKind: ReadonlyMap<string, number> = new Map()) {
    const found: { at: Instant; contactId: ContactId; kind: string }[] = []
    if ([...maxPerKind.values()].includes(0))
      for (const contactId of mixed) {
        const row = rows.get(contactId) as Row
        const open =
          maxPerKind.get(row.kind) === 0 ? row.others.find(({ kind }) => maxPerKind.get(kind) !== 0) : undefined
        if (open === undefined) continue
        const at = row.leaseUntil !== null && row.leaseUntil > open.wakeAt ? row.leaseUntil : open.wakeAt
        found.push({ at, contactId, kind: open.kind })
      }
    return found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  }

  return {
    set(contactId, wakeAt, lane, others = []) {
      const row = rows.get(contactId) ?? { lane: '', kind: '', wakeAt: null, leaseUntil: null, worker: null, others }
      row.others = others
      if (others.length > 0) mixed.add(contactId)
      else mixed.delete(contactId)
      row.wakeAt = wakeAt
      row.kind = lane?.kind ?? ''
      row.lane = JSON.stringify([row.kind, lane?.campaignId ?? ''])
      rows.set(contactId, row)
      enter(contactId, row)
    },
    claim(now, worker, limit, leaseUntil, maxPerKind) {
      const claims: Claim[] = []
      const left = new Map(maxPerKind)
      const more = besides(maxPerKind).filter(({ at }) => at <= now)
      const take = (contactId: ContactId, kind: string) => {
        if (left.has(kind)) left.set(kind, (left.get(kind) as number) - 1)
        const row = rows.get(contactId) as Row
        row.leaseUntil = leaseUntil
        row.worker = worker
        enter(contactId, row)
        claims.push({ contactId, worker, wakeAt: row.wakeAt as Instant, leaseUntil, kind })
      }
      const takeAnother = () => {
        for (let one = more.shift(); one !== undefined && claims.length < limit; one = more.shift())
          if (left.get(one.kind) !== 0) return take(one.contactId, one.kind)
      }
      // One of each lane in turn, so that a great backlog of one campaign does not stand before all others.
      for (let turn = [...lanes.keys()]; turn.length + more.length > 0 && claims.length < limit; takeAnother())
        turn = turn.filter((name) => {
          const kind = lanes.get(name)?.kind ?? ''
          const top = earliest(name)
          if (top === undefined || top.at > now || claims.length >= limit || left.get(kind) === 0) return false
          take(top.contactId, kind)
          return true
        })
      return claims.sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
    },
    release(claims) {
      for (const claim of claims) {
        const row = rows.get(claim.contactId)
        if (!isHeldBy(row, claim)) continue
        row.leaseUntil = null
        row.worker = null
        enter(claim.contactId, row)
      }
    },
    renew(claims, now, leaseUntil) {
      return claims.flatMap((claim) => {
        const row = rows.get(claim.contactId)
        if (!isHeldBy(row, claim) || claim.leaseUntil <= now) return []
        row.leaseUntil = leaseUntil
        enter(claim.contactId, row)
        return [{ ...claim, leaseUntil }]
      })
    },
    nextWake(maxPerKind) {
      const open = [...lanes].flatMap(([name, { kind }]) => (maxPerKind?.get(kind) === 0 ? [] : [name]))
      const wakes = [...open.flatMap((name) => earliest(name)?.at ?? []), ...besides(maxPerKind).map(({ at }) => at)]
      return wakes.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null)
    },
    backlog(kinds, now) {
      const asked = new Map(kinds.map((kind) => [kind, { kind, contacts: 0, since: now }]))
      for (const { kind, wakeAt } of rows.values()) {
        const found = asked.get(kind)
        if (found === undefined || wakeAt === null || wakeAt > now) continue
        found.contacts += 1
        if (wakeAt < found.since) found.since = wakeAt
      }
      return [...asked.values()].filter(({ contacts }) => contacts > 0)
    },
    until(until, limit, after) {
      return [...rows]
        .flatMap(([contactId, { wakeAt, leaseUntil, kind }]) =>
          wakeAt !== null && wakeAt <= until ? [{ contactId, wakeAt, leaseUntil, kind }] : [],
        )
        .filter((entry) => after === undefined || byWake(after, entry) < 0)
        .sort(byWake)
        .slice(0, limit)
    },
  }
}

function byWake(a: AgendaEntry, b: AgendaEntry): number {
  return a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : compareIds(a.contactId, b.contactId)
}

function push(heap: Entry[], entry: Entry): void {
  let i = heap.push(entry) - 1
  while (i > 0) {
    const parent = (i - 1) >> 1
    if ((heap[parent] as Entry).at <= entry.at) break
    heap[i] = heap[parent] as Entry
    i = parent
  }
  heap[i] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop() as Entry
  if (heap.length === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child += 1
    if (last.at <= (heap[child] as Entry).at) break
    heap[i] = heap[child] as Entry
    i = child
  }
  heap[i] = last
}
