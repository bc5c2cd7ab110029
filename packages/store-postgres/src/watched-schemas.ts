/**
 * Looks at many schemas in one transaction for each hundred, so that those in which nothing is due cost nothing more: their
 * workers are told from the last look.
 *
 * A look says of each schema when anything may be claimed next. It counts until this process writes to the agenda of the
 * schema, a notification of another process's writes comes, or it is too old; then each store is asked as if nobody looked.
 * So what other processes write is found with the next look, as with a poll, and what this one writes at once.
 */
import { type Agenda, epochMsOf, type Instant, instantOf, type KnowsNextWake, type ProjectionStore } from '@enfold/core'
import type { LogPart } from '@enfold/core/store'
import { connectorOf } from './database.ts'
import type { UsedPool } from './driver.ts'
import { isAway } from './faults.ts'
import { isCurrent } from './migrate.ts'
import { type Connect, onConnection } from './query.ts'

/** One schema, for its store. Three methods add to a part of the store that it writes to the agenda. */
export interface WatchedSchema extends KnowsNextWake {
  log(part: LogPart): LogPart
  agenda(part: Agenda): Agenda
  projection(part: ProjectionStore): ProjectionStore
  /** Looks from now on, until the returned function is called. @param onDue after a look that found something due sooner */
  watch(onDue: () => void): () => void
  /** Another process has written: the last look does not count any more. */
  changed(): void
  end(): void
}

export interface WatchedSchemas {
  add(schema: string): WatchedSchema
  close(): Promise<void>
}

/** What a look found. */
interface Seen {
  readonly wake: Instant | null
  /** Of this process, when the look began. */
  readonly changes: number
  readonly atMs: number
}

interface Entry {
  readonly schema: string
  readonly watchers: Set<() => void>
  /** Ended writes of this process, and notifications. */
  changes: number
  /** Writes of this process that are under way. */
  writing: number
  seen: Seen | null
  /** Whether the store has written to it or claimed: then it is there. */
  isOpened: boolean
  /** After a look failed for it: not before then. */
  notBeforeMs: number
}

/** What could not be looked at is not tried again for so long. */
const BROKEN_MS = 30_000

/** In one transaction, which locks the tables and indexes of each: the server has so many locks for all of its sessions. */
const AT_ONCE = 100

export function createWatchedSchemas(pool: UsedPool, pollMs: number): WatchedSchemas {
  const entries = new Set<Entry>()
  const connect = connectorOf(pool, 'PostgreSQL')
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> = Promise.resolve()
  let closed = false

  const isWatched = (entry: Entry) =>
    entry.watchers.size > 0 && entry.isOpened && performance.now() >= entry.notBeforeMs

  function schedule(): void {
    if (closed || timer !== undefined || ![...entries].some(({ watchers }) => watchers.size > 0)) return
    timer = setTimeout(() => {
      looking = lookAtAll().finally(() => {
        timer = undefined
        schedule()
      })
    }, pollMs)
    // Workers keep the process alive by themselves.
    timer.unref()
  }

  async function lookAtAll(): Promise<void> {
    const watched = [...entries].filter(isWatched)
    for (let first = 0; first < watched.length; first += AT_ONCE)
      if (closed || !(await lookAt(watched.slice(first, first + AT_ONCE)))) return
  }

  /** @returns whether the database can be asked at all; stores ask for themselves once the last look is too old */
  async function lookAt(some: readonly Entry[]): Promise<boolean> {
    try {
      await look(connect, some)
      return true
    } catch (error) {
      if (isAway(error)) return false
      if (some.length === 1) some.forEach(forget)
      // One that was dropped, or moved on by a newer release, must not keep the others from being seen.
      else for (const entry of some) if (closed || !(await lookAt([entry]))) return false
      return true
    }
  }

  function forget(entry: Entry): void {
    entry.seen = null
    entry.notBeforeMs = performance.now() + BROKEN_MS
  }

  return {
    add(schema) {
      const watchers = new Set<() => void>()
      const entry: Entry = { schema, watchers, changes: 0, writing: 0, seen: null, isOpened: false, notBeforeMs: 0 }
      entries.add(entry)
      return watchedSchema(entry, 3 * pollMs + 1000, { begun: schedule, end: () => void entries.delete(entry) })
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await looking
    },
  }
}

/** @param maxAgeMs of a look that counts */
function watchedSchema(entry: Entry, maxAgeMs: number, { begun, end }: { begun(): void; end(): void }): WatchedSchema {
  /** @param hasChanged whether what came back means that anything was written */
  async function writing<T>(work: () => Promise<T>, hasChanged: (result: T) => boolean = () => true): Promise<T> {
    let isUnchanged = false
    entry.writing++
    try {
      const result = await work()
      entry.isOpened = true
      isUnchanged = !hasChanged(result)
      return result
    } finally {
      entry.writing--
      if (!isUnchanged) entry.changes++
    }
  }

  return {
    knownWake() {
      const { seen, changes, writing } = entry
      if (seen === null || writing > 0 || seen.changes !== changes) return undefined
      return performance.now() - seen.atMs > maxAgeMs ? undefined : seen.wake
    },
    log: ({ appendOne, ...part }) => ({
      ...part,
      appendMany: (appends) => writing(() => part.appendMany(appends)),
      ...(appendOne === undefined ? {} : { appendOne: (one) => writing(() => appendOne(one)) }),
    }),
    agenda: (part) => ({
      ...part,
      claimDue: (...asked) =>
        writing(
          () => part.claimDue(...asked),
          ({ length }) => length > 0,
        ),
      release: (claims) => writing(() => part.release(claims)),
      renew: (...asked) => writing(() => part.renew(...asked)),
    }),
    projection: (part) => ({
      ...part,
      apply: (...given) => writing(() => part.apply(...given)),
      restore: (...given) => writing(() => part.restore(...given)),
    }),
    watch(onDue) {
      entry.watchers.add(onDue)
      begun()
      return () => void entry.watchers.delete(onDue)
    },
    changed() {
      entry.changes++
    },
    end() {
      entry.watchers.clear()
      end()
    },
  }
}

interface Row {
  readonly place: string
  readonly wake: string | null
  readonly current: string
}

/** One statement for all of them: what it costs is one transaction, and for each schema a few looks into an index. */
async function look(connect: Connect, entries: readonly Entry[]): Promise<void> {
  // What is being written now counts as a change when it ends, and until then nothing is known.
  const begun = entries.map(({ changes }) => changes)
  const atMs = performance.now()
  const text = entries
    .map(
      ({ schema }, i) => `SELECT '${i}' AS place, (SELECT min(claimable_at) FROM "${schema}".lanes())::text AS wake,
        ${isCurrent(schema)}::text AS current`,
    )
    .join('\nUNION ALL ')
  const { rows } = await onConnection(connect, (client) => client.query<Row>(text))
  for (const { place, wake, current } of rows) {
    const entry = entries[Number(place)] as Entry
    // A newer schema is for the store to refuse.
    if (current !== 'true') entry.seen = null
    else
      saw(entry, {
        wake: wake === null ? null : instantOf(Number(wake)),
        changes: begun[Number(place)] as number,
        atMs,
      })
  }
}

function saw(entry: Entry, seen: Seen): void {
  const before = entry.seen
  entry.seen = seen
  if (before === null || seen.wake === null) return
  if (before.wake === null || epochMsOf(seen.wake) < epochMsOf(before.wake))
    for (const onDue of [...entry.watchers]) onDue()
}
