/**
 * A server that speaks EventStoreDB's wire protocol, for tests: the real clients talk to it. Its append rules are in
 * `log.ts`; here are the services, and faults on demand. What it is not, `NOT_MODELLED` says.
 */

import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb.js'
import type gossip from '@eventstore/db-client/generated/gossip_pb.js'
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import type features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { Server, ServerCredentials, type ServerReadableStream, type sendUnaryData } from '@grpc/grpc-js'
import { onFeatures, onGossip } from './about-service.ts'
import { onAppend, onBatchAppend, onDelete } from './append-service.ts'
import type { Call, Fault, NodeState } from './faults.ts'
import type { LogRecord } from './log.ts'
import { Node } from './node.ts'
import { onRead } from './read-service.ts'
import type { BatchCall, ReadCall } from './wire.ts'

export type { Call, Fault, NodeState } from './faults.ts'

/** What passes here may still fail on a real server. */
export const NOT_MODELLED = [
  'durability: the log is in memory, and survives kill() but not the process',
  'timing: nothing takes as long as a disk or a quorum does',
  'the id cache: ids of all time are known, where a real server remembers the last of them for the expectation "any"',
  'users and access rights, TLS',
  'replication: one node, which names another leader on demand',
  'system projections, persistent subscriptions, links, scavenging, $maxAge',
  'the second protocol of KurrentDB (appendRecords, multiStreamAppend)',
] as const

export interface FakeServerOptions {
  /** Default: any that is free. */
  readonly port?: number
  /** Bytes of one append. Default 1 MiB, as on a real server. */
  readonly maxAppendBytes?: number
  /** Default true. False: the server says that it knows no batch appends. */
  readonly batchAppend?: boolean
  /** The node that `not-leader` names, and the one that gossip calls leader. Default: this one. */
  readonly leader?: { readonly address: string; readonly port: number }
  /**
   * Appends that are under way at the same time, to different streams, are committed in a random order, as a real server
   * may. The number is the seed. Left out: in the order in which they come.
   */
  readonly shuffle?: number
}

export interface FakeServer {
  readonly port: number
  /** For `connectionString` of either client. */
  readonly url: string
  /**
   * The same, as a cluster: the client asks for its members, and does so again whenever a call fails, until it finds a
   * leader. With the ten attempts that are its default it gives up: the reads of `@kurrent/kurrentdb-client` 1.3.1 then
   * fail for good, and `@eventstore/db-client` 6.2.1 leaves a rejection unhandled, which ends the process.
   */
  readonly clusterUrl: string
  /** All that was ever appended, the server's own records too. */
  records(): readonly LogRecord[]
  /** The next `times` calls of this kind meet the fault; 0: none that was injected before does. */
  inject(call: Call, fault: Fault, times?: number): void
  /** Asked for every call to which nothing was injected. `null`: no more of it. */
  onCall(faultOf: ((call: Call) => Fault | null) | null): void
  /** How many calls of each kind were begun. */
  calls(): Readonly<Record<Call, number>>
  /** How many reads and subscriptions are open now. */
  openReads(): number
  /** All connections break at once; what was appended stays. */
  kill(): void
  /** After `kill`: listens on the same port again. */
  restart(): Promise<void>
  /** Every call from now on meets it, until it is `ready` again, as it is at first. */
  become(state: NodeState): void
  /** Connections stay, nothing is answered until `thaw`. */
  freeze(): void
  thaw(): void
  /** Every subscription ends: with an error, or without. */
  dropSubscriptions(how: 'cancelled' | 'quiet-end'): void
  /** Ends every batch append stream, as a real server does now and then. */
  dropBatches(how: 'cancelled' | 'quiet-end'): void
  stop(): Promise<void>
}

/**
 * Starts a fake server on 127.0.0.1.
 *
 * @example
 * const server = await startFakeServer()
 * const client = EventStoreDBClient.connectionString(server.url)
 */
export async function startFakeServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  const { maxAppendBytes = 1024 * 1024, batchAppend = true, port = 0, shuffle, leader } = options
  const node = new Node({ maxAppendBytes, shuffle, leader })
  const { faults, log, reads, subscriptions, batches } = node
  let server = new Server()

  async function listen(): Promise<void> {
    server = serverOf(node, batchAppend)
    node.port = await bind(server, node.port || port)
  }

  function kill(): void {
    server.forceShutdown()
    faults.thaw()
    node.forget()
  }

  await listen()
  const at = `127.0.0.1:${node.port}`
  return {
    port: node.port,
    url: `esdb://${at}?tls=false`,
    clusterUrl: `esdb://${at},localhost:${node.port}?tls=false&discoveryInterval=10&maxDiscoverAttempts=1000000`,
    records: () => log.records,
    inject: (call, fault, times = 1) => faults.inject(call, fault, times),
    onCall(faultOf) {
      faults.faultOf = faultOf
    },
    calls: () => ({ ...faults.counts }),
    openReads: () => reads.size + subscriptions.size,
    kill,
    restart: listen,
    become(state) {
      faults.state = state
    },
    freeze: () => faults.freeze(),
    thaw: () => faults.thaw(),
    dropSubscriptions(how) {
      node.drop(subscriptions, how)
      node.forget()
    },
    dropBatches(how) {
      node.drop(batches, how)
      batches.clear()
    },
    async stop() {
      kill()
    },
  }
}

function serverOf(node: Node, knowsBatchAppend: boolean): Server {
  const server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 })
  const { log } = node
  server.addService(StreamsService, {
    append: (
      call: ServerReadableStream<streams.AppendReq, streams.AppendResp>,
      answer: sendUnaryData<streams.AppendResp>,
    ) => onAppend(node, call, answer),
    batchAppend: (call: BatchCall) => onBatchAppend(node, call),
    read: (call: ReadCall) => onRead(node, call),
    delete: onDelete<streams.DeleteReq, streams.DeleteResp>(log.softDelete, () => new streams.DeleteResp()),
    tombstone: onDelete<streams.TombstoneReq, streams.TombstoneResp>(log.tombstone, () => new streams.TombstoneResp()),
  })
  server.addService(ServerFeaturesService, {
    getSupportedMethods: (_: unknown, answer: sendUnaryData<features.SupportedMethods>) =>
      onFeatures(node, knowsBatchAppend, answer),
  })
  server.addService(GossipService, {
    read: (_: unknown, answer: sendUnaryData<gossip.ClusterInfo>) => onGossip(node, answer),
  })
  return server
}

/** @returns the port */
function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
}
