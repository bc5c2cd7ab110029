/** Questions about what is due: what comes next, and what would go out at once. */
import {
  type AgendaEntry,
  type CampaignId,
  type ContactId,
  type ContactState,
  type DueStep,
  type Instant,
  plan,
  type ReadModel,
  refOf,
  runOf,
  type StepRef,
  type UpcomingStep,
  type Vars,
} from '@enfold/core'
import { createQuestionFacts, type FactsFault } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import { pages } from '../paging.ts'
import { type BrokenContacts, createBrokenTally } from './broken-contacts.ts'
import { varsIn } from './contact-questions.ts'
import { loadContacts, NO_FACTS } from './questioned-contacts.ts'

export interface Upcoming extends UpcomingStep {
  readonly contactId: ContactId
  /** What the run began with (VAR-1). Only where there is something. */
  readonly vars?: Vars
  /** As in `ContactView`: why `dueAt` was computed without the contact's facts. */
  readonly factsFault?: FactsFault
}

/** One step that is due, by its run: of a keyed run with its key (KEY-4). */
export interface OverdueStep extends StepRef {
  readonly contactId: ContactId
  readonly dueAt: Instant
}

/** What a dispatcher that starts now would do at once. */
export interface Overdue {
  /** Contacts that have something due. */
  readonly contacts: number
  /** Since when the oldest of it is due; `null`: nothing is. */
  readonly oldest: Instant | null
  /** How many handlers would be called, by kind and campaign. `first`: of those steps the one that is due longest. */
  readonly dispatches: readonly {
    readonly kind: string
    readonly campaignId: CampaignId
    readonly steps: number
    readonly first: OverdueStep
  }[]
  /** How many steps would be dropped instead, by reason: `late`, `draft`, … */
  readonly skips: readonly { readonly reason: string; readonly steps: number; readonly first: OverdueStep }[]
  /** Contacts that are in none of these counts, because their facts could not be had; by reason. */
  readonly broken: readonly BrokenContacts[]
}

export interface AgendaQuestions {
  /** Next steps of one contact, or of everyone up to an instant; by due instant. `limit` counts contacts, default 100. */
  upcoming(query: {
    readonly contactId?: ContactId
    readonly until?: Instant
    readonly limit?: number
  }): Promise<readonly Upcoming[]>
  /** How much would be sent if a dispatcher started now: the question before the start after days of standstill. */
  overdue(): Promise<Overdue>
}

const END_OF_TIME: Instant = '9999-12-31T23:59:59.999Z'
const PAGE = 500

export function createAgendaQuestions(context: EngineContext, readModel: ReadModel): AgendaQuestions {
  return {
    async upcoming(query) {
      input.checkInput('inspect.upcoming', query, {
        'contactId?': input.id,
        'until?': input.instant,
        'limit?': input.wholeNumber(1, 10_000),
      })
      const { contactId, until = END_OF_TIME, limit = 100 } = query
      const contacts =
        contactId === undefined ? (await readModel.agenda(until, limit)).map((entry) => entry.contactId) : [contactId]
      return upcomingOf(context, contacts, until)
    },
    overdue: () => overdue(context, readModel),
  }
}

async function upcomingOf(
  context: EngineContext,
  contactIds: readonly ContactId[],
  until: Instant,
): Promise<readonly Upcoming[]> {
  const { campaigns, clock } = context
  await campaigns.fresh()
  const steps: Upcoming[] = []
  for (const { contactId, state, facts = NO_FACTS, why } of await loadContacts(context, contactIds))
    for (const step of plan(contactId, state, campaigns.catalog, facts, clock.now()).upcoming)
      if (step.dueAt <= until) steps.push({ contactId, ...step, ...varsOf(state, step), ...why })
  return steps.sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0))
}

function varsOf(state: ContactState, step: UpcomingStep): { readonly vars?: Vars } {
  const run = runOf(state, step)
  return run === undefined ? {} : varsIn(run)
}

async function overdue(context: EngineContext, readModel: ReadModel): Promise<Overdue> {
  const { campaigns, clock, factsOf } = context
  await campaigns.refresh()
  const now = clock.now()
  const asked = createQuestionFacts(factsOf)
  const tally = createOverdueTally()
  for await (const { entries } of agendaPages(readModel, now)) {
    const contactIds = entries.map(({ contactId }) => contactId)
    for (const { contactId, state, facts, why } of await loadContacts(context, contactIds, asked)) {
      if (facts === undefined) tally.broken(contactId, why.factsFault as FactsFault)
      else tally.due(contactId, plan(contactId, state, campaigns.catalog, facts, now).due)
    }
  }
  return tally.sum()
}

/** Every contact that has something due, by page; those after `begin`. */
export function agendaPages(readModel: ReadModel, until: Instant, begin: AgendaEntry | null = null) {
  return pages(async (last: AgendaEntry | null) => {
    const after = last ?? begin
    const entries = await readModel.agenda(until, PAGE, after ?? undefined)
    return { entries, next: entries.length < PAGE ? null : (entries.at(-1) ?? null) }
  })
}

/** How many steps, and which of them is due longest. */
interface Steps {
  readonly steps: number
  readonly first: OverdueStep
}

/** Adds up what is due of one contact after the other. */
function createOverdueTally() {
  const dispatches = new Map<string, Steps & { readonly kind: string; readonly campaignId: CampaignId }>()
  const skips = new Map<string, Steps>()
  const broken = createBrokenTally()
  let contacts = 0
  let oldest: Instant | null = null
  return {
    due(contactId: ContactId, acts: readonly DueStep[]): void {
      if (acts.length > 0) contacts += 1
      for (const act of acts) {
        if (oldest === null || act.dueAt < oldest) oldest = act.dueAt
        if (act.action === 'skip') skips.set(act.reason, withOneMore(skips.get(act.reason), contactId, act))
        if (act.action !== 'dispatch') continue
        const { campaignId, step } = act
        const name = JSON.stringify([step.kind, campaignId])
        const more = withOneMore(dispatches.get(name), contactId, act)
        dispatches.set(name, { kind: step.kind, campaignId, ...more })
      }
    },
    broken: broken.add,
    sum: (): Overdue => ({
      contacts,
      oldest,
      dispatches: [...dispatches.values()],
      skips: [...skips].map(([reason, more]) => ({ reason, ...more })),
      broken: broken.sum(),
    }),
  }
}

function withOneMore(
  known: Steps | undefined,
  contactId: ContactId,
  act: Extract<DueStep, { readonly action: 'dispatch' | 'skip' }>,
): Steps {
  const { run, stepId, dueAt } = act
  const isFirst = known === undefined || dueAt < known.first.dueAt
  const first = isFirst ? { contactId, ...refOf(act), run, stepId, dueAt } : known.first
  return { steps: (known?.steps ?? 0) + 1, first }
}
