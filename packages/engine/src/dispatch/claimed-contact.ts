/** One claimed contact, from the claim until it is given back. */

import type { Budget, Dispatching } from './dispatching.ts'
import type { WorkSignals } from './due-work.ts'
import type { Holding } from './holding.ts'
import { count, type Tally } from './tally.ts'

/** Steps of a contact that are done at once where the capacity is not limited. */
const MOST_STEPS = 1000

/**
 * Works on the contact with its permit. Ends when all of it is done; or with a fault, when it cannot be done now. What
 * handlers have answered by then is still recorded when the store is back, and the contact stays with this worker for as
 * long.
 */
export async function workOnClaim(
  dispatching: Dispatching,
  holding: Holding,
  tally: Tally,
  budget: Budget,
  giveUp: AbortSignal,
): Promise<void> {
  const { active, abandoned, context, onFault, release } = dispatching
  const { claim } = holding
  const before = active.get(claim.contactId)
  // By the clock, this worker's own lease ran out while it is still at it (the clock jumped): it keeps the contact.
  if (before !== undefined) return before.then(() => release(claim))
  const stuck = Promise.withResolvers<never>()
  const failed = (error: unknown) => {
    // The claim stays until its lease runs out: that is the pause before the next try.
    onFault(error)
    context.observe({ type: 'contact-failed', contactId: claim.contactId, error })
  }
  const onStuck = (error: unknown) => {
    failed(error)
    stuck.reject(error)
  }
  const working = workOn(dispatching, holding, tally, budget, { giveUp, onFault: onStuck, abandoned: abandoned.signal })
  // Over when all of it is, what is written after the work too: a claim of one's own that comes in between waits.
  const over = working.catch(failed)
  active.set(claim.contactId, over)
  const done = () => void active.delete(claim.contactId)
  over.then(done, done)
  await Promise.race([working, stuck.promise])
}

async function workOn(
  { due, leases, limits, projection, release, wakeSignal }: Dispatching,
  holding: Holding,
  tally: Tally,
  budget: Budget,
  signals: Omit<WorkSignals, 'onDispatched'>,
): Promise<void> {
  const { contactId, kind } = holding.claim
  const permit = limits.reserve(kind)
  const onDispatched = () => {
    if (permit.begun()) wakeSignal.notify()
  }
  const letGo = leases.keep(holding)
  // Where the capacity is limited, step by step; what is left of the contact is due at once.
  const limit = budget.capacity === Number.POSITIVE_INFINITY ? MOST_STEPS : 1
  const working = due.work(holding, limit, { ...signals, onDispatched })
  budget.capacity -= 1
  let dispatched = false
  try {
    const { events, held, shown } = await working
    count(tally, events)
    dispatched = events.some((event) => event.type === 'StepDispatched')
    if (events.length === 0) budget.capacity += 1
    // A claim that is released while its row is the old one would be due again at once.
    else await projection.show(contactId, shown)
    letGo()
    if (held) await release(holding.claim)
  } finally {
    letGo()
    permit.giveBack(dispatched)
  }
}
