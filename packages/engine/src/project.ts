/**
 * The projection: feeds a read model that lies beside the log, from the read model's checkpoint on, a batch and its
 * checkpoint in one transaction. Where the store writes index and agenda in the append, none of this runs.
 *
 * What makes it safe: a contact's row is a function of its stream up to a version, and a write of an older version is
 * passed over. Who writes it, how often and in what order makes no difference: this projector, another one, the
 * dispatcher behind a step, a rebuild. Rules INDEX-1, ONCE-3. Why it is so: docs/decisions/0009-projection.md.
 */
import {
  type Change,
  type Clock,
  type ContactDirectory,
  type ContactId,
  type ContactState,
  contactOf,
  contactStream,
  EnfoldFault,
  type EventId,
  type EventStore,
  type EventType,
  epochMsOf,
  fold,
  type Instant,
  isContactEvent,
  isEnfoldFault,
  type Members,
  marksOf,
  type Position,
  type ReadModel,
  type RecordedContactEvent,
  type RecordedEvent,
  type StreamId,
  type Tag,
  unplannedMarks,
  type Version,
} from '@enfold/core'
import { createBatcher, isFaultOfStore } from './batch.ts'
import { createCampaigns } from './campaigns.ts'
import { realWait, systemClock } from './clock.ts'
import { createFacts, SHORT_MS } from './directory.ts'
import { type Observer, observedBy } from './engine-events.ts'
import { yieldToEventLoop } from './event-loop.ts'
import { createHistoryOf, derive, type EngineContext, plannedOf } from './execute.ts'
import { type FaultWords, lineOf, wordsOf } from './fault-words.ts'
import { createMutex } from './mutex.ts'
import { restoreContact, tagsBehind } from './read-model.ts'

/** Of a projection that feeds a read model beside the log. */
export interface ProjectionOptions {
  /**
   * What to do with a contact of whom an event cannot be projected, after three tries. `stop` (default): end with the
   * fault `PROJECTION_STOPPED`, which names the event. `park`: leave the contact as it is shown, dispatch nothing of it,
   * let its later events wait, and go on with everyone else; see `engine.projection`.
   */
  readonly onPoison?: 'stop' | 'park'
}

/** By how much the read model lags behind the log. */
export interface ProjectionLag {
  /** Events that the read model does not show yet; 1,000 stands for that many or more. */
  readonly behind: number
  /** How long ago the oldest of them was recorded, in milliseconds; 0: all are shown. */
  readonly lagMs: number
}

/** How the projection stands: the lag of the read model, whoever feeds it, and what this process has to do with it. */
export interface ProjectionHealth extends ProjectionLag {
  /** Whether this process follows the log. Another one may. */
  readonly running: boolean
  /** How many contacts are parked. */
  readonly parked: number
  /** The last fault that it met here, and when; `null`: none so far. */
  readonly lastFault: null | (FaultWords & { readonly at: Instant })
  /** True: it ended with that fault, and nothing is projected by this process until it is run again. */
  readonly stopped: boolean
}

/** A contact that could not be projected and waits for somebody to decide. */
export interface ParkedContact {
  readonly contactId: ContactId
  /** The event that could not be projected; `null` if the log gives no such event any more. */
  readonly event: null | {
    readonly id: EventId
    readonly type: EventType
    readonly stream: StreamId
    readonly version: Version
    readonly position: Position
  }
  /** What was thrown; `null` where another process met it, or this one before it was started anew. */
  readonly reason: string | null
}

export type RetryOutcome =
  | { readonly outcome: 'projected' }
  | { readonly outcome: 'not_parked' }
  | { readonly outcome: 'still_parked'; readonly reason: string }

/** What operators do about contacts that the projection has parked (`onPoison: 'park'`). */
export interface ParkedContacts {
  /** In a fixed order: those behind `after`. Default `limit` 100, at most 1,000. */
  parked(page?: {
    readonly after?: ContactId | null
    readonly limit?: number
  }): Promise<{ readonly contacts: readonly ParkedContact[]; readonly next: ContactId | null }>
  /** Projects the contact again, with all that has waited. */
  retry(contactId: ContactId): Promise<RetryOutcome>
  /** Gives up on what has waited: the contact leaves index and agenda until its next event is projected. */
  discard(contactId: ContactId): Promise<{ readonly outcome: 'discarded' | 'not_parked' }>
}

export interface Projection extends ParkedContacts {
  /**
   * Follows the log until the signal aborts, and goes on after any fault of log or read model. Two at once in a process:
   * the second waits for its turn.
   *
   * @throws EnfoldFault `PROJECTION_STOPPED`, `PROJECTION_OUT_OF_ORDER`: both name the event
   */
  run(signal: AbortSignal): Promise<void>
  /** Projects what is recorded now; answers whether there was anything. Throws what `run` throws, and faults of a store. */
  toHead(until?: Position): Promise<boolean>
  /** Writes one contact's row as the log has it now, wherever the projection is. */
  show(contactId: ContactId): Promise<void>
  /** Resolves when the read model shows the position. Throws `PROJECTION_BEHIND` when the time is over. */
  waitFor(position: Position, timeoutMs: number): Promise<void>
  lag(): Promise<ProjectionLag>
  /** The event for which the contact is parked; `null`: it is not parked, or the log gives no such event any more. */
  parkedEvent(contactId: ContactId): Promise<RecordedContactEvent | null>
  /** `null` where the store projects in the append. */
  health(): Promise<ProjectionHealth | null>
}

/** Worn by parked contacts. No tag of a sequence is like it: those have a slash. */
export const PARKED: Tag = '~parked'
/** And beside it, which event it was. */
const parkedAt = (version: Version): Tag => `${PARKED}@${version}`

/** How many events share a transaction. */
const BATCH = 500
/** How many contacts' states are kept, so that their next event costs no reading. */
const KEPT = 10_000
/** How many contacts' facts are asked for at once. */
const AT_ONCE = 50
const TRIES = 3
const FIRST_PAUSE_MS = 100
const MOST_BEHIND = 1000

/** A contact as its stream has it up to a version. */
interface Folded {
  readonly version: Version
  readonly state: ContactState
  readonly tags: readonly Tag[]
}

/** What is known of a contact that was projected lately. */
interface Followed extends Folded {
  /** Up to where its events have been given. The stream may have been read further. */
  readonly given: Version
}

/** For a store that writes index and agenda in the append: there is nothing to do, and nothing to wait for. */
export const projectedInAppend: Projection = {
  run: (signal) => realWaitFor(signal),
  toHead: async () => false,
  show: async () => {},
  waitFor: async () => {},
  lag: async () => ({ behind: 0, lagMs: 0 }),
  parkedEvent: async () => null,
  health: async () => null,
  parked: async () => ({ contacts: [], next: null }),
  retry: async () => ({ outcome: 'not_parked' }),
  discard: async () => ({ outcome: 'not_parked' }),
}

export function createProjection(
  context: EngineContext,
  readModel: ReadModel,
  { onPoison = 'stop' }: ProjectionOptions,
): Projection {
  const { store, campaigns, clock, factsOf, observe } = context
  /** Up to where events have been projected; `null`: ask the read model, which knows after any fault. */
  let handled: Position | null = null
  /** Contacts that were projected lately, the latest last. */
  const followed = new Map<ContactId, Followed>()
  /** Contacts that are parked, as far as is known here, and why. */
  const parked = new Map<ContactId, string | null>()
  const waiting = new Set<AbortController>()
  const exclusively = createMutex()
  let running: Promise<void> | null = null
  let lastFault: ProjectionHealth['lastFault'] = null
  let stopped = false

  // --- From events to rows ---

  /** Where to go on: everything up to here is shown. */
  async function begin(): Promise<Position> {
    if (handled !== null) return handled
    followed.clear()
    for await (const contactId of parkedContacts()) if (!parked.has(contactId)) parked.set(contactId, null)
    await campaigns.fresh()
    handled = await readModel.checkpoint()
    return handled
  }

  /** Projects a batch, in the order of the log; what was projected before is passed over. Answers whether any was new. */
  function handle(events: readonly RecordedEvent[]): Promise<boolean> {
    return exclusively(async () => {
      try {
        return await handleNow(events)
      } catch (error) {
        handled = null
        throw error
      }
    })
  }

  async function handleNow(given: readonly RecordedEvent[]): Promise<boolean> {
    let last = await begin()
    const events: RecordedEvent[] = []
    for (const event of given) {
      // Given again: it is projected already, or stands in this batch.
      if (event.position <= last) continue
      events.push(event)
      last = event.position
    }
    if (events.length === 0) return false
    const byContact = await notParked(events.filter(isContactEvent))
    const known = await foldedOf(byContact)
    const rows: { readonly event: RecordedContactEvent; readonly change: Change }[] = []
    for (const some of slicesOf([...byContact], AT_ONCE))
      await Promise.all(
        some.map(async ([contactId, its]) => {
          const before = known.get(contactId)
          if (before === undefined) return
          const event = its.at(-1) as RecordedContactEvent
          const row = await tried(event, async () => {
            const now = followedOn(contactId, before, its)
            const isKnown = followed.get(contactId) === before
            // Read from its stream, it was in the row already if this version was.
            if (isKnown && now.version === before.version) return { now, change: null }
            return {
              now,
              change: await changeOf(contactId, now, isKnown ? { before: before.state, events: its } : null),
            }
          })
          known.delete(contactId)
          if (row === null) return
          known.set(contactId, row.now)
          if (row.change !== null) rows.push({ event, change: row.change })
        }),
      )
    await write(rows, last)
    for (const [contactId, now] of known) if (!parked.has(contactId)) keep(contactId, now)
    handled = last
    for (const early of waiting) early.abort()
    if (rows.some(({ change }) => change.derived.wakeAt !== null)) context.wakeUp()
    return true
  }

  async function notParked(events: readonly RecordedContactEvent[]): Promise<Map<ContactId, RecordedContactEvent[]>> {
    const byContact = new Map<ContactId, RecordedContactEvent[]>()
    for (const event of events) {
      const contactId = contactOf(event.stream)
      if (contactId === null) continue
      const its = byContact.get(contactId)
      if (its === undefined) byContact.set(contactId, [event])
      else its.push(event)
    }
    for (const contactId of byContact.keys()) {
      if (!parked.has(contactId)) continue
      // Retried or discarded meanwhile, perhaps by another process?
      if ((await readModel.tagsOf(contactId)).includes(PARKED)) byContact.delete(contactId)
      else parked.delete(contactId)
    }
    return byContact
  }

  /** What is known of each contact before its events: kept from last time, or read from its stream. */
  async function foldedOf(
    byContact: ReadonlyMap<ContactId, readonly RecordedContactEvent[]>,
  ): Promise<Map<ContactId, Followed>> {
    const known = new Map<ContactId, Followed>()
    const unknown: ContactId[] = []
    for (const contactId of byContact.keys()) {
      const before = followed.get(contactId)
      if (before === undefined) unknown.push(contactId)
      else known.set(contactId, before)
    }
    if (unknown.length === 0) return known
    // Whole streams: those that one reads in vain are given back at once, if one of them cannot be read.
    const histories = await historiesOf(unknown).catch((error) => {
      if (isFaultOfStore(error)) throw error
      return null
    })
    for (const contactId of unknown) {
      const [first] = byContact.get(contactId) as [RecordedContactEvent]
      const read = await tried(first, async () => {
        const history = histories?.get(contactStream(contactId)) ?? (await context.historyOf(contactId))
        return { ...foldedFrom(contactId, history), given: givenBefore(first, history) }
      })
      if (read !== null) known.set(contactId, read)
    }
    return known
  }

  async function historiesOf(contactIds: readonly ContactId[]) {
    const found = await store.readMany(contactIds.map(contactStream))
    return found as ReadonlyMap<StreamId, readonly RecordedContactEvent[]>
  }

  /** Up to which version a contact's events were given before this one, which its stream must hold. */
  function givenBefore(event: RecordedContactEvent, history: readonly RecordedContactEvent[]): Version {
    const recorded = history[event.version - 1]
    if (recorded === undefined)
      throw new EnfoldFault(
        'STORE_UNAVAILABLE',
        `The stream ${JSON.stringify(event.stream)} does not show its version ${event.version} yet, which the log has given already. Try again.`,
        placeOf(event),
      )
    if (recorded.id !== event.id) throw outOfOrder(event, event.version - 1, 'again, as another event')
    const before = history[event.version - 2]
    if (before !== undefined && before.position > (handled as Position)) throw outOfOrder(event, event.version - 2)
    return event.version - 1
  }

  /** The contact after its events, each of which must follow the one before. */
  function followedOn(contactId: ContactId, before: Followed, events: readonly RecordedContactEvent[]): Followed {
    let { given } = before
    for (const event of events) {
      if (event.version !== given + 1) throw outOfOrder(event, given)
      given = event.version
    }
    const news = events.filter((event) => event.version > before.version)
    if (news.length === 0) return { ...before, given }
    return {
      given,
      version: given,
      state: fold(news, before.state),
      tags: tagsBehind(contactId, news, before.tags),
    }
  }

  function keep(contactId: ContactId, now: Followed): void {
    followed.delete(contactId)
    followed.set(contactId, now)
    if (followed.size <= KEPT) return
    for (const oldest of followed.keys()) {
      followed.delete(oldest)
      return
    }
  }

  /** The contact's rows: what these events change in them; `null`: exactly what they must be, whatever there was. */
  async function changeOf(
    contactId: ContactId,
    { version, state, tags }: Folded,
    news: { readonly before: ContactState; readonly events: readonly RecordedContactEvent[] } | null,
  ): Promise<Change> {
    await campaigns.ensure(state)
    // A directory that fails for one contact holds up no other.
    const facts = await factsOf(contactId).catch(() => undefined)
    if (news !== null) return { contactId, version, derived: derive(context, contactId, { ...news, state }, { facts }) }
    const { wake, faults } = plannedOf(context, contactId, state, facts)
    const exactly = setTo(contactId, [...tags, ...marksOf(state), ...unplannedMarks(faults)])
    return { contactId, version, derived: { ...wake, tags: exactly } }
  }

  /** All rows and the checkpoint; if that fails for one of them, each by itself, and the checkpoint behind them. */
  async function write(
    rows: readonly { readonly event: RecordedContactEvent; readonly change: Change }[],
    checkpoint: Position,
  ): Promise<void> {
    try {
      return await readModel.apply(
        rows.map(({ change }) => change),
        checkpoint,
      )
    } catch (error) {
      if (isFaultOfStore(error) || rows.length === 0) throw error
    }
    for (const { event, change } of rows) await tried(event, () => readModel.apply([change], 0))
    await readModel.apply([], checkpoint)
  }

  // --- What cannot be projected ---

  /** Tries what concerns one contact only, a few times; `null`: it failed each time, and the contact is parked. */
  async function tried<T>(event: RecordedContactEvent, work: () => Promise<T>): Promise<T | null> {
    for (let attempt = 1; ; attempt++)
      try {
        return await work()
      } catch (error) {
        if (isFaultOfStore(error) || isFaultCode(error, 'PROJECTION_OUT_OF_ORDER')) throw error
        if (attempt < TRIES) await realWait(FIRST_PAUSE_MS * 2 ** attempt * context.random())
        else if (onPoison === 'park') return park(event, error)
        else throw poisoned(event, error)
      }
  }

  /** Leaves the contact's rows as they are, save that nothing is due and it wears the mark, by which any process finds it. */
  async function park(event: RecordedContactEvent, error: unknown): Promise<null> {
    const { version, stream } = event
    const contactId = contactOf(stream) as ContactId
    const mark = [PARKED, parkedAt(version)].map((tag) => ({ change: 'add', contactId, tag }) as const)
    await readModel.apply([{ contactId, version, derived: { tags: mark, wakeAt: null } }], 0).catch((unmarked) => {
      throw isFaultOfStore(unmarked) ? unmarked : poisoned(event, error)
    })
    parked.set(contactId, lineOf(error))
    followed.delete(contactId)
    observe({ type: 'contact-parked', contactId, event: placeOf(event), error })
    return null
  }

  async function* parkedContacts(): AsyncGenerator<ContactId> {
    for (let after: ContactId | null = null; ; ) {
      const page: Members = await readModel.members(PARKED, { after, limit: 1000 })
      yield* page.contacts
      if (page.next === null) return
      after = page.next
    }
  }

  async function parkedEventOf(contactId: ContactId): Promise<RecordedContactEvent | null> {
    const tags = await readModel.tagsOf(contactId)
    const mark = tags.find((tag) => tag.startsWith(`${PARKED}@`))
    const version = Number(mark?.slice(PARKED.length + 1))
    const history = await context.historyOf(contactId).catch(() => [])
    return history[version - 1] ?? null
  }

  async function parkedContact(contactId: ContactId): Promise<ParkedContact> {
    const event = await parkedEventOf(contactId)
    const reason = parked.get(contactId) ?? null
    return { contactId, event: event === null ? null : placeOf(event), reason }
  }

  /** Does something about a contact's rows, if it is parked, while no batch is under way. */
  function ofParked<T>(contactId: ContactId, work: () => Promise<T>): Promise<T | { readonly outcome: 'not_parked' }> {
    return exclusively(async () => {
      if (!(await readModel.tagsOf(contactId)).includes(PARKED)) return { outcome: 'not_parked' }
      const done = await work()
      followed.delete(contactId)
      return done
    })
  }

  // --- Following the log ---

  async function follow(signal: AbortSignal): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    stopped = false
    while (!signal.aborted) {
      try {
        const from = await exclusively(begin)
        await followFrom(from, signal, () => {
          pauseMs = FIRST_PAUSE_MS
        })
      } catch (error) {
        lastFault = { at: clock.now(), ...wordsOf(error) }
        if (isFaultCode(error, 'PROJECTION_STOPPED') || isFaultCode(error, 'PROJECTION_OUT_OF_ORDER')) {
          stopped = true
          throw error
        }
        observe({ type: 'projection-failed', error, pauseMs })
      }
      // Also where it ended without a word: a subscription ends only when it is told to, or when it is lost.
      await realWait(pauseMs * context.random(), signal)
      pauseMs = Math.min(pauseMs * 2, 10_000)
    }
  }

  /** Takes what is there without waiting for more, up to a batch: while one is written, the next one gathers. */
  async function followFrom(from: Position, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const end = new AbortController()
    const items = store.subscribe(from, AbortSignal.any([signal, end.signal]))[Symbol.asyncIterator]()
    const idle = Symbol('idle')
    try {
      let next = items.next()
      for (let over = false; !over; ) {
        const batch: RecordedEvent[] = []
        for (let item = await next; ; ) {
          over = item.done === true || signal.aborted
          if (over) break
          if (item.value.type !== 'CaughtUp') batch.push(item.value)
          next = items.next()
          // Who looks at the last batch first must not end the process with the rejection of the next.
          next.catch(() => {})
          const found = batch.length < BATCH ? await Promise.race([next, yieldToEventLoop().then(() => idle)]) : idle
          if (found === idle) break
          item = found as Awaited<typeof next>
        }
        if (signal.aborted) return
        if (batch.length > 0) await handle(batch)
        onProgress()
      }
    } finally {
      end.abort()
      await items.return?.()
    }
  }

  async function toHead(until: Position = Number.POSITIVE_INFINITY): Promise<boolean> {
    let any = false
    let batch: RecordedEvent[] = []
    for await (const event of store.readAll(await exclusively(begin))) {
      if (event.position > until) break
      if (batch.push(event) < BATCH) continue
      any = (await handle(batch)) || any
      batch = []
    }
    return (await handle(batch)) || any
  }

  const show = createBatcher<ContactId, void>(async (contactIds) => {
    const histories = await historiesOf(contactIds)
    const changes: Change[] = []
    for (const contactId of contactIds) {
      const now = foldedFrom(contactId, histories.get(contactStream(contactId)) ?? [])
      changes.push(await changeOf(contactId, now, null))
    }
    await readModel.apply(changes, 0)
    return []
  }, 200)

  async function lag(): Promise<ProjectionLag> {
    let behind = 0
    let oldest: Instant | null = null
    for await (const event of store.readAll(await readModel.checkpoint())) {
      oldest ??= event.at
      behind += 1
      if (behind === MOST_BEHIND) break
    }
    return { behind, lagMs: oldest === null ? 0 : Math.max(0, epochMsOf(clock.now()) - epochMsOf(oldest)) }
  }

  return {
    async run(signal) {
      const over = realWaitFor(signal)
      while (running !== null && !signal.aborted) await Promise.race([running.catch(() => {}), over])
      if (signal.aborted) return
      const mine = follow(signal).finally(() => {
        running = null
      })
      running = mine
      return mine
    },
    toHead,
    show,
    async waitFor(position, timeoutMs) {
      const until = performance.now() + timeoutMs
      for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
        const checkpoint = await readModel.checkpoint()
        if (checkpoint >= position) return
        const leftMs = until - performance.now()
        if (leftMs <= 0)
          throw new EnfoldFault(
            'PROJECTION_BEHIND',
            `The read model shows the log up to position ${checkpoint}, not yet ${position}, after ${timeoutMs} ms. Wait longer; or let some process feed it, with engine.run or engine.project.`,
            { position, checkpoint, timeoutMs },
          )
        const early = new AbortController()
        waiting.add(early)
        await realWait(Math.min(pauseMs, leftMs), early.signal)
        waiting.delete(early)
      }
    },
    lag,
    parkedEvent: parkedEventOf,
    async health() {
      return {
        ...(await lag()),
        running: running !== null,
        parked: await readModel.count(PARKED),
        lastFault,
        stopped,
      }
    },
    async parked({ after = null, limit = 100 } = {}) {
      const { contacts, next } = await readModel.members(PARKED, { after, limit })
      const found: ParkedContact[] = []
      for (const contactId of contacts) found.push(await parkedContact(contactId))
      return { contacts: found, next }
    },
    retry: (contactId) =>
      ofParked(contactId, async (): Promise<RetryOutcome> => {
        try {
          await restoreContact(context, readModel, contactId)
        } catch (error) {
          if (isFaultOfStore(error)) throw error
          parked.set(contactId, lineOf(error))
          return { outcome: 'still_parked', reason: lineOf(error) }
        }
        parked.delete(contactId)
        context.wakeUp()
        return { outcome: 'projected' }
      }),
    discard: (contactId) =>
      ofParked(contactId, async () => {
        const version = (await context.historyOf(contactId)).length
        await readModel.restore({ contactId, version, tags: [], wakeAt: null })
        parked.delete(contactId)
        return { outcome: 'discarded' } as const
      }),
  }
}

/**
 * Fills a read model from the log, up to the head or to a position, beside the one that is in use; one that was filled
 * in part is filled further. When it is full, make the engine anew with it: it goes on from there.
 *
 * Leases are not in the log: let no dispatcher work by the old read model when the first one works by the new one.
 *
 * @returns how far it goes
 * @throws EnfoldFault `PROJECTION_STOPPED`, `PROJECTION_OUT_OF_ORDER`, and faults of log and read model
 * @example
 * const fresh = createSqliteStore({ path: 'read-model-2.db' })
 * await buildReadModel({ store, readModel: fresh, contacts })
 */
export async function buildReadModel(options: {
  readonly store: EventStore
  readonly readModel: ReadModel
  /** As for `createEngine`: the same facts, or wakes that depend on them are others. */
  readonly contacts?: ContactDirectory
  readonly clock?: Clock
  readonly observe?: Observer
  /** Default: all that is recorded when it gets there. */
  readonly until?: Position
  readonly onPoison?: 'stop' | 'park'
}): Promise<{ readonly position: Position }> {
  const { store, readModel, clock = systemClock, observe } = options
  const context: EngineContext = {
    store,
    historyOf: createHistoryOf(store),
    append: () => Promise.reject(new Error('A projection appends nothing.')),
    campaigns: createCampaigns(store, 1000),
    factsOf: createFacts(options.contacts, SHORT_MS),
    clock,
    observe: observedBy(observe === undefined ? [] : [observe]),
    random: Math.random,
    wakeUp() {},
    viewMs: null,
  }
  const { onPoison = 'stop' } = options
  await createProjection(context, readModel, { onPoison }).toHead(options.until)
  return { position: await readModel.checkpoint() }
}

function foldedFrom(contactId: ContactId, history: readonly RecordedContactEvent[]): Folded {
  return { version: history.length, state: fold(history), tags: tagsBehind(contactId, history) }
}

/** Exactly these tags, whatever there was. */
function setTo(contactId: ContactId, tags: readonly Tag[]): Change['derived']['tags'] {
  return [{ change: 'clear', contactId }, ...tags.map((tag) => ({ change: 'add', contactId, tag }) as const)]
}

function placeOf({ id, type, stream, version, position }: RecordedContactEvent) {
  return { id, type, stream, version, position }
}

function nameOf({ id, type, stream, version, position }: RecordedContactEvent): string {
  return `${type} ${id}, version ${version} of the stream ${JSON.stringify(stream)}, at position ${position}`
}

function outOfOrder(event: RecordedContactEvent, given: Version, how?: string): EnfoldFault {
  const what = how ?? (event.version <= given ? `again, behind version ${given}` : `right behind version ${given}`)
  return new EnfoldFault(
    'PROJECTION_OUT_OF_ORDER',
    `The log gave ${nameOf(event)}, ${what}. Nothing of it was projected. Check the log with \`enfold verify\`; if it is whole, the subscription lost or repeated an event: run the projection again, which begins behind its checkpoint.`,
    { ...placeOf(event), given },
  )
}

function poisoned(event: RecordedContactEvent, error: unknown): EnfoldFault {
  return new EnfoldFault(
    'PROJECTION_STOPPED',
    `${nameOf(event)} could not be projected in ${TRIES} tries: ${lineOf(error)}. Mend what is said there and run the projection again; or run it with onPoison "park", which leaves this contact out and goes on with the others.`,
    placeOf(event),
    error,
  )
}

function isFaultCode(error: unknown, code: string): boolean {
  return isEnfoldFault(error) && error.code === code
}

function* slicesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}

function realWaitFor(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
