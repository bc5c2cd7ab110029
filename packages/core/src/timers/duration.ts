/** Durations of elapsed time, as ISO 8601 writes them. Rules TIME-1, TIME-8. */

const AMOUNT = String.raw`(\d+(?:[.,]\d{1,6})?)`
const DURATION = new RegExp(
  `^P(?=[\\dT])(?:${AMOUNT}W)?(?:${AMOUNT}D)?(?:T(?=\\d)(?:${AMOUNT}H)?(?:${AMOUNT}M)?(?:${AMOUNT}S)?)?$`,
)
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000]

/** For messages, wherever a duration was expected. */
export const A_DURATION = 'an ISO 8601 duration of elapsed time such as "PT2H" or "P3D"'
export const A_SIGNED_DURATION = 'an ISO 8601 duration of elapsed time, with "-" for earlier, such as "P2D" or "-PT3H"'

/**
 * Milliseconds of an ISO 8601 duration of elapsed time: weeks, days (of 24 hours), hours, minutes, seconds (TIME-1).
 * The smallest unit given may have a fraction, as ISO 8601 allows: six digits at most, and whole milliseconds in all.
 * `null` for months and years, which have no fixed length, for negative durations, for more than 2^53 ms (285,000
 * years) and for what is no duration.
 *
 * @example
 * durationMs('PT1.5H') // 5_400_000
 * durationMs('P1M')    // null
 */
export function durationMs(text: string): number | null {
  const amounts = DURATION.exec(text)?.slice(1)
  if (amounts === undefined) return null
  let total = 0
  let fractionSeen = false
  for (const [index, unitMs] of UNITS_MS.entries()) {
    const amount = amounts[index]
    if (amount === undefined) continue
    if (fractionSeen) return null
    const [whole = '', fraction = ''] = amount.split(/[.,]/)
    fractionSeen = fraction !== ''
    // The product stays below 2^53, so the quotient is a whole number only where the fraction really comes out even.
    total += Number(whole) * unitMs + (Number(fraction) * unitMs) / 10 ** fraction.length
  }
  return Number.isSafeInteger(total) ? total : null
}

/**
 * The same with a sign before it: "-PT1H" is an hour before, "PT1H" and "+PT1H" an hour after. Rule TIME-8.
 *
 * @example
 * signedDurationMs('-PT1H') // -3_600_000
 */
export function signedDurationMs(text: string): number | null {
  const ms = durationMs(/^[+-]/.test(text) ? text.slice(1) : text)
  return ms !== null && text.startsWith('-') ? -ms : ms
}
