/** When a contact must be looked at next, also where its facts are not known. */
import {
  type Catalog,
  type ContactId,
  type ContactState,
  type Facts,
  type Instant,
  isPausedLane,
  type OtherLane,
  type Plan,
  plan,
} from '@enfold/core'

/**
 * The wake that is written with an append.
 *
 * Without facts it is still the right one if no timer of the contact reads any. Else nobody can say when its next step
 * is due, only that it must not be missed: then it is now. The dispatcher looks, asks the directory, finds nothing due and
 * writes the right wake. A worker that cannot reach the directory tries again when the lease has run out.
 *
 * @param facts `undefined`: not known, because the directory was not asked, or failed (FACTS-1)
 */
export function nextWake(
  contactId: ContactId,
  state: ContactState,
  catalog: Catalog,
  facts: Facts | null | undefined,
  now: Instant,
): Pick<Plan, 'wakeAt' | 'lane' | 'others' | 'faults'> {
  if (facts !== undefined) return plan(contactId, state, catalog, facts, now)
  const unread = unreadFacts()
  const planned = plan(contactId, state, catalog, unread.facts, now)
  const { wakeAt, lane, others = [], faults = [] } = planned
  if (!unread.wereRead() || wakeAt === null || lane === null) return planned
  // What a pause of the campaign holds is looked at when it is resumed, and not before (GATE-1).
  const all = [{ wakeAt, ...lane }, ...others].map((one) =>
    isPausedLane(one) ? { ...one, wakeAt: earliest(one.wakeAt, now) } : one,
  )
  const free = all.find((one) => !isPausedLane(one))
  if (free === undefined || (wakeAt <= now && !isPausedLane(lane))) return { ...planned, ...rowOf(all) }
  // No kind: a limit of a kind is no reason to know later when its step is due.
  const look = { wakeAt: now, kind: '', campaignId: free.campaignId }
  return { faults, ...rowOf([look, ...all.filter(isPausedLane)]) }
}

function rowOf([first, ...others]: readonly OtherLane[]): Pick<Plan, 'wakeAt' | 'lane' | 'others'> {
  if (first === undefined) return { wakeAt: null, lane: null }
  const { wakeAt, ...lane } = first
  return { wakeAt, lane, ...(others.length === 0 ? {} : { others }) }
}

const earliest = (a: Instant, b: Instant) => (a < b ? a : b)

/** Facts that say whether anybody looked at them. */
function unreadFacts(): { readonly facts: Facts; wereRead(): boolean } {
  let read = false
  const seen = <Value>(value: Value): Value => {
    read = true
    return value
  }
  const facts: Facts = {
    get timeZone() {
      return seen('UTC')
    },
    get tags() {
      return seen([])
    },
    get fields() {
      return seen({})
    },
  }
  return { facts, wereRead: () => read }
}
