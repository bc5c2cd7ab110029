/**
 * What events of one append have in common, and what must stand in it together: ids, causes, instants, and that nothing of
 * a goal, a route or a ban was left out (AUDIT-4). Which event may follow which is in `event-order.ts`.
 */
import type { Catalog } from './catalog.ts'
import { type ContactState, enrollmentOf, isOpenRun, isSkipByHand, newestRun, recordOf, runOf } from './enrollment.ts'
import type { Violation } from './event-order.ts'
import type {
  Cause,
  ContactEvent,
  ContactEventOf,
  EventType,
  RecordedEvent,
  RouteTaken,
  RunRef,
  UndoRunOutcome,
} from './events.ts'
import { uuidOf } from './hash.ts'
import { IdSet } from './id-set.ts'
import { type EventId, eventIdOf, type Instant } from './ids.ts'

/** The last append of a stream, as far as it was read. */
interface Append {
  readonly commandId: string
  readonly at: Instant
  readonly actor: string | null
  /** Whether its first event has the digest of its order, as all have but those of the first logs. */
  readonly hasDigest: boolean
  /** How many of its events were read. */
  count: number
  /** The last event of it that may have led to others: a goal, the end of a run, a ban. */
  source: ContactEvent | null
  /** Of the signal that it records or that satisfied its goals; `null`: neither yet. */
  signalId: string | null
  /** The event of the signal itself, where it is kept: its goals follow from it. */
  received: EventId | null
  readonly goals: Set<string>
  /** What must follow in it, each as what `keyOf` makes of an event. */
  readonly owed: Set<string>
}

/** What is kept of a stream between its events. */
export interface StreamAppends {
  /** A number of its own among the streams of the log. */
  readonly owner: number
  append: Append | null
}

/** Holds the events of a log against one another, append by append. Keeps 16 bytes for each event and each signal. */
export class AppendRules {
  readonly #ids = new IdSet()

  /**
   * Whether the event may stand where it stands in its append; and whether the append before it lacked something.
   *
   * @param state of the contact before the event; `null`: it is a campaign's
   */
  violationOf(
    stream: StreamAppends,
    event: RecordedEvent,
    state: ContactState | null,
    campaigns: Catalog,
  ): Violation | null {
    const { commandId, at, actor, id } = event
    let append = stream.append
    if (append === null || append.commandId !== commandId) {
      const missing = append === null ? null : owedIn(append)
      if (missing !== null) return missing
      append = {
        commandId,
        at,
        actor,
        hasDigest: event.order !== undefined,
        count: 0,
        source: null,
        signalId: null,
        received: null,
        goals: new Set(),
        owed: new Set(),
      }
      stream.append = append
    }
    const index = append.count
    append.count += 1
    const own =
      this.#idViolation(stream.owner, event, index) ??
      sameAppend(append, event, index) ??
      this.#causeViolation(stream.owner, event, append, state, campaigns)
    if (own !== null) return own
    this.#ids.add(stream.owner, id)
    if (state !== null) note(append, event as ContactEvent, state, campaigns)
    return null
  }

  #idViolation(owner: number, { id, stream, commandId }: RecordedEvent, index: number): Violation | null {
    if (this.#ids.has(owner, id)) return broken('LOG-3', 'its id is in the log already')
    if (id === eventIdOf(stream, commandId, index)) return null
    return broken('LOG-3', `its id is not that of event ${index + 1} of its command in this stream`)
  }

  #causeViolation(
    owner: number,
    event: RecordedEvent,
    append: Append,
    state: ContactState | null,
    campaigns: Catalog,
  ): Violation | null {
    const { type, cause, causationId, commandId } = event
    if (!CAUSES[type].includes(cause.by)) return broken('AUDIT-3', `${type} caused by ${cause.by}`)
    const isRoot = causationId === commandId
    if (!isRoot && !this.#ids.has(owner, causationId))
      return broken('AUDIT-3', 'its cause is neither an earlier event of this stream nor its command')
    if (state === null) return isRoot ? null : broken('AUDIT-3', 'a publication that follows from an event')
    switch (cause.by) {
      case 'signal':
        return isRoot || append.received === causationId
          ? this.#signalViolation(owner, event, append)
          : broken('AUDIT-3', 'a signal that follows from an event which is no signal')
      case 'operator':
      case 'bulk':
        if (type === 'SignalRetracted') return this.#retractionViolation(owner, event.data.signalId, isRoot)
        if (type === 'StepSkipped' && !isSkipByHand(event as ContactEvent))
          return broken('SKIP-1', 'a skip by hand for another reason')
        // The stops of a ban follow from it, and from the retraction of a signal what it undoes.
        return isRoot || (append.source?.id === causationId && mayFollow(append.source, event as ContactEvent))
          ? null
          : broken('AUDIT-3', 'an order that follows from an event')
      case 'goal':
      case 'sequence':
        return followsFrom(append.source, event as ContactEvent, cause, causationId, campaigns, state)
      case 'step':
        return ofStep(event as ContactEvent, cause.stepId, isRoot, state)
    }
  }

  /** A signal that came can be taken back, once (UNDO-4). */
  #retractionViolation(owner: number, signalId: string, isRoot: boolean): Violation | null {
    if (!isRoot) return broken('AUDIT-3', 'an order that follows from an event')
    if (!this.#ids.has(owner, uuidOf(JSON.stringify(['signal', signalId]))))
      return broken('UNDO-4', 'a signal that was retracted and had not come')
    if (this.#ids.add(owner, uuidOf(JSON.stringify(['retracted', signalId])))) return null
    return broken('UNDO-4', 'its signal was retracted before')
  }

  /** One signal is one append (GOAL-3), stands first in it (SIGNAL-2), and has one effect (GOAL-10). */
  #signalViolation(owner: number, event: RecordedEvent, append: Append): Violation | null {
    if (event.cause.by !== 'signal') return null
    if (event.type !== 'GoalSatisfied' && !isSignal(event)) return null
    const { signalId } = event.data
    const kind = 'kind' in event.data ? event.data.kind : event.cause.kind
    if (event.cause.signalId !== signalId || event.cause.kind !== kind)
      return broken('GOAL-1', 'its cause is another signal than that of its goal')
    if (append.signalId !== null && append.signalId !== signalId) return broken('GOAL-3', 'two signals in one append')
    if (isSignal(event) && append.count > 1)
      return broken('SIGNAL-2', 'a signal that is not the first event of its append')
    if (event.type === 'GoalSatisfied') {
      const { campaignId, goalId } = event.data
      const goal = keyOf('goal', campaignId, goalId)
      if (append.goals.has(goal)) return broken('GOAL-10', 'one signal satisfies the same goal twice')
      append.goals.add(goal)
    } else
      for (const { campaignId, goalId } of event.data.unmet) {
        const goal = keyOf('goal', campaignId, goalId)
        if (append.goals.has(goal)) return broken('SIGNAL-5', 'one goal is unmet twice')
        append.goals.add(goal)
      }
    const isFirst = append.signalId === null
    append.signalId = signalId
    if (!isFirst || this.#ids.add(owner, uuidOf(JSON.stringify(['signal', signalId])))) return null
    return broken('GOAL-10', 'its signal was counted before, in another append')
  }
}

function mayFollow(source: ContactEvent, { type, data }: ContactEvent): boolean {
  if (source.type === 'ContactSuppressed') return type === 'SequenceStopped'
  if (source.type !== 'SignalRetracted') return false
  return type === 'RunUndone' || (type === 'SequenceStarted' && data.continues !== undefined)
}

/** A signal itself, and not what follows from it. */
function isSignal(
  event: RecordedEvent | ContactEvent,
): event is Extract<typeof event, { type: 'SignalReceived' | 'SignalsDropped' }> {
  return event.type === 'SignalReceived' || event.type === 'SignalsDropped'
}

const BY_HAND: readonly Cause['by'][] = ['operator', 'bulk']
const BY_STEP: readonly Cause['by'][] = ['step']

/** What each event may be caused by. */
const CAUSES: { readonly [Type in EventType]: readonly Cause['by'][] } = {
  SequenceStarted: ['operator', 'bulk', 'goal', 'sequence'],
  SequenceStopped: ['operator', 'bulk', 'goal', 'step'],
  RunUndone: BY_HAND,
  SignalRetracted: BY_HAND,
  SequencePaused: BY_HAND,
  SequenceResumed: BY_HAND,
  SequenceCompleted: BY_STEP,
  SignalReceived: ['signal'],
  SignalsDropped: ['signal'],
  GoalSatisfied: ['signal'],
  StepDispatched: BY_STEP,
  StepSent: BY_STEP,
  StepFailed: BY_STEP,
  StepSkipped: ['step', 'operator', 'bulk'],
  StepResent: BY_HAND,
  StepCancelled: BY_HAND,
  StepRescheduled: BY_HAND,
  RunShifted: BY_HAND,
  RunMoved: BY_HAND,
  OrderUndone: BY_HAND,
  ContactSuppressed: BY_HAND,
  ContactUnsuppressed: BY_HAND,
  ContactErased: BY_HAND,
  CampaignPublished: BY_HAND,
  CampaignUnpublished: BY_HAND,
  CampaignPaused: BY_HAND,
  CampaignResumed: BY_HAND,
  CampaignUnchanged: BY_HAND,
}

function broken(rule: string, message: string): Violation {
  return { rule, message }
}

function keyOf(...parts: readonly (string | number)[]): string {
  return JSON.stringify(parts)
}

const runKey = (what: string, { campaignId, sequenceId, key = '', run }: RunRef) =>
  keyOf(what, campaignId, sequenceId, run, key)

/** Events of one append were decided at one instant, on one order. */
function sameAppend(append: Append, event: RecordedEvent, index: number): Violation | null {
  if (event.at !== append.at) return broken('LOG-3', `its instant is not that of its append, ${append.at}`)
  if (event.actor !== append.actor) return broken('LOG-3', 'its actor is not that of its append')
  if (index > 0 && event.order !== undefined) return broken('ONCE-1', 'a digest of the order after its first event')
  return null
}

/** Stops and starts that a goal or the end of a run leads to: in its append, of its campaign, and as it says itself. */
function followsFrom(
  source: ContactEvent | null,
  event: ContactEvent,
  cause: Cause & { readonly by: 'goal' | 'sequence' },
  causationId: EventId,
  campaigns: Catalog,
  state: ContactState,
): Violation | null {
  const rule = cause.by === 'goal' ? 'GOAL-3' : 'ROUTE-4'
  if (source?.id !== causationId)
    return broken(rule, `its cause, a ${cause.by}, is not the one before it in its append`)
  const ref = event.data as RunRef
  const isSource =
    cause.by === 'goal'
      ? source.type === 'GoalSatisfied' &&
        source.data.campaignId === cause.campaignId &&
        source.data.goalId === cause.goalId
      : source.type === 'SequenceCompleted' && runKey('', source.data) === runKey('', cause)
  if (!isSource || ref.campaignId !== cause.campaignId) return broken(rule, `its cause names another ${cause.by}`)
  if (event.type === 'SequenceStarted') {
    const routes: readonly RouteTaken[] = 'routes' in source.data ? source.data.routes : []
    const isTaken = routes.some(
      ({ outcome, to, key, run }) =>
        outcome === 'started' && to === ref.sequenceId && key === ref.key && run === ref.run,
    )
    return isTaken ? null : broken('ROUTE-2', 'a start without an open route from its cause')
  }
  return source.type !== 'GoalSatisfied' || stopsBy(source.data, state, campaigns).includes(runKey('stop', ref))
    ? null
    : broken('GOAL-7', 'a stop of what the goal does not stop')
}

/** The runs that a goal stops (GOAL-3 to GOAL-7), as `runKey` of each. */
function stopsBy(
  { campaignId, goalId, campaignVersion, same }: ContactEventOf<'GoalSatisfied'>['data'],
  state: ContactState,
  campaigns: Catalog,
): readonly string[] {
  if (!campaigns.has(campaignId, campaignVersion)) return []
  const { campaign } = campaigns.version(campaignId, campaignVersion)
  const goal = campaign.goals.get(goalId)
  const next = goal?.next ?? []
  const targets = new Set(next.map((route) => (typeof route === 'string' ? route : route.to)))
  return state.enrollments.flatMap((enrollment) => {
    const { sequenceId } = enrollment
    const run = newestRun(enrollment)
    if (enrollment.campaignId !== campaignId || !isOpenRun(run) || targets.has(sequenceId)) return []
    if (goal?.same !== undefined && enrollment.key !== same) return []
    if (!campaigns.has(campaignId, run.campaignVersion)) return []
    const own = campaigns.version(campaignId, run.campaignVersion).campaign
    const isUpstream = [campaign, own].some((version) => version.isUpstream(sequenceId, goalId))
    const runsOn = own.sequences.get(sequenceId)?.onGoal === 'runToCompletion'
    return isUpstream && !runsOn ? [runKey('stop', { ...enrollment, run: run.run })] : []
  })
}

/** What follows from a step's schedule or outcome belongs to the step, and to what its run began with. */
function ofStep(event: ContactEvent, stepId: string, isRoot: boolean, state: ContactState): Violation | null {
  if (isRoot) return broken('AUDIT-3', `${event.type} that follows from no event`)
  if ('stepId' in event.data && event.data.stepId !== stepId) return broken('AUDIT-3', 'its cause names another step')
  const run = runOf(state, event.data as RunRef)
  if (run !== undefined && run.correlationId !== event.correlationId)
    return broken('LOG-3', 'its correlation is not that of its run')
  if (event.type !== 'SequenceStopped' || run === undefined) return null
  const record = recordOf(run, stepId)
  return record?.status === 'failed' && record.eventId === event.causationId
    ? null
    : broken('STEP-5', 'a stop by a step that did not fail for good')
}

/** What the event owes to its append, and what it settles. */
function note(append: Append, event: ContactEvent, state: ContactState, campaigns: Catalog): void {
  const { owed } = append
  switch (event.type) {
    case 'SignalReceived':
    case 'SignalsDropped':
      append.received = event.id
      return
    case 'GoalSatisfied':
      append.source = event
      for (const stop of stopsBy(event.data, state, campaigns)) owed.add(stop)
      owe(owed, event.data.campaignId, event.data.routes)
      return
    case 'SequenceCompleted':
      append.source = event
      owe(owed, event.data.campaignId, event.data.routes)
      return
    case 'ContactSuppressed':
      append.source = event
      for (const enrollment of state.enrollments) {
        const run = newestRun(enrollment)
        if (isOpenRun(run)) owed.add(runKey('stop', { ...enrollment, run: run.run }))
      }
      return
    case 'SignalRetracted':
      append.source = event
      for (const one of event.data.results) {
        const what = OWED_BY[one.outcome]
        if (what !== undefined) owed.add(runKey(what, one))
      }
      return
    case 'RunUndone':
      owed.delete(runKey('undoing', event.data))
      return
    case 'StepFailed':
      if (event.data.consequence === 'stop' && isOpenRun(newestRun(enrollmentOf(state, event.data))))
        owed.add(runKey('stop', event.data))
      return
    case 'SequenceStopped':
      owed.delete(runKey('stop', event.data))
      if (event.data.movedTo !== undefined)
        owed.add(runKey('start', { campaignId: event.data.campaignId, ...event.data.movedTo }))
      return
    case 'SequenceStarted':
      owed.delete(runKey('start', event.data))
  }
}

/** What of a retraction must stand in its append. */
const OWED_BY: Partial<Record<UndoRunOutcome, string>> = { undone: 'undoing', restored: 'start', stopped: 'stop' }

function owe(owed: Set<string>, campaignId: string, routes: readonly RouteTaken[]): void {
  for (const { to, outcome, key = '', run = 0 } of routes)
    if (outcome === 'started') owed.add(runKey('start', { campaignId, sequenceId: to, key, run }))
}

/**
 * What the last append of a stream lacks where the log ends: the end of it was cut off. What has no digest of its order
 * yet is not held to its end: the log that is kept of the first version ends in the middle of an append.
 */
export function owedAtEnd({ append }: StreamAppends): Violation | null {
  return append === null || !append.hasDigest ? null : owedIn(append, 'the last append of the stream')
}

function owedIn({ owed }: Append, which = 'the append before it'): Violation | null {
  const [first] = owed
  if (first === undefined) return null
  const [what, , sequenceId, run, key] = JSON.parse(first) as [string, string, string, number, string]
  const keyed = key === '' ? '' : ` with the key ${JSON.stringify(key)}`
  return broken('GOAL-3', `${which} lacks the ${what} of run ${run} of ${JSON.stringify(sequenceId)}${keyed}`)
}
