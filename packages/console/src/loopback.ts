/**
 * The console for the user of this machine: on loopback only, opened by an address with a token that works once.
 * For a look at a store, and for demos. A host mounts `createConsole` into its own server, with its own sessions.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Authorize, Principal } from '@enfold/http'
import { getRequestListener } from '@hono/node-server'
import { type Console, type ConsoleOptions, createConsole } from './console.ts'
import { cookieOf } from './cookies.ts'
import { safeHeaders, secret } from './guard.ts'

export interface LoopbackOptions extends Omit<ConsoleOptions, 'authorize' | 'basePath'> {
  /** Who opens the address, and what they may do. */
  readonly principal: Principal
  /** Default 0: any that is free. */
  readonly port?: number
}

export interface LoopbackConsole {
  /** To be opened once; the browser that did may go on. */
  readonly url: string
  close(): Promise<void>
}

const COOKIE = 'enfold-loopback'

/**
 * Listens on 127.0.0.1.
 *
 * @example
 * const { url, close } = await serveOnLoopback({ engine, principal: { id: 'me', may: 'read' } })
 */
export function serveOnLoopback({ principal, port = 0, ...options }: LoopbackOptions): Promise<LoopbackConsole> {
  const pagesFor = (authorize: Authorize) => createConsole({ ...options, authorize })
  return servePagesOnLoopback({ principal, port, pagesFor, opensOnce: true, first: '/' })
}

interface LoopbackPages {
  readonly principal: Principal
  /** 0: any that is free. */
  readonly port: number
  pagesFor(authorize: Authorize): Console
  /** False: every browser that is given the address may go on. */
  readonly opensOnce: boolean
  /** The path of the page that the address leads to. */
  readonly first: string
}

/** Listens on 127.0.0.1. Rejects with the error of the system where the port is taken. */
export async function servePagesOnLoopback(served: LoopbackPages): Promise<LoopbackConsole> {
  const { principal, port, pagesFor, opensOnce, first } = served
  const session = secret()
  const token = secret()
  let isUsed = false
  const pages = pagesFor((request) => (cookieOf(request, COOKIE) === session ? principal : null))

  const listener = getRequestListener(async (request) => {
    const url = new URL(request.url)
    // A name of another site that leads here (DNS rebinding) is none of ours.
    if (!ours.has(url.host)) return refused('This console is available at its own address only.')
    const given = url.searchParams.get('token')
    if (given === null) return pages(request)
    if (given !== token || (opensOnce && isUsed))
      return refused('This address was opened before. Start the console again.')
    isUsed = true
    const cookie = `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict`
    return new Response(null, {
      status: 303,
      headers: { ...safeHeaders(secret()), location: first, 'set-cookie': cookie },
    })
  })

  const server = createServer(listener)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  const ours = new Set([`127.0.0.1:${bound}`, `localhost:${bound}`])
  return {
    url: `http://127.0.0.1:${bound}/?token=${token}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      // Progress that is being followed would keep it open.
      server.closeAllConnections()
      await closed
    },
  }
}

function refused(text: string): Response {
  return new Response(`${text}\n`, {
    status: 403,
    headers: { ...safeHeaders(secret()), 'content-type': 'text/plain; charset=utf-8' },
  })
}
