/** The counters as the log says that they must be (FUNNEL-2), in memory that grows with the counters and not with the contacts. */
import {
  type Catalog,
  type ContactId,
  type Counter,
  type CounterChange,
  CounterSum,
  type CountersAt,
  changesOfCounters,
  contactOf,
  contactStream,
  countersOf,
  countersOfHistory,
  EnfoldFault,
  type EventStore,
  fold,
  type ReadModel,
  type RecordedContactEvent,
} from '@enfold/core'
import { type Campaigns, createCampaigns } from './campaigns.ts'
import { yieldToEventLoop } from './event-loop.ts'
import { pagesOf } from './paging.ts'

/** So many contacts are read at once. */
const AT_ONCE = 50
const TRIES = 5

/** Counters as they were at one instant, and what the log says of the events that they count. */
export class Recount {
  readonly #sum = new CounterSum()
  readonly #at: CountersAt
  readonly campaigns: Catalog

  constructor(at: CountersAt, campaigns: Catalog) {
    this.#at = at
    this.campaigns = campaigns
  }

  get revision(): number {
    return this.#at.revision
  }

  /** Contacts of which later events are counted than the log may give yet: each must be read from its stream. */
  get ahead(): readonly ContactId[] {
    return [...this.#at.ahead.keys()].flatMap((stream) => contactOf(stream) ?? [])
  }

  isAhead(contactId: ContactId): boolean {
    return this.#at.ahead.has(contactStream(contactId))
  }

  /** Whether the counters count the event. */
  counts({ stream, version, position }: RecordedContactEvent): boolean {
    return position <= this.#at.position || version <= (this.#at.ahead.get(stream) ?? 0)
  }

  add(changes: readonly CounterChange[]): void {
    this.#sum.addAll(changes)
  }

  /** The share of a contact with this history. */
  countersOf(history: readonly RecordedContactEvent[]): readonly CounterChange[] {
    const counted = history.filter((event) => this.counts(event))
    return countersOfHistory(counted, fold(counted), this.campaigns)
  }

  /** Of a contact of which nothing was added yet. */
  addHistory(history: readonly RecordedContactEvent[]): void {
    this.add(this.countersOf(history))
  }

  /** What the counters lack. Of the log as a whole, once everything was added. */
  missing(): readonly CounterChange[] {
    const missing = new CounterSum()
    missing.addAll(this.#sum.changes())
    missing.addAll(changesOfCounters(this.#at.counters), -1)
    return missing.changes()
  }

  /** The counters that are not what they must be: as they are. */
  found(): ReadonlyMap<string, number> {
    return new Map(this.#at.counters.map((one) => [nameOf(one), one.count]))
  }
}

/** A counter that is not what the log says. */
export interface CounterDifference extends Omit<Counter, 'count'> {
  readonly expected: number
  readonly found: number
}

export function counterDifferences(recount: Recount): readonly CounterDifference[] {
  const found = recount.found()
  return countersOf(recount.missing()).map(({ count, ...one }) => {
    const now = found.get(nameOf(one)) ?? 0
    return { ...one, expected: now + count, found: now }
  })
}

const nameOf = ({ campaignId, campaignVersion, key }: Omit<Counter, 'count'>) =>
  JSON.stringify([campaignId, campaignVersion, key])

/** What the counters are held against: taken before the log is read. */
export async function beginRecount(readModel: ReadModel, campaigns: Campaigns): Promise<Recount> {
  const at = await readModel.countersAt()
  // The versions of all runs stand before them in the log.
  await campaigns.refresh()
  return new Recount(at, campaigns.catalog)
}

/** Adds contacts, each from its stream. */
export async function addFromStreams(
  recount: Recount,
  store: EventStore,
  contactIds: readonly ContactId[],
): Promise<void> {
  for (let from = 0; from < contactIds.length; from += AT_ONCE) {
    const streams = contactIds.slice(from, from + AT_ONCE).map(contactStream)
    const histories = await store.readMany(streams)
    for (const history of histories.values()) recount.addHistory(history as readonly RecordedContactEvent[])
    await yieldToEventLoop()
  }
}

/**
 * Adds what is missing. If others have corrected the counters meanwhile, or have found that they lack something, it counts
 * again.
 */
export async function correct(
  first: Recount | null,
  store: EventStore,
  readModel: ReadModel,
  campaigns: Campaigns,
): Promise<void> {
  let recount = first
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    if (recount === null) {
      recount = await beginRecount(readModel, campaigns)
      for await (const page of pagesOf((after, limit) => store.contacts(after, limit)))
        await addFromStreams(recount, store, page)
    }
    if (await readModel.correctCounters(recount.missing(), recount.revision)) return
    recount = null
  }
  throw new EnfoldFault(
    'CONTENTION',
    `Others have corrected the counters ${TRIES} times meanwhile. They may be right by now: see verifyIndex.`,
  )
}

/**
 * Counts the whole log again, and sets the counters right while everything goes on: after events were appended that
 * nobody counted, as an import does. `rebuildIndex` does it, too.
 *
 * @example
 * await recountLog({ store, readModel: store })
 */
export async function recountLog({
  store,
  readModel,
}: {
  readonly store: EventStore
  readonly readModel: ReadModel
}): Promise<void> {
  await correct(null, store, readModel, createCampaigns(store, 1000))
}
