/**
 * Writers of all manners and readers that follow, on one log: short and slow transactions, rollbacks, connections killed
 * in the middle. Then counts: nothing lost, nothing twice, order kept; and what a reader that knows of no watermark lost.
 */
import {
  contactStream,
  isEnfoldFault,
  type RecordedEvent,
  type StreamAppend,
  type StreamId,
  type Version,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { createPostgresStore } from '@enfold/store-postgres'
import { sampleStart } from '@enfold/testkit'
import { Pool } from 'pg'

export interface SoakOptions {
  readonly url: string
  readonly schema: string
  /** How many events to write at least. */
  readonly events: number
  readonly writers: number
  readonly readers: number
  /** How often to kill a connection of the store, in milliseconds. */
  readonly killEveryMs: number
  readonly onProgress?: (events: number) => void
}

export interface SoakReport {
  /** In the log at the end. */
  readonly events: number
  readonly seconds: number
  readonly acknowledged: number
  readonly rolledBack: number
  readonly killed: number
  readonly faults: Readonly<Record<string, number>>
  /** Every complaint, in words; empty if all is well. */
  readonly problems: readonly string[]
  /** Events of the log that the naive reader never saw. */
  readonly lostByNaive: number
}

const CONTACTS = 2000

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { url, schema, readers, writers } = options
  const store = createPostgresStore({ connectionString: url, schema, maxConnections: writers, hashChain: true })
  const host = new Pool({ connectionString: url, max: writers + 2 })
  host.on('error', () => {})
  host.on('connect', (client) => void client.on('error', () => {}))
  await store.checkpoint()
  const acknowledged = new Set<string>()
  const faults = new Map<string, number>()
  const problems: string[] = []
  const done = new AbortController()
  let [written, rolledBack, killed, n] = [0, 0, 0, 0]
  const startedAt = performance.now()

  const reached = new Map<StreamId, Version>()

  /** One append of one to three events. */
  function oneAppend(): StreamAppend {
    const contactId = `c${Math.floor(Math.random() * CONTACTS)}`
    const events = Array.from({ length: 1 + Math.floor(Math.random() * 3) }, () => sampleStart(contactId, n++))
    const stream = contactStream(contactId)
    return { stream, events, expected: reached.get(stream) ?? 'no-stream' }
  }

  function acknowledge(events: readonly { readonly id: string }[]): void {
    for (const { id } of events) acknowledged.add(id)
    written += events.length
  }

  function fault(error: unknown): void {
    if (!isEnfoldFault(error)) throw error
    faults.set(error.code, (faults.get(error.code) ?? 0) + 1)
  }

  /** A batch: mostly each stream once, as an engine has them. */
  function someAppends(): readonly StreamAppend[] {
    const all = Array.from({ length: 1 + Math.floor(Math.random() ** 3 * 60) }, oneAppend)
    return Math.random() < 0.1 ? all : [...new Map(all.map((one) => [one.stream, one])).values()]
  }

  /** By the store itself: again with the same events until it is known. */
  async function writeMany(): Promise<void> {
    let left = someAppends()
    while (left.length > 0)
      try {
        const results = await store.appendMany(left)
        const conflicts: StreamId[] = []
        left = left.flatMap((one, i) => {
          const result = results[i]
          if (result?.outcome === 'appended') {
            acknowledge(one.events)
            reached.set(one.stream, Math.max(result.version, reached.get(one.stream) ?? 0))
          }
          if (result?.outcome !== 'conflict') return result?.outcome === 'locked' ? [one] : []
          conflicts.push(one.stream)
          return [{ ...one, expected: result.actual }]
        })
        // By a look, as an engine has one, the store knows the last events, and goes the quick way.
        if (Math.random() < 0.7) await store.readMany(conflicts)
      } catch (error) {
        fault(error)
      }
  }

  /** In a transaction of the host's, that takes its time and may be rolled back. */
  async function writeSlowly(): Promise<void> {
    const client = await host.connect().catch(() => null)
    if (client === null) return
    let broken = true
    try {
      await client.query('BEGIN')
      const { stream, events } = oneAppend()
      const bound = store.inTransaction(client)
      let result = await bound.append(stream, events, 'no-stream')
      while (result.outcome === 'conflict') result = await bound.append(stream, events, result.actual)
      await new Promise((resolve) => setTimeout(resolve, Math.random() ** 4 * 300))
      if (Math.random() < 0.4) {
        await client.query('ROLLBACK')
        rolledBack += events.length
      } else {
        await client.query('COMMIT')
        acknowledge(events)
      }
      broken = false
    } catch (error) {
      // Whether it was committed is not known, and nobody will say that it was.
      if (isEnfoldFault(error)) fault(error)
    } finally {
      client.release(broken)
    }
  }

  async function write(): Promise<void> {
    while (written < options.events) await (Math.random() < 0.1 ? writeSlowly() : writeMany())
  }

  /** Follows the log and remembers what it saw, position by position. */
  async function follow(seen: number[], stop: AbortSignal): Promise<void> {
    while (!stop.aborted)
      try {
        for await (const event of store.subscribe(seen.at(-1) ?? 0, stop)) {
          if (event.type !== 'CaughtUp') seen.push(event.position)
        }
      } catch (error) {
        fault(error)
      }
  }

  /** What one might write who takes positions for the order of commits. */
  async function followNaively(seen: Set<number>): Promise<void> {
    for (let last = 0; !done.signal.aborted; )
      try {
        const { rows } = await host.query<{ position: string }>(
          `SELECT position FROM ${schema}.events WHERE position > $1 ORDER BY position LIMIT 1000`,
          [last],
        )
        for (const { position } of rows) seen.add(Number(position))
        last = Number(rows.at(-1)?.position ?? last)
        if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      } catch {
        // Killed; the pool has others.
      }
  }

  async function kill(): Promise<void> {
    const killer = new Pool({ connectionString: url, max: 1 })
    while (!done.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, options.killEveryMs))
      const { rowCount } = await killer.query(
        `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND query LIKE '%${schema}%' ORDER BY random() LIMIT 2) victims`,
      )
      killed += rowCount ?? 0
      options.onProgress?.(written)
    }
    await killer.end()
  }

  /** Connections that were killed last are found dead at their next use: then it is read again. */
  async function wholeLog(): Promise<readonly RecordedEvent[]> {
    for (;;)
      try {
        const log: RecordedEvent[] = []
        for await (const event of store.readAll()) log.push(event)
        return log
      } catch (error) {
        if (!isEnfoldFault(error) || error.code !== 'STORE_UNAVAILABLE') throw error
      }
  }

  const followed = Array.from({ length: readers }, (): number[] => [])
  const naive = new Set<number>()
  const readersStop = new AbortController()
  const reading = Promise.all(followed.map((seen) => follow(seen, readersStop.signal)))
  const disturbing = Promise.all([kill(), followNaively(naive)])
  await Promise.all(Array.from({ length: writers }, write))
  const seconds = (performance.now() - startedAt) / 1000
  done.abort()
  await disturbing

  const log = await wholeLog()
  const head = log.at(-1)?.position ?? 0
  while (followed.some((seen) => (seen.at(-1) ?? 0) < head)) await new Promise((resolve) => setTimeout(resolve, 10))
  readersStop.abort()
  await reading

  const ids = new Set(log.map(({ id }) => id))
  if (ids.size !== log.length) problems.push(`${log.length - ids.size} events stand twice in the log`)
  const missing = [...acknowledged].filter((id) => !ids.has(id)).length
  if (missing > 0) problems.push(`${missing} acknowledged events are not in the log`)
  const versions = new Map<string, number>()
  for (const { stream, version } of log) {
    if (version !== (versions.get(stream) ?? 0) + 1) problems.push(`${stream}: version ${version} out of order`)
    versions.set(stream, version)
  }
  const hashes = new Map<string, string>()
  for (const event of log) {
    const hash = chainHash(hashes.get(event.stream) ?? null, digestOf(event))
    if (hash !== event.hash) problems.push(`${event.stream}: the hash of version ${event.version} does not follow`)
    hashes.set(event.stream, hash)
  }
  const positions = log.map(({ position }) => position)
  for (const [i, seen] of followed.entries())
    if (seen.length !== positions.length || seen.some((position, k) => position !== positions[k]))
      problems.push(`reader ${i} saw ${seen.length} of ${positions.length} events, or in another order`)
  // It might still see what is after the last that it saw.
  const lastOfNaive = [...naive].at(-1) ?? 0
  const lostByNaive = positions.filter((position) => position <= lastOfNaive && !naive.has(position)).length

  await store.close()
  await host.end()
  return {
    events: log.length,
    seconds,
    acknowledged: acknowledged.size,
    rolledBack,
    killed,
    faults: Object.fromEntries(faults),
    problems: problems.slice(0, 20),
    lostByNaive,
  }
}
