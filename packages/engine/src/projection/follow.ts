/** Follows the log: from the checkpoint on in batches, and on again after any fault. */
import type { Instant, Position, RecordedEvent } from '@enfold/core'
import { realWait } from '../clock.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import { type FaultWords, wordsOf } from '../fault-words.ts'
import { isFaultCode } from './park.ts'
import { begin, type Projector, project } from './projector.ts'

/** How many events share a transaction. */
const BATCH = 500
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

export interface Following {
  /** `null`: this process does not follow the log. */
  running: Promise<void> | null
  lastFault: null | (FaultWords & { readonly at: Instant })
  /** It ended with that fault. */
  stopped: boolean
}

/** Until the signal aborts. Only one at a time follows the log; the next begins when that one has ended. */
export async function followInTurn(following: Following, projector: Projector, signal: AbortSignal): Promise<void> {
  const over = aborted(signal)
  while (following.running !== null && !signal.aborted) await Promise.race([following.running.catch(() => {}), over])
  if (signal.aborted) return
  const mine = follow(following, projector, signal).finally(() => {
    following.running = null
  })
  following.running = mine
  return mine
}

async function follow(following: Following, projector: Projector, signal: AbortSignal): Promise<void> {
  const { clock, observe, random } = projector.context
  let pauseMs = FIRST_PAUSE_MS
  following.stopped = false
  while (!signal.aborted) {
    try {
      await followFrom(projector, await begin(projector), signal, () => {
        pauseMs = FIRST_PAUSE_MS
      })
    } catch (error) {
      following.lastFault = { at: clock.now(), ...wordsOf(error) }
      if (isFaultCode(error, 'PROJECTION_STOPPED') || isFaultCode(error, 'PROJECTION_OUT_OF_ORDER')) {
        following.stopped = true
        throw error
      }
      observe({ type: 'projection-failed', error, pauseMs })
    }
    // Also where it ended without a fault: a subscription ends only when it is told to, or when it is lost.
    await realWait(pauseMs * random(), signal)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

/** Takes what is there without waiting for more, up to a batch: while one is written, the next one gathers. */
async function followFrom(
  projector: Projector,
  from: Position,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<void> {
  const end = new AbortController()
  const items = projector.context.store.subscribe(from, AbortSignal.any([signal, end.signal]))[Symbol.asyncIterator]()
  const idle = Symbol('idle')
  try {
    let next = items.next()
    for (let over = false; !over; ) {
      const batch: RecordedEvent[] = []
      for (let item = await next; ; ) {
        over = item.done === true || signal.aborted
        if (over) break
        if (item.value.type !== 'CaughtUp') batch.push(item.value)
        next = items.next()
        // It may reject while the batch is written, before anything awaits it: that must not end the process.
        next.catch(() => {})
        const found = batch.length < BATCH ? await Promise.race([next, yieldToEventLoop().then(() => idle)]) : idle
        if (found === idle) break
        item = found as Awaited<typeof next>
      }
      if (signal.aborted) return
      if (batch.length > 0) await project(projector, batch)
      onProgress()
    }
  } finally {
    end.abort()
    await items.return?.()
  }
}

/** Projects what is recorded now, up to a position. Returns whether there was anything. */
export async function projectToHead(projector: Projector, until: Position): Promise<boolean> {
  let any = false
  let batch: RecordedEvent[] = []
  for await (const event of projector.context.store.readAll(await begin(projector))) {
    if (event.position > until) break
    if (batch.push(event) < BATCH) continue
    any = (await project(projector, batch)) || any
    batch = []
  }
  return (await project(projector, batch)) || any
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
