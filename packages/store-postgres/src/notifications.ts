/**
 * LISTEN and NOTIFY: tells other processes of writes and hears of theirs, on a connection of its own. Only hints: who
 * waits polls besides.
 *
 * Writers do not NOTIFY in their own transactions: PostgreSQL commits those one after the other. One notice a moment
 * later, for all writes of this moment, costs them nothing.
 */
import type { Client, ClientConfig } from 'pg'
import { createClient } from './driver.ts'

export interface Notifications {
  /** Others should look: soon, and once for all that is written until then. */
  tell(): void
  /** Starts to listen, if that has not been done. */
  listen(): void
  close(): Promise<void>
}

/** One connection for the notifications of any number of channels. */
export interface NotificationConnection {
  /** `close` of what it returns ends this channel alone. */
  of(channel: string, onNotification: () => void): Notifications
  close(): Promise<void>
}

/** How often at most others are told. */
const TELL_MS = 10

/** How long to wait before connecting again. */
const RECONNECT_MS = 1000

/** The connection, which is made when it is needed and made again when it was lost. */
interface KeptConnection {
  /** That which is there or under way. */
  current(): Promise<Client | null> | undefined
  /** `null`: it cannot be had now, or is closed. */
  connected(): Promise<Client | null>
  close(): Promise<void>
}

type Heard = ReadonlyMap<string, ReadonlySet<() => void>>

/** @param heard who is told of which channel; while anybody is, a connection that was lost is made again */
function createKeptConnection(config: ClientConfig, heard: Heard): KeptConnection {
  let connecting: Promise<Client | null> | undefined
  let reconnecting: NodeJS.Timeout | undefined
  let closed = false

  async function connect(): Promise<Client | null> {
    // Without it no statement goes through either, and those say so.
    const client = await createClient(config).catch(() => null)
    if (client === null) return null
    // What this one tells it need not hear. (`processID` is missing in the types of pg.)
    const self = client as Client & { readonly processID: number; unref(): void }
    client.on('notification', ({ processId, channel }) => {
      if (processId !== self.processID) for (const onNotification of heard.get(channel) ?? []) onNotification()
    })
    // Lost now or later: again after a while, and meanwhile polling serves.
    const lost = () => {
      connecting = undefined
      client.removeAllListeners()
      client.on('error', () => {})
      client.end().catch(() => {})
      if (heard.size > 0 && !closed) reconnecting = setTimeout(() => void connected(), RECONNECT_MS).unref()
      return null
    }
    client.once('error', lost)
    client.once('end', lost)
    try {
      await client.connect()
      // It alone keeps no process alive.
      self.unref()
      if (heard.size > 0) await client.query(all('LISTEN', heard.keys()))
      return client
    } catch {
      return lost()
    }
  }

  async function connected(): Promise<Client | null> {
    if (closed) return null
    connecting ??= connect()
    return connecting
  }

  return {
    current: () => connecting,
    connected,
    async close() {
      closed = true
      clearTimeout(reconnecting)
      const client = await connecting
      await client?.end().catch(() => {})
    },
  }
}

export function createNotificationConnection(config: ClientConfig): NotificationConnection {
  const heard = new Map<string, Set<() => void>>()
  const connection = createKeptConnection(config, heard)
  const toTell = new Set<string>()
  let telling: NodeJS.Timeout | undefined
  let closed = false
  let last: Promise<unknown> = Promise.resolve()

  /** One after the other: `pg` takes no statement before the last was answered. Lost ones cost a poll. */
  function say(client: Client | null, text: string): Promise<unknown> {
    last = last.then(() => client?.query(text)).catch(() => {})
    return last
  }

  async function listen(channel: string, onNotification: () => void): Promise<void> {
    const listeners = heard.get(channel) ?? new Set()
    heard.set(channel, listeners.add(onNotification))
    // A connection that is there, or under way, has not heard of this channel.
    const before = connection.current()
    const client = await connection.connected()
    if (before !== undefined) await say(client, `LISTEN ${channel}`)
  }

  function tell(channel: string): void {
    toTell.add(channel)
    telling ??= setTimeout(async () => {
      telling = undefined
      const channels = [...toTell]
      toTell.clear()
      const client = await connection.connected()
      await say(client, all('NOTIFY', channels))
    }, TELL_MS).unref()
  }

  async function forget(channel: string, onNotification: () => void): Promise<void> {
    const listeners = heard.get(channel)
    if (listeners?.delete(onNotification) !== true || listeners.size > 0) return
    heard.delete(channel)
    const client = await connection.current()
    if (!closed && client !== undefined) await say(client, `UNLISTEN ${channel}`)
  }

  return {
    of(channel, onNotification) {
      let open = true
      let listening = false
      return {
        tell() {
          if (open && !closed) tell(channel)
        },
        listen() {
          if (listening || !open || closed) return
          listening = true
          void listen(channel, onNotification)
        },
        async close() {
          open = false
          await forget(channel, onNotification)
        },
      }
    },
    async close() {
      closed = true
      clearTimeout(telling)
      await connection.close()
    },
  }
}

/** In one message, and so in one transaction. */
function all(verb: 'LISTEN' | 'NOTIFY', channels: Iterable<string>): string {
  return Array.from(channels, (channel) => `${verb} ${channel}`).join('; ')
}
