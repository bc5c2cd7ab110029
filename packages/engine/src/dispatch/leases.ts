/**
 * Prolongs the claims that this worker is at, for as long as it is at them: a store may be slow, and a contact may have
 * hundreds of steps due. A worker that stands still prolongs nothing, and another follows (STEP-6).
 */
import type { Claim, Clock, ContactId, ReadModel } from '@enfold/core'
import type { Holding } from './holding.ts'

export interface Leases {
  /** From now on the claim is prolonged, until the answer is called. */
  keep(holding: Holding): () => void
}

/** A third of a lease may pass, and two looks may fail, before it runs out. */
const PARTS = 3

export function createLeases(readModel: ReadModel, clock: Clock, leaseMs: number): Leases {
  const holdings = new Map<ContactId, Holding>()
  let timer: ReturnType<typeof setInterval> | undefined
  let asking = false

  async function prolong(): Promise<void> {
    const askedAtMs = performance.now()
    const old = [...holdings.values()].filter(({ claimedAtMs }) => askedAtMs - claimedAtMs >= leaseMs / PARTS)
    if (asking || old.length === 0) return
    asking = true
    try {
      const renewed = await readModel.renew(
        old.map(({ claim }) => claim),
        clock.now(),
        leaseMs,
      )
      const claims = new Map<ContactId, Claim>(renewed.map((claim) => [claim.contactId, claim]))
      for (const holding of old) {
        const claim = claims.get(holding.claim.contactId)
        if (claim !== undefined) Object.assign(holding, { claim, claimedAtMs: askedAtMs })
      }
    } catch {
      // The store is away: the next look may find it. What it means for the work, the work itself finds out.
    } finally {
      asking = false
    }
  }

  return {
    keep(holding) {
      const { contactId } = holding.claim
      holdings.set(contactId, holding)
      if (timer === undefined) {
        timer = setInterval(prolong, Math.max(1, leaseMs / (2 * PARTS)))
        // It keeps no process alive that has nothing else to do.
        timer.unref?.()
      }
      return () => {
        holdings.delete(contactId)
        if (holdings.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
