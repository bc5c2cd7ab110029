/**
 * What is due now for one contact, what comes next, and when to look again. Rules STEP, PAUSE, GATE, CANCEL-1, RESEND-1.
 * Only looks: `decide` turns what is due into events, a dispatcher calls the handlers.
 */

import { byHandAt, type DueByHand, dueByHand, type RunShift, shifted, shiftsOf, shiftsOfWait } from './by-hand.ts'
import { isPrivateField, requireStep } from './campaign.ts'
import type { Catalog, PublishedCampaign } from './catalog.ts'
import type { SequenceDefinition, StepDefinition } from './definition.ts'
import {
  type BegunRecord,
  beganAt,
  type ContactState,
  type Enrollment,
  hasLooseEnds,
  isBegun,
  isInProgress,
  isPendingResend,
  isResolved,
  isSuppressed,
  occurrenceIn,
  placeIn,
  type ResendRecord,
  type Run,
  recordsInTurn,
  refOf,
  runOf,
  type StepRecord,
  sendingRun,
} from './enrollment.ts'
import type { AttemptRef, Observation, RunRef, SequenceRef, StepRef, Timing } from './events.ts'
import { type ContactId, type EventId, epochMsOf, type Instant, idempotencyKeyOf, instantOf } from './ids.ts'
import {
  drainedLane,
  type EndOfWait,
  endOfWait,
  isPacedAt,
  isPausedLane,
  leavesWait,
  pausedLane,
  pausesOf,
  type SequencePause,
  type Still,
  shiftingIn,
  skippingAt,
  stoodStillMs,
  united,
} from './pauses.ts'
import type { Lane, OtherLane } from './ports/agenda.ts'
import type { Facts } from './ports/host.ts'
import { REASONS } from './reasons.ts'
import { decideCondition } from './routes.ts'
import { type Due, dueOf, durationMs, opensAt } from './timer.ts'

interface DueAction {
  /** Since when it is due; never later than the plan's `now`. */
  readonly dueAt: Instant
  /** The event that this follows from. */
  readonly causedBy: EventId
}

interface Seen {
  /** What the step's condition read, where it was asked (STEP-10). */
  readonly saw?: readonly Observation[]
}

/** One thing that is due. */
export type DueStep =
  | (DueAction &
      AttemptRef &
      Seen & {
        readonly action: 'dispatch'
        readonly step: StepDefinition
        readonly timing: Timing | null
        /** It is overdue, and a pace says how many such may begin: the lane that has the permits (GATE-4). */
        readonly pacedIn?: Lane
      })
  | (DueAction &
      AttemptRef &
      Seen & { readonly action: 'skip'; readonly reason: string; readonly timing: Timing | null })
  /** A worker died between dispatch and outcome, and no further attempt is allowed (STEP-6). */
  | (DueAction &
      AttemptRef & {
        readonly action: 'fail'
        readonly reason: string
        readonly consequence: 'continue' | 'stop' | 'hold'
      })
  /** All steps of the run are resolved, and the waits of cancelled ones are over. */
  | (DueAction & RunRef & { readonly action: 'complete' })

/** The next step of a run in progress. */
export interface UpcomingStep extends StepRef {
  readonly dueAt: Instant
  readonly status: 'pending' | 'dispatched' | 'retrying' | 'held'
  /** It is due at `dueAt`, but nothing of a paused run or a paused campaign is dispatched. */
  readonly paused: boolean
  /** Since when its campaign is paused, where that holds it (GATE-1). */
  readonly campaignPausedSince?: Instant
  /** Where its window is shut when it would begin: when that opens (TIME-2). */
  readonly opensAt?: Instant
}

/** The schedule of one contact as it stands at an instant. */
export interface Plan {
  /** By due instant, oldest first. */
  readonly due: readonly DueStep[]
  /** One for each run in progress that has a step left, in the order of the enrollments. */
  readonly upcoming: readonly UpcomingStep[]
  /** When something is due next: not after `now` if something is due already; `null`: never, as things stand. */
  readonly wakeAt: Instant | null
  /**
   * What is due then: the kind of the step, "" where no handler is called, a lane of its own for what a pause of the campaign
   * holds (`pausedLane`). `null` with `wakeAt`; and with a `wakeAt`
   * where nothing is known to be due then, but a run that cannot be planned is to be looked at again.
   */
  readonly lane: Lane | null
  /** When other kinds of steps are due, each at its first instant, the earliest first. Absent: none is. */
  readonly others?: readonly OtherLane[]
  /** Runs whose schedule could not be computed, where there are any. Everything else of the contact is planned as ever. */
  readonly faults?: readonly PlanFault[]
}

/** A run that cannot be planned as things stand: its definition says what this release cannot compute with. */
export interface PlanFault extends RunRef {
  readonly error: unknown
}

/** How long until a run that cannot be planned is looked at again: what is wrong is seldom gone by itself. */
const FAULT_RETRY_MS = 3_600_000

const NONE: ReadonlySet<string> = new Set()

/**
 * @param facts `null`: the directory does not know the contact; what falls due is then skipped.
 * @param inFlight idempotency keys of sendings whose handlers run right now. Every other dispatched step counts as one
 *   whose worker died (STEP-6): ask only while you hold the contact's lease.
 * @throws EnfoldFault `CAMPAIGN_VERSION_MISSING` if the catalogue lacks the version of a run in progress.
 * @example
 * const { due, wakeAt } = plan('ada', state, catalog, { timeZone: 'Europe/Berlin' }, '2026-03-01T09:00:00.000Z')
 */
export function plan(
  contactId: ContactId,
  state: ContactState,
  catalog: Catalog,
  facts: Facts | null,
  now: Instant,
  inFlight: ReadonlySet<string> = NONE,
): Plan {
  const due: DueStep[] = []
  const upcoming: UpcomingStep[] = []
  /** The first wake of each kind of step, in the order in which the kinds were met. */
  const wakes: Wake[] = []
  const faults: PlanFault[] = []
  const wake = (at: Instant, next: Lane | null) => {
    const kind = next?.kind ?? ''
    const known = wakes.find(({ lane }) => (lane?.kind ?? '') === kind)
    if (known === undefined) wakes.push({ at, lane: next })
    else if (at < known.at) Object.assign(known, { at, lane: next })
  }
  const push = (step: DueStep, beginsAt: Instant = step.dueAt) => {
    wake(beginsAt, laneOf(step))
    if (beginsAt <= now) due.push(step)
  }
  const fault = (one: PlanFault) => {
    faults.push(one)
    wake(later(now, FAULT_RETRY_MS), null)
  }
  const input = { contactId, state, catalog, facts, now, inFlight }
  const planned = state.enrollments.length > MANY ? planRemembered : planOne
  if (!state.erased)
    for (const enrollment of state.enrollments)
      for (const run of enrollment.runs) {
        if (!isInProgress(run) && !hasLooseEnds(run)) continue
        planned(input, enrollment, run, { push, wake, upcoming, fault })
      }
  due.sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0))
  wakes.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  const [first, ...rest] = wakes
  const others = rest.map(({ at, lane }) => ({
    wakeAt: at,
    kind: lane?.kind ?? '',
    campaignId: lane?.campaignId ?? '',
  }))
  return {
    due,
    upcoming,
    wakeAt: first?.at ?? null,
    lane: first?.lane ?? null,
    ...(others.length === 0 ? {} : { others }),
    ...(faults.length === 0 ? {} : { faults }),
  }
}

/** The next step of one run, as `plan` has it; `undefined`: none is left, or the run cannot be planned. */
export function upcomingOfRun(
  contactId: ContactId,
  state: ContactState,
  catalog: Catalog,
  facts: Facts | null,
  now: Instant,
  ref: RunRef,
): UpcomingStep | undefined {
  const upcoming: UpcomingStep[] = []
  const run = runOf(state, ref)
  if (run === undefined || state.erased || !isInProgress(run)) return undefined
  const output = { push() {}, wake() {}, fault() {}, upcoming }
  planOne({ contactId, state, catalog, facts, now, inFlight: NONE }, ref, run, output)
  return upcoming[0]
}

/**
 * What is due now of one run, in no particular order. What a decision did to one run is seen without a look at all the
 * others: with 3,000 runs of one contact, `plan` after each step took more than ten times as long as all else.
 */
export function dueOfRun(
  contactId: ContactId,
  state: ContactState,
  catalog: Catalog,
  facts: Facts | null,
  now: Instant,
  ref: RunRef,
  inFlight: ReadonlySet<string> = NONE,
): readonly DueStep[] {
  const due: DueStep[] = []
  const run = runOf(state, ref)
  if (run === undefined || state.erased || !(isInProgress(run) || hasLooseEnds(run))) return due
  planOne({ contactId, state, catalog, facts, now, inFlight }, ref, run, {
    push(step, beginsAt = step.dueAt) {
      if (beginsAt <= now) due.push(step)
    },
    wake() {},
    fault() {}, // The plan that goes with the decision tells of it.
    upcoming: [],
  })
  return due
}

/** When something of the plan can be done next, while the pauses last that hold the rest (GATE-1); `null`: never. */
export function freeWake({ due, wakeAt, lane, others = [] }: Plan): Instant | null {
  const [first] = due
  if (first !== undefined) return first.dueAt
  if (wakeAt === null || lane === null || !isPausedLane(lane)) return wakeAt
  return others.find((one) => !isPausedLane(one))?.wakeAt ?? null
}

interface Wake {
  readonly at: Instant
  readonly lane: Lane | null
}

/** What a plan is made from. */
interface PlanInput {
  readonly contactId: ContactId
  readonly state: ContactState
  readonly catalog: Catalog
  readonly facts: Facts | null
  readonly now: Instant
  readonly inFlight: ReadonlySet<string>
}

/** Where it goes. */
interface PlanOutput {
  /** `beginsAt` default: when it is due. */
  push(step: DueStep, beginsAt?: Instant): void
  wake(at: Instant, next: Lane): void
  fault(one: PlanFault): void
  readonly upcoming: UpcomingStep[]
}

function planOne(
  input: PlanInput,
  enrollment: SequenceRef,
  run: Run,
  { push, wake, fault, upcoming }: PlanOutput,
): void {
  const { contactId, state, catalog, facts, now, inFlight } = input
  const ref = { ...refOf(enrollment), run: run.run }
  const { campaignId, sequenceId } = ref
  const { campaign } = catalog.version(campaignId, run.campaignVersion)
  const timerContext = {
    facts: facts ?? {},
    vars: run.vars,
    campaignTimeZone: campaign.definition.timeZone ?? 'UTC',
    isPrivate: (field: string) => isPrivateField(campaign.definition, field),
  }
  const pauses = pausesOf(catalog.find(campaignId), sequenceId)
  const held = pauses.at(-1)?.until === null ? (pauses.at(-1) ?? null) : null
  const stood = stoodStill(run, pauses)
  const atShift = (step: StepDefinition, arrival: Arrival) =>
    dueOf(step.timer, arrival.anchor, { ...timerContext, ...arrival })
  const planner: Omit<RunPlanner, 'sequence'> = {
    ref,
    run,
    now,
    stood,
    held,
    factsKnown: facts !== null,
    suppressed: isSuppressed(state, now),
    isInFlight: (sending) =>
      inFlight.size > 0 &&
      inFlight.has(idempotencyKeyOf({ contactId, ...ref, ...sending, run: sendingRun(run, sending.resend) })),
    waitOf(step, arrival) {
      const byHand = dueByHand(run, step.id)
      return byHand === undefined
        ? waitAround(stood, arrival, (moved) => atShift(step, moved))
        : waitByHand(run, stood, arrival, byHand)
    },
    opensAt: (step, dueAt, moment) => opensAt(step.timer, dueAt, moment, timerContext),
    conditionOf: ({ if: condition }) =>
      condition === undefined ? null : decideCondition(condition, timerContext.facts, timerContext.isPrivate, run.vars),
    push:
      held === null
        ? (step, beginsAt) => push(pacedBy(pauses, catalog.drained.at, step), beginsAt)
        : (step, beginsAt = step.dueAt) => wake(beginsAt, pausedLane(campaignId)),
    pushAnyway: push,
    wake: (at, step) => wake(at, held === null ? { kind: step.kind, campaignId } : pausedLane(campaignId)),
    upcoming,
  }
  // What is wrong with one run must lose neither the outcome that is being recorded nor the contact's other runs.
  try {
    const inSequence = { ...planner, sequence: campaign.sequence(sequenceId) }
    planRun(inSequence)
    for (const record of run.steps)
      if (record.resends.length > 0) for (const resend of record.resends) planResend(inSequence, record, resend)
  } catch (error) {
    fault({ ...ref, error })
  }
}

/** Of a contact with more enrollments it is remembered what their runs wait for. To ask costs as much as to plan a few. */
const MANY = 32

/** A run of which nothing is due yet, and whose schedule follows from itself and its definition alone. */
interface QuietRun {
  readonly enrollment: Enrollment
  readonly published: PublishedCampaign
  readonly pauses: readonly SequencePause[]
  /** It is quiet before this instant. */
  readonly dueAt: Instant
  readonly beginsAt: Instant
  readonly next: Lane
  readonly upcoming: readonly UpcomingStep[]
}
const quietRuns = new WeakMap<Run, QuietRun>()

/**
 * As `planOne`. Each append plans all runs of the contact, of which it changed one: with 1,000 open runs that was the
 * larger part of what an order cost.
 */
function planRemembered(input: PlanInput, enrollment: Enrollment, run: Run, output: PlanOutput): void {
  const { catalog, facts, now } = input
  const known = quietRuns.get(run)
  const published = catalog.version(enrollment.campaignId, run.campaignVersion)
  const pauses = pausesOf(catalog.find(enrollment.campaignId), enrollment.sequenceId)
  const isSame = known?.enrollment === enrollment && known.published === published && known.pauses === pauses
  if (isSame && facts !== null && now < known.dueAt) {
    output.wake(known.beginsAt, known.next)
    output.upcoming.push(...known.upcoming)
    return
  }
  const isSteady = Object.isFrozen(run) && run.steps.every((step) => isResolved(step) && step.resends.length === 0)
  if (facts === null || !isSteady) {
    planOne(input, enrollment, run, output)
    return
  }
  const watched = watching(facts)
  const pushed: { readonly step: DueStep; readonly beginsAt: Instant }[] = []
  const upcoming: UpcomingStep[] = []
  let isFaulty = false
  planOne({ ...input, facts: watched.facts }, enrollment, run, {
    push: (step, beginsAt = step.dueAt) => void pushed.push({ step, beginsAt }),
    wake: output.wake,
    fault(one) {
      isFaulty = true
      output.fault(one)
    },
    upcoming,
  })
  for (const { step, beginsAt } of pushed) output.push(step, beginsAt)
  output.upcoming.push(...upcoming)
  const [only, ...others] = pushed
  if (only === undefined || others.length > 0 || isFaulty || watched.wereRead() || only.step.dueAt <= now) return
  const { step, beginsAt } = only
  const next = laneOf(step)
  quietRuns.set(run, { enrollment, published, pauses, dueAt: step.dueAt, beginsAt, next, upcoming })
}

/** Facts that say whether anybody looked at them. */
export function watching(facts: Facts): { readonly facts: Facts; wereRead(): boolean } {
  let read = false
  const get = (from: Facts, name: string | symbol) => {
    read = true
    return Reflect.get(from, name)
  }
  return { facts: new Proxy(facts, { get }), wereRead: () => read }
}

function laneOf(step: DueStep): Lane {
  if (step.action === 'dispatch' && step.pacedIn !== undefined) return step.pacedIn
  return { kind: step.action === 'dispatch' ? step.step.kind : '', campaignId: step.campaignId }
}

interface RunPlanner {
  readonly ref: RunRef
  readonly run: Run
  readonly sequence: SequenceDefinition
  readonly now: Instant
  readonly factsKnown: boolean
  readonly suppressed: boolean
  isInFlight(sending: Pick<AttemptRef, 'stepId' | 'occurrence' | 'resend'>): boolean
  /** What stood still for the run by pauses of its campaign; `null`: nothing. */
  readonly stood: StoodStill | null
  /** The pause that holds it now; `null`: none does. */
  readonly held: SequencePause | null
  waitOf(step: StepDefinition, arrival: Arrival): EndOfWait<Due>
  /** When the step, due at an instant, may begin at a moment or after it. */
  opensAt(step: StepDefinition, dueAt: Instant, moment: Instant): Instant
  conditionOf(step: StepDefinition): ReturnType<typeof decideCondition> | null
  /** What a pause of the campaign holds is not due: its contact waits on the agenda for the resume (GATE-1). */
  push(step: DueStep, beginsAt?: Instant): void
  /** Whatever is paused. */
  pushAnyway(step: DueStep, beginsAt?: Instant): void
  wake(at: Instant, step: StepDefinition): void
  readonly upcoming: UpcomingStep[]
}

/** How a run comes to a step (STEP-1, TIME-3, TIME-7). */
interface Arrival {
  /** What a wait counts from. */
  readonly anchor: Instant
  readonly punctual: Instant
  /** As `punctual`, without the waits of cancelled steps in between: an instant that an operator gives ends them. */
  readonly reached: Instant
  readonly startedAt: Instant
  readonly isFirst: boolean
  readonly shifts: { readonly ofWait: readonly RunShift[]; readonly ofRun: readonly RunShift[] }
}

/**
 * Since when the wait after a resolved step runs: since the step was resolved. `null`: the step begins no wait, and the one
 * before it goes on. So it is with a cancelled step (CANCEL-1), and with one that a pause left out (GATE-3).
 */
function waitAfter(record: StepRecord): Instant | null {
  return leavesWait(record) || record.ahead === true ? null : record.at
}

/** Since when the wait in progress runs: since the last step that began one was resolved, or the run began. */
export function waitSince(run: Run): Instant {
  const waits = run.steps.flatMap((step) => (isResolved(step) ? (waitAfter(step) ?? []) : []))
  return waits.reduce(latest, run.place?.at ?? beganAt(run))
}

/** The one step of the run that stands next, if its schedule is not over. */
function planRun(planner: RunPlanner): void {
  const { run, sequence, ref, stood } = planner
  // Where a pause of the campaign stands between, each wait finds by itself what stood still of it.
  const { shiftMs, shiftedMs } = stood === null ? run : NOT_SHIFTED
  const { place } = run
  const startedAt = later(beganAt(run), shiftedMs)
  let anchor = later(place?.at ?? beganAt(run), shiftMs)
  let punctual = place === undefined || place.isStart ? startedAt : anchor
  let [reachedAnchor, reached] = [anchor, punctual]
  let causedBy = place?.eventId ?? run.eventId
  let byWait = false
  const ofRun = shiftsOf(run)
  const ofLastWait = shiftsOfWait(run)
  let ofWait = ofLastWait
  const first = placeIn(run, sequence.steps)
  const arrivalAt = (at: number): Arrival => ({
    anchor,
    punctual: earliest(punctual, anchor),
    reached: earliest(reached, reachedAnchor),
    startedAt,
    isFirst: at === first && (place?.isStart ?? true),
    shifts: { ofWait, ofRun },
  })
  const recordAt = recordsInTurn(run)
  for (const [at, step] of sequence.steps.entries()) {
    if (at < first) continue
    const record = recordAt(step.id, at)
    if (record === undefined) {
      planPending(planner, step, arrivalAt(at), causedBy)
      return
    }
    if (isBegun(record)) {
      planStarted(planner, step, record)
      return
    }
    // A run that was moved has passed the step, and takes no time over it; a cancelled one leaves its wait.
    const isOld = place !== undefined && run.steps.indexOf(record) < place.records
    if (isOld && record.status !== 'cancelled') continue
    causedBy = record.eventId
    if (record.ahead === true) continue // It was gone before the run came to it, and its wait with it (SKIP-1).
    const resolvedAt = waitAfter(record)
    byWait = resolvedAt === null
    if (resolvedAt === null) {
      // The step is cancelled, not the wait: the next is counted from when this would have been due (STEP-1, CANCEL-1),
      // or was: a step that was tried before has its due instant on record, and shifts since then come on top.
      const wasDueAt = isOld ? null : record.dueAt
      const dueAt =
        wasDueAt === null
          ? planner.waitOf(step, arrivalAt(at)).found.timing.dueAt
          : shifted(later(wasDueAt, shiftMs), ofWait)
      // A moment that had gone by is no reason to count the next wait from before the step was reached.
      if (wasDueAt !== null || dueAt > anchor) anchor = dueAt
      if (step.timer !== undefined) punctual = dueAt
      ofWait = []
    } else {
      anchor = later(resolvedAt, shiftMs)
      ofWait = ofLastWait
      // A step without a timer takes no time of its own: the punctual arrival after it is that before it.
      if (step.timer !== undefined && record.dueAt !== null) punctual = later(record.dueAt, shiftMs)
      ;[reachedAnchor, reached] = [anchor, punctual]
    }
  }
  // The end of a wait is part of the schedule, which a pause holds (PAUSE-1); the end of the last step is not (STEP-8).
  if (!isInProgress(run)) return
  const complete = { action: 'complete', ...ref, dueAt: anchor, causedBy } as const
  if (!byWait) planner.pushAnyway(complete)
  else if (run.status === 'active') planner.push(complete)
}

function planPending(planner: RunPlanner, step: StepDefinition, arrival: Arrival, causedBy: EventId): void {
  const { run, ref } = planner
  if (!isInProgress(run)) return
  const time = occurrenceIn(run, step.id)
  const { found, heldMs } = planner.waitOf(step, arrival)
  // What fell due in a pause that skips is left out whatever it is: it takes no time, as if it had been done then (GATE-3).
  const isLeftOut = skippingAt(planner.stood?.pauses ?? [], found.timing.dueAt) !== null
  const timing = isLeftOut ? found.timing : movedBy(found.timing, heldMs)
  const { dueAt } = timing
  const show = (opening: Opening = {}) =>
    void planner.upcoming.push({
      ...ref,
      stepId: step.id,
      ...time,
      dueAt,
      status: 'pending',
      ...pausedOf(planner),
      ...opening,
    })
  if (run.status === 'paused') {
    show()
    return
  }
  const byHand = dueByHand(run, step.id)
  const why = byHand?.eventId ?? causedBy
  const attempt = { ...ref, stepId: step.id, ...time, resend: 0, attempt: 1, dueAt, causedBy: why, timing }
  const reason = isLeftOut ? REASONS.paused : step.draft === true ? REASONS.draft : found.skip
  if (reason === null) show(begin(planner, step, attempt, dueAt, byHand?.now === true))
  else {
    show()
    planner.push({ action: 'skip', ...attempt, attempt: 0, reason })
  }
}

/** A step that was dispatched before: in flight, given up by its worker, waiting for a retry, or held. */
function planStarted(planner: RunPlanner, step: StepDefinition, record: BegunRecord): void {
  const { run, ref } = planner
  const inProgress = isInProgress(run)
  const { status } = record
  const byHand = dueByHand(run, step.id)
  const firstDueAt = byHand === undefined ? heldSince(planner, record.dueAt ?? record.at) : retryOf(planner, record)
  const dueAt = status === 'retrying' ? retryOf(planner, record) : firstDueAt
  const opening = status === 'held' ? {} : nextAttempt(planner, step, record, status, firstDueAt)
  if (inProgress)
    planner.upcoming.push({
      ...ref,
      stepId: step.id,
      ...timeOf(record),
      dueAt,
      status,
      ...pausedOf(planner),
      ...opening,
    })
}

/** What is due next of a step that was dispatched before. */
function nextAttempt(
  planner: RunPlanner,
  step: StepDefinition,
  record: StepRecord,
  status: 'dispatched' | 'retrying',
  firstDueAt: Instant,
): Opening {
  const { run, ref } = planner
  const byHand = dueByHand(run, step.id)
  const sending = { stepId: step.id, ...timeOf(record), resend: 0 }
  const base = { ...ref, ...sending, causedBy: byHand?.eventId ?? record.eventId, timing: null }
  if (status === 'dispatched') {
    if (planner.isInFlight(sending)) {
      planner.wake(record.at, step)
      return {}
    }
    const consequence = isInProgress(run) ? afterUnknown(step, record.attempt) : 'continue'
    if (run.status === 'paused') return {}
    if (consequence !== null) {
      const reason = REASONS.unknownOutcome
      planner.push({ action: 'fail', ...base, attempt: record.attempt, dueAt: record.at, reason, consequence })
      return {}
    }
  } else if (run.status !== 'active') return {}
  const dueAt = status === 'retrying' ? retryOf(planner, record) : record.at
  const isNow = byHand?.now ?? record.now
  return begin(planner, step, { ...base, attempt: record.attempt + 1, dueAt }, firstDueAt, isNow === true)
}

/** Which time of several a record is of. */
function timeOf({ occurrence }: StepRecord): Pick<StepRef, 'occurrence'> {
  return occurrence === undefined ? {} : { occurrence }
}

/** When the window of a step opens that waits for it; nothing where it does not. */
type Opening = Pick<UpcomingStep, 'opensAt'>

/**
 * An attempt of the schedule, unless a gate forbids it: now if it is due and the window is open, else when both are so.
 *
 * @param firstDueAt when the step was due: what lateness counts from, also of a retry
 * @param isNow sent by hand: it does not wait for its window (NOW-1)
 */
function begin(
  planner: RunPlanner,
  step: StepDefinition,
  attempt: DueAction & AttemptRef & { readonly timing: Timing | null },
  firstDueAt: Instant,
  isNow: boolean,
): Opening {
  const { dueAt } = attempt
  const { refused, seen } = gates(planner, step, firstDueAt, dueAt)
  if (refused !== null) {
    planner.push({ action: 'skip', ...attempt, attempt: attempt.attempt - 1, ...seen, reason: refused })
    return {}
  }
  const moment = latest(dueAt, planner.now)
  const opening = isNow ? moment : planner.opensAt(step, firstDueAt, moment)
  const dispatch = { action: 'dispatch', ...attempt, ...seen, step } as const
  if (opening === moment) {
    planner.push(dispatch, dueAt)
    return {}
  }
  // What ends it before the window opens is the next thing to happen to it: that it is too late, or its condition, which is
  // asked when it is due (STEP-10).
  const expiresAt = expiryOf(step, firstDueAt)
  const isToBeRefused = dueAt > planner.now && planner.conditionOf(step)?.holds === false
  const next = isToBeRefused ? dueAt : opening
  planner.push(dispatch, expiresAt === null ? next : earliest(next, later(expiresAt, 1)))
  return { opensAt: opening }
}

/** A resend stands outside the schedule: it is due at once, in a run of any status (RESEND-1, RESEND-2). */
function planResend(planner: RunPlanner, record: StepRecord, resend: ResendRecord): void {
  const { run, ref, sequence } = planner
  if (!isPendingResend(resend)) return
  const step = requireStep(sequence, record.stepId)
  const sending = { stepId: step.id, ...timeOf(record), resend: resend.resend }
  const base = { ...ref, ...sending, causedBy: resend.eventId, timing: null }
  if (resend.status === 'dispatched') {
    if (planner.isInFlight(sending)) {
      planner.wake(resend.at, step)
      return
    }
    const stoppedSince = run.status === 'stopped' && run.endedAt !== null && resend.at <= run.endedAt
    if (stoppedSince || planner.suppressed || afterUnknown(step, resend.attempt) !== null) {
      const { unknownOutcome: reason } = REASONS
      planner.push({
        action: 'fail',
        ...base,
        attempt: resend.attempt,
        dueAt: resend.at,
        reason,
        consequence: 'continue',
      })
      return
    }
  }
  const dueAt = resend.retryAt ?? resend.at
  const reason = planner.suppressed ? REASONS.suppressed : planner.factsKnown ? null : REASONS.contactUnknown
  if (reason === null) planner.push({ action: 'dispatch', ...base, attempt: resend.attempt + 1, step, dueAt })
  else planner.push({ action: 'skip', ...base, attempt: resend.attempt, dueAt, reason })
}

/** What stood still for a run. */
interface StoodStill {
  /** By pauses of its campaign that shift. */
  readonly byCampaign: readonly Still[]
  /** By these, or by pauses of the run itself that shift: a wait that both held is longer by their union. */
  readonly byAny: readonly Still[]
  readonly pauses: readonly SequencePause[]
}

/** `null`: no pause of the campaign changed anything for the run. */
function stoodStill(run: Run, pauses: readonly SequencePause[]): StoodStill | null {
  const { shifts = [] } = run
  const since = beganAt(run)
  if (!pauses.some(({ until, overdue }) => until !== null && until > since && overdue !== 'send')) return null
  const byCampaign = united(shiftingIn(pauses))
  return { byCampaign, byAny: united([...byCampaign, ...pausesOfRun(shifts)]), pauses }
}

/** What pauses of the run itself made of its waits. */
function pausesOfRun(shifts: Run['shifts'] = []): readonly Still[] {
  return shifts.map(({ until, ms }) => ({ fromMs: epochMsOf(until) - ms, untilMs: epochMsOf(until) }))
}

/** All that stood still for a run. */
function stillOf({ shifts }: Run, stood: StoodStill | null): readonly Still[] {
  return stood?.byAny ?? pausesOfRun(shifts)
}

/** When the wait for a step is over, around what stood still meanwhile (GATE-3). */
function waitAround(stood: StoodStill | null, arrival: Arrival, dueOf: (moved: Arrival) => Due): EndOfWait<Due> {
  if (stood === null) return { found: dueOf(arrival), shiftMs: 0, heldMs: 0 }
  const { anchor, punctual } = arrival
  // What counts from the start of the run stood still before the run came here, too (TIME-7).
  const before = stoodStillMs(stood.byAny, epochMsOf(arrival.startedAt), epochMsOf(anchor))
  const startedAt = later(arrival.startedAt, before)
  return endOfWait(
    stood.byAny,
    anchor,
    (ms) =>
      dueOf({
        ...arrival,
        anchor: later(anchor, ms),
        punctual: later(punctual, ms),
        startedAt: later(startedAt, ms),
      }),
    ({ timing }) => timing.dueAt,
  )
}

/** When the wait is over for a step to which an operator gave its instant: it stood still with all others since (SHIFT-1). */
function waitByHand(run: Run, stood: StoodStill | null, arrival: Arrival, due: DueByHand): EndOfWait<Due> {
  const { anchor, reached } = arrival
  // Punctually the run does not come to it any earlier.
  const at = (ms: number, come: Instant): Due => ({
    timing: { anchor, dueAt: latest(byHandAt(run, due, ms), come), byHand: true },
    skip: null,
  })
  const still = stillOf(run, stood)
  // Where no pause of the campaign stands between, what the run itself stood still is in the arrival.
  if (stood === null) return { found: at(stoodStillMs(still, epochMsOf(due.at)), reached), shiftMs: 0, heldMs: 0 }
  return endOfWait(
    still,
    due.at,
    (ms) => at(ms, later(reached, ms)),
    ({ timing }) => timing.dueAt,
  )
}

/** When a step is due to which an operator gave its instant, as far as its run and its campaign have stood still by now. */
export function instantByHand(run: Run, due: DueByHand, pauses: readonly SequencePause[]): Instant {
  const still = stillOf(run, stoodStill(run, pauses))
  return endOfWait(
    still,
    due.at,
    (ms) => byHandAt(run, due, ms),
    (dueAt) => dueAt,
  ).found
}

/** A timing that stood still when its wait was over: lateness does not count that (STEP-9). */
function movedBy(timing: Timing, ms: number): Timing {
  return ms === 0 ? timing : { ...timing, anchor: later(timing.anchor, ms), dueAt: later(timing.dueAt, ms) }
}

/** An instant since which a step waits, later by what stood still since. */
function heldSince({ stood }: RunPlanner, instant: Instant): Instant {
  return stood === null ? instant : later(instant, stoodStillMs(stood.byCampaign, epochMsOf(instant)))
}

/** When the next attempt is due: the wait for it is a wait like any other. */
function retryOf({ run, stood }: RunPlanner, record: StepRecord): Instant {
  const { at, retryAt } = record
  const byHand = dueByHand(run, record.stepId)
  if (byHand !== undefined) return byHandAt(run, byHand, stoodStillMs(stillOf(run, stood), epochMsOf(byHand.at)))
  if (retryAt === null || stood === null) return retryAtOf(run, record)
  return shifted(later(retryAt, stoodStillMs(stood.byCampaign, epochMsOf(at))), shiftsOfWait(run))
}

/**
 * When the next attempt is due at the earliest: when the last one said, moved by operators since, or at the instant that
 * they gave it. A pause of the campaign makes it later.
 */
export function retryAtOf(run: Run, { stepId, retryAt, at }: StepRecord): Instant {
  const byHand = dueByHand(run, stepId)
  return byHand === undefined ? shifted(retryAt ?? at, shiftsOfWait(run)) : byHandAt(run, byHand)
}

function pausedOf({ run, held }: RunPlanner): Pick<UpcomingStep, 'paused' | 'campaignPausedSince'> {
  const paused = run.status === 'paused' || held !== null
  return held === null ? { paused } : { paused, campaignPausedSince: held.from }
}

/** What was overdue when its campaign was resumed with a pace begins by that; what is tried or sent again does not. */
function pacedBy(pauses: readonly SequencePause[], drainedAt: Instant | null, step: DueStep): DueStep {
  if (step.action !== 'dispatch' || step.resend > 0 || step.attempt > 1) return step
  if (isPacedAt(pauses, step.dueAt)) return { ...step, pacedIn: pausedLane(step.campaignId) }
  return drainedAt !== null && step.dueAt <= drainedAt ? { ...step, pacedIn: drainedLane(step.campaignId) } : step
}

const NOT_SHIFTED = { shiftMs: 0, shiftedMs: 0 }

/** What follows an unknown outcome: `null` is another attempt with the same key (STEP-6). */
function afterUnknown(step: StepDefinition, attempt: number): 'continue' | 'stop' | 'hold' | null {
  if (step.onUnknown === 'hold') return 'hold'
  // A step that kills its worker every time must come to an end, too.
  return attempt >= maxAttemptsOf(step) ? (step.onFailure ?? 'continue') : null
}

/** How many attempts a sending of the step has (STEP-5). */
export function maxAttemptsOf(step: StepDefinition): number {
  return step.maxAttempts ?? 5
}

/**
 * The gates of a scheduled step, in order: late (STEP-9), unknown, its condition (STEP-10). Its window is no such gate:
 * outside, the step waits.
 *
 * @param at when this attempt is due. Before that nothing is asked that may be answered otherwise then.
 * @returns why it must not be dispatched; and what its condition read, if it was asked
 */
function gates(
  { now, factsKnown, conditionOf }: RunPlanner,
  step: StepDefinition,
  firstDueAt: Instant,
  at: Instant,
): { readonly refused: string | null; readonly seen: Seen } {
  const refuse = (reason: string) => ({ refused: reason, seen: {} })
  const expiresAt = expiryOf(step, firstDueAt)
  if (expiresAt !== null && now > expiresAt) return refuse(REASONS.late)
  if (!factsKnown) return refuse(REASONS.contactUnknown)
  const condition = at > now ? null : conditionOf(step)
  if (condition === null) return { refused: null, seen: {} }
  return { refused: condition.holds ? null : REASONS.condition, seen: { saw: condition.saw } }
}

/** The last instant at which the step may begin (STEP-9); `null`: it is never late. */
function expiryOf({ expiresAfter }: StepDefinition, dueAt: Instant): Instant | null {
  return expiresAfter === undefined ? null : later(dueAt, durationMs(expiresAfter) as number)
}

function latest(a: Instant, b: Instant): Instant {
  return a > b ? a : b
}

function earliest(a: Instant, b: Instant): Instant {
  return a < b ? a : b
}

function later(instant: Instant, ms: number): Instant {
  return ms === 0 ? instant : instantOf(epochMsOf(instant) + ms)
}
