/**
 * A log on EventStoreDB or KurrentDB by its URL, through whichever of the two clients is installed, and a separate
 * read model. Which URLs there are is in `store-url.ts`.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Capabilities, ChecksRequired, EventStore, Store } from '@enfold/core'
import { createEventStoreDbStore, type EventStoreDbClient } from '@enfold/store-eventstoredb'
import { messageOf, UsageError } from './errors.ts'

export type Log = EventStore & { readonly capabilities: Capabilities }

type Client = EventStoreDbClient & { dispose(): Promise<void> }

/** Neither comes with the command line. The second speaks to both servers, and warns of URLs of the first. */
const CLIENTS = [
  { name: '@eventstore/db-client', exported: 'EventStoreDBClient', protocols: /^esdb/ },
  { name: '@kurrent/kurrentdb-client', exported: 'KurrentDBClient', protocols: /^(esdb|kurrentdb|kurrent|kdb)/ },
] as const

/**
 * Nothing is asked of the server yet.
 *
 * @param url the client's connection string, and `prefix` as one more parameter: that of the streams, default "enfold-"
 * @param options `inOrder`: appends go out one after the other, in the order in which they were given
 * @throws UsageError if no client is installed, or it does not take the URL
 */
export function openEventStoreDb(
  url: string,
  { hashChain, inOrder = false }: { readonly hashChain: boolean; readonly inOrder?: boolean },
): Log {
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const prefix = parameters.get('prefix')
  parameters.delete('prefix')
  const client = connect(parameters.size === 0 ? address : `${address}?${parameters}`)
  // Over TLS the store needs the user, too.
  const [, username, password] = /^[^:]+:\/\/([^:@/]+):([^@/]+)@/.exec(address) ?? []
  const store = createEventStoreDbStore({
    client,
    hashChain,
    ...(prefix === null ? {} : { prefix }),
    ...(inOrder ? { maxInFlight: 1 } : {}),
    ...(username === undefined || password === undefined
      ? {}
      : { credentials: { username: decodeURIComponent(username), password: decodeURIComponent(password) } }),
  })
  return {
    ...store,
    async close() {
      await store.close()
      await client.dispose()
    },
  }
}

/**
 * Both as one. Closing it closes both. What the read model can check in its own appends says nothing of the log's: it has
 * no `settled` that the log has not, so that starts keep within `gateMs`.
 */
export function combineStores(log: Log, { settled: _, ...readModel }: Store & Partial<ChecksRequired>): Store {
  return {
    ...readModel,
    ...log,
    async close() {
      await log.close()
      await readModel.close()
    },
  }
}

function connect(connectionString: string): Client {
  const usable = CLIENTS.filter(({ protocols }) => protocols.test(connectionString))
  for (const { name, exported } of usable) {
    const loaded = load(name)
    if (loaded === null) continue
    const { [exported]: client } = loaded as { [name: string]: { connectionString(text: string): Client } }
    try {
      return (client as NonNullable<typeof client>).connectionString(connectionString)
    } catch (error) {
      const said = messageOf(error)
      // Of a file that the URL names. Of the URL itself the client repeats all, in which there may be a password.
      if (/certificate|ENOENT|EACCES/.test(said) && !said.includes('://'))
        throw new UsageError(`${name} does not take the connection string: ${said} See tlsCAFile in it.`)
      throw new UsageError(
        `${name} cannot read the connection string; expected esdb://HOST:2113?tls=false or the like.`,
      )
    }
  }
  const names = usable.map(({ name }) => name)
  throw new UsageError(
    `To reach this server the command line needs a client that is not installed. Install it next to the command line, or in this folder: npm install ${names.join(', or npm install ')}`,
  )
}

/** Of the folder that the command was given in, or of the command line itself; `null`: it is installed in neither. */
function load(name: string): object | null {
  for (const place of [join(process.cwd(), 'package.json'), import.meta.url])
    try {
      return createRequire(place)(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') continue
      throw new UsageError(`${name} cannot be loaded: ${messageOf(error)}`)
    }
  return null
}
