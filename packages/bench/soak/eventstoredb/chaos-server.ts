/** The server that the chaos plays on: a fake that breaks on demand, or yours, and your own command that breaks it. */
import { spawn } from 'node:child_process'
import type { EventStoreDbClient, EventStoreDbStoreOptions } from '@enfold/store-eventstoredb'
import {
  type Call,
  type FakeServer,
  type Fault,
  openServer,
  randomOf,
  startFakeServer,
} from '@enfold/test-servers/eventstoredb'
import { createFailedDiscoveries } from './failed-discovery.ts'
import { pause, pick } from './pick.ts'

export interface ChaosServer {
  readonly url: string
  /** What every store gets besides client and prefix. */
  readonly options: Omit<EventStoreDbStoreOptions, 'client' | 'prefix'>
  /** Milliseconds between two kills; `null`: nothing is killed. */
  readonly killEveryMs: number | null
  /** Kills a node, and resolves when it is on its way back. */
  kill(): Promise<void>
  /** The client that a store gets. */
  through(client: EventStoreDbClient): EventStoreDbClient
  /** Calls that failed because no leader was found. */
  undiscovered(): number
  /** From now on calls meet faults by chance; your own server has its own. */
  disturb(): void
  calm(): void
  stop(): Promise<void>
}

/** A server of ours, which is killed every 300 ms, commits as it likes and disturbs one call in four. */
export async function fakeChaosServer(seed: number): Promise<ChaosServer> {
  const random = randomOf(seed)
  const server = await startFakeServer({ shuffle: seed })
  const discoveries = createFailedDiscoveries(random)
  return {
    // A cluster, so that the client looks for the leader again after each failure.
    url: server.clusterUrl,
    // Short, so that the store gives up often and the one who ordered has to order again.
    options: { callTimeoutMs: 250, giveUpAfterMs: 60 },
    killEveryMs: 300,
    async kill() {
      server.kill()
      await pause(20 + random() * 100)
      await beginAgain(server, random)
    },
    through: discoveries.over,
    undiscovered: discoveries.count,
    disturb() {
      discoveries.set(true)
      server.onCall((call: Call): Fault | null => {
        if (call === 'append') return pick(random, { ...APPEND_FAULTS, 'lost-answer': 0.15, unavailable: 0.06 })
        if (call === 'read') return pick(random, { ...READ_FAULTS, 'lost-answer': 0.03 })
        return pick(random, SUBSCRIBE_FAULTS)
      })
    },
    calm() {
      discoveries.set(false)
      server.onCall(null)
    },
    stop: () => server.stop(),
  }
}

/** Of single calls, with their chances. */
export const APPEND_FAULTS = { 'no-answer': 0.02, 'not-ready': 0.02, 'no-leader': 0.02 } as const
export const READ_FAULTS = { unavailable: 0.02, 'not-ready': 0.01, 'no-leader': 0.02 } as const
export const SUBSCRIBE_FAULTS = { unavailable: 0.08, 'no-leader': 0.02, 'quiet-end': 0.1 } as const

/** As a node does: it listens, is not ready for a while, and then a leader is elected. */
export async function beginAgain(server: FakeServer, random: () => number): Promise<void> {
  server.become('not-ready')
  await server.restart()
  await pause(random() * 60)
  server.become('no-leader')
  await pause(random() * 60)
  server.become('ready')
}

/** @param command of a shell: kills a node and brings it back, or has it brought back; left out: nothing is killed */
export async function yourChaosServer(command: string | undefined, everySeconds: number): Promise<ChaosServer> {
  const { url, asUser, stop } = await openServer()
  return {
    url,
    options: asUser,
    killEveryMs: command === undefined ? null : everySeconds * 1000,
    kill: () => (command === undefined ? Promise.resolve() : shell(command)),
    through: (client) => client,
    undiscovered: () => 0,
    disturb() {},
    calm() {},
    stop,
  }
}

/** What it says goes to our standard error. A command that fails ends the soak: it would kill nothing unseen. */
function shell(command: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = spawn(command, { shell: true, stdio: ['ignore', 2, 2] })
  child.once('error', reject)
  child.once('close', (code, signal) => {
    if (code === 0) resolve()
    else reject(new Error(`The command of --kill ended with ${signal ?? `status ${code}`}: ${command}`))
  })
  return promise
}
