/** The contacts that an order is for: named one by one, listed in a file, all that are in a sequence, or those of an action. */
import { createReadStream } from 'node:fs'
import type { ActionId, ActionItem, ActionOutcome, ContactId, SequenceRef } from '@enfold/core'
import { itemsOfCsv } from '@enfold/engine'
import { UsageError } from './errors.ts'
import { placeText, requireFile } from './places.ts'
import type { Streams } from './streams.ts'

export interface ContactSelector {
  readonly ids: readonly ContactId[]
  /** A list of ids; "-": the standard input. */
  readonly from?: string
  /** With `from`: the name of the column of ids. */
  readonly column?: string
  /** With `from`: the name of a column of keys. */
  readonly keyColumn?: string
  /** Those who are in it, or wait at its end. */
  readonly in?: SequenceRef
  /** Those of an action that is over. */
  readonly ofAction?: ActionId
  /** With `ofAction`: only those that came to one of these. */
  readonly outcomes?: readonly ActionOutcome[]
}

/** Whether the contacts are not named one by one: then the order is one action. */
export function isMany({ from, in: sequence, ofAction }: ContactSelector): boolean {
  return from !== undefined || sequence !== undefined || ofAction !== undefined
}

/** @throws UsageError if the contacts are named in several ways */
export function requireOneWay(selector: ContactSelector): void {
  const { ids, from, in: sequence, column, keyColumn, ofAction, outcomes } = selector
  const ways = [ids.length > 0, from !== undefined, sequence !== undefined, ofAction !== undefined].filter(Boolean)
  if (ways.length > 1)
    throw new UsageError(
      'The contacts are named in several ways: by their ids, --from FILE, --in SEQUENCE or --of-action ID.',
    )
  if (outcomes !== undefined && ofAction === undefined) throw new UsageError('--outcome goes with --of-action ID.')
  if (column !== undefined && from === undefined) throw new UsageError('--column goes with --from FILE.')
  if (keyColumn !== undefined && from === undefined) throw new UsageError('--key-column goes with --from FILE.')
}

/**
 * The contacts of a list, as they come, by the reader of the engine; each with its key where there is a column of keys.
 *
 * @throws UsageError if there is no such file; EnfoldFault, with its line, for a list that cannot be read in one way
 */
export function itemsIn(
  { from = '-', column, keyColumn }: ContactSelector,
  stdin: Streams['stdin'],
): AsyncGenerator<ActionItem> {
  if (from !== '-') requireFile(from)
  const options = { ...(column === undefined ? {} : { column }), ...(keyColumn === undefined ? {} : { keyColumn }) }
  return itemsOfCsv(from === '-' ? stdin : createReadStream(from), placeText(from), options)
}

/** Of a list, what is taken for fine: contacts that nobody knows, and those that are left as they were. */
export interface Allowed {
  readonly allowUnknown?: boolean
  readonly allowUntouched?: boolean
}

/** @throws UsageError for what is allowed of no list */
export function requireList(
  { from }: ContactSelector,
  { allowUnknown = false, allowUntouched = false }: Allowed,
): void {
  if ((allowUnknown || allowUntouched) && from === undefined)
    throw new UsageError('--allow-unknown and --allow-untouched go with --from FILE.')
}
