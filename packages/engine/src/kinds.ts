/** Which kinds of steps this worker does: those that the host gave a handler for (KIND-1, KIND-2). */
import {
  type CampaignDefinition,
  type CampaignProblem,
  type Catalog,
  drainedLane,
  EnfoldFault,
  type KindIn,
  nearest,
  type OutputOf,
  pausedLane,
  type SchemasByKind,
  type StandardSchema,
  type StepHandler,
} from '@enfold/core'
import { redirectableAs } from './deliver-to.ts'
import * as input from './input.ts'

/**
 * Handlers by the `kind` of step that they do: a record, an instance of a class whose methods are named as kinds are, or
 * a function from kind to handler. What it has no handler for is left to other workers.
 */
export type Handlers =
  | { readonly [kind: string]: StepHandler }
  | object
  | ((kind: string) => StepHandler | null | undefined)

/**
 * Of campaigns that the compiler knows: a handler for each kind of their steps, with params as the schema of the kind gives
 * them. `undefined` leaves a kind to other workers.
 */
export type HandlersFor<Campaigns extends readonly CampaignDefinition[], Params extends SchemasByKind> =
  string extends KindIn<Campaigns[number]>
    ? Handlers
    : KnownHandlers<KindIn<Campaigns[number]>, NotInferred<Params>> | ((kind: string) => StepHandler | null | undefined)
// Schemas are inferred from the schemas alone. (`NoInfer` came with TypeScript 5.4, and hosts may have 5.0.)
type NotInferred<T> = [T][T extends unknown ? 0 : never]

type KnownHandlers<Kind extends string, Params> = {
  readonly [One in Kind | (keyof Params & string)]:
    | (One extends keyof Params
        ? Params[One] extends StandardSchema
          ? StepHandler<OutputOf<Params[One]>>
          : never
        : StepHandler)
    | undefined
}

/** The handler of a kind; `undefined`: this worker does not do it. */
export type HandlerOf = (kind: string) => StepHandler | undefined

/**
 * @throws EnfoldFault `INVALID_INPUT` for what can hold no handlers; the function that it returns, for a kind whose
 *   handler is no function
 */
export function handlersOf(handlers: Handlers): HandlerOf {
  const given: unknown = handlers
  if (typeof given === 'function') {
    const ofKind = given as (kind: string) => unknown
    return (kind) => checked(kind, ofKind(kind) ?? undefined)
  }
  input.named(
    'createEngine.handlers',
    given,
    'a function from kind to handler, an instance of a class, or an object of step handlers by kind',
  )
  const record = given as { readonly [kind: string]: unknown }
  // Fields of an instance may be anything; of a plain record each entry is meant as a handler.
  for (const kind of Object.keys(record)) if (isPlain(record)) checked(kind, record[kind])
  return (kind) => {
    const found = isPlain(record) ? (Object.hasOwn(record, kind) ? record[kind] : undefined) : method(record, kind)
    const handler = isPlain(record) || typeof found === 'function' ? checked(kind, found) : undefined
    // Bound, so that a method finds what its instance holds.
    return handler === undefined ? undefined : redirectableAs(handler, (call) => handler.call(record, call))
  }
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** A method of an instance or of its classes; what every object has (`toString`, `constructor`) is none. */
function method(instance: object, kind: string): unknown {
  for (let at: object | null = instance; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    if (Object.hasOwn(at, kind)) return kind === 'constructor' ? undefined : Reflect.get(instance, kind)
  return undefined
}

function checked(kind: string, handler: unknown): StepHandler | undefined {
  if (handler === undefined || typeof handler === 'function') return handler as StepHandler | undefined
  throw EnfoldFault.invalidInput(`createEngine.handlers.${kind}`, handler, 'a function')
}

/**
 * The kinds that handlers are given for, as far as they can be listed: the keys of a record, the methods of an instance
 * and of its classes. `null`: a function is asked for each kind, and nothing is known before.
 *
 * @example
 * kindsOf({ email: async () => ({ outcome: 'sent' }) }) // ['email']
 */
export function kindsOf(handlers: Handlers): readonly string[] | null {
  if (typeof handlers === 'function') return null
  if (isPlain(handlers))
    // Listed without a handler: left to other workers.
    return Object.entries(handlers).flatMap(([kind, handler]) => (handler === undefined ? [] : [kind]))
  const names = new Set<string>()
  for (let at: object | null = handlers; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    for (const name of Object.getOwnPropertyNames(at)) if (typeof method(handlers, name) === 'function') names.add(name)
  return [...names]
}

/**
 * A warning for each kind that steps of the definition have and that none of the known kinds is (KIND-1). None from an
 * engine that can list no kind: one that only publishes, or whose handlers are a function.
 */
export function unhandledKinds(definition: CampaignDefinition, known: readonly string[] | null): CampaignProblem[] {
  if (known === null || known.length === 0) return []
  const seen = new Set(known)
  return definition.sequences.flatMap(({ steps }, i) =>
    steps.flatMap(({ kind, draft }, j) => {
      if (draft === true || seen.has(kind)) return []
      seen.add(kind)
      const meant = nearest(kind, known)
      const hint = meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`
      const message = `has no handler here${hint}: its steps wait for a worker that has one`
      return [{ path: `/sequences/${i}/steps/${j}/kind`, value: kind, message }]
    }),
  )
}

/** What this worker does of the kinds that there are. */
export interface Kinds {
  readonly handlerOf: HandlerOf
  /** Kinds of steps of published campaigns, old versions too, that this worker has no handler for. */
  missing(): readonly string[]
  /** Lanes in which contacts wait on purpose: for a resume (GATE-1), or for a pace (GATE-4). None of each is late. */
  waiting(): ReadonlyMap<string, number>
  /** How many of each kind may be begun: none of what it has no handler for, and none of what a pause holds (GATE-1). */
  capacity(limited: ReadonlyMap<string, number>): ReadonlyMap<string, number>
}

export function createKinds(
  handlerOf: HandlerOf,
  catalog: Pick<Catalog, 'drained' | 'kinds' | 'paced' | 'paused'>,
): Kinds {
  const missing = () => [...catalog.kinds()].filter((kind) => handlerOf(kind) === undefined)
  return {
    handlerOf,
    missing,
    waiting() {
      const campaigns = [...catalog.paused(), ...catalog.paced().map(({ campaignId }) => campaignId)]
      const lanes = campaigns.map(pausedLane)
      if (catalog.drained.at !== null) lanes.push(drainedLane(''))
      return new Map(lanes.map(({ kind }) => [kind, 0]))
    },
    capacity: (limited) => {
      const held = catalog.paused().map((campaignId) => pausedLane(campaignId).kind)
      return new Map([...limited, ...[...missing(), ...held].map((kind) => [kind, 0] as const)])
    },
  }
}
