/** The counters of a campaign as people read them: sequences, their steps and goals in the order of the definition (FUNNEL-3). */
import type { Catalog } from './catalog.ts'
import { type CounterPath, counterPath, type StepPlace } from './counters.ts'
import type { CampaignDefinition } from './definition.ts'
import type { StoppedBy } from './enrollment.ts'
import { type CampaignId, compareIds, type GoalId, type Instant, type SequenceId, type StepId } from './ids.ts'
import type { CampaignCounters, Counter } from './ports/counters.ts'

/**
 * How many runs came to a step, and where they are with it. `reached` is the sum of all others but `resent` and `reasons`.
 */
export interface StepNumbers extends Readonly<Record<StepPlace, number>> {
  readonly stepId: StepId
  readonly reached: number
  /** The reasons of `skipped`, the most frequent first. A handler's of more than 60 characters is counted as "other". */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[]
  /** How often it was ordered to be sent again, which moves none of the others. */
  readonly resent: number
}

/** How many runs of a sequence began, and how they stand. `started` is the sum of `open`, `completed` and `stopped`. */
export interface SequenceNumbers {
  readonly sequenceId: SequenceId
  readonly started: number
  readonly open: number
  /** Of the open ones: in progress, paused, and at the end, waiting for a goal. */
  readonly active: number
  readonly paused: number
  readonly waiting: number
  readonly completed: number
  readonly stopped: number
  readonly stoppedBy: Readonly<Record<StoppedBy, number>>
  readonly steps: readonly StepNumbers[]
}

export interface GoalNumbers {
  readonly goalId: GoalId
  readonly satisfied: number
  /** From where: how many runs of each sequence it stopped. */
  readonly from: readonly { readonly sequenceId: SequenceId; readonly runs: number }[]
}

/** The numbers of a campaign. */
export interface FunnelNumbers {
  readonly sequences: readonly SequenceNumbers[]
  readonly goals: readonly GoalNumbers[]
}

/** Which numbers are asked for. */
export interface FunnelQuery {
  /** Of runs of this version only, and of its goals. Left out: all versions, added up. */
  readonly version?: number
  /** With either of these: by how much the events from `from` on and before `to` changed the numbers. */
  readonly from?: Instant
  readonly to?: Instant
}

/** The numbers of a campaign, and what they are of. */
export interface Funnel extends FunnelNumbers {
  readonly campaignId: CampaignId
  readonly version: number | null
  readonly from: Instant | null
  readonly to: Instant | null
  /** False: events are missing that were recorded before there were counters. `rebuildIndex` counts them. */
  readonly complete: boolean
}

/** Whether an event is one of the period. */
export function isInPeriod({ from, to }: FunnelQuery, { at }: { readonly at: Instant }): boolean {
  return (from === undefined || at >= from) && (to === undefined || at < to)
}

/**
 * Puts the numbers together. `null`: there is no such campaign, or no such version of it.
 *
 * @param counters of this and other campaigns and versions
 */
export function funnelOf(
  campaigns: Pick<Catalog, 'find'>,
  campaignId: CampaignId,
  query: FunnelQuery,
  { counters, complete }: CampaignCounters,
): Funnel | null {
  const { version, from = null, to = null } = query
  const versions = campaigns.find(campaignId)?.versions ?? []
  const one = version === undefined ? versions.at(-1) : versions[version - 1]
  if (one === undefined) return null
  const own = counters.filter(
    (counter) => counter.campaignId === campaignId && (version === undefined || counter.campaignVersion === version),
  )
  const numbers = funnelNumbers(one.campaign.definition, own)
  return { campaignId, version: version ?? null, from, to, complete, ...numbers }
}

const PLACES: readonly StepPlace[] = [
  'waiting',
  'inFlight',
  'held',
  'sent',
  'failed',
  'skipped',
  'cancelled',
  'passed',
  'left',
]
const STOPPED_BY: readonly StoppedBy[] = ['hand', 'move', 'goal', 'failure', 'ban', 'erasure']

/**
 * The numbers of a campaign: what its definition has, in its order, and then what only other versions have.
 *
 * @param counters of one version, or of all of them, which are added up
 */
export function funnelNumbers(definition: CampaignDefinition, counters: Iterable<Counter>): FunnelNumbers {
  const found = new Numbers()
  for (const { id, steps } of definition.sequences) {
    found.stepsOf(id)
    for (const step of steps) found.stepsOf(id).add(step.id)
  }
  for (const { id } of definition.goals) found.goals.add(id)
  // What the definition does not order, and what is as frequent, must not stand in the order in which a store keeps it.
  const inOrder = [...counters].sort((a, b) => compareIds(a.key, b.key))
  for (const one of inOrder) found.add(counterPath(one), one.count)
  return {
    sequences: [...found.steps].map(([sequenceId, steps]) => sequenceNumbers(found, sequenceId, [...steps])),
    goals: [...found.goals].map((goalId) => ({
      goalId,
      satisfied: found.of(['goal', goalId, 'satisfied']),
      from: found.listOf('from', goalId).map(([sequenceId, runs]) => ({ sequenceId, runs })),
    })),
  }
}

/** Counts by path; and which sequences, steps and goals there are. */
class Numbers {
  readonly #counts = new Map<string, number>()
  readonly #lists = new Map<string, Map<string, number>>()
  readonly steps = new Map<SequenceId, Set<StepId>>()
  readonly goals = new Set<GoalId>()

  stepsOf(sequenceId: SequenceId): Set<StepId> {
    const known = this.steps.get(sequenceId) ?? new Set()
    this.steps.set(sequenceId, known)
    return known
  }

  add(path: CounterPath, count: number): void {
    const [what, id, of] = path
    if (what === 'goal' || what === 'from') this.goals.add(id)
    else if (what === 'sequence') this.stepsOf(id)
    else this.stepsOf(id).add(of)
    const key = JSON.stringify(path)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
    if (what !== 'skipped' && what !== 'from') return
    const list = JSON.stringify(path.slice(0, -1))
    const known = this.#lists.get(list) ?? new Map<string, number>()
    this.#lists.set(list, known)
    const last = path[path.length - 1] as string
    known.set(last, (known.get(last) ?? 0) + count)
  }

  of(path: CounterPath): number {
    return this.#counts.get(JSON.stringify(path)) ?? 0
  }

  /** What stands under a path, the most frequent first, and of the same by name. */
  listOf(...path: readonly string[]): readonly (readonly [string, number])[] {
    return [...(this.#lists.get(JSON.stringify(path)) ?? [])].filter(([, n]) => n !== 0).sort(([, a], [, b]) => b - a)
  }
}

function sequenceNumbers(found: Numbers, sequenceId: SequenceId, steps: readonly StepId[]): SequenceNumbers {
  const of = (what: Extract<CounterPath, readonly ['sequence', ...string[]]>[2]) =>
    found.of(['sequence', sequenceId, what])
  const [active, paused, waiting] = [of('active'), of('paused'), of('waiting')]
  const stoppedBy = counted(STOPPED_BY, of)
  return {
    sequenceId,
    started: of('started'),
    open: active + paused + waiting,
    active,
    paused,
    waiting,
    completed: of('completed'),
    stopped: STOPPED_BY.reduce((all, by) => all + stoppedBy[by], 0),
    stoppedBy,
    steps: steps.map((stepId) => ({
      stepId,
      reached: found.of(['step', sequenceId, stepId, 'reached']),
      ...counted(PLACES, (place) => found.of(['step', sequenceId, stepId, place])),
      reasons: found.listOf('skipped', sequenceId, stepId).map(([reason, count]) => ({ reason, count })),
      resent: found.of(['step', sequenceId, stepId, 'resent']),
    })),
  }
}

function counted<Name extends string>(names: readonly Name[], count: (name: Name) => number): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, count(name)])) as Record<Name, number>
}

/** What of the numbers does not add up (FUNNEL-2), each in a sentence; empty: everything does. */
export function sumsBroken({ sequences, goals }: FunnelNumbers): readonly string[] {
  const broken: string[] = []
  for (const { sequenceId, started, open, completed, stopped, stoppedBy, steps } of sequences) {
    const name = JSON.stringify(sequenceId)
    if (started !== open + completed + stopped)
      broken.push(`${name}: started ${started}, but open, completed and stopped are ${open + completed + stopped}`)
    const fromGoals = goals
      .flatMap(({ from }) => from)
      .reduce((all, one) => all + (one.sequenceId === sequenceId ? one.runs : 0), 0)
    if (fromGoals !== stoppedBy.goal)
      broken.push(`${name}: stopped by goals ${stoppedBy.goal}, but goals stopped ${fromGoals}`)
    for (const step of steps) {
      const places = PLACES.reduce((all, place) => all + step[place], 0)
      if (step.reached !== places)
        broken.push(`${name}, ${JSON.stringify(step.stepId)}: reached ${step.reached}, but places are ${places}`)
      const skipped = step.reasons.reduce((all, { count }) => all + count, 0)
      if (skipped !== step.skipped)
        broken.push(`${name}, ${JSON.stringify(step.stepId)}: skipped ${step.skipped}, but reasons are ${skipped}`)
    }
  }
  return broken
}
