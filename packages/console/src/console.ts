/**
 * `createConsole`: operator pages as a function from `Request` to `Response`. The life of a request: who sends it, which
 * page, from where does an order come, may he, do it, answer. Pages stand in files beside this one.
 */
import { type CampaignId, type ContactId, EnfoldFault, isEnfoldFault, isLegalId, isTimeZone } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { type Actor, type Authorize, checkedActor, denial, idOfSegment, type Scope } from '@enfold/http'
import { Hono } from 'hono'
import { html } from 'hono/html'
import {
  actionLookScope,
  actionOrderScope,
  actionPage,
  cancelAction,
  choosePage,
  chooseScope,
  previewPage,
  process,
  progressStream,
  resultsCsv,
  resumeAction,
  targetScope,
} from './action-pages.ts'
import { ASSETS } from './assets.ts'
import { attentionPage } from './attention-page.ts'
import { auditPage, verifyLog } from './audit-page.ts'
import { type Call, permit, redirect, type Verification } from './call.ts'
import { campaignPage, campaignScope, campaignsPage } from './campaign-pages.ts'
import { contactPage, refreshContact, refreshScope, whyPage, whyScope } from './contact-page.ts'
import { Failure } from './failure.ts'
import { checkSender, cookieOf, formOf, isSecure, ownPath, safeHeaders, secret, tokenOf } from './guard.ts'
import { nowPage } from './now-page.ts'
import { giveOrder, orderPage, orderScope } from './order-page.ts'
import { document, type Page } from './page.ts'
import { searchPage } from './search-page.ts'

export interface ConsoleOptions {
  readonly engine: Engine
  /**
   * Who sends the request, and what he may, as for `createApi`. Asked for every request, before anything else. `null` is
   * answered with 401. There is no console without it.
   */
  readonly authorize: Authorize
  /** Where it is mounted: "/enfold". Paths arrive with it, as the browser sends them. Default: "". */
  readonly basePath?: string
  /**
   * What operators call a contact, for lists and headings; `null`: the id. Shown, never kept. Called once for each
   * contact on a page, at most some hundred.
   */
  readonly describe?: (contactId: ContactId) => string | null | Promise<string | null>
  /** In which times are shown until the browser says another. Default "UTC". */
  readonly timeZone?: string
  /**
   * At least 32 characters that nobody can guess, from which the tokens of forms are made. Needed where several processes
   * serve the console: each must know those of the others. Default: drawn, so that a restart makes open pages void.
   */
  readonly secret?: string
  /** Of a form, in bytes: some thousand ticked contacts fit. Default 1,048,576. */
  readonly maxBodyBytes?: number
  /** Told of every error that is answered with a 5xx, or that came behind an answer, for your logger. */
  readonly onError?: (error: unknown, request: Request) => void
}

/** Never rejects: what goes wrong is a page. */
export type Console = (request: Request) => Promise<Response>

interface Route {
  readonly method: 'get' | 'post'
  readonly path: string
  /** What the request is about to do. Asked before anything is done. */
  readonly scope: Scope | ((call: Call) => Scope | Promise<Scope>)
  handle(call: Call): Promise<Page | Response>
}

/** Cut to what the actor may see. */
const LOOK: Scope = { verbs: ['read'], campaigns: 'any' }
/** It concerns the browser alone. */
const NOTHING: Scope = { verbs: [], campaigns: 'any' }

/** Every page and every order. What a `get` answers changes nothing. */
export const routes: readonly Route[] = [
  { method: 'get', path: '/', scope: LOOK, handle: searchPage },
  { method: 'get', path: '/search', scope: LOOK, handle: searchPage },
  { method: 'get', path: '/contacts/:contactId', scope: LOOK, handle: contactPage },
  { method: 'get', path: '/contacts/:contactId/why', scope: whyScope, handle: whyPage },
  {
    method: 'get',
    path: '/contacts/:contactId/order',
    scope: (call) => orderScope(call, call.url.searchParams),
    handle: orderPage,
  },
  {
    method: 'post',
    path: '/contacts/:contactId/order',
    scope: (call) => orderScope(call, call.form),
    handle: giveOrder,
  },
  { method: 'post', path: '/contacts/:contactId/refresh', scope: refreshScope, handle: refreshContact },
  { method: 'post', path: '/actions/choose', scope: chooseScope, handle: choosePage },
  { method: 'post', path: '/actions/preview', scope: targetScope, handle: previewPage },
  { method: 'post', path: '/actions', scope: targetScope, handle: process },
  { method: 'get', path: '/actions/:actionId', scope: actionLookScope, handle: actionPage },
  { method: 'get', path: '/actions/:actionId/results.csv', scope: actionLookScope, handle: resultsCsv },
  { method: 'get', path: '/actions/:actionId/progress', scope: actionLookScope, handle: progressStream },
  { method: 'post', path: '/actions/:actionId/cancel', scope: actionOrderScope, handle: cancelAction },
  { method: 'post', path: '/actions/:actionId/resume', scope: actionOrderScope, handle: resumeAction },
  { method: 'get', path: '/campaigns', scope: LOOK, handle: campaignsPage },
  { method: 'get', path: '/campaigns/:campaignId', scope: campaignScope, handle: campaignPage },
  { method: 'get', path: '/now', scope: LOOK, handle: nowPage },
  { method: 'get', path: '/attention', scope: LOOK, handle: attentionPage },
  { method: 'get', path: '/audit', scope: LOOK, handle: auditPage },
  { method: 'post', path: '/audit/verify', scope: { verbs: ['read'], campaigns: 'all' }, handle: verifyLog },
  { method: 'post', path: '/zone', scope: NOTHING, handle: chooseZone },
]

const SESSION = 'enfold-console'
const ZONE = 'enfold-zone'
const YEAR_S = 31_536_000
/** How long a page waits for the host's names of contacts. */
const NAMES_MS = 2000

interface Env {
  readonly Bindings: { readonly actor: Actor }
}

/**
 * Makes the console. Default deny: a request that `authorize` does not allow is answered with 401 or 403.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be, and without `authorize`
 * @example
 * const pages = createConsole({ engine, authorize: (request) => session(request) && { actor: 'anna', may: 'write' } })
 * await pages(new Request('http://localhost/'))
 */
export function createConsole(options: ConsoleOptions): Console {
  const {
    authorize,
    basePath = '',
    describe,
    engine,
    maxBodyBytes = 2 ** 20,
    onError,
    secret: key = secret() + secret(),
    timeZone = 'UTC',
  } = checked(options)
  const verification: Verification = { running: null, last: null }

  function failed(error: unknown, request: Request): void {
    try {
      onError?.(error, request)
    } catch {
      // The host's own affair: there is nobody left to tell.
    }
  }

  async function namesOf(contacts: readonly ContactId[], request: Request): Promise<ReadonlyMap<ContactId, string>> {
    const names = new Map<ContactId, string>()
    if (describe === undefined) return names
    // A name is not worth a page that never comes.
    const over = new AbortController()
    const patience = new Promise<null>((resolve) => {
      const timer = setTimeout(() => resolve(null), NAMES_MS)
      over.signal.addEventListener('abort', () => clearTimeout(timer))
    })
    await Promise.all(
      [...new Set(contacts)].map(async (contactId) => {
        try {
          const name: unknown = await Promise.race([describe(contactId), patience])
          if (typeof name === 'string' && name.trim() !== '') names.set(contactId, name.slice(0, 200))
        } catch (error) {
          failed(error, request)
        }
      }),
    )
    over.abort()
    return names
  }

  async function stillSees(campaignId: CampaignId, request: Request): Promise<boolean> {
    try {
      const actor = checkedActor(await authorize(request))
      return actor !== null && denial(actor, { verbs: ['read'], campaigns: [campaignId] }) === null
    } catch (error) {
      failed(error, request)
      return false
    }
  }

  // As it was sent: decoding is done once, segment by segment, when the route is known.
  const app = new Hono<Env>({ getPath: (request) => pathWithin(basePath, request) ?? '' })
  for (const one of routes)
    app.on(one.method.toUpperCase(), one.path, ({ env, req }) => answer(one, env.actor, req.raw))
  for (const asset of Object.values(ASSETS))
    app.get(`/assets/${asset.name}`, () => {
      const headers = { ...safeHeaders(secret()), 'content-type': asset.type }
      return new Response(asset.text, {
        headers: { ...headers, 'cache-control': `private, max-age=${YEAR_S}, immutable` },
      })
    })
  app.notFound(async ({ env, req }) => {
    const path = pathWithin(basePath, req.raw) ?? ''
    const allowed = ['GET', 'POST'].filter((method) => app.router.match(method, path)[0].length > 0)
    const failure =
      allowed.length === 0
        ? new Failure(404, 'There is no such page.')
        : new Failure(405, `Here go ${allowed.join(', ')} only.`)
    return refusal(failure, await callOf(null, env.actor, req.raw))
  })

  /** The request, read. Orders are not checked yet. */
  async function callOf(
    route: Route | null,
    actor: Actor,
    request: Request,
  ): Promise<Call & { readonly cookie: string }> {
    const known = cookieOf(request, SESSION)
    const cookie = known ?? secret()
    const zone = cookieOf(request, ZONE)
    const chosen = zone === null ? null : idOfSegment(zone)
    const chosenZone = isTimeZone(chosen) ? chosen : null
    const url = new URL(request.url)
    return {
      ...{ engine, actor, request, url, basePath, verification, cookie, chosenZone },
      path: route === null ? {} : idsOf(route, url),
      form: new URLSearchParams(),
      nonce: secret(),
      token: await tokenOf(key, cookie, actor.actor),
      timeZone: chosenZone ?? timeZone,
      namesOf: (contacts) => namesOf(contacts, request),
      stillSees: (campaignId) => stillSees(campaignId, request),
      failed: (error) => failed(error, request),
    }
  }

  async function answer(route: Route, actor: Actor, request: Request): Promise<Response> {
    let call = await callOf(null, actor, request)
    try {
      call = await callOf(route, actor, request)
      if (route.method === 'post') {
        const form = await formOf(request, maxBodyBytes)
        checkSender(request, form, call.token)
        call = { ...call, form }
      }
      permit(call, typeof route.scope === 'function' ? await route.scope(call) : route.scope)
      const answered = await route.handle(call)
      return answered instanceof Response
        ? withHeaders(answered, call)
        : pageResponse(call, answered, answered.status ?? 200)
    } catch (error) {
      return refusal(error, call)
    }
  }

  function refusal(error: unknown, call: Call & { readonly cookie: string }): Promise<Response> {
    const { status, text } = said(error)
    if (status >= 500) failed(error, call.request)
    const title = TITLES.get(status) ?? 'That did not work'
    const body = html`<h1>${title}</h1><p class="notice bad" role="alert"><bdi>${text}</bdi></p>
<p>${backLink(call)}<a href="${basePath}/">Quick search</a></p>`
    return pageResponse(call, { title, body }, status)
  }

  /** To where the browser says that it came from, if that is a page of ours. */
  function backLink({ request, url }: Call) {
    const referrer = request.headers.get('referer')
    const back = referrer === null ? null : ownPath(referrer, basePath, url)
    return back === null ? '' : html`<a href="${back}">Back</a> · `
  }

  async function pageResponse(call: Call & { readonly cookie: string }, page: Page, status: number): Promise<Response> {
    const text = String(await document(call, page))
    return withHeaders(new Response(text, { status, headers: { 'content-type': 'text/html; charset=utf-8' } }), call)
  }

  function withHeaders(response: Response, { cookie, nonce, request }: Call & { readonly cookie: string }): Response {
    for (const [name, value] of Object.entries(safeHeaders(nonce))) response.headers.set(name, value)
    if (cookieOf(request, SESSION) !== cookie)
      response.headers.append('set-cookie', cookieText(SESSION, cookie, basePath, request, '; HttpOnly'))
    return response
  }

  return async (request) => {
    try {
      const actor = checkedActor(await authorize(request))
      if (actor === null) return bare(401, 'Say who you are.')
      return await app.fetch(request, { actor })
    } catch (error) {
      // Only `authorize` can throw here: what it threw, whatever it is, opens nothing and is nobody's fault outside.
      failed(error, request)
      return bare(500, 'The server could not find out who you are. It was told to its operator.')
    }
  }
}

const TITLES: ReadonlyMap<number, string> = new Map([
  [403, 'You may not do this'],
  [404, 'There is nothing here'],
  [409, 'It cannot be done as things stand'],
  [422, 'Something is missing'],
  [500, 'Something broke'],
  [503, 'Not now'],
])

/** Faults that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set([
  'STORE_UNAVAILABLE',
  'STORE_BUSY',
  'CONTENTION',
  'CONTACT_LOCKED',
  'DIRECTORY_SILENT',
  'DIRECTORY_FAILED',
])

/** What an operator is told. Of the inside, nothing: that goes to the host. */
function said(error: unknown): { readonly status: number; readonly text: string } {
  if (error instanceof Failure) return { status: error.status, text: error.message }
  if (isEnfoldFault(error)) {
    if (error.code === 'INVALID_INPUT') return { status: 400, text: error.message }
    if (error.code === 'STORE_READ_ONLY') return { status: 409, text: 'The store is opened for reading only.' }
    // It says where, and never what stands there.
    if (error.code === 'FACTS_UNREADABLE') return { status: 500, text: error.message }
    if (PASSING.has(error.code))
      return { status: 503, text: 'The store or the directory does not answer. Try again in a while.' }
  }
  return { status: 500, text: 'The server met an error. It was told to its operator.' }
}

/** For whoever is not known: no page, no script, no style. */
function bare(status: number, text: string): Response {
  const headers = { ...safeHeaders(secret()), 'content-type': 'text/plain; charset=utf-8' }
  return new Response(`${text}\n`, { status, headers })
}

/** The path as it was sent, without the base; `null`: it is not under the base. */
function pathWithin(basePath: string, request: Request): string | null {
  const { pathname } = new URL(request.url)
  if (pathname === basePath) return '/'
  return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : null
}

/** The template's segments are as many as the path's last ones: the route has matched. */
function idsOf({ path }: Route, { pathname }: URL): Record<string, string> {
  const names = path.split('/').slice(1)
  const segments = pathname.split('/').slice(-names.length)
  const ids: Record<string, string> = {}
  for (const [i, name] of names.entries()) {
    if (!name.startsWith(':')) continue
    const id = idOfSegment(segments[i] as string)
    if (!isLegalId(id)) throw new Failure(400, 'This address names nothing: a part of it is no legal id.')
    ids[name.slice(1)] = id
  }
  return ids
}

/** Remembers in which zone the operator reads times. */
async function chooseZone(call: Call): Promise<Response> {
  const { basePath, form, request, url } = call
  const zone = form.get('zone')?.trim()
  if (!isTimeZone(zone)) throw new Failure(422, 'This is no time zone that this machine knows, such as Europe/Berlin.')
  const back = form.get('back') ?? ''
  const response = redirect((back === '' ? null : ownPath(back, basePath, url)) ?? `${basePath}/`)
  response.headers.append(
    'set-cookie',
    cookieText(ZONE, encodeURIComponent(zone), basePath, request, `; Max-Age=${YEAR_S}`),
  )
  return response
}

// Not "Strict": whoever comes by a link in a mail would get another cookie, and his open pages were void.
function cookieText(name: string, value: string, basePath: string, request: Request, more: string): string {
  return `${name}=${value}; Path=${basePath === '' ? '/' : basePath}; SameSite=Lax${isSecure(request) ? '; Secure' : ''}${more}`
}

function checked(options: ConsoleOptions): ConsoleOptions {
  const known = ['engine', 'authorize', 'basePath', 'describe', 'timeZone', 'secret', 'maxBodyBytes', 'onError']
  const unknown = Object.keys(options ?? {}).find((name) => !known.includes(name))
  if (unknown !== undefined) throw EnfoldFault.invalidInput(`createConsole.${unknown}`, undefined, known.join(', '))
  const { authorize, basePath, describe, engine, maxBodyBytes, onError, secret: key, timeZone } = options ?? {}
  if (typeof engine?.processAction !== 'function')
    throw EnfoldFault.invalidInput('createConsole.engine', engine, 'an engine')
  if (typeof authorize !== 'function')
    throw EnfoldFault.invalidInput(
      'createConsole.authorize',
      authorize,
      'a function that says who sends a request, or null: there is no console that anybody may use',
    )
  if (basePath !== undefined && !/^(\/[\w.~-]+)*$/.test(basePath))
    throw EnfoldFault.invalidInput(
      'createConsole.basePath',
      basePath,
      '"" or a path such as "/enfold", with no / at its end',
    )
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw EnfoldFault.invalidInput('createConsole.timeZone', timeZone, 'a time zone that this machine knows')
  if (key !== undefined && !(typeof key === 'string' && key.length >= 32))
    throw EnfoldFault.invalidInput('createConsole.secret', 'another value', 'a text of at least 32 characters')
  if (maxBodyBytes !== undefined && !(Number.isInteger(maxBodyBytes) && maxBodyBytes >= 1 && maxBodyBytes <= 2 ** 30))
    throw EnfoldFault.invalidInput('createConsole.maxBodyBytes', maxBodyBytes, 'a whole number from 1 to 1073741824')
  for (const [name, value] of [
    ['describe', describe],
    ['onError', onError],
  ] as const)
    if (value !== undefined && typeof value !== 'function')
      throw EnfoldFault.invalidInput(`createConsole.${name}`, value, 'a function')
  return options
}
