/** What a publication or its end must be, next to those before it in the log. Rules LOG-1, VERSION-1, VERSION-2, VERSION-2a, VERSION-3. */
import { isRight } from 'fp-ts/lib/Either.js'
import { defineCampaign, sameDefinition } from './campaign.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import type { CampaignEventData, RecordedCampaignEvent } from './events.ts'
import { campaignOf } from './ids.ts'
import { describeRejection } from './rejection.ts'
import type { Violation } from './verify.ts'

/** The first rule that the event breaks, on what `campaigns` knows before it; `null`: none. */
export function publicationViolation(
  campaigns: Catalog,
  { type, data, stream }: RecordedCampaignEvent,
): Violation | null {
  const { campaignId, campaignVersion } = data
  if (campaignOf(stream) !== campaignId)
    return { rule: 'LOG-1', message: `${type} of ${JSON.stringify(campaignId)} in a stream that is another's` }
  const entry = campaigns.find(campaignId)
  const newest = entry?.versions.length ?? 0
  if (type === 'CampaignUnpublished') {
    if (entry === undefined || entry.published === null)
      return { rule: 'VERSION-3', message: 'an unpublishing of what is not published' }
    if (campaignVersion === newest) return null
    return {
      rule: 'VERSION-3',
      message: `an unpublishing of version ${campaignVersion}, where ${newest} is published`,
    }
  }
  if (type === 'CampaignUnchanged') return unchangedViolation(entry, data)
  if (campaignVersion !== newest + 1)
    return { rule: 'VERSION-1', message: `a publication of version ${campaignVersion} after version ${newest}` }
  const defined = defineCampaign(data.definition)
  if (!isRight(defined)) return { rule: 'VERSION-2', message: describeRejection(defined.left) }
  const { id } = defined.right
  if (id !== campaignId)
    return { rule: 'VERSION-1', message: `a definition whose id is ${JSON.stringify(id)}, published as another's` }
  const { revision = -1 } = defined.right.definition
  const { revision: newestRevision = -1 } = entry?.versions.at(-1)?.campaign.definition ?? {}
  if (revision < newestRevision)
    return {
      rule: 'VERSION-2a',
      message: `a publication of a lower revision than ${newestRevision}, which is published`,
    }
  const before = entry?.published?.campaign.definition
  if (before === undefined || !sameDefinition(before, defined.right.definition)) return null
  return { rule: 'VERSION-1', message: 'a publication of what is published already' }
}

/** What an order left as it was must be as its answer said. */
function unchangedViolation(
  entry: CatalogEntry | undefined,
  { campaignVersion, outcome }: CampaignEventData['CampaignUnchanged'],
): Violation | null {
  const newest = entry?.versions.length ?? 0
  if (entry === undefined || campaignVersion !== newest)
    return {
      rule: 'VERSION-3',
      message: `an order that left version ${campaignVersion} as it was, where ${newest} is the newest`,
    }
  if (outcome === 'superseded') {
    const isSuperseding = entry.versions.at(-1)?.campaign.definition.revision !== undefined
    return isSuperseding ? null : { rule: 'VERSION-2a', message: 'superseded by a version without a revision' }
  }
  const isPublished = entry.published !== null
  if (isPublished === (outcome === 'unchanged')) return null
  return { rule: 'VERSION-3', message: `${outcome}, where the campaign is ${isPublished ? '' : 'not '}published` }
}
