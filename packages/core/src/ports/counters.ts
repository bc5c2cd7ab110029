/** Counters: how many runs stand where, kept with the index (FUNNEL-1). */
import type { CampaignId, Position, StreamId, Version } from '../ids.ts'

/** One number of one version of a campaign. `key` says which; it means nothing to a store. */
export interface Counter {
  readonly campaignId: CampaignId
  readonly campaignVersion: number
  readonly key: string
  /** Never 0. */
  readonly count: number
}

/** By how much counters of one version of a campaign change. */
export interface CounterChange {
  readonly campaignId: CampaignId
  readonly campaignVersion: number
  /** Each key once, none of them by 0. At least one. A list, so that a store can keep a change as JSON. */
  readonly by: readonly (readonly [key: string, by: number])[]
}

/** The counters of a campaign. */
export interface CampaignCounters {
  readonly counters: readonly Counter[]
  /** False: some events were recorded before there were counters, or could not be counted. A rebuild counts them. */
  readonly complete: boolean
}

/** All counters as they were at one instant, and which events they count. */
export interface CountersAt extends CampaignCounters {
  /** Every event up to here is counted. */
  readonly position: Position
  /** Streams of contacts of which later events are counted, too: up to which version. No other later event is. */
  readonly ahead: ReadonlyMap<StreamId, Version>
  /** How often they were corrected. */
  readonly revision: number
}

/**
 * Numbers that follow from the log. They are changed by differences, with the append or with the checkpoint, and never
 * set: so a correction is right whatever is appended meanwhile.
 */
export interface CounterStore {
  /** The counters of a campaign that are not 0, in no particular order: of all its versions, or of one. */
  counters(campaignId: CampaignId, campaignVersion?: number): Promise<CampaignCounters>
  countersAt(): Promise<CountersAt>
  /**
   * Adds what was found to be missing, after which the counters are complete; if they were not corrected since
   * `revision`, else changes nothing and returns false.
   */
  correctCounters(changes: readonly CounterChange[], revision: number): Promise<boolean>
}
