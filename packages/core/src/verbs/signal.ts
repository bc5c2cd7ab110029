import { left, right } from 'fp-ts/lib/Either.js'
import type { Campaign } from '../campaign.ts'
import { targetOf } from '../campaign.ts'
import { type PublishedCampaign, patternsOf } from '../catalog.ts'
import type { OfContact } from '../commands.ts'
import { type Causation, correlationOf, type DecisionBuilder } from '../decision/builder.ts'
import { routesTaken, startRoutes } from '../decision/routing.ts'
import { stop } from '../decision/stopping.ts'
import type { GoalDefinition, SignalPattern } from '../definition.ts'
import { type ContactState, isOpen, isSuppressed, newestRun } from '../enrollment.ts'
import type { ContactEvent, MatchedGoal, SequenceRef } from '../events.ts'
import type { CampaignId, Instant } from '../ids.ts'
import type { JsonObject } from '../json.ts'
import { defineVerb, type GoalAnswer } from './verb.ts'

/** Something happened in the CRM. Its command id is made of the signal id (GOAL-10). */
export interface HandleSignal extends OfContact {
  readonly type: 'HandleSignal'
  readonly signalId: string
  readonly kind: string
  readonly data: JsonObject
  /** Left out: now. */
  readonly occurredAt?: Instant
  /** True: a sequence's own step caused it (GOAL-11). */
  readonly fromStep: boolean
}

/** Satisfies the goals that it matches, with what follows from each. GOAL-1 to GOAL-11. */
export const signal = defineVerb<HandleSignal>()({
  command: 'HandleSignal',
  word: 'signal',
  summary: 'Something happened in the CRM that may satisfy goals',
  about: 'signal',
  permission: ['signal'],
  readsFacts: true,
  readsPublished: true,
  outcomes: [],
  /** In the order in which the goals were handled; empty: the signal matched none (GOAL-1). */
  answers: { goals: 'goals' },
  recordedBy: 'GoalSatisfied',
  decide(command, decision) {
    const { contactId, kind } = command
    if (decision.facts === null) return left({ type: 'ContactUnknown', contactId })
    // GOAL-11: the note of a sequence's own step is none of the contact's doing.
    if (command.fromStep && kind === 'note-added') return right({ goals: [] })
    const matches = decision.campaigns.goalsFor(kind).flatMap(({ published, goal }) => {
      const pattern = patternsOf(goal).findIndex((one: SignalPattern) => matchesPattern(one, command))
      return pattern === -1 ? [] : [{ published, goal, pattern }]
    })
    const unmoved = (outcome: 'suppressed' | 'not_member') =>
      right({ goals: matches.map((match) => ({ ...goalOf(match), outcome, stopped: [], started: [] })) })
    if (isSuppressed(decision.state(), decision.now)) return unmoved('suppressed')
    // Filled while the goals are handled, each on the state that the one before left (GOAL-3).
    const matched: MatchedGoal[] = []
    let isFirst = true
    for (const match of matches) {
      const { published, goal } = match
      const member = goal.achievableBy !== 'members' || isMember(decision.state(), published.campaignId)
      matched.push({ ...goalOf(match), outcome: member ? 'satisfied' : 'not_member' })
      if (!member) continue
      satisfy(decision, command, { ...match, ...(isFirst ? { matched } : {}) })
      isFirst = false
    }
    return isFirst ? unmoved('not_member') : right(null)
  },
  answerFrom: (added) => ({ goals: goalAnswers(added) }),
})

interface Match {
  readonly published: PublishedCampaign
  readonly goal: GoalDefinition
  /** Index of the pattern that matched. */
  readonly pattern: number
}

const goalOf = ({ published, goal }: Match) => ({ campaignId: published.campaignId, goalId: goal.id })

function matchesPattern(pattern: SignalPattern, { kind, data }: HandleSignal): boolean {
  if (pattern.kind !== kind) return false
  return Object.entries(pattern.match ?? {}).every(([key, value]) => Object.hasOwn(data, key) && data[key] === value)
}

function isMember(state: ContactState, campaignId: CampaignId): boolean {
  return state.enrollments.some((e) => e.campaignId === campaignId && isOpen(newestRun(e)))
}

/** `GoalSatisfied`, then a stop of each upstream run, then a start for each open route (GOAL-3 to GOAL-8). */
function satisfy(
  decision: DecisionBuilder,
  command: HandleSignal,
  { published, goal, pattern, matched }: Match & { readonly matched?: MatchedGoal[] },
): void {
  const { campaignId, campaignVersion, campaign } = published
  const next = goal.next ?? []
  const { routes, saw } = routesTaken(decision, campaign, campaign, next, null)
  decision.add(
    'GoalSatisfied',
    {
      campaignId,
      goalId: goal.id,
      campaignVersion,
      signalId: command.signalId,
      kind: command.kind,
      occurredAt: command.occurredAt ?? decision.now,
      pattern,
      routes,
      saw,
      ...(matched === undefined ? {} : { matched }),
    },
    {
      cause: { by: 'signal', signalId: command.signalId, kind: command.kind },
      causationId: command.commandId,
      correlationId: correlationOf(command),
    },
  )
  const why: Causation = {
    cause: { by: 'goal', campaignId, goalId: goal.id },
    causationId: decision.lastEventId(),
    correlationId: correlationOf(command),
  }
  const targets = new Set(next.map(targetOf))
  for (const enrollment of decision.state().enrollments) {
    const run = newestRun(enrollment)
    if (enrollment.campaignId !== campaignId || !isOpen(run) || targets.has(enrollment.sequenceId)) continue
    const own = decision.campaigns.version(campaignId, run.campaignVersion).campaign
    const upstream = isUpstream(campaign, goal.id, enrollment) || isUpstream(own, goal.id, enrollment)
    const runsOn = own.sequences.get(enrollment.sequenceId)?.onGoal === 'runToCompletion'
    if (upstream && !runsOn) stop(decision, enrollment, run, why)
  }
  startRoutes(decision, routes, campaignId, campaignVersion, why)
}

function isUpstream(campaign: Campaign, goalId: string, { sequenceId }: SequenceRef): boolean {
  return campaign.upstreamOf(goalId).has(sequenceId)
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
