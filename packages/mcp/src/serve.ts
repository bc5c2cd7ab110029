/** The ways to serve: over HTTP in a host's server, on loopback, and on the streams of a process. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { EnfoldFault } from '@enfold/core'
import { type Authorize, checkedPrincipal, type Principal } from '@enfold/http'
import { getRequestListener } from '@hono/node-server'
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  originValidationResponse,
} from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { checkedOptions, createMcpServer, type McpOptions, type McpServerOptions } from './server.ts'

// --- HTTP -----------------------------------------------------------------------------------------------------------

export interface McpApiOptions extends McpOptions {
  /** Who sends the request, and what they may do, as in the HTTP API. Called for every request. `null` gives 401. */
  readonly authorize: Authorize
  /**
   * The names under which the server is reached, without ports, such as "crm.example.com". A request to another name, or
   * from a page of another origin, gives 403. Default: the names of this machine.
   */
  readonly hosts?: readonly string[]
}

/**
 * The server over Streamable HTTP, as a function from `Request` to `Response` for any path of your server. Never rejects.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be, and without `authorize`
 * @example
 * const mcp = createMcpApi({ engine, hosts: ['crm.example.com'], authorize: (request) => session(request) && { id: 'anna', may: 'read' } })
 */
export function createMcpApi(options: McpApiOptions): (request: Request) => Promise<Response> {
  const checked = checkedOptions('createMcpApi', options, ['authorize', 'hosts'])
  const { authorize, hosts = localhostAllowedHostnames(), ...common } = checked
  if (typeof authorize !== 'function')
    throw EnfoldFault.invalidInput(
      'createMcpApi.authorize',
      authorize,
      'a function that says who sends a request, or null',
    )
  if (
    !Array.isArray(hosts) ||
    hosts.length === 0 ||
    !hosts.every((host) => typeof host === 'string' && /^[^/:\s]+$|^\[[\da-f:]+\]$/i.test(host))
  )
    throw EnfoldFault.invalidInput(
      'createMcpApi.hosts',
      hosts,
      'names without scheme and port, such as ["crm.example.com"]',
    )
  const { onError } = common
  const handler = createMcpHandler(
    ({ authInfo }) => {
      const principal = checkedPrincipal(authInfo?.extra?.principal)
      if (principal === null) throw new TypeError('A request came past the check of who sends it.')
      return createMcpServer({ ...common, principal })
    },
    { onerror: onError },
  )
  return async (request) => {
    const elsewhere = hostHeaderValidationResponse(request, [...hosts]) ?? originValidationResponse(request, [...hosts])
    if (elsewhere !== undefined) return elsewhere
    try {
      const principal = checkedPrincipal(await authorize(request))
      if (principal === null) return refusal(401, 'Authentication required.', { 'www-authenticate': 'Bearer' })
      return await handler.fetch(request, { authInfo: authInfoOf(principal) })
    } catch (error) {
      onError(error)
      return refusal(500, 'Internal error. The error has been reported.')
    }
  }
}

/** The token stays with `authorize`. */
const authInfoOf = (principal: Principal) => ({ token: '', clientId: principal.id, scopes: [], extra: { principal } })

function refusal(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message } }), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}

// --- Loopback -------------------------------------------------------------------------------------------------------

export interface McpLoopbackOptions extends McpServerOptions {
  /** Default 0: any that is free. */
  readonly port?: number
  /** What a client sends as `Authorization: Bearer …`. Default: a new one. */
  readonly token?: string
}

export interface LoopbackMcp {
  readonly url: string
  readonly token: string
  close(): Promise<void>
}

/**
 * Listens on 127.0.0.1, for the user of this machine. Rejects with the error of the system where the port is taken.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be
 * @example
 * const { url, token, close } = await serveMcpOnLoopback({ engine, principal: { id: 'anna', may: 'read' } })
 */
export async function serveMcpOnLoopback(options: McpLoopbackOptions): Promise<LoopbackMcp> {
  const { port = 0, principal, token = randomBytes(32).toString('base64url'), ...common } = options
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw EnfoldFault.unshownInput(
      'serveMcpOnLoopback.token',
      'cannot stand in a header',
      'letters, digits and signs of ASCII without spaces',
    )
  // Once for a wrong option, before anything is served.
  createMcpServer({ ...common, principal })
  const isToken = sameAs(`Bearer ${token}`)
  const api = createMcpApi({
    ...common,
    authorize: (request) => (isToken(request.headers.get('authorization') ?? '') ? principal : null),
  })
  const server = createServer(getRequestListener(api, { overrideGlobalObjects: false }))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    token,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Takes as long for every other text. */
function sameAs(secret: string): (text: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const wanted = digest(secret)
  return (text) => timingSafeEqual(digest(text), wanted)
}

// --- Streams of a process -------------------------------------------------------------------------------------------

export interface McpStreams {
  /** Default: the standard input. */
  readonly input?: Readable
  /** Default: the standard output, on which nothing else may be written. */
  readonly output?: Writable
}

export interface StdioMcp {
  /** Resolves when the client has closed its end. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/**
 * Serves the client that started this process.
 *
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be
 * @example
 * await serveMcpOnStdio({ engine, principal: { id: 'anna', may: 'read' } }).ended
 */
export function serveMcpOnStdio({
  input = process.stdin,
  output = process.stdout,
  ...options
}: McpServerOptions & McpStreams): StdioMcp {
  const { onError } = checkedOptions('serveMcpOnStdio', options, ['principal'])
  const ended = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) input.once(event, () => resolve())
  })
  // Once for a wrong option, before anything is read.
  createMcpServer(options)
  const serving = serveStdio(() => createMcpServer(options), {
    transport: new StdioServerTransport(input, output),
    onerror: onError,
  })
  return { ended, close: () => serving.close() }
}
