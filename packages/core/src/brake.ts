/**
 * The brake: how often one sequence may start for one contact within an hour, so that a loop of sequences, or of campaigns
 * whose steps signal each other, ends by itself. Rule BRAKE-1.
 */
import type { CampaignDefinition } from './definition.ts'
import { type ContactState, enrollmentOf } from './enrollment.ts'
import type { SequenceRef } from './events.ts'
import { epochMsOf, type Instant, instantOf } from './ids.ts'

const DEFAULT_STARTS = 60
const SPAN_MS = 3_600_000

/** How many starts of one sequence for one contact are taken within an hour. */
export function startsPerHour({ brake = DEFAULT_STARTS }: CampaignDefinition): number {
  return brake
}

/**
 * Until when no further start is taken; `null`: one is taken now. Runs stand in the order of their starts, so the one that
 * is as many runs back as the brake allows tells.
 */
export function brakedUntil(
  state: ContactState,
  ref: SequenceRef,
  definition: CampaignDefinition,
  now: Instant,
): Instant | null {
  const first = enrollmentOf(state, ref)?.runs.at(-startsPerHour(definition))
  if (first === undefined) return null
  const until = epochMsOf(first.startedAt) + SPAN_MS
  return epochMsOf(now) < until ? instantOf(until) : null
}
