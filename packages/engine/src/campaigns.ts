/** The catalogue of campaigns as the log has it: read at first use, followed from then on. */
import { type Catalog, type ContactState, createCatalog, type EventStore, isCampaignEvent } from '@enfold/core'
import { createBatcher } from './batch.ts'

export interface Campaigns {
  readonly catalog: Catalog
  /** Reads on if the last look is older than the refresh interval. */
  fresh(): Promise<void>
  /** Reads on now. */
  refresh(): Promise<void>
  /** How long ago the look began that is the last one, in milliseconds of real time. */
  ageMs(): number
  /** Reads on if the contact has runs of versions that are not in the catalogue yet. */
  ensure(state: ContactState): Promise<void>
  /** The same catalogue, read on through another way to the log: inside a transaction, its own connection. */
  through(log: Pick<EventStore, 'readAll'>): Campaigns
}

export function createCampaigns(store: EventStore, refreshMs: number): Campaigns {
  const catalog = createCatalog()
  let position = 0
  let lookedAt = Number.NEGATIVE_INFINITY

  async function read(log: Pick<EventStore, 'readAll'>): Promise<void> {
    const startedAt = performance.now()
    for await (const event of log.readAll(position, { streams: 'campaigns' })) {
      // Looks through several connections at once read the same events. Each is applied once, in order.
      if (event.position <= position) continue
      if (isCampaignEvent(event)) catalog.apply(event)
      position = event.position
    }
    lookedAt = startedAt
  }
  // A look that began earlier may have missed what the caller knows of: a caller that comes during one waits for the next.
  const look = createBatcher<null, null>(async (callers) => {
    await read(store)
    return callers
  }, Number.POSITIVE_INFINITY)

  const over = (refresh: () => Promise<void>): Campaigns => ({
    catalog,
    refresh,
    ageMs: () => performance.now() - lookedAt,
    async fresh() {
      if (performance.now() - lookedAt >= refreshMs) await refresh()
    },
    async ensure(state) {
      const missing = state.enrollments.some(({ campaignId, runs }) =>
        runs.some(({ campaignVersion }) => !catalog.has(campaignId, campaignVersion)),
      )
      if (missing) await refresh()
    },
    // Not with the looks of others: those wait for a connection that only the caller's transaction may free.
    through: (log) => over(() => read(log)),
  })
  return over(async () => {
    await look(null)
  })
}
