/**
 * Sending to another address than the contact's, or to nobody: what a staging host asks for with `deliverTo`. Which
 * handlers take part in it, and how it is said. Rules DELIVER-1 to DELIVER-3.
 */
import type { JsonObject } from './json.ts'
import type { StepHandler } from './ports/host.ts'

/** `deliverTo` where no handler is called at all. */
export const NOBODY = 'nobody'

/** Registered, so that two copies of the package know it of each other. */
const REDIRECTABLE = Symbol.for('enfold.redirectable')

/**
 * Says of a handler that it sends to `call.deliverTo`, and to nobody else, where a call has one. An engine with an address
 * as `deliverTo` calls no other handlers (DELIVER-1).
 *
 * @returns the same function
 * @example
 * const email = redirectable(async (call) => {
 *   await mailer.send({ to: call.deliverTo ?? (await addressOf(call.contactId)), subject: 'Mistake 1' })
 *   return { outcome: 'sent' }
 * })
 */
export function redirectable<Params = JsonObject>(handler: StepHandler<Params>): StepHandler<Params> {
  return Object.defineProperty(handler, REDIRECTABLE, { value: true })
}

/** Whether a handler sends to `call.deliverTo` where a call has one. */
export function isRedirectable(handler: StepHandler): boolean {
  return (handler as { readonly [REDIRECTABLE]?: unknown })[REDIRECTABLE] === true
}
