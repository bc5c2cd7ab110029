/**
 * The decider: a command, the contact's state and what the world looks like in; events and an answer out, or a rejection.
 * Pure: the instant, the facts and the published campaigns are handed in. What each command does stands in `verbs/`, and
 * for the dispatcher's two in `decision/`. Rule ONCE-1.
 */

import { answerFrom } from './answer.ts'
import type { RecordOutcome } from './commands.ts'
import { type Answers, type AnswerTo, type ContactCommand, deciderOf, isOfDispatcher } from './contact-commands.ts'
import { createDecisionBuilder, type DecisionBuilder, type DecisionContext } from './decision/builder.ts'
import { recordOutcome } from './decision/record-outcome.ts'
import { type Either, isLeft, left, right } from './either.ts'
import type { ContactState } from './enrollment.ts'
import type { ContactEvent, RecordedContactEvent } from './events.ts'
import { fold } from './fold.ts'
import type { Rejection } from './rejection.ts'
import type { Decided } from './verbs/verb.ts'

export type { DecisionContext } from './decision/builder.ts'

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
  const decision = createDecisionBuilder(command, state, context)
  const decided = decideCommand(command, decision)
  if (isLeft(decided)) return decided
  const { events } = decision
  if (events.length === 0) return right({ events, answer: decided.right as AnswerTo<Command>, state })
  const answer = answerFrom(command, events)
  return isLeft(answer) ? answer : right({ events, answer: answer.right, state: decision.settle() })
}

function decideCommand<Command extends ContactCommand>(
  command: Command,
  decision: DecisionBuilder,
): Decided<AnswerTo<Command>> {
  if (decision.state().erased && !isOfDispatcher(command))
    return left({ type: 'ContactErased', contactId: command.contactId })
  return deciderOf(command).decide(command, decision)
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
  const decision = createDecisionBuilder(first, state, context)
  const answers = commands.map((command): Answers['RecordOutcome'] => {
    if (recorded.has(command.commandId)) return { outcome: 'recorded' }
    decision.under(command)
    const decided = recordOutcome.decide(command, decision)
    return (isLeft(decided) ? null : decided.right) ?? { outcome: 'recorded' }
  })
  return { events: decision.events, answers, state: decision.events.length === 0 ? state : decision.settle() }
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
