/**
 * A server that speaks EventStoreDB's wire protocol, for tests: the real clients talk to it. Its append rules are in
 * `log.ts`; here are the services, and faults on demand. What it is not, `NOT_MODELLED` says.
 */
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb.js'
import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js'
import features from '@eventstore/db-client/generated/serverfeatures_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import status from '@eventstore/db-client/generated/status_pb.js'
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status as StatusCode,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { createCommitOrder } from './commit-order.ts'
import { createFakeLog, type Decision, type Expected, type LogRecord, type Proposed } from './log.ts'

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

/**
 * What happens to one call:
 * `unavailable`: refused, nothing done. `lost-answer`: done, then an error instead of the answer. `no-answer`: done,
 * never answered. `ignored`: neither done nor answered. `cancelled`: the server cancels, nothing done. `quiet-end`: ends
 * without an error and without (more) data. `not-leader`: refused, and another node named. `no-leader`: refused by a
 * follower that knows none. `not-ready`: refused by a node that has just started. `denied`: no rights.
 */
export type Fault =
  | 'unavailable'
  | 'lost-answer'
  | 'no-answer'
  | 'ignored'
  | 'cancelled'
  | 'quiet-end'
  | 'not-leader'
  | 'no-leader'
  | 'not-ready'
  | 'denied'

/**
 * `not-ready`: it has just started, and refuses every call, that for the members of the cluster too. `no-leader`: nobody
 * has been elected; calls are refused, and nobody in the cluster is what a client looks for.
 */
export type NodeState = 'ready' | 'not-ready' | 'no-leader'

export type Call = 'append' | 'batchAppend' | 'read' | 'subscribe'

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

const { Any } = createRequire(createRequire(import.meta.url).resolve('@eventstore/db-client'))(
  'google-protobuf/google/protobuf/any_pb.js',
) as { Any: new () => { pack(bytes: Uint8Array, name: string, prefix: string): void } }

type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>
type BatchCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>

/**
 * Starts a fake server on 127.0.0.1.
 *
 * @example
 * const server = await startFakeServer()
 * const client = EventStoreDBClient.connectionString(server.url)
 */
export async function startFakeServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  const { maxAppendBytes = 1024 * 1024, batchAppend = true } = options
  const log = createFakeLog()
  const commit = createCommitOrder(options.shuffle)
  const injected = new Map<Call, Fault[]>()
  const counts: Record<Call, number> = { append: 0, batchAppend: 0, read: 0, subscribe: 0 }
  const reads = new Set<ReadCall>()
  const subscriptions = new Set<ReadCall>()
  const batches = new Set<BatchCall>()
  let faultOf: ((call: Call) => Fault | null) | null = null
  let frozen: PromiseWithResolvers<void> | null = null
  let news = Promise.withResolvers<void>()
  let state: NodeState = 'ready'
  let port = options.port ?? 0
  let server = new Server()

  function faultFor(call: Call): Fault | null {
    counts[call] += 1
    if (state !== 'ready') return state
    return injected.get(call)?.shift() ?? faultOf?.(call) ?? null
  }

  const leader = () => options.leader ?? { address: '127.0.0.1', port }

  function errorOf(fault: Fault): Partial<StatusObject> {
    if (fault === 'not-leader') {
      const { address, port } = leader()
      return exception('not-leader', StatusCode.NOT_FOUND, {
        'leader-endpoint-host': address,
        'leader-endpoint-port': String(port),
      })
    }
    if (fault === 'denied') return exception('access-denied', StatusCode.PERMISSION_DENIED, {})
    if (fault === 'cancelled') return { code: StatusCode.CANCELLED, details: 'Operation cancelled by the server' }
    if (fault === 'not-ready') return { code: StatusCode.UNAVAILABLE, details: 'Server Is Not Ready' }
    // A real one says this even where it can give no address.
    if (fault === 'no-leader') return { code: StatusCode.NOT_FOUND, details: 'Leader info available' }
    return { code: StatusCode.UNAVAILABLE, details: 'The fake server is not available' }
  }

  function append(stream: string, events: readonly Proposed[], expected: Expected): Promise<Decision> {
    return commit(stream, () => {
      const decision = log.append(stream, events, expected)
      if (decision.outcome === 'success') {
        news.resolve()
        news = Promise.withResolvers()
      }
      return decision
    })
  }

  // --- Appending, one call for each -------------------------------------------------------------------------------

  async function onAppend(
    call: ServerReadableStream<streams.AppendReq, streams.AppendResp>,
    answer: sendUnaryData<streams.AppendResp>,
  ): Promise<void> {
    const fault = faultFor('append')
    let options: streams.AppendReq.Options | undefined
    const events: Proposed[] = []
    call.on('error', () => {})
    try {
      for await (const request of call as AsyncIterable<streams.AppendReq>) {
        if (request.hasOptions()) options = request.getOptions()
        else events.push(proposedOf(request.getProposedMessage() as streams.AppendReq.ProposedMessage))
      }
    } catch {
      // The connection broke before all of it was here.
      return
    }
    await frozen?.promise
    if (call.cancelled || options === undefined || fault === 'ignored') return
    if (fault !== null && fault !== 'lost-answer' && fault !== 'no-answer') return answer(errorOf(fault))
    const problem = problemOf(events)
    if (problem !== null) return answer(problem)
    const stream = nameOf(options.getStreamIdentifier())
    const expected = options.hasRevision()
      ? Number(options.getRevision())
      : options.hasNoStream()
        ? 'no_stream'
        : options.hasStreamExists()
          ? 'stream_exists'
          : 'any'
    const decision = await append(stream, events, expected)
    if (fault === 'lost-answer') return answer(errorOf(fault))
    if (fault === 'no-answer') return
    if (decision.outcome === 'stream-deleted') return answer(deletedError(stream))
    const response = new streams.AppendResp()
    if (decision.outcome === 'success') {
      const position = new streams.AppendResp.Position()
      position.setCommitPosition(String(decision.position)).setPreparePosition(String(decision.position))
      const success = new streams.AppendResp.Success()
      response.setSuccess(success.setCurrentRevision(String(decision.revision)).setPosition(position))
    } else {
      const refused = new streams.AppendResp.WrongExpectedVersion()
      if (decision.current === null) refused.setCurrentNoStream(new shared.Empty())
      else refused.setCurrentRevision(String(decision.current))
      if (typeof expected === 'number') refused.setExpectedRevision(String(expected))
      else if (expected === 'no_stream') refused.setExpectedNoStream(new shared.Empty())
      response.setWrongExpectedVersion(refused)
    }
    answer(null, response)
  }

  /** What a real server refuses before it looks at the log. */
  function problemOf(events: readonly Proposed[]): Partial<StatusObject> | null {
    const bad = events.find(({ id }) => !UUID.test(id))
    if (bad !== undefined) return { code: StatusCode.INVALID_ARGUMENT, details: `${bad.id} is no UUID` }
    const size = events.reduce((sum, { data, metadata, type }) => sum + data.length + metadata.length + type.length, 0)
    if (size <= maxAppendBytes) return null
    return exception('maximum-append-size-exceeded', StatusCode.INVALID_ARGUMENT, {
      'maximum-append-size': String(maxAppendBytes),
    })
  }

  // --- Appending, many in one call ----------------------------------------------------------------------------------

  function onBatchAppend(call: BatchCall): void {
    const pending = new Map<string, { options: streams.BatchAppendReq.Options; events: Proposed[] }>()
    batches.add(call)
    call.on('error', () => batches.delete(call))
    call.on('cancelled', () => batches.delete(call))
    call.on('end', () => {
      batches.delete(call)
      call.end()
    })
    call.on('data', (request: streams.BatchAppendReq) => {
      const id = request.getCorrelationId()?.getString() as string
      const options = request.getOptions()
      if (options !== undefined) pending.set(id, { options, events: [] })
      const one = pending.get(id)
      if (one === undefined) return
      one.events.push(...request.getProposedMessagesList().map(proposedOf))
      if (!request.getIsFinal()) return
      pending.delete(id)
      void answerBatch(call, id, one.options, one.events)
    })
  }

  async function answerBatch(
    call: BatchCall,
    id: string,
    options: streams.BatchAppendReq.Options,
    events: readonly Proposed[],
  ): Promise<void> {
    const fault = faultFor('batchAppend')
    await frozen?.promise
    if (fault === 'ignored') return
    if (fault === 'quiet-end') return void call.end()
    if (fault !== null && fault !== 'lost-answer' && fault !== 'no-answer') return fail(call, errorOf(fault))
    const stream = nameOf(options.getStreamIdentifier())
    const response = new streams.BatchAppendResp()
    response.setCorrelationId(new shared.UUID().setString(id))
    const identifier = options.getStreamIdentifier()
    if (identifier !== undefined) response.setStreamIdentifier(identifier)
    const tooBig = problemOf(events)
    if (tooBig !== null) {
      const message = new shared.MaximumAppendSizeExceeded().setMaxappendsize(maxAppendBytes)
      response.setError(packed('MaximumAppendSizeExceeded', message.serializeBinary()))
    } else {
      const expected = options.hasStreamPosition()
        ? Number(options.getStreamPosition())
        : options.hasNoStream()
          ? 'no_stream'
          : options.hasStreamExists()
            ? 'stream_exists'
            : 'any'
      const decision = await append(stream, events, expected)
      if (fault === 'no-answer') return
      if (fault === 'lost-answer') return fail(call, errorOf(fault))
      if (decision.outcome === 'success') {
        const success = new streams.BatchAppendResp.Success().setCurrentRevision(String(decision.revision))
        response.setSuccess(success.setPosition(allPosition(decision.position)))
      } else if (decision.outcome === 'stream-deleted') {
        response.setError(packed('StreamDeleted', new shared.StreamDeleted().serializeBinary()))
      } else {
        const refused = new shared.WrongExpectedVersion()
        if (decision.current !== null) refused.setCurrentStreamRevision(String(decision.current))
        if (typeof expected === 'number') refused.setExpectedStreamPosition(String(expected))
        response.setError(packed('WrongExpectedVersion', refused.serializeBinary()))
      }
    }
    if (!call.cancelled && batches.has(call)) call.write(response)
  }

  // --- Reading ------------------------------------------------------------------------------------------------------

  async function onRead(call: ReadCall): Promise<void> {
    const options = call.request.getOptions() as streams.ReadReq.Options
    const kind = options.hasSubscription() ? 'subscribe' : 'read'
    const fault = faultFor(kind)
    const open = kind === 'subscribe' ? subscriptions : reads
    open.add(call)
    const over = Promise.withResolvers<void>()
    for (const event of ['cancelled', 'close', 'error'])
      call.on(event, () => {
        open.delete(call)
        over.resolve()
      })
    await frozen?.promise
    if (fault === 'ignored') return
    try {
      if (fault === 'quiet-end') return void call.end()
      if (fault !== null && fault !== 'lost-answer' && fault !== 'no-answer') return fail(call, errorOf(fault))
      if (kind === 'subscribe') return await subscription(call, options, over.promise)
      const found = recordsToRead(options)
      if (typeof found === 'string') {
        if (found === 'deleted') return fail(call, deletedError(nameOf(options.getStream()?.getStreamIdentifier())))
        const missing = new streams.ReadResp.StreamNotFound()
        missing.setStreamIdentifier(options.getStream()?.getStreamIdentifier())
        await send(call, new streams.ReadResp().setStreamNotFound(missing), over.promise)
      } else
        for (const [i, record] of found.entries()) {
          // Half of what there is, then the fault.
          if (fault === 'lost-answer' && i * 2 >= found.length) return fail(call, errorOf(fault))
          await frozen?.promise
          if (!(await send(call, eventResponse(record), over.promise))) return
        }
      if (fault === null) call.end()
    } finally {
      if (fault !== 'no-answer') open.delete(call)
    }
  }

  function recordsToRead(options: streams.ReadReq.Options): readonly LogRecord[] | 'not-found' | 'deleted' {
    const count = Number(options.getCount())
    const isForwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.FORWARDS
    const matches = filterOf(options)
    const pick = (records: readonly LogRecord[], isWithin: (record: LogRecord) => boolean) => {
      const found: LogRecord[] = []
      for (let i = 0; i < records.length && found.length < count; i++) {
        const record = records[isForwards ? i : records.length - 1 - i] as LogRecord
        if (isWithin(record) && matches(record)) found.push(record)
      }
      return found
    }
    const stream = options.getStream()
    if (stream === undefined) {
      const all = options.getAll() as streams.ReadReq.Options.AllOptions
      const at = all.hasPosition() ? Number(all.getPosition()?.getCommitPosition()) : null
      return pick(log.records, ({ position }) => at === null || (isForwards ? position >= at : position <= at))
    }
    const records = log.readable(nameOf(stream.getStreamIdentifier()))
    if (records === null) return 'not-found'
    if (records === 'deleted') return 'deleted'
    const at = stream.hasRevision() ? Number(stream.getRevision()) : null
    return pick(records, ({ revision }) => at === null || (isForwards ? revision >= at : revision <= at))
  }

  async function subscription(call: ReadCall, options: streams.ReadReq.Options, over: Promise<void>): Promise<void> {
    const matches = filterOf(options)
    const filter = options.getFilter()
    const window = (filter?.getMax() || 32) * (filter?.getCheckpointintervalmultiplier() || 1)
    const all = options.getAll() as streams.ReadReq.Options.AllOptions
    const after = all.hasPosition() ? Number(all.getPosition()?.getCommitPosition()) : all.hasEnd() ? Infinity : -1
    const ofStream = options.getStream() === undefined ? null : nameOf(options.getStream()?.getStreamIdentifier())
    const confirmation = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID())
    await send(call, new streams.ReadResp().setConfirmation(confirmation), over)
    let next = log.records.findIndex(({ position }) => position > after)
    if (next < 0) next = log.records.length
    let looked = 0
    for (let isLive = false; subscriptions.has(call); ) {
      for (; next < log.records.length; next++) {
        await frozen?.promise
        const record = log.records[next] as LogRecord
        if (matches(record) && (ofStream === null || record.stream === ofStream))
          if (!(await send(call, eventResponse(record), over))) return
        looked += 1
        if (filter !== undefined && looked % window === 0) {
          const at = String(record.position)
          const checkpoint = new streams.ReadResp.Checkpoint().setCommitPosition(at).setPreparePosition(at)
          await send(call, new streams.ReadResp().setCheckpoint(checkpoint), over)
        }
      }
      const more = news.promise
      if (!isLive) await send(call, new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()), over)
      isLive = true
      if (next >= log.records.length) await Promise.race([more, over])
    }
  }

  /** Waits where the reader is slow; false once the call is over. */
  async function send(call: ReadCall, response: streams.ReadResp, over: Promise<void>): Promise<boolean> {
    const isOpen = () => !call.cancelled && (reads.has(call) || subscriptions.has(call))
    if (!isOpen()) return false
    if (!call.write(response))
      await Promise.race([new Promise<void>((resolve) => call.once('drain', () => resolve())), over])
    return isOpen()
  }

  // --- The rest -----------------------------------------------------------------------------------------------------

  function onDelete<Request extends streams.DeleteReq | streams.TombstoneReq, Response>(
    remove: (stream: string, expected: Expected) => Decision,
    response: () => Response,
  ) {
    return (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => {
      const options = call.request.getOptions() as streams.DeleteReq.Options
      const stream = nameOf(options.getStreamIdentifier())
      const expected = options.hasRevision()
        ? Number(options.getRevision())
        : options.hasNoStream()
          ? 'no_stream'
          : ('any' as const)
      const decision = remove(stream, expected)
      if (decision.outcome === 'success') answer(null, response())
      else if (decision.outcome === 'stream-deleted') answer(deletedError(stream))
      else
        answer(
          exception('wrong-expected-version', StatusCode.FAILED_PRECONDITION, {
            'stream-name': stream,
            'expected-version': String(expected),
            ...(decision.current === null ? {} : { 'actual-version': String(decision.current) }),
          }),
        )
    }
  }

  function onFeatures(_call: unknown, answer: sendUnaryData<features.SupportedMethods>): void {
    if (state === 'not-ready') return void answer(errorOf(state))
    const names = ['append', 'read', 'delete', 'tombstone', ...(batchAppend ? ['batchappend'] : [])]
    const methods = names.map((name) =>
      new features.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(name),
    )
    const supported = new features.SupportedMethods().setEventStoreServerVersion('24.6.0-fake')
    answer(null, supported.setMethodsList(methods))
  }

  function onGossip(_call: unknown, answer: sendUnaryData<gossip.ClusterInfo>): void {
    if (state === 'not-ready') return void answer(errorOf(state))
    const { address, port } = leader()
    const member = new gossip.MemberInfo()
      .setInstanceId(new shared.UUID().setString(randomUUID()))
      .setTimeStamp(String(Date.now()))
      .setState(gossip.MemberInfo.VNodeState[state === 'no-leader' ? 'UNKNOWN' : 'LEADER'])
      .setIsAlive(true)
      .setHttpEndPoint(new gossip.EndPoint().setAddress(address).setPort(port))
    answer(null, new gossip.ClusterInfo().setMembersList([member]))
  }

  async function listen(): Promise<void> {
    server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 })
    server.addService(StreamsService, {
      append: onAppend,
      batchAppend: onBatchAppend,
      read: onRead,
      delete: onDelete<streams.DeleteReq, streams.DeleteResp>(log.softDelete, () => new streams.DeleteResp()),
      tombstone: onDelete<streams.TombstoneReq, streams.TombstoneResp>(
        log.tombstone,
        () => new streams.TombstoneResp(),
      ),
    })
    server.addService(ServerFeaturesService, { getSupportedMethods: onFeatures })
    server.addService(GossipService, { read: onGossip })
    port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    )
  }

  function forget(): void {
    for (const call of [...reads, ...subscriptions]) call.emit('close')
    reads.clear()
    subscriptions.clear()
    batches.clear()
  }

  function drop(calls: ReadonlySet<ReadCall | BatchCall>, how: 'cancelled' | 'quiet-end'): void {
    for (const call of [...calls]) {
      if (how === 'quiet-end') call.end()
      else fail(call, errorOf(how))
    }
  }

  function thaw(): void {
    frozen?.resolve()
    frozen = null
  }

  await listen()
  return {
    port,
    url: `esdb://127.0.0.1:${port}?tls=false`,
    clusterUrl: `esdb://127.0.0.1:${port},localhost:${port}?tls=false&discoveryInterval=10&maxDiscoverAttempts=1000000`,
    records: () => log.records,
    inject(call, fault, times = 1) {
      const queue = times === 0 ? [] : (injected.get(call) ?? [])
      queue.push(...Array<Fault>(times).fill(fault))
      injected.set(call, queue)
    },
    onCall(faults) {
      faultOf = faults
    },
    calls: () => ({ ...counts }),
    openReads: () => reads.size + subscriptions.size,
    kill() {
      server.forceShutdown()
      thaw()
      forget()
    },
    restart: listen,
    become(next) {
      state = next
    },
    freeze() {
      frozen ??= Promise.withResolvers()
    },
    thaw,
    dropSubscriptions(how) {
      drop(subscriptions, how)
      forget()
    },
    dropBatches(how) {
      drop(batches, how)
      batches.clear()
    },
    async stop() {
      server.forceShutdown()
      thaw()
      forget()
    },
  }
}

/** The way to end a call with a status: one that is destroyed sends none, and the client waits without end. */
function fail(call: ReadCall | BatchCall, error: Partial<StatusObject>): void {
  call.emit('error', error)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

function nameOf(identifier: shared.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8')
}

function proposedOf(message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage): Proposed {
  const map = message.getMetadataMap()
  return {
    id: message.getId()?.getString() ?? '',
    type: map.get('type') ?? '',
    contentType: map.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}

function eventResponse(record: LogRecord): streams.ReadResp {
  const position = String(record.position)
  const event = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(record.id))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(record.stream)))
    .setStreamRevision(String(record.revision))
    .setCommitPosition(position)
    .setPreparePosition(position)
    .setData(record.data)
    .setCustomMetadata(record.metadata)
  const map = event.getMetadataMap()
  map.set('type', record.type)
  map.set('content-type', record.contentType)
  map.set('created', String(BigInt(record.createdMs) * 10_000n))
  return new streams.ReadResp().setEvent(new streams.ReadResp.ReadEvent().setEvent(event).setCommitPosition(position))
}

function filterOf(options: streams.ReadReq.Options): (record: LogRecord) => boolean {
  const filter = options.getFilter()
  if (filter === undefined) return () => true
  const ofStream = filter.getStreamIdentifier()
  const expression = ofStream ?? filter.getEventType()
  const prefixes = expression?.getPrefixList() ?? []
  const regex = new RegExp(expression?.getRegex() ?? '')
  return ({ stream, type }) => {
    const text = ofStream === undefined ? type : stream
    return prefixes.length > 0 ? prefixes.some((prefix) => text.startsWith(prefix)) : regex.test(text)
  }
}

function allPosition(position: number): shared.AllStreamPosition {
  return new shared.AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position))
}

/** An error as the server sends it: its kind is in the trailing metadata. */
function exception(kind: string, code: StatusCode, details: Readonly<Record<string, string>>): Partial<StatusObject> {
  const metadata = new Metadata()
  metadata.set('exception', kind)
  for (const [name, value] of Object.entries(details)) metadata.set(name, value)
  return { code, details: kind, metadata }
}

function deletedError(stream: string): Partial<StatusObject> {
  return exception('stream-deleted', StatusCode.FAILED_PRECONDITION, { 'stream-name': stream })
}

function packed(name: string, bytes: Uint8Array): status.Status {
  const details = new Any()
  details.pack(bytes, `event_store.client.${name}`, 'type.googleapis.com/')
  return new status.Status().setMessage(name).setDetails(details as Parameters<status.Status['setDetails']>[0])
}
