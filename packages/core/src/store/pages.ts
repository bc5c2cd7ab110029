/** Readers of a log that is read in pages. */
import type { RecordedEvent } from '../events.ts'
import type { Position, StreamId, Version } from '../ids.ts'
import type { CaughtUp, EventFilter, EventStore } from '../ports/log.ts'
import type { Changes } from './changes.ts'

/** Some events in order, and what to ask for next. */
export interface EventPage {
  readonly events: readonly RecordedEvent[]
  readonly isLast: boolean
  /** How many events the next page should have. `nextSizeOf` says it for events of very different sizes. */
  readonly nextSize: number
}

export interface LogPage extends EventPage {
  /** Where the log stood no later than when the events were read. Used of the last page only. */
  readonly head: Position
}

/** What a log gives at once. */
export interface LogPages {
  /** Events of the stream with version ≥ `from`, at most `size`. */
  streamPage(stream: StreamId, from: Version, size: number): Promise<EventPage>
  /** Events of the log with position > `after`, at most `size`. */
  logPage(after: Position, size: number, filter?: EventFilter): Promise<LogPage>
}

/** Of the first page, when nothing is known of the size of the events. */
export const FIRST_SIZE = 100

/**
 * The size of the next page, so that it has about four million characters: very large events would fill the memory.
 *
 * @param events how many the last page had, with so many characters
 */
export function nextSizeOf(events: number, characters: number): number {
  if (events === 0) return FIRST_SIZE
  return Math.max(1, Math.min(1000, Math.floor((4_000_000 * events) / Math.max(1, characters))))
}

/** All pages, one event after the other. `next` says where the page after an event begins. */
export async function* readInPages<Place>(
  first: Place,
  next: (event: RecordedEvent) => Place,
  page: (place: Place, size: number) => Promise<EventPage>,
  refuseIfClosed: () => void,
): AsyncGenerator<RecordedEvent> {
  refuseIfClosed()
  for (let place = first, size = FIRST_SIZE; ; ) {
    const { events, isLast, nextSize } = await page(place, size)
    for (const event of events) {
      yield event
      refuseIfClosed()
      place = next(event)
    }
    if (isLast) return
    size = nextSize
  }
}

/** @param pollMs how often a subscription looks for what other processes wrote; left out: there are none */
export function createReaders(
  pages: LogPages,
  changes: Changes,
  refuseIfClosed: () => void,
  pollMs?: number,
): Pick<EventStore, 'readStream' | 'readAll' | 'subscribe'> {
  const { streamPage, logPage } = pages
  return {
    readStream: (stream, from = 1) =>
      readInPages(
        Math.max(from, 1),
        ({ version }) => version + 1,
        (version, size) => streamPage(stream, version, size),
        refuseIfClosed,
      ),
    readAll: (after = 0, filter) =>
      readInPages(
        after,
        ({ position }) => position,
        (position, size) => logPage(position, size, filter),
        refuseIfClosed,
      ),
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      refuseIfClosed()
      let caughtUp: Position | null = null
      for (let position = after, size = FIRST_SIZE; !signal.aborted; ) {
        const before = changes.count
        const { events, isLast, nextSize, head } = await logPage(position, size, filter)
        for (const event of events) {
          yield event
          if (signal.aborted) return
          refuseIfClosed()
          position = event.position
        }
        size = nextSize
        if (!isLast) continue
        position = Math.max(position, head)
        if (caughtUp !== position) {
          caughtUp = position
          yield { type: 'CaughtUp', position }
        }
        if (changes.count === before && !signal.aborted) await changes.waitForChange(signal, pollMs)
        if (!signal.aborted) refuseIfClosed()
      }
    },
  }
}
