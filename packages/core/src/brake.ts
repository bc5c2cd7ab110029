/**
 * The brake: how often one sequence may start for one contact within an hour, so that a loop of sequences, or of campaigns
 * whose steps signal each other, ends by itself. Rule BRAKE-1.
 */
import type { CampaignDefinition } from './definition.ts'
import { type ContactState, type Enrollment, enrollmentOf, newestRun } from './enrollment.ts'
import type { SequenceRef } from './events.ts'
import { epochMsOf, type Instant, instantOf } from './ids.ts'
import { NeedsHistory } from './left-out.ts'

const DEFAULT_STARTS = 60
const SPAN_MS = 3_600_000

/** How many starts of one sequence for one contact are taken within an hour. */
export function startsPerHour({ brake = DEFAULT_STARTS }: CampaignDefinition): number {
  return brake
}

/**
 * Until when no further start is taken; `null`: one is taken now. Runs stand in the order of their starts, so the one that
 * is as many runs back as the brake allows tells.
 *
 * @throws NeedsHistory where a working state leaves that run out, and the clock has gone back since
 */
export function brakedUntil(
  state: ContactState,
  ref: SequenceRef,
  definition: CampaignDefinition,
  now: Instant,
): Instant | null {
  const enrollment = enrollmentOf(state, ref)
  if (enrollment === undefined) return null
  const { startedAt, isExact } = startedBack(enrollment, startsPerHour(definition))
  if (startedAt === null) return null
  const until = epochMsOf(startedAt) + SPAN_MS
  if (epochMsOf(now) >= until) return null
  if (!isExact) throw new NeedsHistory()
  return instantOf(until)
}

/** When the run began that is so many back, the newest being 1; of a run that is left out at least not later than this. */
function startedBack(
  enrollment: Enrollment,
  back: number,
): { readonly startedAt: Instant | null; readonly isExact: boolean } {
  const { runs, leftOut } = enrollment
  if (leftOut === undefined) return { startedAt: runs.at(-back)?.startedAt ?? null, isExact: true }
  const number = (newestRun(enrollment)?.run ?? 0) - back + 1
  if (number < 1) return { startedAt: null, isExact: true }
  const held = runs.find(({ run }) => run === number)?.startedAt
  const startedAt = held ?? leftOut.recent.find(({ run }) => run === number)?.startedAt
  return startedAt === undefined ? { startedAt: leftOut.before, isExact: false } : { startedAt, isExact: true }
}
