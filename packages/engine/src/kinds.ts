/** Which kinds of steps this worker does: those that the host gave a handler for (KIND-1, KIND-2). */
import { type Catalog, EnfoldFault, type StepHandler } from '@enfold/core'

/**
 * Handlers by the `kind` of step that they do: a record, an instance of a class whose methods are named as kinds are, or
 * a function from kind to handler. What it has no handler for is left to other workers.
 */
export type Handlers =
  | { readonly [kind: string]: StepHandler }
  | object
  | ((kind: string) => StepHandler | null | undefined)

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
  if (typeof given !== 'object' || given === null)
    throw EnfoldFault.invalidInput(
      'createEngine.handlers',
      given,
      'an object of step handlers by kind, an instance of a class, or a function from kind to handler',
    )
  const record = given as { readonly [kind: string]: unknown }
  // Fields of an instance are its own affair; of a plain record each entry is meant as a handler.
  for (const kind of Object.keys(record)) if (isPlain(record)) checked(kind, record[kind])
  return (kind) => {
    const found = isPlain(record) ? (Object.hasOwn(record, kind) ? record[kind] : undefined) : method(record, kind)
    const handler = isPlain(record) || typeof found === 'function' ? checked(kind, found) : undefined
    // Bound, so that a method finds what its instance holds.
    return handler === undefined ? undefined : (call) => handler.call(record, call)
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

/** What this worker does of the kinds that there are. */
export interface Kinds {
  readonly handlerOf: HandlerOf
  /** Kinds of steps of published campaigns, old versions too, that this worker has no handler for. */
  missing(): readonly string[]
  /** How many of each kind may be begun: none of what it has no handler for. */
  room(limited: ReadonlyMap<string, number>): ReadonlyMap<string, number>
}

export function createKinds(handlerOf: HandlerOf, catalog: Pick<Catalog, 'kinds'>): Kinds {
  const missing = () => [...catalog.kinds()].filter((kind) => handlerOf(kind) === undefined)
  return {
    handlerOf,
    missing,
    room: (limited) => new Map([...limited, ...missing().map((kind) => [kind, 0] as const)]),
  }
}
