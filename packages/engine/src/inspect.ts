/** Read-only questions of operators: the console, the API and the command line all ask here. */
import {
  type ActionStore,
  type AgendaEntry,
  type CampaignId,
  type ContactId,
  type DueStep,
  EnfoldFault,
  type EventId,
  explain,
  explainNot,
  type Facts,
  fold,
  type Instant,
  isInProgress,
  isSuppressed,
  type NotRun,
  nowFor,
  type Observation,
  type Page,
  parseTag,
  plan,
  type ReadModel,
  type RecordedContactEvent,
  type ResendRecord,
  type RouteTaken,
  type Run,
  type RunStatus,
  recordOf,
  type SequenceId,
  type SequenceRef,
  type StepId,
  type StepRecord,
  type Tag,
  type Timing,
  tagOf,
  type UpcomingStep,
  type Version,
  waitingTagOf,
} from '@enfold/core'
import { type ActionQuestions, createActionQuestions } from './actions/action-questions.ts'
import type { AttentionQuestions } from './attention.ts'
import type { CampaignQuestions } from './campaign-questions.ts'
import {
  createQuestionFacts,
  type FactsFault,
  type FactsForQuestion,
  type SearchDirectory,
  SHORT_MS,
  searchFault,
} from './directory.ts'
import { yieldToEventLoop } from './event-loop.ts'
import { type EngineContext, load } from './execute.ts'
import * as input from './input.ts'
import { createLogQuestions, type LogQuestions } from './log-questions.ts'

export interface ContactView {
  readonly contactId: ContactId
  /** 0: nothing is recorded of this contact. */
  readonly version: Version
  /** `null` where no ban is in force now. */
  readonly suppressed: null | { readonly until: Instant | null }
  readonly erased: boolean
  /** In the order of their first start; with `runs: "all"`, each run by itself, oldest first. */
  readonly enrollments: readonly EnrollmentView[]
  /**
   * Only where the contact's facts could not be had, and why. Due instants that depend on the contact's zone or fields are
   * then computed without them.
   */
  readonly factsFault?: FactsFault
  /**
   * Only where there are any: versions of events that are dated after now, because some clock was fast. They have happened,
   * and the view counts them.
   */
  readonly ahead?: readonly Version[]
}

export interface EnrollmentView extends SequenceRef {
  readonly run: number
  readonly status: RunStatus
  readonly campaignVersion: number
  readonly startedAt: Instant
  readonly endedAt: Instant | null
  /** All steps of the run's version, in order. */
  readonly steps: readonly StepView[]
  /**
   * The step that stands next, and when it is due; of a paused run, when it would be. `opensAt` where it is due and waits
   * for its window. `null` in a run that is over.
   */
  readonly next: null | Pick<UpcomingStep, 'stepId' | 'dueAt' | 'opensAt'>
}

export interface StepView {
  readonly stepId: StepId
  /** Between two attempts a step is `pending`. */
  readonly status: 'pending' | 'dispatched' | 'sent' | 'failed' | 'skipped' | 'cancelled' | 'held'
  /** When it came to be so; `null` while untouched. */
  readonly at: Instant | null
  readonly reason?: string
  readonly resends?: readonly { readonly resend: number; readonly status: string; readonly at: Instant }[]
}

export type MemberStatus = 'active' | 'waiting' | 'either'

export interface MembersView {
  readonly contacts: readonly ContactId[]
  readonly total: number
  /** Pass it as `after` for the next page; `null` at the end. */
  readonly next: ContactId | null
}

export interface SequenceQuery extends SequenceRef {
  /** Default "active": in progress. */
  readonly status?: 'active' | 'waiting'
}

export interface SearchQuery {
  readonly all?: readonly SequenceQuery[]
  readonly any?: readonly SequenceQuery[]
  readonly none?: readonly SequenceQuery[]
  /** Handed to the host's directory; the answer is what both find. */
  readonly text?: string
  readonly after?: ContactId | null
  /** 1 to 1,000. Default 50. */
  readonly limit?: number
}

export interface SearchView {
  readonly contacts: readonly ContactId[]
  /** `null` where the host's directory searches: it does not say. */
  readonly total: number | null
  readonly next: ContactId | null
}

export interface SequenceMembership extends SequenceRef {
  readonly status: 'active' | 'waiting'
}

export interface SequenceCounts {
  readonly sequenceId: SequenceId
  /** In progress: active or paused. */
  readonly active: number
  readonly waiting: number
}

export interface Upcoming extends UpcomingStep {
  readonly contactId: ContactId
  /** As in `ContactView`: why `dueAt` was computed without the contact's facts. */
  readonly factsFault?: FactsFault
}

/** Contacts of whom something may be due, and whose facts could not be had for the same reason. */
export interface BrokenContacts {
  readonly code: FactsFault['code']
  readonly contacts: number
  /** The first of them, and what was wrong there. */
  readonly example: ContactId
  readonly message: string
}

/** What to explain: an event of the contact's history, such as a dispatch, or a step. */
export type ExplainQuery =
  | { readonly contactId: ContactId; readonly eventId: EventId }
  /** `run`: default the newest. */
  | (SequenceRef & { readonly contactId: ContactId; readonly stepId: StepId; readonly run?: number })

/** Why something happened to a contact, or why a step did not run (AUDIT-3). */
export interface Explanation {
  readonly contactId: ContactId
  /** Of a step, as in `ContactView`: why it was explained without the contact's facts. */
  readonly factsFault?: FactsFault
  /**
   * Of a step: whether it ran, and if not, why not, as of now and with the facts that the directory has now. `dueAt`:
   * when it will be due, as things stand; `null` if never or not known. `null` where an event was asked about.
   */
  readonly step: null | Pick<NotRun, 'reason' | 'detail' | 'dueAt'>
  /** Of a step: the events that show it, oldest first. Of an event: that one. Empty: there is none. */
  readonly evidence: readonly RecordedContactEvent[]
  /**
   * From the event asked about, of a step from the last of the evidence (resends aside), back to the root. Each link led
   * to the one before it; the `cause` and `actor` of the last name the signal or the operator.
   */
  readonly chain: readonly CauseLink[]
}

/** One event in a chain of causes, with what its decision saw and chose, as far as it is recorded (LOG-4). */
export interface CauseLink {
  readonly event: RecordedContactEvent
  /** Tags and field values that conditions read; empty for decisions that read none. */
  readonly saw: readonly Observation[]
  /** What became of each route; empty where there was nothing to choose. */
  readonly routes: readonly RouteTaken[]
  /** How the due instant of a step was found; `null` for other events, and outside the schedule. */
  readonly timing: Timing | null
}

/** What a dispatcher that starts now would do at once. */
export interface Overdue {
  /** Contacts of whom something is due. */
  readonly contacts: number
  /** Since when the oldest of it is due; `null`: nothing is. */
  readonly oldest: Instant | null
  /** How many handlers would be called, by kind and campaign. */
  readonly dispatches: readonly { readonly kind: string; readonly campaignId: CampaignId; readonly steps: number }[]
  /** How many steps would be dropped instead, by reason: `late`, `draft`, … */
  readonly skips: readonly { readonly reason: string; readonly steps: number }[]
  /** Contacts that are in none of these counts, because their facts could not be had; by reason. */
  readonly broken: readonly BrokenContacts[]
}

export interface Inspect extends ActionQuestions, AttentionQuestions, CampaignQuestions, LogQuestions {
  /**
   * Everything of one contact as it stands now; with `at`, as it stood at that instant, events of that very instant
   * included (AUDIT-2). Due instants of then are computed with the facts of now: the directory has no others. Answers
   * also while the directory is down or slow; see `factsFault`.
   */
  contact(
    contactId: ContactId,
    options?: { readonly runs?: 'newest' | 'all'; readonly at?: Instant },
  ): Promise<ContactView>
  /**
   * What the directory knows of the contact, as decisions see it now; `null`: it does not know the contact (START-6).
   *
   * @throws EnfoldFault `DIRECTORY_SILENT`, `DIRECTORY_FAILED`, `FACTS_UNREADABLE`
   */
  facts(contactId: ContactId): Promise<Facts | null>
  /** The recorded events of one contact, in order; empty if there are none. */
  history(contactId: ContactId): Promise<readonly RecordedContactEvent[]>
  /** The engine's clock. What is recorded as later than this was written by a process whose clock is fast (AUDIT-2). */
  now(): Instant
  /**
   * The chain of causes of an event, or why a step ran or did not. Asking about an event never calls the directory;
   * asking about a step does, and does without where it fails; see `factsFault`.
   *
   * @example
   * const { step, chain } = await inspect.explain({ contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', stepId: 'two' })
   * // step: { reason: 'stopped', detail: null, dueAt: null }
   * // chain: SequenceStopped, because GoalSatisfied, whose cause is { by: 'signal', … }
   */
  explain(query: ExplainQuery): Promise<Explanation>
  /** Who is in a sequence. `status` default "active". Rule INDEX-2. */
  contactsInSequence(query: {
    readonly campaignId: CampaignId
    readonly sequenceId: SequenceId
    readonly status?: MemberStatus
    readonly after?: ContactId | null
    readonly limit?: number
  }): Promise<MembersView>
  /** The sequences that a contact is in or waits at the end of, from the index. */
  sequencesOf(contactId: ContactId): Promise<readonly SequenceMembership[]>
  /**
   * Contacts by their active sequences: all, any, none; and by the host's own search. Where the host's search finds many
   * that the index passes over, a page may have fewer contacts than `limit`, or none, and `next` leads on.
   */
  search(query: SearchQuery): Promise<SearchView>
  /** How many are in each sequence of a campaign, in the order of its newest version. */
  counts(query: { readonly campaignId: CampaignId }): Promise<readonly SequenceCounts[]>
  /** Next steps of one contact, or of everyone up to an instant; by due instant. `limit` counts contacts, default 100. */
  upcoming(query: {
    readonly contactId?: ContactId
    readonly until?: Instant
    readonly limit?: number
  }): Promise<readonly Upcoming[]>
  /** How much would go out if a dispatcher started now: the question before the start after days of standstill. */
  overdue(): Promise<Overdue>
}

const LIMIT = input.wholeNumber(1, 1000)
/** Pages of the host's search that one question reads, and for how long. */
const SEARCH_PAGES = 100
const SEARCH_MS = 30_000
/** Of a contact whose facts could not be had. */
const NO_FACTS: Facts = Object.freeze({})

type QuestionFacts = ReturnType<typeof createQuestionFacts>

export function createInspect(
  context: EngineContext,
  readModel: ReadModel,
  searchDirectory: SearchDirectory | null,
  actions: ActionStore | null,
  attention: AttentionQuestions,
  campaignQuestions: CampaignQuestions,
): Inspect {
  const { campaigns, clock } = context

  /** Contacts with what the log and the directory have of them now, in the order given. */
  async function seen(contactIds: readonly ContactId[], asked: QuestionFacts) {
    const found = await asked.many(contactIds)
    return Promise.all(
      contactIds.map(async (contactId) => {
        const { facts, fault } = found.get(contactId) as FactsForQuestion
        const loaded = await load(context, contactId, Promise.resolve({ facts }))
        await campaigns.ensure(loaded.state)
        return { ...loaded, contactId, facts, why: fault === null ? {} : { factsFault: fault } }
      }),
    )
  }

  async function seenAlone(contactId: ContactId) {
    const [one] = await seen([contactId], createQuestionFacts(context.factsOf))
    return one as Awaited<ReturnType<typeof seen>>[number]
  }

  async function contact(
    contactId: ContactId,
    options: { readonly runs?: 'newest' | 'all'; readonly at?: Instant } = {},
  ): Promise<ContactView> {
    input.id('inspect.contact', contactId)
    input.checkInput('inspect.contact', options, { 'runs?': input.oneOf('newest', 'all'), 'at?': input.instant })
    const { runs = 'newest', at } = options
    await campaigns.fresh()
    const loaded = await seenAlone(contactId)
    const { facts = NO_FACTS, why } = loaded
    const history = at === undefined ? loaded.history : loaded.history.filter((event) => event.at <= at)
    const state = at === undefined ? loaded.state : fold(history)
    const { version } = state
    const now = at ?? clock.now()
    const { upcoming } = plan(contactId, state, campaigns.catalog, facts, now)
    const enrollments = state.enrollments.flatMap(({ campaignId, sequenceId, runs: all }) =>
      (runs === 'all' ? all : all.slice(-1)).map((run) =>
        enrollmentView({ campaignId, sequenceId }, run, upcoming, stepIds(campaignId, sequenceId, run)),
      ),
    )
    const suppressed = isSuppressed(state, now) ? state.suppressed : null
    const real = clock.now()
    const ahead = history.flatMap((event) => (event.at > real ? [event.version] : []))
    const view = { contactId, version, suppressed, erased: state.erased, enrollments, ...why }
    return ahead.length === 0 ? view : { ...view, ahead }
  }

  function stepIds(campaignId: CampaignId, sequenceId: SequenceId, run: Run): readonly StepId[] {
    const { campaign } = campaigns.catalog.version(campaignId, run.campaignVersion)
    return campaign.sequences.get(sequenceId)?.steps.map((step) => step.id) ?? []
  }

  async function explanation(query: ExplainQuery): Promise<Explanation> {
    if (typeof query === 'object' && query !== null && 'eventId' in query) {
      input.checkInput('inspect.explain', query, { contactId: input.id, eventId: input.id })
      const { contactId, eventId } = query
      const chain = explain(await context.historyOf(contactId), eventId)
      return { contactId, step: null, evidence: chain.slice(0, 1), chain: chain.map(causeLink) }
    }
    input.checkInput('inspect.explain', query, {
      contactId: input.id,
      campaignId: input.id,
      sequenceId: input.id,
      stepId: input.id,
      'run?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER),
    })
    const { contactId, ...step } = query
    await campaigns.fresh()
    const { history, facts, why } = await seenAlone(contactId)
    const deciding = {
      campaigns: campaigns.catalog,
      ...(facts === undefined ? {} : { facts }),
      now: nowFor(history, clock.now()),
    }
    const { evidence, reason, detail, dueAt } = explainNot(contactId, history, step, deciding)
    // A resend says why somebody wanted the step again, not why it ran.
    const decisive = evidence.findLast(({ data }) => !('resend' in data) || data.resend === 0)
    const chain = decisive === undefined ? [] : explain(history, decisive.id).map(causeLink)
    return { contactId, step: { reason, detail, dueAt }, evidence, chain, ...why }
  }

  async function contactsInSequence(query: Parameters<Inspect['contactsInSequence']>[0]): Promise<MembersView> {
    input.checkInput('inspect.contactsInSequence', query, {
      campaignId: input.id,
      sequenceId: input.id,
      'status?': input.oneOf('active', 'waiting', 'either'),
      'after?': input.idOrNull,
      'limit?': LIMIT,
    })
    const { campaignId, sequenceId, status = 'active', after = null, limit = 50 } = query
    const page = { after, limit }
    if (status === 'active') return readModel.members(tagOf(campaignId, sequenceId), page)
    if (status === 'waiting') return readModel.members(waitingTagOf(campaignId, sequenceId), page)
    return readModel.search({ any: [tagOf(campaignId, sequenceId), waitingTagOf(campaignId, sequenceId)] }, page)
  }

  async function search(query: SearchQuery): Promise<SearchView> {
    input.checkInput('inspect.search', query, {
      'all?': sequenceQueries,
      'any?': sequenceQueries,
      'none?': sequenceQueries,
      'text?': input.text,
      'after?': input.idOrNull,
      'limit?': LIMIT,
    })
    const { text, after = null, limit = 50 } = query
    const tags = { all: tagsFor(query.all), any: tagsFor(query.any), none: tagsFor(query.none) }
    if (text === undefined) return readModel.search(tags, { after, limit })
    if (searchDirectory === null)
      throw EnfoldFault.invalidInput('inspect.search.text', text, 'no text: your contacts directory has no search')
    return searchedAndFiltered(text, tags, { after, limit }, searchDirectory)
  }

  /** The host finds, the index filters; pages of the host are read until one of ours is full, or that took long enough. */
  async function searchedAndFiltered(
    text: string,
    tags: Parameters<typeof matches>[1],
    first: Page,
    search: SearchDirectory,
  ): Promise<SearchView> {
    const { limit } = first
    const found: ContactId[] = []
    const told = new Set<ContactId>()
    const startedAt = performance.now()
    for (let page = first; ; ) {
      const { contacts, next } = await search(text, page)
      for (const contactId of contacts) {
        if (matches(new Set(await readModel.tagsOf(contactId)), tags)) found.push(contactId)
        if (found.length === limit)
          return { contacts: found, total: null, next: contactId === contacts.at(-1) ? next : contactId }
      }
      if (next === null) return { contacts: found, total: null, next: null }
      if (next === page.after || told.has(next))
        throw searchFault('returned the same next for two pages: it would never come to an end')
      told.add(next)
      const isEnough = told.size === SEARCH_PAGES || performance.now() - startedAt > SEARCH_MS
      if (isEnough) return { contacts: found, total: null, next }
      page = { after: next, limit }
      await yieldToEventLoop()
    }
  }

  async function upcoming(query: Parameters<Inspect['upcoming']>[0]): Promise<readonly Upcoming[]> {
    input.checkInput('inspect.upcoming', query, {
      'contactId?': input.id,
      'until?': input.instant,
      'limit?': input.wholeNumber(1, 10_000),
    })
    const { contactId, until = '9999-12-31T23:59:59.999Z', limit = 100 } = query
    const contacts =
      contactId === undefined ? (await readModel.agenda(until, limit)).map((entry) => entry.contactId) : [contactId]
    await campaigns.fresh()
    const steps: Upcoming[] = []
    for (const { contactId: one, state, facts = NO_FACTS, why } of await seen(
      contacts,
      createQuestionFacts(context.factsOf),
    ))
      for (const step of plan(one, state, campaigns.catalog, facts, clock.now()).upcoming)
        if (step.dueAt <= until) steps.push({ contactId: one, ...step, ...why })
    return steps.sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0))
  }

  async function overdue(): Promise<Overdue> {
    await campaigns.refresh()
    const now = clock.now()
    const asked = createQuestionFacts(context.factsOf)
    const tally = createOverdueTally()
    for (let after: AgendaEntry | undefined; ; ) {
      const page: readonly AgendaEntry[] = await readModel.agenda(now, 500, after)
      const contactIds = page.map(({ contactId }) => contactId)
      for (const { contactId, state, facts, why } of await seen(contactIds, asked)) {
        if (facts === undefined) tally.broken(contactId, why.factsFault as FactsFault)
        else tally.due(plan(contactId, state, campaigns.catalog, facts, now).due)
      }
      if (page.length < 500) return tally.sum()
      after = page.at(-1) as AgendaEntry
    }
  }

  return {
    contact,
    async history(contactId) {
      input.id('inspect.history', contactId)
      return context.historyOf(contactId)
    },
    now: () => clock.now(),
    async facts(contactId) {
      input.id('inspect.facts', contactId)
      return context.factsOf(contactId, SHORT_MS)
    },
    explain: explanation,
    contactsInSequence,
    async sequencesOf(contactId) {
      input.id('inspect.sequencesOf', contactId)
      const tags = await readModel.tagsOf(contactId)
      return tags.flatMap((tag) => {
        const parsed = parseTag(tag)
        if (parsed === null) return []
        const { campaignId, sequenceId, waiting } = parsed
        return [{ campaignId, sequenceId, status: waiting ? ('waiting' as const) : ('active' as const) }]
      })
    },
    search,
    async counts(query) {
      input.checkInput('inspect.counts', query, { campaignId: input.id })
      await campaigns.fresh()
      const versions = campaigns.catalog.find(query.campaignId)?.versions ?? []
      // Newest first, then sequences that only older versions have: somebody may still be in one.
      const ids = new Set([...versions].reverse().flatMap(({ campaign }) => [...campaign.sequences.keys()]))
      return Promise.all(
        [...ids].map(async (sequenceId) => ({
          sequenceId,
          active: await readModel.count(tagOf(query.campaignId, sequenceId)),
          waiting: await readModel.count(waitingTagOf(query.campaignId, sequenceId)),
        })),
      )
    },
    upcoming,
    overdue,
    ...attention,
    ...createActionQuestions(actions, clock),
    ...campaignQuestions,
    ...createLogQuestions(context, readModel),
  }
}

/** Adds up what is due of one contact after the other. */
function createOverdueTally() {
  const dispatches = new Map<string, { kind: string; campaignId: CampaignId; steps: number }>()
  const skips = new Map<string, number>()
  const broken = new Map<string, BrokenContacts>()
  let contacts = 0
  let oldest: Instant | null = null
  return {
    due(acts: readonly DueStep[]): void {
      if (acts.length > 0) contacts += 1
      for (const act of acts) {
        if (oldest === null || act.dueAt < oldest) oldest = act.dueAt
        if (act.act === 'skip') skips.set(act.reason, (skips.get(act.reason) ?? 0) + 1)
        if (act.act !== 'dispatch') continue
        const { kind } = act.step
        const name = JSON.stringify([kind, act.campaignId])
        const known = dispatches.get(name) ?? { kind, campaignId: act.campaignId, steps: 0 }
        dispatches.set(name, { ...known, steps: known.steps + 1 })
      }
    },
    broken(contactId: ContactId, { code, message }: FactsFault): void {
      const known = broken.get(code) ?? { code, contacts: 0, example: contactId, message }
      broken.set(code, { ...known, contacts: known.contacts + 1 })
    },
    sum: (): Overdue => ({
      contacts,
      oldest,
      dispatches: [...dispatches.values()],
      skips: [...skips].map(([reason, steps]) => ({ reason, steps })),
      broken: [...broken.values()],
    }),
  }
}

function causeLink(event: RecordedContactEvent): CauseLink {
  const { data } = event
  return {
    event,
    saw: 'saw' in data ? (data.saw ?? []) : [],
    routes: 'routes' in data ? data.routes : [],
    timing: 'timing' in data ? data.timing : null,
  }
}

function enrollmentView(
  ref: SequenceRef,
  run: Run,
  upcoming: readonly UpcomingStep[],
  stepIds: readonly StepId[],
): EnrollmentView {
  const next = isInProgress(run)
    ? upcoming.find((s) => s.run === run.run && s.sequenceId === ref.sequenceId && s.campaignId === ref.campaignId)
    : undefined
  return {
    ...ref,
    run: run.run,
    status: run.status,
    campaignVersion: run.campaignVersion,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    steps: stepIds.map((stepId) => stepView(stepId, recordOf(run, stepId))),
    next: next === undefined ? null : nextOf(next),
  }
}

function nextOf({ stepId, dueAt, opensAt }: UpcomingStep): NonNullable<EnrollmentView['next']> {
  return { stepId, dueAt, ...(opensAt === undefined ? {} : { opensAt }) }
}

function stepView(stepId: StepId, record: StepRecord | undefined): StepView {
  if (record === undefined) return { stepId, status: 'pending', at: null }
  const { status, at, reason, resends } = record
  return {
    stepId,
    status: status === 'retrying' ? 'pending' : status,
    at,
    ...(reason === null ? {} : { reason }),
    ...(resends.length === 0 ? {} : { resends: resends.map(resendView) }),
  }
}

function resendView({ resend, status, at }: ResendRecord) {
  return { resend, status, at }
}

export function sequenceQueries(path: string, value: unknown): void {
  if (!Array.isArray(value))
    throw EnfoldFault.invalidInput(path, value, 'a list of { campaignId, sequenceId, status? }')
  for (const [i, query] of value.entries())
    input.checkInput(`${path}[${i}]`, query, {
      campaignId: input.id,
      sequenceId: input.id,
      'status?': input.oneOf('active', 'waiting'),
    })
}

export function tagsFor(queries: readonly SequenceQuery[] = []): readonly Tag[] {
  return queries.map(({ campaignId, sequenceId, status }) =>
    status === 'waiting' ? waitingTagOf(campaignId, sequenceId) : tagOf(campaignId, sequenceId),
  )
}

function matches(
  tags: ReadonlySet<Tag>,
  query: { all: readonly Tag[]; any: readonly Tag[]; none: readonly Tag[] },
): boolean {
  return (
    query.all.every((tag) => tags.has(tag)) &&
    (query.any.length === 0 || query.any.some((tag) => tags.has(tag))) &&
    !query.none.some((tag) => tags.has(tag))
  )
}
