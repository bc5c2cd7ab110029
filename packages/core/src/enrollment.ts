/**
 * A contact's enrollments: the shape of its state, and the questions that are asked of it.
 */
import type { ByHand } from './by-hand.ts'
import type { ContactEvent, ContactEventData, RunRef, SequenceRef, StepRef, Vars } from './events.ts'
import { EnfoldFault } from './fault.ts'
import type { CampaignId, EventId, GoalId, Instant, SequenceId, StepId, Version } from './ids.ts'
import { type HashList, mayHold, NeedsHistory, type RunsLeftOut } from './left-out.ts'
import { REASONS } from './reasons.ts'

/** `undone`: its start was a mistake. It is as if it had never begun, but for its number (UNDO-2). */
export const RUN_STATUSES = ['active', 'paused', 'waiting', 'completed', 'stopped', 'undone'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

/** Why a run was stopped. `ban`: the contact was suppressed. */
export type StoppedBy = 'hand' | 'move' | 'goal' | 'failure' | 'ban' | 'erasure'

/** How a run stood when it was stopped or undone: so that it can go on from there (UNDO-3), and is counted rightly. */
export interface RunEnd {
  readonly from: RunStatus
  /** Of a paused one. */
  readonly pausedAt?: Instant
  /** Of one that had come to its end. */
  readonly endedAt?: Instant
  /** Of a stop. */
  readonly by?: StoppedBy
  /** Of a stop by a goal. */
  readonly goalId?: GoalId
}

/** What a run has of the one that it continues (UNDO-3). */
export interface Continuation {
  readonly run: number
  /** The run that the first of them all was: sendings of the schedule go out under its idempotency keys. */
  readonly sendsAs: number
  /** When the first of them all began: what is counted from the start of the run is counted from there. */
  readonly beganAt: Instant
  /** How many attempts the steps had when it took them over. */
  readonly attempts: number
}

/** What became of a step so far. A step without a record is pending and untouched. */
export interface StepRecord {
  readonly stepId: StepId
  /**
   * `retrying`: an attempt failed, another is due at `retryAt`. `passed`: the run stood there when it was moved. `held`: failed, and the run waits for an operator.
   */
  readonly status: 'dispatched' | 'retrying' | 'sent' | 'failed' | 'skipped' | 'cancelled' | 'held' | 'passed'
  /** Instant of the event that made it so. */
  readonly at: Instant
  /** The last attempt that was dispatched; 0 if none was. */
  readonly attempt: number
  readonly retryAt: Instant | null
  /** As the first attempt's event recorded it. */
  readonly dueAt: Instant | null
  readonly reason: string | null
  /** Skipped by hand before the run came to it: when it does, it goes on from there (SKIP-1). */
  readonly ahead?: true
  /** 2, 3 … of the times that the run does it (JUMP-1). Absent: the first. */
  readonly occurrence?: number
  /** Sent by hand: its attempts do not wait for its window (NOW-1). */
  readonly now?: true
  /** Where it was sent, or was to be sent, instead of to the contact (DELIVER-3). */
  readonly deliverTo?: string
  /** The event that made it so: what follows is caused by it. */
  readonly eventId: EventId
  readonly resends: readonly ResendRecord[]
}

export interface ResendRecord {
  /** 1, 2, 3 … */
  readonly resend: number
  readonly status: 'requested' | 'dispatched' | 'retrying' | 'sent' | 'failed' | 'skipped' | 'cancelled'
  readonly at: Instant
  readonly attempt: number
  readonly retryAt: Instant | null
  readonly reason: string | null
  readonly deliverTo?: string
  readonly eventId: EventId
}

/** A pause of one run by which its waits are longer (PAUSE-2). */
export interface Shift {
  readonly until: Instant
  readonly ms: number
}

export interface Run {
  /** 1, 2, 3 … */
  readonly run: number
  readonly campaignVersion: number
  readonly status: RunStatus
  readonly startedAt: Instant
  readonly endedAt: Instant | null
  readonly pausedAt: Instant | null
  /** By how much the wait in progress was made longer by shifting pauses (PAUSE-2). */
  readonly shiftMs: number
  /** By how much all shifting pauses together have moved what is counted from the start of the run (TIME-7). */
  readonly shiftedMs: number
  /** Those pauses one by one: how long each was, and when it ended. Absent if there was none. */
  readonly shifts?: readonly Shift[]
  /** Only of a stopped or undone run. */
  readonly ended?: RunEnd
  /** True: its start ended the wait of the run before it (START-4). Absent: it did not. */
  readonly endedWait?: true
  /** Only of a run that goes on where another one stood. */
  readonly continued?: Continuation
  /** What it began with (VAR-1). They do not change. */
  readonly vars: Vars
  /** In the order in which they were first touched. */
  readonly steps: readonly StepRecord[]
  /** What operators changed of its schedule. Absent: nothing. */
  readonly byHand?: ByHand
  /** Where it was opened or moved to. Absent: it was opened at its first step. */
  readonly place?: RunPlace
  /** The last that happened to it, if that was an order which can be taken back whole. Absent: it was not. */
  readonly undoable?: UndoableOrder
  /** Of its `SequenceStarted`. */
  readonly eventId: EventId
  readonly correlationId: string
}

/** From where a run goes on (START-7, JUMP-1). What stands before it in the sequence is passed. */
export interface RunPlace {
  readonly stepId: StepId
  readonly at: Instant
  readonly eventId: EventId
  readonly isStart: boolean
  /** How many records of steps there were: what they resolved from here on is passed, too, and takes no time. */
  readonly records: number
  /** Steps that are done more than once, and how often by now. */
  readonly occurrences: readonly { readonly stepId: StepId; readonly occurrence: number }[]
}

/** An order after which nothing has happened to the run, with what it replaced: so that it can be undone (UNDO-5). */
export interface UndoableOrder {
  readonly eventId: EventId
  readonly order: ContactEventData['OrderUndone']['order']
  /** Of an order on one step. */
  readonly stepId?: StepId
  readonly replaced: Replaced
}

export interface Replaced {
  /** How many records of steps there were. */
  readonly records: number
  /** The one that the order changed. Absent: it changed none that was there. */
  readonly record?: { readonly place: number; readonly was: StepRecord }
  readonly shiftMs: number
  readonly byHand?: ByHand
  readonly place?: RunPlace
}

export interface Enrollment {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  /** What it is about (KEY-1); empty where the sequence has no keys. */
  readonly key: string
  /** By number: run n stands at index n - 1, unless some are left out. */
  readonly runs: readonly Run[]
  /** Only in a working state that leaves older runs out. */
  readonly leftOut?: RunsLeftOut
}

export interface ContactState {
  /** Of the contact's stream: the count of its events. */
  readonly version: Version
  readonly suppressed: null | { readonly until: Instant | null }
  readonly erased: boolean
  /** How many of its signals are kept (SIGNAL-6). */
  readonly keptSignals: number
  /** When it was last recorded that signals are dropped; `null`: never. */
  readonly signalsDroppedAt: Instant | null
  /** In the order in which they were first started. A list: ids are hostile keys, and most contacts have few. */
  readonly enrollments: readonly Enrollment[]
  /** Only in a working state that leaves enrollments out: hashes of their names. */
  readonly leftOut?: HashList
}
/** The names of an enrollment alone, as events have them: without a key where it is empty. */
export function refOf({ campaignId, sequenceId, key = '' }: SequenceRef): SequenceRef {
  return key === '' ? { campaignId, sequenceId } : { campaignId, sequenceId, key }
}

/** Whether both mean one enrollment: contact apart, the same campaign, sequence and key (KEY-1). */
export function isSameEnrollment(a: SequenceRef, b: SequenceRef): boolean {
  return a.sequenceId === b.sequenceId && a.campaignId === b.campaignId && (a.key ?? '') === (b.key ?? '')
}

/**
 * The enrollment of the key, or of none where the reference has none.
 *
 * @throws NeedsHistory where a working state leaves it out
 */
export function enrollmentOf({ enrollments, leftOut }: ContactState, ref: SequenceRef): Enrollment | undefined {
  const found = enrollments.length > FEW ? enrollments[placeOf(enrollments, ref)] : amongFew(enrollments, ref)
  if (found === undefined && leftOut !== undefined && mayHold(leftOut, nameOfEnrollment(ref))) throw new NeedsHistory()
  return found
}

/** Without a closure for each event of a fold. */
function amongFew(enrollments: readonly Enrollment[], ref: SequenceRef): Enrollment | undefined {
  for (const one of enrollments) if (isSameEnrollment(one, ref)) return one
  return undefined
}

type Sequence = Pick<SequenceRef, 'campaignId' | 'sequenceId'>

/**
 * Every enrollment of the sequence: one for each key that it was ever started with. In the order of first starts. A
 * working state leaves some out that are over; see `requireEach`.
 */
export function enrollmentsOf(
  { enrollments }: ContactState,
  { campaignId, sequenceId }: Sequence,
): readonly Enrollment[] {
  return enrollments.filter((one) => one.sequenceId === sequenceId && one.campaignId === campaignId)
}

/** Whether a working state leaves an enrollment of the sequence out that has a key. */
export function leavesKeysOut({ leftOut }: ContactState, sequence: Sequence): boolean {
  return leftOut !== undefined && mayHold(leftOut, nameOfKeys(sequence))
}

/** @throws NeedsHistory where a working state leaves an enrollment of the sequence out that has a key */
export function requireKeyed(state: ContactState, sequence: Sequence): void {
  if (leavesKeysOut(state, sequence)) throw new NeedsHistory()
}

/** @throws NeedsHistory where a working state leaves an enrollment of the sequence out */
export function requireEach(state: ContactState, { campaignId, sequenceId }: Sequence): void {
  requireKeyed(state, { campaignId, sequenceId })
  enrollmentOf(state, { campaignId, sequenceId })
}

/** So many are looked through more quickly than they are looked up. */
export const FEW = 32
/** Where the enrollments of a list stand, by their names; lists that go on from one another have one map for all. */
interface Places {
  byName: Map<string, number>
  /** So many of the list are in the map. Enrollments are only ever added, at the end. */
  known: number
}
const places = new WeakMap<readonly Enrollment[], Places>()

/** -1: it has none. */
export function placeOf(enrollments: readonly Enrollment[], ref: SequenceRef): number {
  const { byName } = placesOf(enrollments)
  const at = byName.get(nameOfEnrollment(ref))
  const found = at === undefined ? undefined : enrollments[at]
  // Another list that went on from the same one may have put it there.
  return at === undefined || found === undefined || !isSameEnrollment(found, ref) ? -1 : at
}

function placesOf(enrollments: readonly Enrollment[]): Places {
  const list = places.get(enrollments) ?? { byName: new Map<string, number>(), known: 0 }
  if (list.known === 0) places.set(enrollments, list)
  for (; list.known < enrollments.length; list.known++) {
    const name = nameOfEnrollment(enrollments[list.known] as Enrollment)
    const at = list.byName.get(name)
    if (at !== undefined && at !== list.known) {
      // Another list has it elsewhere: from here on each has a map of its own.
      list.byName = new Map(enrollments.map((one, i) => [nameOfEnrollment(one), i]))
      list.known = enrollments.length
      break
    }
    list.byName.set(name, list.known)
  }
  return list
}

/** Says that one list goes on from another, so that what is known of places is kept. */
export function placedAs(from: readonly Enrollment[], list: readonly Enrollment[]): void {
  places.set(list, { ...placesOf(from) })
}

/** One text for the ids and the key, whatever they hold: no two enrollments of a contact have the same. */
export function nameOfEnrollment({ campaignId, sequenceId, key = '' }: SequenceRef): string {
  return `${campaignId.length} ${sequenceId.length} ${campaignId}${sequenceId}${key}`
}

/** One text for all enrollments of the sequence that have a key; that of no enrollment. */
export function nameOfKeys({ campaignId, sequenceId }: Sequence): string {
  return `keys of ${nameOfEnrollment({ campaignId, sequenceId })}`
}

/** The last run that was begun and not undone: everything that an enrollment is follows from it. */
export function newestRun(enrollment: Pick<Enrollment, 'runs'> | undefined): Run | undefined {
  if (enrollment === undefined) return undefined
  const { runs } = enrollment
  for (let at = runs.length - 1; at >= 0; at--) if (runs[at]?.status !== 'undone') return runs[at]
  return undefined
}

/** The number that the next run has. Those of undone runs stay used (UNDO-2). */
export function nextRunNumber(enrollment: Pick<Enrollment, 'runs'> | undefined): number {
  return (enrollment?.runs[enrollment.runs.length - 1]?.run ?? 0) + 1
}

/** When the schedule of the run began: with its start, or with that of the run that it continues (UNDO-3). */
export function beganAt({ continued, startedAt }: Run): Instant {
  return continued?.beganAt ?? startedAt
}

/**
 * The number of the run under whose idempotency keys a sending goes out: what was begun before a stop that was undone is
 * one sending with what comes after (STEP-4, UNDO-3). Resends are counted in each run by itself.
 */
export function sendingRun({ continued, run }: Run, resend: number): number {
  return resend === 0 ? (continued?.sendsAs ?? run) : run
}

export function attemptsOf({ steps }: Pick<Run, 'steps'>): number {
  let attempts = 0
  for (const step of steps) {
    attempts += step.attempt
    for (const resend of step.resends) attempts += resend.attempt
  }
  return attempts
}

/** Whether anything was dispatched in this run; what it took over from another does not count. */
export function hasDispatched(run: Run): boolean {
  return attemptsOf(run) > (run.continued?.attempts ?? 0)
}

/** The run that continues this one, unless that was undone: then this one is over and done with, and counts no more. */
export function continuationOf({ runs }: Pick<Enrollment, 'runs'>, { run }: Run): Run | undefined {
  return runs.find((one) => one.continued?.run === run && one.status !== 'undone')
}

/** @throws NeedsHistory where a working state leaves it out */
export function runOf(state: ContactState, ref: RunRef): Run | undefined {
  return runNumbered(enrollmentOf(state, ref), ref.run)
}

/** The run of this number. @throws NeedsHistory where a working state leaves it out */
export function runNumbered(enrollment: Enrollment | undefined, number: number): Run | undefined {
  if (enrollment?.leftOut === undefined) return enrollment?.runs[number - 1]
  const found = enrollment.runs.find(({ run }) => run === number)
  if (found === undefined && number >= 1 && number < nextRunNumber(enrollment)) throw new NeedsHistory()
  return found
}

/**
 * The run of an event that stands in the log, or that a decision has just added.
 *
 * @throws EnfoldFault `STORE_CORRUPT` if there is none
 */
export function requireRun(state: ContactState, ref: RunRef): Run {
  const run = runOf(state, ref)
  if (run !== undefined) return run
  const message = `Run ${ref.run} of the sequence ${JSON.stringify(ref.sequenceId)} was never started in this log.`
  throw new EnfoldFault('STORE_CORRUPT', `${message} Ask \`enfold verify\` what else is wrong.`, { ...ref })
}

export function recordOf(run: Run, stepId: StepId): StepRecord | undefined {
  return recordFor(run, stepId, occurrenceIn(run, stepId).occurrence)
}

/** What became of a step that time of several of which an event tells (JUMP-1). */
export function recordFor({ steps }: Run, stepId: StepId, occurrence: number | undefined): StepRecord | undefined {
  // Most questions are about the step at which the run stands. `findLast` takes four times as long.
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at]
    if (step?.stepId === stepId && step.occurrence === occurrence) return step
  }
  return undefined
}

/**
 * The records of a run by the steps of its sequence: to be asked for each of them in turn, from the first. Records are looked
 * for among all only where they stand in another order than the steps.
 */
export function recordsInTurn(run: Run): (stepId: StepId, place: number) => StepRecord | undefined {
  if (run.place !== undefined) {
    const records = currentRecords(run)
    return (stepId) => records.get(stepId)
  }
  let inOrder = true
  return (stepId, place) => {
    const there = run.steps[place]
    if (there?.stepId === stepId) return there
    // All that there are belong to steps before.
    if (there === undefined && inOrder) return undefined
    inOrder = false
    return recordOf(run, stepId)
  }
}

/** What became of each step, the last time that the run did it. */
export function currentRecords({ place, steps }: Run): ReadonlyMap<StepId, StepRecord> {
  const times = new Map(place?.occurrences.map(({ stepId, occurrence }) => [stepId, occurrence]))
  const records = new Map<StepId, StepRecord>()
  for (const record of steps) if (record.occurrence === times.get(record.stepId)) records.set(record.stepId, record)
  return records
}

/** Which time it is that the run does a step, as events say it: absent for the first (JUMP-1). */
export function occurrenceIn({ place }: Run, stepId: StepId): Pick<StepRef, 'occurrence'> {
  const known = place?.occurrences.find((one) => one.stepId === stepId)
  return known === undefined ? {} : { occurrence: known.occurrence }
}

/** The index of the step from which the run goes on. */
export function placeIn({ place }: Run, steps: readonly { readonly id: StepId }[]): number {
  return place === undefined
    ? 0
    : Math.max(
        0,
        steps.findIndex(({ id }) => id === place.stepId),
      )
}

/** Whether the run goes on from a later step, so that nothing becomes of this one. */
export function isBeforePlace(run: Run, steps: readonly { readonly id: StepId }[], stepId: StepId): boolean {
  return run.place !== undefined && steps.findIndex(({ id }) => id === stepId) < placeIn(run, steps)
}

/** In progress: active or paused. */
export function isInProgress(run: Run | undefined): run is Run & { readonly status: 'active' | 'paused' } {
  return run?.status === 'active' || run?.status === 'paused'
}

/** In progress or waiting: what makes a member, and what a stop ends. */
export function isOpenRun(run: Run | undefined): run is Run & { readonly status: 'active' | 'paused' | 'waiting' } {
  return isInProgress(run) || run?.status === 'waiting'
}

export function isSuppressed(state: ContactState, now: Instant): boolean {
  return state.suppressed !== null && (state.suppressed.until === null || now < state.suppressed.until)
}

/** Of a step that was dispatched, and of which more is to come. */
export type BegunRecord = StepRecord & { readonly status: 'dispatched' | 'retrying' | 'held' }

/** The step was dispatched, and what became of it is still open. */
export function isBegun(record: StepRecord | undefined): record is BegunRecord {
  const status = record?.status
  return status === 'dispatched' || status === 'retrying' || status === 'held'
}

/** The step at which the run stands, or stood when it ended: the first of them that is not resolved. `null`: at its end. */
export function standingAt(run: Run, steps: readonly { readonly id: StepId }[]): StepId | null {
  const recordAt = recordsInTurn(run)
  for (let place = placeIn(run, steps); place < steps.length; place++) {
    const { id } = steps[place] as (typeof steps)[number]
    if (!isResolved(recordAt(id, place))) return id
  }
  return null
}

/** Nothing more will become of the step by itself. */
export function isResolved(record: StepRecord | undefined): boolean {
  return record !== undefined && !isBegun(record)
}

const PENDING_RESEND: ReadonlySet<string> = new Set(['requested', 'dispatched', 'retrying'])

/** An operator skipped it: a handler may give the same reason, and its step is the cause then (SKIP-1). */
export function isSkipByHand({ type, data, cause }: ContactEvent): boolean {
  return type === 'StepSkipped' && data.reason === REASONS.operator && cause.by !== 'step'
}

/** A resend that is to be done still, or is under way. */
export function isPendingResend({ status }: ResendRecord): boolean {
  return PENDING_RESEND.has(status)
}

/** An ended run can still have a handler at work, or a resend to do. */
export function hasLooseEnds(run: Run): boolean {
  return run.steps.some((step) => step.status === 'dispatched' || step.resends.some(isPendingResend))
}
