import type { Campaign } from '../campaign.ts'
import { targetOf } from '../campaign.ts'
import { type PublishedCampaign, patternsOf } from '../catalog.ts'
import type { OfContact } from '../commands.ts'
import { type Causation, correlationOf, type DecisionBuilder } from '../decision/builder.ts'
import { type Origin, routesTaken, startRoutes } from '../decision/routing.ts'
import { stop } from '../decision/stopping.ts'
import type { GoalDefinition } from '../definition.ts'
import { left, right } from '../either.ts'
import { type ContactState, isOpenRun, isSuppressed, newestRun } from '../enrollment.ts'
import { type ContactEvent, type MatchedGoal, NO_VARS, type SequenceRef, type UnmetGoal } from '../events.ts'
import type { CampaignId, Instant } from '../ids.ts'
import type { JsonObject } from '../json.ts'
import { keptOf, seenBy } from '../signal-kept.ts'
import { passesTests, takesSignal, valueIn } from '../signal-match.ts'
import { keyText, variablesIn, varsOfSignal } from '../variables.ts'
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
  /** A program caused it and no person; only there if so (MATCH-2). */
  readonly automated?: true
}

/** Satisfies the goals that it matches, with what follows from each. GOAL-1 to GOAL-11, SIGNAL-1 to SIGNAL-6. */
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
    const { contactId } = command
    if (decision.facts === null) return left({ type: 'ContactUnknown', contactId })
    const matches = matchesOf(command, decision)
    const unmet = keep(decision, command)
    const isBanned = isSuppressed(decision.state(), decision.now)
    // Filled while the goals are handled, each on the state that the one before left (GOAL-3).
    const matched: MatchedGoal[] = []
    let isFirst = true
    for (const match of matches) {
      const outcome = outcomeOf(match, decision, isBanned)
      if (outcome !== 'suppressed') matched.push({ ...goalOf(match), outcome })
      if (outcome !== 'satisfied') {
        unmet(match, outcome)
        continue
      }
      satisfy(decision, command, { ...match, ...(isFirst ? { matched } : {}) })
      isFirst = false
    }
    if (decision.events.length > 0) return right(null)
    const outcomes = matches.map((match) => ({ ...goalOf(match), outcome: outcomeOf(match, decision, isBanned) }))
    return right({ goals: outcomes.map((one) => ({ ...one, stopped: [], started: [] })) })
  },
  answerFrom: (added) => ({ goals: goalAnswers(added) }),
})

interface Match {
  readonly published: PublishedCampaign
  readonly goal: GoalDefinition
  /** Index of the pattern that matched. */
  readonly pattern: number
  /** False: the signal is automated, and no pattern that it passes takes such ones (MATCH-2). */
  readonly isTaken: boolean
}

/** The goals that the signal matches, in the order in which they are handled (GOAL-1). */
function matchesOf(signal: HandleSignal, decision: DecisionBuilder): readonly Match[] {
  // GOAL-11: the note of a sequence's own step is none of the contact's doing.
  if (signal.fromStep && signal.kind === 'note-added') return []
  const state = decision.state()
  return decision.campaigns.goalsFor(signal.kind).flatMap(({ published, goal }) => {
    const patterns = patternsOf(goal)
    const isVariable = variablesIn(state, published.campaignId)
    const taken = patterns.findIndex((one) => passesTests(one, signal, isVariable) && takesSignal(one, signal))
    const pattern = taken === -1 ? patterns.findIndex((one) => passesTests(one, signal, isVariable)) : taken
    return pattern === -1 ? [] : [{ published, goal, pattern, isTaken: taken !== -1 }]
  })
}

const goalOf = ({ published, goal }: Match) => ({ campaignId: published.campaignId, goalId: goal.id })

function outcomeOf(
  { published, goal, isTaken }: Match,
  decision: DecisionBuilder,
  isBanned: boolean,
): GoalAnswer['outcome'] {
  if (isBanned) return 'suppressed'
  if (!isTaken) return 'automated'
  const isMissing = goal.achievableBy === 'members' && !isMember(decision.state(), published.campaignId)
  return isMissing ? 'not_member' : 'satisfied'
}

/**
 * Records a signal of a kind that a campaign keeps, before anything that follows from it (SIGNAL-1 to SIGNAL-6).
 *
 * @returns takes each goal that is not satisfied, while the event is not appended yet
 */
function keep(decision: DecisionBuilder, command: HandleSignal): (match: Match, because: UnmetGoal['because']) => void {
  const { signalId, kind, data, occurredAt = decision.now, automated = false } = command
  const declared = decision.campaigns.keptOf(kind)
  if (declared === null) return () => {}
  const state = decision.state()
  const asked = decision.campaigns.goalsFor(kind).flatMap(({ goal, published }) => {
    const isVariable = variablesIn(state, published.campaignId)
    return patternsOf(goal).flatMap((pattern) => (pattern.kind === kind ? [{ pattern, isVariable }] : []))
  })
  const kept = keptOf(data, declared, asked)
  const unmet: UnmetGoal[] = []
  const why: Causation = {
    cause: { by: 'signal', signalId, kind },
    causationId: command.commandId,
    correlationId: correlationOf(command),
  }
  const { keptSignals, signalsDroppedAt } = state
  const { most, dropped } = decision.signals
  if (keptSignals < most) decision.add('SignalReceived', { signalId, kind, occurredAt, automated, ...kept, unmet }, why)
  else if (signalsDroppedAt === null || dateOf(signalsDroppedAt) < dateOf(decision.now))
    decision.add('SignalsDropped', { count: dropped + 1, signalId, unmet }, why)
  return (match, because) => {
    const pattern = patternsOf(match.goal)[match.pattern]
    const isVariable = variablesIn(state, match.published.campaignId)
    const saw = pattern === undefined ? [] : seenBy({ pattern, isVariable }, data, kept, declared)
    unmet.push({ ...goalOf(match), because, saw })
  }
}

/** The date of an instant, in UTC. */
const dateOf = (instant: Instant) => instant.slice(0, 10)

function isMember(state: ContactState, campaignId: CampaignId): boolean {
  return state.enrollments.some((e) => e.campaignId === campaignId && isOpenRun(newestRun(e)))
}

/** `GoalSatisfied`, then a stop of each upstream run, then a start for each open route (GOAL-3 to GOAL-8). */
function satisfy(
  decision: DecisionBuilder,
  command: HandleSignal,
  { published, goal, pattern, matched }: Match & { readonly matched?: MatchedGoal[] },
): void {
  const { campaignId, campaignVersion, campaign } = published
  const { data } = command
  const kept = decision.campaigns.keptOf(command.kind)
  const isPrivate = (name: string) => kept?.private.has(name) === true
  const origin: Origin = {
    own: campaign,
    published: campaign,
    next: goal.next ?? [],
    ending: null,
    vars: NO_VARS,
    varsFor: (sequence) => varsOfSignal(sequence, data, isPrivate),
  }
  const { routes, saw } = routesTaken(decision, origin)
  const same = goal.same === undefined || isPrivate(goal.same) ? undefined : keyText(valueIn(data, goal.same))
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
      ...(same === undefined ? {} : { same }),
      routes,
      saw,
      ...(matched === undefined ? {} : { matched }),
    },
    {
      cause: { by: 'signal', signalId: command.signalId, kind: command.kind },
      causationId: signalEventOf(decision)?.id ?? command.commandId,
      correlationId: correlationOf(command),
    },
  )
  const why: Causation = {
    cause: { by: 'goal', campaignId, goalId: goal.id },
    causationId: decision.lastEventId(),
    correlationId: correlationOf(command),
  }
  const targets = new Set(origin.next.map(targetOf))
  for (const enrollment of decision.state().enrollments) {
    const run = newestRun(enrollment)
    if (enrollment.campaignId !== campaignId || !isOpenRun(run) || targets.has(enrollment.sequenceId)) continue
    if (goal.same !== undefined && enrollment.key !== same) continue
    const own = decision.campaigns.version(campaignId, run.campaignVersion).campaign
    const upstream = isUpstream(campaign, goal.id, enrollment) || isUpstream(own, goal.id, enrollment)
    const runsOn = own.sequences.get(enrollment.sequenceId)?.onGoal === 'runToCompletion'
    if (upstream && !runsOn) stop(decision, enrollment, run, why)
  }
  startRoutes(decision, routes, origin, { campaignId, own: campaignVersion, published: campaignVersion }, why)
}

/** Where the signal itself stands in the append (SIGNAL-2). */
function signalEventOf({ events }: DecisionBuilder): ContactEvent | undefined {
  return events[0]?.type === 'SignalReceived' || events[0]?.type === 'SignalsDropped' ? events[0] : undefined
}

function isUpstream(campaign: Campaign, goalId: string, { sequenceId }: SequenceRef): boolean {
  return campaign.isUpstream(sequenceId, goalId)
}

const keyed = ({ key }: { readonly key?: string }) => (key === undefined ? {} : { key })

function goalAnswers(events: readonly ContactEvent[]): readonly GoalAnswer[] {
  const satisfied = events.filter((event) => event.type === 'GoalSatisfied')
  const [first] = events
  const unmet = first?.type === 'SignalReceived' || first?.type === 'SignalsDropped' ? first.data.unmet : []
  const none = unmet.map(({ campaignId, goalId, because }) => ({ campaignId, goalId, outcome: because }))
  const matched = satisfied[0]?.data.matched ?? none
  return matched.map(({ campaignId, goalId, outcome }) => {
    const goal = satisfied.find((event) => event.data.campaignId === campaignId && event.data.goalId === goalId)
    const stopped = events.flatMap(({ type, data, cause }) =>
      type === 'SequenceStopped' && cause.by === 'goal' && cause.goalId === goalId && cause.campaignId === campaignId
        ? [{ sequenceId: data.sequenceId, ...keyed(data), run: data.run }]
        : [],
    )
    const started = (goal?.data.routes ?? []).flatMap((route) =>
      route.outcome === 'started' || route.outcome === 'already_active'
        ? [{ sequenceId: route.to, ...keyed(route), run: route.run ?? 0, outcome: route.outcome }]
        : [],
    )
    return { campaignId, goalId, outcome, stopped: outcome === 'satisfied' ? stopped : [], started }
  })
}
