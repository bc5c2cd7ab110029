/** The index held against the log (INDEX-3); and index and agenda set to what the log says. */
import {
  type ContactId,
  type ContactProjection,
  type ContactState,
  contactStream,
  type EventStore,
  type Facts,
  fold,
  type Instant,
  isInProgress,
  isMarkOfPlan,
  marksOf,
  newestRun,
  type Position,
  type ReadModel,
  type RecordedContactEvent,
  type Tag,
  tagChanges,
  tagOf,
  unplannedMarks,
  waitingTagOf,
} from '@enfold/core'
import { realWait } from './clock.ts'
import { plannedOf } from './derive.ts'
import type { EngineContext } from './engine-context.ts'
import { type ContactSnapshot, factsAfter, load } from './load-contact.ts'

/** One contact whose rows in the index are not what its log says. */
export interface IndexDifference {
  readonly contactId: ContactId
  /** By the projector, from the contact's events. */
  readonly expected: readonly Tag[]
  /** In the live index. */
  readonly found: readonly Tag[]
  /** By the reducer's state: the same as `expected`, or one of the two is wrong. */
  readonly byState: readonly Tag[]
}

export interface IndexReport {
  /** How many contacts were looked at. */
  readonly contacts: number
  readonly differences: readonly IndexDifference[]
}

const PAGE = 500
const LOOKS = 5
const LOOK_PAUSE_MS = 50

/** What the contact's rows must be. Tags come from the events alone (INDEX-1), marks from state and plan, the wake from the plan. */
function projectionOf(
  context: EngineContext,
  contactId: ContactId,
  { history, state, facts, version }: ContactSnapshot & { readonly history: readonly RecordedContactEvent[] },
): ContactProjection {
  const { wake, faults } = plannedOf(context, contactId, state, facts)
  const tags = [...tagsBehind(contactId, history), ...marksOf(state), ...unplannedMarks(faults)]
  return { contactId, version, tags, ...wake }
}

/** The tags of a contact after these events, as the projector has them. */
export function tagsBehind(
  contactId: ContactId,
  events: readonly RecordedContactEvent[],
  before: readonly Tag[] = [],
): readonly Tag[] {
  const tags = new Set(before)
  for (const event of events)
    for (const one of tagChanges(contactId, event))
      if (one.change === 'clear') tags.clear()
      else if (one.change === 'add') tags.add(one.tag)
      else tags.delete(one.tag)
  return [...tags]
}

function tagsByState(state: ContactState): readonly Tag[] {
  return state.enrollments.flatMap((enrollment) => {
    const { campaignId, sequenceId } = enrollment
    const run = newestRun(enrollment)
    if (isInProgress(run)) return [tagOf(campaignId, sequenceId)]
    return run?.status === 'waiting' ? [waitingTagOf(campaignId, sequenceId)] : []
  })
}

/**
 * Rebuilds every contact's tags from its events, separate from the live index, and its marks of steps that wait for a person, and
 * reports each difference (INDEX-3).
 *
 * @param shown resolves when the read model shows what is recorded up to a position
 */
export async function verifyIndex(
  context: EngineContext,
  readModel: ReadModel,
  shown: (position: Position) => Promise<void>,
): Promise<IndexReport> {
  const differences: IndexDifference[] = []
  let contacts = 0
  for await (const contactId of everyContact(context.store, readModel)) {
    contacts += 1
    // A command between the two looks would show as a difference: only one that stays is one.
    for (let look = 1; look <= 3; look++) {
      const history = await context.historyOf(contactId)
      const state = fold(history)
      const marks = marksOf(state)
      // What follows from the plan depends on the release and the hour, as wakes do, and is not held against the log.
      const found = (await readModel.tagsOf(contactId)).filter((tag) => !isMarkOfPlan(tag)).sort()
      const expected = [...tagsBehind(contactId, history), ...marks].sort()
      const byState = [...tagsByState(state), ...marks].sort()
      if (same(expected, found) && same(expected, byState)) break
      // A separate read model may only be late.
      if (look === 1) {
        await shown(history.at(-1)?.position ?? 0)
        continue
      }
      if ((await context.historyOf(contactId)).length === history.length) {
        differences.push({ contactId, expected, found, byState })
        break
      }
    }
  }
  return { contacts, differences }
}

/** Sets the tags and the next wake of every contact to what the log says, one by one, while everything goes on. */
export async function rebuildIndex(
  context: EngineContext,
  readModel: ReadModel,
): Promise<{ readonly contacts: number }> {
  let contacts = 0
  await context.campaigns.refresh()
  for await (const contactId of everyContact(context.store, readModel)) {
    contacts += 1
    await restoreContact(context, readModel, contactId)
  }
  context.wakeUp()
  return { contacts }
}

/**
 * Sets one contact's rows right; a command that comes between is no harm, the look is repeated. Rows that are ahead of
 * a stream that stands still belong to another log, or were damaged: they are cleared first. Several looks apart, since
 * a log of many nodes may answer from one that is late.
 *
 * @returns the wake that it set
 * @param given.factsOf throws for `refreshContact` alone: every other caller can do without facts (see `nextWake`)
 * @param given.notBefore sets the wake no earlier than this
 */
export async function restoreContact(
  context: EngineContext,
  readModel: ReadModel,
  contactId: ContactId,
  given: { readonly factsOf?: (contactId: ContactId) => Promise<Facts | null>; readonly notBefore?: Instant } = {},
): Promise<{ readonly wakeAt: Instant | null }> {
  const { notBefore, factsOf } = given
  for (let looks = 1, lastVersion = -1; ; looks++) {
    const asked =
      factsOf === undefined
        ? factsAfter(context.factsOf, contactId, undefined)
        : factsOf(contactId).then((facts) => ({ facts }))
    const loaded = await load(context, contactId, asked)
    await context.campaigns.ensure(loaded.state)
    const row = projectionOf(context, contactId, loaded)
    const isEarly = notBefore !== undefined && row.wakeAt !== null && row.wakeAt < notBefore
    const set = isEarly ? { ...row, wakeAt: notBefore, others: [] } : row
    if (await readModel.restore(set)) return { wakeAt: set.wakeAt }
    if (loaded.version !== lastVersion) looks = 1
    else if (looks > LOOKS) await readModel.restore({ contactId, version: 0, tags: [], wakeAt: null })
    else await realWait(LOOK_PAUSE_MS)
    lastVersion = loaded.version
  }
}

/** Contacts of the log, then those that the index has and the log has not. */
async function* everyContact(store: EventStore, readModel: ReadModel): AsyncGenerator<ContactId> {
  yield* paged((after) => store.contacts(after, PAGE))
  for await (const contactId of paged((after) => readModel.indexed(after, PAGE))) {
    const [known] = await store.readMany([contactStream(contactId)]).then((found) => [...found.values()])
    if ((known?.length ?? 0) === 0) yield contactId
  }
}

async function* paged(page: (after: ContactId | null) => Promise<readonly ContactId[]>): AsyncGenerator<ContactId> {
  for (let after: ContactId | null = null; ; ) {
    const contacts: readonly ContactId[] = await page(after)
    yield* contacts
    if (contacts.length < PAGE) return
    after = contacts.at(-1) as ContactId
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}
