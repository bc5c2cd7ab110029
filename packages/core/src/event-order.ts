/**
 * Which events may follow which: the order that every contact's history keeps, whatever program wrote it (AUDIT-4).
 * Written against the rules and not against `decide`, so that one can be held against the other.
 */
import { brakedUntil } from './brake.ts'
import { byHandAt, dueByHand, shifted, shiftsOfWait } from './by-hand.ts'
import { type Campaign, stepOf } from './campaign.ts'
import { type Catalog, patternsOf } from './catalog.ts'
import type { StepDefinition } from './definition.ts'
import {
  beganAt,
  type ContactState,
  enrollmentOf,
  isBeforePlace,
  isInProgress,
  isOpenRun,
  isResolved,
  isSkipByHand,
  isSuppressed,
  newestRun,
  nextRunNumber,
  occurrenceIn,
  placeIn,
  type ResendRecord,
  type Run,
  recordFor,
  recordOf,
  recordsInTurn,
  requireRun,
  runOf,
  type StepRecord,
  sendingRun,
  standingAt,
} from './enrollment.ts'
import type { AttemptRef, ContactEvent, ContactEventOf, RunRef, StepRef, Timing } from './events.ts'
import { fold } from './fold.ts'
import { type ContactId, epochMsOf, type Instant, idempotencyKeyOf, instantOf } from './ids.ts'
import { leavesWait, pausesOf, skippingAt } from './pauses.ts'
import { maxAttemptsOf, retryAtOf } from './plan.ts'
import { REASONS } from './reasons.ts'
import { publishedFor, routesViolation } from './route-rules.ts'
import { durationMs } from './timer.ts'
import { withKind } from './timers/timers.ts'
import { continuationViolation, goesOnFromNone, orderUndoneViolation, undoneViolation } from './undo-rules.ts'
import { sameViolation, sawViolation, skipViolation, startViolation, timingViolation } from './variable-rules.ts'
import type { Violation } from './violation.ts'

export type { Violation } from './violation.ts'

/**
 * Whether this event may come next. Assumes that the events before it were legal.
 *
 * @param state the contact's state before the event
 * @param campaigns where known: then steps are held against the version of their run, too
 * @returns `null` if it may
 */
export function violationOf(
  contactId: ContactId,
  state: ContactState,
  event: ContactEvent,
  campaigns?: Catalog,
): Violation | null {
  if (state.erased && !OUTCOMES.has(event.type)) return broken('ERASE-1', `${event.type} after ContactErased`)
  const { type, data } = event
  switch (type) {
    case 'SequenceStarted':
      return started(state, event, campaigns)
    case 'RunUndone':
      return ofNewest(state, data) ?? undoneViolation(state, data)
    case 'SignalRetracted':
      return null // What it owes to its append is in append-rules.ts.
    case 'SequenceStopped':
      return ofNewest(state, data) ?? expect('STOP-5', isOpenRun(runOf(state, data)), 'a stop of a run that is over')
    case 'SequencePaused':
      return (
        ofNewest(state, data) ?? expect('PAUSE-3', statusOf(state, data) === 'active', 'a pause of what does not run')
      )
    case 'SequenceResumed':
      return (
        ofNewest(state, data) ??
        expect('PAUSE-3', statusOf(state, data) === 'paused', 'a resume of what is not paused') ??
        expect('PAUSE-2', data.shiftMs <= pausedMs(state, data, event.at), 'waits made longer by more than the pause')
      )
    case 'SequenceCompleted':
      return (
        ofNewest(state, data) ??
        expect('STEP-8', isInProgress(runOf(state, data)), 'the end of a run that is not in progress') ??
        everyStepResolved(state, data, campaigns) ??
        ended(state, event, campaigns)
      )
    case 'SignalReceived':
    case 'SignalsDropped':
      return null // Facts, not orders: of a banned contact, too (SIGNAL-4). Their place in the append is in append-rules.ts.
    case 'GoalSatisfied':
      return (
        expect('STOP-4', !isSuppressed(state, event.at), 'a goal of a suppressed contact') ??
        satisfied(state, event, campaigns)
      )
    case 'StepDispatched':
      return dispatched(contactId, state, event, data, campaigns)
    case 'StepSent':
      return stepKnown(state, data, campaigns) ?? outcome(state, data, type)
    case 'StepFailed':
      return stepKnown(state, data, campaigns) ?? outcome(state, data, type) ?? failed(state, event, campaigns)
    case 'StepSkipped':
      if (isSkipByHand(event)) return skippedByHand(state, data, campaigns)
      return (
        stepKnown(state, data, campaigns) ??
        expect('SKIP-1', data.ahead === undefined, 'a step skipped ahead by its schedule') ??
        (data.attempt === 0 ? skipped(state, event, campaigns) : outcome(state, data, type))
      )
    case 'StepResent':
      return stepKnown(state, data, campaigns) ?? resent(state, data)
    case 'StepCancelled':
      return stepKnown(state, data, campaigns) ?? ofNewest(state, data) ?? cancelled(state, data, campaigns)
    case 'StepRescheduled':
      return rescheduled(state, event, campaigns)
    case 'RunMoved':
      return moved(state, event, campaigns)
    case 'OrderUndone':
      return orderUndoneViolation(state, data)
    case 'RunShifted':
      return (
        ofNewest(state, data) ??
        expect('SHIFT-2', isInProgress(runOf(state, data)), 'a shift of a run that is not in progress') ??
        expect('SHIFT-2', data.byMs !== 0, 'a shift by nothing')
      )
    case 'ContactSuppressed':
    case 'ContactErased':
      return null
    case 'ContactUnsuppressed':
      return expect('STOP-4', state.suppressed !== null, 'an end of no ban')
  }
}

const OUTCOMES: ReadonlySet<string> = new Set(['StepSent', 'StepFailed', 'StepSkipped'])

function broken(rule: string, message: string): Violation {
  return { rule, message }
}

function expect(rule: string, holds: boolean | undefined, message: string): Violation | null {
  return holds === true ? null : broken(rule, message)
}

function statusOf(state: ContactState, ref: RunRef): string | undefined {
  return runOf(state, ref)?.status
}

function ofNewest(state: ContactState, ref: RunRef): Violation | null {
  const newest = newestRun(enrollmentOf(state, ref))
  return expect('START-1', newest?.run === ref.run, `an event of run ${ref.run}, but the newest is ${newest?.run ?? 0}`)
}

function stepKnown(state: ContactState, ref: StepRef, campaigns?: Catalog): Violation | null {
  const run = runOf(state, ref)
  if (run === undefined) return broken('START-1', `a step of run ${ref.run}, which was never opened`)
  if (campaigns === undefined) return null
  if (!campaigns.has(ref.campaignId, run.campaignVersion))
    return broken('VERSION-1', `run ${ref.run} is of version ${run.campaignVersion}, which was never published`)
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  const sequence = campaign.sequences.get(ref.sequenceId)
  const known = sequence !== undefined && stepOf(sequence, ref.stepId) !== undefined
  return expect('VERSION-1', known, `version ${run.campaignVersion} has no step ${JSON.stringify(ref.stepId)}`)
}

function started(state: ContactState, event: ContactEventOf<'SequenceStarted'>, campaigns?: Catalog): Violation | null {
  const { data, at } = event
  const newest = newestRun(enrollmentOf(state, data))
  const next = nextRunNumber(enrollmentOf(state, data))
  if (isSuppressed(state, at)) return broken('STOP-4', 'a start of a suppressed contact')
  if (isInProgress(newest)) return broken('START-2', `run ${data.run} is opened while run ${newest.run} is in progress`)
  return (
    expect('START-1', data.run === next, `run ${data.run} follows run ${next - 1}`) ??
    (data.continues === undefined
      ? (goesOnFromNone(data) ?? startOf(state, event, campaigns))
      : continuationViolation(state, data, at, campaigns))
  )
}

function resent(state: ContactState, data: ContactEventOf<'StepResent'>['data']): Violation | null {
  const run = runOf(state, data)
  const record = run === undefined ? undefined : recordOf(run, data.stepId)
  const reached = record !== undefined && (record.attempt > 0 || record.status === 'skipped')
  return (
    ofThisTime(run, data) ??
    expect('RESEND-2', reached && record.status !== 'cancelled', 'a resend of a step that was not reached') ??
    expect('RESEND-2', record?.status !== 'dispatched', 'a resend of a step in flight') ??
    expect('RESEND-3', data.resend === (record?.resends.length ?? 0) + 1, `resend ${data.resend} out of order`)
  )
}

function cancelled(
  state: ContactState,
  data: ContactEventOf<'StepCancelled'>['data'],
  campaigns?: Catalog,
): Violation | null {
  const run = runOf(state, data)
  const status = run === undefined ? undefined : recordOf(run, data.stepId)?.status
  const free = status === undefined || status === 'retrying' || status === 'held'
  return (
    ofThisTime(run, data) ??
    notPassed(run, data, campaigns) ??
    expect('CANCEL-1', isInProgress(run), 'a cancelled step of a run that is not in progress') ??
    expect('CANCEL-2', free, `a cancelled step that is ${status}`)
  )
}

/** Of a step that is done several times, an event of the schedule or of an operator tells of the last (JUMP-1). */
function ofThisTime(run: Run | undefined, { stepId, occurrence }: StepRef): Violation | null {
  const expected = run === undefined ? undefined : occurrenceIn(run, stepId).occurrence
  return expect(
    'JUMP-1',
    occurrence === expected,
    `time ${occurrence ?? 1} of a step, where it is time ${expected ?? 1}`,
  )
}

/** An operator changes nothing of a step that the run has passed (START-7, JUMP-1). */
function notPassed(run: Run | undefined, ref: StepRef, campaigns?: Catalog): Violation | null {
  if (run === undefined || campaigns?.has(ref.campaignId, run.campaignVersion) !== true) return null
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  const isPassed = isBeforePlace(run, campaign.sequences.get(ref.sequenceId)?.steps ?? [], ref.stepId)
  return expect('JUMP-1', !isPassed, 'an order about a step that was passed')
}

/** A run goes on at a step of its version; nothing of it is in flight, and what is done again was done (JUMP-1). */
function moved(state: ContactState, event: ContactEventOf<'RunMoved'>, campaigns?: Catalog): Violation | null {
  const { data } = event
  const run = runOf(state, data)
  const ours = ofNewest(state, data) ?? expect('JUMP-1', isInProgress(run), 'a move of a run that is not in progress')
  if (ours !== null || run === undefined) return ours
  if (campaigns?.has(data.campaignId, run.campaignVersion) !== true) return null
  const { campaign } = campaigns.version(data.campaignId, run.campaignVersion)
  const steps = campaign.sequences.get(data.sequenceId)?.steps ?? []
  const ids = steps.map(({ id }) => id)
  const { from, to, again, standsAt } = data
  const place = ids.indexOf(to)
  const isDone = (id: string) => {
    const status = recordOf(run, id)?.status
    return ids.indexOf(id) >= place && (id === from || (status !== undefined && status !== 'cancelled'))
  }
  return (
    expect('VERSION-1', place >= 0, `version ${run.campaignVersion} has no step ${JSON.stringify(to)}`) ??
    expect('JUMP-1', from === standingAt(run, steps), 'a move from where the run does not stand') ??
    expect('JUMP-1', from === null || isFree(recordOf(run, from)), 'a move of a run of which a step is in flight') ??
    expect('JUMP-1', recordOf(run, to)?.status !== 'cancelled', 'a move to a step that was cancelled') ??
    expect(
      'JUMP-1',
      new Set(again).size === again.length && again.every(isDone),
      'a step done again that was not done',
    ) ??
    expect(
      'JUMP-1',
      standsAt === standingAt(requireRun(fold([event], state), data), steps),
      'a move that does not say truly where the run stands then',
    )
  )
}

/** Steps run in order: those before it, or all, are resolved. */
function everyStepResolved(state: ContactState, ref: RunRef, campaigns?: Catalog, before?: string): Violation | null {
  const run = runOf(state, ref)
  if (run === undefined || campaigns?.has(ref.campaignId, run.campaignVersion) !== true) return null
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  const steps = campaign.sequences.get(ref.sequenceId)?.steps ?? []
  if (before !== undefined && isBeforePlace(run, steps, before))
    return broken('JUMP-1', 'a step that was passed before the run came to where it is')
  const recordAt = recordsInTurn(run)
  const first = placeIn(run, steps)
  for (const [place, step] of steps.entries()) {
    if (place < first) continue
    if (step.id === before) return null
    if (!isResolved(recordAt(step.id, place)))
      return broken(before === undefined ? 'STEP-8' : 'STEP-1', `the step ${JSON.stringify(step.id)} is not resolved`)
  }
  return null
}

function dispatched(
  contactId: ContactId,
  state: ContactState,
  event: ContactEvent,
  data: AttemptRef & { readonly idempotencyKey: string; readonly timing: Timing | null },
  campaigns?: Catalog,
): Violation | null {
  const unknown = stepKnown(state, data, campaigns)
  if (unknown !== null) return unknown
  const run = requireRun(state, data)
  const record = recordFor(run, data.stepId, data.occurrence)
  if (isSuppressed(state, event.at)) return broken('STOP-4', 'a dispatch to a suppressed contact')
  if (data.idempotencyKey !== idempotencyKeyOf({ contactId, ...data, run: sendingRun(run, data.resend) }))
    return broken('STEP-4', 'an idempotency key that is not that of the sending')
  const sending = data.resend === 0 ? record : record?.resends[data.resend - 1]
  if (data.resend === 0) {
    if (run.status !== 'active') return broken(RULE_OF_STATUS[run.status], `a dispatch of a run that is ${run.status}`)
    const late = ofThisTime(run, data) ?? everyStepResolved(state, data, campaigns, data.stepId)
    if (late !== null) return late
  } else if (sending === undefined)
    return broken('RESEND-1', `a dispatch of resend ${data.resend}, which nobody ordered`)
  const free = sending === undefined || MAY_DISPATCH.has(sending.status)
  return (
    expect('STEP-1', free, `a dispatch of a step that is ${sending?.status}`) ??
    expect(
      'STEP-4',
      data.attempt === (sending?.attempt ?? 0) + 1,
      `attempt ${data.attempt} after ${sending?.attempt ?? 0}`,
    ) ??
    tooEarly(run, data.resend === 0 ? record : undefined, sending, event.at) ??
    sawViolation(run, event.type === 'StepDispatched' ? event.data.saw : undefined) ??
    (campaigns === undefined ? null : onTime(run, data, event.at, campaigns))
  )
}

/** Another attempt begins when the last one said, or when an operator did. */
function tooEarly(
  run: Run,
  record: StepRecord | undefined,
  sending: StepRecord | ResendRecord | undefined,
  at: Instant,
): Violation | null {
  if (sending?.status !== 'retrying' || sending.retryAt === null) return null
  const retryAt = record === undefined ? sending.retryAt : retryAtOf(run, record)
  return at >= retryAt ? null : broken('STEP-5', `another attempt ${msBetween(at, retryAt)} ms before it was due`)
}

/** A dispatch does not begin before its step is due, counted from where the run stands (STEP-1, TIME-1). */
function onTime(
  run: Run,
  data: AttemptRef & { readonly timing: Timing | null },
  at: Instant,
  campaigns: Catalog,
): Violation | null {
  const step = stepIn(run, data, campaigns)
  if (step === undefined) return null
  // One more than it has was ordered by hand (NOW-1).
  if (data.attempt > maxAttemptsOf(step) && data.resend === 0 && dueByHand(run, step.id) === undefined)
    return broken('STEP-5', `attempt ${data.attempt} of a step that has ${maxAttemptsOf(step)}`)
  if (step.draft === true && data.resend === 0) return broken('STEP-3', 'a dispatch of a draft')
  const { timing } = data
  const isFirst = data.resend === 0 && data.attempt === 1
  if (timing === null) return isFirst ? broken('STEP-1', 'a first attempt without its timing') : null
  if (!isFirst) return broken('STEP-1', 'a timing on an attempt that is not the first')
  if (at < timing.dueAt) return broken('STEP-1', `a dispatch ${msBetween(at, timing.dueAt)} ms before it was due`)
  return (
    timingViolation(run, step, timing) ??
    counted(run, step, timing, campaigns.version(data.campaignId, run.campaignVersion).campaign, data.sequenceId)
  )
}

/** Whether the timing is one that the run and the timer allow. What needs zones or fields is not computed again. */
function counted(
  run: Run,
  step: StepDefinition,
  timing: Timing,
  campaign: Campaign,
  sequenceId: string,
): Violation | null {
  const { timer } = step
  const fromStart = timer !== undefined && 'from' in timer && timer.from === 'start'
  const steps = campaign.sequences.get(sequenceId)?.steps ?? []
  const place = run.place
  const isPassed = (record: StepRecord | undefined) =>
    record !== undefined &&
    (record.ahead === true ||
      (place !== undefined && run.steps.indexOf(record) < place.records && record.status !== 'cancelled'))
  const previous = steps
    .slice(placeIn(run, steps), steps.indexOf(step))
    .findLast(({ id }) => !isPassed(recordOf(run, id)))
  const record = previous === undefined ? undefined : recordOf(run, previous.id)
  // A cancelled step leaves its wait (CANCEL-1), and so does one that a pause left out (GATE-3): then the anchor is an
  // instant that no event has.
  const since = fromStart
    ? beganAt(run)
    : record === undefined || leavesWait(record)
      ? (place?.at ?? beganAt(run))
      : record.at
  if (timing.anchor < since) return broken('STEP-1', `counted from ${timing.anchor}, which is before ${since}`)
  const byHand = dueByHand(run, step.id)
  if ((timing.byHand === true) !== (byHand !== undefined))
    return broken('SHIFT-1', 'a timing that does not say truly whether an operator gave it')
  if (byHand !== undefined)
    return expect(
      'SHIFT-1',
      timing.dueAt >= byHandAt(run, byHand),
      `due before ${byHand.dueAt}, which an operator gave it`,
    )
  // The wait of a cancelled step goes on, and was moved there (CANCEL-1).
  const moves = record !== undefined && leavesWait(record) ? [] : shiftsOfWait(run)
  const moved = shifted(timing.anchor, moves)
  if (timer === undefined) return expect('STEP-2', timing.dueAt === moved, 'a wait of a step that has no timer')
  if (!('after' in timer) || fromStart) return null
  const wait = durationMs(timer.after) ?? 0
  const over = shifted(instantOf(epochMsOf(timing.anchor) + wait), moves)
  const waited = msBetween(over, timing.dueAt) + wait
  const isRight = timer.window === undefined ? waited === wait : waited >= wait
  return expect('TIME-1', isRight, `a wait of ${waited} ms where the timer says ${wait}`)
}

const msBetween = (from: Instant, to: Instant) => epochMsOf(to) - epochMsOf(from)

function pausedMs(state: ContactState, ref: RunRef, at: Instant): number {
  const pausedAt = runOf(state, ref)?.pausedAt
  return pausedAt == null ? 0 : Math.max(0, msBetween(pausedAt, at))
}

function stepIn(run: Run, ref: StepRef, campaigns: Catalog): StepDefinition | undefined {
  const sequence = campaigns.version(ref.campaignId, run.campaignVersion).campaign.sequences.get(ref.sequenceId)
  return sequence === undefined ? undefined : stepOf(sequence, ref.stepId)
}

/** A run is of a version that was published, and of a sequence that it has. */
function startOf(
  state: ContactState,
  { at, cause, data }: ContactEventOf<'SequenceStarted'>,
  campaigns?: Catalog,
): Violation | null {
  if (campaigns === undefined) return null
  const { campaignId, sequenceId, campaignVersion } = data
  if (!campaigns.has(campaignId, campaignVersion))
    return broken('VERSION-1', `a start in version ${campaignVersion}, which was never published`)
  const { sequences, definition } = campaigns.version(campaignId, campaignVersion).campaign
  const sequence = sequences.get(sequenceId)
  if (sequence === undefined)
    return broken('VERSION-1', `version ${campaignVersion} has no sequence ${JSON.stringify(sequenceId)}`)
  if (data.atStep !== undefined && stepOf(sequence, data.atStep) === undefined)
    return broken('START-7', `version ${campaignVersion} has no step ${JSON.stringify(data.atStep)}`)
  const newest = campaigns.find(campaignId)?.published?.campaign.definition ?? definition
  const braked = expect(
    'BRAKE-1',
    brakedUntil(state, data, newest, at) === null,
    'more starts than the brake of its campaign allows',
  )
  return braked ?? startViolation(state, data, cause, sequence)
}

/** A goal is one of its version, was met by one of its patterns, and leads where the version says. */
function satisfied(state: ContactState, event: ContactEventOf<'GoalSatisfied'>, campaigns?: Catalog): Violation | null {
  if (campaigns === undefined) return null
  const { campaignId, goalId, campaignVersion, pattern, kind, routes } = event.data
  if (!campaigns.has(campaignId, campaignVersion))
    return broken('VERSION-1', `a goal of version ${campaignVersion}, which was never published`)
  const { campaign } = campaigns.version(campaignId, campaignVersion)
  const goal = campaign.goals.get(goalId)
  if (goal === undefined) return broken('VERSION-1', `version ${campaignVersion} has no goal ${JSON.stringify(goalId)}`)
  if (patternsOf(goal)[pattern]?.kind !== kind)
    return broken('GOAL-1', `no pattern ${pattern} of the goal is for signals of kind ${JSON.stringify(kind)}`)
  const isMember = state.enrollments.some((one) => one.campaignId === campaignId && isOpenRun(newestRun(one)))
  if (goal.achievableBy === 'members' && !isMember)
    return broken('GOAL-2', 'a goal for members, satisfied by a contact that is no member')
  const known = { own: campaign, candidates: [campaign], mayBeUnpublished: false }
  const { pauses = [] } = campaigns.find(campaignId) ?? {}
  const routing = { ...known, pauses, ending: null, vars: null, at: event.at }
  return sameViolation(event, campaign) ?? routesViolation(state, goal.next, routes, routing, 'GOAL-3')
}

/** A run that ended went where its sequence leads, and waits only where a goal can still move it on (ROUTE-4, ROUTE-5). */
function ended(state: ContactState, event: ContactEventOf<'SequenceCompleted'>, campaigns?: Catalog): Violation | null {
  const run = runOf(state, event.data)
  const { campaignId, sequenceId, waiting, routes } = event.data
  if (run === undefined || campaigns?.has(campaignId, run.campaignVersion) !== true) return null
  const { campaign } = campaigns.version(campaignId, run.campaignVersion)
  const known = publishedFor(campaigns.find(campaignId), run.campaignVersion, event.at)
  const { pauses = [] } = campaigns.find(campaignId) ?? {}
  const routing = { ...known, pauses, own: campaign, ending: event.data, vars: run.vars, at: event.at }
  const movedOn = routes.some((route) => route.outcome === 'started' || route.outcome === 'already_active')
  const waits = !movedOn && campaign.beforeGoals.has(sequenceId)
  return (
    sawViolation(run, event.data.saw) ??
    routesViolation(state, campaign.sequences.get(sequenceId)?.next, routes, routing, 'ROUTE-4') ??
    expect(
      'ROUTE-5',
      waiting === waits,
      waits ? 'a run that ends where it should wait' : 'a run that waits for nothing',
    )
  )
}

/** What follows from a failure is what the step says (STEP-5, STEP-6). */
function failed(state: ContactState, event: ContactEventOf<'StepFailed'>, campaigns?: Catalog): Violation | null {
  const { data } = event
  const { consequence, retryAt, attempt, resend } = data
  if ((retryAt === null) === (consequence === 'retry'))
    return broken('STEP-5', 'another attempt without an instant, or an instant without another attempt')
  // The next attempt may be due before this event: its instant is drawn when the handler ends, which is before the record.
  const run = runOf(state, data)
  if (run === undefined || campaigns?.has(data.campaignId, run.campaignVersion) !== true) return null
  const step = stepIn(run, data, campaigns)
  if (step === undefined) return null
  if (consequence === 'retry')
    return expect('STEP-5', attempt < maxAttemptsOf(step), `another attempt of a step that has ${maxAttemptsOf(step)}`)
  if (resend > 0 || !isInProgress(run)) return null
  const { onFailure = 'continue', onUnknown = 'retry' } = step
  const says = consequence === onFailure || (consequence === 'hold' && onUnknown === 'hold')
  return expect('STEP-5', says, `${consequence} after a failure, where the step says ${onFailure}`)
}

const RULE_OF_STATUS = {
  paused: 'PAUSE-1',
  stopped: 'STOP-6',
  completed: 'STEP-8',
  waiting: 'STEP-8',
  undone: 'UNDO-2',
  active: '',
}
const MAY_DISPATCH: ReadonlySet<string> = new Set(['requested', 'dispatched', 'retrying'])

/** A step that was resolved without having been dispatched: by the engine alone, when it was due and for what the step says. */
function skipped(
  state: ContactState,
  { at, data }: ContactEventOf<'StepSkipped'>,
  campaigns?: Catalog,
): Violation | null {
  const run = requireRun(state, data)
  const record = recordOf(run, data.stepId)
  const { reason, timing } = data
  if (data.resend > 0) {
    const resend = record?.resends[data.resend - 1]
    const isGiven = reason === REASONS.contactUnknown || (reason === REASONS.suppressed && isSuppressed(state, at))
    return (
      expect('RESEND-1', resend?.status === 'requested', 'a skip of a resend that was not waiting') ??
      expect('RESEND-1', isGiven, `a resend skipped as ${JSON.stringify(reason)}, which was not so`)
    )
  }
  const outOfTurn =
    ofThisTime(run, data) ??
    expect('STOP-6', run.status === 'active', `a skip in a run that is ${run.status}`) ??
    expect('STEP-1', record === undefined, `a skip of a step that is ${record?.status}`) ??
    everyStepResolved(state, data, campaigns, data.stepId)
  const step = campaigns === undefined ? undefined : stepIn(run, data, campaigns)
  if (outOfTurn !== null || campaigns === undefined || step === undefined) return outOfTurn
  if (timing === null) return broken('STEP-1', 'a skip without its timing')
  if (at < timing.dueAt) return broken('STEP-1', `a skip ${msBetween(at, timing.dueAt)} ms before it was due`)
  const { campaign } = campaigns.version(data.campaignId, run.campaignVersion)
  const pauses = pausesOf(campaigns.find(data.campaignId), data.sequenceId)
  return (
    timingViolation(run, step, timing) ??
    sawViolation(run, data.saw) ??
    counted(run, step, timing, campaign, data.sequenceId) ??
    reasonViolation(run, step, reason, timing, at, (dueAt) => skippingAt(pauses, dueAt) !== null)
  )
}

/** A step that an operator skipped: it is not resolved, and nothing of it is in flight (SKIP-1). */
function skippedByHand(
  state: ContactState,
  data: ContactEventOf<'StepSkipped'>['data'],
  campaigns?: Catalog,
): Violation | null {
  const unknown = stepKnown(state, data, campaigns) ?? ofNewest(state, data)
  if (unknown !== null) return unknown
  const run = requireRun(state, data)
  const record = recordOf(run, data.stepId)
  const steps = campaigns?.version(data.campaignId, run.campaignVersion).campaign.sequences.get(data.sequenceId)?.steps
  const isAhead = steps === undefined ? data.ahead === true : standingAt(run, steps) !== data.stepId
  return (
    ofThisTime(run, data) ??
    notPassed(run, data, campaigns) ??
    expect('SKIP-1', isInProgress(run), `a step skipped by hand in a run that is ${run.status}`) ??
    expect('SKIP-1', isFree(record), `a step skipped by hand that is ${record?.status}`) ??
    expect(
      'SKIP-1',
      data.resend === 0 && data.attempt === (record?.attempt ?? 0),
      'a skip by hand of another attempt',
    ) ??
    expect(
      'SKIP-1',
      data.timing === null && data.saw === undefined,
      'a skip by hand that asked a timer or a condition',
    ) ??
    expect('SKIP-1', isAhead === (data.ahead ?? false), 'a skip that does not say truly whether the run stands there')
  )
}

/** A step that an operator gave an instant: not a past one, and nothing of the step is resolved or in flight (SHIFT-1). */
function rescheduled(
  state: ContactState,
  { data, at }: ContactEventOf<'StepRescheduled'>,
  campaigns?: Catalog,
): Violation | null {
  const unknown = stepKnown(state, data, campaigns) ?? ofNewest(state, data)
  if (unknown !== null) return unknown
  const { dueAt, now, stepId } = data
  const run = requireRun(state, data)
  const record = recordOf(run, stepId)
  const always =
    ofThisTime(run, data) ??
    notPassed(run, data, campaigns) ??
    expect('SHIFT-1', isInProgress(run), `another instant for a step in a run that is ${run.status}`) ??
    expect('SHIFT-1', isFree(record), `another instant for a step that is ${record?.status}`)
  if (always !== null) return always
  if (dueAt === null)
    return expect(
      'SHIFT-1',
      dueByHand(run, stepId) !== undefined,
      'a step given back to its timer that had not left it',
    )
  if (dueAt < at) return broken('SHIFT-1', `an instant ${msBetween(dueAt, at)} ms before its order`)
  if (now !== true) return null
  return (
    expect('NOW-1', run.status === 'active', `a step sent now in a run that is ${run.status}`) ??
    expect('NOW-1', dueAt === at, 'a step sent now that is due later') ??
    everyStepResolved(state, data, campaigns, stepId)
  )
}

/** Whether an operator can take the step: it is not resolved, and no handler is at it. */
function isFree(record: StepRecord | undefined): boolean {
  if (record === undefined) return true
  const isWaiting = record.status === 'retrying' || record.status === 'held'
  return isWaiting && !record.resends.some(({ status }) => status === 'dispatched')
}

/** Whether a scheduled step can be skipped for this reason. What the contact's facts were, is not known. */
function reasonViolation(
  run: Run,
  step: StepDefinition,
  reason: string,
  timing: Timing,
  at: Instant,
  leftOut: (dueAt: Instant) => boolean,
): Violation | null {
  const { timer, expiresAfter } = step
  // What a pause left out is left out whatever it is (GATE-3).
  if (reason !== REASONS.paused && (step.draft === true) !== (reason === REASONS.draft))
    return broken(
      'STEP-3',
      step.draft === true ? 'a draft skipped for another reason' : 'skipped as a draft, and is none',
    )
  switch (reason) {
    case REASONS.draft:
    case REASONS.contactUnknown:
      return null
    case REASONS.past:
      return expect('TIME-3', canBePast(timer), 'skipped as past, with a timer that never is')
    case REASONS.fieldEmpty:
    case REASONS.fieldUnreadable:
      return expect(
        'TIME-8',
        timer !== undefined && 'field' in timer,
        'skipped for a field that its timer does not read',
      )
    case REASONS.variableEmpty:
    case REASONS.variableUnreadable:
      return skipViolation(run, step, reason)
    case REASONS.paused:
      return expect('GATE-3', leftOut(timing.dueAt), 'skipped for a pause in which it did not fall due')
    case REASONS.condition:
      return expect('STEP-10', step.if !== undefined, 'skipped for a condition that it has not')
    case REASONS.late: {
      const isLate = expiresAfter !== undefined && msBetween(timing.dueAt, at) > (durationMs(expiresAfter) ?? 0)
      return expect('STEP-9', isLate, 'skipped as late, and was not')
    }
    default:
      return broken('STEP-1', `a step that was never dispatched, skipped as ${JSON.stringify(reason)}`)
  }
}

function canBePast(timer: StepDefinition['timer']): boolean {
  return timer !== undefined && withKind(timer, (kind, one) => kind.canBePast(one))
}

/** What a handler answered, or the engine for a worker that died; possibly long after the run ended (STOP-6). */
function outcome(state: ContactState, data: AttemptRef, type: string): Violation | null {
  const record = recordFor(requireRun(state, data), data.stepId, data.occurrence)
  const sending: StepRecord | ResendRecord | undefined = data.resend === 0 ? record : record?.resends[data.resend - 1]
  if (sending === undefined || data.attempt > sending.attempt || data.attempt === 0)
    return broken('STEP-4', `an outcome of attempt ${data.attempt}, which was never dispatched`)
  if (sending.status === 'dispatched' || sending.status === 'retrying') return null
  const unknown = (sending.status === 'failed' || sending.status === 'held') && type !== 'StepFailed'
  return expect('STEP-4', unknown, `a second outcome: the step is ${sending.status} already`)
}
