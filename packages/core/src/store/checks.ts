/** What every store checks of what it is asked, and says in the same words. */
import type { NewEvent, RecordedEvent } from '../events.ts'
import { EnfoldFault } from '../fault.ts'
import type { EventId, Instant, StreamId, Version } from '../ids.ts'
import { epochMsOf, instantOf } from '../ids.ts'
import type { Appended, ExpectedVersion } from '../ports/log.ts'
import type { Page } from '../ports/tag-index.ts'

/** @throws EnfoldFault `INVALID_INPUT` unless it is a whole number from 1 */
export function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw EnfoldFault.invalidInput('limit', limit, 'a whole number from 1')
}

/** @throws EnfoldFault `INVALID_INPUT` unless its limit is a whole number from 1 to 10,000 */
export function checkedPage(page: Page): Page {
  const { limit } = page
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000) return page
  throw EnfoldFault.invalidInput('page.limit', limit, 'a whole number from 1 to 10,000')
}

/** Of a cursor that is none of the list's own. */
export function unknownCursor(after: unknown, what: string): EnfoldFault {
  return EnfoldFault.invalidInput('after', after, `null, or ${what}`)
}

/** The fault `EVENT_ID_REUSED`: nothing was written. */
export function idReused(id: EventId, stream: StreamId): EnfoldFault {
  const message = `The event id ${JSON.stringify(id)} stands in the log already, in other company. Nothing was written; use another command id.`
  return new EnfoldFault('EVENT_ID_REUSED', message, { id, stream })
}

/** @param last the last of the events of one append */
export function appendedOf(
  { version, position }: Pick<RecordedEvent, 'version' | 'position'>,
  repeated: boolean,
): Appended {
  return { outcome: 'appended', version, position, repeated }
}

/** The version that an expectation means: 0 for a stream that is not to be there. */
export function versionExpected(expected: ExpectedVersion): Version {
  return expected === 'no-stream' ? 0 : expected
}

/** An event without a hash that came along: that is of another log, from which the event is imported. */
export function withoutHash(event: NewEvent): NewEvent {
  const { hash: _, ...own } = event as NewEvent & { readonly hash?: string }
  return own as NewEvent
}

/** When a lease that is given at `now` ends. */
export function leaseEnd(now: Instant, leaseMs: number): Instant {
  return instantOf(epochMsOf(now) + leaseMs)
}
