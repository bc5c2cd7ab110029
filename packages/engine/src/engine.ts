/**
 * `createEngine`: puts the parts together. A table of contents: orders on contacts are in `contact-verbs.ts` and
 * `execute.ts`, campaigns in `publishing.ts`, due steps in `dispatch/`, actions over many contacts in `actions/`, the read
 * model in `projection/`, questions in `inspect/`.
 */
import type {
  AnyNames,
  CampaignDefinition,
  ContactDirectory,
  Names,
  NamesIn,
  SchemasByKind,
  TransactionClient,
  WorkerId,
} from '@enfold/core'
import { type Bulk, createBulk } from './actions/bulk.ts'
import { systemClock } from './clock.ts'
import { answering, type ContactVerbs, createContactVerbs, type Execute } from './contact-verbs.ts'
import { createContext } from './create-context.ts'
import { deliveringTo, deliverToOf } from './deliver-to.ts'
import { createFacts, createSearch, SHORT_MS } from './directory.ts'
import { createDispatcher } from './dispatch/dispatcher.ts'
import type { CommandContext } from './engine-context.ts'
import { actionsOf, checkedOptions, type EngineOptions, readModelOf } from './engine-options.ts'
import { execute } from './execute.ts'
import { type Health, healthOf } from './health.ts'
import { createIndexCare, type IndexCare } from './index-care.ts'
import { createAttentionQuestions } from './inspect/attention.ts'
import { createCampaignQuestions } from './inspect/campaign-questions.ts'
import { createInspect, type Inspect } from './inspect/inspect.ts'
import { createKinds, handlersOf, kindsOf } from './kinds.ts'
import { createLifetime, type Lifetime } from './lifetime.ts'
import { createObservers } from './observers.ts'
import { createPausing, type Pausing } from './pausing.ts'
import type { ParkedContacts } from './projection/park.ts'
import { createProjection, parkedContactsOf, projectedInAppend } from './projection/projection.ts'
import { createPublishing, type Publishing } from './publishing.ts'
import { createRunning, type Running } from './running.ts'
import { checkingParams, checkSignal, type Schemas } from './schemas.ts'
import { createStopRuns } from './stop-runs.ts'
import { createWithTransaction } from './transaction.ts'
import { createWakeSignal } from './wake-signal.ts'

/**
 * Every verb returns an `Either`: Left is the rejection and says why the order is not allowed; Right is the answer.
 * Verbs throw `INVALID_INPUT` for input of the wrong shape, and other `EnfoldFault`s where the store fails.
 */
export interface Engine<N extends Names = AnyNames>
  extends ContactVerbs<N>,
    Bulk,
    Publishing,
    Pausing,
    Running,
    IndexCare {
  /**
   * The verbs on contacts inside a transaction that you opened and will commit or roll back: what they write becomes
   * true with your commit, together with your own rows, and vanishes with your rollback. Give `contacts` a directory that
   * asks the same transaction, if what you wrote in it decides; another one may wait for a connection that it holds.
   * `observe` and metrics hear of a command before your commit. Needs a store that can do it, as PostgreSQL's.
   *
   * @throws EnfoldFault `INVALID_INPUT` if the store cannot; from the verbs `CONTENTION` where only a rollback helps
   * @example
   * await client.query('BEGIN')
   * await client.query('INSERT INTO customers (id) VALUES ($1)', ['ann'])
   * await engine.withTransaction(client).startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })
   * await client.query('COMMIT')
   */
  withTransaction(client: TransactionClient, options?: { readonly contacts?: ContactDirectory }): ContactVerbs<N>
  readonly inspect: Inspect
  /** Where this engine sends instead of to the contacts: an address or "nobody"; `null`: to the contacts (DELIVER-1). */
  readonly deliverTo: string | null
  /** Contacts that the projection has parked: list them, retry, discard. */
  readonly projection: ParkedContacts
  /** How this engine and its store stand. Never throws. */
  health(): Promise<Health>
  /** Ends `run` and bulk actions, which can be resumed; waits for what is in flight. The store stays open: who made it closes it. */
  close(): Promise<void>
}

/**
 * Makes an engine over a store.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be
 * @example
 * const engine = createEngine({ store: createMemoryStore(), handlers: { email: async () => ({ outcome: 'sent' }) } })
 *
 * @example With campaigns that the compiler knows: a handler for each kind, and ids and kinds in every order.
 * const engine = createEngine({ store, campaigns: [poolOwners], handlers: { email: async () => ({ outcome: 'sent' }) } })
 * await engine.startSequence({ contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: null })
 */
export function createEngine<
  const Campaigns extends readonly CampaignDefinition[] = readonly CampaignDefinition[],
  Params extends SchemasByKind = Record<never, never>,
  Signals extends SchemasByKind = Record<never, never>,
>(options: EngineOptions<Campaigns, Params, Signals>): Engine<NamesIn<Campaigns, Signals>>
export function createEngine(options: EngineOptions): Engine {
  const dispatchOptions = checkedOptions(options)
  const deliverTo = deliverToOf(options.deliverTo)
  const {
    store,
    handlers,
    schemas = {},
    contacts,
    clock = systemClock,
    contactsTimeoutMs = 30_000,
    gateMs = 2000,
  } = options
  const { readModel, isSeparate } = readModelOf(options)
  const actions = actionsOf(options)
  const lifetime = createLifetime()
  const wakeSignal = createWakeSignal(clock)
  const observers = createObservers(options, clock, async () => (await projection.lag()).behind)
  const { observe } = observers
  const context = createContext(options, {
    clock,
    contactsTimeoutMs,
    gateMs,
    observe,
    readModel: isSeparate ? readModel : null,
    wakeUp: wakeSignal.notify,
  })
  const { campaigns } = context
  const factsOf = createFacts(contacts, Math.min(contactsTimeoutMs, SHORT_MS))
  const { onPoison = 'stop' } = options
  const projection = isSeparate ? createProjection({ ...context, factsOf }, readModel, { onPoison }) : projectedInAppend
  const handlerOf = deliveringTo(checkingParams(handlersOf(handlers), schemas), deliverTo)
  const kinds = createKinds(handlerOf, campaigns.catalog)
  const handledKinds = kindsOf(handlers)
  const worker = workerNamed(options.workerId)
  const dispatching = { context, readModel, kinds, worker, options: dispatchOptions, wakeSignal, projection }
  const dispatcher = createDispatcher(dispatching)
  const search = createSearch(contacts, contactsTimeoutMs)
  const attention = createAttentionQuestions(context, readModel, kinds, projection)
  const inspect = createInspect(
    context,
    readModel,
    search,
    actions,
    attention,
    createCampaignQuestions(context, readModel, handledKinds, schemas),
  )
  const executeOver = executing(lifetime, schemas)
  const executeHere = executeOver(context)
  const stopRuns = createStopRuns({ context, readModel, projection, gateMs }, answering(executeHere))

  return {
    ...createContactVerbs(executeHere),
    withTransaction: createWithTransaction({ context, contacts, contactsTimeoutMs, executeOver, store }),
    ...createPublishing({ context, handledKinds, schemas, stopRuns, requireOpen: lifetime.requireOpen }),
    ...createPausing({ context, gateMs, requireOpen: lifetime.requireOpen }),
    ...createBulk(context, readModel, inspect, actions, lifetime),
    ...createRunning({ dispatcher, projection, isSeparate, store, wakeSignal, lifetime }),
    inspect,
    deliverTo,
    projection: parkedContactsOf(projection),
    ...createIndexCare({ context, readModel, projection, wakeSignal }),
    health: () =>
      healthOf({
        readModel,
        clock,
        kinds,
        troubles: observers.troubles,
        brakes: observers.brakes,
        states: observers.states,
        dispatcher,
        projection,
        deliverTo,
        lateAfterMs: options.lateAfterMs ?? 300_000,
        refresh: () => campaigns.fresh(),
      }),
    async close() {
      observers.meters.close()
      await Promise.all([lifetime.close(), dispatcher.close()])
    },
  }
}

/** How commands are executed over a store, or within a transaction: while the engine is open, signals by their schemas. */
function executing(lifetime: Lifetime, schemas: Schemas): (over: CommandContext) => Execute {
  return (over) => async (command) => {
    lifetime.requireOpen()
    // Of all commands a signal's has it.
    if ('fromStep' in command) await checkSignal(command, schemas)
    return execute(over, command)
  }
}

/** With an addition of its own: two workers that were given one id must not take each other's claims for their own. */
function workerNamed(workerId: WorkerId = crypto.randomUUID()): WorkerId {
  return `${workerId.slice(0, 160).toWellFormed()} ${crypto.randomUUID().slice(0, 8)}`
}
