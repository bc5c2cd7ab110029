/** The API and the console on servers of `node:http`, and in what is built on them: Express, Connect, Next, Nest. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'

/** What Express and its like add to a request. */
interface Hosted {
  /** The whole path, where `url` lacks what the host has mounted it at. */
  readonly originalUrl?: unknown
  /** What a parser that came first has made of the body. */
  readonly body?: unknown
}

/**
 * Makes a handler of requests of `node:http` out of the API or the console. Wherever it is mounted, paths arrive whole, so
 * `basePath` is the whole path of the mount. A body that a parser of the host has read is put together again.
 *
 * @example
 * app.use('/enfold/api', toNodeHandler(createApi({ engine, authorize, basePath: '/enfold/api' })))
 */
export function toNodeHandler(
  handle: (request: Request) => Promise<Response>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  // The host's own `Request` stays as it is.
  const listener = getRequestListener(handle, { overrideGlobalObjects: false })
  return async (incoming, outgoing) => {
    const { originalUrl, body } = incoming as IncomingMessage & Hosted
    if (typeof originalUrl === 'string') incoming.url = originalUrl
    if (incoming.readableEnded && body !== undefined) {
      const rawBody = unparsed(body, incoming.headers['content-type'] ?? '')
      if (rawBody !== null) Object.assign(incoming, { rawBody })
    }
    await listener(incoming, outgoing)
  }
}

/** A body as it may have been sent; `null`: nobody knows. */
function unparsed(body: unknown, contentType: string): Buffer | null {
  if (Buffer.isBuffer(body)) return body
  if (/[/+]json\b/i.test(contentType)) return Buffer.from(JSON.stringify(body))
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return Buffer.from(String(formOf(body)))
  return typeof body === 'string' ? Buffer.from(body) : null
}

/** As a browser would send it; of a list, the name once for each. */
function formOf(body: unknown): URLSearchParams {
  const form = new URLSearchParams()
  const add = (name: string, value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) add(name, one)
    else if (typeof value === 'object' && value !== null)
      for (const [key, one] of Object.entries(value)) add(name === '' ? key : `${name}[${key}]`, one)
    else form.append(name, String(value ?? ''))
  }
  add('', body)
  return form
}
