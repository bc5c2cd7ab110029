/**
 * The hash chain: each event of a stream seals itself and all before it (AUDIT-4). What an event's own bytes are, and how
 * a hash follows from the one before. Whole logs are checked by `verify`, and fixed from outside by a seal (`seal.ts`).
 */
import { canonicalLine } from './codec.ts'
import type { NewEvent } from './events.ts'
import { sha256 } from './hash.ts'
import type { StreamId } from './ids.ts'

/** 64 hexadecimal digits, lower case. */
export type Hash = string

/**
 * The digest of an event by itself: SHA-256 of its log line as canonical JSON (RFC 8785), without the attributes that
 * are the store's affair (`streamversion`, `position` and `hash`), and without extension attributes, which are other
 * programs' affair. The place in the stream is fixed by the chain instead.
 * An event that was brought up to date has the digest of the line as it was recorded.
 */
export function digestOf(event: NewEvent & { readonly stream: StreamId }): Hash {
  return sha256(canonicalLine(event))
}

/**
 * The hash of an event: SHA-256 of its predecessor's hash and its own digest, both as 64 hexadecimal digits, one after
 * the other. `previous` is `null` for the first event of a stream, and for the first after events without a hash.
 *
 * @example
 * const hash = chainHash(previous.hash, digestOf(event))
 */
export function chainHash(previous: Hash | null, digest: Hash): Hash {
  return sha256((previous ?? '') + digest)
}
