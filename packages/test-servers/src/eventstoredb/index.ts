/** A server that speaks EventStoreDB's protocol, for tests and demonstrations. */
import type { FakeServer, FakeServerOptions } from './server.ts'

export { randomOf } from './commit-order.ts'
export { forkFakeServer, type RemoteFakeServer } from './fork.ts'
export { type GivenServer, openServer } from './open-server.ts'
export type { Call, FakeServer, FakeServerOptions, Fault, NodeState } from './server.ts'

/**
 * Starts a fake server in this process. It is loaded only now: it has the protocol from `@eventstore/db-client`, which
 * breaks the other client, `@kurrent/kurrentdb-client`, if both are loaded into one process.
 */
export async function startFakeServer(options?: FakeServerOptions): Promise<FakeServer> {
  const server = await import('./server.ts')
  return server.startFakeServer(options)
}
