/** The server that the chaos plays on: a fake that breaks on demand, or yours, and a command of yours that breaks it. */
import { spawn } from 'node:child_process'
import { randomOf } from '../src/fake/commit-order.ts'
import { type Call, type Fault, openServer, startFakeServer } from '../src/fake/index.ts'
import type { EventStoreDbStoreOptions } from '../src/index.ts'
import { pause, pick } from './chaos.ts'

export interface ChaosServer {
  readonly url: string
  /** What every store gets besides client and prefix. */
  readonly options: Omit<EventStoreDbStoreOptions, 'client' | 'prefix'>
  /** Milliseconds between two kills; `null`: nothing is killed. */
  readonly killEveryMs: number | null
  /** Kills a node, and resolves when it is on its way back. */
  kill(): Promise<void>
  /** From now on calls meet faults by chance; a server of yours has its own. */
  disturb(): void
  calm(): void
  stop(): Promise<void>
}

/** A server of ours, which is killed every 300 ms, commits as it likes and disturbs one call in four. */
export async function fakeChaosServer(seed: number): Promise<ChaosServer> {
  const random = randomOf(seed)
  const server = await startFakeServer({ shuffle: seed })
  return {
    url: server.url,
    // Short, so that the store gives up often and whoever ordered has to order again.
    options: { callTimeoutMs: 250, giveUpAfterMs: 60 },
    killEveryMs: 300,
    async kill() {
      server.kill()
      await pause(20 + random() * 100)
      await server.restart()
    },
    disturb: () =>
      server.onCall((call: Call): Fault | null => {
        if (call === 'append') return pick(random, { 'lost-answer': 0.15, 'no-answer': 0.02, unavailable: 0.1 })
        if (call === 'read') return pick(random, { unavailable: 0.03, 'lost-answer': 0.03 })
        return pick(random, { unavailable: 0.1, 'quiet-end': 0.1 })
      }),
    calm: () => server.onCall(null),
    stop: () => server.stop(),
  }
}

/** @param command of a shell: kills a node and brings it back, or has it brought back; left out: nothing is killed */
export async function yourChaosServer(command: string | undefined, everySeconds: number): Promise<ChaosServer> {
  const { url, asUser, stop } = await openServer()
  return {
    url,
    options: asUser,
    killEveryMs: command === undefined ? null : everySeconds * 1000,
    kill: () => (command === undefined ? Promise.resolve() : shell(command)),
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
