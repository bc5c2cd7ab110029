/** Questions about campaigns: which there are, and what each version of one says. */
import type { CampaignDefinition, CampaignId, Instant } from '@enfold/core'
import type { Campaigns } from './campaigns.ts'
import * as input from './input.ts'

export interface CampaignSummary {
  readonly campaignId: CampaignId
  /** For people; the id where the definition has no name. */
  readonly name: string
  /** False: it was, and was unpublished. */
  readonly published: boolean
  /** The newest: 1, 2, 3 … */
  readonly version: number
  readonly publishedAt: Instant
}

export interface CampaignView extends CampaignSummary {
  /** Of the version asked for. */
  readonly definition: CampaignDefinition
  /** The oldest first. */
  readonly versions: readonly { readonly version: number; readonly publishedAt: Instant }[]
}

export interface CampaignQuestions {
  /** Every campaign that ever was published, by id. */
  campaigns(): Promise<readonly CampaignSummary[]>
  /** One campaign with its definition, the newest or that of `version`; `null`: there is none. */
  campaign(campaignId: CampaignId, options?: { readonly version?: number }): Promise<CampaignView | null>
}

export function createCampaignQuestions(campaigns: Campaigns): CampaignQuestions {
  function view(campaignId: CampaignId, wanted?: number): CampaignView | null {
    const entry = campaigns.catalog.find(campaignId)
    const newest = entry?.versions.at(-1)
    const one = wanted === undefined ? newest : entry?.versions[wanted - 1]
    if (entry === undefined || newest === undefined || one === undefined) return null
    return {
      campaignId,
      name: newest.campaign.definition.name ?? campaignId,
      published: entry.published !== null,
      version: newest.campaignVersion,
      publishedAt: newest.publishedAt,
      definition: one.campaign.definition,
      versions: entry.versions.map(({ campaignVersion, publishedAt }) => ({ version: campaignVersion, publishedAt })),
    }
  }

  return {
    async campaigns() {
      await campaigns.refresh()
      return campaigns.catalog.entries().flatMap(({ campaignId }) => {
        const found = view(campaignId)
        if (found === null) return []
        const { definition: _definition, versions: _versions, ...summary } = found
        return [summary]
      })
    },
    async campaign(campaignId, options = {}) {
      input.id('inspect.campaign', campaignId)
      input.checkInput('inspect.campaign', options, { 'version?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER) })
      await campaigns.refresh()
      return view(campaignId, options.version)
    },
  }
}
