/** Reads: streams in pages, and the log over subscriptions. */
import {
  type CaughtUp,
  type ContactId,
  contactOf,
  contactStream,
  EnfoldFault,
  type EventFilter,
  isLegalId,
  type Position,
  type RecordedEvent,
  type StreamId,
  type Version,
} from '@enfold/core'
import { unknownCursor } from '@enfold/core/store'
import { type LogAccess, PAGE } from './append.ts'
import type { StoredEvent } from './client.ts'
import { type FollowOptions, follow } from './follow.ts'
import { endWith, growingHead } from './stream-heads.ts'
import { recordedOf, type StreamNames } from './wire-event.ts'

/** The log, and how it is followed. */
export interface LogReading extends LogAccess {
  readonly following: Pick<FollowOptions, 'client' | 'credentials' | 'callTimeoutMs'>
  /** Where the last reading of campaigns began, and up to where it found nothing more. */
  campaignsRead: { readonly after: Position; readonly nothingUpTo: Position }
}

export async function* pagesOf(
  at: LogAccess,
  stream: StreamId,
  from: Version,
): AsyncGenerator<readonly RecordedEvent[]> {
  const name = at.names.nameOf(stream)
  const head = growingHead()
  for (let next = from - 1; ; ) {
    const page = await at.calls.read(name, next, PAGE)
    const events = page === 'missing' ? [] : page.map((event) => recordedOf(event, at.names))
    if (page === 'missing') at.heads.forget(stream)
    if (from === 1) {
      for (const event of events) head.add(event)
      at.heads.offer(stream, head)
    }
    if (events.length > 0) yield events
    const last = events.at(-1)
    if (from > 1 && last !== undefined) at.ends.offer(stream, endWith(last))
    if (events.length < PAGE) return
    next = (events.at(-1) as RecordedEvent).version
  }
}

export async function wholeStream(at: LogAccess, stream: StreamId): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const page of pagesOf(at, stream, 1)) events.push(...page)
  return events
}

const bothKinds = ({ names }: LogReading) => [names.contacts, names.campaigns]

export function readLog(at: LogReading, after: Position, filter: EventFilter, signal: AbortSignal) {
  const { streams } = filter
  if (streams === 'campaigns') return campaignsAfter(at, checkedPosition(after), signal)
  return recordedAfter(at, checkedPosition(after), streams === 'contacts' ? [at.names.contacts] : bothKinds(at), signal)
}

/** Up to what is recorded when it gets there. */
async function* recordedAfter(
  at: LogReading,
  after: Position,
  prefixes: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<readonly RecordedEvent[]> {
  const options = { ...at.following, prefixes, giveUpAfterMs: at.giveUpAfterMs }
  for await (const stored of follow(after, signal, options)) {
    if (stored === null) return
    yield* recordedIn(stored, at.names)
  }
}

/** Those before one that cannot be read are given first. */
function* recordedIn(stored: readonly StoredEvent[], names: StreamNames): Generator<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = []
  try {
    for (const one of stored) events.push(recordedOf(one, names))
  } catch (error) {
    yield events
    throw error
  }
  yield events
}

/**
 * Campaigns alone are asked for often, and from the same position each time while nobody publishes. So that the server
 * need not search the whole log again, it is remembered up to where there was nothing.
 */
async function* campaignsAfter(at: LogReading, after: Position, signal: AbortSignal) {
  const { campaignsRead } = at
  const from = campaignsRead.after === after ? Math.max(after, campaignsRead.nothingUpTo) : after
  const end = await at.calls.end()
  let last = after
  for await (const events of recordedAfter(at, from, [at.names.campaigns], signal)) {
    last = events.at(-1)?.position ?? last
    yield events
  }
  if (!signal.aborted) at.campaignsRead = { after: last, nothingUpTo: Math.max(last, end) }
}

export async function* followLog(
  at: LogReading,
  after: Position,
  { streams }: EventFilter,
  signal: AbortSignal,
): AsyncGenerator<readonly (RecordedEvent | CaughtUp)[]> {
  let position = checkedPosition(after)
  // Both kinds are asked for, whichever is wanted: so a reader of campaigns is carried past the contacts' events.
  const options = { ...at.following, prefixes: bothKinds(at), giveUpAfterMs: Number.POSITIVE_INFINITY }
  const isOf = ({ stream }: RecordedEvent) => (contactOf(stream) === null ? 'campaigns' : 'contacts') === streams
  for await (const stored of follow(after, signal, options)) {
    if (stored === null) {
      yield [{ type: 'CaughtUp', position }]
      continue
    }
    for (const events of recordedIn(stored, at.names)) {
      position = events.at(-1)?.position ?? position
      // An engine that follows the log appends to these streams without a look at them.
      for (const event of events) if (contactOf(event.stream) !== null) at.ends.offer(event.stream, endWith(event))
      yield streams === undefined ? events : events.filter(isOf)
    }
  }
}

export async function contactsAfter(
  at: LogReading,
  after: ContactId | null,
  limit: number,
): Promise<readonly ContactId[]> {
  // In the order of their first events.
  let from = 0
  if (after !== null) {
    if (!isLegalId(after)) throw unknownCursor(after, 'a contact that has a stream')
    const page = await at.calls.read(at.names.nameOf(contactStream(after)), 0, 1)
    const [first] = page === 'missing' ? [] : page
    if (first === undefined) throw unknownCursor(after, 'a contact that has a stream')
    from = recordedOf(first, at.names).position
  }
  const found: ContactId[] = []
  for await (const events of recordedAfter(at, from, [at.names.contacts], new AbortController().signal)) {
    for (const { stream, version } of events) if (version === 1) found.push(contactOf(stream) as ContactId)
    if (found.length >= limit) break
  }
  return found.slice(0, limit)
}

function checkedPosition(after: Position): Position {
  if (Number.isSafeInteger(after) && after >= 0) return after
  throw EnfoldFault.invalidInput('after', after, 'a position from 0')
}
