/**
 * The last events of streams, as this process has seen them committed. Whether they are still the last is for the append to
 * find out; what the hash of a version is does not change.
 */
import type { RecordedEvent, StreamId, Version } from '@enfold/core'

export interface Head {
  readonly version: Version
  /** `null`: its event has none. */
  readonly hash: string | null
}

export interface Heads {
  saw(stream: StreamId, event: Pick<RecordedEvent, 'version' | 'hash'> | undefined): void
  set(stream: StreamId, head: Head): void
  forget(stream: StreamId): void
  /** `null`: none is known. */
  of(stream: StreamId): Head | null
}

/** Some 300 bytes each; those that were seen longest ago go first. */
const MOST = 10_000

export function createHeads(most = MOST): Heads {
  const heads = new Map<StreamId, Head>()
  const set = (stream: StreamId, head: Head) => {
    heads.delete(stream)
    heads.set(stream, head)
    if (heads.size > most) for (const [oldest] of heads) return void heads.delete(oldest)
  }
  return {
    saw: (stream, event) => {
      if (event !== undefined) set(stream, { version: event.version, hash: event.hash ?? null })
    },
    set,
    forget: (stream) => void heads.delete(stream),
    of: (stream) => heads.get(stream) ?? null,
  }
}
