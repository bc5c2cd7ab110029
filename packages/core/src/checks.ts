/** What one property of an input must be. Each check throws `INVALID_INPUT`, which names the path, for what is not right. */
import { EnfoldFault } from './fault.ts'
import { isInstant, requireId } from './ids.ts'
import { A_SIGNED_DURATION, signedDurationMs } from './timers/duration.ts'

export type Check = (path: string, value: unknown) => void

export const id: Check = (path, value) => void requireId(path, value)

export const text: Check = (path, value) => {
  if (typeof value !== 'string' || value.length === 0 || value.length > 10_000)
    throw EnfoldFault.invalidInput(path, value, 'a text of 1 to 10,000 characters')
}

export const flag: Check = (path, value) => {
  if (typeof value !== 'boolean') throw EnfoldFault.invalidInput(path, value, 'true or false')
}

export const instant: Check = (path, value) => {
  if (isInstant(value)) return
  const expected = 'an instant in UTC with milliseconds, such as "2026-03-01T09:00:00.000Z"'
  // As JSON it would look like what was expected.
  if (value instanceof Date) throw EnfoldFault.unshownInput(path, 'is a Date', `${expected}: pass date.toISOString()`)
  throw EnfoldFault.invalidInput(path, value, expected)
}

export const instantOrNull: Check = (path, value) => {
  if (value !== null) instant(path, value)
}

export const signedDuration: Check = (path, value) => {
  if (typeof value !== 'string' || signedDurationMs(value) === null)
    throw EnfoldFault.invalidInput(path, value, A_SIGNED_DURATION)
}

export const oneOf =
  (...words: readonly string[]): Check =>
  (path, value) => {
    if (!words.includes(value as string)) throw EnfoldFault.invalidInput(path, value, words.join(', '))
  }

export const wholeNumber =
  (min: number, max: number): Check =>
  (path, value) => {
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
      throw EnfoldFault.invalidInput(path, value, `a whole number from ${min} to ${max}`)
  }

/** For those who check the orders of hosts. */
export const checks = { id, text, flag, instant, instantOrNull, signedDuration, oneOf, wholeNumber }
