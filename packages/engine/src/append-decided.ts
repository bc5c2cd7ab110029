/** Appends what was decided on a contact, with what the read model must be told; and gives way to another writer. */
import {
  type AppendResult,
  type CampaignId,
  type Conflict,
  type ContactEvent,
  type ContactId,
  type ContactState,
  campaignStream,
  contactStream,
  counterChanges,
  isEnfoldFault,
  type StreamAppend,
  type Version,
} from '@enfold/core'
import { realWait } from './clock.ts'
import { derive } from './derive.ts'
import type { CommandContext } from './engine-context.ts'
import type { ContactSnapshot } from './load-contact.ts'
import { type ToStore, toStore } from './stored-states.ts'
import { inSpan } from './telemetry.ts'

/** What an append came to; and if it was written now, what is stored of the contact's state since. */
type Written = AppendResult & Pick<ContactSnapshot, 'stored'>

interface Decided {
  readonly events: readonly ContactEvent[]
  /** After them. */
  readonly state: ContactState
}

/**
 * Expects the version that was decided on.
 *
 * @returns `null`: what was known of a campaign was too old, and has changed; decide again
 */
export async function appendDecided(
  context: CommandContext,
  contactId: ContactId,
  before: ContactSnapshot,
  { events, state }: Decided,
): Promise<Written | null> {
  const required = await requirementsOf(context, events)
  if (required === null) return null
  const { stored, ...kept } = context.storesStates
    ? toStore(before.stored, state, events, context.clock.now())
    : { stored: before.stored }
  const derived = context.derivesInAppend ? derivedFrom(context, contactId, before, { events, state }, kept) : {}
  const result = await inSpan('enfold.append', { 'enfold.events': events.length }, () =>
    appendSurely(context, contactId, before.state.version, { events, ...derived, ...required }),
  )
  // What an erasure stops is kept no longer, by this process as little as by the store (ERASE-1).
  if (state.erased) context.largeStates.forget(contactId)
  if (result.outcome !== 'appended' || result.repeated) context.lastSeen.forget(contactId)
  else context.lastSeen.appended(contactId, before.state.version, events, { ...result, state })
  return { ...result, stored }
}

/** What a store that projects in the append must be told. */
function derivedFrom(
  context: CommandContext,
  contactId: ContactId,
  before: ContactSnapshot,
  { events, state }: Decided,
  kept: Omit<ToStore, 'stored'>,
): Pick<StreamAppend, 'derived'> {
  const counters = counterChanges(before.state, events, state, context.campaigns.catalog)
  const rows = derive(context, contactId, { before: before.state, state, events }, before)
  return { derived: { ...rows, ...(counters.length === 0 ? {} : { counters }), ...kept } }
}

const ATTEMPTS = 20
const CONTENDING_MS = 10_000

/**
 * Whether to try once more where other writers were first: twenty times at least, so that a slow machine has them too, and
 * ten seconds at least, so that each of fifty writers of one contact has its turn.
 *
 * @param attempt the one to come, from 1
 * @param since as `performance.now()` counts
 */
export function mayTryAgain(attempt: number, since: number): boolean {
  return attempt <= ATTEMPTS || performance.now() - since < CONTENDING_MS
}

/** A wait after so many conflicts, longer each time. The first loser goes again at once. */
export async function untilOthersAreDone(random: CommandContext['random'], conflicts: number): Promise<void> {
  if (conflicts > 1) await realWait(random() * Math.min(2 ** Math.min(conflicts, 10), 100))
}

/** Another writer was first: tells of it, and waits for a moment. */
export async function giveWay(
  { campaigns, observe, random }: CommandContext,
  contactId: ContactId,
  attempt: number,
  { outdated }: Conflict,
): Promise<void> {
  observe({ type: 'conflict', contactId, attempt })
  // Published again, or unpublished, since this process looked.
  if (outdated === true) await campaigns.refresh()
  await untilOthersAreDone(random, attempt)
}

/**
 * What an append of these events requires: a start of a run rests on the campaign as it is published, so that nothing
 * starts any more once it is unpublished (VERSION-3); a dispatch, on its pauses, so that nothing begins any more once it is
 * paused, and a skip on the resume that says so (GATE-2, GATE-3). Where the log cannot check that, a view of the campaign
 * that is too old is looked up again. `null`: it has changed since, so decide again. If it has not, the decision stands: a
 * contact that takes longer to read than a view may be old would be read again without end.
 */
async function requirementsOf(
  { campaigns, viewMs }: CommandContext,
  events: readonly ContactEvent[],
): Promise<Pick<StreamAppend, 'requires'> | null> {
  const resting = new Set(events.flatMap((event) => (restsOnCampaign(event) ? [event.data.campaignId] : [])))
  if (resting.size === 0) return {}
  if (viewMs !== null && campaigns.ageMs() > viewMs) {
    const before = new Map([...resting].map((id) => [id, campaigns.catalog.find(id)]))
    await campaigns.refresh()
    if ([...before].some(([id, entry]) => campaigns.catalog.find(id) !== entry)) return null
  }
  const versionOf = (campaignId: CampaignId) => campaigns.catalog.find(campaignId)?.version ?? 0
  return {
    requires: [...resting].map((id) => ({ stream: campaignStream(id), version: versionOf(id) })),
  }
}

type OnCampaign = Extract<ContactEvent, { readonly data: { readonly campaignId: CampaignId } }>

function restsOnCampaign(event: ContactEvent): event is OnCampaign {
  if (event.type === 'StepSkipped') return event.data.timing !== null
  return event.type === 'SequenceStarted' || event.type === 'StepDispatched'
}

/**
 * An append whose answer was lost may have been written. The same events with the same ids, expected at the same
 * version, cannot be written twice, so one more try tells (ONCE-3).
 */
async function appendSurely(
  { append }: CommandContext,
  contactId: ContactId,
  version: Version,
  what: Pick<StreamAppend, 'events' | 'derived' | 'requires'>,
): Promise<AppendResult> {
  const expected = version === 0 ? 'no-stream' : version
  const one = { stream: contactStream(contactId), expected, areNew: true, ...what } as const
  try {
    return await append(one)
  } catch (error) {
    // Another process was first with the same command, and found less to do: its events are some of these (ONCE-1).
    if (isEnfoldFault(error) && error.code === 'EVENT_ID_REUSED') return { outcome: 'conflict', actual: version }
    if (isEnfoldFault(error) && error.code !== 'STORE_UNAVAILABLE') throw error
    return await append(one)
  }
}
