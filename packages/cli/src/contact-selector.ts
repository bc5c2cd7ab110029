/** The contacts that an order is for: named one by one, listed in a file, or all that are in a sequence. */
import { createReadStream } from 'node:fs'
import type { ActionItem, ContactId, SequenceRef } from '@enfold/core'
import { contactsOfCsv, type Engine, itemsOfCsv } from '@enfold/engine'
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
}

/**
 * Each contact once, in the order given.
 *
 * @throws UsageError if they are named in several ways; EnfoldFault for a list that cannot be read in one way
 */
export async function contactsOf(
  selector: ContactSelector,
  engine: Engine,
  { stdin }: Streams,
): Promise<readonly ContactId[]> {
  requireOneWay(selector)
  const contacts = new Set(selector.in === undefined ? selector.ids : await membersOf(engine, selector.in))
  if (selector.from !== undefined) for await (const contactId of idsIn(selector, stdin)) contacts.add(contactId)
  return [...contacts]
}

/** @throws UsageError if the contacts are named in several ways */
export function requireOneWay({ ids, from, in: sequence, column, keyColumn }: ContactSelector): void {
  const ways = [ids.length > 0, from !== undefined, sequence !== undefined].filter(Boolean).length
  if (ways > 1)
    throw new UsageError('The contacts are named in several ways: by their ids, --from FILE or --in SEQUENCE.')
  if (column !== undefined && from === undefined) throw new UsageError('--column goes with --from FILE.')
  if (keyColumn !== undefined && from === undefined) throw new UsageError('--key-column goes with --from FILE.')
}

/**
 * The ids of a list, as they come, by the reader of the engine.
 *
 * @throws UsageError if there is no such file; EnfoldFault, with its line, for a list that cannot be read in one way
 */
export function idsIn({ from = '-', column }: ContactSelector, stdin: Streams['stdin']): AsyncGenerator<ContactId> {
  if (from !== '-') requireFile(from)
  const options = column === undefined ? {} : { column }
  return contactsOfCsv(from === '-' ? stdin : createReadStream(from), placeText(from), options)
}

/** As `idsIn`, each with its key where there is a column of keys. */
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

async function membersOf(engine: Engine, sequence: SequenceRef): Promise<readonly ContactId[]> {
  const contacts: ContactId[] = []
  for (let after: ContactId | null = null; ; ) {
    const page = await engine.inspect.contactsInSequence({ ...sequence, status: 'either', after, limit: 1000 })
    contacts.push(...page.contacts)
    if (page.next === null) return contacts
    after = page.next
  }
}
