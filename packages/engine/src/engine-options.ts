/** What `createEngine` takes, its defaults, and the checks at the input. */
import {
  type ActionStore,
  type CampaignDefinition,
  type Capabilities,
  type ChangeNotifications,
  type ChecksRequired,
  type Clock,
  type ContactDirectory,
  defineCampaign,
  EnfoldFault,
  type EventStore,
  isLeft,
  type KeepsStates,
  type ReadModel,
  type SchemasByKind,
  type TransactionalStore,
  type WorkerId,
} from '@enfold/core'
import { longestCallMs } from './dispatch/handler-call.ts'
import type { KindLimit } from './dispatch/limits.ts'
import type { Observer } from './engine-events.ts'
import * as input from './input.ts'
import { type Handlers, type HandlersFor, handlersOf } from './kinds.ts'
import type { ProjectionOptions } from './projection/projection.ts'
import { schemas } from './schemas.ts'
import type { Log } from './troubles.ts'

export interface EngineOptions<
  Campaigns extends readonly CampaignDefinition[] = readonly CampaignDefinition[],
  Params extends SchemasByKind = SchemasByKind,
  Signals extends SchemasByKind = SchemasByKind,
> {
  /** The log. If it is its own read model, as the memory and SQL stores are, that is used. Closing it is yours. */
  readonly store: EventStore &
    Partial<KeepsStates & ReadModel & ActionStore & ChangeNotifications & TransactionalStore & ChecksRequired> & {
      readonly capabilities?: Capabilities
    }
  /**
   * The index and the agenda, for a log that cannot write them in the append: a SQL store that serves as nothing else.
   * The engine feeds it (`run`, `project`, `runDue`), so it shows what was recorded a moment later; see `waitFor`.
   */
  readonly readModel?: ReadModel & Partial<ActionStore>
  /** Of a separate read model: what to do with a contact if an event of it cannot be projected. Default "stop". */
  readonly onPoison?: ProjectionOptions['onPoison']
  /**
   * By the `kind` of step that they do: a record, an instance of a class with a method for each kind, or a function from
   * kind to handler. Steps of other kinds are left to workers that have a handler for them; `health` names those that
   * wait (KIND-1, KIND-2).
   */
  readonly handlers: HandlersFor<Campaigns, Params>
  /**
   * The campaigns that this program knows, written in TypeScript: `campaign({ … })`. Then the compiler asks for a handler
   * for each kind of their steps, and knows their ids and signals in every order. Each must be one that could be
   * published; `publish` publishes it. Others may be published, too.
   */
  readonly campaigns?: Campaigns
  /**
   * Schemas of params by the kind of step, and of data by the kind of signal: Zod, Valibot, ArkType …, or TypeBox by
   * `standardSchema`. A definition with other params is not published, a handler is not called with others, and a signal
   * with other data is refused (`INVALID_INPUT`).
   */
  readonly schemas?: { readonly params?: Params; readonly signals?: Signals }
  /** Your contacts. Left out: every contact exists, with no facts. */
  readonly contacts?: ContactDirectory
  /** How long `contacts` may take to answer, in milliseconds of real time. Default 30,000; then `DIRECTORY_SILENT`. */
  readonly contactsTimeoutMs?: number
  /** Default: the machine's. */
  readonly clock?: Clock
  /**
   * Told everything that happens, for your logger. Spans and metrics go to OpenTelemetry by themselves, if you have set
   * up its SDK before the engine is made.
   */
  readonly observe?: Observer
  readonly dispatch?: Partial<DispatchOptions>
  /**
   * For staging: where steps are sent instead of to the contacts (DELIVER-1). An address: handlers that are `redirectable`,
   * as `smtpMail` is, send there, and others are not called. "nobody": none is called. What is not called passes for sent,
   * and the log says so. "contacts": as usual. Left out: as `ENFOLD_DELIVER_TO` in the environment says, or as usual.
   */
  readonly deliverTo?: string
  /**
   * Takes a line for each cause of trouble, at most once a minute: faults, handlers that throw, kinds that nobody here
   * handles. Lines hold no value of yours. Default: stderr. `false`: none.
   */
  readonly log?: Log | false
  /** How late due work may be before `health` says that it does not get done, in milliseconds. Default 300,000. */
  readonly lateAfterMs?: number
  /** How old the knowledge of what other processes published may be, in milliseconds. Default 1,000. */
  readonly campaignRefreshMs?: number
  /**
   * With a log that cannot check in an append whether a campaign is still published, as EventStoreDB: nothing is started on
   * knowledge of it that is older than half of this, in milliseconds of real time, and `unpublish` with `stopRuns` waits
   * this long before it stops. The same for all processes. Default 2,000. Other stores check, and nobody waits.
   */
  readonly gateMs?: number
  /**
   * So many signals of one contact are kept, of kinds that a campaign declares; what is over is counted, once a day
   * (SIGNAL-6). 0: none. Default 10,000.
   */
  readonly maxKeptSignals?: number
  /** Names this worker in claims, each engine's with an addition of its own. Default: drawn. */
  readonly workerId?: WorkerId
  /** From 0 to 1, for back-off. Default `Math.random`. */
  readonly random?: () => number
}

export interface DispatchOptions {
  /** How many contacts are worked on at once. Default 50. */
  readonly concurrency: number
  /** Limits of single kinds of steps, by kind. What a kind's limit holds back holds up no other kind. Default: none. */
  readonly kinds: { readonly [kind: string]: KindLimit }
  /** How long a handler may take, in real time. Default 30,000. */
  readonly handlerTimeoutMs: number
  /**
   * How long a claim keeps other workers away. Must be longer than `handlerTimeoutMs`. Default 60,000. A handler is begun
   * only while it may take its whole time within the lease, else `observe` is told `lease-lost`: so a process that freezes
   * after `StepDispatched` calls it at most `leaseMs` - `handlerTimeoutMs` - 250 later, whatever was ordered since.
   */
  readonly leaseMs: number
  /** How often `run` looks for what other processes have made due. Default 1,000. */
  readonly pollMs: number
  /**
   * Whether the messages and stacks of errors that handlers throw go to OpenTelemetry. They may quote addresses. Default
   * false: names and codes alone.
   */
  readonly exceptionMessages: boolean
  /** How long `run` waits for handlers when it is told to end. Default 10,000. */
  readonly shutdownMs: number
  /** First wait after a failure; doubles with each attempt up to `capMs`, and a random part of it is taken. */
  readonly backOff: { readonly baseMs: number; readonly capMs: number }
}

const DISPATCH_DEFAULTS: DispatchOptions = {
  concurrency: 50,
  kinds: {},
  exceptionMessages: false,
  handlerTimeoutMs: 30_000,
  leaseMs: 60_000,
  pollMs: 1000,
  shutdownMs: 10_000,
  backOff: { baseMs: 30_000, capMs: 3_600_000 },
}

const OPTIONS: input.Shape = {
  store: input.withMethod('appendMany', 'a store'),
  'readModel?': input.anything,
  'onPoison?': input.anything,
  handlers: (_, value) => void handlersOf(value as Handlers),
  'campaigns?': campaigns,
  'schemas?': schemas,
  'contacts?': directory,
  'clock?': input.withMethod('now', 'an object with now()'),
  'observe?': input.callable(),
  'dispatch?': input.anything,
  'deliverTo?': input.anything,
  'contactsTimeoutMs?': input.wholeNumber(1, 86_400_000),
  'campaignRefreshMs?': input.wholeNumber(0, 86_400_000),
  'gateMs?': input.wholeNumber(2, 600_000),
  'log?': (path, value) => {
    if (value !== false) input.callable('a function that takes a line, or false')(path, value)
  },
  'lateAfterMs?': input.wholeNumber(1, 31_536_000_000),
  'maxKeptSignals?': input.wholeNumber(0, 10_000_000),
  'workerId?': input.id,
  'random?': input.callable('a function that yields numbers from 0 to 1'),
}

const MS = input.wholeNumber(1, 86_400_000)
const DISPATCH: input.Shape = {
  'concurrency?': input.wholeNumber(1, 10_000),
  'kinds?': kindLimits,
  'exceptionMessages?': input.flag,
  'handlerTimeoutMs?': MS,
  'leaseMs?': MS,
  'pollMs?': MS,
  'shutdownMs?': MS,
  'backOff?': (path, value) => input.checkInput(path, value, { baseMs: MS, capMs: MS }),
}

/** The options of the dispatcher with their defaults; throws `INVALID_INPUT` for any option that cannot be. */
export function checkedOptions(options: EngineOptions): DispatchOptions {
  input.checkInput('createEngine', options, OPTIONS)
  const dispatch = options.dispatch ?? {}
  input.checkInput('createEngine.dispatch', dispatch, DISPATCH)
  const given = Object.fromEntries(Object.entries(dispatch).filter(([, value]) => value !== undefined))
  const merged: DispatchOptions = { ...DISPATCH_DEFAULTS, ...given }
  const longestMs = longestCallMs(merged.handlerTimeoutMs)
  if (merged.leaseMs <= longestMs)
    throw EnfoldFault.invalidInput(
      'createEngine.dispatch.leaseMs',
      merged.leaseMs,
      `more than ${longestMs} (handlerTimeoutMs and the time to give up): else another worker takes a contact whose handler still runs`,
    )
  return merged
}

function campaigns(path: string, value: unknown): void {
  if (!Array.isArray(value)) throw EnfoldFault.invalidInput(path, value, 'a list of campaign definitions')
  for (const [i, definition] of value.entries()) {
    const made = defineCampaign(definition)
    const wrong = isLeft(made) ? made.left.problems[0] : undefined
    if (wrong !== undefined)
      throw EnfoldFault.unshownInput(`${path}[${i}]${wrong.path}`, wrong.message, 'a definition that can be published')
  }
}

function directory(path: string, value: unknown): void {
  input.withMethod('get', 'an object with get(contactId)')(path, value)
  const contacts = value as Partial<ContactDirectory>
  for (const name of ['getMany', 'search'] as const)
    if (contacts[name] !== undefined) input.callable('a function, or nothing')(`${path}.${name}`, contacts[name])
}

function kindLimits(path: string, value: unknown): void {
  input.named(path, value, 'an object of limits by kind')
  for (const [kind, limit] of Object.entries(value as object))
    input.checkInput(`${path}.${kind}`, limit, {
      'concurrency?': input.wholeNumber(1, 10_000),
      'perSecond?': (at, given) => {
        if (!(typeof given === 'number' && given > 0 && given <= 1_000_000))
          throw EnfoldFault.invalidInput(at, given, 'a number above 0, up to 1,000,000')
      },
    })
}

/** The read model to use, the one given or the store itself; and whether it is separate from the log and must be fed. */
export function readModelOf({ store, readModel, onPoison }: EngineOptions): {
  readonly readModel: ReadModel
  readonly isSeparate: boolean
} {
  const isOwn = readModel === undefined || (readModel as unknown) === store
  const model = (readModel ?? store) as Partial<ReadModel>
  if (!isOwn && store.capabilities?.projectsInAppend === true)
    throw EnfoldFault.invalidInput(
      'createEngine.readModel',
      readModel,
      'none: the store writes index and agenda in the append, so it must be its own read model',
    )
  for (const method of ['apply', 'checkpoint', 'claimDue', 'backlog', 'members'] as const)
    if (typeof model?.[method] !== 'function')
      throw EnfoldFault.invalidInput(
        'createEngine.readModel',
        readModel,
        isOwn ? 'a read model, because the store is only a log: pass a SQL store as readModel' : 'a read model',
      )
  const isSeparate = !isOwn || store.capabilities?.projectsInAppend === false
  if (onPoison !== undefined && !isSeparate)
    throw EnfoldFault.invalidInput('createEngine.onPoison', onPoison, 'nothing: the store projects in the append')
  if (onPoison !== undefined && onPoison !== 'stop' && onPoison !== 'park')
    throw EnfoldFault.invalidInput('createEngine.onPoison', onPoison, '"stop" or "park"')
  return { readModel: model as ReadModel, isSeparate }
}

/** What keeps bulk actions: the read model or the store, where one of them does; `null`: neither. */
export function actionsOf({ store, readModel }: EngineOptions): ActionStore | null {
  const actionStore = [readModel, store].find((one) => typeof one?.saveAction === 'function')
  return actionStore === undefined ? null : (actionStore as ActionStore)
}
