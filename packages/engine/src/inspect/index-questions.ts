/** Questions to the index: the contacts of a sequence, and how many. */
import {
  type CampaignId,
  type ContactId,
  EnfoldFault,
  type Membership,
  type Page,
  parseTag,
  type ReadModel,
  type SequenceId,
  type SequenceRef,
  type Tag,
  type TagQuery,
  tagOf,
  waitingTagOf,
} from '@enfold/core'
import type { Campaigns } from '../campaigns.ts'
import { type SearchDirectory, searchFault } from '../directory.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import * as input from '../input.ts'

export type MemberStatus = 'active' | 'waiting' | 'either'

export interface MembersView {
  /** Of a sequence with keys a contact comes once for each of its keys (KEY-4). */
  readonly contacts: readonly ContactId[]
  /** Only of a sequence with keys: the key of each of the contacts, in the same order; '' for a run without one. */
  readonly keys?: readonly string[]
  /** How many runs there are: contacts, and of a sequence with keys each key by itself. */
  readonly total: number
  /** Pass it as `after` for the next page; `null` at the end. */
  readonly next: ContactId | null
  /** Where there are keys and more of them: pass it as `afterKey`, together with `next`. */
  readonly nextKey?: string
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

/** With its key, where it has one. */
export interface SequenceMembership extends SequenceRef {
  readonly status: 'active' | 'waiting'
}

/** How many runs there are: of a sequence with keys a contact may have several (KEY-4). */
export interface SequenceCounts {
  readonly sequenceId: SequenceId
  /** In progress: active or paused. */
  readonly active: number
  readonly waiting: number
}

export interface IndexQuestions {
  /** The contacts of a sequence. `status` default "active". Rules INDEX-2, KEY-4. */
  contactsInSequence(query: {
    readonly campaignId: CampaignId
    readonly sequenceId: SequenceId
    readonly status?: MemberStatus
    readonly after?: ContactId | null
    /** `nextKey` of the page before. Left out: after all keys of the contact `after`. */
    readonly afterKey?: string
    readonly limit?: number
  }): Promise<MembersView>
  /** The sequences that a contact is in or waits at the end of, from the index; each key by itself. */
  sequencesOf(contactId: ContactId): Promise<readonly SequenceMembership[]>
  /**
   * Contacts by their active sequences: all, any, none; and by the host's own search. Where the host's search finds many
   * that the index passes over, a page may have fewer contacts than `limit`, or none, and `next` leads on.
   */
  search(query: SearchQuery): Promise<SearchView>
  /** How many are in each sequence of a campaign, in the order of its newest version. */
  counts(query: { readonly campaignId: CampaignId }): Promise<readonly SequenceCounts[]>
}

/** Pages of the host's search that one question reads, and for how long. */
const SEARCH_PAGES = 100
const SEARCH_MS = 30_000

export function createIndexQuestions(
  readModel: ReadModel,
  campaigns: Campaigns,
  searchDirectory: SearchDirectory | null,
): IndexQuestions {
  return {
    async contactsInSequence(query) {
      input.checkInput('inspect.contactsInSequence', query, {
        campaignId: input.id,
        sequenceId: input.id,
        'status?': input.oneOf('active', 'waiting', 'either'),
        'after?': input.idOrNull,
        'afterKey?': input.keyOrNone,
        'limit?': input.pageSize,
      })
      const { campaignId, sequenceId, status = 'active', after = null, afterKey, limit = 50 } = query
      const page = { after, limit, ...(afterKey === undefined ? {} : { afterKey }) }
      const [active, waiting] = [tagOf(campaignId, sequenceId), waitingTagOf(campaignId, sequenceId)]
      // One run is either in progress or waits.
      const tags = { active, waiting, either: [active, waiting] }
      return readModel.members(tags[status], page)
    },
    async sequencesOf(contactId) {
      input.id('inspect.sequencesOf', contactId)
      return sequencesIn(await readModel.membershipsOf(contactId))
    },
    async search(query) {
      input.checkInput('inspect.search', query, {
        'all?': sequenceQueries,
        'any?': sequenceQueries,
        'none?': sequenceQueries,
        'text?': input.text,
        'after?': input.idOrNull,
        'limit?': input.pageSize,
      })
      const { text, after = null, limit = 50 } = query
      const tags = { all: tagsFor(query.all), any: tagsFor(query.any), none: tagsFor(query.none) }
      if (text === undefined) return readModel.search(tags, { after, limit })
      if (searchDirectory === null)
        throw EnfoldFault.invalidInput('inspect.search.text', text, 'no text: your contacts directory has no search')
      return searchedAndFiltered(readModel, searchDirectory, text, tags, { after, limit })
    },
    async counts(query) {
      input.checkInput('inspect.counts', query, { campaignId: input.id })
      await campaigns.fresh()
      return countsOf(readModel, campaigns, query.campaignId)
    },
  }
}

function sequencesIn(memberships: readonly Membership[]): readonly SequenceMembership[] {
  return memberships.flatMap(({ tag, ...keyed }) => {
    const parsed = parseTag(tag)
    if (parsed === null) return []
    const { campaignId, sequenceId, waiting } = parsed
    return [{ campaignId, sequenceId, ...keyed, status: waiting ? ('waiting' as const) : ('active' as const) }]
  })
}

async function countsOf(
  readModel: ReadModel,
  { catalog }: Campaigns,
  campaignId: CampaignId,
): Promise<readonly SequenceCounts[]> {
  const versions = catalog.find(campaignId)?.versions ?? []
  // Newest first, then sequences that only older versions have: somebody may still be in one.
  const ids = new Set([...versions].reverse().flatMap(({ campaign }) => [...campaign.sequences.keys()]))
  return Promise.all(
    [...ids].map(async (sequenceId) => ({
      sequenceId,
      active: await readModel.count(tagOf(campaignId, sequenceId)),
      waiting: await readModel.count(waitingTagOf(campaignId, sequenceId)),
    })),
  )
}

/** The host finds, the index filters; pages of the host are read until one of ours is full, or that took long enough. */
async function searchedAndFiltered(
  readModel: ReadModel,
  search: SearchDirectory,
  text: string,
  tags: Required<TagQuery>,
  first: Page,
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

function matches(tags: ReadonlySet<Tag>, query: Required<TagQuery>): boolean {
  return (
    query.all.every((tag) => tags.has(tag)) &&
    (query.any.length === 0 || query.any.some((tag) => tags.has(tag))) &&
    !query.none.some((tag) => tags.has(tag))
  )
}
