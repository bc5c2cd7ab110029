/** Whether a sequence may be started, and its start: by hand, or by a route (START-1 to START-6, ROUTE-2, BRAKE-1, KEY-1). */

import { brakedUntil, startsPerHour } from '../brake.ts'
import { findSequence, type PublishedCampaign } from '../catalog.ts'
import type { OfSequence } from '../commands.ts'
import type { SequenceDefinition } from '../definition.ts'
import { type Either, isLeft, left, right } from '../either.ts'
import { enrollmentOf, isSuppressed, newestRun, nextRunNumber, refOf } from '../enrollment.ts'
import type { SequenceRef, Vars } from '../events.ts'
import type { StepId } from '../ids.ts'
import { nearestFirst } from '../nearest.ts'
import type { Rejection } from '../rejection.ts'
import { hasTooManyRuns, keyFrom, MAX_OPEN_KEYS, variableIn, varsOf } from '../variables.ts'
import type { Causation, DecisionBuilder } from './builder.ts'

/** A run that is to be opened: of which version, in which enrollment, with what. */
export interface Entry {
  readonly published: PublishedCampaign
  readonly ref: SequenceRef
  readonly vars: Vars
}

/** A start by hand. */
interface StartOrder extends OfSequence {
  readonly vars?: Vars
}

/**
 * The run that an order opens; or why nobody can start it for this contact.
 *
 * @param takesOver whether variables that the order does not give are those of the newest run, as a restart has it
 */
export function startable(command: StartOrder, decision: DecisionBuilder, takesOver = false): Either<Rejection, Entry> {
  if (decision.facts === null) return left({ type: 'ContactUnknown', contactId: command.contactId })
  const banned = suppression(decision)
  if (banned !== null) return left(banned)
  const found = findSequence(decision.campaigns, command.campaignId, command.sequenceId)
  if (isLeft(found)) return found
  const { published, sequence } = found.right
  const before =
    takesOver && command.vars === undefined ? newestRun(enrollmentOf(decision.state(), command)) : undefined
  const entered = before === undefined ? given(command, sequence) : takenOver(command, sequence, before.vars)
  return isLeft(entered) ? entered : right({ published, ...entered.right })
}

type Entered = Either<Rejection, Omit<Entry, 'published'>>

/** What the order itself says (VAR-1, KEY-1). */
function given(command: StartOrder, sequence: SequenceDefinition): Entered {
  const { campaignId, sequenceId, key, vars = {} } = command
  const known = Object.keys(sequence.vars ?? {})
  const unknown = Object.keys(vars).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const nearest = nearestFirst(unknown, known)
    return left({ type: 'VariableUnknown', campaignId, sequenceId, name: unknown, known: nearest })
  }
  const { per } = sequence
  const own = varsOf(sequence, (name) => variableIn(vars, name))
  if (per === undefined)
    return key === undefined
      ? right({ ref: refOf(command), vars: own })
      : left({ type: 'KeyUnexpected', campaignId, sequenceId, key, per: null })
  const said = keyFrom(sequence, own)
  const ref = key ?? said
  if (ref === undefined) return left({ type: 'KeyMissing', campaignId, sequenceId, per })
  if (said === undefined && variableIn(own, per) !== null)
    return left({ type: 'KeyUnexpected', campaignId, sequenceId, key: ref, per })
  if (said !== undefined && said !== ref)
    return left({ type: 'KeyUnexpected', campaignId, sequenceId, key: ref, per, expected: said })
  const whole = said === undefined ? { ...own, [per]: ref } : own
  return right({ ref: refOf({ campaignId, sequenceId, key: ref }), vars: whole })
}

/** Once more what the run before it had; of a key, that of the enrollment. */
function takenOver(command: StartOrder, sequence: SequenceDefinition, vars: Vars): Entered {
  const own = varsOf(sequence, (name) => variableIn(vars, name))
  const { per } = sequence
  const { key } = command
  if (per === undefined || key === undefined || keyFrom(sequence, own) === key)
    return given({ ...command, vars: own }, sequence)
  return given({ ...command, vars: { ...own, [per]: key } }, sequence)
}

/** Why the contact gets nothing while a ban stands; `null`: none does (STOP-4). */
export function suppression(decision: DecisionBuilder): Rejection | null {
  const state = decision.state()
  if (!isSuppressed(state, decision.now)) return null
  return { type: 'ContactSuppressed', contactId: decision.contactId, until: state.suppressed?.until ?? null }
}

/** Why a start comes too soon after too many others, or next to too many; `null`: it does not (BRAKE-1, KEY-5). */
export function tooMany({ published, ref }: Entry, decision: DecisionBuilder): Rejection | null {
  const { definition } = published.campaign
  const until = brakedUntil(decision.state(), ref, definition, decision.now)
  if (until !== null) return { type: 'TooManyStarts', ...ref, most: startsPerHour(definition), until }
  if (!hasTooManyRuns(decision.state(), ref)) return null
  return { type: 'TooManyRuns', ...ref, key: ref.key ?? '', most: MAX_OPEN_KEYS }
}

/** @param atStep where it opens; `undefined`: at its first step (START-7) */
export function start(
  decision: DecisionBuilder,
  { published, ref, vars }: Entry,
  why: Causation,
  atStep?: StepId,
): void {
  const run = nextRunNumber(enrollmentOf(decision.state(), ref))
  const opened = { ...ref, run, campaignVersion: published.campaignVersion }
  addStart(decision, atStep === undefined ? opened : { ...opened, atStep }, vars, why)
}

/** Why a run cannot be opened at a step; `null`: its version has it. */
export function noSuchStep({ published, ref }: Entry, stepId: StepId): Rejection | null {
  const { steps } = published.campaign.sequence(ref.sequenceId)
  const ids = steps.map(({ id }) => id)
  if (ids.includes(stepId)) return null
  const { campaignVersion } = published
  return { type: 'StepUnknown', ...refOf(ref), stepId, campaignVersion, known: nearestFirst(stepId, ids) }
}

/** With its variables, where it has some. */
export function addStart(
  decision: DecisionBuilder,
  started: SequenceRef & { readonly run: number; readonly campaignVersion: number; readonly atStep?: StepId },
  vars: Vars,
  why: Causation,
): void {
  const more = Object.keys(vars).length === 0 ? {} : { vars }
  decision.add('SequenceStarted', { ...started, ...more }, why)
}
