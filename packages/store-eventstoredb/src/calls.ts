/**
 * Calls to the server, each with a deadline of its own and tried again while its outcome is not known. What a client
 * does not do by itself is done here: it neither times out, nor cancels, nor repeats.
 */
import { EnfoldFault, type Position } from '@enfold/core'
import type { AppendAnswer, EventStoreDbClient, ProposedEvent, Reading, Resolved, StoredEvent } from './client.ts'
import { failureOf, faultOf, NoLeader, ServerSilent } from './failure.ts'
import { createImpatience, type Impatience } from './impatience.ts'
import { positionOf } from './wire-event.ts'

export interface CallOptions {
  readonly client: EventStoreDbClient
  readonly credentials: { readonly username: string; readonly password: string } | undefined
  readonly callTimeoutMs: number
  readonly giveUpAfterMs: number
  readonly maxInFlight: number
}

export interface Written {
  readonly revision: number
  /** Of the last event; `null` where the server does not say. */
  readonly position: Position | null
}

export interface Calls {
  /**
   * Appends if the stream's last revision is `revision` (-1: there is none); else 'refused', and nothing is written.
   * Tried again with the same ids and the same expectation, so that it is done once however often an answer is lost.
   */
  append(name: string, events: readonly ProposedEvent[], revision: number): Promise<Written | 'refused'>
  /** At most `count` events from a revision on; 'missing' if there is no such stream. */
  read(name: string, from: number, count: number): Promise<readonly StoredEvent[] | 'missing'>
  /** The position of the last record of the whole log, of any writer. */
  end(): Promise<Position>
}

export function createCalls(options: CallOptions): Calls {
  const untilClear = createRetries(options)
  // Of each kind: `@kurrent/kurrentdb-client` reads and appends over two connections, and one that is well again says
  // nothing of the other.
  const [appending, reading] = [createImpatience(options.callTimeoutMs), createImpatience(options.callTimeoutMs)]
  /** Rejects unless a leader answers now. Those who ask while it looks share the next look. */
  const leaderAnswers = shared(() => lastPosition(options))

  return {
    append: (name, events, revision) =>
      untilClear(appending, `the append to ${name}`, () => appendOnce(options, name, events, revision)),
    read: (name, from, count) =>
      untilClear(reading, `the read of ${name}`, async () => {
        const first = await readOnce(options, name, from, count)
        if (first.isSure) return first.events
        // The client of KurrentDB says that a stream is missing, too, where a follower says that there is no leader. No
        // election is as short as this, so a leader before and after tells that one answered in between.
        await leaderAnswers()
        const again = await readOnce(options, name, from, count)
        if (!again.isSure) await leaderAnswers()
        return again.events
      }),
    end: () => untilClear(reading, 'the read of the end of the log', () => lastPosition(options)),
  }
}

/** Makes a call again until its outcome is known, at most `maxInFlight` calls at once. */
function createRetries({
  giveUpAfterMs,
  maxInFlight,
}: CallOptions): <T>(impatience: Impatience, doing: string, attempt: () => Promise<T>) => Promise<T> {
  const whenFree = createSemaphore(maxInFlight)
  return async (impatience, doing, attempt) => {
    const giveUpAt = performance.now() + giveUpAfterMs
    for (let n = 0; ; n++) {
      try {
        return await whenFree(() => impatience.settled(attempt))
      } catch (error) {
        if (error instanceof EnfoldFault) throw error
        const pauseMs = backOffMs(n)
        if (failureOf(error) !== 'transient' || performance.now() + pauseMs > giveUpAt) throw faultOf(error, doing)
        await pause(pauseMs)
      }
    }
  }
}

// --- One attempt each -----------------------------------------------------------------------------------------------

// Credentials of its own make a client call the server for each append. Without them `@eventstore/db-client` 6.2.1
// sends all appends through one call, which hangs when the server ends its stream. Without TLS it sends none anyway.
const NO_CREDENTIALS = { username: '', password: '' }

async function appendOnce(
  { client, credentials = NO_CREDENTIALS, callTimeoutMs }: CallOptions,
  name: string,
  events: readonly ProposedEvent[],
  revision: number,
): Promise<Written | 'refused'> {
  const expected = revision < 0 ? 'no_stream' : BigInt(revision)
  const answer = client.appendToStream(name, events, {
    // One client knows the first name, the other the second, and each passes over what it does not know.
    expectedRevision: expected,
    streamState: expected,
    requiresLeader: true,
    deadline: callTimeoutMs,
    credentials,
  }) as Promise<AppendAnswer>
  try {
    const { success, nextExpectedRevision, position } = await within(callTimeoutMs, answer)
    if (!success) return 'refused'
    return { revision: Number(nextExpectedRevision), position: position ? positionOf(position.commit) : null }
  } catch (error) {
    if (failureOf(error) === 'refused') return 'refused'
    throw error
  }
}

async function readOnce(
  { client, credentials, callTimeoutMs }: CallOptions,
  name: string,
  from: number,
  count: number,
): Promise<Found> {
  const reading = client.readStream(name, {
    fromRevision: BigInt(from),
    maxCount: count,
    requiresLeader: true,
    ...(credentials === undefined ? {} : { credentials }),
  }) as Reading
  try {
    return { events: await eventsOf(reading, callTimeoutMs), isSure: true }
  } catch (error) {
    // For a reader a stream that was deleted for good is one that holds nothing.
    const failure = failureOf(error)
    if (failure === 'deleted') return { events: 'missing', isSure: true }
    if (failure === 'missing') return { events: 'missing', isSure: 'cancel' in reading }
    throw error
  }
}

async function lastPosition({ client, credentials, callTimeoutMs }: CallOptions): Promise<Position> {
  try {
    const reading = client.readAll({
      direction: 'backwards',
      fromPosition: 'end',
      maxCount: 1,
      requiresLeader: true,
      ...(credentials === undefined ? {} : { credentials }),
    })
    const [last] = await eventsOf(reading as Reading, callTimeoutMs)
    return last === undefined ? 0 : positionOf(last.position?.commit)
  } catch (error) {
    // The whole log is never missing.
    throw failureOf(error) === 'missing' ? new NoLeader() : error
  }
}

interface Found {
  readonly events: readonly StoredEvent[] | 'missing'
  readonly isSure: boolean
}

/** For those who ask at the same time: a caller that comes while it runs waits for the next one. */
function shared<T>(call: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | null = null
  let next: Promise<T> | null = null
  const begin = () => {
    const begun = call()
    current = begun
    const end = () => {
      if (current === begun) current = null
    }
    begun.then(end, end)
    return begun
  }
  return () => {
    if (current === null) return begin()
    next ??= current.then(noop, noop).then(() => {
      next = null
      return begin()
    })
    return next
  }
}

function noop(): void {}

/** All events of a read that has an end. Whatever happens, the call is over when this is. */
function eventsOf(reading: Reading, silenceMs: number): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  const { promise, resolve, reject } = Promise.withResolvers<StoredEvent[]>()
  let heard = false
  const take = ({ event }: Resolved) => {
    heard = true
    if (event !== undefined) events.push(event)
  }
  const watch = setInterval(() => {
    if (!heard) reject(new ServerSilent(silenceMs))
    heard = false
  }, silenceMs)
  let cancel: () => unknown
  if ('cancel' in reading) {
    // The listener comes first and stays: an error that nobody hears would end the process.
    reading.on('error', reject)
    reading.on('data', take)
    reading.on('end', () => {
      cancel = () => {}
      resolve(events)
    })
    // Left without this a call that was not read to its end stays open without end.
    cancel = () => reading.cancel().catch(() => {})
  } else {
    const items = reading[Symbol.asyncIterator]()
    const readOn = async () => {
      for (let item = await items.next(); !item.done; item = await items.next()) take(item.value)
      return events
    }
    readOn().then(resolve, reject)
    cancel = () => items.return?.().catch(() => {})
  }
  return promise.finally(() => {
    clearInterval(watch)
    cancel()
  })
}

/** What the promise says, or `ServerSilent` if it says nothing in time; what it says later is nobody's business. */
function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new ServerSilent(ms)), ms)
  answer.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}

/**
 * Lets so many calls go on at once, the others in the order in which they came. Places that become free in one turn of the
 * event loop are given away together: begun one by one, each call is a write to the socket of its own, a third of its cost.
 */
function createSemaphore(places: number): <T>(call: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = places
  let isHandingOut = false
  const handOut = () => {
    isHandingOut = false
    for (const begin of waiting.splice(0, free)) {
      free -= 1
      begin()
    }
  }
  return async (call) => {
    if (free > 0 && waiting.length === 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await call()
    } finally {
      free += 1
      if (waiting.length > 0 && !isHandingOut) {
        isHandingOut = true
        setImmediate(handOut)
      }
    }
  }
}

/** 50 ms, twice as long each time up to 2 s, and up to half of it less, so that clients do not come back together. */
export function backOffMs(failures: number): number {
  return Math.min(50 * 2 ** Math.min(failures, 10), 2000) * (1 - Math.random() / 2)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
