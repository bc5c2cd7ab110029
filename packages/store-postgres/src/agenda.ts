/** Contacts by when they are due. */
import {
  type Agenda,
  type AgendaEntry,
  type Backlog,
  type Claim,
  epochMsOf,
  type Instant,
  instantOf,
  type WorkerId,
} from '@enfold/core'
import { leaseEnd } from '@enfold/core/store'
import { tryAgain, untilNothingLeft } from './around-locks.ts'
import type { Database } from './database.ts'
import { escapeNul, plainArray, textArray, unescapeNul } from './pg-text.ts'

type Asked = Pick<Database, 'query' | 'schema' | 'isCurrent' | 'refuseIfOutdated'>
type MaxPerKind = ReadonlyMap<string, number>

/** @param lockWaitMs how long the release of a claim is tried while another transaction keeps its row */
export function createAgenda(database: Asked, lockWaitMs: number): Agenda {
  return {
    claimDue: (now, worker, limit, leaseMs, maxPerKind) =>
      claim(database, now, worker, limit, leaseEnd(now, leaseMs), maxPerKind),
    async release(claims) {
      if (claims.length > 0) await untilNothingLeft((some) => release(database, some), claims, lockWaitMs)
    },
    async renew(claims, now, leaseMs) {
      if (claims.length === 0) return []
      const all: Claim[] = []
      const renewSome = async (some: readonly Claim[]) => {
        const { renewed, locked } = await renew(database, some, now, leaseEnd(now, leaseMs))
        all.push(...renewed)
        return locked
      }
      // The lock may be that of an outcome which this worker is just recording.
      await tryAgain(renewSome, await renewSome(claims), Math.min(1000, leaseMs / 10))
      return all
    },
    nextWake: (maxPerKind) => nextWake(database, maxPerKind),
    backlog: (kinds, now) => backlog(database, kinds, now),
    agenda: (until, limit, after) => entriesUntil(database, until, limit, after),
  }
}

async function claim(
  { query, schema, isCurrent, refuseIfOutdated }: Asked,
  now: Instant,
  worker: WorkerId,
  limit: number,
  leaseUntil: Instant,
  maxPerKind: MaxPerKind = new Map(),
): Promise<Claim[]> {
  const [first, ...rest] = await query<{ current: string; contact: string; wake_at: string; kind: string }>(
    `SELECT s.current::text, c.contact, c.wake_at::text, c.kind
     FROM (SELECT ${isCurrent} AS current OFFSET 0) s LEFT JOIN LATERAL ${schema}.claim_due($1::bigint, $2,
       CASE WHEN s.current THEN $3::integer ELSE 0 END, $4::bigint, $5::text[], $6::integer[]) c ON true
     ORDER BY c.wake_at`,
    [
      String(epochMsOf(now)),
      escapeNul(worker),
      String(Math.min(limit, 2 ** 31 - 1)),
      String(epochMsOf(leaseUntil)),
      textArray([...maxPerKind.keys()].map(escapeNul)),
      plainArray([...maxPerKind.values()].map((most) => Math.min(most, 2 ** 31 - 1))),
    ],
  )
  if (first?.current === 'false') await refuseIfOutdated()
  const rows = first === undefined || first.contact === null ? [] : [first, ...rest]
  return rows.map(({ contact, wake_at, kind }) => ({
    contactId: unescapeNul(contact),
    worker,
    wakeAt: instantOf(Number(wake_at)),
    leaseUntil,
    kind: unescapeNul(kind),
  }))
}

/** Returns those that are locked: still this worker's, and not given back. */
async function release({ query, schema }: Asked, claims: readonly Claim[]): Promise<readonly Claim[]> {
  // What a transaction of the host's keeps is passed over: the claims of others are not to wait for it.
  const rows = await query<{ contact: string }>(
    `WITH mine AS MATERIALIZED (
       SELECT a.contact FROM ${schema}.agenda a
       JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS c (contact, worker, until)
       ON a.contact = c.contact AND a.worker = c.worker AND a.lease_until = c.until
     ), held AS MATERIALIZED (
       SELECT a.contact FROM ${schema}.agenda a
       JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS c (contact, worker, until)
       ON a.contact = c.contact AND a.worker = c.worker AND a.lease_until = c.until
       ORDER BY a.contact FOR UPDATE OF a SKIP LOCKED
     ), freed AS (
       UPDATE ${schema}.agenda a SET lease_until = NULL, worker = NULL FROM held WHERE a.contact = held.contact
       RETURNING a.contact
     )
     SELECT m.contact FROM mine m WHERE NOT EXISTS (SELECT FROM freed f WHERE f.contact = m.contact)`,
    claimTexts(claims),
  )
  const left = new Set(rows.map(({ contact }) => unescapeNul(contact)))
  return claims.filter(({ contactId }) => left.has(contactId))
}

/** `locked`: another transaction keeps them at this moment. */
async function renew(
  { query, schema }: Asked,
  claims: readonly Claim[],
  now: Instant,
  leaseUntil: Instant,
): Promise<{ readonly renewed: readonly Claim[]; readonly locked: readonly Claim[] }> {
  // What a transaction of the host's keeps is passed over: the leases of others would run out in the meantime.
  const rows = await query<{ contact: string; renewed: string }>(
    `WITH mine AS MATERIALIZED (
       SELECT a.contact FROM ${schema}.agenda a
       JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS c (contact, worker, until)
       ON a.contact = c.contact AND a.worker = c.worker AND a.lease_until = c.until
       WHERE a.lease_until > $4::bigint
     ), held AS MATERIALIZED (
       SELECT a.contact FROM ${schema}.agenda a
       JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS c (contact, worker, until)
       ON a.contact = c.contact AND a.worker = c.worker AND a.lease_until = c.until
       WHERE a.lease_until > $4::bigint ORDER BY a.contact FOR UPDATE OF a SKIP LOCKED
     ), prolonged AS (
       UPDATE ${schema}.agenda a SET lease_until = $5::bigint FROM held
       WHERE a.contact = held.contact RETURNING a.contact
     )
     SELECT p.contact, 'true' AS renewed FROM prolonged p
     UNION ALL
     SELECT m.contact, 'false' FROM mine m WHERE NOT EXISTS (SELECT FROM prolonged p WHERE p.contact = m.contact)`,
    [...claimTexts(claims), String(epochMsOf(now)), String(epochMsOf(leaseUntil))],
  )
  const found = new Map(rows.map(({ contact, renewed }) => [unescapeNul(contact), renewed === 'true'] as const))
  return {
    renewed: claims.filter(({ contactId }) => found.get(contactId) === true).map((claim) => ({ ...claim, leaseUntil })),
    locked: claims.filter(({ contactId }) => found.get(contactId) === false),
  }
}

async function nextWake(database: Asked, maxPerKind: MaxPerKind = new Map()): Promise<Instant | null> {
  const { query, schema, isCurrent, refuseIfOutdated } = database
  const closed = [...maxPerKind].filter(([, left]) => left === 0).map(([kind]) => escapeNul(kind))
  const [{ at, current }] = (await query<{ at: string | null; current: string }>(
    `SELECT min(claimable_at)::text AS at, ${isCurrent}::text AS current
     FROM ${schema}.lanes() WHERE kind <> ALL ($1::text[])`,
    [textArray(closed)],
  )) as [{ at: string | null; current: string }]
  // Workers and health checks could not read it.
  if (current === 'false') await refuseIfOutdated()
  const other = closed.length === 0 ? null : await otherWake(database, closed)
  const first = at === null || (other !== null && Number(other) < Number(at)) ? other : at
  return first === null ? null : instantOf(Number(first))
}

async function otherWake({ query, schema }: Asked, closed: readonly string[]): Promise<string | null> {
  const [row] = await query<{ at: string | null }>(
    `SELECT min(claimable_at)::text AS at FROM ${schema}.besides($1::text[])`,
    [textArray(closed)],
  )
  return row?.at ?? null
}

async function backlog({ query, schema }: Asked, kinds: readonly string[], now: Instant): Promise<Backlog[]> {
  const rows = await query<{ kind: string; contacts: string; since: string }>(
    `SELECT kind, count(*)::text AS contacts, min(wake_at)::text AS since FROM ${schema}.agenda
     WHERE claimable_at IS NOT NULL AND kind = ANY ($1::text[]) AND wake_at <= $2::bigint GROUP BY kind`,
    [textArray(kinds.map(escapeNul)), String(epochMsOf(now))],
  )
  return rows.map(({ kind, contacts, since }) => ({
    kind: unescapeNul(kind),
    contacts: Number(contacts),
    since: instantOf(Number(since)),
  }))
}

async function entriesUntil(
  { query, schema }: Asked,
  until: Instant,
  limit: number,
  after?: AgendaEntry,
): Promise<AgendaEntry[]> {
  const rows = await query<{ contact: string; wake_at: string; lease_until: string | null; kind: string }>(
    `SELECT contact, wake_at::text, lease_until::text, kind FROM ${schema}.agenda a
     WHERE a.wake_at <= $1::bigint AND (a.wake_at, a.contact) > ($2::bigint, $3)
     ORDER BY a.wake_at, a.contact LIMIT $4::bigint`,
    [
      String(epochMsOf(until)),
      // Before all instants that there are.
      after === undefined ? String(-(2n ** 63n)) : String(epochMsOf(after.wakeAt)),
      escapeNul(after?.contactId ?? ''),
      String(limit),
    ],
  )
  return rows.map(({ contact, wake_at, lease_until, kind }) => ({
    contactId: unescapeNul(contact),
    wakeAt: instantOf(Number(wake_at)),
    leaseUntil: lease_until === null ? null : instantOf(Number(lease_until)),
    kind: unescapeNul(kind),
  }))
}

const claimTexts = (claims: readonly Claim[]) => [
  textArray(claims.map(({ contactId }) => escapeNul(contactId))),
  textArray(claims.map(({ worker }) => escapeNul(worker))),
  plainArray(claims.map(({ leaseUntil }) => epochMsOf(leaseUntil))),
]
