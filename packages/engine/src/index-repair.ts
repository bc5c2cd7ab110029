/** Index and agenda set to what the log says. Whether the index is what it must be: `verify-index.ts`. */
import {
  type ContactId,
  type ContactProjection,
  type ContactState,
  type Facts,
  foldedState,
  type Instant,
  isDueToStore,
  marksOf,
  type ReadModel,
  type Tag,
  unplannedMarks,
} from '@enfold/core'
import { realWait } from './clock.ts'
import { plannedOf } from './derive.ts'
import type { EngineContext } from './engine-context.ts'
import { type ContactSnapshot, factsAfter, load } from './load-contact.ts'
import { type ContactOfLog, foldedBy, loggedContacts } from './logged-contacts.ts'
import { beginRecount, correct } from './recount.ts'

const LOOKS = 5
const LOOK_PAUSE_MS = 50

/** What the contact's rows must be. Tags come from the events alone (INDEX-1), marks from state and plan, the wake from the plan. */
function projectionOf(
  context: EngineContext,
  { contactId, memberships, commands, state, version, lastEventId }: ContactOfLog,
  facts: ContactSnapshot['facts'],
): ContactProjection {
  const { wake, faults } = plannedOf(context, contactId, state, facts)
  const tags = memberships.flatMap(({ tag, key }) => (key === undefined ? [tag] : []))
  const keyed = memberships.flatMap(({ tag, key }) => (key === undefined ? [] : [{ tag, key }]))
  const rows = { tags: [...tags, ...marksOf(state), ...unplannedMarks(faults)], keyed, ...wake }
  return {
    contactId,
    version,
    ...rows,
    state: isDueToStore(state, 0) ? { ...foldedState(state, lastEventId, { memberships, commands }), version } : null,
  }
}

/**
 * Sets the tags, the next wake and the stored state of every contact to what the log says, 50 at once, and then the counters,
 * while everything goes on.
 */
export async function rebuildIndex(
  context: EngineContext,
  readModel: ReadModel,
): Promise<{ readonly contacts: number }> {
  let contacts = 0
  const recount = await beginRecount(readModel, context.campaigns)
  for await (const logged of loggedContacts(context.store, readModel, recount)) {
    contacts += logged.length
    await Promise.all(logged.map((one) => restoreLogged(context, readModel, one)))
  }
  await correct(recount, context.store, readModel, context.campaigns)
  context.wakeUp()
  return { contacts }
}

/** Where the contact has moved on since the log was read, or its rows are ahead of it, its stream is looked at. */
async function restoreLogged(context: EngineContext, readModel: ReadModel, contact: ContactOfLog): Promise<void> {
  const { contactId, state } = contact
  const { facts } = await factsAfter(context.factsOf, contactId, undefined)
  await context.campaigns.ensure(state)
  const isRestored = await readModel.restore(projectionOf(context, contact, facts))
  if (!isRestored) await restoreContact(context, readModel, contactId)
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
 */
export async function restoreContact(
  context: EngineContext,
  readModel: ReadModel,
  contactId: ContactId,
  given: {
    readonly factsOf?: (contactId: ContactId) => Promise<Facts | null>
    readonly notBefore?: Instant
    readonly marks?: (state: ContactState) => readonly Tag[]
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
    const row = projectionOf(context, foldedBy(contactId, loaded.history, loaded.state), loaded.facts)
    const isEarly = notBefore !== undefined && row.wakeAt !== null && row.wakeAt < notBefore
    const marks = given.marks?.(loaded.state) ?? []
    const late = isEarly ? { ...row, wakeAt: notBefore, others: [] } : row
    // A worker that claims it for no kind looks for its marks when it is done (`clearMarks`).
    const lane = { kind: '', campaignId: late.lane?.campaignId ?? '' }
    const set = marks.length === 0 ? late : { ...late, tags: [...late.tags, ...marks], lane, others: [] }
    if (await readModel.restore(set)) return { wakeAt: set.wakeAt }
    if (loaded.version !== lastVersion) looks = 1
    else if (looks > LOOKS) await readModel.restore({ contactId, version: 0, tags: [], wakeAt: null, state: null })
    else await realWait(LOOK_PAUSE_MS)
    lastVersion = loaded.version
  }
}
