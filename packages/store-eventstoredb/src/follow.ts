/**
 * The whole log from a position on, over as many subscriptions as it takes: none of the clients resumes one by itself.
 * Resumes behind the last event that the consumer was given, and never from a checkpoint: those run ahead of it.
 */
import { EnfoldFault, type Position } from '@enfold/core'
import { backOffMs, pause } from './calls.ts'
import type { EventStoreDbClient, StoredEvent, Subscription } from './client.ts'
import { failureOf, faultOf, ServerSilent } from './failure.ts'
import { positionOf } from './wire-event.ts'

export interface FollowOptions {
  readonly client: EventStoreDbClient
  /** Streams whose names begin with one of these. */
  readonly prefixes: readonly string[]
  readonly callTimeoutMs: number
  /** Without a word from the server for so long, it throws; `Infinity`: it tries for ever. */
  readonly giveUpAfterMs: number
}

/**
 * Events behind `after`, each once and in order; `null` where everything recorded so far has been given. Ends without an
 * error when the signal aborts.
 */
export async function* follow(
  after: Position,
  signal: AbortSignal,
  options: FollowOptions,
): AsyncGenerator<StoredEvent | null> {
  let last = after
  let failures = 0
  let heardAt = performance.now()
  while (!signal.aborted) {
    try {
      for await (const event of listen(last, signal, options)) {
        failures = 0
        heardAt = performance.now()
        if (event !== null) {
          const position = positionOf(event.position?.commit)
          if (position <= last) continue
          last = position
        }
        yield event
        if (signal.aborted) return
      }
      // A quiet end is a drop like any other.
    } catch (error) {
      if (error instanceof EnfoldFault) throw error
      const isOver = performance.now() - heardAt > options.giveUpAfterMs
      if (failureOf(error) !== 'transient' || isOver) throw faultOf(error, 'the subscription to the log')
    }
    if (!signal.aborted) await pause(backOffMs(failures++))
  }
}

/** One subscription, until it ends, fails, or the signal aborts. */
async function* listen(
  after: Position,
  signal: AbortSignal,
  { client, prefixes, callTimeoutMs }: FollowOptions,
): AsyncGenerator<StoredEvent | null> {
  const position = BigInt(after)
  const subscription = client.subscribeToAll({
    fromPosition: after === 0 ? 'start' : { commit: position, prepare: position },
    filter: { filterOn: 'streamName', prefixes, checkpointInterval: 1000 },
    requiresLeader: true,
  }) as Subscription
  let wake = () => {}
  let failure: { readonly error: unknown } | null = null
  let isOver = false
  /** How many events were taken; and after how many of them the server said that it has no more. */
  let taken = 0
  let caughtUpAfter: number | null = null
  let isLive = false
  const end = () => {
    isOver = true
    wake()
  }
  // The listeners come first and stay: an error that nobody hears would end the process.
  subscription.on('error', (error) => {
    failure ??= { error }
    wake()
  })
  subscription.on('end', end)
  subscription.on('close', end)
  subscription.on('readable', () => wake())
  // It is said while up to 16 events still wait to be taken.
  subscription.on('caughtUp', () => {
    caughtUpAfter = taken + subscription.readableLength
    wake()
  })
  signal.addEventListener('abort', end)
  try {
    for (let isNews = false; ; ) {
      const item = subscription.read()
      if (item !== null) {
        taken += 1
        isNews = true
        if (item.event !== undefined) yield item.event
        if (signal.aborted) return
        continue
      }
      if (caughtUpAfter !== null && caughtUpAfter <= taken) {
        caughtUpAfter = null
        isLive = true
        isNews = false
        yield null
        continue
      }
      if (isLive && isNews) {
        isNews = false
        // Live, the server says no more that it has no more. What is in the socket already is let in first.
        await new Promise(setImmediate)
        if (subscription.readableLength === 0 && failure === null && !isOver) yield null
        continue
      }
      if (failure !== null) throw (failure as { error: unknown }).error
      if (isOver || signal.aborted) return
      const silenceMs = isLive ? LIVE_SILENCES * callTimeoutMs : callTimeoutMs
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(() => {
        failure ??= { error: new ServerSilent(silenceMs) }
        resolve()
      }, silenceMs)
      wake = resolve
      await promise
      clearTimeout(timer)
    }
  } finally {
    signal.removeEventListener('abort', end)
    subscription.unsubscribe().catch(() => {})
  }
}

/** A live log may be silent for long; after so many deadlines it is asked again, lest the connection be dead. */
const LIVE_SILENCES = 12
