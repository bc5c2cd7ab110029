/**
 * What is known of the streams used last: version, hash of the last event, and which event ids stand where. All of it is
 * what some read or append saw, so a head may be old; the expected revision finds that out. It is never wrong, because a
 * stream only grows.
 */
import type { EventId, RecordedEvent, StreamId, Version } from '@enfold/core'
import type { Hash } from '@enfold/core/log'

export interface Head {
  readonly version: Version
  /** Of the last event; `null` if it has none, or there is none. */
  readonly hash: Hash | null
  readonly versions: ReadonlyMap<EventId, Version>
}

export interface StreamHeads {
  get(stream: StreamId): Head | undefined
  /** Keeps it, unless more is known already. */
  offer(stream: StreamId, head: Head): void
  forget(stream: StreamId): void
}

/** The head of a stream from its first event on; it grows with what is read or written. */
export interface GrowingHead extends Head {
  /** An event after those that it has. */
  add(event: Pick<RecordedEvent, 'id' | 'version'> & { readonly hash?: Hash | null | undefined }): void
}

/** @param before what it grows from; it grows too */
export function growingHead(before?: Head): GrowingHead {
  const versions = (before?.versions ?? new Map()) as Map<EventId, Version>
  const head = {
    version: before?.version ?? 0,
    hash: before?.hash ?? null,
    versions,
    add({ id, version, hash }: Parameters<GrowingHead['add']>[0]) {
      versions.set(id, version)
      head.version = version
      head.hash = hash ?? null
    },
  }
  return head
}

/** What is known of a stream of which the last event was read, and not those before. */
export function endWith(last: RecordedEvent): Head {
  const end = growingHead()
  end.add(last)
  return end
}

/** @param capacity how many event ids are kept in all; streams not used for longest go first */
export function createStreamHeads(capacity: number): StreamHeads {
  // In the order of their last use.
  const kept = new Map<StreamId, { readonly head: Head; readonly weight: number }>()
  let total = 0

  function forget(stream: StreamId): void {
    total -= kept.get(stream)?.weight ?? 0
    kept.delete(stream)
  }

  return {
    forget,
    get(stream) {
      const entry = kept.get(stream)
      if (entry === undefined) return undefined
      kept.delete(stream)
      kept.set(stream, entry)
      return entry.head
    },
    offer(stream, head) {
      const known = kept.get(stream)
      if (known !== undefined && known.head !== head && known.head.version >= head.version) return
      forget(stream)
      const weight = head.versions.size + 1
      kept.set(stream, { head, weight })
      total += weight
      for (const oldest of kept.keys()) {
        if (total <= capacity) break
        forget(oldest)
      }
    },
  }
}
