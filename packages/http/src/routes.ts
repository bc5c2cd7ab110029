/**
 * `@enfold/http/routes`: the table of the API's routes, and how one is called without a request. For surfaces that are no
 * HTTP API and must allow and show exactly what the API does.
 */
import type { Engine } from '@enfold/engine'
import type { TSchema } from 'typebox'
import { routes as table } from './api.ts'
import { checkShape } from './input.ts'
import { denial, type Principal } from './permissions.ts'
import { type Problem, problem, problemFor, Refused, thrownProblem } from './problem.ts'
import { type Call, Reply, type Route } from './route.ts'
import { Id, strictObject } from './schemas.ts'

/** A route, as far as another surface needs it. Schemas are JSON Schema. */
export interface RouteFacts {
  /** The `operationId`. */
  readonly id: string
  readonly method: 'get' | 'post' | 'put'
  /** Segments in braces are ids. */
  readonly path: `/${string}`
  readonly summary: string
  readonly query?: object
  readonly body?: object
  /** By status; a text is a media type. */
  readonly answers: { readonly [status: number]: object | string }
}

/** All of the API, in its order. */
export const routes: readonly RouteFacts[] = table

const BY_ID: ReadonlyMap<string, Route> = new Map(table.map((route) => [route.id, route]))

function routeOf({ id }: RouteFacts): Route {
  const route = BY_ID.get(id)
  if (route === undefined) throw new TypeError(`The API has no route ${id}.`)
  return route
}

/**
 * What a route takes, in one object: ids of its path, its query and its body. No name stands in two of them. A body of which
 * no names are known, such as a definition, stands under `body`.
 */
export function inputSchema(route: RouteFacts): object {
  return inputOf(routeOf(route))
}

const inputOf = (route: Route) =>
  strictObject({ ...pathSchemas(route), ...propertiesOf(route.query), ...bodySchemas(route) })

export interface InProcessCall {
  readonly engine: Engine
  readonly principal: Principal
  /** Of the shape that `inputSchema` says. */
  readonly input: Readonly<Record<string, unknown>>
  /** What names the order: the same again has one effect. `null`: one is drawn. */
  readonly commandId?: string | null
  /** Ends a long question. */
  readonly signal: AbortSignal
}

/**
 * Calls a route as a request would: its input is checked, then whether the caller may, then it is done.
 *
 * @returns what the response would hold
 * @throws what `problemOf` makes a problem of
 */
export async function callRoute(of: RouteFacts, { commandId = null, ...given }: InProcessCall): Promise<unknown> {
  const { engine, principal, input, signal } = given
  const route = routeOf(of)
  if (route.csv === true) throw new TypeError(`The route ${route.id} takes a CSV: it has no call without a request.`)
  checkShape(inputOf(route), input, 'input')
  const part = (schemas: Readonly<Record<string, TSchema>>) =>
    Object.fromEntries(Object.entries(input).filter(([name]) => Object.hasOwn(schemas, name)))
  const call: Call = {
    engine,
    principal,
    // What a route reads of it is whether it was given up.
    request: new Request('http://in-process.invalid/', { signal }),
    path: part(pathSchemas(route)) as Call['path'],
    query: part(propertiesOf(route.query)),
    body: isOpen(route.body) ? input.body : part(bodySchemas(route)),
    upload: noBytes,
    commandId,
    limits: { maxBodyBytes: 2 ** 20, maxUploadBytes: 0, maxBatch: 1000 },
    stillPermitted: async () => denial(principal, await route.scope(call)) === null,
    failed: () => {},
  }
  const why = denial(principal, await route.scope(call))
  if (why !== null) throw new Refused(problem('Forbidden', why))
  const value = await route.handle(call)
  return value instanceof Reply ? value.value : value
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

/** What went wrong in a call, as the API would say it to this caller. */
export const problemOf = (principal: Principal, error: unknown): Problem => problemFor(principal, thrownProblem(error))

function pathSchemas({ path }: Route): Readonly<Record<string, TSchema>> {
  return Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, Id]))
}

function bodySchemas({ body }: Route): Readonly<Record<string, TSchema>> {
  return body !== undefined && isOpen(body) ? { body } : propertiesOf(body)
}

const isOpen = (body: TSchema | undefined) => body !== undefined && !Object.hasOwn(body, 'properties')

function propertiesOf(schema: TSchema | undefined): Readonly<Record<string, TSchema>> {
  return (schema as { readonly properties?: Readonly<Record<string, TSchema>> } | undefined)?.properties ?? {}
}
