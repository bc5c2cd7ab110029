/** Time zones: which there are, and whose counts. Rule TIME-5. */
import { Temporal } from 'temporal-polyfill'
import { typeName } from '../fault.ts'
import { epochMsOf, type Instant } from '../ids.ts'

// There are some 600 names; more than this many are somebody's mistakes.
const MOST_ZONES_REMEMBERED = 1_000
const zonesAsked = new Map<string, boolean>()

/**
 * True for a zone that dates and times can be computed in: IANA names and their aliases in any case, and fixed offsets
 * ("+01:00"). The one check is that the library which does the arithmetic takes it: `Intl` also takes "PST", "IST" and
 * some 20 other abbreviations, which mean different things to different people, and which nothing could be computed in.
 * Results are cached, a bounded number of them. Rule TIME-5.
 */
export function isTimeZone(text: unknown): text is string {
  // The longest name has 32 characters. What is longer is not worth remembering.
  if (typeof text !== 'string' || text.length > 100) return false
  let usable = zonesAsked.get(text)
  if (usable === undefined) {
    usable = canComputeIn(text)
    if (zonesAsked.size >= MOST_ZONES_REMEMBERED) zonesAsked.clear()
    zonesAsked.set(text, usable)
  }
  return usable
}

function canComputeIn(timeZone: string): boolean {
  try {
    // Not `toZonedDateTimeISO`, which takes "2026-01-01T00:00Z" for the zone UTC.
    return new Temporal.ZonedDateTime(0n, timeZone).epochMilliseconds === 0
  } catch {
    return false
  }
}

/** The zone that a timer is computed in, as `Timing` records it. */
export interface Zone {
  readonly timeZone: string
  readonly invalidTimeZone?: string
}

/** The contact's zone, else the campaign's, else UTC. */
export function zoneOf(contactZone: unknown, campaignZone: string): Zone {
  const own = contactZone ?? undefined
  if (isTimeZone(own)) return { timeZone: own }
  const timeZone = isTimeZone(campaignZone) ? campaignZone : 'UTC'
  if (own === undefined) return { timeZone }
  return { timeZone, invalidTimeZone: seenZone(own) }
}

/** As long as the longest name of a zone. */
const MOST_SEEN = 32
/** An offset has four. */
const MOST_DIGITS = 4

/**
 * What is recorded of a time zone that is none: cut at the first character that no name of a zone has, and at their
 * length. Where columns of a directory were mixed up, an address or a phone number stands here, and the log keeps what it
 * is given: of what holds an "@" or more digits than an offset, nothing of it is recorded.
 */
export function seenZone(value: unknown): string {
  if (typeof value !== 'string' || value.includes('@') || value.replace(/\D/g, '').length > MOST_DIGITS)
    return typeName(value)
  const [name = ''] = /^[A-Za-z0-9_+\-/:]*/.exec(value) ?? []
  return name === '' ? typeName(value) : name.slice(0, MOST_SEEN)
}

export function zoned(instant: Instant, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(epochMsOf(instant)).toZonedDateTimeISO(timeZone)
}
