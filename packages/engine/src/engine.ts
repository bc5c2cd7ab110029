/**
 * `createEngine`: the public verbs. Reads like a table of contents: each verb checks its input, makes a command of it,
 * and has it executed (`execute.ts`). Due steps are done by `dispatch.ts`, questions answered by `inspect.ts`.
 */
import {
  type CampaignDefinition,
  type CampaignEvent,
  type CampaignId,
  type ContactCommand,
  type ContactDirectory,
  type ContactId,
  campaignStream,
  checkDefinition,
  decidePublish,
  decideUnpublish,
  type Either,
  EnfoldFault,
  type Instant,
  isLeft,
  left,
  notJsonIn,
  orderDigest,
  type Position,
  type PublishAnswer,
  type PublishCampaign,
  type RecordedEvent,
  type Rejection,
  right,
  sameDefinition,
  type TransactionClient,
  type UnpublishAnswer,
  type UnpublishCampaign,
} from '@enfold/core'
import { type Bulk, createBulk } from './actions/bulk.ts'
import { createAppendQueue } from './append-queue.ts'
import { createBrakeCount } from './brakes.ts'
import { createCampaigns } from './campaigns.ts'
import { systemClock } from './clock.ts'
import { answering, type ContactVerbs, createContactVerbs, metaOf, ORDER, type Order } from './contact-verbs.ts'
import { createFacts, createSearch, SHORT_MS } from './directory.ts'
import { createDispatcher, type DueOptions } from './dispatch/dispatcher.ts'
import type { DispatchCounts } from './dispatch/tally.ts'
import type { CommandContext, EngineContext } from './engine-context.ts'
import { observedBy } from './engine-events.ts'
import { actionsOf, checkedOptions, type EngineOptions, readModelOf } from './engine-options.ts'
import { type Executed, execute } from './execute.ts'
import { type Health, healthOf } from './health.ts'
import * as input from './input.ts'
import { createAttentionQuestions } from './inspect/attention.ts'
import { createCampaignQuestions } from './inspect/campaign-questions.ts'
import { createInspect, type Inspect } from './inspect/inspect.ts'
import { createKinds, handlersOf, kindsOf, unhandledKinds } from './kinds.ts'
import { createLifetime } from './lifetime.ts'
import { createHistoryOf } from './load-contact.ts'
import type { ParkedContacts } from './projection/park.ts'
import { createProjection, projectedInAppend } from './projection/projection.ts'
import { type IndexReport, rebuildIndex, restoreContact, verifyIndex } from './read-model.ts'
import { createStopRuns } from './stop-runs.ts'
import { createMeters } from './telemetry.ts'
import { boundTo, toldOfTransaction } from './transaction.ts'
import { createTroubles, toStderr } from './troubles.ts'
import { createWakeSignal } from './wake-signal.ts'

/**
 * All verbs answer an `Either`: Left, the rejection, names the state of affairs that forbids; Right is the answer.
 * They throw `INVALID_INPUT` for input of the wrong shape, and other `EnfoldFault`s where the store fails.
 */
export interface Engine extends ContactVerbs, Bulk {
  /**
   * Publishes a definition, or says that it is published already. `version` is the campaign's: 1, 2, 3 … `warnings` name
   * what is legal but suspicious, and kinds of steps that this engine has no handler for (KIND-1): the latter only if it
   * has handlers, and they can be listed.
   */
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
  /**
   * Works until nothing is due or `limit` steps are done, for hosts that have their own loop. Default: no limit. Ends
   * earlier when `signal` aborts or `timeoutMs` of real time are over: then no new claim, and handlers in flight are
   * awaited as at the end of `run`. What is left is due at the next call.
   */
  runDue(options?: DueOptions): Promise<DispatchCounts>
  /**
   * Works until the signal aborts: then no new claim, and handlers in flight are awaited. Resolves when all is at rest.
   * Feeds a read model beside the log, too, unless `project` is false (another process does it); what ends the
   * projection then ends this, with its fault.
   */
  run(options: { readonly signal: AbortSignal; readonly project?: boolean }): Promise<void>
  /**
   * Feeds a read model beside the log until the signal aborts, and dispatches nothing. Goes on after any fault of log
   * or read model. Where the store projects in the append it only waits for the signal.
   *
   * @throws EnfoldFault `PROJECTION_STOPPED`, `PROJECTION_OUT_OF_ORDER`: both name the event
   */
  project(options: { readonly signal: AbortSignal }): Promise<void>
  /**
   * Resolves when index and agenda show all that is recorded up to a position: pass that of an answer to read your own
   * writes. At once where the store projects in the append. `timeoutMs`: default 5,000, in real time.
   *
   * @throws EnfoldFault `PROJECTION_BEHIND` when the time is over
   */
  waitFor(position: Position, options?: { readonly timeoutMs?: number }): Promise<void>

  readonly inspect: Inspect
  /** Contacts that the projection has parked: list them, retry, discard. */
  readonly projection: ParkedContacts
  /** How this engine and its store stand. Never throws. */
  health(): Promise<Health>
  /**
   * Holds index, events and state against each other for every contact (INDEX-3). Changes nothing. What a read model
   * beside the log does not show yet is waited for: throws `PROJECTION_BEHIND` if nobody feeds it.
   */
  verifyIndex(): Promise<IndexReport>
  /** Sets index and agenda to what the log says, contact by contact, while everything goes on. */
  rebuildIndex(): Promise<{ readonly contacts: number }>
  /**
   * Computes a contact's next wake anew: for when its facts changed in a way that moves a timer (zone, date field).
   * `wakeAt`: when something of it is due next; `null`: nothing is. Nothing is recorded.
   *
   * @throws EnfoldFault `DIRECTORY_SILENT`, `DIRECTORY_FAILED`, `FACTS_UNREADABLE`: the wake stays as it was
   */
  refreshContact(contactId: ContactId): Promise<{ readonly wakeAt: Instant | null }>
  /** Ends `run` and bulk actions, which can be resumed; waits for what is in flight. The store stays open: who made it closes it. */
  close(): Promise<void>
}

const MAX_PUBLISH_ATTEMPTS = 20
/** For the read model beside the log, where a verb needs it to show something. */
const WAIT_MS = 5000

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
  const { readModel, beside } = readModelOf(options)
  const campaigns = createCampaigns(store, options.campaignRefreshMs ?? 1000)
  const gateMs = options.gateMs ?? 2000
  const wakeSignal = createWakeSignal(clock)
  const brakes = createBrakeCount(clock)
  const meters = createMeters(async () => (await projection.lag()).behind)
  const contactsTimeoutMs = options.contactsTimeoutMs ?? 30_000
  const troubles = createTroubles(options.log === false ? null : (options.log ?? toStderr), () => clock.now())
  const context: EngineContext = {
    store,
    historyOf: createHistoryOf(store),
    append: createAppendQueue(store),
    campaigns,
    factsOf: createFacts(directory, contactsTimeoutMs),
    clock,
    observe: observedBy([
      meters.observer,
      brakes.observer,
      troubles.observer,
      ...(options.observe === undefined ? [] : [options.observe]),
    ]),
    random: options.random ?? Math.random,
    wakeUp: wakeSignal.notify,
    viewMs: store.settled === undefined ? gateMs / 2 : null,
  }
  const projection = beside
    ? createProjection(
        { ...context, factsOf: createFacts(directory, Math.min(contactsTimeoutMs, SHORT_MS)) },
        readModel,
        { onPoison: options.onPoison ?? 'stop' },
      )
    : projectedInAppend
  // Two who were given one id must not take each other's claims for their own.
  const claimer = `${workerId.slice(0, 160).toWellFormed()} ${crypto.randomUUID().slice(0, 8)}`
  const kinds = createKinds(handlersOf(handlers), campaigns.catalog)
  const dispatcher = createDispatcher({
    context,
    readModel,
    kinds,
    worker: claimer,
    options: dispatchOptions,
    wakeSignal,
    projection,
  })
  const lifetime = createLifetime()
  const actions = actionsOf(options)
  const attention = createAttentionQuestions(context, readModel, kinds, projection)
  const questions = createCampaignQuestions(campaigns, kindsOf(handlers))
  const search = createSearch(directory, contactsTimeoutMs)
  const inspect = createInspect(context, readModel, search, actions, attention, questions)
  const bulk = createBulk(context, readModel, inspect, actions, lifetime)
  const stopRuns = createStopRuns({ context, readModel, projection, gateMs }, (command) => answerTo(command))

  function project(signal: AbortSignal): Promise<void> {
    return lifetime.track(projection.run(AbortSignal.any([signal, lifetime.closing])))
  }

  /** Both until the signal aborts, or one of them ends with a fault, which ends the other. */
  async function projectAndDispatch(signal: AbortSignal): Promise<void> {
    const failed = new AbortController()
    const both = AbortSignal.any([signal, failed.signal])
    const ended = await Promise.allSettled(
      [project(both), dispatcher.run(both)].map((one) => one.finally(() => failed.abort())),
    )
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }

  const executeOver =
    (executing: CommandContext) =>
    async <Command extends ContactCommand>(command: Command): Promise<Either<Rejection, Executed<Command>>> => {
      lifetime.requireOpen()
      return execute(executing, command)
    }
  const executeHere = executeOver(context)
  const answerTo = answering(executeHere)
  const verbs = createContactVerbs(executeHere)

  /** Appends to a campaign's stream: decide on the catalogue as it is, again if another was first. */
  async function decideOnCampaign<Answer>(
    decideNow: () => Either<Rejection, { readonly events: readonly CampaignEvent[]; readonly answer: Answer }>,
    again: (events: readonly RecordedEvent[]) => Answer | null,
    campaignId: () => CampaignId,
    command: PublishCampaign | UnpublishCampaign,
  ): Promise<Either<Rejection, Answer & { readonly position: Position }>> {
    lifetime.requireOpen()
    const { commandId } = command
    for (let attempt = 1; attempt <= MAX_PUBLISH_ATTEMPTS; attempt++) {
      await campaigns.refresh()
      const decided = decideNow()
      if (isLeft(decided)) return decided
      const stream = campaignStream(campaignId())
      const history = (await store.readMany([stream])).get(stream) ?? []
      const before = history.filter((event) => event.commandId === commandId)
      if (before.length > 0) {
        const order = before[0]?.order
        const repeated = order === undefined || order === orderDigest(command) ? again(before) : null
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
      input.checkInput('publish.order', order, ORDER)
      const definition = copied(given)
      const command = { type: 'PublishCampaign', definition, ...metaOf(order) } as const
      const id = () => (definition as { id: CampaignId }).id
      const answered = await decideOnCampaign(
        () => decidePublish(command, campaigns.catalog, clock.now()),
        ([event]): PublishAnswer | null =>
          event?.type === 'CampaignPublished' && sameDefinition(event.data.definition, definition as CampaignDefinition)
            ? { outcome: 'published', version: event.data.campaignVersion, warnings: warningsOf(event.data) }
            : null,
        id,
        command,
      )
      if (isLeft(answered)) return answered
      const unhandled = unhandledKinds(definition as CampaignDefinition, kindsOf(handlers))
      return right({ ...answered.right, warnings: [...answered.right.warnings, ...unhandled] })
    },
    async unpublish(campaignId, order) {
      input.id('unpublish.campaignId', campaignId)
      input.checkInput('unpublish.order', order, { ...ORDER, 'stopRuns?': input.flag })
      const command = {
        type: 'UnpublishCampaign',
        campaignId,
        ...metaOf(order),
        ...(order.stopRuns === true ? { stopRuns: true } : {}),
      } as const
      const answered = await decideOnCampaign(
        () => decideUnpublish(command, campaigns.catalog, clock.now()),
        ([event]): UnpublishAnswer | null =>
          event?.type === 'CampaignUnpublished'
            ? { outcome: 'unpublished', version: event.data.campaignVersion }
            : null,
        () => campaignId,
        command,
      )
      if (isLeft(answered)) return answered
      if (order.stopRuns !== true) return right({ ...answered.right, stopped: 0 })
      return right({ ...answered.right, ...(await stopRuns({ ...command, ...answered.right })) })
    },

    withTransaction(client, given = {}) {
      input.checkInput('withTransaction.options', given, { 'contacts?': input.anything })
      const bound = boundTo(store, client)
      const executing: CommandContext = {
        ...context,
        historyOf: createHistoryOf(bound),
        campaigns: campaigns.through(bound),
        // One by one: the connection is one, and the transaction the host's.
        append: ({ stream, events, expected, derived, requires }) =>
          bound.append(stream, events, expected, derived, requires),
        factsOf: given.contacts === undefined ? context.factsOf : createFacts(given.contacts, contactsTimeoutMs),
        // Nothing is due before the commit. The store tells of that.
        wakeUp: () => {},
      }
      const executeInside = executeOver(executing)
      // Without a directory everybody exists, and the host's own may ask the transaction.
      if (directory === undefined || given.contacts !== undefined) return createContactVerbs(executeInside)
      return createContactVerbs((command) => executeInside(command).then(toldOfTransaction))
    },

    async runDue(dueOptions = {}) {
      input.checkInput('runDue', dueOptions, {
        'limit?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER),
        'signal?': input.abortSignal,
        'timeoutMs?': input.wholeNumber(1, 86_400_000),
      })
      lifetime.requireOpen()
      return dispatcher.runDue(dueOptions)
    },
    async run(runOptions) {
      input.checkInput('run', runOptions, { signal: input.abortSignal, 'project?': input.flag })
      lifetime.requireOpen()
      const { signal, project: feeds = true } = runOptions
      // What other processes and transactions of the host make due is heard of at once, where the store can tell.
      const unwatch = store.watch?.(wakeSignal.notify)
      return (beside && feeds ? projectAndDispatch(signal) : dispatcher.run(signal)).finally(unwatch)
    },
    async project(projectOptions) {
      input.checkInput('project', projectOptions, { signal: input.abortSignal })
      lifetime.requireOpen()
      return project(projectOptions.signal)
    },
    async waitFor(position, waitOptions = {}) {
      input.wholeNumber(0, Number.MAX_SAFE_INTEGER)('waitFor.position', position)
      input.checkInput('waitFor', waitOptions, { 'timeoutMs?': input.wholeNumber(1, 86_400_000) })
      return projection.waitFor(position, waitOptions.timeoutMs ?? WAIT_MS)
    },

    previewAction: bulk.previewAction,
    processAction: bulk.processAction,
    resumeAction: bulk.resumeAction,
    cancelAction: bulk.cancelAction,

    inspect,
    health: () =>
      healthOf({
        readModel,
        clock,
        kinds,
        troubles,
        brakes,
        dispatcher,
        projection,
        lateAfterMs: options.lateAfterMs ?? 300_000,
        refresh: () => campaigns.fresh(),
      }),
    projection: {
      async parked(page = {}) {
        input.checkInput('projection.parked', page, {
          'after?': input.idOrNull,
          'limit?': input.wholeNumber(1, 1000),
        })
        return projection.parked(page)
      },
      async retry(contactId) {
        input.id('projection.retry', contactId)
        return projection.retry(contactId)
      },
      async discard(contactId) {
        input.id('projection.discard', contactId)
        return projection.discard(contactId)
      },
    },
    verifyIndex: () => verifyIndex(context, readModel, (position) => projection.waitFor(position, WAIT_MS)),
    rebuildIndex: () => rebuildIndex(context, readModel),
    async refreshContact(contactId) {
      input.id('refreshContact', contactId)
      const refreshed = await restoreContact(context, readModel, contactId, { factsOf: context.factsOf })
      wakeSignal.notify()
      return refreshed
    },
    async close() {
      meters.close()
      await Promise.all([lifetime.close(), dispatcher.close()])
    },
  }

  const warningsOf = ({ definition }: { readonly definition: unknown }) => {
    const defined = checkDefinition(definition, campaigns.catalog)
    return isLeft(defined) ? [] : defined.right.warnings
  }

  return engine
}

/** The definition as it is now: what the host does with its object later is none of the publication's. */
function copied(definition: unknown): unknown {
  if (definition === undefined) return null
  for (const _ of notJsonIn(definition)) return definition // `defineCampaign` says what is wrong with it.
  return JSON.parse(JSON.stringify(definition))
}
