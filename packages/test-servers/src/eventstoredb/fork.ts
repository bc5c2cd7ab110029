/** Starts the fake server in a process of its own, and passes on what it is told. Imports nothing of either client. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FakeServer, FakeServerOptions } from './server.ts'

/** What can be asked of a fake server from outside its process. */
export type RemoteFakeServer = Pick<FakeServer, 'url' | 'clusterUrl' | 'port'> & {
  [Method in
    | 'inject'
    | 'calls'
    | 'openReads'
    | 'kill'
    | 'restart'
    | 'become'
    | 'freeze'
    | 'thaw'
    | 'dropSubscriptions'
    | 'dropBatches']: (...args: Parameters<FakeServer[Method]>) => Promise<Awaited<ReturnType<FakeServer[Method]>>>
} & {
  /** Of its process. SIGUSR2 to it breaks all connections; a moment later it listens again. */
  readonly pid: number
  stop(): Promise<void>
}

export async function forkFakeServer({
  port = 0,
  shuffle,
}: Pick<FakeServerOptions, 'port' | 'shuffle'> = {}): Promise<RemoteFakeServer> {
  const given = [port, ...(shuffle === undefined ? [] : [shuffle])].map(String)
  const child = fork(fileURLToPath(new URL('main.ts', import.meta.url)), given, { execArgv: [] })
  const waiting = new Map<number, (answer: unknown) => void>()
  const started = Promise.withResolvers<Pick<FakeServer, 'url' | 'clusterUrl' | 'port'>>()
  child.once('error', started.reject)
  child.on('message', (message: Pick<FakeServer, 'url' | 'clusterUrl' | 'port'> | { id: number; answer: unknown }) => {
    if ('url' in message) return started.resolve(message)
    waiting.get(message.id)?.(message.answer)
    waiting.delete(message.id)
  })
  let asked = 0
  const remote =
    (method: string) =>
    (...args: unknown[]) =>
      new Promise((resolve) => {
        asked += 1
        waiting.set(asked, resolve)
        child.send({ id: asked, method, args })
      })
  const methods = [
    'inject',
    'calls',
    'openReads',
    'kill',
    'restart',
    'become',
    'freeze',
    'thaw',
    'dropSubscriptions',
    'dropBatches',
  ]
  return {
    ...(await started.promise),
    pid: child.pid,
    ...Object.fromEntries(methods.map((method) => [method, remote(method)])),
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  } as unknown as RemoteFakeServer
}
