/** The agenda: which contacts are due when, and which worker has claimed them. */
import type { CampaignId, ContactId, Instant, WorkerId } from '../ids.ts'

/** Whose turn it is: limits are set for kinds of steps, and campaigns share a limit fairly. */
export interface Lane {
  /** Of the step that is due first; "" where no handler is called. */
  readonly kind: string
  readonly campaignId: CampaignId
}

/**
 * A lane of the contact that comes after its first: a worker that does not do what is due first still finds what it does
 * (KIND-1).
 */
export interface OtherLane extends Lane {
  readonly wakeAt: Instant
}

/** A worker's right to work on one contact until `leaseUntil`, by the engine's clock. */
export interface Claim {
  readonly contactId: ContactId
  readonly worker: WorkerId
  readonly wakeAt: Instant
  readonly leaseUntil: Instant
  /** Of the lane that it was claimed from. */
  readonly kind: string
}

/** One row of the agenda: the next instant at which anything of the contact is due. */
export interface AgendaEntry {
  readonly contactId: ContactId
  readonly wakeAt: Instant
  readonly leaseUntil: Instant | null
  readonly kind: string
}

/** Contacts that are due for a kind of step. */
export interface Backlog {
  readonly kind: string
  readonly contacts: number
  /** The earliest wake among them. */
  readonly since: Instant
}

/**
 * Contacts by their next wake.
 *
 * Promises: a claimed contact is given to no other worker until its lease has run out or it is released. Claims come by
 * wake instant, oldest first.
 */
export interface Agenda {
  /**
   * Claims contacts with `wakeAt` ≤ now that nobody holds, at most `limit` (≥ 1) in all, and of each kind in `maxPerKind`
   * at most so many. If `limit` or `maxPerKind` leaves some out, campaigns take turns. A contact whose first lane is of a
   * kind with a maximum of 0 is claimed for the first of its other lanes that is due and may be claimed.
   */
  claimDue(
    now: Instant,
    worker: WorkerId,
    limit: number,
    leaseMs: number,
    maxPerKind?: ReadonlyMap<string, number>,
  ): Promise<readonly Claim[]>
  /** Gives back the claims that their worker still holds; others are left alone. */
  release(claims: readonly Claim[]): Promise<void>
  /** Prolongs the claims that are still held and have not run out; returns those, with their new lease. */
  renew(claims: readonly Claim[], now: Instant, leaseMs: number): Promise<readonly Claim[]>
  /**
   * The earliest instant at which `claimDue` with the same `maxPerKind` can find something that it does not find now,
   * leases counted; `null`: never. Kinds with a maximum of 0 are skipped.
   */
  nextWake(maxPerKind?: ReadonlyMap<string, number>): Promise<Instant | null>
  /**
   * For each of these kinds for which any contact is due first, with a lease or without: how many contacts, and since when
   * the earliest of them is due.
   */
  backlog(kinds: readonly string[], now: Instant): Promise<readonly Backlog[]>
  /**
   * Entries with `wakeAt` ≤ `until`, by wake instant and, of the same, by contact id; at most `limit`, those after
   * `after`.
   */
  agenda(until: Instant, limit: number, after?: AgendaEntry): Promise<readonly AgendaEntry[]>
}
