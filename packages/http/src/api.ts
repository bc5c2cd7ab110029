/**
 * `createApi`: the engine as a function from `Request` to `Response`. The life of a request: who sends it, which route,
 * is its shape right, is it allowed, do it, respond. The tables of routes are in separate files.
 */
import { ENGINE_ID_PREFIX, isCallersCommandId, isLegalId } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import type { TSchema } from 'typebox'
import { actionRoutes } from './action-routes.ts'
import { campaignRoutes } from './campaign-routes.ts'
import { contactRoutes } from './contact-routes.ts'
import { forecastRoutes } from './forecast-routes.ts'
import { checkShape, jsonOf, mediaTypeOf, queryOf, uploadOf, wrongInput } from './input.ts'
import { openApiDocument } from './openapi.ts'
import { pauseRoutes } from './pause-routes.ts'
import { type Authorize, checkedPrincipal, denial, type Principal } from './permissions.ts'
import { problem, problemFor, problemResponse, Refused, thrownProblem } from './problem.ts'
import { type Call, type Limits, Reply, type Route } from './route.ts'
import { idsOf, type OnError, serve, tellHost } from './shell.ts'
import { checkedOptions, wholeNumberTo } from './surface-options.ts'

export interface ApiOptions {
  readonly engine: Engine
  /**
   * Who sends the request, and what they may do. Called for every request, before anything else. `null` gives 401.
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
  /** Told of every error that is answered with a 5xx, or that came after a response had begun, for your logger. */
  readonly onError?: (error: unknown, request: Request) => void
}

/** Never rejects: what goes wrong is a response. */
export type Api = (request: Request) => Promise<Response>

export const routes: readonly Route[] = [
  ...contactRoutes,
  ...campaignRoutes,
  ...forecastRoutes,
  ...pauseRoutes,
  ...actionRoutes,
]

const OWN_OPTIONS = {
  maxBodyBytes: wholeNumberTo(2 ** 30),
  maxUploadBytes: wholeNumberTo(2 ** 40),
  maxBatch: wholeNumberTo(1000),
}

/** What every request is answered with. */
interface Context {
  readonly engine: Engine
  readonly authorize: Authorize
  readonly limits: Limits
  readonly failed: OnError
}

/**
 * Makes the API. Default deny: a request that `authorize` does not allow is answered with 401 or 403.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be, and without `authorize`
 * @example
 * const api = createApi({ engine, authorize: (request) => session(request) && { id: 'anna', may: 'write' } })
 * await api(new Request('http://localhost/campaigns'))
 */
export function createApi(options: ApiOptions): Api {
  const about = { surface: 'API', mountedAt: '/api/enfold' }
  const { authorize, basePath = '', engine, onError, ...own } = checkedOptions('createApi', about, options, OWN_OPTIONS)
  const { maxBatch = 1000, maxBodyBytes = 2 ** 20, maxUploadBytes = 100 * 2 ** 20 } = own
  const failed = tellHost(onError)
  const context: Context = { engine, authorize, limits: { maxBatch, maxBodyBytes, maxUploadBytes }, failed }
  const document = JSON.stringify(openApiDocument(routes, basePath))
  return serve({
    authorize,
    basePath,
    routes,
    failed,
    files: new Map([['/openapi.json', () => new Response(document, { headers: headersOf('private, no-cache') })]]),
    async answer(route, principal, request) {
      try {
        return await answer(context, route, principal, request)
      } catch (error) {
        const why = problemFor(principal, thrownProblem(error))
        if (why.status >= 500) failed(error, request)
        return problemResponse(why, error instanceof Refused ? error.headers : {})
      }
    },
    answerNowhere: (allowed) =>
      allowed.length === 0
        ? problemResponse(problem('NotFound', 'No resource at this address.'))
        : problemResponse(problem('MethodNotAllowed', `Method not allowed; allowed: ${allowed.join(', ')}.`), {
            allow: allowed.join(', '),
          }),
    answerNobody: (status) =>
      status === 401
        ? problemResponse(problem('Unauthenticated', 'Authentication required.'), { 'www-authenticate': 'Bearer' })
        : problemResponse(
            problem('Fault', 'The server could not authenticate the request. The error has been reported.'),
          ),
  })
}

async function answer(context: Context, route: Route, principal: Principal, request: Request): Promise<Response> {
  const { engine, failed, limits } = context
  const call: Call = {
    engine,
    principal,
    request,
    path: idsOf(route, request, (name) => wrongInput('path', `/${name}`, 'is no legal id, percent-encoded')),
    query: queryOf(new URL(request.url), route.query ?? NOTHING),
    body: await bodyOf(route, request, limits),
    upload: () => uploadOf(request, limits.maxUploadBytes),
    commandId: commandIdOf(request),
    limits,
    stillPermitted: () => isStillPermitted(context, route, call),
    failed: (error) => failed(error, request),
  }
  const why = denial(principal, await route.scope(call))
  if (why !== null) throw new Refused(problem('Forbidden', why))
  const value = await route.handle(call)
  if (value instanceof Response) return value
  const { status, value: body, headers } = value instanceof Reply ? value : new Reply(200, value)
  return jsonResponse(request, route, status, JSON.stringify(body), headers)
}

async function isStillPermitted({ authorize, failed }: Context, route: Route, call: Call): Promise<boolean> {
  try {
    const principal = checkedPrincipal(await authorize(call.request))
    return principal !== null && denial(principal, await route.scope({ ...call, principal })) === null
  } catch (error) {
    if (!(error instanceof Refused)) failed(error, call.request)
    return false
  }
}

async function bodyOf(route: Route, request: Request, { maxBodyBytes }: Limits): Promise<unknown> {
  if (route.method === 'get') return undefined
  const wanted = route.csv === true ? 'text/csv' : 'application/json'
  // Also of an empty body: a form of another site cannot say so, and so can order nothing in anybody's name.
  if (mediaTypeOf(request) !== wanted)
    throw new Refused(problem('MediaTypeUnsupported', `Send it with the header Content-Type: ${wanted}.`))
  if (route.body === undefined) return undefined
  const body = await jsonOf(request, maxBodyBytes)
  checkShape(route.body, body, 'body')
  return body
}

const NOTHING = { type: 'object', properties: {}, additionalProperties: false } as TSchema

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
