/** Who is due when, and who holds whom: a heap by instant, whose outdated entries are dropped when they come up. */
import type { AgendaEntry, Claim, ContactId, Instant, WorkerId } from '@enfold/core'

interface Row {
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
  set(contactId: ContactId, wakeAt: Instant | null): void
  claim(now: Instant, worker: WorkerId, limit: number, leaseUntil: Instant): Claim[]
  release(claims: readonly Claim[]): void
  renew(claims: readonly Claim[], leaseUntil: Instant): Claim[]
  nextWake(): Instant | null
  until(until: Instant, limit: number): AgendaEntry[]
}

export function createAgenda(): Agenda {
  const rows = new Map<ContactId, Row>()
  const heap: Entry[] = []

  /** When the row can be claimed next; `null`: not as things stand. */
  function claimableAt(row: Row): Instant | null {
    if (row.wakeAt === null) return null
    return row.leaseUntil !== null && row.leaseUntil > row.wakeAt ? row.leaseUntil : row.wakeAt
  }
  function enter(contactId: ContactId, row: Row): void {
    const at = claimableAt(row)
    if (at !== null) push(heap, { at, contactId })
  }
  /** The earliest entry that still says what its row says. */
  function earliest(): Entry | undefined {
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      const row = rows.get(top.contactId)
      if (row !== undefined && claimableAt(row) === top.at) return top
      pop(heap)
    }
    return undefined
  }
  const isHeldBy = (row: Row | undefined, claim: Claim): row is Row =>
    row !== undefined && row.worker === claim.worker && row.leaseUntil === claim.leaseUntil

  return {
    set(contactId, wakeAt) {
      const row = rows.get(contactId) ?? { wakeAt: null, leaseUntil: null, worker: null }
      row.wakeAt = wakeAt
      rows.set(contactId, row)
      enter(contactId, row)
    },
    claim(now, worker, limit, leaseUntil) {
      const claims: Claim[] = []
      for (let top = earliest(); top !== undefined && top.at <= now && claims.length < limit; top = earliest()) {
        const row = rows.get(top.contactId) as Row
        row.leaseUntil = leaseUntil
        row.worker = worker
        enter(top.contactId, row)
        claims.push({ contactId: top.contactId, worker, wakeAt: row.wakeAt as Instant, leaseUntil })
      }
      return claims
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
    renew(claims, leaseUntil) {
      return claims.flatMap((claim) => {
        const row = rows.get(claim.contactId)
        if (!isHeldBy(row, claim)) return []
        row.leaseUntil = leaseUntil
        enter(claim.contactId, row)
        return [{ ...claim, leaseUntil }]
      })
    },
    nextWake: () => earliest()?.at ?? null,
    until(until, limit) {
      return [...rows]
        .flatMap(([contactId, { wakeAt, leaseUntil }]) =>
          wakeAt !== null && wakeAt <= until ? [{ contactId, wakeAt, leaseUntil }] : [],
        )
        .sort((a, b) => (a.wakeAt < b.wakeAt ? -1 : a.wakeAt > b.wakeAt ? 1 : 0))
        .slice(0, limit)
    },
  }
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
