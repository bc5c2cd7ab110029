/** What a publication or its end must be, next to those before it in the log. Rules LOG-1, VERSION-1, VERSION-2, VERSION-2a, VERSION-3, GATE-1, GATE-3. */

import { defineCampaign, sameDefinition } from './campaign.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import { isRight } from './either.ts'
import type { Violation } from './event-order.ts'
import type { CampaignEventData, RecordedCampaignEvent } from './events.ts'
import { campaignOf } from './ids.ts'
import { isPaused } from './pauses.ts'
import { describeRejection } from './rejection.ts'
import { durationMs } from './timer.ts'

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
  if (type === 'CampaignPaused' || type === 'CampaignResumed') {
    if (entry === undefined || campaignVersion !== newest)
      return { rule: 'GATE-1', message: `${type} of version ${campaignVersion}, where ${newest} is the newest` }
    return type === 'CampaignPaused' ? pauseViolation(entry, data) : resumeViolation(entry, data)
  }
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

/** A pause names sequences that a version has. */
function pauseViolation(
  { versions }: CatalogEntry,
  { sequences }: CampaignEventData['CampaignPaused'],
): Violation | null {
  if (sequences?.length === 0) return { rule: 'GATE-1', message: 'a pause of no sequence' }
  const odd = sequences?.find((id) => !versions.some(({ campaign }) => campaign.sequences.has(id)))
  if (odd === undefined) return null
  return { rule: 'GATE-1', message: `a pause of the sequence ${JSON.stringify(odd)}, which no version has` }
}

function resumeViolation(entry: CatalogEntry, { pace }: CampaignEventData['CampaignResumed']): Violation | null {
  if (!isPaused(entry)) return { rule: 'GATE-3', message: 'a resume of what is not paused' }
  if (pace === undefined || (durationMs(pace.per) ?? 0) > 0) return null
  return { rule: 'GATE-4', message: `a pace with ${JSON.stringify(pace.per)}, which is no span of time` }
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
  if (outcome === 'already_paused' || outcome === 'not_paused') {
    if (isPaused(entry) === (outcome === 'already_paused')) return null
    return { rule: 'GATE-1', message: `${outcome}, where the campaign is ${isPaused(entry) ? '' : 'not '}paused` }
  }
  const isPublished = entry.published !== null
  if (isPublished === (outcome === 'unchanged')) return null
  return { rule: 'VERSION-3', message: `${outcome}, where the campaign is ${isPublished ? '' : 'not '}published` }
}
