/** Projects batches of events, in the order of the log: rows and checkpoint in one transaction. */
import {
  type Change,
  type ContactId,
  type ContactState,
  type CountedBatch,
  CounterSum,
  contactOf,
  contactStream,
  counterChanges,
  fold,
  foldedState,
  isContactEvent,
  isDueToStore,
  type KeepsStates,
  marksOf,
  needsHistoryFor,
  type Position,
  type ReadModel,
  type RecordedContactEvent,
  type RecordedEvent,
  type Tail,
  unplannedMarks,
} from '@enfold/core'
import { isFaultOfStore } from '../batch.ts'
import { derive, plannedOf } from '../derive.ts'
import type { EngineContext } from '../engine-context.ts'
import type { ProjectedContact } from '../logged-contact.ts'
import { createMutex } from '../mutex.ts'
import { tailsApart } from '../stored-states.ts'
import { findParked, isStillParked, type Parking, tried } from './park.ts'
import {
  asStored,
  eventsByContact,
  type FollowedContact,
  foldedAfter,
  foldedFrom,
  followedFrom,
  followedOn,
  setTo,
  startOf,
} from './rows.ts'

/** How many contacts' states are kept, so that their next event costs no reading. */
const KEPT = 10_000
/** How many contacts' facts are asked for at once. */
const AT_ONCE = 50

export interface Projector {
  readonly context: EngineContext
  readonly readModel: ReadModel
  readonly parking: Parking
  /** Contacts by their stored states in the read model, and the events since. */
  readonly tails: KeepsStates
  /** No two batches at once, and nothing done about a parked contact while one is under way. */
  readonly exclusively: ReturnType<typeof createMutex>
  /** Up to where events have been projected; `null`: ask the read model, which knows after any fault. */
  handled: Position | null
  /** Up to where the log has given its events here. Another process may have projected them. */
  given: Position
  /** Contacts that were projected lately, the latest last. */
  readonly followed: Map<ContactId, FollowedContact>
  /** Aborted when a batch is projected: they wait for the read model to show something. */
  readonly waiting: Set<AbortController>
}

/** A row to write, and the event that made it so. */
interface Row {
  readonly event: RecordedContactEvent
  readonly change: Change
}

export function createProjector(context: EngineContext, readModel: ReadModel, parking: Parking): Projector {
  return {
    context,
    readModel,
    parking,
    tails: tailsApart(context.store, readModel),
    exclusively: createMutex(),
    handled: null,
    given: 0,
    followed: new Map(),
    waiting: new Set(),
  }
}

/** Where to go on: everything up to here is shown. */
export function begin(projector: Projector): Promise<Position> {
  return projector.exclusively(async () => {
    const from = await beginNow(projector)
    // What another process has projected meanwhile is not given here any more.
    if (from > projector.given) projector.context.lastSeen.clear()
    projector.given = Math.max(projector.given, from)
    return from
  })
}

async function beginNow(projector: Projector): Promise<Position> {
  if (projector.handled !== null) return projector.handled
  projector.followed.clear()
  await findParked(projector.parking)
  await projector.context.campaigns.fresh()
  projector.handled = await projector.readModel.checkpoint()
  return projector.handled
}

/** Projects a batch; what was projected before is passed over. Returns whether any of it was new. */
export function project(projector: Projector, events: readonly RecordedEvent[]): Promise<boolean> {
  return projector.exclusively(async () => {
    try {
      const isNew = await projectNow(projector, events)
      for (const { stream, version } of events) projector.context.lastSeen.reached(contactOf(stream) ?? '', version)
      projector.given = Math.max(projector.given, events.at(-1)?.position ?? 0)
      return isNew
    } catch (error) {
      projector.handled = null
      throw error
    }
  })
}

async function projectNow(projector: Projector, all: readonly RecordedEvent[]): Promise<boolean> {
  const handled = await beginNow(projector)
  const events = notGivenBefore(all, handled)
  const last = events.at(-1)?.position
  if (last === undefined) return false
  const given = eventsByContact(events.filter(isContactEvent))
  const byContact = new Map(given)
  for (const contactId of byContact.keys())
    if (await isStillParked(projector.parking, contactId)) byContact.delete(contactId)
  const known = await contactsBefore(projector, byContact, handled)
  const before = new Map(known)
  const rows = await rowsOf(projector, byContact, known)
  const counted = { since: handled, ...(await countBatch(projector, given, before, known)) }
  if (!(await write(projector, rows, last, counted))) {
    // Another projector was first with some of these events: what it has not shown is looked at again.
    projector.handled = null
    return projectNow(projector, all)
  }
  for (const [contactId, now] of known) keep(projector, contactId, now)
  projector.handled = last
  for (const early of projector.waiting) early.abort()
  if (rows.some(({ change }) => change.derived.wakeAt !== null)) projector.context.wakeUp()
  return true
}

/** Without what is projected already, or stands twice in the batch. */
function notGivenBefore(given: readonly RecordedEvent[], handled: Position): readonly RecordedEvent[] {
  let last = handled
  return given.filter(({ position }) => {
    if (position <= last) return false
    last = position
    return true
  })
}

/** What is known of each contact before its events: kept from last time, or read from its stream. */
async function contactsBefore(
  projector: Projector,
  byContact: ReadonlyMap<ContactId, readonly RecordedContactEvent[]>,
  handled: Position,
): Promise<Map<ContactId, FollowedContact>> {
  const known = new Map<ContactId, FollowedContact>()
  const unknown: ContactId[] = []
  for (const [contactId, its] of byContact) {
    const before = projector.followed.get(contactId)
    if (before === undefined || needsHistoryFor(before.state, its)) unknown.push(contactId)
    else known.set(contactId, before)
  }
  if (unknown.length === 0) return known
  // If one stream cannot be read, each is read by itself below, and only that one fails.
  const tails = await tailsOf(projector, unknown).catch((error) => {
    if (isFaultOfStore(error)) throw error
    return null
  })
  for (const contactId of unknown) {
    const its = byContact.get(contactId) as readonly [RecordedContactEvent]
    const read = await tried(projector.parking, its[0], async () => {
      const tail = tails?.get(contactId)
      const followed = tail === undefined ? null : followedFrom(contactId, tail, its, handled)
      if (followed !== null) return followed
      const events = await projector.context.historyOf(contactId)
      return followedFrom(contactId, { stored: null, events, isRecorded: false }, its, handled)
    })
    if (read !== null) known.set(contactId, read)
  }
  return known
}

/** Computes what changes, and moves each contact in `known` on; a contact that is parked leaves it. */
async function rowsOf(
  projector: Projector,
  byContact: ReadonlyMap<ContactId, readonly RecordedContactEvent[]>,
  known: Map<ContactId, FollowedContact>,
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const some of slicesOf([...byContact], AT_ONCE))
    await Promise.all(
      some.map(async ([contactId, its]) => {
        const before = known.get(contactId)
        if (before === undefined) return
        const event = its.at(-1) as RecordedContactEvent
        const row = await tried(projector.parking, event, async () => {
          const now = followedOn(contactId, before, its)
          const isKept = projector.followed.get(contactId) === before
          // Read from its stream, it was in the row already if this version was.
          if (isKept && now.version === before.version) return { now, change: null }
          const news = isKept ? { before: before.state, events: its } : null
          const change = await changeOf(projector, contactId, now, news)
          return { now: change.derived.state === undefined ? now : { ...now, storedAt: now.version }, change }
        })
        known.delete(contactId)
        if (row === null) {
          projector.followed.delete(contactId)
          return
        }
        known.set(contactId, row.now)
        if (row.change !== null) rows.push({ event, change: row.change })
      }),
    )
  return rows
}

/**
 * What the events change in the counters (FUNNEL-1), those of parked contacts included: counting needs neither a plan nor
 * facts. A contact whose stream cannot be read is left out, and that is told.
 */
async function countBatch(
  { context }: Projector,
  given: ReadonlyMap<ContactId, readonly RecordedContactEvent[]>,
  before: ReadonlyMap<ContactId, FollowedContact>,
  after: ReadonlyMap<ContactId, FollowedContact>,
): Promise<Pick<CountedBatch, 'changes' | 'complete'>> {
  const sum = new CounterSum()
  let complete = true
  for (const [contactId, events] of given)
    try {
      const [first] = events as readonly [RecordedContactEvent]
      const was =
        before.get(contactId)?.counted ?? fold((await context.historyOf(contactId)).slice(0, first.version - 1))
      const is = after.get(contactId)?.counted ?? fold(events, was)
      await context.campaigns.ensure(is)
      sum.addAll(counterChanges(was, events, is, context.campaigns.catalog))
    } catch (error) {
      if (isFaultOfStore(error)) throw error
      complete = false
    }
  return { changes: sum.changes(), complete }
}

/** The contact's rows: what these events change in them; `null`: exactly what they must be, whatever there was. */
async function changeOf(
  { context }: Projector,
  contactId: ContactId,
  contact: ProjectedContact,
  news: { readonly before: ContactState; readonly events: readonly RecordedContactEvent[] } | null,
): Promise<Change> {
  const { version, lastEventId, state, memberships, commands, storedAt, latestAt } = contact
  await context.campaigns.ensure(state)
  // None while an event is dated after now: a question for such events finds them among those that are read (AUDIT-2).
  const isDue = latestAt <= context.clock.now() && isDueToStore(state, storedAt)
  const kept = isDue ? { state: foldedState(state, lastEventId, { memberships, commands }) } : {}
  // A directory that fails for one contact holds up no other.
  const facts = await context.factsOf(contactId).catch(() => undefined)
  if (news !== null) {
    const derived = derive(context, contactId, { ...news, state }, { facts })
    return { contactId, version, derived: { ...derived, ...kept } }
  }
  const { wake, faults } = plannedOf(context, contactId, state, facts)
  const exactly = setTo(contactId, memberships, [...marksOf(state), ...unplannedMarks(faults)])
  return { contactId, version, derived: { ...wake, tags: exactly, ...kept } }
}

/**
 * All rows, the counters and the checkpoint; if that fails for one of the rows, each by itself, and then the rest. False: the
 * checkpoint is another than the counters follow.
 */
async function write(
  { parking, readModel }: Projector,
  rows: readonly Row[],
  checkpoint: Position,
  counted: CountedBatch,
): Promise<boolean> {
  try {
    return await readModel.apply(
      rows.map(({ change }) => change),
      checkpoint,
      counted,
    )
  } catch (error) {
    if (isFaultOfStore(error) || rows.length === 0) throw error
  }
  for (const { event, change } of rows) await tried(parking, event, () => readModel.apply([change], 0))
  return readModel.apply([], checkpoint, counted)
}

function keep({ context, followed, parking }: Projector, contactId: ContactId, now: FollowedContact): void {
  followed.delete(contactId)
  if (parking.reasons.has(contactId)) return
  const kept = asStored(now)
  context.lastSeen.saw(contactId, kept)
  // Its state still has the variables of its runs.
  if (kept.state.erased) return
  followed.set(contactId, kept)
  if (followed.size <= KEPT) return
  for (const oldest of followed.keys()) {
    followed.delete(oldest)
    return
  }
}

/** A contact whose row is to be written, and what is known of it; `null`: its stream is to be read. */
export interface Shown {
  readonly contactId: ContactId
  readonly known: ProjectedContact | null
}

/** Writes the rows of contacts as the log has them now, wherever the projection is. */
export async function show(projector: Projector, all: readonly Shown[]): Promise<void> {
  const unknown = all.flatMap(({ contactId, known }) => (known === null ? [contactId] : []))
  const tails = unknown.length === 0 ? null : await tailsOf(projector, unknown)
  const changes: Change[] = []
  for (const { contactId, known } of all) {
    const now = known ?? (await foldedNow(projector, contactId, tails?.get(contactId)))
    changes.push(await changeOf(projector, contactId, now, null))
  }
  await projector.readModel.apply(changes, 0)
}

async function foldedNow(
  { context }: Projector,
  contactId: ContactId,
  tail: Tail | undefined,
): Promise<ProjectedContact> {
  const begun = tail === undefined ? null : startOf(tail)
  if (begun !== null) return foldedAfter(contactId, begun.start, begun.since)
  return foldedFrom(contactId, await context.historyOf(contactId))
}

async function tailsOf({ tails }: Projector, contactIds: readonly ContactId[]): Promise<ReadonlyMap<ContactId, Tail>> {
  const found = await tails.readTails(contactIds.map((id) => ({ stream: contactStream(id), ids: [] })))
  return new Map(contactIds.map((id, i) => [id, found[i] as Tail]))
}

function* slicesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
