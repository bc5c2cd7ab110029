/** How campaigns and sequences are called on the screen: by their names, which are not unique, with the ids at hand. */
import type { CampaignDefinition, CampaignId, SequenceRef, Wording } from '@enfold/core'
import { html } from 'hono/html'
import type { Call, Html } from './call.ts'
import { wallTime } from './when.ts'

export interface Titles {
  campaign(campaignId: CampaignId): string
  /** "Seven mistakes"; of the run of a key "Seven mistakes for cart-7". */
  sequence(ref: SequenceRef): string
  /** As `sequence`, followed by the campaign. */
  sequenceHtml(ref: SequenceRef): Html
  definition(campaignId: CampaignId): CampaignDefinition | undefined
  /** Events and causes by these titles, in the operator's zone. */
  readonly wording: Wording
}

/** Titles of these campaigns, by their newest versions. */
export async function titlesOf({ engine, timeZone }: Call, campaignIds: Iterable<CampaignId>): Promise<Titles> {
  const known = new Map<CampaignId, CampaignDefinition>()
  for (const campaignId of new Set(campaignIds)) {
    const view = await engine.inspect.campaign(campaignId)
    if (view !== null) known.set(campaignId, view.definition)
  }
  const nameOf = ({ campaignId, sequenceId }: SequenceRef) =>
    known.get(campaignId)?.sequences.find(({ id }) => id === sequenceId)?.name ?? sequenceId
  const titles: Titles = {
    definition: (campaignId) => known.get(campaignId),
    campaign: (campaignId) => known.get(campaignId)?.name ?? campaignId,
    sequence: ({ key = '', ...ref }) => `${nameOf(ref)}${key === '' ? '' : ` for ${key}`}`,
    sequenceHtml: ({ key = '', ...ref }) =>
      html`<span class="sequence" title="${ref.campaignId} / ${ref.sequenceId}"><bdi>${nameOf(ref)}</bdi>${key === '' ? '' : html` for <bdi class="key">${key}</bdi>`} <small><bdi>${titles.campaign(ref.campaignId)}</bdi></small></span>`,
    wording: {
      name: ({ campaignId, sequenceId, goalId, stepId }) => {
        if (stepId !== undefined) return undefined
        const definition = known.get(campaignId)
        if (sequenceId !== undefined) return definition?.sequences.find(({ id }) => id === sequenceId)?.name
        if (goalId !== undefined) return definition?.goals.find(({ id }) => id === goalId)?.name
        return definition?.name
      },
      instant: (instant) => wallTime(instant, timeZone),
    },
  }
  return titles
}
