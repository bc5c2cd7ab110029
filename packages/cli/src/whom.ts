/** The contacts that an order is for: named one by one, listed in a file, or all that are in a sequence. */
import { type ContactId, isLegalId, MAX_ID_LENGTH, type SequenceRef } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { Misuse } from './misuse.ts'
import { readText, type Streams } from './streams.ts'
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
  const ways = [whom.ids.length > 0, whom.from !== undefined, whom.in !== undefined].filter(Boolean).length
  if (ways > 1) throw new Misuse('The contacts are named in several ways: by their ids, --from FILE or --in SEQUENCE.')
  if (whom.from !== undefined) return [...new Set(idsIn(whom.from, await readText(whom.from, stdin)))]
  return [...new Set(whom.in === undefined ? whom.ids : await membersOf(engine, whom.in))]
}

function idsIn(path: string, text: string): readonly ContactId[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  for (const [i, line] of lines.entries())
    if (!isLegalId(line))
      throw new Misuse(`${plain(path)}:${i + 1}: no id, which has 1 to ${MAX_ID_LENGTH} well-formed characters.`)
  return lines
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
