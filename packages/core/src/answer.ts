/**
 * The answers to commands, computed from the events that a command added, so that a repeat gives the same answer from
 * the log alone (ONCE-1). A command that added nothing left no trace and is decided anew.
 */
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import type { ContactCommand } from './commands.ts'
import type { ContactEvent, ContactEventData, ContactEventOf, ContactEventType, RunRef } from './events.ts'
import type { CampaignId, GoalId, SequenceId } from './ids.ts'
import { orderDigest } from './order.ts'
import type { Rejection } from './rejection.ts'

export interface GoalAnswer {
  readonly campaignId: CampaignId
  readonly goalId: GoalId
  readonly outcome: 'satisfied' | 'not_member' | 'suppressed'
  readonly stopped: readonly { readonly sequenceId: SequenceId; readonly run: number }[]
  readonly started: readonly {
    readonly sequenceId: SequenceId
    readonly run: number
    readonly outcome: 'started' | 'already_active'
  }[]
}

/** What a command answers, by its type. `run` is 0 if the contact never was in the sequence. */
export interface Answers {
  StartSequence: { readonly outcome: 'started' | 'already_active'; readonly run: number }
  StopSequence: { readonly outcome: 'stopped' | 'not_active'; readonly run: number }
  RestartSequence: { readonly outcome: 'restarted' | 'started'; readonly run: number }
  PauseSequence: { readonly outcome: 'paused' | 'already_paused'; readonly run: number }
  ResumeSequence: { readonly outcome: 'resumed' | 'not_paused'; readonly run: number }
  StopAll: { readonly outcome: 'stopped' | 'not_active'; readonly stopped: readonly RunRef[] }
  SuppressContact: {
    readonly outcome: 'suppressed' | 'already_suppressed'
    readonly stopped: readonly RunRef[]
  }
  UnsuppressContact: { readonly outcome: 'unsuppressed' | 'not_suppressed' }
  EraseContact: { readonly outcome: 'erased' }
  /** In the order in which the goals were handled; empty: the signal matched none (GOAL-1). */
  HandleSignal: { readonly goals: readonly GoalAnswer[] }
  ResendStep: { readonly outcome: 'resent'; readonly run: number; readonly resend: number }
  CancelStep: { readonly outcome: 'cancelled' | 'already_cancelled'; readonly run: number }
  DispatchDue: {
    readonly dispatched: number
    readonly skipped: number
    readonly failed: number
    readonly completed: number
  }
  /** `stale`: the step was resolved otherwise meanwhile. */
  RecordOutcome: { readonly outcome: 'recorded' | 'stale' }
}

export type AnswerTo<Command extends ContactCommand> = Answers[Command['type']]

/** The event that each command adds if it adds any: by it a reused command id is found out. */
const TELLING: Record<ContactCommand['type'], ContactEventType | null> = {
  StartSequence: 'SequenceStarted',
  StopSequence: 'SequenceStopped',
  RestartSequence: 'SequenceStarted',
  PauseSequence: 'SequencePaused',
  ResumeSequence: 'SequenceResumed',
  StopAll: 'SequenceStopped',
  SuppressContact: 'ContactSuppressed',
  UnsuppressContact: 'ContactUnsuppressed',
  EraseContact: 'ContactErased',
  HandleSignal: 'GoalSatisfied',
  ResendStep: 'StepResent',
  CancelStep: 'StepCancelled',
  DispatchDue: null,
  RecordOutcome: null,
}

/**
 * The answer to a command that added these events, all of them and at least one.
 *
 * @returns Left `CommandIdReused` if they are not what such a command adds: its id was used for another command.
 */
export function answerFrom<Command extends ContactCommand>(
  command: Command,
  events: readonly ContactEvent[],
): Either<Rejection, AnswerTo<Command>> {
  if (!isOrderOf(command, events)) {
    const usedFor = events.map((e) => e.type).join(', ')
    return left({ type: 'CommandIdReused', commandId: command.commandId, usedFor })
  }
  return right(read(command, events) as AnswerTo<Command>)
}

/** By the digest that the first event carries; where an early release wrote none, by what the events are about. */
function isOrderOf(command: ContactCommand, events: readonly ContactEvent[]): boolean {
  const order = events[0]?.order
  const telling = TELLING[command.type]
  if (order !== undefined) return order === orderDigest(command)
  const event = telling === null ? events[0] : events.find((e) => e.type === telling)
  return event !== undefined && isAbout(command, event)
}

/** An event of the same node as the command, where the command names one. */
function isAbout(command: ContactCommand, event: ContactEvent): boolean {
  const data = event.data as { campaignId?: string; sequenceId?: string; stepId?: string; signalId?: string }
  if ('signalId' in command) return data.signalId === command.signalId
  return (
    (!('campaignId' in command) || data.campaignId === command.campaignId) &&
    (!('sequenceId' in command) || data.sequenceId === command.sequenceId) &&
    (!('stepId' in command) || data.stepId === command.stepId)
  )
}

function read(command: ContactCommand, events: readonly ContactEvent[]): Answers[ContactCommand['type']] {
  const first = <Type extends ContactEventType>(type: Type) =>
    (events.find((event) => event.type === type) as ContactEventOf<Type>).data as ContactEventData[Type]
  const count = (type: ContactEventType) => events.filter((event) => event.type === type).length
  switch (command.type) {
    case 'StartSequence':
      return { outcome: 'started', run: first('SequenceStarted').run }
    case 'StopSequence':
      return { outcome: 'stopped', run: first('SequenceStopped').run }
    case 'RestartSequence':
      return {
        outcome: count('SequenceStopped') > 0 ? 'restarted' : 'started',
        run: first('SequenceStarted').run,
      }
    case 'PauseSequence':
      return { outcome: 'paused', run: first('SequencePaused').run }
    case 'ResumeSequence':
      return { outcome: 'resumed', run: first('SequenceResumed').run }
    case 'StopAll':
      return { outcome: 'stopped', stopped: stoppedRuns(events) }
    case 'SuppressContact':
      return { outcome: 'suppressed', stopped: stoppedRuns(events) }
    case 'UnsuppressContact':
      return { outcome: 'unsuppressed' }
    case 'EraseContact':
      return { outcome: 'erased' }
    case 'HandleSignal':
      return { goals: goalAnswers(events) }
    case 'ResendStep':
      return { outcome: 'resent', run: first('StepResent').run, resend: first('StepResent').resend }
    case 'CancelStep':
      return { outcome: 'cancelled', run: first('StepCancelled').run }
    case 'DispatchDue':
      return {
        dispatched: count('StepDispatched'),
        skipped: count('StepSkipped'),
        failed: count('StepFailed'),
        completed: count('SequenceCompleted'),
      }
    case 'RecordOutcome':
      return { outcome: 'recorded' }
  }
}

function stoppedRuns(events: readonly ContactEvent[]): readonly RunRef[] {
  return events.flatMap((event) => {
    if (event.type !== 'SequenceStopped') return []
    const { campaignId, sequenceId, run } = event.data
    return [{ campaignId, sequenceId, run }]
  })
}

function goalAnswers(events: readonly ContactEvent[]): readonly GoalAnswer[] {
  const satisfied = events.filter((event) => event.type === 'GoalSatisfied')
  const matched = satisfied[0]?.data.matched ?? []
  return matched.map(({ campaignId, goalId, outcome }) => {
    const goal = satisfied.find((event) => event.data.campaignId === campaignId && event.data.goalId === goalId)
    const stopped = events.flatMap(({ type, data, cause }) =>
      type === 'SequenceStopped' && cause.by === 'goal' && cause.goalId === goalId && cause.campaignId === campaignId
        ? [{ sequenceId: data.sequenceId, run: data.run }]
        : [],
    )
    const started = (goal?.data.routes ?? []).flatMap((route) =>
      route.outcome === 'started' || route.outcome === 'already_active'
        ? [{ sequenceId: route.to, run: route.run ?? 0, outcome: route.outcome }]
        : [],
    )
    return { campaignId, goalId, outcome, stopped: outcome === 'satisfied' ? stopped : [], started }
  })
}
