/**
 * The step handler that calls a host's webhook, signed as Standard Webhooks. Which addresses may be called is
 * `public-address.ts`, the signature `webhook-signature.ts`, the request and what its answer means `webhook-post.ts`.
 */
import type { LookupFunction } from 'node:net'
import {
  EnfoldFault,
  type JsonObject,
  type JsonValue,
  type StepCall,
  type StepHandler,
  type StepOutcome,
} from '@enfold/core'
import { failedByHost, failedForGood, unlessAborted } from './outcome.ts'
import { hostNameOf, publicLookup, webhookUrl } from './public-address.ts'
import { type Exchange, outcomeWithoutEnd, post } from './webhook-post.ts'
import { keysOf } from './webhook-signature.ts'

/** The body that is sent if the host gives no `body` of its own. */
export interface WebhookPayload {
  readonly type: 'step.dispatched'
  /** The instant of this attempt, as in the header `webhook-timestamp`. */
  readonly timestamp: string
  readonly data: {
    readonly contactId: string
    readonly campaignId: string
    readonly sequenceId: string
    readonly run: number
    readonly stepId: string
    readonly params: JsonObject
    readonly attempt: number
    readonly resend: number
  }
}

export interface SignedWebhookOptions {
  /** http or https, without credentials. A function that throws: the step is tried again, as with `body`. */
  readonly url: string | ((call: StepCall) => string | Promise<string>)
  /** `whsec_` and 24 to 64 random bytes in base64. Several while a secret is being changed: each signs. */
  readonly secret: string | readonly string[]
  /** For the whole exchange, from the look-up of the name to the last byte of the answer. 1 to 600,000; default 10,000. */
  readonly timeoutMs?: number
  /** Names of hosts that may have an address that is not public: `['localhost', 'hooks.internal']`. Default none. */
  readonly allow?: readonly string[]
  /** Of the answer's body, which is read for courtesy and thrown away. Then the connection is cut. Default 65,536. */
  readonly maxResponseBytes?: number
  /** The body to send, as a JSON value. Default: a `WebhookPayload`. Throwing: tried again, unless `permanent: true`. */
  readonly body?: (call: StepCall) => JsonValue | Promise<JsonValue>
  /** Finds a name's addresses, with the interface of `dns.lookup`, which is the default. Its result is checked. */
  readonly lookup?: LookupFunction
}

/**
 * A step handler (STEP-4) that posts JSON to a webhook, signed as Standard Webhooks: `webhook-id` is the idempotency
 * key, and receivers check the rest with `verifyWebhook`.
 *
 * | what happened | outcome |
 * |---|---|
 * | 2xx | `sent`, receipt `http-204` |
 * | 408, 425, 429, 5xx | `failed`, `http-503`; not before `Retry-After`; 502 and 504 `unknown` (STEP-6) |
 * | any other status | `failed` for good, `http-410`; 3xx: `redirect`, never followed |
 * | no connection, broken off, TLS, DNS, too slow | `failed`, `http-econnrefused`, `timeout`; `unknown` once the connection stood (STEP-6) |
 * | the address is not public and its host not in `allow` | `failed` for good, `address-refused` |
 * | the address is none | `failed` for good, `url-invalid`, `url-scheme`, `url-credentials` |
 * | the call's signal aborted | `failed`, `aborted`, at once; `unknown` once the connection stood (STEP-6) |
 *
 * It is not `redirectable`: an engine with `deliverTo` does not call it (DELIVER-1).
 *
 * The status decides, not the body, of which nothing is recorded (LOG-4).
 * Throws an `EnfoldFault` with code `INVALID_INPUT` for options that cannot be.
 *
 * @example
 * const webhook = signedWebhook({ url: 'https://example.com/hooks', secret: process.env.WEBHOOK_SECRET })
 * const engine = createEngine({ store, handlers: { webhook } })
 */
export function signedWebhook(options: SignedWebhookOptions): StepHandler {
  const keys = keysOf(options.secret)
  const allowed = new Set((options.allow ?? []).map(hostNameOf))
  const lookup = publicLookup(allowed, options.lookup)
  const timeoutMs = requireCount('timeoutMs', options.timeoutMs ?? 10_000, 600_000)
  const maxResponseBytes = requireCount('maxResponseBytes', options.maxResponseBytes ?? 65_536, 2 ** 30)
  const { url, body = payloadOf } = options
  if (typeof url === 'string') {
    const problem = webhookUrl(url, allowed)
    if (typeof problem === 'string') {
      // Not shown: an address may hold a secret of its own.
      throw EnfoldFault.invalidInput('url', problem, 'a public http or https address, or one of a host in `allow`')
    }
  }

  async function call(step: StepCall, exchange: Exchange): Promise<StepOutcome> {
    step.signal.throwIfAborted()
    let target: URL | string
    try {
      target = webhookUrl(typeof url === 'string' ? url : await url(step), allowed)
    } catch (error) {
      return failedByHost('url', error)
    }
    if (typeof target === 'string') return failedForGood(target)

    let text: string
    try {
      text = JSON.stringify(await body(step))
    } catch (error) {
      return failedByHost('body', error)
    }
    if (text === undefined) return failedForGood('body-invalid')
    return post(step, exchange, target, Buffer.from(text), { keys, lookup, timeoutMs, maxResponseBytes })
  }

  return async (step) => {
    const exchange: Exchange = { begun: false }
    try {
      return await unlessAborted(step.signal, call(step, exchange))
    } catch (error) {
      if (!step.signal.aborted) throw error
      return outcomeWithoutEnd(exchange, 'aborted')
    }
  }
}

function payloadOf(call: StepCall): JsonValue {
  const { contactId, campaignId, sequenceId, key, run, vars, step, attempt, resend } = call
  const data = {
    contactId,
    campaignId,
    sequenceId,
    ...(key === undefined ? {} : { key }),
    run,
    ...(vars === undefined ? {} : { vars }),
    stepId: step.id,
    params: step.params ?? {},
    attempt,
    resend,
  }
  return { type: 'step.dispatched', timestamp: new Date().toISOString(), data } satisfies WebhookPayload
}

function requireCount(path: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw EnfoldFault.invalidInput(path, value, `a whole number from 1 to ${most}`)
}
