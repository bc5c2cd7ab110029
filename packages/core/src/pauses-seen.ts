/** The catalogue with other pauses than it has: as it stood at an instant, or as if a campaign were resumed. For questions. */
import type { Catalog } from './catalog.ts'
import type { CampaignId, Instant } from './ids.ts'
import { type CampaignPause, type Overdue, pausesResumed } from './pauses.ts'

/** As the pauses stood at an instant, orders of that very instant included (AUDIT-2). Publications are as they are now. */
export function pausesAsOf(catalog: Catalog, at: Instant): Catalog {
  return withPauses(catalog, (_, pauses) =>
    pauses.flatMap((one) => {
      if (one.from > at) return []
      const goesOn = one.until === null || one.until > at
      return goesOn ? [{ ...one, until: null, overdue: null, pace: null }] : [one]
    }),
  )
}

/** As if the campaign were resumed at the instant. */
export function asIfResumed(catalog: Catalog, campaignId: CampaignId, at: Instant, overdue: Overdue): Catalog {
  return withPauses(catalog, (id, pauses) => (id === campaignId ? pausesResumed(pauses, at, { overdue }) : pauses))
}

function withPauses(
  catalog: Catalog,
  change: (campaignId: CampaignId, pauses: readonly CampaignPause[]) => readonly CampaignPause[],
): Catalog {
  const changed = new Map<CampaignId, ReturnType<Catalog['find']>>()
  return {
    ...catalog,
    find(campaignId) {
      const entry = catalog.find(campaignId)
      if (entry === undefined || entry.pauses.length === 0) return entry
      const known = changed.get(campaignId) ?? { ...entry, pauses: change(campaignId, entry.pauses) }
      changed.set(campaignId, known)
      return known
    },
  }
}
