/** The routes out of a goal or a finished sequence: which are open, and the starts that they lead to (ROUTE-1 to ROUTE-5). */
import { brakedUntil } from '../brake.ts'
import { type Campaign, isPrivateField } from '../campaign.ts'
import type { Route } from '../definition.ts'
import { enrollmentOf, isInProgress, newestRun } from '../enrollment.ts'
import type { RouteTaken } from '../events.ts'
import type { CampaignId, SequenceId } from '../ids.ts'
import { decideRoutes } from '../routes.ts'
import type { Causation, DecisionBuilder } from './builder.ts'

/**
 * Decides the routes out of a node, and says of each what taking it will do.
 *
 * @param own the version whose routes they are
 * @param published the version that starts need; `null`: nothing can be started any more (VERSION-3)
 * @param ending the sequence that ends with this very decision, and so is not in progress for a route back to it
 */
export function routesTaken(
  decision: DecisionBuilder,
  own: Campaign,
  published: Campaign | null,
  next: readonly Route[],
  ending: SequenceId | null,
) {
  const { definition } = own
  const decided = decideRoutes(next, decision.facts ?? {}, (field) => isPrivateField(definition, field))
  const routes = decided.routes.map(({ to, open }): RouteTaken => {
    if (!open) return { to, outcome: 'closed' }
    if (own.goals.has(to)) return { to, outcome: 'goal' }
    if (published === null) return { to, outcome: 'not_published' }
    const newest = newestRun(enrollmentOf(decision.state(), { campaignId: own.id, sequenceId: to }))
    if (isInProgress(newest) && to !== ending) return { to, outcome: 'already_active', run: newest.run }
    const ref = { campaignId: own.id, sequenceId: to }
    if (brakedUntil(decision.state(), ref, published.definition, decision.now) !== null) return { to, outcome: 'brake' }
    return { to, outcome: 'started', run: (newest?.run ?? 0) + 1 }
  })
  return { routes, saw: decided.saw }
}

/** Adds the starts of the routes that said `started`. */
export function startRoutes(
  decision: DecisionBuilder,
  routes: readonly RouteTaken[],
  campaignId: CampaignId,
  campaignVersion: number | ((sequenceId: SequenceId) => number),
  why: Causation,
): void {
  for (const route of routes) {
    if (route.outcome !== 'started') continue
    const version = typeof campaignVersion === 'number' ? campaignVersion : campaignVersion(route.to)
    const run = route.run as number
    decision.add('SequenceStarted', { campaignId, sequenceId: route.to, run, campaignVersion: version }, why)
  }
}
