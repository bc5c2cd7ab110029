/** `enfold mcp`: a store or a log as tools for an assistant, until its client goes or this process is told to stop. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nearest } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import type { McpServerOptions, OrderName } from '@enfold/mcp'
import { UsageError } from './errors.ts'
import { onPort } from './port.ts'
import { openSource } from './source.ts'
import { isStoreUrl, logOpenerFor, unknownScheme } from './store-url.ts'
import { type Streams, writeLine } from './streams.ts'
import { named, plain } from './text.ts'
import { untilToldToStop } from './told-to-stop.ts'
import { importLog } from './transfer.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

export interface McpCommand extends OrderOptions {
  readonly actor: string
  /** Names of orders that may be given. */
  readonly allow: readonly string[]
  /** Over HTTP on 127.0.0.1, on this port; 0: any that is free. `null`: on the standard streams. */
  readonly port: number | null
  /** What a client over HTTP says; `null`: a new one is made and printed. */
  readonly token: string | null
}

type Mcp = typeof import('@enfold/mcp')

/** Nothing is sent from here: what is ordered is done by a worker. Resolves when the client is gone, or at SIGINT or SIGTERM. */
export async function serveMcp(io: Streams, place: string, command: McpCommand): Promise<void> {
  const { actor, allow, hostModule, onPoison, port, readModel, token } = command
  const mcp = await loadMcp(() => import('@enfold/mcp'))
  const orders = allow.map((name) => orderIn(mcp, name))
  const note = (text: string) => io.stderr.write(`${text}\n`)
  const serve = (engine: Engine) => {
    note(
      orders.length === 0
        ? 'Questions only; --allow NAME takes an order.'
        : `Questions, and these orders as ${named(actor)}: ${orders.join(', ')}. A worker (enfold run) does them.`,
    )
    const options = {
      engine,
      orders,
      principal: { id: actor, may: 'write' },
      onError: (error) => note(plain(String(error))),
    } satisfies McpServerOptions
    return port === null ? onStreams(mcp, io, options) : onLoopback(mcp, io, { ...options, port, token })
  }
  const host = hostModule === undefined ? {} : { hostModule }
  if (isStoreUrl(place) && (logOpenerFor(place) === undefined || readModel !== undefined)) {
    const access = orders.length === 0 ? 'read' : 'write'
    const more = { ...(readModel === undefined ? {} : { readModel }), ...(onPoison === undefined ? {} : { onPoison }) }
    return withEngine(place, access, { ...host, ...more }, serve)
  }
  if (place === '-') throw new UsageError('The standard input belongs to the client. Name a file or a store.')
  if (orders.length > 0 && unknownScheme(place) === null)
    throw new UsageError('A log can only be read: --allow goes with a store; "enfold import" makes one of a log.')
  if (readModel !== undefined)
    throw new UsageError('--read-model goes with esdb://HOST:2113 and its like, not with a file.')
  if (onPoison !== undefined) throw new UsageError('--on-poison goes with --read-model.')
  return withCopy(io, place, (url) => withEngine(url, 'read', host, serve))
}

/**
 * @param load imports the package
 * @throws UsageError that says what to install if it is not there
 */
export async function loadMcp(load: () => Promise<Mcp>): Promise<Mcp> {
  try {
    return await load()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes("'@enfold/mcp'")) throw error
    throw new UsageError('enfold mcp needs a package of its own: npm install @enfold/mcp')
  }
}

function orderIn({ ORDER_NAMES }: Mcp, name: string): OrderName {
  const found = ORDER_NAMES.find((one) => one === name)
  if (found !== undefined) return found
  const meant = nearest(name, ORDER_NAMES)
  throw new UsageError(
    `--allow ${named(name)}: ${meant === undefined ? '' : `did you mean ${meant}? `}Expected one of ${ORDER_NAMES.join(', ')}.`,
  )
}

async function onStreams(mcp: Mcp, { stdin, stdout }: Streams, options: McpServerOptions): Promise<void> {
  const served = mcp.serveMcpOnStdio({ ...options, input: stdin, output: stdout })
  await untilToldToStop((told) => Promise.race([served.ended, told]))
  await served.close()
}

async function onLoopback(
  mcp: Mcp,
  io: Streams,
  { token, ...options }: McpServerOptions & { readonly port: number; readonly token: string | null },
): Promise<void> {
  const given = token === null ? {} : { token }
  await untilToldToStop(async (told) => {
    const served = await onPort(options.port, () => mcp.serveMcpOnLoopback({ ...options, ...given }))
    await writeLine(io.stdout, served.url)
    if (token === null) await writeLine(io.stdout, `Authorization: Bearer ${served.token}`)
    await told
    await served.close()
  })
}

/** A log has no index: so its events go into a store of their own, which only this user can read, and are gone afterwards. */
async function withCopy(io: Streams, place: string, work: (url: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'enfold-mcp-'))
  try {
    const url = `sqlite:${join(folder, 'log.db')}`
    const source = await openSource(place, { ...io, keepGoing: false, json: false, foreign: true })
    try {
      await importLog(source, url, source.gateMs)
    } finally {
      await source.close()
    }
    await work(url)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
