/** The routes out of a goal or a finished sequence: which are open, and the starts that they lead to (ROUTE-1 to ROUTE-5). */
import { brakedUntil } from '../brake.ts'
import { type Campaign, isPrivateField } from '../campaign.ts'
import type { Route, SequenceDefinition } from '../definition.ts'
import { enrollmentOf, isInProgress, isSameEnrollment, newestRun, nextRunNumber, refOf } from '../enrollment.ts'
import type { RouteTaken, SequenceRef, Vars } from '../events.ts'
import type { CampaignId } from '../ids.ts'
import { isEntryClosed } from '../pauses.ts'
import { decideRoutes } from '../routes.ts'
import { hasTooManyRuns, keyFrom } from '../variables.ts'
import type { Causation, DecisionBuilder } from './builder.ts'
import { addStart } from './starting.ts'

/** Where routes begin. */
export interface Origin {
  /** The version whose routes they are. */
  readonly own: Campaign
  /** The version that starts need; `null`: nothing can be started any more (VERSION-3). */
  readonly published: Campaign | null
  readonly next: readonly Route[]
  /** The enrollment that ends with this very decision, and so is not in progress for a route back to it. */
  readonly ending: SequenceRef | null
  /** What conditions of its routes may read (VAR-2). Of a goal none. */
  readonly vars: Vars
  /** The variables that a run of the sequence begins with (VAR-1). */
  varsFor(sequence: SequenceDefinition): Vars
}

/** Decides the routes out of a node, and says of each what taking it will do. */
export function routesTaken(decision: DecisionBuilder, origin: Origin) {
  const { own, next, vars } = origin
  const { definition } = own
  const decided = decideRoutes(next, decision.facts ?? {}, (field) => isPrivateField(definition, field), vars)
  const routes = decided.routes.map(({ to, open }): RouteTaken => {
    if (!open) return { to, outcome: 'closed' }
    return own.goals.has(to) ? { to, outcome: 'goal' } : startBy(decision, origin, to)
  })
  return { routes, saw: decided.saw }
}

/** What taking an open route to a sequence will do. */
function startBy(decision: DecisionBuilder, origin: Origin, to: string): RouteTaken {
  const { own, published, ending } = origin
  if (published === null) return { to, outcome: 'not_published' }
  const sequence = sequenceTo(origin, to)
  const key = keyFrom(sequence, origin.varsFor(sequence))
  if (key === undefined) return { to, outcome: 'key_missing' }
  const ref = refOf({ campaignId: own.id, sequenceId: to, key })
  const keyed = key === '' ? {} : { key }
  const enrollment = enrollmentOf(decision.state(), ref)
  const newest = newestRun(enrollment)
  const isEnding = ending !== null && isSameEnrollment(ref, ending)
  if (isInProgress(newest) && !isEnding) return { to, outcome: 'already_active', ...keyed, run: newest.run }
  if (isEntryClosed(decision.campaigns.find(own.id), to)) return { to, outcome: 'paused', ...keyed }
  if (brakedUntil(decision.state(), ref, published.definition, decision.now) !== null)
    return { to, outcome: 'brake', ...keyed }
  if (hasTooManyRuns(decision.state(), ref, ending)) return { to, outcome: 'too_many_runs', ...keyed }
  return { to, outcome: 'started', ...keyed, run: nextRunNumber(enrollment) }
}

/** As the version has it that the run will be of: a sequence that the newest no longer has runs in the own one. */
function sequenceTo({ own, published }: Origin, to: string): SequenceDefinition {
  return published?.sequences.get(to) ?? own.sequence(to)
}

/** Adds the starts of the routes that said `started`. */
export function startRoutes(
  decision: DecisionBuilder,
  routes: readonly RouteTaken[],
  origin: Origin,
  version: { readonly campaignId: CampaignId; readonly own: number; readonly published: number },
  why: Causation,
): void {
  const { campaignId } = version
  for (const { to, outcome, key, run = 0 } of routes) {
    if (outcome !== 'started') continue
    const campaignVersion = origin.published?.sequences.has(to) === true ? version.published : version.own
    const ref = refOf(key === undefined ? { campaignId, sequenceId: to } : { campaignId, sequenceId: to, key })
    addStart(decision, { ...ref, run, campaignVersion }, origin.varsFor(sequenceTo(origin, to)), why)
  }
}
