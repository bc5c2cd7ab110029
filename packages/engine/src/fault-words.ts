/** What may be said of something thrown: to operators, in results that are kept, and in health checks. */
import { type FaultCode, isEnfoldFault, typeName } from '@enfold/core'

/** A fault in words of our own: no value of the host's is in it. */
export interface FaultWords {
  readonly code: FaultCode | 'UNEXPECTED'
  readonly message: string
}

/**
 * Of an Enfold fault its code and message, but of input that was refused the path alone: the message quotes the value.
 * Of any other error only its kind, because its text may quote what it was about (LOG-4).
 */
export function wordsOf(error: unknown): FaultWords {
  if (!isEnfoldFault(error)) return { code: 'UNEXPECTED', message: `${typeName(error)} was thrown.` }
  const { code, details, message } = error
  // Without a path it is no input of a verb that was refused, and quotes none.
  if (code !== 'INVALID_INPUT' || details.path === undefined) return { code, message }
  return { code, message: `${String(details.path)} is invalid; expected ${String(details.expected)}.` }
}

/** The same in one line. */
export function lineOf(error: unknown): string {
  const { code, message } = wordsOf(error)
  return `${code}: ${message}`
}
