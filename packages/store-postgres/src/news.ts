/**
 * LISTEN and NOTIFY: tells other processes of writes and hears of theirs, on a connection of its own. Only hints: who
 * waits polls besides.
 *
 * Writers do not NOTIFY in their own transactions: PostgreSQL commits those one after the other. One notice a moment
 * later, for all writes of this moment, costs them nothing.
 */
import type { Client, ClientConfig } from 'pg'
import { createClient } from './driver.ts'

export interface News {
  /** Others should look: soon, and once for all that is written until then. */
  tell(): void
  /** Starts to listen, if that has not been done. */
  listen(): void
  close(): Promise<void>
}

/** How often at most others are told. */
const TELL_MS = 10

/** How long to wait before connecting again. */
const RECONNECT_MS = 1000

export function createNews(config: ClientConfig, channel: string, onNews: () => void): News {
  let connecting: Promise<Client | null> | undefined
  let telling: NodeJS.Timeout | undefined
  let reconnecting: NodeJS.Timeout | undefined
  let listening = false
  let closed = false

  async function connect(): Promise<Client | null> {
    // Without it no statement goes through either, and those say so.
    const client = await createClient(config).catch(() => null)
    if (client === null) return null
    // What this one tells it need not hear. (`processID` is missing in the types of pg.)
    const self = client as Client & { readonly processID: number; unref(): void }
    client.on('notification', ({ processId }) => {
      if (processId !== self.processID) onNews()
    })
    // Lost now or later: again after a while, and meanwhile polling serves.
    const lost = () => {
      connecting = undefined
      client.removeAllListeners()
      client.on('error', () => {})
      client.end().catch(() => {})
      if (listening && !closed) reconnecting = setTimeout(listen, RECONNECT_MS).unref()
      return null
    }
    client.once('error', lost)
    client.once('end', lost)
    try {
      await client.connect()
      // It alone keeps no process alive.
      self.unref()
      if (listening) await client.query(`LISTEN ${channel}`)
      return client
    } catch {
      return lost()
    }
  }

  function connected(): Promise<Client | null> {
    connecting ??= connect()
    return connecting
  }

  function listen(): void {
    if (closed) return
    void connected()
  }

  return {
    tell() {
      if (closed) return
      telling ??= setTimeout(async () => {
        telling = undefined
        const client = await connected()
        await client?.query(`NOTIFY ${channel}`).catch(() => {})
      }, TELL_MS).unref()
    },
    listen() {
      if (listening) return
      listening = true
      // A connection that only told until now begins to listen.
      if (connecting === undefined) listen()
      else void connecting.then((client) => client?.query(`LISTEN ${channel}`).catch(() => {}))
    },
    async close() {
      closed = true
      clearTimeout(telling)
      clearTimeout(reconnecting)
      const client = await connecting
      await client?.end().catch(() => {})
    },
  }
}
