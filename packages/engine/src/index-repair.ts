/** Index and agenda set to what the log says. Whether the index is what it must be: `verify-index.ts`. */
import {
  type ContactId,
  type ContactProjection,
  type ContactState,
  commandsAfter,
  contactStream,
  type EventStore,
  type Facts,
  foldedState,
  type Instant,
  isDueToStore,
  marksOf,
  membershipsAfter,
  type ReadModel,
  type RecordedContactEvent,
  type Tag,
  unplannedMarks,
} from '@enfold/core'
import { realWait } from './clock.ts'
import { plannedOf } from './derive.ts'
import type { EngineContext } from './engine-context.ts'
import { type ContactSnapshot, factsAfter, load } from './load-contact.ts'
import { pagesOf } from './paging.ts'
import { beginRecount, correct } from './recount.ts'

const LOOKS = 5
const LOOK_PAUSE_MS = 50

/** What the contact's rows must be. Tags come from the events alone (INDEX-1), marks from state and plan, the wake from the plan. */
function projectionOf(
  context: EngineContext,
  contactId: ContactId,
  { history, state, facts, version }: ContactSnapshot & { readonly history: readonly RecordedContactEvent[] },
): ContactProjection {
  const { wake, faults } = plannedOf(context, contactId, state, facts)
  const memberships = membershipsAfter(contactId, history)
  const tags = memberships.flatMap(({ tag, key }) => (key === undefined ? [tag] : []))
  const keyed = memberships.flatMap(({ tag, key }) => (key === undefined ? [] : [{ tag, key }]))
  const beside = { memberships, commands: commandsAfter(history) }
  const rows = { tags: [...tags, ...marksOf(state), ...unplannedMarks(faults)], keyed, ...wake }
  return {
    contactId,
    version,
    ...rows,
    state: isDueToStore(state, 0) ? { ...foldedState(state, beside), version } : null,
  }
}

/**
 * Sets the tags, the next wake and the stored state of every contact to what the log says, one by one, and then the counters,
 * while everything goes on.
 */
export async function rebuildIndex(
  context: EngineContext,
  readModel: ReadModel,
): Promise<{ readonly contacts: number }> {
  let contacts = 0
  const recount = await beginRecount(readModel, context.campaigns)
  for await (const contactId of everyContact(context.store, readModel)) {
    contacts += 1
    await restoreContact(context, readModel, contactId, { onRead: (history) => recount.addHistory(history) })
  }
  await correct(recount, context.store, readModel, context.campaigns)
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
 * @param given.marks of what the directory says, besides those that follow from the log; the contact is then claimed for no kind
 * @param given.onRead told of the history that the rows were set by
 */
export async function restoreContact(
  context: EngineContext,
  readModel: ReadModel,
  contactId: ContactId,
  given: {
    readonly factsOf?: (contactId: ContactId) => Promise<Facts | null>
    readonly notBefore?: Instant
    readonly marks?: (state: ContactState) => readonly Tag[]
    readonly onRead?: (history: readonly RecordedContactEvent[]) => void
  } = {},
): Promise<{ readonly wakeAt: Instant | null }> {
  const { notBefore, factsOf } = given
  for (let looks = 1, lastVersion = -1; ; looks++) {
    const asked =
      factsOf === undefined
        ? factsAfter(context.factsOf, contactId, undefined)
        : factsOf(contactId).then((facts) => ({ facts }))
    // What the rows must be follows from all events.
    const loaded = await load(context, contactId, asked, { whole: true })
    await context.campaigns.ensure(loaded.state)
    const row = projectionOf(context, contactId, loaded)
    const isEarly = notBefore !== undefined && row.wakeAt !== null && row.wakeAt < notBefore
    const marks = given.marks?.(loaded.state) ?? []
    const late = isEarly ? { ...row, wakeAt: notBefore, others: [] } : row
    // A worker that claims it for no kind looks for its marks when it is done (`clearMarks`).
    const lane = { kind: '', campaignId: late.lane?.campaignId ?? '' }
    const set = marks.length === 0 ? late : { ...late, tags: [...late.tags, ...marks], lane, others: [] }
    if (await readModel.restore(set)) {
      given.onRead?.(loaded.history)
      return { wakeAt: set.wakeAt }
    }
    if (loaded.version !== lastVersion) looks = 1
    else if (looks > LOOKS) await readModel.restore({ contactId, version: 0, tags: [], wakeAt: null, state: null })
    else await realWait(LOOK_PAUSE_MS)
    lastVersion = loaded.version
  }
}

/** Contacts of the log, then those that the index has and the log has not. */
async function* everyContact(store: EventStore, readModel: ReadModel): AsyncGenerator<ContactId> {
  for await (const contacts of pagesOf((after, limit) => store.contacts(after, limit))) yield* contacts
  for await (const contacts of pagesOf((after, limit) => readModel.indexed(after, limit))) {
    for (const contactId of contacts) {
      const stream = contactStream(contactId)
      if (((await store.readMany([stream])).get(stream)?.length ?? 0) === 0) yield contactId
    }
  }
}
