/**
 * Questions that the log itself has to answer: what happened lately, and whether the log can be true. Each reads a
 * bounded part of it and says which. Questions about one contact are in `inspect.ts`.
 */
import {
  type CampaignId,
  type ContactId,
  contactOf,
  epochMsOf,
  INDEX_EVENTS,
  type Instant,
  instantOf,
  isCampaignEvent,
  LogCheck,
  type Position,
  parseTag,
  type ReadModel,
  type RecordedContactEvent,
  type SequenceRef,
  type Tag,
  tagChanges,
  type Verified,
} from '@enfold/core'
import { yieldToEventLoop } from './event-loop.ts'
import type { EngineContext } from './execute.ts'
import * as input from './input.ts'

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
  let lastKnown: Position = 0

  /** The last position of the log: found by asking what stands behind a position, from the one that was last before. */
  async function lastPosition(): Promise<Position> {
    const isBehind = async (position: Position) => {
      for await (const _ of store.readAll(position)) return true
      return false
    }
    if (!(await isBehind(lastKnown))) return lastKnown
    // Something stands behind `low`, and nothing behind `high`.
    let low = lastKnown
    let step = 1024
    for (; await isBehind(low + step); step *= 2) low += step
    let high = low + step
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (await isBehind(middle)) low = middle
      else high = middle
    }
    lastKnown = high
    return high
  }

  async function* histories(contacts: Iterable<string>): AsyncGenerator<readonly RecordedContactEvent[]> {
    const streams = [...contacts]
    for (let i = 0; i < streams.length; i += GROUP) {
      const group = await store.readMany(streams.slice(i, i + GROUP))
      yield* group.values() as Iterable<readonly RecordedContactEvent[]>
      await yieldToEventLoop()
    }
  }

  async function levelsOf(
    window: readonly RecordedContactEvent[],
    isWanted: (campaignId: CampaignId) => boolean,
  ): Promise<Activity['sequences']> {
    const [first, last] = [window[0], window.at(-1)]
    if (first === undefined || last === undefined) return []
    const moved = new Set(window.filter(({ type }) => INDEX_EVENTS.has(type)).map(({ stream }) => stream))
    const changes = new Map<Tag, { readonly at: Instant; readonly by: number }[]>()
    for await (const history of histories(moved))
      for (const { tag, by, event } of movesOf(history)) {
        if (event.position < first.position || event.position > last.position) continue
        const known = changes.get(tag)
        if (known === undefined) changes.set(tag, [{ at: event.at, by }])
        else known.push({ at: event.at, by })
      }
    const [fromMs, toMs] = [epochMsOf(first.at), epochMsOf(last.at)]
    const instants = Array.from({ length: LEVELS }, (_, i) => instantOf(fromMs + ((toMs - fromMs) * i) / (LEVELS - 1)))
    const sequences: Activity['sequences'][number][] = []
    for (const [tag, moves] of changes) {
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

  return {
    async activity(query = {}) {
      input.checkInput('inspect.activity', query, {
        'events?': input.wholeNumber(1, 1_000_000),
        'campaigns?': input.ids,
      })
      const { events = 20_000, campaigns } = query
      const isWanted = (campaignId: CampaignId) => campaigns === undefined || campaigns.includes(campaignId)
      const start = Math.max(0, (await lastPosition()) - events)
      const window: RecordedContactEvent[] = []
      for await (const event of store.readAll(start, { streams: 'contacts' })) {
        if (isCampaignEvent(event)) continue
        window.push(event)
        if (window.length % YIELD_EVERY === 0) await yieldToEventLoop()
        // What is appended while this reads is none of its affair.
        if (window.length === events) break
      }
      const wanted = window.filter(({ data }) => !('campaignId' in data) || isWanted(data.campaignId))
      return {
        from: window[0]?.at ?? null,
        to: window.at(-1)?.at ?? null,
        events: window.length,
        complete: start === 0,
        hours: hoursOf(wanted),
        sequences: await levelsOf(window, isWanted),
      }
    },
    async verifyLog(query = {}) {
      input.checkInput('inspect.verifyLog', query, { 'events?': input.wholeNumber(1, 10_000_000) })
      const { events = 250_000 } = query
      const at = clock.now()
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
    },
  }
}

/** Who entered and who left, by what really changed: a stop of a run that waited has left nothing in progress. */
function* movesOf(history: readonly RecordedContactEvent[]) {
  const tags = new Set<Tag>()
  for (const event of history)
    for (const change of tagChanges(contactOf(event.stream) as ContactId, event)) {
      if (change.change === 'clear') {
        for (const tag of tags) yield { tag, by: -1, event }
        tags.clear()
      } else if (change.change === 'remove') {
        if (tags.delete(change.tag)) yield { tag: change.tag, by: -1, event }
      } else if (!tags.has(change.tag)) {
        tags.add(change.tag)
        yield { tag: change.tag, by: 1, event }
      }
    }
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
