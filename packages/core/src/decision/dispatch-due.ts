/** The dispatcher's order: everything of a contact that is due, in one append (STEP-1 to STEP-4, STEP-9, STEP-10). */

import type { DispatchDue } from '../commands.ts'
import { right } from '../either.ts'
import { type Enrollment, isSameEnrollment, nameOfEnrollment, refOf, requireRun, sendingRun } from '../enrollment.ts'
import type { ContactEvent, RunRef, SequenceRef, StepRef } from '../events.ts'
import { idempotencyKeyOf } from '../ids.ts'
import { type DueStep, dueOfRun, plan } from '../plan.ts'
import { countOf, type Decider } from '../verbs/verb.ts'
import type { Causation, DecisionBuilder } from './builder.ts'
import { afterResolution, complete } from './resolving.ts'

export interface DispatchDueAnswer {
  readonly dispatched: number
  readonly skipped: number
  readonly failed: number
  readonly completed: number
}

/**
 * Everything that is due, in one append: dispatches, skips, and the ends of runs with what they lead to, which may be
 * due at once in their turn. A sequence opens once per decision at most, so that a loop without a wait takes a turn
 * like every other contact instead of a worker without end.
 */
export const dispatchDue: Decider<DispatchDue, DispatchDueAnswer> = {
  command: 'DispatchDue',
  readsFacts: true,
  readsPublished: false,
  recordedBy: null,
  decide(command, decision) {
    const { campaigns, contactId, facts, now } = decision
    const inFlight = new Set(command.inFlight)
    const opened = new Set<string>()
    const used = new Map<string, number>()
    const placeOf = places(decision)
    let queue = plan(contactId, decision.state(), campaigns, facts, now, inFlight).due.map(placed(placeOf))
    for (let i = 0, left = command.limit; i < queue.length && left > 0; i++) {
      const { due } = queue[i] as Queued
      if (due.action === 'dispatch') {
        // An overdue step that begins by a pace needs a permit of that, too (GATE-4).
        const kinds = due.pacedIn === undefined ? [due.step.kind] : [due.step.kind, due.pacedIn.kind]
        if (kinds.some((kind) => (used.get(kind) ?? 0) >= (command.permits?.get(kind) ?? Number.POSITIVE_INFINITY)))
          continue
        for (const kind of kinds) used.set(kind, (used.get(kind) ?? 0) + 1)
        inFlight.add(keyOf(decision, due))
        // Only what cannot end a run may follow in a sequence that this decision opened.
      } else if (opened.has(nameOfEnrollment(due))) continue
      left -= 1
      const before = decision.events.length
      perform(decision, due)
      if (due.action === 'dispatch') continue
      const started = startedIn(decision.events.slice(before))
      for (const ref of started) opened.add(nameOfEnrollment(ref))
      // It may have stopped or ended its run, and with it what else was due of it (STOP-6), made its next step due, or
      // opened other runs. What was found of all others stands.
      const news = [due, ...started].flatMap((ref) =>
        dueOfRun(contactId, decision.state(), campaigns, facts, now, ref, inFlight),
      )
      queue = inOrder(
        queue.slice(i + 1).filter((other) => !isOfRun(other.due, due)),
        news.map(placed(placeOf)),
      )
      i = -1
    }
    return right(decision.events.length > 0 ? null : { dispatched: 0, skipped: 0, failed: 0, completed: 0 })
  },
  answerFrom: (added) => ({
    dispatched: countOf(added, 'StepDispatched'),
    skipped: countOf(added, 'StepSkipped'),
    failed: countOf(added, 'StepFailed'),
    completed: countOf(added, 'SequenceCompleted'),
  }),
}

/** What is due, and the place of its enrollment among those of the contact. */
interface Queued {
  readonly due: DueStep
  readonly place: number
}

function placed(placeOf: (ref: SequenceRef) => number) {
  return (due: DueStep): Queued => ({ due, place: placeOf(due) })
}

/** The places of enrollments in the state of a decision, found without a look at all of them for each. */
function places(decision: DecisionBuilder): (ref: SequenceRef) => number {
  const known = new Map<string, number>()
  return (ref) => {
    const { enrollments } = decision.state()
    for (let i = known.size; i < enrollments.length; i++) known.set(nameOfEnrollment(enrollments[i] as Enrollment), i)
    return known.get(nameOfEnrollment(ref)) ?? 0
  }
}

function startedIn(events: readonly ContactEvent[]): readonly RunRef[] {
  return events.flatMap((event) => (event.type === 'SequenceStarted' ? [event.data] : []))
}

function isOfRun(due: RunRef, other: RunRef): boolean {
  return due.run === other.run && isSameEnrollment(due, other)
}

/** `rest` is in order, by due instant and of the same by enrollment; each of the few others is put in its place. */
function inOrder(rest: Queued[], news: readonly Queued[]): Queued[] {
  for (const one of news) {
    const { dueAt } = one.due
    const at = rest.findIndex(({ due, place }) => due.dueAt > dueAt || (due.dueAt === dueAt && place > one.place))
    rest.splice(at === -1 ? rest.length : at, 0, one)
  }
  return rest
}

function keyOf({ contactId, state }: DecisionBuilder, sending: StepRef & { readonly resend: number }): string {
  return idempotencyKeyOf({ contactId, ...sending, run: sendingRun(requireRun(state(), sending), sending.resend) })
}

/** Turns what is due into its events. */
function perform(decision: DecisionBuilder, due: DueStep): void {
  const { campaignId, sequenceId } = due
  const ref: RunRef = { ...refOf(due), run: due.run }
  const { campaignVersion, correlationId } = requireRun(decision.state(), ref)
  if (due.action === 'complete') {
    // The last step was cancelled: what ends the run is that step's schedule.
    const { campaign } = decision.campaigns.version(campaignId, campaignVersion)
    const stepId = campaign.sequence(sequenceId).steps.at(-1)?.id ?? ''
    complete(decision, ref, { cause: { by: 'step', stepId }, causationId: due.causedBy, correlationId })
    return
  }
  const { stepId, occurrence, resend, attempt } = due
  const why: Causation = { cause: { by: 'step', stepId }, causationId: due.causedBy, correlationId }
  const sending = { ...ref, stepId, ...(occurrence === undefined ? {} : { occurrence }), resend, attempt }
  const seen = 'saw' in due && due.saw !== undefined ? { saw: due.saw } : {}
  switch (due.action) {
    case 'dispatch': {
      const idempotencyKey = keyOf(decision, sending)
      decision.add('StepDispatched', { ...sending, idempotencyKey, timing: due.timing, ...seen }, why)
      return
    }
    case 'skip':
      decision.add('StepSkipped', { ...sending, reason: due.reason, timing: due.timing, ...seen }, why)
      afterResolution(decision, ref, stepId)
      return
    case 'fail':
      decision.add('StepFailed', { ...sending, reason: due.reason, consequence: due.consequence, retryAt: null }, why)
      if (due.consequence !== 'hold') afterResolution(decision, ref, stepId)
  }
}
