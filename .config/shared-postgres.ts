/**
 * One PostgreSQL server for every test file of a run. It starts when the first file asks for it, and stops with the run.
 * `@enfold/test-servers/given` asks, and makes each file a database of its own on it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

interface Started {
  readonly child: ChildProcess
  readonly url: string
}

export default async function sharePostgres(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<Started> | undefined
  // Files run in processes of their own, so they ask over a socket: the answer is the server's URL.
  const listener = createServer((socket) => {
    socket.on('error', () => {})
    starting ??= start()
    starting.then(
      ({ url }) => socket.end(url),
      (error) => socket.end(`failed: ${error}`),
    )
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('The listener has no port.')
  project.provide('sharedPostgresPort', address.port)
  return async () => {
    listener.close()
    const started = await starting?.catch(() => undefined)
    if (started === undefined) return
    const gone = once(started.child, 'exit')
    started.child.send('stop')
    await gone
  }
}

/** Not in this process: the package's hook at the exit of a process makes its exit status 0, and failed tests would pass. */
async function start(): Promise<Started> {
  const child = fork(fileURLToPath(new URL('postgres-process.ts', import.meta.url)), { execArgv: [] })
  const [url] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([status]) => Promise.reject(new Error(`It ended with ${status}.`))),
  ])) as [string]
  return { child, url }
}
