/**
 * One PostgreSQL server for every test file of a run. It starts when the first file asks for it, and stops with the run.
 * `@enfold/postgres-server/given` asks, and makes each file a database of its own on it.
 */
import { createServer } from 'node:net'
import type { TestProject } from 'vitest/node'
import { type PostgresServer, startPostgres } from '../packages/postgres-server/src/index.ts'

export default async function sharePostgres(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<PostgresServer> | undefined
  // Files run in processes of their own, so they ask over a socket: the answer is the server's URL.
  const listener = createServer((socket) => {
    socket.on('error', () => {})
    starting ??= startPostgres()
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
    await starting?.then(
      (server) => server.stop(),
      () => {},
    )
  }
}
