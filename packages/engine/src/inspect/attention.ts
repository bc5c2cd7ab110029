/**
 * What waits for a person: complete, in pages, and by the index. Marks name the contacts (`marks.ts` of the core), their
 * histories say what it is; so what happened since, or a thousand failures later, hides nothing.
 */
import {
  type CampaignId,
  type ContactId,
  EnfoldFault,
  epochMsOf,
  fold,
  type Instant,
  isInProgress,
  type Members,
  markOf,
  newestRun,
  type Page,
  type ReadModel,
  type RecordedContactEvent,
  refOf,
  type SequenceId,
  type StepId,
  stepsWaiting,
} from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import { wordsOf } from '../fault-words.ts'
import * as input from '../input.ts'
import type { Kinds } from '../kinds.ts'
import { nextWake } from '../next-wake.ts'
import { PARKED } from '../projection/park.ts'
import type { Projection } from '../projection/projection.ts'

/** In the order in which they are listed. */
export const ATTENTION_KINDS = ['held', 'failed', 'unplanned', 'unread', 'unhandled', 'parked'] as const

/**
 * - `held`: a step is held, and its run stands still until somebody resends or cancels it.
 * - `failed`: the last sending of a step failed for good, in the newest run of the sequence. It leaves the list when the
 *   step is sent after all, when the run is stopped later than the step failed, or when a new run begins.
 * - `unplanned`: the schedule of a run cannot be computed by this release. Stop the run, or install a release that can.
 * - `unread`: something of the contact is due, and the facts that the directory returns of it cannot be read, in one entry for
 *   each campaign that it is in. A worker found so, and asks again. Correct what the directory returns.
 * - `unhandled`: steps of a kind that this engine has no handler for are due for more than five minutes: no worker does
 *   them (KIND-1).
 * - `parked`: the projection has left the contact out; see `engine.projection`.
 */
export type AttentionKind = (typeof ATTENTION_KINDS)[number]

export interface AttentionQuery {
  /** Default: all of them, one after the other. */
  readonly kind?: AttentionKind
  /**
   * Only what is of these campaigns. Parked contacts and kinds without a handler are of none, and are then left out.
   * Default: everything.
   */
  readonly campaigns?: readonly CampaignId[]
  /** The `next` of the page before. */
  readonly after?: string | null
  /** Of contacts, 1 to 1,000. Default 50. */
  readonly limit?: number
}

/** One thing that waits. What does not apply is `null`. */
export interface AttentionEntry {
  readonly kind: AttentionKind
  /** `null` for `unhandled`, which is of many contacts. */
  readonly contactId: ContactId | null
  readonly campaignId: CampaignId | null
  readonly sequenceId: SequenceId | null
  /** Only where the run is for a key (KEY-1). */
  readonly key?: string
  readonly run: number | null
  readonly stepId: StepId | null
  /** Which sending of the step failed: 0 the scheduled one, 1, 2, … resends. */
  readonly resend: number | null
  /** Since when it waits; `null`: not known. */
  readonly since: Instant | null
  /**
   * A code. Of a step the reason that was recorded with its failure; of a run that cannot be planned the code of the fault;
   * of a kind without a handler the kind; of a parked contact the type of the event that could not be projected.
   */
  readonly reason: string | null
  /** How many contacts wait for it: 1, except for `unhandled`. */
  readonly contacts: number
}

export interface AttentionView {
  /** By kind, then by contact in the order of the index. A contact may have several. */
  readonly entries: readonly AttentionEntry[]
  /** How many contacts there are of each kind that was asked for; of `unhandled`, how many kinds of steps. */
  readonly counts: { readonly [kind in AttentionKind]: number }
  /** The sum of `counts`. */
  readonly total: number
  /** Pass it as `after` for the next page; `null` at the end. */
  readonly next: string | null
}

export interface AttentionQuestions {
  /**
   * What waits for a person. A read model apart from the log may be a moment late; `waitFor` waits for it. The directory
   * is not asked.
   *
   * @example
   * const { entries, total, next } = await engine.inspect.attention({ kind: 'held', limit: 20 })
   */
  attention(query?: AttentionQuery): Promise<AttentionView>
}

/** Shorter than this, a worker may be about to do it. */
const UNHANDLED_MS = 5 * 60_000

interface Source {
  readonly kind: AttentionKind
  count(): Promise<number>
  /** Of contacts; of `unhandled`, of kinds of steps. */
  page(page: Page): Promise<{ readonly ids: readonly string[]; readonly next: string | null }>
  entries(ids: readonly string[]): Promise<readonly AttentionEntry[]>
}

type Mark = 'held' | 'failed' | 'unplanned' | 'unread'
type OfCampaigns = AttentionQuery['campaigns']

export function createAttentionQuestions(
  context: EngineContext,
  readModel: ReadModel,
  kinds: Kinds,
  projection: Projection,
): AttentionQuestions {
  const sourcesFor = ({ kind, campaigns }: AttentionQuery): readonly Source[] => {
    const marks = (['held', 'failed', 'unplanned', 'unread'] as const).map((mark) =>
      marked(context, readModel, mark, campaigns),
    )
    const others = [unhandled(context, readModel, kinds), parked(readModel, projection)]
    const sources = campaigns === undefined ? [...marks, ...others] : marks
    return sources.filter((source) => kind === undefined || source.kind === kind)
  }
  return {
    async attention(query = {}) {
      input.checkInput('inspect.attention', query, {
        'kind?': input.oneOf(...ATTENTION_KINDS),
        'campaigns?': input.ids,
        'after?': cursorOrNull,
        'limit?': input.pageSize,
      })
      const sources = sourcesFor(query)
      const counted = await Promise.all(sources.map(async (source) => [source.kind, await source.count()] as const))
      const counts = { ...NO_COUNTS, ...Object.fromEntries(counted) }
      const total = counted.reduce((sum, [, count]) => sum + count, 0)
      return { ...(await pageOf(sources, counts, query)), counts, total }
    },
  }
}

/** One kind after the other, until the page is full. */
async function pageOf(
  sources: readonly Source[],
  counts: AttentionView['counts'],
  { after = null, limit = 50 }: AttentionQuery,
): Promise<Pick<AttentionView, 'entries' | 'next'>> {
  const entries: AttentionEntry[] = []
  let from = after === null ? null : cursorOf(after)
  let left = limit
  for (const { kind, ...source } of sources) {
    if (from !== null && ATTENTION_KINDS.indexOf(kind) < ATTENTION_KINDS.indexOf(from.kind)) continue
    const start = from?.kind === kind ? from.after : null
    from = null
    if (counts[kind] === 0) continue
    if (left === 0) return { entries, next: `${kind}/` }
    const { ids, next } = await source.page({ after: start, limit: left })
    entries.push(...(await source.entries(ids)))
    if (next !== null) return { entries, next: `${kind}/${next}` }
    left -= ids.length
  }
  return { entries, next: null }
}

/** Contacts by a mark, and what their histories say of it. */
function marked(context: EngineContext, readModel: ReadModel, mark: Mark, campaigns: OfCampaigns): Source {
  const tags = campaigns?.map((campaignId) => markOf(mark, campaignId))
  const members = async (page: Page) => {
    if (tags === undefined) return readModel.members(markOf(mark), page)
    // A search for any of no tags is one for everybody.
    return tags.length === 0 ? NO_MEMBERS : readModel.search({ any: tags }, page)
  }
  const isWanted = ({ campaignId }: AttentionEntry) =>
    campaigns === undefined || (campaignId !== null && campaigns.includes(campaignId))
  return {
    kind: mark,
    count: async () =>
      tags === undefined ? readModel.count(markOf(mark)) : (await members({ after: null, limit: 1 })).total,
    async page(page) {
      const { contacts, next } = await members(page)
      return { ids: contacts, next }
    },
    async entries(ids) {
      const found = await Promise.all(
        ids.map(async (contactId) => {
          const history = await context.historyOf(contactId)
          if (mark === 'unread') return unreadOf(contactId, history)
          return mark === 'unplanned' ? unplannedOf(context, contactId, history) : stepsOf(mark, contactId, history)
        }),
      )
      return found.flat().filter(isWanted)
    },
  }
}

function stepsOf(
  kind: 'held' | 'failed',
  contactId: ContactId,
  history: readonly RecordedContactEvent[],
): readonly AttentionEntry[] {
  return stepsWaiting(fold(history))
    .filter(({ mark }) => mark === kind)
    .map(({ mark: _, ...step }) => ({ ...NOTHING, ...step, kind, contactId }))
}

async function unplannedOf(
  { campaigns, clock }: EngineContext,
  contactId: ContactId,
  history: readonly RecordedContactEvent[],
): Promise<readonly AttentionEntry[]> {
  const state = fold(history)
  await campaigns.ensure(state)
  const { faults = [] } = nextWake(contactId, state, campaigns.catalog, undefined, clock.now())
  const since = history.at(-1)?.at ?? null
  return faults.map(({ error, run, ...ref }): AttentionEntry => {
    const { code } = wordsOf(error)
    return { ...NOTHING, kind: 'unplanned', contactId, ...refOf(ref), run, since, reason: code }
  })
}

function unreadOf(contactId: ContactId, history: readonly RecordedContactEvent[]): readonly AttentionEntry[] {
  const campaigns = new Set(
    fold(history).enrollments.flatMap((one) => (isInProgress(newestRun(one)) ? [one.campaignId] : [])),
  )
  return [...campaigns].map((campaignId) => ({
    ...NOTHING,
    kind: 'unread',
    contactId,
    campaignId,
    reason: 'FACTS_UNREADABLE',
  }))
}

/** Kinds of steps that no handler of this engine does, and for which contacts are due for a while. */
function unhandled({ campaigns, clock }: EngineContext, readModel: ReadModel, kinds: Kinds): Source {
  const waitingKinds = async () => {
    await campaigns.fresh()
    const now = clock.now()
    const waiting = await readModel.backlog(kinds.missing(), now)
    return waiting
      .filter(({ since }) => epochMsOf(now) - epochMsOf(since) > UNHANDLED_MS)
      .sort((a, b) => (a.kind < b.kind ? -1 : 1))
  }
  return {
    kind: 'unhandled',
    count: async () => (await waitingKinds()).length,
    async page({ after, limit }) {
      const found = (await waitingKinds()).map(({ kind }) => kind).filter((kind) => after === null || kind > after)
      const ids = found.slice(0, limit)
      return { ids, next: found.length > limit ? (ids.at(-1) ?? null) : null }
    },
    async entries(ids) {
      const waiting = await waitingKinds()
      return waiting.flatMap(({ kind, contacts, since }) =>
        ids.includes(kind) ? [{ ...NOTHING, kind: 'unhandled' as const, since, reason: kind, contacts }] : [],
      )
    },
  }
}

function parked(readModel: ReadModel, projection: Projection): Source {
  return {
    kind: 'parked',
    count: () => readModel.count(PARKED),
    async page(page) {
      const { contacts, next } = await readModel.members(PARKED, page)
      return { ids: contacts, next }
    },
    entries: (ids) =>
      Promise.all(
        ids.map(async (contactId) => {
          const event = await projection.parkedEvent(contactId)
          const [since, reason] = [event?.at ?? null, event?.type ?? null]
          return { ...NOTHING, kind: 'parked' as const, contactId, since, reason }
        }),
      ),
  }
}

const NO_MEMBERS: Members = { contacts: [], total: 0, next: null }
const NO_COUNTS = { held: 0, failed: 0, unplanned: 0, unread: 0, unhandled: 0, parked: 0 }
const NOTHING = {
  contactId: null,
  campaignId: null,
  sequenceId: null,
  run: null,
  stepId: null,
  resend: null,
  since: null,
  reason: null,
  contacts: 1,
}

/** Where a page ends: the kind, a slash, and the last contact of it; none: the kind begins. */
function cursorOf(cursor: string): { readonly kind: AttentionKind; readonly after: string | null } | null {
  const slash = cursor.indexOf('/')
  const kind = ATTENTION_KINDS.find((one) => one === cursor.slice(0, Math.max(slash, 0)))
  return kind === undefined ? null : { kind, after: cursor.slice(slash + 1) || null }
}

function cursorOrNull(path: string, value: unknown): void {
  if (value === null || (typeof value === 'string' && cursorOf(value) !== null)) return
  throw EnfoldFault.invalidInput(path, value, 'the next of another page, or null')
}
