/**
 * The brake: how often one sequence may start for one contact within an hour, so that a loop of sequences, or of campaigns
 * whose steps signal each other, ends by itself. Rule BRAKE-1.
 */
import type { CampaignDefinition } from './definition.ts'
import { type ContactState, type Enrollment, enrollmentsOf, leavesKeysOut, type Run } from './enrollment.ts'
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
 * Until when no further start is taken; `null`: one is taken now. The starts of all keys count: the one that is as many
 * starts back as the brake allows tells.
 *
 * @throws NeedsHistory where a working state leaves starts out, and the clock has gone back since
 */
export function brakedUntil(
  state: ContactState,
  ref: SequenceRef,
  definition: CampaignDefinition,
  now: Instant,
): Instant | null {
  const back = startsPerHour(definition)
  const enrollments = enrollmentsOf(state, ref)
  const starts = enrollments.flatMap((one) => latestStarts(one, back)).sort()
  const newest =
    enrollments
      .map(({ runs }) => runs.at(-1)?.startedAt ?? '')
      .sort()
      .at(-1) ?? ''
  // What is left out began an hour or more before the newest start.
  if (newest !== '' && now < newest && leavesStartsOut(state, ref, enrollments)) throw new NeedsHistory()
  const startedAt = starts.at(-back)
  if (startedAt === undefined) return null
  const until = epochMsOf(startedAt) + SPAN_MS
  return epochMsOf(now) < until ? instantOf(until) : null
}

/** Runs stand in the order of their starts. */
function latestStarts({ runs, leftOut }: Enrollment, most: number): readonly Instant[] {
  const latest: Instant[] = []
  for (let at = runs.length - 1; at >= 0 && latest.length < most; at--) {
    const run = runs[at]
    if (run !== undefined && isStart(run)) latest.push(run.startedAt)
  }
  return leftOut === undefined ? latest : [...leftOut.recent.map(({ startedAt }) => startedAt), ...latest]
}

/** What was undone did not begin, and what goes on did not begin again (UNDO-2, UNDO-3). */
export function isStart({ continued, status }: Pick<Run, 'continued' | 'status'>): boolean {
  return status !== 'undone' && continued === undefined
}

function leavesStartsOut(state: ContactState, ref: SequenceRef, enrollments: readonly Enrollment[]): boolean {
  return enrollments.some(({ leftOut }) => (leftOut?.before ?? null) !== null) || leavesKeysOut(state, ref)
}
