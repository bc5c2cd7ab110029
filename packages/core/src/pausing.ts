/** The two orders that pause a campaign and resume it, decided on the catalogue. Rules GATE-1, GATE-3. */

import { type CampaignDecision, campaignEvent, leftAsItWas } from './campaign-decision.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import type { PauseCampaign, ResumeCampaign } from './commands.ts'
import { type Either, left, right } from './either.ts'
import type { Instant, SequenceId } from './ids.ts'
import { nearestFirst } from './nearest.ts'
import { isPaused, ongoingIn } from './pauses.ts'
import { campaignUnknown, type Rejection } from './rejection.ts'
import type { CampaignOutcome } from './verbs/campaign-verbs.ts'

/** What pausing came to. `already_paused`: all that was asked for is held already. */
export interface PauseCampaignAnswer {
  readonly outcome: CampaignOutcome<'pauseCampaign'>
  /** The newest version of the campaign. */
  readonly version: number
}

/** What resuming came to. */
export interface ResumeCampaignAnswer {
  readonly outcome: CampaignOutcome<'resumeCampaign'>
  /** The newest version of the campaign. */
  readonly version: number
}

/** Holds all steps of the campaign, or of some of its sequences. Rule GATE-1. */
export function decidePauseCampaign(
  command: PauseCampaign,
  catalog: Catalog,
  now: Instant,
): Either<Rejection, CampaignDecision<PauseCampaignAnswer>> {
  const { campaignId, entries } = command
  const entry = catalog.find(campaignId)
  if (entry === undefined) return left(campaignUnknown(campaignId, catalog.entries()))
  const sequences = command.sequences === undefined ? null : [...new Set(command.sequences)]
  const unknown = (sequences ?? []).find((id) => !isKnown(entry, id))
  if (unknown !== undefined) {
    const known = nearestFirst(
      unknown,
      new Set(entry.versions.flatMap(({ campaign }) => [...campaign.sequences.keys()])),
    )
    return left({ type: 'SequenceUnknown', campaignId, sequenceId: unknown, known })
  }
  const version = entry.versions.length
  if (isHeld(entry, sequences, entries))
    return right(leftAsItWas(campaignId, command, now, { outcome: 'already_paused', version }))
  const data = { campaignId, campaignVersion: version, sequences, entries }
  const events = [campaignEvent(campaignId, command, now, { type: 'CampaignPaused', data })]
  return right({ events, remembered: events, answer: { outcome: 'paused', version } })
}

/** Of any version: runs of each may still be open. */
function isKnown({ versions }: CatalogEntry, sequenceId: SequenceId): boolean {
  return versions.some(({ campaign }) => campaign.sequences.has(sequenceId))
}

/** Whether the pause that goes on does all that is asked for. */
function isHeld(entry: CatalogEntry, sequences: readonly SequenceId[] | null, entries: 'open' | 'closed'): boolean {
  const held = ongoingIn(entry)
  const lastFor = (covers: (one: (typeof held)[number]) => boolean) => held.findLast(covers)?.entries === entries
  if (sequences === null) return lastFor((one) => one.sequences === null) && held.at(-1)?.entries === entries
  return sequences.every((id) => lastFor((one) => one.sequences === null || one.sequences.has(id)))
}

/** Ends all pauses of the campaign. Rule GATE-3. */
export function decideResumeCampaign(
  command: ResumeCampaign,
  catalog: Catalog,
  now: Instant,
): Either<Rejection, CampaignDecision<ResumeCampaignAnswer>> {
  const { campaignId, overdue, pace } = command
  const entry = catalog.find(campaignId)
  if (entry === undefined) return left(campaignUnknown(campaignId, catalog.entries()))
  const version = entry.versions.length
  if (!isPaused(entry)) return right(leftAsItWas(campaignId, command, now, { outcome: 'not_paused', version }))
  const data = { campaignId, campaignVersion: version, overdue, ...(pace === undefined ? {} : { pace }) }
  const events = [campaignEvent(campaignId, command, now, { type: 'CampaignResumed', data })]
  return right({ events, remembered: events, answer: { outcome: 'resumed', version } })
}
