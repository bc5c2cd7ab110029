/**
 * `createEngine`: the public verbs. Reads like a table of contents: each verb checks its input, makes a command of it,
 * and has it executed (`execute.ts`). Due steps are done by `dispatch.ts`, questions answered by `inspect.ts`.
 */
import {
  type Answers,
  type CampaignDefinition,
  type CampaignEvent,
  type CampaignId,
  type CommandId,
  type ContactCommand,
  type ContactId,
  campaignStream,
  decidePublish,
  decideUnpublish,
  defineCampaign,
  derivedCommandId,
  type Either,
  EnfoldFault,
  epochMsOf,
  type Instant,
  isLeft,
  type JsonObject,
  left,
  type Members,
  type Position,
  type PublishAnswer,
  type RecordedEvent,
  type Rejection,
  right,
  type SequenceId,
  type StepId,
  type StreamAppend,
  sameDefinition,
  tagOf,
  type UnpublishAnswer,
  type Version,
  waitingTagOf,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import * as border from './border.ts'
import { type Bulk, createBulk } from './bulk.ts'
import { createCampaigns } from './campaigns.ts'
import { systemClock } from './clock.ts'
import { createFacts } from './directory.ts'
import { createDispatcher, type DispatchCounts, type DispatcherHealth } from './dispatch.ts'
import { createDoorbell } from './doorbell.ts'
import { actionsOf, checkedOptions, type EngineOptions, readModelOf } from './engine-options.ts'
import { execute, type Machinery } from './execute.ts'
import { createInspect, type Inspect } from './inspect.ts'
import { type IndexReport, rebuildIndex, restoreContact, verifyIndex } from './read-model.ts'
import { observedBy } from './signals.ts'
import { createMeters } from './telemetry.ts'

/** What every verb of an operator takes. */
export interface Order {
  /** Your id of who orders this; `null` for nobody. Recorded. */
  readonly actor: string | null
  /** For people; recorded. No personal data (LOG-4). */
  readonly reason?: string
  /** The same id again has the same effect, once, and the same answer (ONCE-1). Default: drawn. */
  readonly commandId?: CommandId
}

export interface ContactOrder extends Order {
  readonly contactId: ContactId
}

export interface SequenceOrder extends ContactOrder {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
}

export interface StepOrder extends SequenceOrder {
  readonly stepId: StepId
  /** Default: the newest run. */
  readonly run?: number
}

/** Something that happened in the CRM and may satisfy goals. */
export interface Signal {
  readonly contactId: ContactId
  readonly kind: string
  /** What patterns match against. Default {}. Only what a pattern or condition reads is recorded. */
  readonly data?: JsonObject
  /** The same id again has one effect and the same answer (GOAL-10). Default: drawn. */
  readonly signalId?: string
  /** Default: now. */
  readonly occurredAt?: Instant
  readonly actor?: string | null
  /** True: a sequence's own step caused it (GOAL-11). Default false. */
  readonly fromStep?: boolean
}

/** An answer, and where the log stood behind it: `version` of the contact's stream, `position` in the whole log. */
export type Answered<Answer> = Promise<
  Either<Rejection, Answer & { readonly version: Version; readonly position: Position }>
>

/** For a health check: `ok` is false if the store does not answer. Nothing is thrown. */
export interface Health {
  readonly ok: boolean
  /** `null`: it answers. */
  readonly storeFault: string | null
  /** By how much the oldest due contact is late, in milliseconds; 0: nothing is due. `null`: the store does not answer. */
  readonly dueLagMs: number | null
  readonly dispatcher: DispatcherHealth
}

/**
 * All verbs answer an `Either`: Left, the rejection, names the state of affairs that forbids; Right is the answer.
 * They throw `INVALID_INPUT` for input of the wrong shape, and other `EnfoldFault`s where the store fails.
 */
export interface Engine extends Bulk {
  /** Publishes a definition, or says that it is published already. `version` is the campaign's: 1, 2, 3 … */
  publish(
    definition: unknown,
    order?: Order,
  ): Promise<Either<Rejection, PublishAnswer & { readonly position: Position }>>
  /** Refuses new starts and goals from now on. `stopRuns`: stops every run of the campaign, too (VERSION-3). */
  unpublish(
    campaignId: CampaignId,
    order: Order & { readonly stopRuns?: boolean },
  ): Promise<Either<Rejection, UnpublishAnswer & { readonly position: Position; readonly stopped: number }>>

  startSequence(order: SequenceOrder): Answered<Answers['StartSequence']>
  stopSequence(order: SequenceOrder): Answered<Answers['StopSequence']>
  /** Stop and start in one append (START-3). */
  restartSequence(order: SequenceOrder): Answered<Answers['RestartSequence']>
  pauseSequence(order: SequenceOrder): Answered<Answers['PauseSequence']>
  /** `shift` true: the wait in progress is longer by the pause. Default false: due times stand as they were (PAUSE-2). */
  resumeSequence(order: SequenceOrder & { readonly shift?: boolean }): Answered<Answers['ResumeSequence']>
  stopAll(order: ContactOrder): Answered<Answers['StopAll']>
  /** A ban until an instant, or without end (`until` null or left out). Rule STOP-4. */
  suppress(order: ContactOrder & { readonly until?: Instant | null }): Answered<Answers['SuppressContact']>
  unsuppress(order: ContactOrder): Answered<Answers['UnsuppressContact']>

  signal(signal: Signal): Answered<Answers['HandleSignal']>
  resendStep(order: StepOrder): Answered<Answers['ResendStep']>
  cancelStep(order: StepOrder): Answered<Answers['CancelStep']>
  erase(order: ContactOrder): Answered<Answers['EraseContact']>

  /** Works until nothing is due or `limit` steps are done, for hosts that have their own loop. Default: no limit. */
  runDue(options?: { readonly limit?: number }): Promise<DispatchCounts>
  /** Works until the signal aborts: then no new claim, and handlers in flight are awaited. Resolves when all is at rest. */
  run(options: { readonly signal: AbortSignal }): Promise<void>

  readonly inspect: Inspect
  /** How this engine and its store stand. Never throws. */
  health(): Promise<Health>
  /** Holds index, events and state against each other for every contact (INDEX-3). Changes nothing. */
  verifyIndex(): Promise<IndexReport>
  /** Sets index and agenda to what the log says, contact by contact, while everything goes on. */
  rebuildIndex(): Promise<{ readonly contacts: number }>
  /** Computes a contact's next wake anew: for when its facts changed in a way that moves a timer (zone, date field). */
  refreshContact(contactId: ContactId): Promise<void>
  /** Ends `run` and bulk actions, which can be resumed; waits for what is in flight. The store stays open: who made it closes it. */
  close(): Promise<void>
}

const ORDER = { actor: border.actor, 'reason?': border.text, 'commandId?': border.id }
const CONTACT = { contactId: border.id, ...ORDER }
const SEQUENCE = { ...CONTACT, campaignId: border.id, sequenceId: border.id }
const STEP = { ...SEQUENCE, stepId: border.id, 'run?': border.wholeNumber(1, Number.MAX_SAFE_INTEGER) }

const MAX_PUBLISH_ATTEMPTS = 20

/**
 * Makes an engine over a store.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be
 * @example
 * const engine = createEngine({ store: createMemoryStore(), handlers: { email: async () => ({ outcome: 'sent' }) } })
 */
export function createEngine(options: EngineOptions): Engine {
  const dispatchOptions = checkedOptions(options)
  const { store, handlers, contacts: directory, clock = systemClock, workerId = crypto.randomUUID() } = options
  const readModel = readModelOf(options)
  const campaigns = createCampaigns(store, options.campaignRefreshMs ?? 1000)
  const doorbell = createDoorbell(clock)
  const meters = createMeters(store.capabilities?.projectsInAppend === true && options.readModel === undefined)
  const machinery: Machinery = {
    store,
    // Above 500 a transaction grows without gaining.
    append: createBatcher((appends: readonly StreamAppend[]) => store.appendMany(appends), 500),
    campaigns,
    factsOf: createFacts(directory, options.contactsTimeoutMs ?? 30_000),
    clock,
    observe: observedBy(options.observe === undefined ? [meters.observer] : [meters.observer, options.observe]),
    random: options.random ?? Math.random,
    wakeUp: doorbell.ring,
  }
  const dispatcher = createDispatcher(machinery, readModel, handlers, workerId, dispatchOptions, doorbell)
  const actions = actionsOf(options)
  const inspect = createInspect(machinery, readModel, directory, actions)
  const bulk = createBulk(machinery, readModel, inspect, actions)
  let closed = false

  /** Executes a checked command and gives its answer with its place. */
  async function answer<Command extends ContactCommand>(command: Command): Answered<Answers[Command['type']]> {
    if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
    const executed = await execute(machinery, command)
    if (isLeft(executed)) return executed
    const { version, position } = executed.right
    return right({ ...(executed.right.answer as Answers[Command['type']]), version, position })
  }

  /** Appends to a campaign's stream: decide on the catalogue as it is, again if another was first. */
  async function decideOnCampaign<Answer>(
    decideNow: (
      commandId: CommandId,
    ) => Either<Rejection, { readonly events: readonly CampaignEvent[]; readonly answer: Answer }>,
    again: (events: readonly RecordedEvent[]) => Answer | null,
    campaignId: () => CampaignId,
    commandId: CommandId,
  ): Promise<Either<Rejection, Answer & { readonly position: Position }>> {
    if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
    for (let attempt = 1; attempt <= MAX_PUBLISH_ATTEMPTS; attempt++) {
      await campaigns.refresh()
      const decided = decideNow(commandId)
      if (isLeft(decided)) return decided
      const stream = campaignStream(campaignId())
      const history = (await store.readMany([stream])).get(stream) ?? []
      const before = history.filter((event) => event.commandId === commandId)
      if (before.length > 0) {
        const repeated = again(before)
        if (repeated !== null) return right({ ...repeated, position: before.at(-1)?.position as Position })
        return left({ type: 'CommandIdReused', commandId, usedFor: before.map(({ type }) => type).join(', ') })
      }
      const { events, answer: given } = decided.right
      const position = history.at(-1)?.position ?? 0
      if (events.length === 0) return right({ ...given, position })
      const version = campaigns.catalog.find(campaignId())?.version ?? 0
      const result = await store.append(stream, events, version === 0 ? 'no-stream' : version)
      if (result.outcome === 'conflict' || result.repeated) continue
      for (const event of result.events) campaigns.catalog.apply(event as CampaignEvent & RecordedEvent)
      return right({ ...given, position: result.position })
    }
    throw new EnfoldFault('CONTENTION', 'Other processes published the campaign again and again. Try again.')
  }

  const meta = ({ actor, reason, commandId }: Order) => ({
    commandId: commandId ?? crypto.randomUUID(),
    actor,
    ...(reason === undefined ? {} : { reason }),
  })

  const engine: Engine = {
    async publish(given, order = { actor: null }) {
      border.checkInput('publish.order', order, ORDER)
      const definition = copied(given)
      const command = { type: 'PublishCampaign', definition, ...meta(order) } as const
      const id = () => (definition as { id: CampaignId }).id
      return decideOnCampaign(
        () => decidePublish(command, campaigns.catalog, clock.now()),
        ([event]): PublishAnswer | null =>
          event?.type === 'CampaignPublished' && sameDefinition(event.data.definition, definition as CampaignDefinition)
            ? { outcome: 'published', version: event.data.campaignVersion, warnings: warningsOf(event.data) }
            : null,
        id,
        command.commandId,
      )
    },
    async unpublish(campaignId, order) {
      border.id('unpublish.campaignId', campaignId)
      border.checkInput('unpublish.order', order, { ...ORDER, 'stopRuns?': border.flag })
      const command = { type: 'UnpublishCampaign', campaignId, ...meta(order) } as const
      const answered = await decideOnCampaign(
        () => decideUnpublish(command, campaigns.catalog, clock.now()),
        ([event]): UnpublishAnswer | null =>
          event?.type === 'CampaignUnpublished'
            ? { outcome: 'unpublished', version: event.data.campaignVersion }
            : null,
        () => campaignId,
        command.commandId,
      )
      if (isLeft(answered)) return answered
      return right({ ...answered.right, stopped: order.stopRuns === true ? await stopRuns(campaignId, command) : 0 })
    },

    async startSequence(order) {
      border.checkInput('startSequence', order, SEQUENCE)
      return answer({ type: 'StartSequence', ...sequenceOf(order), ...meta(order) })
    },
    async stopSequence(order) {
      border.checkInput('stopSequence', order, SEQUENCE)
      return answer({ type: 'StopSequence', ...sequenceOf(order), ...meta(order) })
    },
    async restartSequence(order) {
      border.checkInput('restartSequence', order, SEQUENCE)
      return answer({ type: 'RestartSequence', ...sequenceOf(order), ...meta(order) })
    },
    async pauseSequence(order) {
      border.checkInput('pauseSequence', order, SEQUENCE)
      return answer({ type: 'PauseSequence', ...sequenceOf(order), ...meta(order) })
    },
    async resumeSequence(order) {
      border.checkInput('resumeSequence', order, { ...SEQUENCE, 'shift?': border.flag })
      return answer({ type: 'ResumeSequence', ...sequenceOf(order), ...meta(order), shift: order.shift === true })
    },
    async stopAll(order) {
      border.checkInput('stopAll', order, CONTACT)
      return answer({ type: 'StopAll', contactId: order.contactId, ...meta(order) })
    },
    async suppress(order) {
      border.checkInput('suppress', order, { ...CONTACT, 'until?': border.instantOrNull })
      return answer({ type: 'SuppressContact', contactId: order.contactId, ...meta(order), until: order.until ?? null })
    },
    async unsuppress(order) {
      border.checkInput('unsuppress', order, CONTACT)
      return answer({ type: 'UnsuppressContact', contactId: order.contactId, ...meta(order) })
    },

    async signal(signal) {
      border.checkInput('signal', signal, {
        contactId: border.id,
        kind: border.text,
        'data?': border.anything,
        'signalId?': border.id,
        'occurredAt?': border.instant,
        'actor?': border.actor,
        'fromStep?': border.flag,
      })
      const { contactId, kind, data = {}, signalId = crypto.randomUUID(), actor = null, fromStep = false } = signal
      return answer({
        type: 'HandleSignal',
        contactId,
        // Signals and commands are numbered by different programs: their ids must not meet.
        commandId: derivedCommandId('signal', signalId),
        actor,
        signalId,
        kind,
        data: border.jsonObject('signal.data', data),
        occurredAt: signal.occurredAt ?? clock.now(),
        fromStep,
      })
    },
    async resendStep(order) {
      border.checkInput('resendStep', order, STEP)
      return answer({ type: 'ResendStep', ...stepOf(order), ...meta(order) })
    },
    async cancelStep(order) {
      border.checkInput('cancelStep', order, STEP)
      return answer({ type: 'CancelStep', ...stepOf(order), ...meta(order) })
    },
    async erase(order) {
      border.checkInput('erase', order, CONTACT)
      return answer({ type: 'EraseContact', contactId: order.contactId, ...meta(order) })
    },

    async runDue(dueOptions = {}) {
      border.checkInput('runDue', dueOptions, { 'limit?': border.wholeNumber(1, Number.MAX_SAFE_INTEGER) })
      if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
      return dispatcher.runDue(dueOptions)
    },
    async run(runOptions) {
      border.checkInput('run', runOptions, { signal: border.abortSignal })
      if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
      return dispatcher.run(runOptions.signal)
    },

    previewAction: bulk.previewAction,
    processAction: bulk.processAction,
    resumeAction: bulk.resumeAction,
    cancelAction: bulk.cancelAction,

    inspect,
    async health() {
      const dispatcherHealth = dispatcher.health()
      try {
        const wakeAt = await readModel.nextWake()
        const dueLagMs = wakeAt === null ? 0 : Math.max(0, epochMsOf(clock.now()) - epochMsOf(wakeAt))
        return { ok: true, storeFault: null, dueLagMs, dispatcher: dispatcherHealth }
      } catch (error) {
        return { ok: false, storeFault: String(error), dueLagMs: null, dispatcher: dispatcherHealth }
      }
    },
    verifyIndex: () => verifyIndex(machinery, readModel),
    rebuildIndex: () => rebuildIndex(machinery, readModel),
    async refreshContact(contactId) {
      border.id('refreshContact', contactId)
      await restoreContact(machinery, readModel, contactId)
      doorbell.ring()
    },
    async close() {
      closed = true
      meters.close()
      await Promise.all([dispatcher.close(), bulk.close()])
    },
  }

  /** Every contact of the campaign, each with its own command: what is stopped already answers so again (ONCE-3). */
  async function stopRuns(campaignId: CampaignId, { commandId, actor, reason }: Order & { commandId: CommandId }) {
    const versions = campaigns.catalog.find(campaignId)?.versions ?? []
    const sequences = new Set(versions.flatMap(({ campaign }) => [...campaign.sequences.keys()]))
    let stopped = 0
    for (const sequenceId of sequences)
      for (const tag of [tagOf(campaignId, sequenceId), waitingTagOf(campaignId, sequenceId)])
        for (let after: ContactId | null = null; ; ) {
          const page: Members = await readModel.members(tag, { after, limit: 500 })
          const answers = await Promise.all(
            page.contacts.map((contactId) =>
              answer({
                type: 'StopSequence',
                contactId,
                campaignId,
                sequenceId,
                commandId: derivedCommandId(commandId, 'stop', sequenceId),
                actor,
                ...(reason === undefined ? {} : { reason }),
              }),
            ),
          )
          stopped += answers.filter((one) => !isLeft(one) && one.right.outcome === 'stopped').length
          if (page.next === null) break
          after = page.next
        }
    return stopped
  }

  const warningsOf = ({ definition }: { readonly definition: unknown }) => {
    const defined = defineCampaign(definition)
    return isLeft(defined) ? [] : defined.right.warnings
  }

  return engine
}

/** The definition as it is now: what the host does with its object later is none of the publication's. */
function copied(definition: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(definition) ?? 'null')
  } catch {
    return definition // `defineCampaign` says what is wrong with it.
  }
}

function sequenceOf({ contactId, campaignId, sequenceId }: SequenceOrder) {
  return { contactId, campaignId, sequenceId }
}

function stepOf(order: StepOrder) {
  const { stepId, run } = order
  return { ...sequenceOf(order), stepId, ...(run === undefined ? {} : { run }) }
}
