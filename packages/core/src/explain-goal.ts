/** Why a signal did not satisfy a goal, or did: read from what is recorded of the signal (SIGNAL-5, AUDIT-3). */
import { type Catalog, type PublishedCampaign, patternsOf } from './catalog.ts'
import type { GoalDefinition, SignalPattern } from './definition.ts'
import type { ContactEventOf, Observation, RecordedContactEvent } from './events.ts'
import { fold } from './fold.ts'
import type { CampaignId, GoalId, Instant } from './ids.ts'
import { type IsVariable, passes, valueIn } from './signal-match.ts'
import { variablesIn } from './variables.ts'

/** A goal, and the signal that is asked about. */
export interface GoalQuestion {
  readonly campaignId: CampaignId
  readonly goalId: GoalId
  readonly signalId: string
}

/** Why a signal did not satisfy a goal, or did; with the events that show it, oldest first. */
export interface NotSatisfied {
  readonly reason:
    | 'satisfied'
    /** It did, and was taken back since (UNDO-4). */
    | 'retracted'
    | 'not_member'
    | 'suppressed'
    | 'automated'
    /** No pattern of the goal is for signals of this kind. */
    | 'other-kind'
    /** A pattern is for this kind, and a test of its `match` did not hold: `detail` says which. */
    | 'no-match'
    /** The note of a sequence's own step satisfies no goal (GOAL-11). */
    | 'from-step'
    /** The campaign was not published when the signal came. */
    | 'not-published'
    /** The version that was published then has no such goal. */
    | 'goal-unknown'
    /** The contact had as many kept signals as are kept (SIGNAL-6). */
    | 'dropped'
    /** Nothing of the signal is recorded: it never came, or no campaign keeps its kind and it satisfied no goal. */
    | 'not-recorded'
  readonly detail: string | null
  /** What the goal read of the signal, as far as that is kept. */
  readonly saw: readonly Observation[]
  readonly evidence: readonly RecordedContactEvent[]
}

/**
 * Why did this signal not satisfy this goal?
 *
 * @param history of the contact
 * @param campaigns every version that was ever published
 * @example
 * explainNotSatisfied(await engine.inspect.history('ada'),
 *   { campaignId: 'shop', goalId: 'bought', signalId: 'order-7' }, catalog).reason // 'not_member'
 */
export function explainNotSatisfied(
  history: readonly RecordedContactEvent[],
  question: GoalQuestion,
  campaigns: Catalog,
): NotSatisfied {
  const events = history.filter((event) => 'signalId' in event.data && event.data.signalId === question.signalId)
  const because = (reason: NotSatisfied['reason'], more: Partial<NotSatisfied> = {}): NotSatisfied => ({
    reason,
    detail: null,
    saw: [],
    evidence: events,
    ...more,
  })
  const isAsked = (one: { readonly campaignId: CampaignId; readonly goalId: GoalId }) =>
    one.campaignId === question.campaignId && one.goalId === question.goalId
  const isRetracted = events.some((event) => event.type === 'SignalRetracted' && event.data.goals.some(isAsked))
  if (events.some((event) => event.type === 'GoalSatisfied' && isAsked(event.data)))
    return because(isRetracted ? 'retracted' : 'satisfied')
  const [first] = events
  if (first === undefined) return because('not-recorded')
  const unmet =
    first.type === 'SignalReceived' || first.type === 'SignalsDropped' ? first.data.unmet.find(isAsked) : undefined
  if (unmet !== undefined) return because(unmet.because, { saw: unmet.saw })
  const matched = first.type === 'GoalSatisfied' ? first.data.matched?.find(isAsked) : undefined
  if (matched !== undefined && matched.outcome !== 'satisfied') return because(matched.outcome)
  if (first.type === 'SignalsDropped') return because('dropped')
  const published = publishedAt(campaigns, question.campaignId, first.at)
  if (published === null) return because('not-published')
  const goal = published.campaign.goals.get(question.goalId)
  if (goal === undefined)
    return because('goal-unknown', { detail: `version ${published.campaignVersion} has no such goal` })
  const kind = 'kind' in first.data ? (first.data.kind as string) : ''
  const patterns = patternsOf(goal).filter((one) => one.kind === kind)
  if (patterns.length === 0) return because('other-kind', { detail: kindsOf(goal) })
  if (first.type !== 'SignalReceived') return because('no-match')
  const before = fold(history.slice(0, history.indexOf(first)))
  const isVariable = variablesIn(before, question.campaignId)
  const failed = patterns.map((pattern) => failedTest(pattern, first.data, isVariable))
  // Every test that can be judged holds: then only that it was a step's own note is left.
  if (failed.some((one) => one === null)) return because(kind === 'note-added' ? 'from-step' : 'no-match')
  return because('no-match', {
    detail: failed.map((one) => one?.detail).join('; '),
    saw: failed.flatMap((one) => one?.saw ?? []),
  })
}

/** The version that was published at an instant; `null`: none, as far as the catalogue tells, which knows the last withdrawal. */
function publishedAt(campaigns: Catalog, campaignId: CampaignId, at: Instant): PublishedCampaign | null {
  const { published = null, unpublishedAt = null, versions = [] } = campaigns.find(campaignId) ?? {}
  const newest = versions.filter((one) => one.publishedAt <= at).at(-1) ?? null
  if (newest === null || newest === published || unpublishedAt === null) return newest
  return newest.publishedAt <= unpublishedAt && unpublishedAt <= at ? null : newest
}

const kindsOf = (goal: GoalDefinition) =>
  `it is for ${[...new Set(patternsOf(goal).map(({ kind }) => JSON.stringify(kind)))].join(', ')}`

type Received = ContactEventOf<'SignalReceived'>['data']

/** The first test of a pattern that did not hold; `null`: none that can be judged from what is kept. */
function failedTest(
  { match = {} }: SignalPattern,
  { data, clipped, tests }: Received,
  isVariable: IsVariable,
): { readonly detail: string; readonly saw: readonly Observation[] } | null {
  // A value that is not there was not sent, or is not kept: it is named only where nothing that is known explains it.
  let missing: string | null = null
  for (const [field, test] of Object.entries(match)) {
    const outcome = tests.find((one) => 'test' in one && one.field === field && one.test === JSON.stringify(test))
    if (outcome !== undefined && 'holds' in outcome) {
      if (outcome.holds) continue
      return { detail: `${field} did not pass ${JSON.stringify(test)}`, saw: [outcome] }
    }
    const value = valueIn(data, field)
    if (value === undefined && (clipped.includes(field) || tests.some((one) => 'field' in one && one.field === field)))
      continue
    if (passes(test, value, isVariable)) continue
    const expected = `expected ${JSON.stringify(test)}`
    if (value === undefined) missing ??= `${field} is not among the kept values, ${expected}`
    else return { detail: `${field} was ${JSON.stringify(value)}, ${expected}`, saw: [{ field, value }] }
  }
  return missing === null ? null : { detail: missing, saw: [] }
}
