/**
 * `deliverTo`: where steps are sent instead of to contacts, for hosts that must reach nobody by mistake (staging, a copy of
 * production). Rules DELIVER-1 to DELIVER-3.
 */
import { EnfoldFault, isRedirectable, NOBODY, nearest, redirectable, type StepHandler } from '@enfold/core'

/** As usual, whatever the environment says. */
const CONTACTS = 'contacts'
const VARIABLE = 'ENFOLD_DELIVER_TO'
const EXPECTED = `an address such as "me@example.com", "${NOBODY}", or "${CONTACTS}" for the contacts themselves`

/** One address of one mailbox, and nothing that a mail server could take for two. */
const ADDRESS =
  /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,255}$)[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)*$/u

/**
 * Where steps go instead of to the contacts: an address or `nobody`; `null`: to the contacts. The option counts more than
 * the variable.
 *
 * @throws EnfoldFault `INVALID_INPUT`: the one that counts is none of these
 */
export function deliverToOf(
  option: unknown,
  environment: { readonly [name: string]: string | undefined } = globalThis.process?.env ?? {},
): string | null {
  const [path, value] =
    option === undefined ? [VARIABLE, environment[VARIABLE]] : (['createEngine.deliverTo', option] as const)
  // An empty one is an error: where a variable of the deployment is missing, nothing goes out by mistake.
  if (value === undefined || value === CONTACTS) return null
  if (value === NOBODY || (typeof value === 'string' && ADDRESS.test(value))) return value
  const meant = typeof value === 'string' ? nearest(value.trim().toLowerCase(), [NOBODY, CONTACTS]) : undefined
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
  throw EnfoldFault.unshownInput(path, value === '' ? 'is empty' : 'is none of what it can be', EXPECTED + hint)
}

type HandlerOf = (kind: string) => StepHandler | undefined

const ways = new WeakMap<StepHandler, string>()

/** Where a handler of `deliveringTo` sends instead of to the contact; `undefined`: to the contact. */
export function deliverToBy(handler: StepHandler): string | undefined {
  return ways.get(handler)
}

/**
 * Handlers that are given the address to send to. Those that do not say that they send there are not called, and with
 * `nobody` none is: their steps pass for sent.
 */
export function deliveringTo(handlerOf: HandlerOf, deliverTo: string | null): HandlerOf {
  if (deliverTo === null) return handlerOf
  return (kind) => {
    const handler = handlerOf(kind)
    if (handler === undefined) return undefined
    const isCalled = deliverTo !== NOBODY && isRedirectable(handler)
    const made: StepHandler = isCalled ? (call) => handler({ ...call, deliverTo }) : () => ({ outcome: 'sent' })
    ways.set(made, isCalled ? deliverTo : NOBODY)
    return made
  }
}

/** What calls a handler sends where that one sends. */
export function redirectableAs(handler: StepHandler, caller: StepHandler): StepHandler {
  return isRedirectable(handler) ? redirectable(caller) : caller
}
