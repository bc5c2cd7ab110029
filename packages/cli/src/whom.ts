/** The contacts that an order is for: named one by one, listed in a file, or all that are in a sequence. */
import { type ContactId, isLegalId, MAX_ID_LENGTH, type SequenceRef } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { Misuse } from './misuse.ts'
import { linesOf, type Streams } from './streams.ts'
import { plain } from './text.ts'

export interface Whom {
  readonly ids: readonly ContactId[]
  /** A file of ids; "-": the standard input. */
  readonly from?: string
  /** Those who are in it, or wait at its end. */
  readonly in?: SequenceRef
}

/**
 * Each contact once, in the order given.
 *
 * @throws Misuse if they are named in several ways; for a line that is no id
 */
export async function contactsOf(whom: Whom, engine: Engine, { stdin }: Streams): Promise<readonly ContactId[]> {
  requireOneWay(whom)
  const contacts = new Set(whom.in === undefined ? whom.ids : await membersOf(engine, whom.in))
  if (whom.from !== undefined) for await (const contactId of idsIn(whom.from, stdin)) contacts.add(contactId)
  return [...contacts]
}

/** @throws Misuse if the contacts are named in several ways */
export function requireOneWay({ ids, from, in: sequence }: Whom): void {
  const ways = [ids.length > 0, from !== undefined, sequence !== undefined].filter(Boolean).length
  if (ways > 1) throw new Misuse('The contacts are named in several ways: by their ids, --from FILE or --in SEQUENCE.')
}

/**
 * One id a line, as they come.
 *
 * @throws Misuse for a line that is no id
 */
export async function* idsIn(path: string, stdin: Streams['stdin']): AsyncGenerator<ContactId> {
  let number = 0
  for await (const line of linesOf(path, stdin)) {
    number += 1
    if (!isLegalId(line))
      throw new Misuse(`${plain(path)}:${number}: no id, which has 1 to ${MAX_ID_LENGTH} well-formed characters.`)
    yield line
  }
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
