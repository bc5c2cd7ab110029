/**
 * The last version and hash of the streams used last, in memory. Asked for within a transaction only: what another
 * connection has written by then is forgotten (`Database.remember`).
 */

export interface Head {
  /** 0: there is no event yet. */
  readonly version: number
  /** "": it has none. */
  readonly hash: string
}

export interface Heads {
  /** By the name of a stream as the database has it. */
  of(stream: string): Head
  /** `undefined`: the stream has no event. */
  set(stream: string, last: Head | undefined): void
  forget(): void
}

/** Some 3 MB. A dispatcher comes back to a contact within the few that it works on at once, a bulk action within 500. */
const CAPACITY = 10_000

const NO_EVENT: Head = { version: 0, hash: '' }

/** @param read the last event of a stream, from the database */
export function createHeads(read: (stream: string) => Head | undefined): Heads {
  const known = new Map<string, Head>()
  function set(stream: string, last: Head | undefined): Head {
    // Without the other columns of the row.
    const head = last === undefined ? NO_EVENT : { version: last.version, hash: last.hash }
    known.set(stream, head)
    if (known.size > CAPACITY) known.delete(known.keys().next().value as string)
    return head
  }
  return {
    of: (stream) => known.get(stream) ?? set(stream, read(stream)),
    set: (stream, last) => void set(stream, last),
    forget: () => known.clear(),
  }
}
