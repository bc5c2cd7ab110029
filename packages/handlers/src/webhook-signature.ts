/**
 * The signature of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec 1.0.0), symmetric scheme
 * `v1`: HMAC-SHA256 over `id.timestamp.body`. Both sides: signing for `signedWebhook`, verifying for receivers.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { EnfoldFault } from '@enfold/core'

/**
 * The keys of secrets `whsec_<base64>` of 24 to 64 bytes, one or several.
 * Throws an `EnfoldFault` with code `INVALID_INPUT` that does not show the secret.
 */
export function keysOf(secret: string | readonly string[]): readonly Buffer[] {
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw EnfoldFault.invalidInput('secret', secrets, 'a secret or a list of at least one')
  }
  return secrets.map((text: unknown, index) => {
    const base64 = typeof text === 'string' ? /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1] : undefined
    const key = Buffer.from(base64 ?? '', 'base64')
    if (key.length >= 24 && key.length <= 64) return key
    const found = base64 === undefined ? 'something else' : `one of ${key.length} bytes`
    throw EnfoldFault.invalidInput(`secret[${index}]`, found, '"whsec_" and 24 to 64 random bytes in base64')
  })
}

/** The value of the header `webhook-signature`: one signature per key, in their order. `timestamp` in seconds. */
export function signatureOf(keys: readonly Buffer[], id: string, timestamp: number, body: string | Uint8Array): string {
  return keys.map((key) => `v1,${digest(key, id, timestamp, body).toString('base64')}`).join(' ')
}

function digest(key: Buffer, id: string, timestamp: number, body: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest()
}

export interface VerifyWebhookOptions {
  /** `whsec_<base64>`; several while a secret is being changed: one that fits will do. */
  readonly secret: string | readonly string[]
  /** As `node:http` or `fetch` give them. */
  readonly headers: Headers | { readonly [name: string]: string | readonly string[] | undefined }
  /** The body as it came, before any parsing. */
  readonly body: string | Uint8Array
  /** How old or how far ahead the timestamp may be. Default 300,000 (5 minutes). */
  readonly toleranceMs?: number
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: number
}

export type VerifiedWebhook =
  /** `id` is the idempotency key: the same for every attempt at the same sending. Keep it to act once. */
  | { readonly valid: true; readonly id: string; readonly sentAtMs: number }
  /** A header is missing or unreadable; the timestamp is outside the tolerance; no signature fits. */
  | { readonly valid: false; readonly reason: 'headers' | 'timestamp' | 'signature' }

/**
 * For receivers: is this request from someone who has the secret, unchanged and fresh? Compares in constant time.
 * Throws an `EnfoldFault` with code `INVALID_INPUT` for a secret that is none.
 *
 * @example
 * const verified = verifyWebhook({ secret: 'whsec_…', headers: request.headers, body })
 * if (!verified.valid) return response.writeHead(401).end()
 */
export function verifyWebhook(options: VerifyWebhookOptions): VerifiedWebhook {
  const keys = keysOf(options.secret)
  const header = (name: string): string => {
    const value = options.headers instanceof Headers ? options.headers.get(name) : options.headers[name]
    return typeof value === 'string' ? value : ''
  }
  const id = header('webhook-id')
  const timestamp = header('webhook-timestamp')
  const signatures = header('webhook-signature')
  // The signature is over `id.timestamp.body`: with a dot in the id, one text would be signed for two ids.
  if (id === '' || id.includes('.') || signatures === '' || !/^\d{1,12}$/.test(timestamp))
    return { valid: false, reason: 'headers' }

  const sentAtMs = Number(timestamp) * 1000
  const now = options.now ?? Date.now()
  if (!(Math.abs(now - sentAtMs) <= (options.toleranceMs ?? 300_000))) return { valid: false, reason: 'timestamp' }

  const given = signatures
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
  const fits = keys.some((key) => {
    const expected = digest(key, id, Number(timestamp), options.body)
    return given.some((signature) => signature.length === expected.length && timingSafeEqual(signature, expected))
  })
  return fits ? { valid: true, id, sentAtMs } : { valid: false, reason: 'signature' }
}
