/**
 * Pauses of a campaign, or of some of its sequences: since when, until when, and what their end made of the waits. All of it
 * follows from the campaign's own stream; nothing is written for each contact. Rules GATE-1, GATE-3, GATE-4.
 */
import type { StepRecord } from './enrollment.ts'
import type { CampaignEventData } from './events.ts'
import { type CampaignId, epochMsOf, type Instant, type SequenceId } from './ids.ts'
import type { Lane } from './ports/agenda.ts'
import { REASONS } from './reasons.ts'

/** `shift`: waits are longer by the pause. `send`: due as they were. `skip`: what fell due meanwhile is skipped. */
export type Overdue = 'shift' | 'send' | 'skip'

/** At most `most` overdue steps begin in each span of `per`, an ISO 8601 duration (GATE-4). */
export interface Pace {
  readonly most: number
  readonly per: string
}

/** One order to pause, and the resume that ended it. A campaign that is paused already can be paused for more. */
export interface CampaignPause {
  /** 1, 2, 3 …: all orders between two resumes belong to one pause. */
  readonly pause: number
  readonly from: Instant
  /** `null`: it goes on. */
  readonly until: Instant | null
  /** `null`: all of them, those of later versions too. */
  readonly sequences: ReadonlySet<SequenceId> | null
  /** Whether starts are accepted meanwhile. */
  readonly entries: 'open' | 'closed'
  /** As the resume says; `null` while it goes on. */
  readonly overdue: Overdue | null
  readonly pace: Pace | null
}

/** The pause of one sequence. */
export interface SequencePause extends Omit<CampaignPause, 'sequences'> {
  readonly until: Instant | null
}

interface Paused {
  readonly pauses: readonly CampaignPause[]
}

/** The pauses of a campaign after another order. */
export function pausesAfter(
  pauses: readonly CampaignPause[],
  at: Instant,
  { sequences, entries }: Pick<CampaignEventData['CampaignPaused'], 'sequences' | 'entries'>,
): readonly CampaignPause[] {
  const last = pauses.at(-1)
  const pause = last === undefined ? 1 : last.until === null ? last.pause : last.pause + 1
  const covers = sequences === null ? null : new Set(sequences)
  return [...pauses, { pause, from: at, until: null, sequences: covers, entries, overdue: null, pace: null }]
}

/** The pauses of a campaign after a resume. */
export function pausesResumed(
  pauses: readonly CampaignPause[],
  at: Instant,
  { overdue, pace }: Pick<CampaignEventData['CampaignResumed'], 'overdue' | 'pace'>,
): readonly CampaignPause[] {
  // A clock that went back ends a pause when it began.
  return pauses.map((one) =>
    one.until === null ? { ...one, until: at < one.from ? one.from : at, overdue, pace: pace ?? null } : one,
  )
}

/** The orders that hold a campaign now; none: it is not paused. */
export function ongoingIn({ pauses }: Paused): readonly CampaignPause[] {
  return pauses.filter(({ until }) => until === null)
}

/** Whether a campaign, or a part of it, is paused. */
export function isPaused({ pauses }: Paused): boolean {
  return pauses.at(-1)?.until === null
}

/** A campaign that was resumed with a pace. */
export interface PacedCampaign {
  readonly campaignId: CampaignId
  readonly resumedAt: Instant
  readonly pace: Pace
}

/** `null`: its last resume has none, or it is paused again. */
export function pacedIn({ campaignId, pauses }: Paused & { readonly campaignId: CampaignId }): PacedCampaign | null {
  const { until = null, pace = null } = pauses.at(-1) ?? {}
  return until === null || pace === null ? null : { campaignId, resumedAt: until, pace }
}

/** Whether what is due at that instant was overdue when its campaign was resumed with a pace, by the pauses of its sequence. */
export function isPacedAt(pauses: readonly SequencePause[], dueAt: Instant): boolean {
  const last = pauses.at(-1)
  return last !== undefined && last.pace !== null && last.until !== null && dueAt <= last.until
}

const NONE: readonly SequencePause[] = []
const bySequence = new WeakMap<readonly CampaignPause[], Map<SequenceId, readonly SequencePause[]>>()

/**
 * The pauses of one sequence, each once, in order; the same list as long as the campaign's stream does not go on. The last
 * of them may go on.
 */
export function pausesOf(entry: Paused | undefined, sequenceId: SequenceId): readonly SequencePause[] {
  if (entry === undefined || entry.pauses.length === 0) return NONE
  const known = bySequence.get(entry.pauses) ?? new Map<SequenceId, readonly SequencePause[]>()
  bySequence.set(entry.pauses, known)
  const found = known.get(sequenceId) ?? ofSequence(entry.pauses, sequenceId)
  known.set(sequenceId, found)
  return found
}

function ofSequence(pauses: readonly CampaignPause[], sequenceId: SequenceId): readonly SequencePause[] {
  const own: SequencePause[] = []
  for (const { sequences, ...one } of pauses) {
    if (sequences !== null && !sequences.has(sequenceId)) continue
    const before = own.at(-1)
    // The first order that covers it says since when; the last one, whether it can be entered.
    if (before?.pause === one.pause) own[own.length - 1] = { ...before, entries: one.entries }
    else own.push(one)
  }
  return own.length === 0 ? NONE : own
}

/** The pause that holds a sequence now; `null`: none does. */
export function pauseNow(entry: Paused | undefined, sequenceId: SequenceId): SequencePause | null {
  const last = pausesOf(entry, sequenceId).at(-1)
  return last !== undefined && last.until === null ? last : null
}

/** Whether nothing can enter the sequence now (GATE-1). */
export function isEntryClosed(entry: Paused | undefined, sequenceId: SequenceId): boolean {
  return pauseNow(entry, sequenceId)?.entries === 'closed'
}

// --- What stands still ----------------------------------------------------------------------------------------------

/** A span of time that no wait counts: `from` included, `until` not. In milliseconds of the epoch. */
export interface Still {
  readonly fromMs: number
  readonly untilMs: number
}

/** The spans in order, those that meet or overlap made one. */
export function united(spans: readonly Still[]): readonly Still[] {
  const whole: Still[] = []
  for (const one of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = whole.at(-1)
    if (one.untilMs <= one.fromMs) continue
    if (last === undefined || one.fromMs > last.untilMs) whole.push(one)
    else if (one.untilMs > last.untilMs) whole[whole.length - 1] = { fromMs: last.fromMs, untilMs: one.untilMs }
  }
  return whole
}

/** How much of the spans lies after an instant, and before another. */
export function stoodStillMs(spans: readonly Still[], sinceMs: number, upToMs = Number.POSITIVE_INFINITY): number {
  let ms = 0
  for (const { fromMs, untilMs } of spans) ms += Math.max(0, Math.min(untilMs, upToMs) - Math.max(fromMs, sinceMs))
  return ms
}

/** The pauses of a sequence that made its waits longer. */
export function shiftingIn(pauses: readonly SequencePause[]): readonly Still[] {
  return pauses.flatMap(({ from, until, overdue }) =>
    until !== null && overdue === 'shift' ? [{ fromMs: epochMsOf(from), untilMs: epochMsOf(until) }] : [],
  )
}

/** The pause in which what was due at that instant is left out; `null`: in none. */
export function skippingAt(pauses: readonly SequencePause[], dueAt: Instant): SequencePause | null {
  const isIn = ({ from, until, overdue }: SequencePause) =>
    overdue === 'skip' && until !== null && from <= dueAt && dueAt < until
  return pauses.find(isIn) ?? null
}

/** What is counted from a wait that may have stood still: when it ended, and by how much that has moved since. */
export interface EndOfWait<Found> {
  /** As it was found with the time that stood still while it went on. */
  readonly found: Found
  readonly shiftMs: number
  /** Time that stood still after it was over, and before its step began. */
  readonly heldMs: number
}

/**
 * When a wait is over of which time stood still: what is found for a later beginning, by the spans in which it went on.
 *
 * @param at what the schedule says if it begins so many milliseconds later
 * @param endOf when the wait is over by what was found
 */
export function endOfWait<Found>(
  spans: readonly Still[],
  since: Instant,
  at: (shiftMs: number) => Found,
  endOf: (found: Found) => Instant,
): EndOfWait<Found> {
  const sinceMs = epochMsOf(since)
  let shiftMs = 0
  let found = at(0)
  for (const [i, { fromMs, untilMs }] of spans.entries()) {
    if (untilMs <= sinceMs) continue
    if (epochMsOf(endOf(found)) < fromMs) return { found, shiftMs, heldMs: stoodStillMs(spans.slice(i), sinceMs) }
    shiftMs += untilMs - Math.max(fromMs, sinceMs)
    found = at(shiftMs)
  }
  return { found, shiftMs, heldMs: 0 }
}

/** Whether the step after it counts from when this one was due, and not from when it was resolved. */
export function leavesWait({ status, attempt, reason }: StepRecord): boolean {
  return status === 'cancelled' || (status === 'skipped' && attempt === 0 && reason === REASONS.paused)
}

// --- On the agenda --------------------------------------------------------------------------------------------------

const PAUSED_LANE = '~paused '

/**
 * Where contacts wait on the agenda whose next step a pause of the campaign holds: in a lane of their own, as if of a kind
 * that no worker does while the pause lasts. So nobody claims them again and again, nothing is written for each at a
 * resume, and from then on they are claimed in the order of their wakes, as fast as the pace allows.
 */
export function pausedLane(campaignId: CampaignId): Lane {
  return { kind: `${PAUSED_LANE}${campaignId}`, campaignId }
}

/** Whether a lane is such a one. */
export function isPausedLane({ kind, campaignId }: Lane): boolean {
  return kind === pausedLane(campaignId).kind
}

/** Where contacts wait for the pace of `drain`: a lane of all campaigns, which take turns in it (GATE-4). */
export function drainedLane(campaignId: CampaignId): Lane {
  return { kind: PAUSED_LANE, campaignId }
}

/** The campaign whose pause holds, or "" for the pace of `drain`, of the kind of a lane; `null`: it is a kind of step. */
export function pausedCampaignOf(kind: string): CampaignId | null {
  return kind.startsWith(PAUSED_LANE) ? kind.slice(PAUSED_LANE.length) : null
}
