/**
 * What is told of routes, held against the definition and the contact's state (AUDIT-4): a start that is told as anything
 * else is hidden. What a condition read is not known, so whether it held is taken from what is told.
 */
import { brakedUntil } from './brake.ts'
import { type Campaign, targetOf } from './campaign.ts'
import type { CatalogEntry } from './catalog.ts'
import type { Route, SequenceDefinition } from './definition.ts'
import { type ContactState, enrollmentOf, isInProgress, isSameEnrollment, newestRun, refOf } from './enrollment.ts'
import type { RouteTaken, SequenceRef, Vars } from './events.ts'
import { epochMsOf, type Instant } from './ids.ts'
import type { CampaignPause } from './pauses.ts'
import { hasTooManyRuns, keyFrom, varsOfRun } from './variables.ts'

/** What routes were decided with. */
interface Routing {
  /** The version whose routes they are. */
  readonly own: Campaign
  /** The versions of which one was known to be published; several, where a worker may not have known of the newest. */
  readonly candidates: readonly Campaign[]
  /** Whether a worker may have known that none was published. */
  readonly mayBeUnpublished: boolean
  /** The enrollment that ends with the event. */
  readonly ending: SequenceRef | null
  /** What the run that ends has; `null`: a goal leads on, and what its signal says is not known. */
  readonly vars: Vars | null
  /** Of the campaign. */
  readonly pauses: readonly CampaignPause[]
  readonly at: Instant
}

/** For how long after a publication a worker may not know of it: longer than any that works. */
const LATE_MS = 3_600_000

/**
 * What a run knew to be published. No catalogue that has the version of the run lacks its publication, and a version is
 * published once; of another version, or of an unpublishing before it, one may be late.
 */
export function publishedFor(
  entry: CatalogEntry | undefined,
  ofRun: number,
  at: Instant,
): Pick<Routing, 'candidates' | 'mayBeUnpublished'> {
  const since = (entry?.versions ?? []).slice(ofRun - 1).map(({ campaign }) => campaign)
  if (entry === undefined || entry.published === null) return { candidates: since, mayBeUnpublished: true }
  const { campaign, campaignVersion, publishedAt } = entry.published
  const atMs = epochMsOf(at)
  if (campaignVersion === ofRun || atMs - epochMsOf(publishedAt) > LATE_MS)
    return { candidates: [campaign], mayBeUnpublished: false }
  const { unpublishedAt } = entry
  // What was published no earlier than the event may have come after it.
  const mayBeUnpublished = unpublishedAt !== null && (publishedAt >= at || atMs - epochMsOf(unpublishedAt) <= LATE_MS)
  return { candidates: since, mayBeUnpublished }
}

/** What became of routes is told of the routes that there are, each once, and as it was. */
export function routesViolation(
  state: ContactState,
  next: readonly Route[] = [],
  routes: readonly RouteTaken[],
  routing: Routing,
  rule: string,
): { readonly rule: string; readonly message: string } | null {
  const [ways, told] = [new Set(next.map(targetOf)), new Set(routes.map(({ to }) => to))]
  const isSame = told.size === routes.length && told.size === ways.size && routes.every(({ to }) => ways.has(to))
  if (!isSame) return { rule, message: 'routes that its version does not have, or not all of them' }
  const shut = wronglyShut(next, routes)
  if (shut !== null) return { rule: 'ROUTE-1', message: shut }
  for (const route of routes) {
    const lie = lieOf(state, route, routing)
    if (lie !== null) return { rule, message: `the route to ${JSON.stringify(route.to)} is told ${lie}` }
  }
  return null
}

/** Routes without a condition are open; those with `otherwise` where no other is, and only there. */
function wronglyShut(next: readonly Route[], routes: readonly RouteTaken[]): string | null {
  const open = new Set(routes.flatMap(({ to, outcome }) => (outcome === 'closed' ? [] : to)))
  const bare = next.find((route) => typeof route === 'string' && !open.has(route))
  if (bare !== undefined) return `the route to ${JSON.stringify(targetOf(bare))} has no condition, and is told closed`
  const last = next.filter((route) => typeof route !== 'string' && 'otherwise' in route).map(targetOf)
  const others = next.filter((route) => typeof route === 'string' || 'if' in route).map(targetOf)
  const closed = last.find((to) => !open.has(to))
  if (closed !== undefined && !others.some((to) => open.has(to)))
    return `no other route is open, and that to ${JSON.stringify(closed)}, which is for then, is told closed`
  const opened = last.find((to) => open.has(to) && !others.includes(to))
  if (opened !== undefined && others.some((to) => open.has(to) && !last.includes(to)))
    return `another route is open, and that to ${JSON.stringify(opened)}, which is for when none is, too`
  return null
}

/** How an open route is told otherwise than it was. A start is held to its own event. */
function lieOf(state: ContactState, route: RouteTaken, routing: Routing): string | null {
  const { to, outcome, run } = route
  const { own, candidates, mayBeUnpublished, ending, at } = routing
  if (outcome === 'closed') return null
  if (own.goals.has(to) !== (outcome === 'goal')) return own.goals.has(to) ? 'as a start of a goal' : 'as a goal'
  const ref = refOf({ campaignId: own.id, sequenceId: to, ...(route.key === undefined ? {} : { key: route.key }) })
  const newest = newestRun(enrollmentOf(state, ref))
  if (isOfOtherKey(route, routing)) return 'with another key than it has'
  switch (outcome) {
    case 'already_active': {
      const isEnding = ending !== null && isSameEnrollment(ref, ending)
      const isSo = !isEnding && isInProgress(newest) && newest.run === (run ?? newest.run)
      return isSo ? null : 'already active, and is not'
    }
    case 'not_published':
      return mayBeUnpublished ? null : 'not published, and its campaign is'
    case 'brake': {
      const isSo = candidates.some(({ definition }) => brakedUntil(state, ref, definition, at) !== null)
      return isSo ? null : 'held by the brake, which it was not'
    }
    case 'too_many_runs':
      return hasTooManyRuns(state, ref, ending) ? null : 'next to too many runs, and they are fewer'
    case 'paused':
      return mayBeClosed(routing, to) ? null : 'closed by a pause, and no pause had closed it'
    case 'key_missing':
    case 'goal':
    case 'started':
      return null
  }
}

/** Whether a pause let nobody in at the instant, as far as a worker may have known; another order may have let in since. */
function mayBeClosed({ pauses, at }: Routing, sequenceId: string): boolean {
  return pauses.some(
    ({ entries, sequences, until }) =>
      entries === 'closed' &&
      (sequences === null || sequences.has(sequenceId)) &&
      (until === null || epochMsOf(at) - epochMsOf(until) <= LATE_MS),
  )
}

/** Told of another key than the sequence has, where that is known; or of one where it has none, or of none where it has. */
function isOfOtherKey(route: RouteTaken, { own, candidates, vars }: Routing): boolean {
  const { to, outcome, key } = route
  if (outcome === 'goal' || outcome === 'not_published') return key !== undefined
  return (
    candidates.length > 0 && !candidates.some((one) => isKeyOf(route, one.sequences.get(to) ?? own.sequence(to), vars))
  )
}

function isKeyOf({ outcome, key }: RouteTaken, sequence: SequenceDefinition, vars: Vars | null): boolean {
  const isMissing = outcome === 'key_missing'
  // What the signal of a goal said is not recorded: only whether there must be a key is known.
  if (vars === null) return (sequence.per !== undefined) === (isMissing || key !== undefined)
  const known = keyFrom(sequence, varsOfRun(sequence, vars))
  return isMissing ? known === undefined : known === (key ?? '')
}
