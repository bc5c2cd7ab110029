/**
 * A contact's enrollments: the state, and the one recipe that folds events into it. Rules LOG-5, START, STOP, STEP.
 * The recipe believes every event: what may happen is decided in `decide.ts`, what must not is found by `verify.ts`.
 */
import { enablePatches, type Patch, produce, produceWithPatches } from 'immer'
import {
  type ByHand,
  byHandAt,
  dueByHand,
  withDue,
  withoutDue,
  withoutPast,
  withShift,
  withWaitOver,
} from './by-hand.ts'
import {
  type AttemptRef,
  type ContactEvent,
  type ContactEventData,
  type ContactEventOf,
  NO_VARS,
  type RunRef,
  type SequenceRef,
  type StepRef,
  type Vars,
} from './events.ts'
import { EnfoldFault } from './fault.ts'
import {
  type CampaignId,
  type EventId,
  epochMsOf,
  type GoalId,
  type Instant,
  instantOf,
  type SequenceId,
  type StepId,
  type Version,
} from './ids.ts'
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

/** A contact without events. */
export const initialContact: ContactState = frozen(emptyContact())

// --- Two drivers of the recipe: immer for one event, a private copy for many ----------------------------------------

/**
 * The state after one more event. Pure: the state given stays as it is, the new one is frozen.
 *
 * @example
 * const state = events.reduce(evolve, initialContact) // the same as fold(events)
 */
export function evolve(state: ContactState, event: ContactEvent): ContactState {
  return produce(state, (draft) => recipe(draft as LiveContact, event))
}

/** As `evolve`, with what the event changed as JSON patches (RFC 6902): the audit trail of AUDIT-2. */
export function evolveWithPatches(state: ContactState, event: ContactEvent): readonly [ContactState, readonly Patch[]] {
  enablePatches()
  const [next, patches] = produceWithPatches(state, (draft) => recipe(draft as LiveContact, event))
  return [next, patches]
}

/**
 * The state after all events, in order, from `from` or from nothing. Runs the same recipe on a private copy and freezes
 * once: measured nine to twelve times quicker than `evolve` one by one, and eight times quicker for a single event of a
 * contact with five steps.
 *
 * @example
 * fold(await engine.inspect.history('ada')).enrollments.length
 */
export function fold(events: Iterable<ContactEvent>, from: ContactState = initialContact): ContactState {
  const contact = new ContactFold(from)
  for (const event of events) contact.add(event)
  return contact.settle()
}

/**
 * One contact, folded event by event while a log is read. It changes one state in place, where `evolve` makes a new one
 * each time.
 *
 * @example
 * const ann = new ContactFold()
 * for await (const event of store.readStream(contactStream('ann'))) if (!isCampaignEvent(event)) ann.add(event)
 */
export class ContactFold {
  readonly #state: LiveContact
  /** Which enrollments still are those of a state that stays as it is, by their places; `null`: none. */
  readonly #shared: Set<number> | null

  /** @param from the state to go on from, which stays as it is. Default: a contact without events. */
  constructor(from: ContactState = initialContact) {
    const isShared = from !== initialContact && from.enrollments.length > FEW && Object.isFrozen(from)
    this.#state = from === initialContact ? emptyContact() : isShared ? sharing(from) : copyOf(from)
    this.#shared = isShared ? new Set(from.enrollments.keys()) : null
  }

  /** After the events so far. It changes with the next event. */
  get state(): ContactState {
    return this.#state
  }

  add(event: ContactEvent): void {
    if (this.#shared !== null) this.#own(event, this.#shared)
    recipe(this.#state, event)
  }

  /** The state after all events, frozen. Nothing can be added any more. */
  settle(): ContactState {
    return frozen(this.#state, this.#shared ?? undefined)
  }

  /** Copies what the event is about, unless that was done. */
  #own({ type, data }: ContactEvent, shared: Set<number>): void {
    const { enrollments } = this.#state
    const own = (at: number) => {
      if (shared.delete(at)) enrollments[at] = copyOfEnrollment(enrollments[at] as Enrollment)
    }
    if (type === 'ContactErased') for (const at of [...shared]) own(at)
    else if ('sequenceId' in data) own(placeOf(enrollments, data))
  }
}

export type { Patch } from 'immer'

// --- Questions ------------------------------------------------------------------------------------------------------

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
  const found =
    enrollments.length > FEW
      ? enrollments[placeOf(enrollments, ref)]
      : enrollments.find((one) => isSameEnrollment(one, ref))
  if (found === undefined && leftOut !== undefined && mayHold(leftOut, nameOfEnrollment(ref))) throw new NeedsHistory()
  return found
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
const FEW = 32
/** Where the enrollments of a list stand, by their names; lists that go on from one another have one map for all. */
interface Places {
  byName: Map<string, number>
  /** So many of the list are in the map. Enrollments are only ever added, at the end. */
  known: number
}
const places = new WeakMap<readonly Enrollment[], Places>()

/** -1: it has none. */
function placeOf(enrollments: readonly Enrollment[], ref: SequenceRef): number {
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

function attemptsOf({ steps }: Pick<Run, 'steps'>): number {
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
  // Most questions are about the step at which the run stands.
  const last = steps.at(-1)
  if (last?.stepId === stepId && last.occurrence === occurrence) return last
  return steps.find((step) => step.stepId === stepId && step.occurrence === occurrence)
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
export function currentRecords(run: Run): ReadonlyMap<StepId, StepRecord> {
  const { place, steps } = run
  const times = new Map(place?.occurrences.map(({ stepId, occurrence }) => [stepId, occurrence]))
  return new Map(
    steps.flatMap((record) => (record.occurrence === times.get(record.stepId) ? [[record.stepId, record]] : [])),
  )
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
export function isOpen(run: Run | undefined): run is Run & { readonly status: 'active' | 'paused' | 'waiting' } {
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

// --- The recipe -----------------------------------------------------------------------------------------------------

type Mutable<T> = T extends string | number | boolean | null | ByHand | RunPlace
  ? T
  : T extends readonly (infer Item)[]
    ? Mutable<Item>[]
    : T extends object
      ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
      : T

/** A state that its one owner changes in place. */
type LiveContact = Mutable<ContactState>

function emptyContact(): LiveContact {
  return { version: 0, suppressed: null, erased: false, keptSignals: 0, signalsDroppedAt: null, enrollments: [] }
}

// What is found in a state that may be changed, may be changed.
const enrollmentIn = enrollmentOf as (state: LiveContact, ref: SequenceRef) => Mutable<Enrollment> | undefined
const runIn = runOf as (state: LiveContact, ref: RunRef) => Mutable<Run> | undefined
const newestIn = newestRun as (enrollment: Mutable<Enrollment>) => Mutable<Run> | undefined

/** The record of a step, to be changed: one that is frozen belongs to another state, and is copied. */
function recordIn(run: Mutable<Run>, stepId: StepId): Mutable<StepRecord> | undefined {
  return recordForIn(run, stepId, occurrenceIn(run, stepId).occurrence)
}

function recordForIn(
  { steps }: Mutable<Run>,
  stepId: StepId,
  occurrence: number | undefined,
): Mutable<StepRecord> | undefined {
  const isIt = (step: StepRecord | undefined) => step?.stepId === stepId && step.occurrence === occurrence
  const last = steps.length - 1
  const place = isIt(steps[last]) ? last : steps.findIndex(isIt)
  return place === -1 ? undefined : ownRecord(steps, place)
}

function ownRecord(steps: Mutable<StepRecord>[], place: number): Mutable<StepRecord> {
  const record = steps[place] as Mutable<StepRecord>
  if (!Object.isFrozen(record)) return record
  const own = ownCopy(record)
  steps[place] = own
  return own
}

function ownCopy(record: StepRecord): Mutable<StepRecord> {
  const { resends } = record
  return { ...record, resends: resends.length === 0 ? NO_RESENDS : resends.map((resend) => ({ ...resend })) }
}

/** Of all steps that were never sent again, which are nearly all: neither made nor copied nor frozen for each. */
const NO_RESENDS = Object.freeze([]) as unknown as Mutable<ResendRecord>[]

/**
 * Changes the state in place by one event. The only place that says what an event means. What nearly every event is,
 * the attempts, goes without closures and objects made for a call: 2.0 million events a second became 2.5 to 4.5.
 */
function recipe(state: LiveContact, event: ContactEvent): void {
  state.version += 1
  switch (event.type) {
    case 'SequenceStarted':
      start(state, event.data, event)
      return
    case 'SequenceStopped':
      withRun(state, event.data, (run) => end(run, 'stopped', event.at, stoppedBy(event)))
      return
    case 'RunUndone':
      undo(state, event.data, event.at)
      return
    case 'SequencePaused':
      withRun(state, event.data, (run) => {
        run.status = 'paused'
        run.pausedAt = event.at
      })
      return
    case 'SequenceResumed':
      withRun(state, event.data, (run) => resume(run, event.data.shiftMs, event.at))
      return
    case 'SequenceCompleted':
      withRun(state, event.data, (run) => {
        run.status = event.data.waiting ? 'waiting' : 'completed'
        run.endedAt = event.at
        run.pausedAt = null
      })
      return
    case 'SignalReceived':
      state.keptSignals += 1
      return
    case 'SignalsDropped':
      state.signalsDroppedAt = event.at
      return
    case 'GoalSatisfied':
    case 'SignalRetracted':
      return // What it led to stands in events of its own.
    case 'StepDispatched':
      attempt(state, event.data, event, 'dispatched', null, null, event.data.timing?.dueAt ?? null)
      return
    case 'StepSent':
      attempt(state, event.data, event, 'sent', null, null, null)
      return
    case 'StepFailed': {
      const { reason, retryAt, consequence } = event.data
      const status = consequence === 'retry' ? 'retrying' : consequence === 'hold' ? 'held' : 'failed'
      attempt(state, event.data, event, status, reason, retryAt, null)
      return
    }
    case 'StepSkipped':
      if (isSkipByHand(event)) skipByHand(state, event.data, event)
      else attempt(state, event.data, event, 'skipped', event.data.reason, null, event.data.timing?.dueAt ?? null)
      return
    case 'StepResent':
      withStep(state, event.data, event, (step) => requestResend(step, event.data.resend, event))
      return
    case 'StepCancelled':
      withStep(state, event.data, event, (step) => {
        set(step, 'cancelled', event, null, null)
        dropResends(step, event.at)
      })
      return
    case 'StepRescheduled':
      withRun(state, event.data, (run) => reschedule(run, event.data, event))
      return
    case 'RunShifted':
      withRun(state, event.data, (run) =>
        setByHand(run, withShift(run.byHand, { at: event.at, byMs: event.data.byMs })),
      )
      return
    case 'RunMoved':
      withRun(state, event.data, (run) => move(run, event.data, event))
      return
    case 'ContactSuppressed':
      state.suppressed = { until: event.data.until }
      return
    case 'ContactUnsuppressed':
      state.suppressed = null
      return
    case 'ContactErased':
      erase(state, event.at)
      return
    default:
      event satisfies never
  }
}

function resume(run: Mutable<Run>, shiftMs: number, at: Instant): void {
  run.status = 'active'
  run.pausedAt = null
  run.shiftMs += shiftMs
  run.shiftedMs += shiftMs
  if (shiftMs > 0) run.shifts = [...(run.shifts ?? []), { until: at, ms: shiftMs }]
}

function requestResend(step: Mutable<StepRecord>, resend: number, { at, id }: ContactEvent): void {
  if (step.resends === NO_RESENDS) step.resends = []
  step.resends.push({ resend, status: 'requested', at, attempt: 0, retryAt: null, reason: null, eventId: id })
}

function erase(state: LiveContact, at: Instant): void {
  state.erased = true
  for (const { runs } of state.enrollments)
    for (const run of runs) if (isOpen(run)) end(run, 'stopped', at, { by: 'erasure' })
}

function start(state: LiveContact, ref: ContactEventData['SequenceStarted'], event: ContactEvent): void {
  let enrollment = enrollmentIn(state, ref)
  if (enrollment === undefined) {
    state.enrollments.push({ campaignId: ref.campaignId, sequenceId: ref.sequenceId, key: ref.key ?? '', runs: [] })
    // Under immer the list gives a draft of what was put into it, which must be changed instead of it.
    enrollment = lastOf(state.enrollments)
  }
  const continued = ref.continues === undefined ? undefined : runNumbered(enrollment, ref.continues)
  if (continued !== undefined) {
    enrollment.runs.push(continuing(continued as Mutable<Run>, ref, event))
    return
  }
  const before = newestIn(enrollment)
  // A new start ends the wait of the run before (START-4).
  const endsWait = before?.status === 'waiting'
  if (endsWait) before.status = 'completed'
  enrollment.runs.push({
    run: ref.run,
    campaignVersion: ref.campaignVersion,
    status: 'active',
    startedAt: event.at,
    endedAt: null,
    pausedAt: null,
    shiftMs: 0,
    shiftedMs: 0,
    ...(endsWait ? { endedWait: true } : {}),
    vars: ref.vars === undefined ? NO_VARS : { ...ref.vars },
    steps: [],
    eventId: event.id,
    correlationId: event.correlationId,
    ...(ref.atStep === undefined ? {} : { place: placeAt(ref.atStep, event, { isStart: true, records: 0 }) }),
  })
}

/** A run as another one stood when it was stopped or undone: with its steps, its waits and what it began with (UNDO-3). */
function continuing(from: Mutable<Run>, ref: ContactEventData['SequenceStarted'], event: ContactEvent): Mutable<Run> {
  const { standing, shiftMs = 0 } = ref
  const { ended, continued, shifts = [] } = from
  const shifted = shiftMs === 0 ? [...shifts] : [...shifts, { until: event.at, ms: shiftMs }]
  return {
    run: ref.run,
    campaignVersion: ref.campaignVersion,
    status: standing ?? 'active',
    startedAt: event.at,
    endedAt: standing === 'waiting' ? (ended?.endedAt ?? null) : null,
    pausedAt: standing === 'paused' && ended?.pausedAt !== undefined ? laterBy(ended.pausedAt, shiftMs) : null,
    shiftMs: from.shiftMs + shiftMs,
    shiftedMs: from.shiftedMs + shiftMs,
    ...(shifted.length === 0 ? {} : { shifts: shifted }),
    ...(from.byHand === undefined ? {} : { byHand: from.byHand }),
    ...(from.place === undefined ? {} : { place: { ...from.place, eventId: event.id } }),
    ...(from.endedWait === undefined ? {} : { endedWait: from.endedWait }),
    continued: {
      run: from.run,
      sendsAs: continued?.sendsAs ?? from.run,
      beganAt: continued?.beganAt ?? from.startedAt,
      attempts: attemptsOf(from),
    },
    vars: from.vars === NO_VARS ? NO_VARS : { ...from.vars },
    // What comes next follows from the undo. What is under way outside the schedule belongs to the run that it is of.
    steps: from.steps.map((step) => ({
      ...step,
      eventId: event.id,
      resends:
        step.resends.length === 0
          ? NO_RESENDS
          : step.resends.map((resend) =>
              isPendingResend(resend) ? { ...resend, status: 'cancelled' } : { ...resend },
            ),
    })),
    eventId: event.id,
    correlationId: event.correlationId,
  }
}

/** The run is as if it had never begun; the one before it is the newest again, and waits if the start had ended its wait. */
function undo(state: LiveContact, ref: ContactEventData['RunUndone'], at: Instant): void {
  const enrollment = enrollmentIn(state, ref)
  const run = enrollment === undefined ? undefined : (runNumbered(enrollment, ref.run) as Mutable<Run> | undefined)
  if (enrollment === undefined || run === undefined) return
  end(run, 'undone', at)
  const before = newestIn(enrollment)
  // Which run was before those that a working state leaves out is in the stream only.
  if (before === undefined && enrollment.leftOut !== undefined) throw new NeedsHistory()
  if (ref.waiting && before !== undefined) before.status = 'waiting'
}

function laterBy(instant: Instant, ms: number): Instant {
  return ms === 0 ? instant : instantOf(epochMsOf(instant) + ms)
}

/** Why a run was stopped, by the event that stopped it. */
function stoppedBy({
  cause,
  causationId,
  commandId,
  data,
}: ContactEventOf<'SequenceStopped'>): Pick<RunEnd, 'by' | 'goalId'> {
  if (data.movedTo !== undefined) return { by: 'move' }
  if (cause.by === 'goal') return { by: 'goal', goalId: cause.goalId }
  if (cause.by === 'step') return { by: 'failure' }
  // What follows from another event, and not from the order itself, follows from a ban.
  return { by: causationId === commandId ? 'hand' : 'ban' }
}

function placeAt(
  stepId: StepId,
  { id, at }: ContactEvent,
  more: Pick<RunPlace, 'isStart' | 'records'>,
  occurrences: RunPlace['occurrences'] = [],
): RunPlace {
  return { stepId, at, eventId: id, ...more, occurrences }
}

/** What it stood at is passed, and a new wait begins (JUMP-1). */
function move(run: Mutable<Run>, data: ContactEventData['RunMoved'], event: ContactEvent): void {
  const { from, to, standsAt, wait, again } = data
  if (from !== null) {
    const record = recordIn(run, from)
    if (isBegun(record) || (record === undefined && from !== to)) {
      const left = record ?? stepIn(run, { stepId: from, ...occurrenceIn(run, from) }, event)
      set(left, 'passed', event, left.reason, null)
      dropResends(left, event.at)
    }
  }
  const before = run.place?.occurrences ?? []
  const more = again.map((stepId) => {
    const occurrence = before.find((one) => one.stepId === stepId)?.occurrence ?? 1
    return { stepId, occurrence: occurrence + 1 }
  })
  const others = before.filter(({ stepId }) => !again.includes(stepId))
  const place = placeAt(to, event, { isStart: false, records: run.steps.length }, [...others, ...more])
  Object.assign(run, { place })
  run.shiftMs = 0
  let hand = run.byHand === undefined ? undefined : withWaitOver(withoutPast(run.byHand, event.at))
  if (wait === 'none' && standsAt !== null)
    hand = withDue(hand, {
      stepId: standsAt,
      dueAt: event.at,
      at: event.at,
      eventId: event.id,
      now: false,
      wasHeld: false,
    })
  if (hand !== undefined) setByHand(run, hand)
}

function end(
  run: Mutable<Run>,
  status: 'stopped' | 'undone',
  at: Instant,
  why: Pick<RunEnd, 'by' | 'goalId'> = {},
): void {
  const { status: from, pausedAt, endedAt } = run
  const ended = { from, ...(pausedAt === null ? {} : { pausedAt }), ...(endedAt === null ? {} : { endedAt }), ...why }
  run.ended = ended
  run.status = status
  run.endedAt = at
  run.pausedAt = null
  // A resend that was ordered before the stop and not begun falls with it (STOP-6); one ordered later does not.
  for (const [place, { resends }] of run.steps.entries())
    if (resends.length > 0) dropResends(ownRecord(run.steps, place), at)
}

function dropResends(step: Mutable<StepRecord>, at: Instant): void {
  for (const resend of step.resends)
    if (resend.status === 'requested' || resend.status === 'retrying') {
      resend.status = 'cancelled'
      resend.at = at
      resend.retryAt = null
    }
}

/** Records what an attempt came to: on the step itself, or on the resend that it belongs to. */
function attempt(
  state: LiveContact,
  ref: AttemptRef,
  event: ContactEvent,
  status: Exclude<StepRecord['status'], 'cancelled' | 'passed'>,
  reason: string | null,
  retryAt: Instant | null,
  dueAt: Instant | null,
): void {
  const run = runIn(state, ref)
  if (run === undefined) return
  const step = stepIn(run, ref, event)
  // Late news of a step that the run has passed sets its record right, and moves nothing that is counted from it.
  if (ref.resend === 0 && isResolved(step)) {
    set(step, status, { ...event, at: step.at }, reason, retryAt)
    return
  }
  // The wait that a pause made longer ends when the step is resolved; a resend of an older step is none of it.
  if ((ref.resend === 0 && status !== 'dispatched') || step.status === 'held') run.shiftMs = 0
  if (ref.resend === 0) {
    const wasInFlight = step.status === 'dispatched' && step.attempt > 0
    step.attempt = Math.max(step.attempt, ref.attempt)
    step.dueAt ??= dueAt
    if (run.byHand !== undefined) takeByHand(run, run.byHand, step, { wasInFlight, dueAt })
    set(step, status, event, reason, retryAt)
    return
  }
  const resend = step.resends[ref.resend - 1]
  if (resend === undefined) return
  resend.attempt = Math.max(resend.attempt, ref.attempt)
  set(resend, status === 'held' ? 'failed' : status, event, reason, retryAt)
  // A held step that was sent after all lets the run go on (RESEND-4).
  if (status === 'sent' && step.status === 'held') set(step, 'sent', event, null, null)
}

/** The step and its wait are over now, or will be when the run comes to it (SKIP-1). */
function skipByHand(state: LiveContact, data: ContactEventData['StepSkipped'], event: ContactEvent): void {
  withStep(state, data, event, (step, run) => {
    set(step, 'skipped', event, data.reason, null)
    dropResends(step, event.at)
    if (data.ahead === true) step.ahead = true
    else {
      step.dueAt = event.at
      run.shiftMs = 0
      if (run.byHand !== undefined) setByHand(run, withWaitOver(run.byHand))
    }
    if (run.byHand !== undefined) setByHand(run, withoutDue(run.byHand, data.stepId))
  })
}

/** What operators changed is replaced and never changed in place, so that copies of a run can share it. */
function setByHand(run: Mutable<Run>, hand: ByHand): void {
  Object.assign(run, { byHand: hand })
}

function reschedule(run: Mutable<Run>, data: ContactEventData['StepRescheduled'], event: ContactEvent): void {
  const { stepId, dueAt, now = false } = data
  const before = dueByHand(run, stepId)
  const record = recordIn(run, stepId)
  if (dueAt === null) {
    if (run.byHand !== undefined) setByHand(run, withoutDue(run.byHand, stepId))
    if (record?.status === 'retrying' && before?.wasHeld === true) set(record, 'held', event, record.reason, null)
    return
  }
  const wasHeld = record?.status === 'held' || before?.wasHeld === true
  if (record?.status === 'held') set(record, 'retrying', event, record.reason, dueAt)
  setByHand(run, withDue(run.byHand, { stepId, dueAt, at: event.at, eventId: event.id, now, wasHeld }))
}

/** A step begins, or is resolved without having begun: what was ordered for it and for its wait has had its effect. */
function takeByHand(
  run: Mutable<Run>,
  hand: ByHand,
  step: Mutable<StepRecord>,
  { wasInFlight, dueAt }: { readonly wasInFlight: boolean; readonly dueAt: Instant | null },
): void {
  const due = dueByHand({ byHand: hand }, step.stepId)
  if (due !== undefined) {
    step.dueAt = dueAt ?? byHandAt({ byHand: hand }, due)
    if (due.now) step.now = true
    else delete step.now
  }
  const left = withoutDue(hand, step.stepId)
  // What is ordered while a handler is at work moves the wait that comes next.
  setByHand(run, wasInFlight ? left : withWaitOver(left))
}

function set<Status extends string>(
  record: { status: Status; at: Instant; reason: string | null; retryAt: Instant | null; eventId: EventId },
  status: NoInfer<Status>,
  event: ContactEvent,
  reason: string | null,
  retryAt: Instant | null,
): void {
  record.status = status
  record.at = event.at
  record.reason = reason
  record.retryAt = retryAt
  record.eventId = event.id
}

function withRun(state: LiveContact, ref: RunRef, change: (run: Mutable<Run>) => void): void {
  const run = runIn(state, ref)
  if (run !== undefined) change(run)
}

function stepIn(
  run: Mutable<Run>,
  { stepId, occurrence }: Pick<StepRef, 'stepId' | 'occurrence'>,
  event: ContactEvent,
): Mutable<StepRecord> {
  const known = recordForIn(run, stepId, occurrence)
  if (known !== undefined) return known
  run.steps.push({
    stepId,
    ...(occurrence === undefined ? {} : { occurrence }),
    status: 'dispatched',
    at: event.at,
    attempt: 0,
    retryAt: null,
    dueAt: null,
    reason: null,
    eventId: event.id,
    resends: NO_RESENDS,
  })
  return lastOf(run.steps)
}

function lastOf<Item>(list: readonly Item[]): Item {
  return list[list.length - 1] as Item
}

function withStep(
  state: LiveContact,
  ref: StepRef,
  event: ContactEvent,
  change: (step: Mutable<StepRecord>, run: Mutable<Run>) => void,
): void {
  withRun(state, ref, (run) => change(stepIn(run, ref, event), run))
}

// Copied and frozen by the shape that is known, because what asks each object for its keys takes longer than the recipe:
// one more event on a contact with five steps costs 2.9 µs; with `structuredClone` and immer's deep freeze 23.

function copyOf(state: ContactState): LiveContact {
  const { suppressed, enrollments } = state
  return {
    ...state,
    suppressed: suppressed === null ? null : { ...suppressed },
    enrollments: enrollments.map(copyOfEnrollment),
  }
}

function copyOfEnrollment({ campaignId, sequenceId, key, runs, leftOut }: Enrollment): Mutable<Enrollment> {
  return {
    campaignId,
    sequenceId,
    key,
    ...(leftOut === undefined ? {} : { leftOut: { ...leftOut, recent: [...leftOut.recent] } }),
    // Records are copied when they are changed (`ownRecord`): with 1,500 of them a copy of each took longer than the rest.
    runs: runs.map(({ shifts, ...run }) => ({
      ...run,
      ...(shifts === undefined ? {} : { shifts: [...shifts] }),
      steps: run.steps.map(shared),
    })),
  }
}

/** A record that its own state may change would change with another's. */
function shared(step: StepRecord): Mutable<StepRecord> {
  return Object.isFrozen(step) ? (step as Mutable<StepRecord>) : ownCopy(step)
}

/** A state with the enrollments of a frozen one, each of which must be copied before it is changed. */
function sharing(state: ContactState): LiveContact {
  const { suppressed, enrollments } = state
  const list = [...enrollments]
  places.set(list, { ...placesOf(enrollments) })
  return {
    ...state,
    suppressed: suppressed === null ? null : { ...suppressed },
    enrollments: list as Mutable<Enrollment>[],
  }
}

/**
 * Freezes a state that its owner is done with.
 *
 * @param done the places of enrollments that are frozen
 */
export function frozen(state: ContactState, done?: ReadonlySet<number>): ContactState {
  state.enrollments.forEach((enrollment, at) => {
    if (done?.has(at) !== true) freezeEnrollment(enrollment)
  })
  Object.freeze(state.suppressed)
  Object.freeze(state.enrollments)
  return Object.freeze(state)
}

function freezeByHand(hand: ByHand): void {
  hand.dues.forEach(Object.freeze)
  hand.shifts.forEach(Object.freeze)
  Object.freeze(hand.dues)
  Object.freeze(hand.shifts)
  Object.freeze(hand)
}

function freezePlace(place: RunPlace): void {
  place.occurrences.forEach(Object.freeze)
  Object.freeze(place.occurrences)
  Object.freeze(place)
}

function freezeEnrollment(enrollment: Enrollment): void {
  for (const run of enrollment.runs) {
    for (const step of run.steps) {
      if (Object.isFrozen(step)) continue
      if (step.resends !== NO_RESENDS) {
        step.resends.forEach(Object.freeze)
        Object.freeze(step.resends)
      }
      Object.freeze(step)
    }
    Object.freeze(run.steps)
    run.shifts?.forEach(Object.freeze)
    Object.freeze(run.shifts)
    Object.freeze(run.ended)
    Object.freeze(run.continued)
    Object.freeze(run.vars)
    if (run.byHand !== undefined) freezeByHand(run.byHand)
    if (run.place !== undefined) freezePlace(run.place)
    Object.freeze(run)
  }
  Object.freeze(enrollment.runs)
  enrollment.leftOut?.recent.forEach(Object.freeze)
  Object.freeze(enrollment.leftOut?.recent)
  Object.freeze(enrollment.leftOut)
  Object.freeze(enrollment)
}
