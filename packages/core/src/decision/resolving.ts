/** What a resolved step leads to: the end of its run, and what that leads to in its turn (STEP-5, STEP-8, ROUTE-4). */
import { isInProgress, type Run, requireRun } from '../enrollment.ts'
import type { Cause, RunRef } from '../events.ts'
import { dueOfRun, watching } from '../plan.ts'
import { varsOfRun } from '../variables.ts'
import type { Causation, DecisionBuilder } from './builder.ts'
import { type Origin, routesTaken, startRoutes } from './routing.ts'
import { stop } from './stopping.ts'

/**
 * The end of the step's run, by failure (STEP-5) or because it was the last (STEP-8).
 *
 * @param isFactless the decision reads no facts (FACTS-1): an end that does is left to the next look of a dispatcher
 */
export function afterResolution(decision: DecisionBuilder, ref: RunRef, stepId: string, isFactless = false): void {
  const run = requireRun(decision.state(), ref)
  if (!isInProgress(run)) return
  const why: Causation = {
    cause: { by: 'step', stepId },
    causationId: decision.lastEventId(),
    correlationId: run.correlationId,
  }
  const last = decision.events.at(-1)
  if (last?.type === 'StepFailed' && last.data.consequence === 'stop') {
    stop(decision, ref, run, why)
    return
  }
  const { areFactsOld, campaigns, contactId, facts, now } = decision
  // What its routes read is not known now: the run ends with the next look of a dispatcher (FACTS-1, ROUTE-1).
  if ((areFactsOld === true || isFactless) && routesReadFacts(decision, ref, run)) return
  const watched = watching(isFactless ? {} : (facts ?? {}))
  const due = dueOfRun(contactId, decision.state(), campaigns, isFactless ? watched.facts : facts, now, ref)
  if (isFactless && watched.wereRead()) return
  if (due.some(({ action }) => action === 'complete')) complete(decision, ref, why)
}

function routesReadFacts({ campaigns }: DecisionBuilder, ref: RunRef, run: Run): boolean {
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  const next = campaign.sequences.get(ref.sequenceId)?.next ?? []
  return next.some((route) => typeof route !== 'string' && 'if' in route)
}

/** `SequenceCompleted`, and in the same append a start for each open route to a sequence (ROUTE-4, ROUTE-5, STEP-8). */
export function complete(decision: DecisionBuilder, ref: RunRef, why: Causation): void {
  const { campaigns } = decision
  const run = requireRun(decision.state(), ref)
  const own = campaigns.version(ref.campaignId, run.campaignVersion).campaign
  const published = campaigns.find(ref.campaignId)?.published ?? null
  const origin: Origin = {
    own,
    published: published?.campaign ?? null,
    next: own.sequence(ref.sequenceId).next ?? [],
    ending: ref,
    vars: run.vars,
    varsFor: (sequence) => varsOfRun(sequence, run.vars),
  }
  const { routes, saw } = routesTaken(decision, origin)
  const movedOn = routes.some((route) => route.outcome === 'started' || route.outcome === 'already_active')
  const waiting = !movedOn && own.beforeGoals.has(ref.sequenceId)
  decision.add('SequenceCompleted', { ...ref, waiting, routes, saw }, why)
  const cause: Cause = { by: 'sequence', ...ref }
  const version = {
    campaignId: ref.campaignId,
    own: run.campaignVersion,
    published: published?.campaignVersion ?? run.campaignVersion,
  }
  startRoutes(decision, routes, origin, version, { ...why, cause, causationId: decision.lastEventId() })
}
