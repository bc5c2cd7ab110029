/** What may be said of a host's error without saying what it holds: messages quote addresses, texts and parameters. */

/** Names and codes as libraries write them. No "@", no ".", no "+" and few digits: no address and no phone number fits. */
const SHAPE = /^[A-Za-z0-9_-]{1,64}$/
const MOST_DIGITS = 5

/** The text, if it can be nothing but a name or a code; else `null`. */
export function plainName(text: unknown): string | null {
  if (typeof text !== 'string' || !SHAPE.test(text)) return null
  return text.replace(/[^0-9]/g, '').length > MOST_DIGITS ? null : text
}

/** The name and the code of an error, as far as they are plain; what is no error is named by its type. Never throws. */
export function errorNames(error: unknown): { readonly name: string; readonly code: string | null } {
  try {
    if (!(error instanceof Error)) return { name: typeof error, code: null }
    const { name, code } = error as { name: unknown; code?: unknown }
    return { name: typeof name === 'string' ? (plainName(name) ?? 'Error') : '', code: plainName(code) }
  } catch {
    // An error that throws when it is looked at.
    return { name: '', code: null }
  }
}
