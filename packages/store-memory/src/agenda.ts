/**
 * Who is due when, and who holds whom: for each lane a heap by instant, whose outdated entries are dropped when they
 * come up.
 */
import {
  type AgendaEntry,
  type Claim,
  type ContactId,
  compareIds,
  type Instant,
  type Lane,
  type WorkerId,
} from '@enfold/core'

interface Row {
  lane: string
  kind: string
  wakeAt: Instant | null
  leaseUntil: Instant | null
  worker: WorkerId | null
}

interface Entry {
  /** When the row can be claimed: its wake, or the end of its lease if that is later. */
  readonly at: Instant
  readonly contactId: ContactId
}

export interface Agenda {
  set(contactId: ContactId, wakeAt: Instant | null, lane: Lane | null | undefined): void
  claim(now: Instant, worker: WorkerId, limit: number, leaseUntil: Instant, room?: ReadonlyMap<string, number>): Claim[]
  release(claims: readonly Claim[]): void
  renew(claims: readonly Claim[], now: Instant, leaseUntil: Instant): Claim[]
  nextWake(room?: ReadonlyMap<string, number>): Instant | null
  until(until: Instant, limit: number, after?: AgendaEntry): AgendaEntry[]
}

export function createAgenda(): Agenda {
  const rows = new Map<ContactId, Row>()
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

  return {
    set(contactId, wakeAt, lane) {
      const row = rows.get(contactId) ?? { lane: '', kind: '', wakeAt: null, leaseUntil: null, worker: null }
      row.wakeAt = wakeAt
      row.kind = lane?.kind ?? ''
      row.lane = JSON.stringify([row.kind, lane?.campaignId ?? ''])
      rows.set(contactId, row)
      enter(contactId, row)
    },
    claim(now, worker, limit, leaseUntil, room) {
      const claims: Claim[] = []
      const left = new Map(room)
      // One of each lane in turn, so that a great backlog of one campaign does not stand before all others.
      for (let turn = [...lanes.keys()]; turn.length > 0 && claims.length < limit; )
        turn = turn.filter((name) => {
          const kind = lanes.get(name)?.kind ?? ''
          const top = earliest(name)
          if (top === undefined || top.at > now || claims.length >= limit || left.get(kind) === 0) return false
          if (left.has(kind)) left.set(kind, (left.get(kind) as number) - 1)
          const row = rows.get(top.contactId) as Row
          row.leaseUntil = leaseUntil
          row.worker = worker
          enter(top.contactId, row)
          claims.push({ contactId: top.contactId, worker, wakeAt: row.wakeAt as Instant, leaseUntil, kind })
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
    nextWake(room) {
      const open = [...lanes].flatMap(([name, { kind }]) => (room?.get(kind) === 0 ? [] : [name]))
      const wakes = open.flatMap((name) => earliest(name)?.at ?? [])
      return wakes.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null)
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
