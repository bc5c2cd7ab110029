/** Dates and times of day as a definition writes them: what is one, and as values to compute with. */
import { Temporal } from 'temporal-polyfill'
import { isInstant } from '../ids.ts'

const WALL_TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/

/** True for "00:00" to "23:59". */
export function isWallTime(text: string): boolean {
  return WALL_TIME.test(text)
}

/** True for a real date and wall time, "2026-12-24T09:00". */
export function isLocalDateTime(text: string): boolean {
  return isInstant(`${text}:00.000Z`)
}

/** True for a real date, "2026-12-24". */
export function isLocalDate(text: string): boolean {
  return isInstant(`${text}T00:00:00.000Z`)
}

export function minuteOf(wallTime: string): number {
  return Number(wallTime.slice(0, 2)) * 60 + Number(wallTime.slice(3, 5))
}

export function timeOf(wallTime: string): Temporal.PlainTime {
  return new Temporal.PlainTime(Number(wallTime.slice(0, 2)), Number(wallTime.slice(3, 5)))
}

/** More days than an instant's 10,000 years have, and few enough for Temporal, which throws beyond year 275760. */
const MOST_DAYS = 4_000_000

/** So many days, cut to what can be computed with. */
export function holdable(days: number): number {
  return Math.min(Math.max(days, -MOST_DAYS), MOST_DAYS)
}
