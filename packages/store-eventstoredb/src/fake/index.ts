/** The public names of `@enfold/store-eventstoredb/fake`: a server for tests and demonstrations. */
export { forkFakeServer, type RemoteFakeServer } from './fork.ts'
export {
  type Call,
  type FakeServer,
  type FakeServerOptions,
  type Fault,
  NOT_MODELLED,
  type NodeState,
  startFakeServer,
} from './server.ts'
export { type GivenServer, openServer } from './yours.ts'
