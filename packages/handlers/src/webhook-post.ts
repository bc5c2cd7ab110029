/** One signed request to a webhook, and which outcome of a step its answer is. */
import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import type { StepCall, StepOutcome } from '@enfold/core'
import { failed, failedForGood, failedUnknown, reasonOfCode } from './outcome.ts'
import { ADDRESS_REFUSED } from './public-address.ts'
import { signatureOf } from './webhook-signature.ts'

/** How far one call has come. */
export interface Exchange {
  /** The connection stands: from here on the receiver may have read the request. */
  begun: boolean
  /** Set by the status line. */
  outcome?: StepOutcome
}

/** The exchange broke off: after the status that changes nothing, before it the receiver may have done its part. */
export function outcomeWithoutEnd(exchange: Exchange, reason: string): StepOutcome {
  return exchange.outcome ?? (exchange.begun ? failedUnknown(reason) : failed(reason))
}

/** What all requests of one handler share. */
export interface Posting {
  readonly keys: readonly Buffer[]
  readonly lookup: LookupFunction
  readonly timeoutMs: number
  readonly maxResponseBytes: number
}

/** Resolves with the outcome of the step, whatever happens; `exchange` says meanwhile how far it has come. */
export function post(
  { idempotencyKey, signal }: StepCall,
  exchange: Exchange,
  target: URL,
  content: Buffer,
  { keys, lookup, timeoutMs, maxResponseBytes }: Posting,
): Promise<StepOutcome> {
  const timestamp = Math.floor(Date.now() / 1000)
  const timeout = AbortSignal.timeout(timeoutMs)
  const { request, connected } =
    target.protocol === 'https:'
      ? { request: https.request, connected: 'secureConnect' }
      : { request: http.request, connected: 'connect' }
  return new Promise((resolve) => {
    const posting = request(target, {
      method: 'POST',
      // A connection of its own: a pool shared with others may hold one to an address that was never checked.
      agent: false,
      lookup,
      signal: AbortSignal.any([signal, timeout]),
      headers: {
        'content-type': 'application/json',
        'content-length': content.length,
        'user-agent': 'enfold',
        'webhook-id': idempotencyKey,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatureOf(keys, idempotencyKey, timestamp, content),
      },
    })
    posting.once('socket', (socket) =>
      socket.once(connected, () => {
        exchange.begun = true
      }),
    )
    posting.once('response', (response) => {
      const outcome = outcomeOf(response)
      exchange.outcome = outcome
      let received = 0
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (received > maxResponseBytes) response.destroy()
      })
      // However the body ends: the status has come.
      response.once('close', () => resolve(outcome))
    })
    posting.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === ADDRESS_REFUSED) return resolve(failedForGood('address-refused'))
      resolve(outcomeWithoutEnd(exchange, timeout.aborted ? 'timeout' : reasonOfCode('http', error.code)))
    })
    posting.end(content)
  })
}

// --- Outcomes ----------------------------------------------------------------------------------------------------------

const TRY_AGAIN = new Set([408, 425, 429])

/** A gateway says that the receiver gave no response that it could use. */
const ANSWER_LOST = new Set([502, 504])

function outcomeOf(response: http.IncomingMessage): StepOutcome {
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return { outcome: 'sent', receipt: `http-${status}` }
  if (status >= 300 && status < 400) return failedForGood('redirect')
  if (status < 500 && !TRY_AGAIN.has(status)) return failedForGood(`http-${status}`)
  const retryAfterMs = retryAfterOf(response.headers)
  const failure = ANSWER_LOST.has(status) ? failedUnknown(`http-${status}`) : failed(`http-${status}`)
  return retryAfterMs === null ? failure : { ...failure, retryAfterMs }
}

/** Longer waits that a server asks for are cut to this: a day. */
const MAX_RETRY_AFTER_MS = 86_400_000

/**
 * RFC 9110, section 10.2.3: seconds, or a date. A date counts from the response's own `Date`, so that two clocks that
 * disagree do no harm. `null`: none that can be read.
 */
function retryAfterOf(headers: http.IncomingHttpHeaders): number | null {
  const value = headers['retry-after'] ?? ''
  const now = Date.parse(headers.date ?? '') || Date.now()
  // Only dates begin with a day's name; `Date.parse` alone would read "-5" as a year.
  const waitMs = /^\d+$/.test(value)
    ? Number(value) * 1000
    : /^[A-Z][a-z]{2}/.test(value)
      ? Date.parse(value) - now
      : NaN
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS)
}
