/**
 * Questions that the log itself has to answer: what happened lately, and whether the log can be true. Each reads a
 * bounded part of it and says which. Questions about one contact are in `inspect.ts`.
 */
import {
  type CampaignId,
  type ContactId,
  contactOf,
  type EventStore,
  epochMsOf,
  INDEX_EVENTS,
  type Instant,
  instantOf,
  isCampaignEvent,
  type Membership,
  membershipsAfter,
  type Position,
  parseTag,
  type ReadModel,
  type RecordedContactEvent,
  type SequenceRef,
  type StreamId,
  type Tag,
} from '@enfold/core'
import { LogCheck, type Verified } from '@enfold/core/log'
import type { EngineContext } from '../engine-context.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import * as input from '../input.ts'

/** What happened lately, as the end of the log tells it. */
export interface Activity {
  /** The instants of the first and last event that was read; `null`: there was none. */
  readonly from: Instant | null
  readonly to: Instant | null
  /** How many events were read: those of contacts. */
  readonly events: number
  /** True: the whole log was read. False: there is more before `from`. */
  readonly complete: boolean
  /** Hours in which a step was sent, failed for good or was skipped, oldest first. `hour` is its beginning. */
  readonly hours: readonly {
    readonly hour: Instant
    readonly sent: number
    readonly failed: number
    readonly skipped: number
  }[]
  /** Of each sequence that somebody entered or left: how many were in progress at instants between `from` and `to`. */
  readonly sequences: readonly (SequenceRef & {
    readonly levels: readonly { readonly at: Instant; readonly active: number }[]
  })[]
}

/** What `verify` of `@enfold/core` says of the log, or of its beginning. */
export interface LogReport extends Verified {
  /** When it was asked for. */
  readonly at: Instant
  /** False: the log has more events than were asked for, and those were not looked at. */
  readonly complete: boolean
}

export interface LogQuestions {
  /**
   * What happened lately: sendings by the hour, how full sequences were. Reads the end of the log, by
   * positions: `events` of them, 1 to 1,000,000, default 20,000; and the histories of contacts that moved therein.
   * `campaigns`: only these; default all.
   */
  activity(query?: { readonly events?: number; readonly campaigns?: readonly CampaignId[] }): Promise<Activity>
  /**
   * Verifies the log from its beginning (AUDIT-4), at most `events` of it: 1 to 10,000,000, default 250,000. Memory
   * grows with the contacts in it. The command line verifies any length, and seals.
   */
  verifyLog(query?: { readonly events?: number }): Promise<LogReport>
}

/** Points of a line. */
const LEVELS = 60
/** Contacts whose histories are read at once. */
const GROUP = 200
/** Events that are read between two yields to the event loop. */
const YIELD_EVERY = 1000
const HOUR_MS = 3_600_000

export function createLogQuestions({ clock, store }: EngineContext, readModel: ReadModel): LogQuestions {
  const lastPosition = createLastPosition(store)
  return {
    async activity(query = {}) {
      input.checkInput('inspect.activity', query, {
        'events?': input.wholeNumber(1, 1_000_000),
        'campaigns?': input.ids,
      })
      const { events = 20_000, campaigns } = query
      const isWanted = (campaignId: CampaignId) => campaigns === undefined || campaigns.includes(campaignId)
      const start = Math.max(0, (await lastPosition()) - events)
      const read = await contactEventsFrom(store, start, events)
      const wanted = read.filter(({ data }) => !('campaignId' in data) || isWanted(data.campaignId))
      return {
        from: read[0]?.at ?? null,
        to: read.at(-1)?.at ?? null,
        events: read.length,
        complete: start === 0,
        hours: hoursOf(wanted),
        sequences: await levelsOf(store, readModel, read, isWanted),
      }
    },
    async verifyLog(query = {}) {
      input.checkInput('inspect.verifyLog', query, { 'events?': input.wholeNumber(1, 10_000_000) })
      return verifiedLog(store, query.events ?? 250_000, clock.now())
    },
  }
}

async function verifiedLog(store: EventStore, events: number, at: Instant): Promise<LogReport> {
  const check = new LogCheck()
  let complete = true
  for await (const event of store.readAll()) {
    if (check.events === events) {
      complete = false
      break
    }
    check.add(event)
    if (check.events % YIELD_EVERY === 0) await yieldToEventLoop()
  }
  // What is read in part may end in the middle of an append.
  if (complete) check.end()
  const { contacts, hashed, faults, warnings, warningCount } = check
  return { events: check.events, contacts, hashed, faults, warnings, warningCount, seal: null, at, complete }
}

/** The last position of the log: found by asking what comes after a position, from the one that was last before. */
function createLastPosition(store: EventStore): () => Promise<Position> {
  let lastKnown: Position = 0
  const hasMoreAfter = async (position: Position) => {
    for await (const _ of store.readAll(position)) return true
    return false
  }
  return async () => {
    if (!(await hasMoreAfter(lastKnown))) return lastKnown
    // There is something after `low`, and nothing after `high`.
    let low = lastKnown
    let step = 1024
    for (; await hasMoreAfter(low + step); step *= 2) low += step
    let high = low + step
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (await hasMoreAfter(middle)) low = middle
      else high = middle
    }
    lastKnown = high
    return high
  }
}

/** What is appended while this reads does not belong to it. */
async function contactEventsFrom(
  store: EventStore,
  start: Position,
  most: number,
): Promise<readonly RecordedContactEvent[]> {
  const read: RecordedContactEvent[] = []
  for await (const event of store.readAll(start, { streams: 'contacts' })) {
    if (isCampaignEvent(event)) continue
    read.push(event)
    if (read.length % YIELD_EVERY === 0) await yieldToEventLoop()
    if (read.length === most) break
  }
  return read
}

async function levelsOf(
  store: EventStore,
  readModel: ReadModel,
  read: readonly RecordedContactEvent[],
  isWanted: (campaignId: CampaignId) => boolean,
): Promise<Activity['sequences']> {
  const [first, last] = [read[0], read.at(-1)]
  if (first === undefined || last === undefined) return []
  const instants = instantsBetween(first.at, last.at)
  const sequences: Activity['sequences'][number][] = []
  for (const [tag, moves] of await movesByTag(store, read, first.position, last.position)) {
    const parsed = parseTag(tag)
    if (parsed === null || parsed.waiting || !isWanted(parsed.campaignId)) continue
    const { campaignId, sequenceId } = parsed
    const now = await readModel.count(tag)
    // Backwards from what is: what came later is taken away again.
    const levels = instants.map((at) => ({
      at,
      active: Math.max(0, now - moves.reduce((sum, move) => sum + (move.at > at ? move.by : 0), 0)),
    }))
    sequences.push({ campaignId, sequenceId, levels })
  }
  return sequences
}

function instantsBetween(from: Instant, to: Instant): readonly Instant[] {
  const [fromMs, toMs] = [epochMsOf(from), epochMsOf(to)]
  return Array.from({ length: LEVELS }, (_, i) => instantOf(fromMs + ((toMs - fromMs) * i) / (LEVELS - 1)))
}

/** For each tag, when contacts gained or lost it between two positions. */
async function movesByTag(
  store: EventStore,
  read: readonly RecordedContactEvent[],
  from: Position,
  to: Position,
): Promise<ReadonlyMap<Tag, readonly { readonly at: Instant; readonly by: number }[]>> {
  const streams = new Set(read.filter(({ type }) => INDEX_EVENTS.has(type)).map(({ stream }) => stream))
  const moves = new Map<Tag, { readonly at: Instant; readonly by: number }[]>()
  for await (const history of historiesOf(store, [...streams]))
    for (const { tag, by, event } of movesOf(history)) {
      if (event.position < from || event.position > to) continue
      const known = moves.get(tag)
      if (known === undefined) moves.set(tag, [{ at: event.at, by }])
      else known.push({ at: event.at, by })
    }
  return moves
}

async function* historiesOf(
  store: EventStore,
  streams: readonly StreamId[],
): AsyncGenerator<readonly RecordedContactEvent[]> {
  for (let i = 0; i < streams.length; i += GROUP) {
    const group = await store.readMany(streams.slice(i, i + GROUP))
    yield* group.values() as Iterable<readonly RecordedContactEvent[]>
    await yieldToEventLoop()
  }
}

/** Who entered and who left, by what really changed: a stop of a run that waited has left nothing in progress. */
function* movesOf(history: readonly RecordedContactEvent[]) {
  let before: readonly Membership[] = []
  for (const event of history) {
    if (!INDEX_EVENTS.has(event.type)) continue
    const after = membershipsAfter(contactOf(event.stream) as ContactId, [event], before)
    for (const { tag } of missing(before, after)) yield { tag, by: -1, event }
    for (const { tag } of missing(after, before)) yield { tag, by: 1, event }
    before = after
  }
}

function missing(all: readonly Membership[], others: readonly Membership[]): readonly Membership[] {
  return all.filter((one) => !others.some(({ tag, key }) => tag === one.tag && key === one.key))
}

function hoursOf(window: readonly RecordedContactEvent[]): Activity['hours'] {
  const hours = new Map<number, { sent: number; failed: number; skipped: number }>()
  for (const { at, data, type } of window) {
    const what =
      type === 'StepSent'
        ? 'sent'
        : type === 'StepSkipped'
          ? 'skipped'
          : type === 'StepFailed' && data.consequence !== 'retry'
            ? 'failed'
            : null
    if (what === null) continue
    const hour = Math.floor(epochMsOf(at) / HOUR_MS)
    const counts = hours.get(hour) ?? { sent: 0, failed: 0, skipped: 0 }
    counts[what] += 1
    hours.set(hour, counts)
  }
  return [...hours].sort(([a], [b]) => a - b).map(([hour, counts]) => ({ hour: instantOf(hour * HOUR_MS), ...counts }))
}
