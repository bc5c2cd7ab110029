/**
 * What a command asks for, as a short digest that the first event of its append carries: so that a command id that is
 * given again with another order is found out, whatever the events look like. Rule ONCE-1.
 */
import type { CommandMeta, DispatchDue, RecordOutcome } from './commands.ts'
import { sha256 } from './hash.ts'
import { canonicalJson, type JsonObject, type JsonValue } from './json.ts'

/** Orders that the engine gives itself need no digest: their ids are made of everything that they ask for. */
const OF_THE_ENGINE: ReadonlySet<string> = new Set<(DispatchDue | RecordOutcome)['type']>([
  'DispatchDue',
  'RecordOutcome',
])

/** A command of any kind, as far as a digest needs to know it. */
export interface AnyOrder extends CommandMeta {
  readonly type: string
  /** Of a signal. */
  readonly data?: JsonObject
}

/** The part about the data of a signal has so few digits that a guess of the data can be excluded, and never confirmed. */
const DATA_DIGITS = 4
const ASKED_DIGITS = 16

/**
 * The digest of an order: 16 hexadecimal digits of a SHA-256 over the command id, the verb and everything that it asks
 * for (contact, sequence, step, run, `until`, `shift`, kind …), which stands in the log anyway. The data of a signal may
 * be private and does not stand there: four more digits are of it, with the same ids.
 *
 * Not part of the order: who gives it (`actor`), why (`reason`), and what it belongs to (action, correlation, trace).
 *
 * @returns `undefined` for what the engine orders itself
 * @example
 * orderDigest({ type: 'StopAll', contactId: 'ada', commandId: 'k1', actor: null }) // '5f0c…', 16 digits
 */
export function orderDigest(command: AnyOrder): string | undefined {
  if (OF_THE_ENGINE.has(command.type)) return undefined
  const { actor: _, reason: __, actionId: ___, correlationId: ____, trace: _____, ...order } = command
  if (order.data === undefined) return digest(order as unknown as JsonValue, ASKED_DIGITS)
  const { data, ...asked } = order
  const ofAsked = digest(asked as unknown as JsonValue, ASKED_DIGITS)
  return isEmpty(data) ? ofAsked : `${ofAsked}-${digest([ofAsked, data], DATA_DIGITS)}`
}

function digest(value: JsonValue, digits: number): string {
  return sha256(canonicalJson(value)).slice(0, digits)
}

function isEmpty(data: JsonObject): boolean {
  return Object.keys(data).length === 0
}
