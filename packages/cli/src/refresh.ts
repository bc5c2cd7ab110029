/** Computes again when something of a contact is due, after its time zone or dates have changed. */
import type { ContactId } from '@enfold/core'
import { messageOf, UsageError } from './errors.ts'
import { type Streams, writeLine } from './streams.ts'
import { jsonText, named, paintFor, plain } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

/** @returns false if it failed for one of them, whose wake stays as it was */
export async function refresh(
  io: Streams,
  url: string,
  ids: readonly ContactId[],
  options: OrderOptions,
): Promise<boolean> {
  const { json = false, hostModule } = options
  if (hostModule === undefined)
    throw new UsageError(
      'What is due depends on what you know of a contact. Name a module that exports contacts: --host-module FILE.',
    )
  return withEngine(url, 'write', options, async (engine) => {
    let fine = true
    for (const contactId of new Set(ids)) {
      try {
        const { wakeAt } = await engine.refreshContact(contactId)
        const text = wakeAt === null ? 'nothing is due' : `something is due at ${wakeAt}`
        await writeLine(io.stdout, json ? jsonText({ contactId, wakeAt }) : `${named(contactId)}: ${text}`)
      } catch (error) {
        fine = false
        const message = messageOf(error)
        if (json) await writeLine(io.stdout, jsonText({ contactId, fault: { message } }))
        else await writeLine(io.stderr, paintFor(io.stderr)('red', `${named(contactId)}: ${plain(message)}`))
      }
    }
    return fine
  })
}
