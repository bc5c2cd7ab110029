/** What stores have in common of an append: its parts as one of many, and what is refused before anything is written. */
import { encodeEvent, MAX_LINE_LENGTH } from './codec.ts'
import { MAX_JSON_DEPTH, tooDeepIn } from './depth.ts'
import type { NewEvent, RecordedEvent } from './events.ts'
import { EnfoldFault } from './fault.ts'
import type { StreamId } from './ids.ts'
import type { ExpectedVersion, RequiredVersion, StreamAppend } from './ports/log.ts'
import type { Derived } from './ports/projection.ts'

/** What is left out stays out. */
export function appendOf(
  stream: StreamId,
  events: readonly NewEvent[],
  expected: ExpectedVersion,
  derived?: Derived,
  requires?: readonly RequiredVersion[],
): StreamAppend {
  return {
    stream,
    events,
    expected,
    ...(derived === undefined ? {} : { derived }),
    ...(requires === undefined ? {} : { requires }),
  }
}

/**
 * Refuses an append that no store takes: one without events, and one with an event that nobody could read from an export
 * again, because its line would be longer, or nested deeper, than lines that are read (AUDIT-1).
 *
 * @throws EnfoldFault `INVALID_INPUT`
 */
export function checkAppend({ stream, events }: Pick<StreamAppend, 'stream' | 'events'>): void {
  if (events.length === 0) throw EnfoldFault.invalidInput('append.events', events, 'at least one event')
  for (const [i, event] of events.entries())
    checkEvent(stream, event, `append.events[${i}]`, JSON.stringify(event).length)
}

/**
 * The same of one event, for a store that has written it as JSON already.
 *
 * @param length of the event as JSON, in units of UTF-16
 * @throws EnfoldFault `INVALID_INPUT`
 */
export function checkEvent(stream: StreamId, event: NewEvent, path: string, length: number): void {
  // In the line the data stand one level down.
  if (tooDeepIn(event.data, MAX_JSON_DEPTH - 1) !== null)
    throw EnfoldFault.unshownInput(
      `${path} (${event.type})`,
      'is nested too deep',
      `at most ${MAX_JSON_DEPTH} levels in its line of a log`,
    )
  // A unit of UTF-16 takes up to three bytes: hardly any event needs counting.
  if (3 * length + MOST_AROUND <= MAX_LINE_LENGTH) return
  const bytes = new TextEncoder().encode(encodeEvent({ ...event, ...LONGEST_PLACE, stream } as RecordedEvent)).length
  if (bytes > MAX_LINE_LENGTH)
    throw EnfoldFault.unshownInput(
      `${path} (${event.type})`,
      `would have ${bytes} bytes in a log`,
      `at most ${MAX_LINE_LENGTH}`,
    )
}

/** More than what a line has besides what stands in the event: names of attributes, its subject, its place, its hash. */
const MOST_AROUND = 16_384
const LONGEST_PLACE = { version: 2 ** 31 - 1, position: Number.MAX_SAFE_INTEGER, hash: 'f'.repeat(64) }
