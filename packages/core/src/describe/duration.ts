/** A length of time in words. */

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
  [1, 'millisecond'],
] as const

/** From a minute on nobody asks for milliseconds. */
const COARSE_MS = 60_000

/** "2 days 3 hours", "300 milliseconds"; a day has 24 hours. */
export function durationInWords(ms: number): string {
  let left = ms >= COARSE_MS ? Math.round(ms / 1000) * 1000 : ms
  const parts: string[] = []
  for (const [unit, name] of UNITS) {
    const count = Math.floor(left / unit)
    if (count === 0) continue
    left -= count * unit
    parts.push(`${count} ${name}${count === 1 ? '' : 's'}`)
  }
  return parts.length === 0 ? 'no time' : parts.join(' ')
}
