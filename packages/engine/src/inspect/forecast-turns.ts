/** Whose turn it is in a forecast of all, of the overdue steps that begin by a pace (GATE-4). */
import {
  type CampaignId,
  type Catalog,
  createPaceQueue,
  type ForecastStep,
  type Instant,
  type PaceQueue,
  pacedIn,
  pausedLane,
  type ReadModel,
} from '@enfold/core'
import { usedBy } from '../dispatch/paces.ts'
import type { EngineContext } from '../engine-context.ts'

/** How many permits of each pace are used: what a part of a forecast leaves to the next one. */
export type UsedPermits = readonly (readonly [campaignId: CampaignId, used: number])[]

export interface Turns {
  /**
   * When the overdue steps of a contact begin, as it was played alone; `null`: as played. Contacts come in the order in
   * which workers claim them.
   */
  of(steps: readonly ForecastStep[]): Promise<ReadonlyMap<CampaignId, readonly Instant[]> | null>
  used(): UsedPermits
}

interface Parts {
  readonly context: EngineContext
  readonly readModel: ReadModel
  /** As it would be, if that is asked. */
  readonly catalog: Catalog
  readonly now: Instant
  /** So many contacts each one stands for. */
  readonly weight: number
}

/** @param before what an earlier part has used */
export function createTurns({ context, readModel, catalog, now, weight }: Parts, before: UsedPermits = []): Turns {
  const queues = new Map<CampaignId, PaceQueue>()
  const usedBefore = new Map(before)

  async function queueOf(campaignId: CampaignId): Promise<PaceQueue | null> {
    const known = queues.get(campaignId)
    if (known !== undefined) return known
    const entry = catalog.find(campaignId)
    const paced = entry === undefined ? null : pacedIn(entry)
    if (paced === null) return null
    const queue = createPaceQueue(paced, usedBefore.get(campaignId) ?? (await usedUntilNow(campaignId)))
    queues.set(campaignId, queue)
    return queue
  }

  /** Of a resume that is only asked about nothing is used. */
  async function usedUntilNow(campaignId: CampaignId): Promise<number> {
    const entry = context.campaigns.catalog.find(campaignId)
    const paced = entry === undefined ? null : pacedIn(entry)
    // Where no contact waits for the pace it holds up nothing, and the log since the resume may be long.
    if (paced === null || (await readModel.backlog([pausedLane(campaignId).kind], now)).length === 0) return 0
    return usedBy(context.store, paced, now)
  }

  return {
    async of(steps) {
      const turns = new Map<CampaignId, Instant[]>()
      let isLater = false
      for (const { at, campaignId, shift } of steps) {
        if (shift?.gate !== 'pace') continue
        const queue = await queueOf(campaignId)
        if (queue === null) continue
        const turn = queue.begins(at, weight)
        const own = turns.get(campaignId) ?? []
        turns.set(campaignId, own)
        own.push(turn)
        if (turn > at) isLater = true
      }
      return isLater ? turns : null
    },
    used: () => [...queues].map(([campaignId, queue]) => [campaignId, queue.used()] as const),
  }
}
