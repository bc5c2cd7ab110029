/** A server that speaks EventStoreDB's protocol, for tests and demonstrations. */
export { randomOf } from './commit-order.ts'
export { forkFakeServer, type RemoteFakeServer } from './fork.ts'
export { type GivenServer, openServer } from './open-server.ts'
export {
  type Call,
  type FakeServer,
  type FakeServerOptions,
  type Fault,
  NOT_MODELLED,
  type NodeState,
  startFakeServer,
} from './server.ts'
