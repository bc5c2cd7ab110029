/** Instants as people read them: in the operator's zone, and where it matters in the contact's, too. */
import { epochMsOf, type Instant, instantOf, isTimeZone } from '@enfold/core'
import { html } from 'hono/html'
import type { Html } from './call.ts'

const MOST_FORMATS = 200
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = JSON.stringify([timeZone, options])
  const known = formats.get(name)
  if (known !== undefined) return known
  if (formats.size >= MOST_FORMATS) formats.clear()
  const made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: isTimeZone(timeZone) ? timeZone : 'UTC' })
  formats.set(name, made)
  return made
}

const MINUTE: Intl.DateTimeFormatOptions = {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
}

/** "2 Mar 2026, 09:00" */
export function wallTime(instant: Instant, timeZone: string): string {
  return formatOf(timeZone, MINUTE).format(epochMsOf(instant))
}

export function dayOf(instant: Instant, timeZone: string): string {
  return formatOf(timeZone, { day: 'numeric', month: 'short' }).format(epochMsOf(instant))
}

/** "Mon 2 Mar", of a day such as "2026-03-02". */
export function dayName(day: string): string {
  return formatOf('UTC', { weekday: 'short', day: 'numeric', month: 'short' }).format(Date.parse(`${day}T12:00:00Z`))
}

/**
 * An instant in the operator's zone; with the contact's zone, if it says another wall time, also in that. In a zone that
 * nobody knows there is no wall time.
 */
export function when(instant: Instant, timeZone: string, contactZone: string | null = null): Html {
  const here = wallTime(instant, timeZone)
  const there = isTimeZone(contactZone) ? wallTime(instant, contactZone) : here
  return html`<time datetime="${instant}" title="${instant}">${here}</time>${
    there === here ? '' : html` <span class="there" title="${contactZone}">${shortened(there, here)} there</span>`
  }`
}

/** Without the date, where that is the same. */
function shortened(there: string, here: string): string {
  const [date, time] = there.split(', ')
  return here.startsWith(`${date},`) && time !== undefined ? time : there
}

/** "3 days", "2 h", "40 s": one unit, rounded down. */
export function span(ms: number): string {
  for (const [unit, name] of UNITS)
    if (ms >= unit) return `${Math.floor(ms / unit)} ${name}${ms >= 2 * unit && name === 'day' ? 's' : ''}`
  return `${Math.floor(ms / 1000)} s`
}

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

/** "2026-03-02T09:00", as a field of a form has it, in a zone. */
export function fieldTime(instant: Instant, timeZone: string): string {
  const options = { ...MINUTE, month: '2-digit', day: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const parts = new Map(
    formatOf(timeZone, options)
      .formatToParts(epochMsOf(instant))
      .map((part) => [part.type, part.value]),
  )
  const two = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? '00'
  return `${two('year').padStart(4, '0')}-${two('month')}-${two('day')}T${two('hour')}:${two('minute')}:${two('second')}`
}

/** The instant of a field's wall time in a zone; `null` if it is no time. Of a time that does not exist, one near it. */
export function instantOfField(text: string, timeZone: string): Instant | null {
  const asUtc = Date.parse(`${text}Z`)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/.test(text) || Number.isNaN(asUtc)) return null
  let ms = asUtc
  // The offset at the wall time taken as UTC may be another than at the instant itself: twice is enough.
  for (let i = 0; i < 2; i++) {
    const shown = Date.parse(`${fieldTime(instantOf(ms), timeZone)}Z`)
    ms += Math.floor(asUtc / 1000) * 1000 - shown
  }
  return instantOf(ms)
}

/** When a step is due; of one that is and waits for its window, when that opens. */
export function whenNext(
  { dueAt, opensAt }: { readonly dueAt: Instant; readonly opensAt?: Instant },
  timeZone: string,
  contactZone: string | null = null,
): Html {
  if (opensAt === undefined) return when(dueAt, timeZone, contactZone)
  return html`${when(opensAt, timeZone, contactZone)} <span class="quiet">its window opens; due since ${when(dueAt, timeZone, contactZone)}</span>`
}
