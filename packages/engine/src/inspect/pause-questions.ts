/** What a pause of a campaign holds, and what each way to resume it would make of that: the question before a resume (GATE-5). */
import {
  asIfResumed,
  type CampaignId,
  compareIds,
  createPaceQueue,
  type Instant,
  type Overdue,
  type Pace,
  plan,
  type ReadModel,
  type SequenceId,
  type StepId,
  type UpcomingStep,
} from '@enfold/core'
import { createQuestionFacts } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import { pace } from '../pausing.ts'
import { agendaPages } from './agenda-questions.ts'
import { pausedIn } from './campaign-questions.ts'
import { loadContacts, NO_FACTS } from './questioned-contacts.ts'

/** What a resume would make of the overdue runs that stand at a step. */
export interface ResumeEffect {
  /** How many of them would go, at once or later, and how many would be skipped, as left out or as too late. */
  readonly go: number
  readonly skip: number
  /** The first and the last instant at which they would, by the pace that was asked about; `null`: none would. */
  readonly first: Instant | null
  readonly last: Instant | null
}

/** Overdue runs that stand at one step. */
export interface HeldStep {
  readonly sequenceId: SequenceId
  readonly stepId: StepId
  readonly overdue: number
  readonly choices: { readonly [Choice in Overdue]: ResumeEffect }
}

/** What a pause holds. */
export interface HeldByPause {
  readonly campaignId: CampaignId
  /** The instant of the answer, from which a resume is counted. */
  readonly at: Instant
  /** `null`: it is not paused. */
  readonly since: Instant | null
  /** The sequences that are held; `null`: all, or none where it is not paused. */
  readonly sequences: readonly SequenceId[] | null
  readonly entries: 'open' | 'closed'
  /** Contacts that were looked at: those that have something due. */
  readonly contacts: number
  /** False: `most` was reached, and the numbers are those of the contacts that have waited longest. */
  readonly complete: boolean
  /** In the order of the definition. */
  readonly steps: readonly HeldStep[]
}

export interface PauseQuestions {
  /**
   * How many runs of a paused campaign are overdue at each step, and when they would go under each choice of
   * `resumeCampaign`. Looks at each contact that has something due; `most` bounds how many, `onProgress` is told of every
   * 500. `pace`: as a resume with it would (GATE-4): what would go at once goes in its turn, by due instant. `null`: there is
   * no such campaign.
   */
  heldByPause(
    campaignId: CampaignId,
    options?: {
      readonly most?: number
      readonly pace?: Pace
      readonly signal?: AbortSignal
      readonly onProgress?: (contacts: number) => void
    },
  ): Promise<HeldByPause | null>
}

const CHOICES = ['shift', 'send', 'skip'] as const satisfies readonly Overdue[]

const OPTIONS = {
  'most?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER),
  'pace?': pace,
  'signal?': input.abortSignal,
  'onProgress?': input.callable(),
}

export function createPauseQuestions(context: EngineContext, readModel: ReadModel): PauseQuestions {
  return {
    async heldByPause(campaignId, options = {}) {
      input.id('inspect.heldByPause', campaignId)
      input.checkInput('inspect.heldByPause', options, OPTIONS)
      const { campaigns, clock } = context
      await campaigns.refresh()
      const entry = campaigns.catalog.find(campaignId)
      if (entry === undefined) return null
      const at = clock.now()
      const { since = null, sequences = null, entries = 'open' } = pausedIn(entry).paused ?? {}
      const tally = createTally(context, campaignId, at, options.pace)
      const counted = since !== null ? await count(context, readModel, at, tally, options) : NOTHING
      const order = (entry.versions.at(-1)?.campaign.definition.sequences ?? []).flatMap(({ id, steps }) =>
        steps.map((step) => nameOf(id, step.id)),
      )
      return {
        campaignId,
        at,
        since,
        sequences,
        entries,
        ...counted,
        steps: tally.sum(order),
      }
    },
  }
}

const NOTHING = { contacts: 0, complete: true }

async function count(
  context: EngineContext,
  readModel: ReadModel,
  at: Instant,
  tally: ReturnType<typeof createTally>,
  { most = Number.POSITIVE_INFINITY, signal, onProgress }: NonNullable<Parameters<PauseQuestions['heldByPause']>[1]>,
) {
  const asked = createQuestionFacts(context.factsOf)
  let contacts = 0
  for await (const { entries } of agendaPages(readModel, at)) {
    signal?.throwIfAborted()
    const ids = entries.slice(0, most - contacts).map(({ contactId }) => contactId)
    for (const { contactId, state, facts = NO_FACTS } of await loadContacts(context, ids, asked))
      tally.add((catalog) => plan(contactId, state, catalog, facts, at))
    contacts += ids.length
    onProgress?.(contacts)
    if (ids.length < entries.length) return { contacts, complete: false }
  }
  return { contacts, complete: true }
}

const nameOf = (sequenceId: SequenceId, stepId: StepId) => JSON.stringify([sequenceId, stepId])

interface Effect {
  go: number
  skip: number
  first: Instant | null
  last: Instant | null
}

/** An overdue run that goes in its turn. */
interface Paced {
  readonly effect: Effect
  readonly goesAt: Instant
  readonly dueAt: Instant
}

function goes(effect: Effect, at: Instant): void {
  effect.go += 1
  if (effect.first === null || at < effect.first) effect.first = at
  if (effect.last === null || at > effect.last) effect.last = at
}

/** Those that can go first do, and of the same those that have been due longest. */
function takeTurns(paced: readonly Paced[], campaignId: CampaignId, resumedAt: Instant, pace: Pace): void {
  const queue = createPaceQueue({ campaignId, resumedAt, pace })
  const order = paced.toSorted((a, b) => compareIds(a.goesAt, b.goesAt) || compareIds(a.dueAt, b.dueAt))
  for (const { effect, goesAt } of order) goes(effect, queue.begins(goesAt))
}

function createTally(
  { campaigns: { catalog } }: EngineContext,
  campaignId: CampaignId,
  at: Instant,
  pace: Pace | undefined,
) {
  const waiting: { readonly [Choice in Overdue]: Paced[] } = { shift: [], send: [], skip: [] }
  const resumed = CHOICES.map((choice) => [choice, asIfResumed(catalog, campaignId, at, choice)] as const)
  const steps = new Map<string, HeldStep & { overdue: number; choices: { readonly [Choice in Overdue]: Effect } }>()

  function stepOf({ sequenceId, stepId }: UpcomingStep) {
    const name = nameOf(sequenceId, stepId)
    const none = (): Effect => ({ go: 0, skip: 0, first: null, last: null })
    const known = steps.get(name) ?? {
      sequenceId,
      stepId,
      overdue: 0,
      choices: { shift: none(), send: none(), skip: none() },
    }
    steps.set(name, known)
    return known
  }

  return {
    /** @param planned the contact's plan by a catalogue */
    add(planned: (by: typeof catalog) => ReturnType<typeof plan>): void {
      const held = planned(catalog).upcoming.filter(
        (one) => one.campaignId === campaignId && one.campaignPausedSince !== undefined && one.dueAt <= at,
      )
      if (held.length === 0) return
      for (const one of held) stepOf(one).overdue += 1
      for (const [choice, by] of resumed) {
        const { upcoming, due } = planned(by)
        for (const one of held) {
          const isSame = (other: Pick<typeof one, 'run' | 'sequenceId' | 'key'>) =>
            other.run === one.run && other.sequenceId === one.sequenceId && (other.key ?? '') === (one.key ?? '')
          const effect = stepOf(one).choices[choice]
          const next = upcoming.find((other) => other.campaignId === campaignId && isSame(other))
          const skips = due.some((step) => step.action === 'skip' && step.campaignId === campaignId && isSame(step))
          if (skips || next === undefined) {
            effect.skip += 1
            continue
          }
          const goesAt = [next.opensAt ?? next.dueAt, at].reduce((a, b) => (a > b ? a : b))
          // A step that was tried before is due again in its own time.
          const isPaced = pace !== undefined && next.status === 'pending' && next.dueAt <= at
          if (isPaced) waiting[choice].push({ effect, goesAt, dueAt: next.dueAt })
          else goes(effect, goesAt)
        }
      }
    },
    sum(order: readonly string[]): readonly HeldStep[] {
      if (pace !== undefined) for (const choice of CHOICES) takeTurns(waiting[choice], campaignId, at, pace)
      const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
      return [...steps].sort(([a], [b]) => place(a) - place(b)).map(([, step]) => step)
    },
  }
}
