/** What an order would change of a contact's schedule: it is decided, and the plans before and after are held together. */

import type { AnswerTo, ContactCommand } from './contact-commands.ts'
import { type DecisionContext, decideOnce } from './decide.ts'
import { type Either, isLeft, right } from './either.ts'
import { type ContactState, nameOfEnrollment, refOf } from './enrollment.ts'
import type { RecordedContactEvent, RunRef } from './events.ts'
import type { ContactId, Instant, StepId } from './ids.ts'
import { plan, type UpcomingStep } from './plan.ts'
import type { Rejection } from './rejection.ts'

/** The step that stands next in a run, and when it is due. */
export interface NextStep {
  readonly stepId: StepId
  readonly dueAt: Instant
}

/** One run of which another step stands next, or the same one at another instant. `null`: none. */
export interface ScheduleChange extends RunRef {
  readonly before: NextStep | null
  readonly after: NextStep | null
}

export interface OrderEffect<Command extends ContactCommand = ContactCommand> {
  readonly answer: AnswerTo<Command>
  /** Of every run that the order moves; empty: the schedule stays as it is. */
  readonly changes: readonly ScheduleChange[]
}

/**
 * What an order would do to the schedule, without giving it.
 *
 * @param history what was recorded of the contact: an order that was given before would change nothing (ONCE-1)
 * @returns Left: why it would be refused
 * @example
 * effectOf(command, state, context) // right({ answer: { outcome: 'rescheduled', … }, changes: [{ …, before, after }] })
 */
export function effectOf<Command extends ContactCommand>(
  command: Command,
  state: ContactState,
  context: DecisionContext,
  history: readonly RecordedContactEvent[] = [],
): Either<Rejection, OrderEffect<Command>> {
  const decided = decideOnce(command, history, context, state)
  if (isLeft(decided)) return decided
  const { answer, state: after } = decided.right
  return right({ answer, changes: scheduleChanges(command.contactId, state, after, context) })
}

/** What is different between the schedules of two states of a contact, run by run. */
export function scheduleChanges(
  contactId: ContactId,
  before: ContactState,
  after: ContactState,
  { campaigns, facts, now }: Pick<DecisionContext, 'campaigns' | 'facts' | 'now'>,
): readonly ScheduleChange[] {
  const upcomingOf = (contact: ContactState) =>
    new Map(plan(contactId, contact, campaigns, facts, now).upcoming.map((one) => [nameOf(one), one]))
  const [was, is] = [upcomingOf(before), upcomingOf(after)]
  return [...new Map([...was, ...is])].flatMap(([name, one]): ScheduleChange[] => {
    const [first, then] = [nextOf(was.get(name)), nextOf(is.get(name))]
    const isSame = first?.stepId === then?.stepId && first?.dueAt === then?.dueAt
    return isSame ? [] : [{ ...refOf(one), run: one.run, before: first, after: then }]
  })
}

const nameOf = (one: RunRef) => `${one.run} ${nameOfEnrollment(one)}`

function nextOf(one: UpcomingStep | undefined): NextStep | null {
  return one === undefined ? null : { stepId: one.stepId, dueAt: one.dueAt }
}
