/** What goes over the wire: the messages of EventStoreDB's protocol, read and written, and its errors. */
import { createRequire } from 'node:module'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import status from '@eventstore/db-client/generated/status_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import {
  Metadata,
  type ServerDuplexStream,
  type ServerWritableStream,
  status as StatusCode,
  type StatusObject,
} from '@grpc/grpc-js'
import type { Expected, LogRecord, Proposed } from './log.ts'

const { Any } = createRequire(createRequire(import.meta.url).resolve('@eventstore/db-client'))(
  'google-protobuf/google/protobuf/any_pb.js',
) as { Any: new () => { pack(bytes: Uint8Array, name: string, prefix: string): void } }

export type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>
export type BatchCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>

/** The way to end a call with a status: one that is destroyed sends none, and the client waits without end. */
export function fail(call: ReadCall | BatchCall, error: Partial<StatusObject>): void {
  call.emit('error', error)
}

export function nameOf(identifier: shared.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8')
}

/** What an append expects; the two ways of appending name the revision differently. */
export function expectedOf(
  options: { hasNoStream(): boolean; hasStreamExists(): boolean },
  revision: string | number | null,
): Expected {
  if (revision !== null) return Number(revision)
  return options.hasNoStream() ? 'no_stream' : options.hasStreamExists() ? 'stream_exists' : 'any'
}

export function proposedOf(
  message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage,
): Proposed {
  const map = message.getMetadataMap()
  return {
    id: message.getId()?.getString() ?? '',
    type: map.get('type') ?? '',
    contentType: map.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}

export function eventResponse(record: LogRecord): streams.ReadResp {
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

export function filterOf(options: streams.ReadReq.Options): (record: LogRecord) => boolean {
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

export function allPosition(position: number): shared.AllStreamPosition {
  return new shared.AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position))
}

/** An error as the server sends it: its kind is in the trailing metadata. */
export function exception(
  kind: string,
  code: StatusCode,
  details: Readonly<Record<string, string>>,
): Partial<StatusObject> {
  const metadata = new Metadata()
  metadata.set('exception', kind)
  for (const [name, value] of Object.entries(details)) metadata.set(name, value)
  return { code, details: kind, metadata }
}

export function deletedError(stream: string): Partial<StatusObject> {
  return exception('stream-deleted', StatusCode.FAILED_PRECONDITION, { 'stream-name': stream })
}

export function packed(name: string, bytes: Uint8Array): status.Status {
  const details = new Any()
  details.pack(bytes, `event_store.client.${name}`, 'type.googleapis.com/')
  return new status.Status().setMessage(name).setDetails(details as Parameters<status.Status['setDetails']>[0])
}
