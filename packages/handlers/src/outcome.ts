/**
 * How the handlers say that a step failed. A reason is made of codes only, never of a text that a server, a host's
 * function or a person wrote: it is recorded in the log, and the log holds no address (LOG-4).
 */
import type { StepOutcome } from '@enfold/core'

type Failed = Extract<StepOutcome, { readonly outcome: 'failed' }>

export function failed(reason: string): Failed {
  return { outcome: 'failed', reason }
}

export function failedForGood(reason: string): Failed {
  return { outcome: 'failed', reason, permanent: true }
}

/** The other side may have done its part, and its answer was lost: the step's `onUnknown` decides (STEP-6). */
export function failedUnknown(reason: string): Failed {
  return { outcome: 'failed', reason, unknown: true }
}

/**
 * One of the host's own functions threw. Tried again, as with all that a handler throws: the function may have asked
 * a database that was away. An error that has `permanent: true` is believed.
 */
export function failedByHost(what: 'template' | 'unsubscribe' | 'url' | 'body', error: unknown): Failed {
  const name = error instanceof Error && /^[A-Za-z]{1,50}$/.test(error.name) ? `-${error.name}` : ''
  const reason = `${what}-error${name}`
  return (error as { permanent?: unknown } | null | undefined)?.permanent === true
    ? failedForGood(reason)
    : failed(reason)
}

/** `prefix-` and an error's code (`ECONNREFUSED`, `CERT_HAS_EXPIRED`) in small letters, or `prefix-error`. */
export function reasonOfCode(prefix: string, code: unknown): string {
  const legible = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,50}$/.test(code)
  return legible ? `${prefix}-${code.toLowerCase().replaceAll('_', '-')}` : `${prefix}-error`
}

/** What `work` comes to, or the signal's reason thrown as soon as it aborts; `work` is then left to itself. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  })
}
