/** The numbers of a campaign from a log alone (FUNNEL-3). */
import { createCatalog } from './catalog.ts'
import { CounterSum, counterChanges, countersOf } from './counters.ts'
import type { ContactState } from './enrollment.ts'
import { isCampaignEvent } from './events.ts'
import { fold, initialContact } from './fold.ts'
import { type Funnel, type FunnelQuery, funnelOf, isInPeriod } from './funnel.ts'
import type { CampaignId, StreamId } from './ids.ts'
import { batchesOf, type Log } from './log-file.ts'

/**
 * Reads the whole log. Memory grows with what contacts went through, as that of `replay`. `null`: the log has no such
 * campaign, or no such version of it.
 *
 * @example
 * const funnel = await funnelOfLog(store.readAll(), 'pool-owners', { from: '2026-03-01T00:00:00.000Z' })
 */
export async function funnelOfLog(log: Log, campaignId: CampaignId, query: FunnelQuery = {}): Promise<Funnel | null> {
  const campaigns = createCatalog()
  const contacts = new Map<StreamId, ContactState>()
  const sum = new CounterSum()
  for await (const batch of batchesOf(log))
    for (const event of batch) {
      if (isCampaignEvent(event)) {
        campaigns.apply(event)
        continue
      }
      const before = contacts.get(event.stream) ?? initialContact
      const after = fold([event], before)
      contacts.set(event.stream, after)
      if (isInPeriod(query, event)) sum.addAll(counterChanges(before, [event], after, campaigns))
    }
  return funnelOf(campaigns, campaignId, query, { counters: countersOf(sum.changes()), complete: true })
}
