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
  type ContactDirectory,
  type ContactId,
  campaignStream,
  decidePublish,
  decideUnpublish,
  defineCampaign,
  derivedCommandId,
  type Either,
  EnfoldFault,
  epochMsOf,
  isLeft,
  left,
  type Members,
  type Position,
  type PublishAnswer,
  type RecordedEvent,
  type Rejection,
  right,
  type StreamAppend,
  sameDefinition,
  type TransactionClient,
  tagOf,
  type UnpublishAnswer,
  waitingTagOf,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import * as border from './border.ts'
import { type Bulk, createBulk } from './bulk.ts'
import { createCampaigns } from './campaigns.ts'
import { systemClock } from './clock.ts'
import { type Answered, type ContactVerbs, createContactVerbs, metaOf, ORDER, type Order } from './contact-verbs.ts'
import { createFacts } from './directory.ts'
import { createDispatcher, type DispatchCounts, type DispatcherHealth } from './dispatch.ts'
import { createDoorbell } from './doorbell.ts'
import { actionsOf, checkedOptions, type EngineOptions, readModelOf } from './engine-options.ts'
import { type CommandMachinery, execute, type Machinery } from './execute.ts'
import { createInspect, type Inspect } from './inspect.ts'
import { type IndexReport, rebuildIndex, restoreContact, verifyIndex } from './read-model.ts'
import { observedBy } from './signals.ts'
import { createMeters } from './telemetry.ts'

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
export interface Engine extends ContactVerbs, Bulk {
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

  /**
   * The verbs on contacts inside a transaction that you opened and will commit or roll back: what they write becomes
   * true with your commit, together with your own rows, and vanishes with your rollback. Give `contacts` a directory that
   * asks the same transaction, if what you wrote in it decides. Needs a store that can do it, as PostgreSQL's.
   *
   * @throws EnfoldFault `INVALID_INPUT` if the store cannot; from the verbs `CONTENTION` where only a rollback helps
   * @example
   * await client.query('BEGIN')
   * await client.query('INSERT INTO customers (id) VALUES ($1)', ['ann'])
   * await engine.withTransaction(client).startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })
   * await client.query('COMMIT')
   */
  withTransaction(client: TransactionClient, options?: { readonly contacts?: ContactDirectory }): ContactVerbs
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
  const contactsTimeoutMs = options.contactsTimeoutMs ?? 30_000
  const machinery: Machinery = {
    store,
    // Above 500 a transaction grows without gaining.
    append: createBatcher((appends: readonly StreamAppend[]) => store.appendMany(appends), 500),
    campaigns,
    factsOf: createFacts(directory, contactsTimeoutMs),
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

  /** The verbs on contacts: each has its checked command executed, and gives the answer with its place. */
  const verbsOver = (executing: CommandMachinery) =>
    createContactVerbs(async <Command extends ContactCommand>(command: Command): Answered<Answers[Command['type']]> => {
      if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
      const executed = await execute(executing, command)
      if (isLeft(executed)) return executed
      const { version, position } = executed.right
      return right({ ...(executed.right.answer as Answers[Command['type']]), version, position })
    }, clock)
  const verbs = verbsOver(machinery)

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

  const engine: Engine = {
    ...verbs,
    async publish(given, order = { actor: null }) {
      border.checkInput('publish.order', order, ORDER)
      const definition = copied(given)
      const command = { type: 'PublishCampaign', definition, ...metaOf(order) } as const
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
      const command = { type: 'UnpublishCampaign', campaignId, ...metaOf(order) } as const
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

    withTransaction(client, given = {}) {
      border.checkInput('withTransaction.options', given, { 'contacts?': border.anything })
      if (typeof client?.query !== 'function')
        throw EnfoldFault.invalidInput('withTransaction.client', client, 'a client with query(text, values)')
      const bound = store.within?.(client)
      if (bound === undefined)
        throw EnfoldFault.invalidInput(
          'withTransaction',
          'this store',
          'a store that joins transactions, as PostgreSQL',
        )
      return verbsOver({
        ...machinery,
        store: bound,
        // One by one: the connection is one, and the transaction the host's.
        append: ({ stream, events, expected, derived }) => bound.append(stream, events, expected, derived),
        factsOf: given.contacts === undefined ? machinery.factsOf : createFacts(given.contacts, contactsTimeoutMs),
        // Nothing is due before the commit. The store tells of that.
        wakeUp: () => {},
      })
    },

    async runDue(dueOptions = {}) {
      border.checkInput('runDue', dueOptions, { 'limit?': border.wholeNumber(1, Number.MAX_SAFE_INTEGER) })
      if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
      return dispatcher.runDue(dueOptions)
    },
    async run(runOptions) {
      border.checkInput('run', runOptions, { signal: border.abortSignal })
      if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one.')
      // What other processes and transactions of the host make due is heard of at once, where the store can tell.
      const unwatch = store.watch?.(doorbell.ring)
      return dispatcher.run(runOptions.signal).finally(unwatch)
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
              verbs.stopSequence({
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
