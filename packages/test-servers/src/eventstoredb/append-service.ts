/** The service that appends: one call for each append, or many in one call; and what takes a stream away. */
import shared from '@eventstore/db-client/generated/shared_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import {
  type ServerReadableStream,
  type ServerUnaryCall,
  status as StatusCode,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { isRefused } from './faults.ts'
import type { Decision, Expected, Proposed } from './log.ts'
import type { Node } from './node.ts'
import {
  allPosition,
  type BatchCall,
  deletedError,
  exception,
  expectedOf,
  fail,
  nameOf,
  packed,
  proposedOf,
} from './wire.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

// --- One call for each ------------------------------------------------------------------------------------------------

export async function onAppend(
  node: Node,
  call: ServerReadableStream<streams.AppendReq, streams.AppendResp>,
  answer: sendUnaryData<streams.AppendResp>,
): Promise<void> {
  const fault = node.faults.next('append')
  const received = await receive(call)
  await node.faults.thawed()
  if (call.cancelled || received?.options === undefined || fault === 'ignored') return
  if (isRefused(fault)) return answer(node.errorOf(fault))
  const { options, events } = received
  const problem = problemOf(node, events)
  if (problem !== null) return answer(problem)
  const stream = nameOf(options.getStreamIdentifier())
  const expected = expectedOf(options, options.hasRevision() ? options.getRevision() : null)
  const decision = await node.append(stream, events, expected)
  if (fault === 'lost-answer') return answer(node.errorOf(fault))
  if (fault === 'no-answer') return
  if (decision.outcome === 'stream-deleted') return answer(deletedError(stream))
  answer(null, responseOf(decision, expected))
}

/** `null`: the connection broke before all of it was here. */
async function receive(call: ServerReadableStream<streams.AppendReq, streams.AppendResp>) {
  let options: streams.AppendReq.Options | undefined
  const events: Proposed[] = []
  call.on('error', () => {})
  try {
    for await (const request of call as AsyncIterable<streams.AppendReq>) {
      if (request.hasOptions()) options = request.getOptions()
      else events.push(proposedOf(request.getProposedMessage() as streams.AppendReq.ProposedMessage))
    }
  } catch {
    return null
  }
  return { options, events }
}

function responseOf(
  decision: Exclude<Decision, { readonly outcome: 'stream-deleted' }>,
  expected: Expected,
): streams.AppendResp {
  const response = new streams.AppendResp()
  if (decision.outcome === 'success') {
    const position = new streams.AppendResp.Position()
    position.setCommitPosition(String(decision.position)).setPreparePosition(String(decision.position))
    const success = new streams.AppendResp.Success()
    return response.setSuccess(success.setCurrentRevision(String(decision.revision)).setPosition(position))
  }
  const refused = new streams.AppendResp.WrongExpectedVersion()
  if (decision.current === null) refused.setCurrentNoStream(new shared.Empty())
  else refused.setCurrentRevision(String(decision.current))
  if (typeof expected === 'number') refused.setExpectedRevision(String(expected))
  else if (expected === 'no_stream') refused.setExpectedNoStream(new shared.Empty())
  return response.setWrongExpectedVersion(refused)
}

/** What a real server refuses before it looks at the log. */
function problemOf({ maxAppendBytes }: Node, events: readonly Proposed[]): Partial<StatusObject> | null {
  const bad = events.find(({ id }) => !UUID.test(id))
  if (bad !== undefined) return { code: StatusCode.INVALID_ARGUMENT, details: `${bad.id} is no UUID` }
  const size = events.reduce((sum, { data, metadata, type }) => sum + data.length + metadata.length + type.length, 0)
  if (size <= maxAppendBytes) return null
  return exception('maximum-append-size-exceeded', StatusCode.INVALID_ARGUMENT, {
    'maximum-append-size': String(maxAppendBytes),
  })
}

// --- Many in one call -------------------------------------------------------------------------------------------------

export function onBatchAppend(node: Node, call: BatchCall): void {
  const { batches } = node
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
    void answerBatch(node, call, id, one.options, one.events)
  })
}

async function answerBatch(
  node: Node,
  call: BatchCall,
  id: string,
  options: streams.BatchAppendReq.Options,
  events: readonly Proposed[],
): Promise<void> {
  const fault = node.faults.next('batchAppend')
  await node.faults.thawed()
  if (fault === 'ignored') return
  if (fault === 'quiet-end') return void call.end()
  if (isRefused(fault)) return fail(call, node.errorOf(fault))
  const identifier = options.getStreamIdentifier()
  const response = new streams.BatchAppendResp().setCorrelationId(new shared.UUID().setString(id))
  if (identifier !== undefined) response.setStreamIdentifier(identifier)
  if (problemOf(node, events) !== null) {
    const message = new shared.MaximumAppendSizeExceeded().setMaxappendsize(node.maxAppendBytes)
    response.setError(packed('MaximumAppendSizeExceeded', message.serializeBinary()))
  } else {
    const expected = expectedOf(options, options.hasStreamPosition() ? options.getStreamPosition() : null)
    const decision = await node.append(nameOf(identifier), events, expected)
    if (fault === 'no-answer') return
    if (fault === 'lost-answer') return fail(call, node.errorOf(fault))
    tell(response, decision, expected)
  }
  if (!call.cancelled && node.batches.has(call)) call.write(response)
}

/** Puts the decision into the response. */
function tell(response: streams.BatchAppendResp, decision: Decision, expected: Expected): void {
  if (decision.outcome === 'success') {
    const success = new streams.BatchAppendResp.Success().setCurrentRevision(String(decision.revision))
    response.setSuccess(success.setPosition(allPosition(decision.position)))
    return
  }
  if (decision.outcome === 'stream-deleted') {
    response.setError(packed('StreamDeleted', new shared.StreamDeleted().serializeBinary()))
    return
  }
  const refused = new shared.WrongExpectedVersion()
  if (decision.current !== null) refused.setCurrentStreamRevision(String(decision.current))
  if (typeof expected === 'number') refused.setExpectedStreamPosition(String(expected))
  response.setError(packed('WrongExpectedVersion', refused.serializeBinary()))
}

// --- Taking a stream away ---------------------------------------------------------------------------------------------

export function onDelete<Request extends streams.DeleteReq | streams.TombstoneReq, Response>(
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
