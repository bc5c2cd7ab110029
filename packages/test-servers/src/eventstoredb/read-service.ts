/** The service that reads: pages of a stream or of all, and subscriptions. */
import { randomUUID } from 'node:crypto'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { isRefused } from './faults.ts'
import type { LogRecord } from './log.ts'
import type { Node } from './node.ts'
import { deletedError, eventResponse, fail, filterOf, nameOf, type ReadCall } from './wire.ts'

export async function onRead(node: Node, call: ReadCall): Promise<void> {
  const options = call.request.getOptions() as streams.ReadReq.Options
  const kind = options.hasSubscription() ? 'subscribe' : 'read'
  const fault = node.faults.next(kind)
  const open = kind === 'subscribe' ? node.subscriptions : node.reads
  open.add(call)
  const over = Promise.withResolvers<void>()
  for (const event of ['cancelled', 'close', 'error'])
    call.on(event, () => {
      open.delete(call)
      over.resolve()
    })
  await node.faults.thawed()
  if (fault === 'ignored') return
  try {
    if (fault === 'quiet-end') return void call.end()
    if (isRefused(fault)) return fail(call, node.errorOf(fault))
    if (kind === 'subscribe') return await subscription(node, call, options, over.promise)
    const found = recordsToRead(node, options)
    if (typeof found === 'string') {
      if (found === 'deleted') return fail(call, deletedError(nameOf(options.getStream()?.getStreamIdentifier())))
      const missing = new streams.ReadResp.StreamNotFound()
      missing.setStreamIdentifier(options.getStream()?.getStreamIdentifier())
      await send(node, call, new streams.ReadResp().setStreamNotFound(missing), over.promise)
    } else
      for (const [i, record] of found.entries()) {
        // Half of what there is, then the fault.
        if (fault === 'lost-answer' && i * 2 >= found.length) return fail(call, node.errorOf(fault))
        await node.faults.thawed()
        if (!(await send(node, call, eventResponse(record), over.promise))) return
      }
    if (fault === null) call.end()
  } finally {
    if (fault !== 'no-answer') open.delete(call)
  }
}

function recordsToRead(
  { log }: Node,
  options: streams.ReadReq.Options,
): readonly LogRecord[] | 'not-found' | 'deleted' {
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

async function subscription(
  node: Node,
  call: ReadCall,
  options: streams.ReadReq.Options,
  over: Promise<void>,
): Promise<void> {
  const { log, subscriptions } = node
  const matches = filterOf(options)
  const filter = options.getFilter()
  const window = (filter?.getMax() || 32) * (filter?.getCheckpointintervalmultiplier() || 1)
  const all = options.getAll() as streams.ReadReq.Options.AllOptions
  const after = all.hasPosition() ? Number(all.getPosition()?.getCommitPosition()) : all.hasEnd() ? Infinity : -1
  const ofStream = options.getStream() === undefined ? null : nameOf(options.getStream()?.getStreamIdentifier())
  const confirmation = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID())
  await send(node, call, new streams.ReadResp().setConfirmation(confirmation), over)
  let next = log.records.findIndex(({ position }) => position > after)
  if (next < 0) next = log.records.length
  let looked = 0
  for (let isLive = false; subscriptions.has(call); ) {
    for (; next < log.records.length; next++) {
      await node.faults.thawed()
      const record = log.records[next] as LogRecord
      if (matches(record) && (ofStream === null || record.stream === ofStream))
        if (!(await send(node, call, eventResponse(record), over))) return
      looked += 1
      if (filter !== undefined && looked % window === 0) {
        const at = String(record.position)
        const checkpoint = new streams.ReadResp.Checkpoint().setCommitPosition(at).setPreparePosition(at)
        await send(node, call, new streams.ReadResp().setCheckpoint(checkpoint), over)
      }
    }
    const more = node.news
    if (!isLive) await send(node, call, new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()), over)
    isLive = true
    if (next >= log.records.length) await Promise.race([more, over])
  }
}

/** Waits where the reader is slow; false once the call is over. */
async function send(
  { reads, subscriptions }: Node,
  call: ReadCall,
  response: streams.ReadResp,
  over: Promise<void>,
): Promise<boolean> {
  const isOpen = () => !call.cancelled && (reads.has(call) || subscriptions.has(call))
  if (!isOpen()) return false
  if (!call.write(response))
    await Promise.race([new Promise<void>((resolve) => call.once('drain', () => resolve())), over])
  return isOpen()
}
