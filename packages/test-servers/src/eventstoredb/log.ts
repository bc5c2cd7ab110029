/**
 * What the fake server knows: the log, and the rules by which EventStoreDB 24.6 appends, deletes and truncates. No wire
 * here. Names that begin with "$" are the server's own, as on a real one.
 */

export interface LogRecord {
  readonly position: number
  readonly stream: string
  readonly revision: number
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
  readonly createdMs: number
}

export type Proposed = Pick<LogRecord, 'id' | 'type' | 'contentType' | 'data' | 'metadata'>

/** A number is the revision that the stream must have. */
export type Expected = number | 'any' | 'no_stream' | 'stream_exists'

export type Decision =
  | { readonly outcome: 'success'; readonly revision: number; readonly position: number }
  | { readonly outcome: 'wrong-expected-version'; readonly current: number | null }
  | { readonly outcome: 'stream-deleted' }

export interface FakeLog {
  readonly records: readonly LogRecord[]
  append(stream: string, events: readonly Proposed[], expected: Expected): Decision
  /** Soft: the events are gone, and revisions go on when the stream is written to again. */
  softDelete(stream: string, expected: Expected): Decision
  /** For good: nothing can be read or appended any more. */
  tombstone(stream: string, expected: Expected): Decision
  /** What may be read of a stream, from its first revision on; `null`: not found; 'deleted': tombstoned. */
  readable(stream: string): readonly LogRecord[] | null | 'deleted'
}

interface StreamState {
  readonly records: LogRecord[]
  tombstoned: boolean
  /** Revisions below this are gone. */
  truncateBefore: number
  maxCount: number
}

export function createFakeLog(): FakeLog {
  const records: LogRecord[] = []
  const streams = new Map<string, StreamState>()
  const byId = new Map<string, LogRecord>()
  let end = 0

  function stateOf(stream: string): StreamState {
    let state = streams.get(stream)
    if (state === undefined) {
      state = { records: [], tombstoned: false, truncateBefore: 0, maxCount: Number.POSITIVE_INFINITY }
      streams.set(stream, state)
    }
    return state
  }

  const isSoftDeleted = ({ records, truncateBefore }: StreamState) =>
    records.length > 0 && truncateBefore >= records.length

  function write(stream: string, events: readonly Proposed[]): Decision {
    const state = stateOf(stream)
    for (const event of events) {
      // Positions are bytes into the log: about the size of a record apart, and never 0 for an event of a user.
      end += 130 + 2 * stream.length + event.data.length + event.metadata.length
      const record = { ...event, stream, revision: state.records.length, position: end, createdMs: Date.now() }
      state.records.push(record)
      records.push(record)
      byId.set(event.id, record)
      if (stream.startsWith('$$')) readMetadata(stream.slice(2), event)
    }
    const last = state.records.at(-1) as LogRecord
    return { outcome: 'success', revision: last.revision, position: last.position }
  }

  function readMetadata(stream: string, { data }: Proposed): void {
    const { $tb = 0, $maxCount = Number.POSITIVE_INFINITY } = JSON.parse(Buffer.from(data).toString('utf8')) as {
      $tb?: number
      $maxCount?: number
    }
    Object.assign(stateOf(stream), { truncateBefore: $tb, maxCount: $maxCount })
  }

  /** `null`: may be written. Else the server's reply without writing. */
  function check(stream: string, ids: readonly string[], expected: Expected): Decision | null {
    const state = stateOf(stream)
    const current = state.records.length - 1
    const refused = { outcome: 'wrong-expected-version', current: current < 0 ? null : current } as const
    if (state.tombstoned) return { outcome: 'stream-deleted' }
    const wanted = expected === 'no_stream' ? -1 : expected
    if (typeof wanted === 'string') {
      if (wanted === 'stream_exists' && (current < 0 || isSoftDeleted(state))) return refused
      const before = ids.map((id) => byId.get(id)).map((record) => (record?.stream === stream ? record : undefined))
      if (before[0] === undefined) return null
      return before.includes(undefined) ? refused : success(before.at(-1) as LogRecord)
    }
    if (wanted > current) return refused
    if (wanted === current) return null
    // There are events after the expected version: the same ids at the same places are taken for a repeat, whatever they hold.
    const places = ids.map((id, i) => state.records[wanted + 1 + i]?.id === id)
    if (places.every((same) => same)) return success(state.records[wanted + ids.length] as LogRecord)
    return wanted === -1 && isSoftDeleted(state) && !places[0] ? null : refused
  }

  const success = ({ revision, position }: LogRecord): Decision => ({ outcome: 'success', revision, position })

  function remove(stream: string, expected: Expected, how: (state: StreamState) => void): Decision {
    const state = stateOf(stream)
    const current = state.records.length - 1
    if (state.tombstoned) return { outcome: 'stream-deleted' }
    const wanted = expected === 'no_stream' ? -1 : expected
    if (typeof wanted === 'number' && wanted !== current)
      return { outcome: 'wrong-expected-version', current: current < 0 ? null : current }
    how(state)
    return { outcome: 'success', revision: current, position: end }
  }

  const text = (value: unknown) => Buffer.from(JSON.stringify(value))
  const written = (id: string, type: string, value: unknown): Proposed => ({
    id,
    type,
    contentType: 'application/json',
    data: text(value),
    metadata: Buffer.alloc(0),
  })
  // A new server's log is not empty either.
  write('$users', [written('3e1b5d4e-0000-4000-8000-000000000001', '$User', 'admin')])
  write('$settings', [written('3e1b5d4e-0000-4000-8000-000000000002', 'settings', {})])

  return {
    records,
    append: (stream, events, expected) =>
      check(
        stream,
        events.map(({ id }) => id),
        expected,
      ) ?? write(stream, events),
    softDelete: (stream, expected) =>
      remove(stream, expected, (state) => {
        state.truncateBefore = state.records.length
      }),
    tombstone: (stream, expected) =>
      remove(stream, expected, (state) => {
        state.tombstoned = true
      }),
    readable(stream) {
      const state = streams.get(stream)
      if (state?.tombstoned) return 'deleted'
      if (state === undefined || state.records.length === 0 || isSoftDeleted(state)) return null
      return state.records.slice(Math.max(state.truncateBefore, state.records.length - state.maxCount))
    },
  }
}
