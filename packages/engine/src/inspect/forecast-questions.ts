/** What will become of contacts if nothing happens from now on. Rules FORECAST-1 to FORECAST-3. Writes nothing. */
import { hash } from 'node:crypto'
import {
  type AgendaEntry,
  type CampaignId,
  type Catalog,
  type ContactId,
  campaignsIf,
  describeRejection,
  EnfoldFault,
  epochMsOf,
  type Forecast,
  forecastOf,
  type Instant,
  isLeft,
  isLegalId,
  type Members,
  type ReadModel,
  tagOf,
  type WhatIf,
} from '@enfold/core'
import { createQuestionFacts, type FactsFault } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import * as input from '../input.ts'
import { pages } from '../paging.ts'
import { pace } from '../pausing.ts'
import { decidedOn } from '../stored-states.ts'
import { agendaPages } from './agenda-questions.ts'
import { type BrokenContacts, createBrokenTally } from './broken-contacts.ts'
import { type Count, Counts, cellIn, type ForecastCell, unseenOf } from './forecast-counts.ts'
import { createTurns, type UsedPermits } from './forecast-turns.ts'
import { loadContact, loadContacts, NO_FACTS, type QuestionedContact } from './questioned-contacts.ts'

export interface ContactForecastQuery {
  /** The last instant that is told of, at most ten years from now. */
  readonly until: Instant
  readonly whatIf?: WhatIf
}

export interface ContactForecast extends Forecast {
  readonly contactId: ContactId
  readonly from: Instant
  readonly until: Instant
  /** As in `ContactView`: why it was computed without the contact's facts. */
  readonly factsFault?: FactsFault
}

export interface ForecastQuery extends ContactForecastQuery {
  /** Its contacts are those with a run of it in progress. Default: all campaigns. */
  readonly campaignId?: CampaignId
  /** How long the spans are, in UTC. */
  readonly by: 'hour' | 'day'
  /** About so many of the contacts, drawn by their ids, stand for all of them. Default: every contact. */
  readonly sample?: number
  /** So many contacts are played in this call; the answer's `next` says how to go on. Default: all. */
  readonly atMost?: number
  /** An answer whose `next` is not null: it is added to. Ask the same as then. */
  readonly goOn?: ForecastTotals
  onProgress?(progress: { readonly contacts: number }): void
  /** Ends it: the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

export interface ForecastTotals {
  readonly from: Instant
  readonly until: Instant
  /** By span, then by campaign, sequence and step. */
  readonly cells: readonly ForecastCell[]
  /** Contacts that have something to come until then, of a campaign those in progress in it; and how many were played. */
  readonly due: number
  readonly contacts: number
  /**
   * Of a sample: what is in no cell goes to fewer than so many contacts, 95 times out of 100, each step by itself. 0 where
   * every contact was played.
   */
  readonly unseen: number
  /** Contacts that are in no count, because their facts could not be had. */
  readonly broken: readonly BrokenContacts[]
  /** Contacts of which there is more than can be told. */
  readonly cut: number
  /** Where it goes on; `null`: this is all of it. */
  readonly next: ForecastPlace | null
}

/** Where a forecast stopped: after this entry of the agenda, with what was counted until then. */
export interface ForecastPlace {
  readonly after: AgendaEntry
  readonly counts: readonly Count[]
  /** What it used of the paces of campaigns (GATE-4). Left out: nothing. */
  readonly paces?: UsedPermits
}

export interface ForecastQuestions {
  /**
   * Every step that the contact will come to, as things stand: handlers answer `sent`, facts are as of now, and nothing
   * else happens. `whatIf` gives it under another definition or pause.
   *
   * @throws EnfoldFault `INVALID_INPUT` for a `whatIf` that the rules forbid
   * @example
   * const { steps } = await engine.inspect.forecast('ada', { until: '2026-04-01T00:00:00.000Z' })
   */
  forecast(contactId: ContactId, query: ContactForecastQuery): Promise<ContactForecast>
  /**
   * The same added up over all contacts who have something to come; overdue steps by the pace of a resume (GATE-4). Of a `sample` the numbers are estimates, each with its
   * error. Contacts who move on while it is read may be counted as before or as after.
   *
   * @example
   * const { cells } = await engine.inspect.forecast({ until: '2026-03-15T00:00:00.000Z', by: 'day', sample: 2000 })
   */
  forecast(query: ForecastQuery): Promise<ForecastTotals>
}

export function createForecastQuestions(context: EngineContext, readModel: ReadModel): ForecastQuestions {
  async function forecast(contactId: ContactId, query: ContactForecastQuery): Promise<ContactForecast>
  async function forecast(query: ForecastQuery): Promise<ForecastTotals>
  async function forecast(
    asked: ContactId | ForecastQuery,
    query?: ContactForecastQuery,
  ): Promise<ContactForecast | ForecastTotals> {
    return typeof asked === 'string' || query !== undefined
      ? ofContact(context, asked as ContactId, query as ContactForecastQuery)
      : ofAll(context, readModel, asked)
  }
  return { forecast }
}

const shaped = (shape: input.Shape) => (path: string, value: unknown) => input.checkInput(path, value, shape)
const WHAT_IF = shaped({
  'definition?': input.anything,
  'pause?': shaped({ campaignId: input.id, 'sequences?': input.ids, 'entries?': input.oneOf('open', 'closed') }),
  'resume?': shaped({ campaignId: input.id, 'overdue?': input.oneOf('shift', 'send', 'skip'), 'pace?': pace }),
})
const ONE_CONTACT = { until: input.instant, 'whatIf?': WHAT_IF }
const TEN_YEARS_MS = 10 * 366 * 86_400_000

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const isUsed = (one: unknown): boolean =>
  Array.isArray(one) && one.length === 2 && isLegalId(one[0]) && Number.isFinite(one[1]) && one[1] >= 0

/** An answer of before. It may come from anywhere: what is not read back is not looked at. */
function anAnswer(path: string, value: unknown): void {
  const { due, contacts, cut, broken, next } = (value ?? {}) as Partial<ForecastTotals>
  const isOne =
    [due, contacts, cut].every(isCount) &&
    Array.isArray(broken) &&
    typeof next?.after?.contactId === 'string' &&
    Array.isArray(next.counts) &&
    next.counts.every(
      (one) => Array.isArray(one) && one.length === 5 && cellIn(one[0]) && one.slice(1).every(isCount),
    ) &&
    (next.paces === undefined || (Array.isArray(next.paces) && next.paces.every(isUsed)))
  if (!isOne) throw EnfoldFault.unshownInput(path, 'is none', 'an answer of this question whose `next` is not null')
}

/** What all forecasts begin with. */
async function begin({ campaigns, clock }: EngineContext, { until, whatIf }: ContactForecastQuery) {
  const now = clock.now()
  if (until <= now || epochMsOf(until) > epochMsOf(now) + TEN_YEARS_MS)
    throw EnfoldFault.invalidInput('inspect.forecast.until', until, `an instant after ${now}, within ten years`)
  await campaigns.refresh()
  if (whatIf === undefined) return { now, catalog: campaigns.catalog }
  const catalog = campaignsIf(campaigns.catalog, whatIf, now)
  if (isLeft(catalog))
    throw EnfoldFault.unshownInput(
      'inspect.forecast.whatIf',
      `is refused (${describeRejection(catalog.left)})`,
      'what the rules allow',
    )
  return { now, catalog: catalog.right }
}

async function ofContact(
  context: EngineContext,
  contactId: ContactId,
  query: ContactForecastQuery,
): Promise<ContactForecast> {
  input.id('inspect.forecast', contactId)
  input.checkInput('inspect.forecast', query, ONE_CONTACT)
  const { now, catalog } = await begin(context, query)
  const contact = await loadContact(context, contactId)
  const forecast = await played(context, contact, catalog, now, query.until)
  return { contactId, from: now, until: query.until, ...forecast, ...contact.why }
}

/** From the working state, or from the whole stream where that leaves out what is needed. */
async function played(
  context: EngineContext,
  contact: QuestionedContact,
  campaigns: Catalog,
  now: Instant,
  until: Instant,
  paced?: ReadonlyMap<CampaignId, readonly Instant[]>,
): Promise<Forecast> {
  const { contactId, facts = NO_FACTS } = contact
  const on = ({ state }: Pick<QuestionedContact, 'state'>) =>
    forecastOf({ contactId, state, campaigns, facts, now, until, ...(paced === undefined ? {} : { paced }) })
  return (
    decidedOn({ ...contact, mayBeRecorded: false }, () => on(contact)) ??
    on(await loadContact(context, contactId, { whole: true }))
  )
}

async function ofAll(context: EngineContext, readModel: ReadModel, query: ForecastQuery): Promise<ForecastTotals> {
  input.checkInput('inspect.forecast', query, {
    ...ONE_CONTACT,
    'campaignId?': input.id,
    by: input.oneOf('hour', 'day'),
    'sample?': input.wholeNumber(1, 100_000_000),
    'atMost?': input.wholeNumber(1, 100_000_000),
    'goOn?': anAnswer,
    'onProgress?': input.callable(),
    'signal?': input.abortSignal,
  })
  const { until, campaignId, by, sample, atMost = Number.POSITIVE_INFINITY, goOn, onProgress, signal } = query
  const { now, catalog } = await begin(context, query)
  const members = campaignId === undefined ? null : await membersOf(readModel, catalog, campaignId, signal)
  const isAsked = ({ contactId }: AgendaEntry) => members === null || members.has(contactId)
  const due = goOn?.due ?? (await countDue(readModel, until, isAsked, signal))
  const share = sample === undefined || sample >= due ? 1 : sample / due
  const counts = new Counts(by, goOn?.next?.counts)
  const turns = createTurns({ context, readModel, catalog, now, weight: 1 / share }, goOn?.next?.paces)
  const broken = createBrokenTally(goOn?.broken)
  const asked = createQuestionFacts(context.factsOf)
  let [contacts, cut, next] = [goOn?.contacts ?? 0, goOn?.cut ?? 0, null as ForecastPlace | null]
  let left = atMost
  reading: for await (const { entries } of agendaPages(readModel, until, goOn?.next?.after ?? null)) {
    const drawn = entries.filter((one) => isAsked(one) && (share === 1 || placeOf(one.contactId) < share))
    for (let i = 0; i < drawn.length; i += AT_ONCE) {
      signal?.throwIfAborted()
      const some = drawn.slice(i, i + Math.min(AT_ONCE, left))
      const loaded = await loadContacts(
        context,
        some.map(({ contactId }) => contactId),
        asked,
      )
      for (const contact of loaded) {
        if (contact.facts === undefined) {
          broken.add(contact.contactId, contact.why.factsFault as FactsFault)
          continue
        }
        const alone = await played(context, contact, catalog, now, until)
        const paced = await turns.of(alone.steps)
        const forecast = paced === null ? alone : await played(context, contact, catalog, now, until, paced)
        contacts += 1
        cut += forecast.cut ? 1 : 0
        counts.add(
          campaignId === undefined ? forecast.steps : forecast.steps.filter((step) => step.campaignId === campaignId),
        )
      }
      left -= some.length
      onProgress?.({ contacts })
      const last = some.at(-1)
      if (left <= 0 && last !== undefined) {
        const paces = turns.used()
        next = { after: last, counts: counts.all(), ...(paces.length === 0 ? {} : { paces }) }
        break reading
      }
      await yieldToEventLoop()
    }
  }
  const drawn = share === 1 ? null : { due, contacts }
  return {
    from: goOn?.from ?? now,
    until,
    cells: counts.cells(drawn),
    due,
    contacts,
    unseen: drawn === null ? 0 : unseenOf(drawn),
    broken: broken.sum(),
    cut,
    next,
  }
}

/** Contacts that are loaded at once. */
const AT_ONCE = 100

async function countDue(
  readModel: ReadModel,
  until: Instant,
  isAsked: (entry: AgendaEntry) => boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  let due = 0
  for await (const { entries } of agendaPages(readModel, until)) {
    signal?.throwIfAborted()
    for (const one of entries) if (isAsked(one)) due += 1
  }
  return due
}

/** Who has a run of the campaign in progress. Nothing but such a run leads to another one of it. */
async function membersOf(
  readModel: ReadModel,
  catalog: Catalog,
  campaignId: CampaignId,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<ContactId>> {
  const versions = catalog.find(campaignId)?.versions ?? []
  const sequences = new Set(versions.flatMap(({ campaign }) => [...campaign.sequences.keys()]))
  const members = new Set<ContactId>()
  if (sequences.size === 0) return members
  const any = [...sequences].map((sequenceId) => tagOf(campaignId, sequenceId))
  for await (const { contacts } of pages<ContactId, Members>((after) =>
    readModel.search({ any }, { after, limit: 10_000 }),
  )) {
    signal?.throwIfAborted()
    for (const contactId of contacts) members.add(contactId)
  }
  return members
}

/** Where a contact stands between 0 and 1, when all are mixed. */
const placeOf = (contactId: ContactId): number => hash('sha1', contactId, 'buffer').readUInt32BE(0) / 2 ** 32
