/**
 * What the API and the console share: who sends a request, which route, what goes wrong before one is found, and how a
 * body is read. The response of a route, and the form of a refusal, belong to each.
 */
import { isLegalId } from '@enfold/core'
import { Hono } from 'hono'
import { idOfSegment } from './path.ts'
import { type Authorize, checkedPrincipal, type Principal } from './permissions.ts'

export type OnError = (error: unknown, request: Request) => void

export interface ServedRoute {
  readonly method: 'get' | 'post' | 'put'
  /** Segments in braces are ids: "/contacts/{contactId}". */
  readonly path: `/${string}`
}

export interface Surface<R extends ServedRoute> {
  readonly authorize: Authorize
  readonly basePath: string
  readonly routes: readonly R[]
  /** What is the same for everyone who is known, by its path. */
  readonly files: ReadonlyMap<string, () => Response>
  /** Must not reject: what goes wrong is a response. */
  answer(route: R, principal: Principal, request: Request): Promise<Response>
  /** No route is there. `allowed`: the methods by which there would be one; empty: none. */
  answerNowhere(allowed: readonly string[], principal: Principal, request: Request): Response | Promise<Response>
  /** 401: `authorize` knows nobody. 500: it failed. Nothing of the inside may stand there. */
  answerNobody(status: 401 | 500): Response
  /** Tells the host. Must not throw. */
  failed(error: unknown, request: Request): void
}

/** The surface as a function. Default deny: `authorize` is asked for every request, before anything else. */
export function serve<R extends ServedRoute>(surface: Surface<R>): (request: Request) => Promise<Response> {
  const { authorize, basePath, files, routes } = surface
  // As it was sent: decoding is done once, segment by segment, when the route is known.
  const app = new Hono<{ readonly Bindings: { readonly principal: Principal } }>({
    getPath: (request) => pathWithin(basePath, request) ?? '',
  })
  for (const route of routes)
    app.on(route.method.toUpperCase(), route.path.replace(/\{(\w+)\}/g, ':$1'), ({ env, req }) =>
      surface.answer(route, env.principal, req.raw),
    )
  for (const [path, file] of files) app.get(path, file)
  app.notFound(async ({ env, req }) => {
    const path = pathWithin(basePath, req.raw) ?? ''
    const allowed = ['GET', 'POST', 'PUT'].filter((method) => app.router.match(method, path)[0].length > 0)
    return surface.answerNowhere(allowed, env.principal, req.raw)
  })
  return async (request) => {
    try {
      const principal = checkedPrincipal(await authorize(request))
      return principal === null ? surface.answerNobody(401) : await app.fetch(request, { principal })
    } catch (error) {
      // Only `authorize` can throw here. What it threw opens nothing, and is nobody's fault outside.
      surface.failed(error, request)
      return surface.answerNobody(500)
    }
  }
}

/** Tells the host of an error. What its `onError` throws is dropped: there is nobody left to tell. */
export function tellHost(onError: OnError | undefined): OnError {
  return (error, request) => {
    try {
      onError?.(error, request)
    } catch {
      // The host's own affair.
    }
  }
}

/** The path as it was sent, without the base; `null`: it is not under the base. */
function pathWithin(basePath: string, request: Request): string | null {
  const { pathname } = new URL(request.url)
  if (pathname === basePath) return '/'
  return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : null
}

/** The ids that a path has, by their names in its braces. Of a path that is not known: any. */
export type PathIds<Path extends string> = Path extends unknown
  ? string extends Path
    ? Readonly<Record<string, string>>
    : { readonly [Name in NamesIn<Path>]: string }
  : never
type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never

/**
 * The ids that a request's path has where the route's has braces. The route has matched, so its segments are as many as
 * the path's last ones.
 *
 * @param illegal what to throw for a segment that is no legal id, by its name
 */
export function idsOf(
  { path }: ServedRoute,
  request: Request,
  illegal: (name: string) => Error,
): Readonly<Record<string, string>> {
  const names = path.split('/').slice(1)
  const segments = new URL(request.url).pathname.split('/').slice(-names.length)
  const ids: Record<string, string> = {}
  for (const [i, braced] of names.entries()) {
    if (!braced.startsWith('{')) continue
    const name = braced.slice(1, -1)
    const id = idOfSegment(segments[i] ?? '')
    if (!isLegalId(id)) throw illegal(name)
    ids[name] = id
  }
  return ids
}

/** The pieces of a body, up to a number of bytes; more are refused with the error of `tooLarge`. */
export async function* piecesOf(request: Request, maxBytes: number, tooLarge: () => Error): AsyncGenerator<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0)
  if (announced > maxBytes) throw tooLarge()
  if (request.body === null) return
  let bytes = 0
  for await (const piece of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += piece.byteLength
    if (bytes > maxBytes) throw tooLarge()
    yield piece
  }
}
