/** Whether a sequence may be started, and its start: by hand, or by a route (START-1 to START-6, ROUTE-2, BRAKE-1). */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { brakedUntil, startsPerHour } from '../brake.ts'
import { findSequence, type PublishedCampaign } from '../catalog.ts'
import type { OfSequence } from '../commands.ts'
import { enrollmentOf, isSuppressed, newestRun, refOf } from '../enrollment.ts'
import type { SequenceRef } from '../events.ts'
import type { Rejection } from '../rejection.ts'
import type { Causation, DecisionBuilder } from './builder.ts'

/** The published campaign to start the sequence with; or why nobody can start it for this contact. */
export function startable(command: OfSequence, decision: DecisionBuilder): Either<Rejection, PublishedCampaign> {
  if (decision.facts === null) return left({ type: 'ContactUnknown', contactId: command.contactId })
  const banned = suppression(decision)
  if (banned !== null) return left(banned)
  const found = findSequence(decision.campaigns, command.campaignId, command.sequenceId)
  return isLeft(found) ? found : right(found.right.published)
}

/** Why the contact gets nothing while a ban stands; `null`: none does (STOP-4). */
export function suppression(decision: DecisionBuilder): Rejection | null {
  const state = decision.state()
  if (!isSuppressed(state, decision.now)) return null
  return { type: 'ContactSuppressed', contactId: decision.contactId, until: state.suppressed?.until ?? null }
}

/** Why a start comes too soon after too many others; `null`: it does not (BRAKE-1). */
export function brake(
  { campaignId, sequenceId }: SequenceRef,
  { campaign: { definition } }: PublishedCampaign,
  decision: DecisionBuilder,
): Rejection | null {
  const until = brakedUntil(decision.state(), { campaignId, sequenceId }, definition, decision.now)
  return until === null
    ? null
    : { type: 'TooManyStarts', campaignId, sequenceId, most: startsPerHour(definition), until }
}

export function start(
  decision: DecisionBuilder,
  ref: SequenceRef,
  { campaignVersion }: PublishedCampaign,
  why: Causation,
): void {
  const run = (newestRun(enrollmentOf(decision.state(), ref))?.run ?? 0) + 1
  decision.add('SequenceStarted', { ...refOf(ref), run, campaignVersion }, why)
}
