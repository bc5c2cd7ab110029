/** The numbers of a campaign: from the counters, or of a period from the log (FUNNEL-3). */
import {
  type CampaignId,
  CounterSum,
  contactStream,
  counterChangesWithin,
  countersOf,
  EnfoldFault,
  type Funnel,
  type FunnelQuery,
  funnelOf,
  isInPeriod,
  type ReadModel,
  type RecordedContactEvent,
} from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import * as input from '../input.ts'
import { pagesOf } from '../paging.ts'

/** How far the reading of a log has come. */
export interface FunnelProgress {
  /** How many contacts, and how many of their events, were read. */
  readonly contacts: number
  readonly events: number
}

export interface FunnelQuestions {
  /**
   * How many runs came to each step and where they are with it, how many of each sequence began and how they stand, and
   * how often goals were satisfied. Sums agree: see `StepNumbers` and `SequenceNumbers`.
   *
   * Without a period from the counters, whatever the number of contacts. With one from the log, contact by contact: by how
   * much the events from `from` on and before `to` changed the numbers, so that numbers such as `waiting` may be below 0,
   * and periods that follow each other add up.
   *
   * `null`: there is no such campaign, or no such version of it.
   *
   * @param query.onProgress called now and then while the log is read
   * @param query.signal ends the reading: the promise rejects with its reason
   * @example
   * const funnel = await engine.inspect.funnel('pool-owners')
   * const march = await engine.inspect.funnel('pool-owners', { from: '2026-03-01T00:00:00.000Z', to: '2026-04-01T00:00:00.000Z' })
   */
  funnel(
    campaignId: CampaignId,
    query?: FunnelQuery & { readonly onProgress?: (progress: FunnelProgress) => void; readonly signal?: AbortSignal },
  ): Promise<Funnel | null>
}

/** Contacts whose streams are read at once. */
const AT_ONCE = 50

export function createFunnelQuestions({ campaigns, store }: EngineContext, readModel: ReadModel): FunnelQuestions {
  return {
    async funnel(campaignId, given = {}) {
      input.id('inspect.funnel', campaignId)
      input.checkInput('inspect.funnel', given, {
        'version?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER),
        'from?': input.instant,
        'to?': input.instant,
        'onProgress?': input.callable(),
        'signal?': input.abortSignal,
      })
      const { onProgress = () => {}, signal, ...query } = given
      const { version, from, to } = query
      if (from !== undefined && to !== undefined && from >= to)
        throw EnfoldFault.invalidInput('inspect.funnel.to', to, `an instant after \`from\`, which is ${from}`)
      await campaigns.refresh()
      const { catalog } = campaigns
      if (from === undefined && to === undefined)
        return funnelOf(catalog, campaignId, query, await readModel.counters(campaignId, version))
      if (funnelOf(catalog, campaignId, query, { counters: [], complete: true }) === null) return null
      const sum = new CounterSum()
      const read = { contacts: 0, events: 0 }
      for await (const page of pagesOf((after, limit) => store.contacts(after, limit)))
        for (let first = 0; first < page.length; first += AT_ONCE) {
          signal?.throwIfAborted()
          const contactIds = page.slice(first, first + AT_ONCE)
          const histories = await store.readMany(contactIds.map(contactStream))
          for (const history of histories.values() as Iterable<readonly RecordedContactEvent[]>) {
            sum.addAll(counterChangesWithin(history, (event) => isInPeriod(query, event), catalog))
            read.events += history.length
          }
          read.contacts += contactIds.length
          onProgress({ ...read })
          await yieldToEventLoop()
        }
      signal?.throwIfAborted()
      return funnelOf(catalog, campaignId, query, { counters: countersOf(sum.changes()), complete: true })
    },
  }
}
