/**
 * `createConsole`: operator pages as a function from `Request` to `Response`. The life of a request: who sends it, which
 * page, from where does an order come, may they, do it, answer. Pages stand in files of their own, the table in `routes.ts`.
 */
import { type CampaignId, isTimeZone } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import {
  type Authorize,
  checkedOptions,
  checkedPrincipal,
  denial,
  FUNCTION,
  idsOf,
  type OnError,
  type Principal,
  serve,
  tellHost,
  wholeNumberTo,
} from '@enfold/http'
import { html } from 'hono/html'
import { ASSETS } from './assets.ts'
import { type Call, permit, type Verification } from './call.ts'
import { cookieOf, cookieText, SESSION, YEAR_S } from './cookies.ts'
import { Failure } from './failure.ts'
import { checkSender, formOf, ownPath, safeHeaders, secret, tokenOf } from './guard.ts'
import { type Describe, namesOf } from './names.ts'
import { document, type Page } from './page.ts'
import { PARTS, type Part } from './parts.ts'
import { type Route, routes } from './routes.ts'
import { TITLES, userMessageOf } from './user-message.ts'
import { chosenZoneOf } from './zone.ts'

export interface ConsoleOptions {
  readonly engine: Engine
  /**
   * Who sends the request, and what they may do, as for `createApi`. Called for every request, before anything else. `null` is
   * answered with 401. There is no console without it.
   */
  readonly authorize: Authorize
  /** Where it is mounted: "/enfold". Paths arrive with it, as the browser sends them. Default: "". */
  readonly basePath?: string
  /**
   * What operators call a contact, for lists and headings; `null`: the id. Shown, never kept. Called once for each
   * contact on a page, at most some hundred.
   */
  readonly describe?: Describe
  /** In which times are shown until the browser says another. Default "UTC". */
  readonly timeZone?: string
  /**
   * At least 32 characters that nobody can guess, from which the tokens of forms are made. Needed where several processes
   * serve the console: each must know those of the others. Default: drawn, so that a restart makes open pages void.
   */
  readonly secret?: string
  /** Of a form, in bytes: some thousand ticked contacts fit. Default 1,048,576. */
  readonly maxBodyBytes?: number
  /** Told of every error that is answered with a 5xx, or that came after a response had begun, for your logger. */
  readonly onError?: (error: unknown, request: Request) => void
}

/** Never rejects: what goes wrong is a page. */
export type Console = (request: Request) => Promise<Response>

const OWN_OPTIONS = {
  describe: FUNCTION,
  timeZone: { is: isTimeZone, expected: 'a time zone that this machine knows' },
  secret: {
    is: (value: unknown) => typeof value === 'string' && value.length >= 32,
    expected: 'a text of at least 32 characters',
    private: true,
  },
  maxBodyBytes: wholeNumberTo(2 ** 30),
}

/** What every request is answered with. */
interface Context extends Pick<Call, 'engine' | 'basePath' | 'parts' | 'verification'> {
  readonly authorize: Authorize
  readonly describe: Describe | undefined
  /** Of the tokens of forms. */
  readonly key: string
  readonly maxBodyBytes: number
  readonly timeZone: string
  readonly failed: OnError
}

/** A request that is answered to a browser with this cookie. */
type BrowserCall = Call & { readonly cookie: string }

/**
 * Makes the console. Default deny: a request that `authorize` does not allow is answered with 401 or 403.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be, and without `authorize`
 * @example
 * const pages = createConsole({ engine, authorize: (request) => session(request) && { id: 'anna', may: 'write' } })
 * await pages(new Request('http://localhost/'))
 */
export function createConsole(options: ConsoleOptions): Console {
  return createConsoleWith(options, { routes: [], parts: [] })
}

/** More pages in the frame of the console, under its rules. */
export interface Extension {
  /** Tried before those of the console. */
  readonly routes: readonly Route[]
  /** Of the navigation, before those of the console. */
  readonly parts: readonly Part[]
}

/** As `createConsole`, with more pages. */
export function createConsoleWith(options: ConsoleOptions, extension: Extension): Console {
  const about = { surface: 'console', mountedAt: '/enfold' }
  const {
    authorize,
    basePath = '',
    engine,
    onError,
    ...own
  } = checkedOptions('createConsole', about, options, OWN_OPTIONS)
  const { describe, maxBodyBytes = 2 ** 20, secret: key = secret() + secret(), timeZone = 'UTC' } = own
  const failed = tellHost(onError)
  const verification: Verification = { running: null, last: null }
  const parts = [...extension.parts, ...PARTS]
  const context: Context = {
    ...{ engine, basePath, parts, verification, authorize, describe, key, maxBodyBytes, timeZone, failed },
  }
  return serve({
    authorize,
    basePath,
    routes: [...extension.routes, ...routes],
    failed,
    files: new Map(Object.values(ASSETS).map((asset) => [`/assets/${asset.name}`, () => assetResponse(asset)])),
    answer: (route, principal, request) => answer(context, route, principal, request),
    async answerNowhere(allowed, principal, request) {
      const failure =
        allowed.length === 0
          ? new Failure(404, 'There is no such page.')
          : new Failure(405, `Here go ${allowed.join(', ')} only.`)
      return refusal(context, failure, await callOf(context, null, principal, request))
    },
    answerNobody: (status) =>
      status === 401
        ? bare(401, 'Authentication required.')
        : bare(500, 'The server could not authenticate the request. The error has been reported.'),
  })
}

async function answer(context: Context, route: Route, principal: Principal, request: Request): Promise<Response> {
  let call = await callOf(context, null, principal, request)
  try {
    call = await callOf(context, route, principal, request)
    if (route.method === 'post') {
      const form = await formOf(request, context.maxBodyBytes)
      checkSender(request, form, call.token)
      call = { ...call, form }
    }
    permit(call, typeof route.scope === 'function' ? await route.scope(call) : route.scope)
    const answered = await route.handle(call)
    return answered instanceof Response
      ? withHeaders(answered, call)
      : pageResponse(call, answered, answered.status ?? 200)
  } catch (error) {
    return refusal(context, error, call)
  }
}

/** The request, read. Orders are not checked yet. */
async function callOf(
  context: Context,
  route: Route | null,
  principal: Principal,
  request: Request,
): Promise<BrowserCall> {
  const { basePath, describe, engine, key, parts, timeZone, verification } = context
  const cookie = cookieOf(request, SESSION) ?? secret()
  const chosenZone = chosenZoneOf(request)
  const failed = (error: unknown) => context.failed(error, request)
  return {
    ...{ engine, principal, request, basePath, parts, verification, cookie, chosenZone, failed },
    url: new URL(request.url),
    path: route === null ? {} : idsOf(route, request, illegalId),
    form: new URLSearchParams(),
    nonce: secret(),
    token: await tokenOf(key, cookie, principal.id),
    timeZone: chosenZone ?? timeZone,
    namesOf: (contacts) => namesOf(describe, contacts, failed),
    stillSees: (campaignId) => stillSees(context, campaignId, request),
  }
}

const illegalId = () => new Failure(400, 'Invalid address: a part of it is no legal id.')

async function stillSees(
  { authorize, failed }: Context,
  campaignId: CampaignId | null,
  request: Request,
): Promise<boolean> {
  try {
    const principal = checkedPrincipal(await authorize(request))
    const campaigns = campaignId === null ? 'all' : [campaignId]
    return principal !== null && denial(principal, { verbs: ['read'], campaigns }) === null
  } catch (error) {
    failed(error, request)
    return false
  }
}

// --- Responses ------------------------------------------------------------------------------------------------------

function refusal({ basePath, failed }: Context, error: unknown, call: BrowserCall): Promise<Response> {
  const { status, text } = userMessageOf(error)
  if (status >= 500) failed(error, call.request)
  const title = TITLES.get(status) ?? 'That did not work'
  const body = html`<h1>${title}</h1>
<p class="notice bad" role="alert"><bdi>${text}</bdi></p>
<p>${backLink(call)}<a href="${basePath}/">Quick search</a></p>`
  return pageResponse(call, { title, body }, status)
}

/** To where the browser says that it came from, if that is a page of ours. */
function backLink({ basePath, request, url }: Call) {
  const referrer = request.headers.get('referer')
  const back = referrer === null ? null : ownPath(referrer, basePath, url)
  return back === null ? '' : html`<a href="${back}">Back</a> · `
}

async function pageResponse(call: BrowserCall, page: Page, status: number): Promise<Response> {
  const text = String(await document(call, page))
  const { frames = false } = page
  const headers = { ...safeHeaders(call.nonce, { frames }), 'content-type': 'text/html; charset=utf-8' }
  return withHeaders(new Response(text, { status, headers }), call)
}

function withHeaders(response: Response, { basePath, cookie, nonce, request }: BrowserCall): Response {
  // A response that has a policy has the headers that go with it.
  if (!response.headers.has('content-security-policy'))
    for (const [name, value] of Object.entries(safeHeaders(nonce))) response.headers.set(name, value)
  if (cookieOf(request, SESSION) !== cookie)
    response.headers.append('set-cookie', cookieText(SESSION, cookie, basePath, request, '; HttpOnly'))
  return response
}

function assetResponse({ text, type }: (typeof ASSETS)[keyof typeof ASSETS]): Response {
  const headers = { ...safeHeaders(secret()), 'content-type': type }
  return new Response(text, { headers: { ...headers, 'cache-control': `private, max-age=${YEAR_S}, immutable` } })
}

/** For those who are not known: no page, no script, no style. */
function bare(status: number, text: string): Response {
  const headers = { ...safeHeaders(secret()), 'content-type': 'text/plain; charset=utf-8' }
  return new Response(`${text}\n`, { status, headers })
}
