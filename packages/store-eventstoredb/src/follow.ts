/**
 * The whole log from a position on, over as many subscriptions as it takes: none of the clients resumes one by itself.
 * Resumes after the last event that the consumer was done with. What the server says of a position, that it is a
 * checkpoint or the end, runs up to 16 events ahead of the consumer, and is held back until it has been given those.
 * Events are given as they come, many at once: an event costs a third less than one by one.
 */
import { EnfoldFault, type Position } from '@enfold/core'
import { backOffMs, pause } from './calls.ts'
import type { EventStoreDbClient, Resolved, StoredEvent, Subscription } from './client.ts'
import { failureOf, faultOf, ServerSilent } from './failure.ts'
import { positionOf } from './wire-event.ts'

export interface FollowOptions {
  readonly client: EventStoreDbClient
  /** Streams whose names begin with one of these. */
  readonly prefixes: readonly string[]
  readonly credentials: { readonly username: string; readonly password: string } | undefined
  readonly callTimeoutMs: number
  /** Without a word from the server for so long, it throws; `Infinity`: it tries without end. */
  readonly giveUpAfterMs: number
}

/**
 * Events after `after`, each once and in order, as many at once as are there; `null` where everything recorded so far has
 * been given. Ends without an error when the signal aborts.
 */
export async function* follow(
  after: Position,
  signal: AbortSignal,
  options: FollowOptions,
): AsyncGenerator<readonly StoredEvent[] | null> {
  let last = after
  let failures = 0
  let heardAt = performance.now()
  const isOver = () => performance.now() - heardAt > options.giveUpAfterMs
  while (!signal.aborted) {
    try {
      for await (const heard of listen(last, signal, options)) {
        failures = 0
        if (typeof heard === 'number') last = Math.max(last, heard)
        else if (heard === null) yield null
        else {
          const events = eventsAfter(last, heard)
          const end = events.at(-1)
          if (end === undefined) continue
          yield events
          last = placeOf(end)
        }
        heardAt = performance.now()
        if (signal.aborted) return
      }
      // A quiet end is a drop like any other.
      if (isOver() && !signal.aborted) throw new ServerSilent(options.giveUpAfterMs)
    } catch (error) {
      if (error instanceof EnfoldFault) throw error
      if (failureOf(error) !== 'transient' || isOver()) throw faultOf(error, 'the subscription to the log')
    }
    if (!signal.aborted) await pause(backOffMs(failures++))
  }
}

const placeOf = ({ position }: StoredEvent): Position => positionOf(position?.commit)

/** Without what was given before, and what the server says twice. */
function eventsAfter(after: Position, heard: readonly StoredEvent[]): readonly StoredEvent[] {
  let last = after
  return heard.filter((event) => {
    const position = placeOf(event)
    if (position <= last) return false
    last = position
    return true
  })
}

/** What the server said when so many events were on their way: a position up to which there is no more, or "no more". */
interface Mark {
  readonly afterEvents: number
  readonly says: Position | null
}

/** How far one subscription has come. */
interface Listening {
  readonly subscription: Subscription
  /** What came and was not taken yet, in order. */
  waiting: Resolved[]
  /** In the order in which the server said them. */
  readonly marks: Mark[]
  /** How many events the consumer has taken. */
  taken: number
  /** The consumer was told "no more" once. */
  isLive: boolean
  /** Nothing more will come. */
  isOver: boolean
  failure: { readonly error: unknown } | null
  /** Ends the wait for news. */
  wake: () => void
}

/** More than so many events do not wait for the consumer: the server is held up. */
const MOST_WAITING = 500

/**
 * One subscription, until it ends, fails, or the signal aborts: events, positions up to which there are no others, and
 * `null` for "no more".
 */
async function* listen(
  after: Position,
  signal: AbortSignal,
  options: FollowOptions,
): AsyncGenerator<readonly StoredEvent[] | Position | null> {
  const listening = subscribe(after, options)
  const { subscription, marks } = listening
  const abort = () => end(listening)
  signal.addEventListener('abort', abort)
  try {
    for (let isNews = false; ; ) {
      const events = taken(listening)
      if (events.length > 0) {
        isNews = true
        yield events
        if (signal.aborted) return
        continue
      }
      const [next] = marks
      if (next !== undefined && next.afterEvents <= listening.taken) {
        marks.shift()
        if (next.says === null) {
          listening.isLive = true
          isNews = false
        }
        yield next.says
        continue
      }
      if (listening.isLive && isNews) {
        isNews = false
        // Live, the server says no more that it has no more. What is in the socket already is let in first.
        await new Promise(setImmediate)
        if (waitingFor(listening) === 0 && listening.failure === null && !listening.isOver) yield null
        continue
      }
      if (listening.failure !== null) throw listening.failure.error
      if (listening.isOver || signal.aborted) return
      await waitForChange(listening, options.callTimeoutMs)
    }
  } finally {
    signal.removeEventListener('abort', abort)
    subscription.unsubscribe().catch(() => {})
  }
}

/** What the consumer has not taken yet. */
const waitingFor = ({ waiting, subscription }: Listening) => waiting.length + subscription.readableLength

/** All that waits, but no more than come before the next mark. */
function taken(listening: Listening): readonly StoredEvent[] {
  const { marks, subscription } = listening
  const [next] = marks
  const most = next === undefined ? listening.waiting.length : next.afterEvents - listening.taken
  if (most <= 0 || listening.waiting.length === 0) return []
  const all = listening.waiting
  const some = most >= all.length ? all : all.slice(0, most)
  listening.waiting = some === all ? [] : all.slice(most)
  listening.taken += some.length
  if (listening.waiting.length < MOST_WAITING) subscription.resume()
  return some.flatMap(({ event }) => event ?? [])
}

function subscribe(after: Position, { client, prefixes, credentials }: FollowOptions): Listening {
  const position = BigInt(after)
  const mark = (says: Position | null) => {
    listening.marks.push({ afterEvents: listening.taken + waitingFor(listening), says })
    listening.wake()
  }
  const subscription = client.subscribeToAll({
    fromPosition: after === 0 ? 'start' : { commit: position, prepare: position },
    filter: {
      filterOn: 'streamName',
      prefixes,
      // A sign of life while the server searches through what others wrote. It must never throw: that would stop all.
      maxSearchWindow: 1000,
      checkpointInterval: 1,
      checkpointReached: async (_: unknown, { commit }: { commit: bigint }) => mark(Number(commit)),
    },
    requiresLeader: true,
    ...(credentials === undefined ? {} : { credentials }),
  }) as Subscription
  const listening: Listening = {
    subscription,
    waiting: [],
    marks: [],
    taken: 0,
    isLive: false,
    isOver: false,
    failure: null,
    wake: () => {},
  }
  // The listeners come first and stay: an error that nobody hears would end the process.
  subscription.on('error', (error) => {
    listening.failure ??= { error }
    listening.wake()
  })
  subscription.on('end', () => end(listening))
  subscription.on('close', () => end(listening))
  subscription.on('data', (item) => {
    const { waiting } = listening
    waiting.push(item)
    if (waiting.length >= MOST_WAITING) subscription.pause()
    // What came with it is let in first.
    if (waiting.length === 1) setImmediate(() => listening.wake())
  })
  subscription.on('caughtUp', () => mark(null))
  return listening
}

function end(listening: Listening): void {
  listening.isOver = true
  listening.wake()
}

/** Resolves when there is something to look at; a server that is silent for too long is a failure. */
async function waitForChange(listening: Listening, callTimeoutMs: number): Promise<void> {
  const silenceMs = listening.isLive ? LIVE_SILENCES * callTimeoutMs : callTimeoutMs
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    listening.failure ??= { error: new ServerSilent(silenceMs) }
    resolve()
  }, silenceMs)
  listening.wake = resolve
  await promise
  clearTimeout(timer)
}

/** A live log may be silent for long; after so many deadlines it is asked again, because the connection may be dead. */
const LIVE_SILENCES = 12
