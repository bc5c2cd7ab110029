/**
 * The decider: a command, the contact's state and what the world looks like in; events and an answer out, or a rejection.
 * Pure: the instant, the facts and the published campaigns are handed in. Rules START to ERASE, and ONCE-1.
 * Reads from top to bottom: the table of commands, then each command, then what several of them do.
 */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { type Answers, type AnswerTo, answerFrom } from './answer.ts'
import { brakedUntil, startsPerHour } from './brake.ts'
import { type Campaign, isPrivateField, stepOf, targetOf } from './campaign.ts'
import { type Catalog, findSequence, type PublishedCampaign, patternsOf } from './catalog.ts'
import type {
  CancelStep,
  ContactCommand,
  DispatchDue,
  HandleSignal,
  PauseSequence,
  RecordOutcome,
  ResendStep,
  RestartSequence,
  ResumeSequence,
  StartSequence,
  StopAll,
  StopSequence,
  SuppressContact,
  UnsuppressContact,
} from './commands.ts'
import type { GoalDefinition, Route, SequenceDefinition, SignalPattern, StepDefinition } from './definition.ts'
import {
  type ContactState,
  type Enrollment,
  enrollmentOf,
  evolveInPlace,
  fold,
  isInProgress,
  isOpen,
  isSuppressed,
  type LiveContact,
  newestRun,
  type ResendRecord,
  type Run,
  recordOf,
  runOf,
  type StepRecord,
  settled,
  thawed,
} from './enrollment.ts'
import {
  type Cause,
  type ContactEvent,
  type ContactEventData,
  type ContactEventType,
  type MatchedGoal,
  type RecordedContactEvent,
  type RouteTaken,
  type RunRef,
  SCHEMA_VERSION,
  type SequenceRef,
} from './events.ts'
import {
  type CampaignId,
  contactStream,
  type EventId,
  epochMsOf,
  eventIdOf,
  type Instant,
  idempotencyKeyOf,
  type SequenceId,
} from './ids.ts'
import { orderDigest } from './order.ts'
import { type DueStep, dueOfRun, maxAttemptsOf, plan, REASONS, waitSince } from './plan.ts'
import type { Facts } from './ports.ts'
import type { Rejection } from './rejection.ts'
import { decideRoutes } from './routes.ts'

/** What the world looks like to a decision. */
export interface DecisionContext {
  readonly campaigns: Catalog
  /** `null`: the host's directory knows no such contact. */
  readonly facts: Facts | null
  readonly now: Instant
}

/** What a command comes to where nothing forbids it. */
export interface Decision<Command extends ContactCommand = ContactCommand> {
  /** To be appended together, or nothing if empty. */
  readonly events: readonly ContactEvent[]
  readonly answer: AnswerTo<Command>
  /** The contact after the events. */
  readonly state: ContactState
}

/**
 * Decides one command on one contact.
 *
 * @returns Left: why it cannot be. Right: the events to append, in order, and the answer; no events if nothing changes.
 * @throws EnfoldFault `CAMPAIGN_VERSION_MISSING` if the catalogue lacks a version that a run was started with.
 * @example
 * const decided = decide({ type: 'StartSequence', contactId: 'c1', campaignId: 'pool', sequenceId: 'nurture',
 *   commandId: 'k1', actor: 'anna' }, initialContact, { campaigns, facts: {}, now: '2026-03-01T09:00:00.000Z' })
 */
export function decide<Command extends ContactCommand>(
  command: Command,
  state: ContactState,
  context: DecisionContext,
): Either<Rejection, Decision<Command>> {
  const draft = createDraft(command, state, context)
  const decided = dispatch(command, draft, context) as Either<Rejection, AnswerTo<Command> | null>
  if (isLeft(decided)) return decided
  if (draft.events.length === 0) return right({ events: [], answer: decided.right as AnswerTo<Command>, state })
  const answer = answerFrom(command, draft.events)
  return isLeft(answer) ? answer : right({ events: draft.events, answer: answer.right, state: draft.settle() })
}

/** What several outcomes of one contact come to together. */
export interface OutcomesDecision {
  /** To be appended together, or nothing if empty. */
  readonly events: readonly ContactEvent[]
  /** One for each command, in order. */
  readonly answers: readonly Answers['RecordOutcome'][]
  /** The contact after the events. */
  readonly state: ContactState
}

/**
 * Decides outcomes of one contact one after the other, each on the state that the one before left, for one append
 * (STEP-11). The same as `decide` for each of them, with one copy of the state for all. A command whose id stands in
 * the history is passed over: it has had its effect (ONCE-1).
 *
 * @param commands of the contact of `state`
 */
export function decideOutcomes(
  commands: readonly RecordOutcome[],
  history: readonly RecordedContactEvent[],
  context: DecisionContext,
  state: ContactState,
): OutcomesDecision {
  const [first] = commands
  if (first === undefined) return { events: [], answers: [], state }
  const recorded = new Set(history.map(({ commandId }) => commandId))
  const draft = createDraft(first, state, context)
  const answers = commands.map((command): Answers['RecordOutcome'] => {
    if (recorded.has(command.commandId)) return { outcome: 'recorded' }
    draft.under(command)
    const decided = recordOutcome(command, draft, context)
    return (isLeft(decided) ? null : decided.right) ?? { outcome: 'recorded' }
  })
  return { events: draft.events, answers, state: draft.events.length === 0 ? state : draft.settle() }
}

/**
 * As `decide`, for a contact's whole recorded history: a command id that stands in it already has had its effect, and
 * gets the answer of the first time, whatever happened since (ONCE-1).
 *
 * @param state the fold of `history`, where the caller has it; it is folded here otherwise.
 */
export function decideOnce<Command extends ContactCommand>(
  command: Command,
  history: readonly RecordedContactEvent[],
  context: DecisionContext,
  state?: ContactState,
): Either<Rejection, Decision<Command> & { readonly recorded: readonly RecordedContactEvent[] }> {
  const current = state ?? fold(history)
  const recorded = history.filter((event) => event.commandId === command.commandId)
  if (recorded.length > 0) {
    const answer = answerFrom(command, recorded)
    return isLeft(answer) ? answer : right({ events: [], answer: answer.right, state: current, recorded })
  }
  const decided = decide(command, current, context)
  return isLeft(decided) ? decided : right({ ...decided.right, recorded: [] })
}

/** Right `null`: the events say the answer. */
type Decided<Type extends ContactCommand['type']> = Either<Rejection, Answers[Type] | null>

const done = right(null)

function dispatch(command: ContactCommand, draft: Draft, context: DecisionContext): Decided<ContactCommand['type']> {
  const { contactId } = command
  if (command.type === 'DispatchDue') return dispatchDue(command, draft, context)
  if (command.type === 'RecordOutcome') return recordOutcome(command, draft, context)
  if (draft.state().erased) return left({ type: 'ContactErased', contactId })
  switch (command.type) {
    case 'StartSequence':
      return startSequence(command, draft, context)
    case 'StopSequence':
      return stopSequence(command, draft, context)
    case 'RestartSequence':
      return restartSequence(command, draft, context)
    case 'PauseSequence':
      return pauseSequence(command, draft)
    case 'ResumeSequence':
      return resumeSequence(command, draft, context)
    case 'StopAll':
      return stopAll(command, draft)
    case 'SuppressContact':
      return suppressContact(command, draft, context)
    case 'UnsuppressContact':
      return unsuppressContact(command, draft, context)
    case 'EraseContact':
      draft.add('ContactErased', {}, byOperator(command))
      return done
    case 'HandleSignal':
      return handleSignal(command, draft, context)
    case 'ResendStep':
      return resendStep(command, draft, context)
    case 'CancelStep':
      return cancelStep(command, draft, context)
  }
}

// --- Starting and stopping by hand ----------------------------------------------------------------------------------

function startSequence(command: StartSequence, draft: Draft, context: DecisionContext): Decided<'StartSequence'> {
  const found = startable(command, draft, context)
  if (isLeft(found)) return found
  const run = newestRun(enrollmentOf(draft.state(), command))
  if (isInProgress(run)) return right({ outcome: 'already_active', run: run.run })
  const braked = brake(command, found.right, draft, context)
  if (braked !== null) return left(braked)
  start(draft, command, found.right, byOperator(command))
  return done
}

function stopSequence(command: StopSequence, draft: Draft, context: DecisionContext): Decided<'StopSequence'> {
  const run = newestRun(enrollmentOf(draft.state(), command))
  if (run === undefined) {
    const known = everKnown(command, context)
    return isLeft(known) ? known : right({ outcome: 'not_active', run: 0 })
  }
  const tooNew = command.upToVersion !== undefined && run.campaignVersion > command.upToVersion
  if (!isOpen(run) || tooNew) return right({ outcome: 'not_active', run: run.run })
  stop(draft, command, run, byOperator(command))
  return done
}

function restartSequence(command: RestartSequence, draft: Draft, context: DecisionContext): Decided<'RestartSequence'> {
  const found = startable(command, draft, context)
  if (isLeft(found)) return found
  const braked = brake(command, found.right, draft, context)
  if (braked !== null) return left(braked)
  const run = newestRun(enrollmentOf(draft.state(), command))
  if (isOpen(run)) stop(draft, command, run, byOperator(command))
  start(draft, command, found.right, byOperator(command))
  return done
}

function stopAll(command: StopAll, draft: Draft): Decided<'StopAll'> {
  const stopped = stopEverything(draft, byOperator(command))
  return stopped === 0 ? right({ outcome: 'not_active', stopped: [] }) : done
}

function suppressContact(command: SuppressContact, draft: Draft, { now }: DecisionContext): Decided<'SuppressContact'> {
  const { suppressed } = draft.state()
  if (isSuppressed(draft.state(), now) && suppressed?.until === command.until)
    return right({ outcome: 'already_suppressed', stopped: [] })
  if (command.until !== null && command.until <= now) return left({ type: 'InstantPast', instant: command.until, now })
  draft.add('ContactSuppressed', { until: command.until }, byOperator(command))
  stopEverything(draft, { ...byOperator(command), causationId: draft.lastEventId() })
  return done
}

function unsuppressContact(
  command: UnsuppressContact,
  draft: Draft,
  { now }: DecisionContext,
): Decided<'UnsuppressContact'> {
  if (!isSuppressed(draft.state(), now)) return right({ outcome: 'not_suppressed' })
  draft.add('ContactUnsuppressed', {}, byOperator(command))
  return done
}

// --- Pausing --------------------------------------------------------------------------------------------------------

function pauseSequence(command: PauseSequence, draft: Draft): Decided<'PauseSequence'> {
  const found = inProgress(command, draft)
  if (isLeft(found)) return found
  const { run, status } = found.right
  if (status === 'paused') return right({ outcome: 'already_paused', run })
  draft.add('SequencePaused', { ...refOf(command), run }, byOperator(command))
  return done
}

function resumeSequence(command: ResumeSequence, draft: Draft, { now }: DecisionContext): Decided<'ResumeSequence'> {
  const found = inProgress(command, draft)
  if (isLeft(found)) return found
  const run = found.right
  if (run.status !== 'paused') return right({ outcome: 'not_paused', run: run.run })
  // A step that was in flight when the pause began may have been resolved since: the wait behind it began only then.
  const [pausedAt, waitAt] = [epochMsOf(run.pausedAt ?? now), epochMsOf(waitSince(run))]
  const shiftMs = command.shift ? Math.max(0, epochMsOf(now) - Math.max(pausedAt, waitAt)) : 0
  draft.add('SequenceResumed', { ...refOf(command), run: run.run, shiftMs }, byOperator(command))
  return done
}

// --- Signals and goals ----------------------------------------------------------------------------------------------

function handleSignal(command: HandleSignal, draft: Draft, context: DecisionContext): Decided<'HandleSignal'> {
  const { contactId, kind, signalId } = command
  if (context.facts === null) return left({ type: 'ContactUnknown', contactId })
  // GOAL-11: the note of a sequence's own step is none of the contact's doing.
  if (command.fromStep && kind === 'note-added') return right({ goals: [] })
  const matches = context.campaigns.goalsFor(kind).flatMap(({ published, goal }) => {
    const pattern = patternsOf(goal).findIndex((one: SignalPattern) => matchesPattern(one, command))
    return pattern === -1 ? [] : [{ published, goal, pattern }]
  })
  const refOfGoal = ({ published, goal }: (typeof matches)[number]) => ({
    campaignId: published.campaignId,
    goalId: goal.id,
  })
  if (isSuppressed(draft.state(), context.now))
    return right({
      goals: matches.map((match) => ({ ...refOfGoal(match), outcome: 'suppressed', stopped: [], started: [] })),
    })
  // Filled while the goals are handled, each on the state that the one before left (GOAL-3).
  const matched: MatchedGoal[] = []
  let isFirst = true
  for (const match of matches) {
    const { published, goal, pattern } = match
    const member = goal.achievableBy !== 'members' || isMember(draft.state(), published.campaignId)
    matched.push({ ...refOfGoal(match), outcome: member ? 'satisfied' : 'not_member' })
    if (!member) continue
    satisfy(draft, context, command, { published, goal, pattern, signalId, ...(isFirst ? { matched } : {}) })
    isFirst = false
  }
  if (isFirst)
    return right({
      goals: matches.map((match) => ({ ...refOfGoal(match), outcome: 'not_member', stopped: [], started: [] })),
    })
  return done
}

function matchesPattern(pattern: SignalPattern, { kind, data }: HandleSignal): boolean {
  if (pattern.kind !== kind) return false
  return Object.entries(pattern.match ?? {}).every(([key, value]) => Object.hasOwn(data, key) && data[key] === value)
}

function isMember(state: ContactState, campaignId: CampaignId): boolean {
  return state.enrollments.some((e) => e.campaignId === campaignId && isOpen(newestRun(e)))
}

interface Satisfied {
  readonly published: PublishedCampaign
  readonly goal: GoalDefinition
  readonly pattern: number
  readonly signalId: string
  readonly matched?: MatchedGoal[]
}

/** `GoalSatisfied`, then a stop of each upstream run, then a start for each open route (GOAL-3 to GOAL-8). */
function satisfy(draft: Draft, context: DecisionContext, command: HandleSignal, satisfied: Satisfied): void {
  const { published, goal, pattern, matched } = satisfied
  const { campaignId, campaignVersion, campaign } = published
  const next = goal.next ?? []
  const { routes, saw } = routesTaken(draft, context, campaign, campaign, next, null)
  draft.add(
    'GoalSatisfied',
    {
      campaignId,
      goalId: goal.id,
      campaignVersion,
      signalId: command.signalId,
      kind: command.kind,
      occurredAt: command.occurredAt ?? context.now,
      pattern,
      routes,
      saw,
      ...(matched === undefined ? {} : { matched }),
    },
    {
      cause: { by: 'signal', signalId: command.signalId, kind: command.kind },
      causationId: command.commandId,
      correlationId: correlationOf(command),
    },
  )
  const why: Why = {
    cause: { by: 'goal', campaignId, goalId: goal.id },
    causationId: draft.lastEventId(),
    correlationId: correlationOf(command),
  }
  const targets = new Set(next.map(targetOf))
  for (const enrollment of draft.state().enrollments) {
    const run = newestRun(enrollment)
    if (enrollment.campaignId !== campaignId || !isOpen(run) || targets.has(enrollment.sequenceId)) continue
    const own = context.campaigns.version(campaignId, run.campaignVersion).campaign
    const upstream = isUpstream(campaign, goal.id, enrollment) || isUpstream(own, goal.id, enrollment)
    const runsOn = own.sequences.get(enrollment.sequenceId)?.onGoal === 'runToCompletion'
    if (upstream && !runsOn) stop(draft, enrollment, run, why)
  }
  startRoutes(draft, routes, campaignId, campaignVersion, why)
}

function isUpstream(campaign: Campaign, goalId: string, { sequenceId }: SequenceRef): boolean {
  return campaign.upstreamOf(goalId).has(sequenceId)
}

// --- One step by hand -----------------------------------------------------------------------------------------------

function resendStep(command: ResendStep, draft: Draft, context: DecisionContext): Decided<'ResendStep'> {
  const { contactId, stepId } = command
  if (context.facts === null) return left({ type: 'ContactUnknown', contactId })
  const banned = suppression(command, draft, context)
  if (banned !== null) return left(banned)
  const found = runAndStep(command, draft, context)
  if (isLeft(found)) return found
  const { run, record } = found.right
  const ref = { ...refOf(command), run: run.run, stepId }
  if (record === undefined || record.status === 'cancelled' || record.attempt + skips(record) === 0)
    return left({ type: 'StepNotReached', ...ref })
  if (record.status === 'dispatched' || record.resends.some((r) => r.status === 'dispatched'))
    return left({ type: 'StepInFlight', ...ref })
  // Between two attempts the step is not over: the schedule itself will send it again, unless its run has ended.
  if (record.status === 'retrying' && isInProgress(run)) return left({ type: 'StepInFlight', ...ref })
  draft.add('StepResent', { ...ref, resend: record.resends.length + 1 }, byOperator(command))
  return done
}

/** A skipped step counts as reached, though it was never dispatched. */
const skips = (record: StepRecord) => (record.status === 'skipped' ? 1 : 0)

function cancelStep(command: CancelStep, draft: Draft, context: DecisionContext): Decided<'CancelStep'> {
  const found = runAndStep(command, draft, context)
  if (isLeft(found)) return found
  const { run, record } = found.right
  const ref = { ...refOf(command), run: run.run, stepId: command.stepId }
  if (record?.status === 'cancelled') return right({ outcome: 'already_cancelled', run: run.run })
  if (!isInProgress(run))
    return left({ type: 'EnrollmentNotActive', ...refOf(command), run: run.run, status: run.status })
  switch (record?.status) {
    case 'sent':
      return left({ type: 'StepAlreadySent', ...ref })
    case 'failed':
    case 'skipped':
      return left({ type: 'StepAlreadyResolved', ...ref, status: record.status })
    case 'dispatched':
      return left({ type: 'StepInFlight', ...ref })
  }
  if (record?.resends.some((r) => r.status === 'dispatched')) return left({ type: 'StepInFlight', ...ref })
  draft.add('StepCancelled', ref, byOperator(command))
  return done
}

// --- The schedule ---------------------------------------------------------------------------------------------------

/**
 * Everything that is due, in one append: dispatches, skips, and the ends of runs with what they lead to, which may be
 * due at once in their turn. A sequence opens once per decision at most, so that a loop without a wait takes a turn
 * like every other contact instead of a worker for ever.
 */
function dispatchDue(command: DispatchDue, draft: Draft, context: DecisionContext): Decided<'DispatchDue'> {
  const { contactId } = command
  const { campaigns, facts, now } = context
  const inFlight = new Set(command.inFlight)
  const opened = new Set<string>()
  const used = new Map<string, number>()
  const placeOf = places(draft)
  let queue = plan(contactId, draft.state(), campaigns, facts, now, inFlight).due.map(placed(placeOf))
  for (let i = 0, room = command.limit; i < queue.length && room > 0; i++) {
    const { act } = queue[i] as Queued
    if (act.act === 'dispatch') {
      const count = used.get(act.step.kind) ?? 0
      if (count >= (command.permits?.get(act.step.kind) ?? Number.POSITIVE_INFINITY)) continue
      used.set(act.step.kind, count + 1)
      inFlight.add(idempotencyKeyOf({ contactId, ...act }))
      // Only what cannot end a run may follow in a sequence that this decision opened.
    } else if (opened.has(nameOf(act))) continue
    room -= 1
    const before = draft.events.length
    for (const started of perform(draft, context, act)) opened.add(started)
    if (act.act === 'dispatch') continue
    // It may have stopped or ended its run, and with it what else was due of it (STOP-6), made its next step due, or
    // opened other runs. What was found of all others stands.
    const runs = [act, ...startedIn(draft.events.slice(before))]
    const news = runs.flatMap((ref) => dueOfRun(contactId, draft.state(), campaigns, facts, now, ref, inFlight))
    queue = inOrder(
      queue.slice(i + 1).filter((other) => !isOfRun(other.act, act)),
      news.map(placed(placeOf)),
    )
    i = -1
  }
  return draft.events.length > 0 ? done : right({ dispatched: 0, skipped: 0, failed: 0, completed: 0 })
}

/** A due act, and the place of its enrollment among those of the contact. */
interface Queued {
  readonly act: DueStep
  readonly place: number
}

function placed(placeOf: (ref: SequenceRef) => number) {
  return (act: DueStep): Queued => ({ act, place: placeOf(act) })
}

/** The places of enrollments in the state of a draft, found without a look at all of them for each. */
function places(draft: Draft): (ref: SequenceRef) => number {
  const known = new Map<string, number>()
  return (ref) => {
    const { enrollments } = draft.state()
    for (let i = known.size; i < enrollments.length; i++) known.set(nameOf(enrollments[i] as Enrollment), i)
    return known.get(nameOf(ref)) ?? 0
  }
}

function startedIn(events: readonly ContactEvent[]): readonly RunRef[] {
  return events.flatMap((event) => (event.type === 'SequenceStarted' ? [event.data] : []))
}

function isOfRun(act: RunRef, { campaignId, sequenceId, run }: RunRef): boolean {
  return act.run === run && act.sequenceId === sequenceId && act.campaignId === campaignId
}

/** `rest` is in order, by due instant and of the same by enrollment; each of the few others is put in its place. */
function inOrder(rest: Queued[], news: readonly Queued[]): Queued[] {
  for (const one of news) {
    const { dueAt } = one.act
    const at = rest.findIndex(({ act, place }) => act.dueAt > dueAt || (act.dueAt === dueAt && place > one.place))
    rest.splice(at === -1 ? rest.length : at, 0, one)
  }
  return rest
}

function nameOf({ campaignId, sequenceId }: SequenceRef): string {
  return JSON.stringify([campaignId, sequenceId])
}

/** Turns one due act into its events; answers the names of the sequences that it opened. */
function perform(draft: Draft, context: DecisionContext, act: DueStep): readonly string[] {
  const { campaignId, sequenceId, run } = act
  const ref: RunRef = { campaignId, sequenceId, run }
  const { correlationId } = runOf(draft.state(), ref) as Run
  if (act.act === 'complete') {
    // The last step was cancelled: what ends the run is that step's schedule.
    const campaign = context.campaigns.version(campaignId, (runOf(draft.state(), ref) as Run).campaignVersion).campaign
    const stepId = (campaign.sequences.get(sequenceId) as SequenceDefinition).steps.at(-1)?.id as string
    return complete(draft, context, ref, { cause: { by: 'step', stepId }, causationId: act.causedBy, correlationId })
  }
  const { stepId, resend, attempt } = act
  const why: Why = { cause: { by: 'step', stepId }, causationId: act.causedBy, correlationId }
  const sending = { ...ref, stepId, resend, attempt }
  const seen = 'saw' in act && act.saw !== undefined ? { saw: act.saw } : {}
  switch (act.act) {
    case 'dispatch': {
      const idempotencyKey = idempotencyKeyOf({ contactId: draft.contactId, ...sending })
      draft.add('StepDispatched', { ...sending, idempotencyKey, timing: act.timing, ...seen }, why)
      return []
    }
    case 'skip':
      draft.add('StepSkipped', { ...sending, reason: act.reason, timing: act.timing, ...seen }, why)
      return afterResolution(draft, context, ref, stepId)
    case 'fail':
      draft.add('StepFailed', { ...sending, reason: act.reason, consequence: act.consequence, retryAt: null }, why)
      return act.consequence === 'hold' ? [] : afterResolution(draft, context, ref, stepId)
  }
}

function recordOutcome(
  command: RecordOutcome,
  draft: Draft,
  context: DecisionContext,
): Either<never, Answers['RecordOutcome'] | null> {
  const { stepId, resend, attempt, outcome } = command
  const ref: RunRef = { ...refOf(command), run: command.run }
  const run = runOf(draft.state(), ref)
  const record = run === undefined ? undefined : recordOf(run, stepId)
  const sending = resend === 0 ? record : record?.resends[resend - 1]
  if (run === undefined || sending === undefined || !isAwaited(sending, command)) return right({ outcome: 'stale' })
  const why: Why = { cause: { by: 'step', stepId }, causationId: sending.eventId, correlationId: run.correlationId }
  const data = { ...ref, stepId, resend, attempt }
  switch (outcome.outcome) {
    case 'sent':
      draft.add('StepSent', { ...data, ...(outcome.receipt === undefined ? {} : { receipt: outcome.receipt }) }, why)
      break
    case 'skipped':
      draft.add('StepSkipped', { ...data, reason: outcome.reason, timing: null }, why)
      break
    case 'failed': {
      const campaign = context.campaigns.version(ref.campaignId, run.campaignVersion).campaign
      const step = stepOf(campaign.sequences.get(ref.sequenceId) as SequenceDefinition, stepId) as StepDefinition
      const consequence = afterFailure(draft.state(), context.now, run, step, sending, command)
      const retryAt = consequence === 'retry' ? command.retryAt : null
      draft.add('StepFailed', { ...data, reason: outcome.reason, consequence, retryAt }, why)
    }
  }
  afterResolution(draft, context, ref, stepId)
  return done
}

/**
 * Whether this outcome still says something. A worker that was given up may report after another has tried again: that
 * the step was sent is then news, that it failed is not.
 */
function isAwaited(sending: StepRecord | ResendRecord, { attempt, outcome }: RecordOutcome): boolean {
  if (attempt > sending.attempt) return false
  const good = outcome.outcome !== 'failed'
  if (sending.status === 'dispatched') return good || attempt === sending.attempt
  const givenUp = sending.status === 'failed' || sending.status === 'held'
  return good && (sending.status === 'retrying' || (givenUp && sending.reason === REASONS.unknownOutcome))
}

function afterFailure(
  state: ContactState,
  now: Instant,
  run: Run,
  step: StepDefinition,
  sending: StepRecord | ResendRecord,
  { resend, attempt, outcome }: RecordOutcome,
): 'retry' | 'continue' | 'stop' | 'hold' {
  const last = (outcome.outcome === 'failed' && outcome.permanent === true) || attempt >= maxAttemptsOf(step)
  // STOP-6: what was in flight at a stop is recorded, and not tried again.
  const stoppedSince = run.status === 'stopped' && run.endedAt !== null && sending.at <= run.endedAt
  // A failure that leaves open whether it was sent is an unknown outcome like that of a dead worker (STEP-6).
  const unknown = outcome.outcome === 'failed' && outcome.unknown === true && step.onUnknown === 'hold'
  if (resend > 0)
    return last || unknown || stoppedSince || isSuppressed(state, now) || state.erased ? 'continue' : 'retry'
  if (!isInProgress(run)) return 'continue'
  if (unknown) return 'hold'
  return last ? (step.onFailure ?? 'continue') : 'retry'
}

/** What a resolved step leads to: the end of its run, by failure (STEP-5) or because it was the last (STEP-8). */
function afterResolution(draft: Draft, context: DecisionContext, ref: RunRef, stepId: string): readonly string[] {
  const run = runOf(draft.state(), ref) as Run
  if (!isInProgress(run)) return []
  const why: Why = {
    cause: { by: 'step', stepId },
    causationId: draft.lastEventId(),
    correlationId: run.correlationId,
  }
  const last = draft.events.at(-1)
  if (last?.type === 'StepFailed' && last.data.consequence === 'stop') {
    stop(draft, ref, run, why)
    return []
  }
  const due = dueOfRun(draft.contactId, draft.state(), context.campaigns, context.facts, context.now, ref)
  return due.some(({ act }) => act === 'complete') ? complete(draft, context, ref, why) : []
}

/** `SequenceCompleted`, and in the same append a start for each open route to a sequence (ROUTE-4, ROUTE-5, STEP-8). */
function complete(draft: Draft, context: DecisionContext, ref: RunRef, why: Why): readonly string[] {
  const run = runOf(draft.state(), ref) as Run
  const own = context.campaigns.version(ref.campaignId, run.campaignVersion).campaign
  const published = context.campaigns.find(ref.campaignId)?.published ?? null
  const next = own.sequences.get(ref.sequenceId)?.next ?? []
  const { routes, saw } = routesTaken(draft, context, own, published?.campaign ?? null, next, ref.sequenceId)
  const movedOn = routes.some((route) => route.outcome === 'started' || route.outcome === 'already_active')
  const waiting = !movedOn && own.beforeGoals.has(ref.sequenceId)
  draft.add('SequenceCompleted', { ...ref, waiting, routes, saw }, why)
  const cause: Cause = { by: 'sequence', ...ref }
  // A sequence that the newest version no longer has runs in the version that leads to it.
  const versionOf = (sequenceId: SequenceId) =>
    published?.campaign.sequences.has(sequenceId) === true ? published.campaignVersion : run.campaignVersion
  const causedBy = { ...why, cause, causationId: draft.lastEventId() }
  return startRoutes(draft, routes, ref.campaignId, versionOf, causedBy)
}

// --- What several commands do ---------------------------------------------------------------------------------------

/**
 * Decides the routes out of a node, and says of each what taking it will do.
 *
 * @param own the version whose routes they are
 * @param published the version that starts need; `null`: nothing can be started any more (VERSION-3)
 * @param ending the sequence that ends with this very decision, and so is not in progress for a route back to it
 */
function routesTaken(
  draft: Draft,
  context: DecisionContext,
  own: Campaign,
  published: Campaign | null,
  next: readonly Route[],
  ending: SequenceId | null,
) {
  const { definition } = own
  const decided = decideRoutes(next, context.facts ?? {}, (field) => isPrivateField(definition, field))
  const routes = decided.routes.map(({ to, open }): RouteTaken => {
    if (!open) return { to, outcome: 'closed' }
    if (own.goals.has(to)) return { to, outcome: 'goal' }
    if (published === null) return { to, outcome: 'not_published' }
    const newest = newestRun(enrollmentOf(draft.state(), { campaignId: own.id, sequenceId: to }))
    if (isInProgress(newest) && to !== ending) return { to, outcome: 'already_active', run: newest.run }
    const ref = { campaignId: own.id, sequenceId: to }
    if (brakedUntil(draft.state(), ref, published.definition, context.now) !== null) return { to, outcome: 'brake' }
    return { to, outcome: 'started', run: (newest?.run ?? 0) + 1 }
  })
  return { routes, saw: decided.saw }
}

function startRoutes(
  draft: Draft,
  routes: readonly RouteTaken[],
  campaignId: CampaignId,
  campaignVersion: number | ((sequenceId: SequenceId) => number),
  why: Why,
): readonly string[] {
  return routes.flatMap((route) => {
    if (route.outcome !== 'started') return []
    const ref = { campaignId, sequenceId: route.to }
    const version = typeof campaignVersion === 'number' ? campaignVersion : campaignVersion(route.to)
    draft.add('SequenceStarted', { ...ref, run: route.run as number, campaignVersion: version }, why)
    return [nameOf(ref)]
  })
}

function startable(
  command: (StartSequence | RestartSequence) & SequenceRef,
  draft: Draft,
  context: DecisionContext,
): Either<Rejection, PublishedCampaign> {
  if (context.facts === null) return left({ type: 'ContactUnknown', contactId: command.contactId })
  const banned = suppression(command, draft, context)
  if (banned !== null) return left(banned)
  const found = findSequence(context.campaigns, command.campaignId, command.sequenceId)
  return isLeft(found) ? found : right(found.right.published)
}

function brake(
  { campaignId, sequenceId }: SequenceRef,
  { campaign: { definition } }: PublishedCampaign,
  draft: Draft,
  { now }: DecisionContext,
): Rejection | null {
  const until = brakedUntil(draft.state(), { campaignId, sequenceId }, definition, now)
  return until === null
    ? null
    : { type: 'TooManyStarts', campaignId, sequenceId, most: startsPerHour(definition), until }
}

function suppression(command: ContactCommand, draft: Draft, { now }: DecisionContext): Rejection | null {
  const state = draft.state()
  if (!isSuppressed(state, now)) return null
  return { type: 'ContactSuppressed', contactId: command.contactId, until: state.suppressed?.until ?? null }
}

function start(draft: Draft, ref: SequenceRef, published: PublishedCampaign, why: Why): void {
  const run = (newestRun(enrollmentOf(draft.state(), ref))?.run ?? 0) + 1
  draft.add('SequenceStarted', { ...refOf(ref), run, campaignVersion: published.campaignVersion }, why)
}

function stop(draft: Draft, ref: SequenceRef, run: Run, why: Why): void {
  draft.add('SequenceStopped', { ...refOf(ref), run: run.run }, why)
}

function stopEverything(draft: Draft, why: Why): number {
  const open = draft.state().enrollments.flatMap((enrollment) => {
    const run = newestRun(enrollment)
    return isOpen(run) ? [{ enrollment, run }] : []
  })
  for (const { enrollment, run } of open) stop(draft, enrollment, run, why)
  return open.length
}

/** A sequence that some version has or had; for commands that need no published one. */
function everKnown({ campaignId, sequenceId }: SequenceRef, { campaigns }: DecisionContext): Either<Rejection, null> {
  const entry = campaigns.find(campaignId)
  if (entry === undefined) return left({ type: 'CampaignUnknown', campaignId })
  const known = entry.versions.some(({ campaign }) => campaign.sequences.has(sequenceId))
  return known ? done : left({ type: 'SequenceUnknown', campaignId, sequenceId })
}

function inProgress(command: PauseSequence | ResumeSequence, draft: Draft): Either<Rejection, Run> {
  const run = newestRun(enrollmentOf(draft.state(), command))
  if (isInProgress(run)) return right(run)
  return left({ type: 'EnrollmentNotActive', ...refOf(command), run: run?.run ?? 0, status: run?.status ?? null })
}

/** The run that a step command means, and what became of its step so far. */
function runAndStep(
  command: ResendStep | CancelStep,
  draft: Draft,
  context: DecisionContext,
): Either<Rejection, { readonly run: Run; readonly record: StepRecord | undefined }> {
  const ref = refOf(command)
  const enrollment = enrollmentOf(draft.state(), ref)
  const newest = newestRun(enrollment)
  if (newest === undefined) {
    const known = everKnown(ref, context)
    return isLeft(known) ? known : left({ type: 'EnrollmentNotActive', ...ref, run: 0, status: null })
  }
  const run = command.run === undefined ? newest : enrollment?.runs[command.run - 1]
  if (run === undefined) return left({ type: 'RunUnknown', ...ref, run: command.run ?? 0, newest: newest.run })
  const { campaignVersion } = run
  const sequence = context.campaigns.version(ref.campaignId, campaignVersion).campaign.sequences.get(ref.sequenceId)
  const { stepId } = command
  if (sequence === undefined || stepOf(sequence, stepId) === undefined)
    return left({ type: 'StepUnknown', ...ref, stepId, campaignVersion })
  return right({ run, record: recordOf(run, stepId) })
}

function refOf({ campaignId, sequenceId }: SequenceRef): SequenceRef {
  return { campaignId, sequenceId }
}

// --- The draft ------------------------------------------------------------------------------------------------------

/** Why an event happens: its cause in words of the domain, and the ids that link it to what came before. */
interface Why {
  readonly cause: Cause
  readonly causationId: string
  readonly correlationId: string
}

function byOperator(command: ContactCommand): Why {
  const { reason, actionId, commandId } = command
  const because = reason === undefined ? {} : { reason }
  return {
    cause: actionId === undefined ? { by: 'operator', ...because } : { by: 'bulk', actionId, ...because },
    causationId: commandId,
    correlationId: correlationOf(command),
  }
}

function correlationOf({ correlationId, commandId }: ContactCommand): string {
  return correlationId ?? commandId
}

/** The decision as it grows: each event added changes the state that the next part of the decision sees. */
interface Draft {
  readonly contactId: string
  readonly events: ContactEvent[]
  /** As it is now. It changes with each event that is added: take what you need of it before. */
  state(): ContactState
  lastEventId(): EventId
  add<Type extends ContactEventType>(type: Type, data: ContactEventData[Type], why: Why): void
  /** From here on events are added for this command. */
  under(command: ContactCommand): void
  /** The state after all events, frozen. Nothing can be added any more. */
  settle(): ContactState
}

function createDraft(first: ContactCommand, initial: ContactState, { now }: DecisionContext): Draft {
  // Copied once, when the first event comes, and not for each: with 3,000 runs a copy takes 2 ms.
  let live: LiveContact | null = null
  let command = first
  /** How many events stand before those of the command. */
  let before = 0
  const events: ContactEvent[] = []
  const stream = contactStream(command.contactId)
  return {
    contactId: command.contactId,
    events,
    state: () => live ?? initial,
    lastEventId: () => (events.at(-1) as ContactEvent).id,
    add(type, data, why) {
      const order = events.length > before ? undefined : orderDigest(command)
      const event = {
        type,
        data,
        id: eventIdOf(stream, command.commandId, events.length - before),
        schema: SCHEMA_VERSION,
        at: now,
        commandId: command.commandId,
        correlationId: why.correlationId,
        causationId: why.causationId,
        actor: command.actor,
        cause: why.cause,
        ...(command.trace === undefined ? {} : { trace: command.trace }),
        ...(order === undefined ? {} : { order }),
      } as ContactEvent
      events.push(event)
      live ??= thawed(initial)
      evolveInPlace(live, event)
    },
    under(next) {
      command = next
      before = events.length
    },
    settle: () => (live === null ? initial : settled(live)),
  }
}
