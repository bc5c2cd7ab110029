/** Instants and runs in words for people. Events are said by `describeEvent` of the core. */
import { type Instant, isTimeZone, type Wording } from 'enfold'
import { idInWords } from 'enfold/core'

/** "2026-03-04 07:00 UTC" */
export function utc(instant: Instant): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** "Wed 4 Mar 08:00 Europe/Berlin" */
export function local(instant: Instant, timeZone: string): string {
  return `${wallTime(instant, timeZone)} ${timeZone}`
}

function wallTime(instant: Instant, timeZone: string): string {
  let format = formats.get(timeZone)
  if (format === undefined) {
    const options = { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } as const
    format = new Intl.DateTimeFormat('en-GB', { timeZone, hourCycle: 'h23', ...options })
    formats.set(timeZone, format)
  }
  const parts = new Map(format.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]))
  const [weekday, day, month] = ['weekday', 'day', 'month'].map((part) => parts.get(part as 'day'))
  return `${weekday} ${day} ${month} ${parts.get('hour')}:${parts.get('minute')}`
}

/** The first of these zones that this machine knows, else UTC. */
export function zoneAmong(...zones: readonly (string | undefined)[]): string {
  return zones.find((zone) => isTimeZone(zone)) ?? 'UTC'
}

export function run({ sequenceId, run }: { readonly sequenceId: string; readonly run: number }): string {
  return `${idInWords(sequenceId)} (run ${run})`
}

/** Sequences, goals and steps by their ids alone, because there is one campaign; instants in the contact's zone. */
export function wordingFor(timeZone: string): Wording {
  return {
    name: ({ campaignId, sequenceId, goalId, stepId }) => idInWords(stepId ?? sequenceId ?? goalId ?? campaignId),
    instant: (instant) => wallTime(instant, timeZone),
  }
}
