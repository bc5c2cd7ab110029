/** Streams and events as they stand on the server, and back: names, type, data, and what goes into the metadata. */
import {
  campaignOf,
  campaignStream,
  contactOf,
  contactStream,
  EnfoldFault,
  type EventId,
  isLegalId,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StreamId,
} from '@enfold/core'
import { digestOf, type Hash } from '@enfold/core/log'
import { checkEvent } from '@enfold/core/store'
import type { ProposedEvent, StoredEvent } from './client.ts'

/** The names of streams, all with one prefix. */
export interface StreamNames {
  /** @throws EnfoldFault `INVALID_INPUT` for a stream that is neither a contact's nor a campaign's */
  nameOf(stream: StreamId): string
  /** @throws EnfoldFault `STORE_CORRUPT` for a name that `nameOf` never gives */
  streamOf(name: string): StreamId
  readonly contacts: string
  readonly campaigns: string
}

export function createStreamNames(prefix: string): StreamNames {
  const contacts = `${prefix}contact-`
  const campaigns = `${prefix}campaign-`
  function nameOf(stream: StreamId): string {
    const contact = contactOf(stream)
    const id = contact ?? campaignOf(stream)
    if (!isLegalId(id)) throw EnfoldFault.invalidInput('stream', stream, 'contact-<id> or campaign-<id>')
    // Percent-encoded, so that any id is a name that the web interface, URLs and projections bear. 200 emoji make 2,416
    // characters, of which nothing is known to break but links in the web interface.
    return (contact === null ? campaigns : contacts) + encodeURIComponent(id)
  }
  return {
    contacts,
    campaigns,
    nameOf,
    streamOf(name) {
      const isContact = name.startsWith(contacts)
      const encoded = name.slice((isContact ? contacts : campaigns).length)
      const id = encoded.includes('%') ? decoded(encoded) : encoded
      const stream = isContact ? contactStream(id) : campaignStream(id)
      if (id !== encoded && nameOf(stream) !== name) throw corrupt(name, null, 'its name is none that Enfold gives')
      return stream
    },
  }

  function decoded(encoded: string): string {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return ''
    }
  }
}

/** Everything of an event that is not its data. `$correlationId` and `$causationId` are what the server's tools read. */
interface WireMetadata extends Omit<NewEvent, 'type' | 'data' | 'correlationId' | 'causationId'> {
  readonly $correlationId: string
  readonly $causationId: string
  readonly hash?: string
  readonly recordedAs?: RecordedEvent['recordedAs']
}

/** An event as it goes out, but for what is known only when it is written: its hash, and its id on the wire. */
export interface Outgoing {
  readonly id: EventId
  readonly type: string
  readonly data: unknown
  /** As JSON, without the hash. */
  readonly metadata: string
  /** What the hash is made of; `null`: it gets none. */
  readonly digest: Hash | null
}

/**
 * What goes out of an event, copied as JSON will give it back, so that nobody changes it before it is sent, and nothing in
 * it can break the client: a bigint or a cycle there ends the process, and the append never answers. Everything that does
 * not depend on the state of the stream is made here, once for all attempts.
 *
 * @param hashed whether it will get a hash
 * @throws EnfoldFault `INVALID_INPUT`
 */
export function outgoingOf(stream: StreamId, event: NewEvent, path: string, hashed: boolean): Outgoing {
  const text = jsonOf(event, path)
  const copy = (JSON.parse(text) ?? {}) as Partial<RecordedEvent>
  const { id, type, data } = copy as { readonly [name in 'id' | 'type' | 'data']?: unknown }
  if (!isLegalId(id))
    throw EnfoldFault.invalidInput(`${path}.id`, event?.id, 'a string of 1 to 200 well-formed characters')
  if (typeof type !== 'string' || type === '')
    throw EnfoldFault.invalidInput(`${path}.type`, event.type, 'the name of an event')
  if (typeof data !== 'object' || data === null) throw EnfoldFault.invalidInput(`${path}.data`, event.data, 'an object')
  const placed = Object.assign(copy, { stream }) as RecordedEvent
  checkEvent(stream, placed, path, text.length)
  return { id, type, data, metadata: metadataOf(placed), digest: hashed ? digestOf(placed) : null }
}

function jsonOf(event: NewEvent, path: string): string {
  try {
    return JSON.stringify(event) ?? 'null'
  } catch (error) {
    throw new EnfoldFault(
      'INVALID_INPUT',
      `${path} cannot be written as JSON; a cycle, a bigint, or a toJSON that throws?`,
      { path },
      error,
    )
  }
}

/** Without place and hash: an imported event brings those of another log, and a copy made by hand may. */
function metadataOf(event: RecordedEvent): string {
  const { type, data, correlationId, causationId, stream, version, position, hash, ...own } = event
  const metadata: WireMetadata = { $correlationId: correlationId, $causationId: causationId, ...own }
  return JSON.stringify(metadata)
}

const encoder = new TextEncoder()

/** @param wireId a UUID, for the server's repeat check; the event's own id is in the metadata */
export function proposedOf({ type, data, metadata }: Outgoing, hash: Hash | null, wireId: string): ProposedEvent {
  // The metadata of an event have members, its id at least.
  const whole = hash === null ? metadata : `${metadata.slice(0, -1)},"hash":${JSON.stringify(hash)}}`
  return { id: wireId, type, contentType: 'application/json', data, metadata: encoder.encode(whole) }
}

/** @throws EnfoldFault `STORE_CORRUPT` for what Enfold did not write; `STORE_INCOMPATIBLE` for positions that cannot be */
export function recordedOf(stored: StoredEvent, names: StreamNames): RecordedEvent {
  const { streamId, revision, type, data } = stored
  const stream = names.streamOf(streamId)
  const metadata = stored.metadata as WireMetadata | null | undefined
  if (typeof metadata !== 'object' || metadata === null || typeof metadata.id !== 'string' || typeof data !== 'object')
    throw corrupt(streamId, revision, 'Enfold did not write it')
  const { $correlationId, $causationId, ...own } = metadata
  return {
    ...own,
    correlationId: $correlationId,
    causationId: $causationId,
    type,
    data,
    stream,
    version: Number(revision) + 1,
    position: positionOf(stored.position?.commit),
  } as RecordedEvent
}

/** A commit position as a number. */
export function positionOf(commit: bigint | undefined): Position {
  if (commit === undefined || commit === NO_POSITION)
    throw new EnfoldFault(
      'STORE_INCOMPATIBLE',
      'The server does not say where in its log an event of a stream stands. Use EventStoreDB 23.10 or later, or KurrentDB.',
    )
  const position = Number(commit)
  if (position > Number.MAX_SAFE_INTEGER)
    throw new EnfoldFault(
      'STORE_INCOMPATIBLE',
      `The log position ${commit} is beyond 2^53, the last that this release can tell apart. Start a new log.`,
      { position: String(commit) },
    )
  return position
}

/** What servers before 22.6 write where they do not know. */
const NO_POSITION = 2n ** 64n - 1n

function corrupt(name: string, revision: bigint | null, why: string): EnfoldFault {
  const place = revision === null ? '' : `, revision ${revision}`
  return new EnfoldFault(
    'STORE_CORRUPT',
    `The stream ${JSON.stringify(name)}${place} is not to be read: ${why}. Keep other programs out of these streams, or give the store a prefix of its own.`,
    { stream: name, revision: revision === null ? null : Number(revision) },
  )
}
