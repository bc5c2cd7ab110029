/**
 * `createApi`: the engine as a function from `Request` to `Response`. The life of a request: who sends it, which route,
 * is it of the right shape, may he, do it, answer. Routes stand in tables beside this file.
 */
import { ENGINE_ID_PREFIX, EnfoldFault, isCallersCommandId, isLegalId } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { Hono } from 'hono'
import type { TSchema } from 'typebox'
import { actionRoutes } from './action-routes.ts'
import { campaignRoutes } from './campaign-routes.ts'
import { contactRoutes } from './contact-routes.ts'
import { checkShape, idOfSegment, jsonOf, mediaTypeOf, piecesOf, queryOf, wrongInput } from './input.ts'
import { openApiDocument } from './openapi.ts'
import { type Actor, type Authorize, checkedActor, denial } from './permissions.ts'
import { problem, problemFor, problemResponse, Refused, thrownProblem } from './problem.ts'
import { type Call, type Limits, Reply, type Route } from './route.ts'

export interface ApiOptions {
  readonly engine: Engine
  /**
   * Who sends the request, and what he may. Asked for every request, before anything else. `null` is answered with 401.
   * There is no API without it.
   */
  readonly authorize: Authorize
  /** Where the API is mounted, if paths arrive with it: "/api/enfold". Default: "". */
  readonly basePath?: string
  /** Of a JSON body, in bytes. Default 1,048,576. */
  readonly maxBodyBytes?: number
  /** Of a CSV, in bytes; it is read as it comes and not kept. Default 104,857,600. */
  readonly maxUploadBytes?: number
  /** Signals in one request. 1 to 1,000; default 1,000. */
  readonly maxBatch?: number
  /** Told of every error that is answered with a 5xx, or that came behind an answer, for your logger. */
  readonly onError?: (error: unknown, request: Request) => void
}

/** Never rejects: what goes wrong is a response. */
export type Api = (request: Request) => Promise<Response>

export const routes: readonly Route[] = [...contactRoutes, ...campaignRoutes, ...actionRoutes]

interface Env {
  readonly Bindings: { readonly actor: Actor }
}

/**
 * Makes the API. Default deny: a request that `authorize` does not allow is answered with 401 or 403.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be, and without `authorize`
 * @example
 * const api = createApi({ engine, authorize: (request) => session(request) && { actor: 'anna', may: 'write' } })
 * await api(new Request('http://localhost/campaigns'))
 */
export function createApi(options: ApiOptions): Api {
  const { engine, authorize, basePath = '', onError } = checked(options)
  const limits: Limits = {
    maxBodyBytes: options.maxBodyBytes ?? 2 ** 20,
    maxUploadBytes: options.maxUploadBytes ?? 100 * 2 ** 20,
    maxBatch: options.maxBatch ?? 1000,
  }
  const document = JSON.stringify(openApiDocument(routes, basePath))

  function failed(error: unknown, request: Request): void {
    try {
      onError?.(error, request)
    } catch {
      // The host's own affair: there is nobody left to tell.
    }
  }

  function refusal(error: unknown, request: Request, actor: Actor): Response {
    const why = problemFor(actor, thrownProblem(error))
    if (why.status >= 500) failed(error, request)
    return problemResponse(why, error instanceof Refused ? error.headers : {})
  }

  // As it was sent: decoding is done once, segment by segment, when the route is known.
  const app = new Hono<Env>({ getPath: (request) => pathWithin(basePath, request) ?? '' })
  for (const one of routes)
    app.on(one.method.toUpperCase(), one.path.replace(/\{(\w+)\}/g, ':$1'), async ({ env, req }) =>
      answer(one, env.actor, req.raw),
    )
  app.get('/openapi.json', () => new Response(document, { headers: headersOf('private, no-cache') }))
  app.notFound(({ req }) => {
    const path = pathWithin(basePath, req.raw) ?? ''
    const allowed = ['GET', 'POST', 'PUT'].filter((method) => app.router.match(method, path)[0].length > 0)
    return allowed.length === 0
      ? problemResponse(problem('NotFound', 'There is nothing at this address.'))
      : problemResponse(problem('MethodNotAllowed', `Here go ${allowed.join(', ')}.`), { allow: allowed.join(', ') })
  })
  app.onError((error, { env, req }) => refusal(error, req.raw, env.actor))

  async function answer(route: Route, actor: Actor, request: Request): Promise<Response> {
    const url = new URL(request.url)
    const call: Call = {
      engine,
      actor,
      request,
      path: idsOf(route, url),
      query: queryOf(url, route.query ?? NOTHING),
      body: await bodyOf(route, request),
      upload: () => piecesOf(request, limits.maxUploadBytes),
      commandId: commandIdOf(request),
      limits,
      stillPermitted: () => isStillPermitted(route, call),
      failed: (error) => failed(error, request),
    }
    const why = denial(actor, await route.scope(call))
    if (why !== null) throw new Refused(problem('Forbidden', why))
    const value = await route.handle(call)
    if (value instanceof Response) return value
    const { status, value: body, headers } = value instanceof Reply ? value : new Reply(200, value)
    return jsonResponse(request, route, status, JSON.stringify(body), headers)
  }

  async function isStillPermitted(route: Route, call: Call): Promise<boolean> {
    try {
      const actor = checkedActor(await authorize(call.request))
      return actor !== null && denial(actor, await route.scope({ ...call, actor })) === null
    } catch (error) {
      if (!(error instanceof Refused)) failed(error, call.request)
      return false
    }
  }

  async function bodyOf(route: Route, request: Request): Promise<unknown> {
    if (route.method === 'get') return undefined
    const wanted = route.csv === true ? 'text/csv' : 'application/json'
    // Also of an empty body: a form of another site cannot say so, and so can order nothing in anybody's name.
    if (mediaTypeOf(request) !== wanted)
      throw new Refused(problem('MediaTypeUnsupported', `Send it with the header Content-Type: ${wanted}.`))
    if (route.body === undefined) return undefined
    const body = await jsonOf(request, limits.maxBodyBytes)
    checkShape(route.body, body, 'body')
    return body
  }

  return async (request) => {
    try {
      const actor = checkedActor(await authorize(request))
      if (actor === null)
        return problemResponse(problem('Unauthenticated', 'Say who you are.'), { 'www-authenticate': 'Bearer' })
      return await app.fetch(request, { actor })
    } catch (error) {
      // Only `authorize` can throw here: what it threw, whatever it is, opens nothing and is nobody's fault outside.
      failed(error, request)
      return problemResponse(
        problem('Fault', 'The server could not find out who you are. It was told to its operator.'),
      )
    }
  }
}

const NOTHING = { type: 'object', properties: {}, additionalProperties: false } as TSchema

/** The path as it was sent, without the base; `null`: it is not under the base. */
function pathWithin(basePath: string, request: Request): string | null {
  const { pathname } = new URL(request.url)
  if (basePath === '') return pathname
  return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : null
}

/** The template's segments are as many as the path's last ones: the route has matched. */
function idsOf({ path }: Route, { pathname }: URL): Record<string, string> {
  const names = path.split('/').slice(1)
  const segments = pathname.split('/').slice(-names.length)
  const ids: Record<string, string> = {}
  for (const [i, name] of names.entries()) {
    if (!name.startsWith('{')) continue
    const id = idOfSegment(segments[i] as string)
    if (!isLegalId(id)) throw wrongInput('path', `/${name.slice(1, -1)}`, 'is no legal id, percent-encoded')
    ids[name.slice(1, -1)] = id
  }
  return ids
}

function commandIdOf(request: Request): string | null {
  const key = request.headers.get('idempotency-key')
  if (key === null || isCallersCommandId(key)) return key
  throw wrongInput(
    'header',
    '/Idempotency-Key',
    isLegalId(key) ? `must not begin with "${ENGINE_ID_PREFIX}": those ids are the engine's own` : 'is no legal id',
  )
}

/** What is known of people belongs in no shared cache. */
const headersOf = (cache: string) => ({
  'content-type': 'application/json',
  'cache-control': cache,
  'x-content-type-options': 'nosniff',
})

async function jsonResponse(
  request: Request,
  { etag }: Route,
  status: number,
  text: string,
  more: Readonly<Record<string, string>>,
): Promise<Response> {
  const headers: Record<string, string> = { ...headersOf(etag === true ? 'private, no-cache' : 'no-store'), ...more }
  if (etag !== true) return new Response(text, { status, headers })
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  const tag = `"${[...new Uint8Array(digest).slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}"`
  headers.etag = tag
  const known = (request.headers.get('if-none-match') ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return known.includes(tag) ? new Response(null, { status: 304, headers }) : new Response(text, { status, headers })
}

function checked(options: ApiOptions): ApiOptions {
  const known = ['engine', 'authorize', 'basePath', 'maxBodyBytes', 'maxUploadBytes', 'maxBatch', 'onError']
  const unknown = Object.keys(options ?? {}).find((name) => !known.includes(name))
  if (unknown !== undefined) throw EnfoldFault.invalidInput(`createApi.${unknown}`, undefined, known.join(', '))
  const { engine, authorize, basePath, maxBodyBytes, maxUploadBytes, maxBatch, onError } = options ?? {}
  if (typeof engine?.processAction !== 'function')
    throw EnfoldFault.invalidInput('createApi.engine', engine, 'an engine')
  if (typeof authorize !== 'function')
    throw EnfoldFault.invalidInput(
      'createApi.authorize',
      authorize,
      'a function that says who sends a request, or null: there is no API that anybody may use',
    )
  if (basePath !== undefined && !/^(\/[\w.~-]+)*$/.test(basePath))
    throw EnfoldFault.invalidInput(
      'createApi.basePath',
      basePath,
      '"" or a path such as "/api/enfold", with no / at its end',
    )
  for (const [name, value, max] of [
    ['maxBodyBytes', maxBodyBytes, 2 ** 30],
    ['maxUploadBytes', maxUploadBytes, 2 ** 40],
    ['maxBatch', maxBatch, 1000],
  ] as const)
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= max))
      throw EnfoldFault.invalidInput(`createApi.${name}`, value, `a whole number from 1 to ${max}`)
  if (onError !== undefined && typeof onError !== 'function')
    throw EnfoldFault.invalidInput('createApi.onError', onError, 'a function')
  return options
}
