/** One command: load, fold, decide, append; again on conflict. The loop that everything goes through. */
import {
  type AnswerTo,
  type AppendResult,
  type CampaignId,
  type Clock,
  type ContactCommand,
  type ContactEvent,
  type ContactId,
  type ContactState,
  campaignStream,
  contactStream,
  type Derived,
  decideOnce,
  type Either,
  EnfoldFault,
  type EventStore,
  type Facts,
  fold,
  isEnfoldFault,
  isLeft,
  left,
  markChanges,
  type Plan,
  type PlanFault,
  type Position,
  READS_FACTS,
  READS_PUBLISHED,
  type RecordedContactEvent,
  type RecordedEvent,
  type Rejection,
  right,
  type StreamAppend,
  type StreamId,
  tagChanges,
  type Version,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import { observeBrakedStart, observeBrakes } from './brakes.ts'
import type { Campaigns } from './campaigns.ts'
import { realWait } from './clock.ts'
import { type FactsOf, SHORT_MS } from './directory.ts'
import type { Observer } from './engine-events.ts'
import { nextWake } from './next-wake.ts'
import { inSpan, traceparent } from './telemetry.ts'

/** What it takes to execute a command. */
export interface CommandContext {
  /** All events of a contact, in order. Commands on many contacts share a look. */
  readonly historyOf: (contactId: ContactId) => Promise<readonly RecordedContactEvent[]>
  /** Group commit: commands on many contacts share a transaction. */
  readonly append: (append: StreamAppend) => Promise<AppendResult>
  readonly campaigns: Campaigns
  readonly factsOf: FactsOf
  readonly clock: Clock
  readonly observe: Observer
  readonly random: () => number
  /** Called when something may have become due. */
  readonly wakeUp: () => void
  /**
   * How old the view of a campaign may be when a start of its sequences is appended, in milliseconds of real time;
   * `null`: the store checks it in the append.
   */
  readonly viewMs: number | null
}

/** What every part of the engine works with. */
export interface EngineContext extends CommandContext {
  readonly store: EventStore
}

/** Where the log stands after a command: of its contact, and as a whole. 0 and 0: the contact has no events. */
export interface LogPosition {
  readonly version: Version
  readonly position: Position
}

export interface Executed<Command extends ContactCommand> extends LogPosition {
  readonly answer: AnswerTo<Command>
  /** What was appended now; empty if nothing changed or it was a repeat. */
  readonly events: readonly ContactEvent[]
  readonly known: ContactSnapshot
  /** What stood in the log when it was decided. */
  readonly history: readonly RecordedContactEvent[]
}

/** A contact as it was last seen; good for a decision as long as nobody else has written. */
export interface ContactSnapshot extends LogPosition {
  readonly state: ContactState
  /** `undefined`: the directory was not asked, because nothing that was decided reads facts (FACTS-1). */
  readonly facts: Facts | null | undefined
  /** True: the facts are of a moment ago, because the directory has failed since. */
  readonly areFactsOld?: boolean
}

/** What is known of a contact's facts. */
type AskedFacts = Pick<ContactSnapshot, 'facts' | 'areFactsOld'>

const MAX_ATTEMPTS = 20

/**
 * @param known what the caller holds of the contact already, to spare the first look; only for commands whose id
 *   cannot stand in the history that the caller has seen.
 * @throws EnfoldFault `CONTENTION` after twenty conflicts, and whatever store and directory throw
 */
export function execute<Command extends ContactCommand>(
  context: CommandContext,
  command: Command,
  known?: ContactSnapshot,
): Promise<Either<Rejection, Executed<Command>>> {
  return inSpan('enfold.command', { 'enfold.command': command.type, 'enfold.contact': command.contactId }, () => {
    const trace = traceparent()
    return executeTraced(context, trace === undefined ? command : { ...command, trace }, known)
  })
}

async function executeTraced<Command extends ContactCommand>(
  context: CommandContext,
  command: Command,
  known: ContactSnapshot | undefined,
): Promise<Either<Rejection, Executed<Command>>> {
  const { campaigns, clock, observe } = context
  const startedAt = performance.now()
  const decided = (events: number, rejection: Rejection | null) =>
    observe({
      type: 'command-decided',
      command: command.type,
      contactId: command.contactId,
      events,
      rejection,
      durationMs: performance.now() - startedAt,
    })
  let refreshed = false
  let written = false
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // What is published decides here: a signal that misses a goal of a moment ago would be lost for good.
    const [contact] = await Promise.all([
      attempt === 1 && known !== undefined
        ? ({ ...known, history: [] } satisfies LoadedContact)
        : load(context, command.contactId, factsFor(context, command)),
      READS_PUBLISHED[command.type] ? campaigns.refresh() : campaigns.fresh(),
    ])
    await campaigns.ensure(contact.state)
    const now = clock.now()
    const { facts = NOT_READ } = contact
    const deciding = { campaigns: campaigns.catalog, facts, now }
    const decision = decideOnce(command, contact.history, deciding, contact.state)
    if (isLeft(decision)) {
      // Published a moment ago by another process? Look before refusing.
      if (!refreshed && STALE_REJECTIONS.has(decision.left.type)) {
        refreshed = true
        await campaigns.refresh()
        continue
      }
      decided(0, decision.left)
      observeBrakedStart(observe, command.contactId, decision.left)
      return left(decision.left)
    }
    const { answer, events, recorded, state } = decision.right
    if (events.length === 0) {
      const appended = written ? recorded : []
      decided(appended.length, null)
      // A repeat answers with the place of the first time.
      const { version, position } = recorded.at(-1) ?? contact
      return right({ answer, events: appended, version, position, known: contact, history: contact.history })
    }
    const required = await requirementsOf(context, events)
    if (required === null) continue
    const derived = derive(context, command.contactId, { before: contact.state, state, events }, contact)
    const result = await inSpan('enfold.append', { 'enfold.events': events.length }, () =>
      appendSurely(context, command.contactId, contact.state.version, { events, derived, ...required }),
    )
    if (result.outcome === 'appended') {
      if (command.type !== BY_DISPATCHER) context.wakeUp()
      if (result.repeated) {
        // An answer was lost, or another process has the same command. What it came to there is in the log (ONCE-1).
        written = true
        continue
      }
      decided(events.length, null)
      observeBrakes(observe, command.contactId, events)
      const { version, position } = result
      const behind = { ...factsIn(contact), state, version, position }
      return right({ answer, events, version, position, known: behind, history: contact.history })
    }
    observe({ type: 'conflict', contactId: command.contactId, attempt })
    // Published anew, or unpublished, since this process looked.
    if (result.outdated === true) await campaigns.refresh()
    // The first loser goes again at once; who loses again gives way for a moment, longer each time.
    if (attempt > 1) await realWait(context.random() * Math.min(2 ** attempt, 100))
  }
  throw new EnfoldFault(
    'CONTENTION',
    `Other writers were first ${MAX_ATTEMPTS} times in a row for the contact ${JSON.stringify(command.contactId)}. Nothing was written; try again with the same command id.`,
    { contactId: command.contactId, commandId: command.commandId },
  )
}

const STALE_REJECTIONS: ReadonlySet<string> = new Set(['CampaignUnknown', 'CampaignNotPublished', 'SequenceUnknown'])

/** A command behind which the dispatcher looks again by itself. */
const BY_DISPATCHER: ContactCommand['type'] = 'DispatchDue'

export interface LoadedContact extends ContactSnapshot {
  readonly history: readonly RecordedContactEvent[]
}

const factsIn = ({ facts, areFactsOld = false }: ContactSnapshot) => ({ facts, areFactsOld })

/** Of a contact whose facts nothing reads. */
const NOT_READ: Facts = Object.freeze({})

/** What the decision needs of the directory, and no more (FACTS-1). */
async function factsFor({ factsOf }: CommandContext, { type, contactId }: ContactCommand): Promise<AskedFacts> {
  return { facts: READS_FACTS[type] ? await factsOf(contactId) : undefined }
}

/**
 * The facts after a handler was called: a step may have changed them, and routes and timers read them (ROUTE-1). Where the
 * directory fails just then, those before must do: an outcome that is not recorded would be sent again.
 */
export async function factsBehind(
  factsOf: FactsOf,
  contactId: ContactId,
  before: ContactSnapshot['facts'],
): Promise<AskedFacts> {
  return factsOf(contactId, SHORT_MS).then(
    (facts) => ({ facts }),
    () => ({ facts: before, areFactsOld: true }),
  )
}

/** A contact as the log and the directory have it now. Default: the directory is asked, and what it throws is thrown. */
export async function load(
  { historyOf, factsOf }: Pick<CommandContext, 'historyOf' | 'factsOf'>,
  contactId: ContactId,
  asked: Promise<AskedFacts> = factsOf(contactId).then((facts) => ({ facts })),
): Promise<LoadedContact> {
  const [history, facts] = await Promise.all([historyOf(contactId), asked])
  const last = history.at(-1)
  return { history, state: fold(history), ...facts, version: last?.version ?? 0, position: last?.position ?? 0 }
}

/** Commands that are decided at the same time look at the log together: 50 of them cost PostgreSQL one round trip. */
export function createHistoryOf(store: Pick<EventStore, 'readMany'>): CommandContext['historyOf'] {
  const ofStream = createBatcher<StreamId, readonly RecordedEvent[]>(async (streams) => {
    const found = await store.readMany(streams)
    return streams.map((stream) => found.get(stream) ?? [])
  }, 100)
  return async (contactId) => (await ofStream(contactStream(contactId))) as readonly RecordedContactEvent[]
}

/** What events have made of a contact. */
export interface Change {
  readonly before: ContactState
  readonly events: readonly ContactEvent[]
  readonly state: ContactState
}

/** What the read model must be told with these events: the projector's tag changes, marks, and the next wake. */
export function derive(
  context: Pick<CommandContext, 'campaigns' | 'clock' | 'observe'>,
  contactId: ContactId,
  { before, events, state }: Change,
  { facts, areFactsOld }: AskedFacts,
): Derived {
  const { wake, faults } = plannedOf(context, contactId, state, areFactsOld === true ? undefined : facts)
  const tags = events.flatMap((event) => tagChanges(contactId, event))
  return { tags: [...tags, ...markChanges(contactId, before, state, events, faults)], ...wake }
}

/** What of a contact's rows follows from its plan: its row on the agenda, and the runs that cannot be planned. */
export interface Planned {
  readonly wake: Pick<Plan, 'wakeAt' | 'lane' | 'others'>
  readonly faults: readonly PlanFault[]
}

/**
 * The contact's row on the agenda. A run that cannot be planned is told of, and takes nothing else with it.
 *
 * @param facts `undefined`: not known
 */
export function plannedOf(
  { campaigns, clock, observe }: Pick<CommandContext, 'campaigns' | 'clock' | 'observe'>,
  contactId: ContactId,
  state: ContactState,
  facts: Facts | null | undefined,
): Planned {
  const { wakeAt, lane, others, faults = [] } = nextWake(contactId, state, campaigns.catalog, facts, clock.now())
  for (const { error, campaignId, sequenceId, run } of faults)
    observe({ type: 'contact-not-planned', contactId, run: { campaignId, sequenceId, run }, error })
  return { wake: others === undefined ? { wakeAt, lane } : { wakeAt, lane, others }, faults }
}

/**
 * What an append of these events requires: who starts a run rests on the campaign as it is published, so that nothing
 * starts any more once it is unpublished (VERSION-3). `null`: the log cannot check that, and what is known of the campaign
 * was too old for it; it was looked up, so decide again.
 */
export async function requirementsOf(
  { campaigns, viewMs }: CommandContext,
  events: readonly ContactEvent[],
): Promise<Pick<StreamAppend, 'requires'> | null> {
  const started = events.flatMap((event) => (event.type === 'SequenceStarted' ? [event.data.campaignId] : []))
  if (started.length === 0) return {}
  if (viewMs !== null && campaigns.ageMs() > viewMs) {
    await campaigns.refresh()
    return null
  }
  const versionOf = (campaignId: CampaignId) => campaigns.catalog.find(campaignId)?.version ?? 0
  return {
    requires: [...new Set(started)].map((id) => ({ stream: campaignStream(id), version: versionOf(id) })),
  }
}

/**
 * An append whose answer was lost may have been written. The same events with the same ids, expected at the same
 * version, cannot be written twice, so one more try tells (ONCE-3).
 */
export async function appendSurely(
  { append }: CommandContext,
  contactId: ContactId,
  version: Version,
  what: Pick<StreamAppend, 'events' | 'derived' | 'requires'>,
): Promise<AppendResult> {
  const expected = version === 0 ? 'no-stream' : version
  const one = { stream: contactStream(contactId), expected, ...what } as const
  try {
    return await append(one)
  } catch (error) {
    // Another process was first with the same command, and found less to do: its events are some of these (ONCE-1).
    if (isEnfoldFault(error) && error.code === 'EVENT_ID_REUSED') return { outcome: 'conflict', actual: version }
    if (isEnfoldFault(error) && error.code !== 'STORE_UNAVAILABLE') throw error
    return await append(one)
  }
}
