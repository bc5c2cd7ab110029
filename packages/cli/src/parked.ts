/** Contacts that the projection has parked, because an event of theirs could not be shown: which, tried again, given up. */
import type { ContactId } from '@enfold/core'
import type { Engine, ParkedContact } from '@enfold/engine'
import { confirm } from './prompt.ts'
import { type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

export interface ParkedOptions extends OrderOptions {
  /** Project them again, with all that has waited. */
  readonly retry?: boolean
  /** Give up on what has waited. */
  readonly discard?: boolean
}

/**
 * @param ids empty: all that are parked
 * @returns false if one of them is still parked, or is none of the parked
 */
export async function tellParked(
  io: Streams,
  url: string,
  ids: readonly ContactId[],
  options: ParkedOptions,
): Promise<boolean> {
  const { retry = false, discard = false } = options
  // These contacts are parked already: the projection parks them again if they still fail.
  // A store that keeps its own index parks nobody.
  const parking = options.readModel === undefined ? {} : ({ onPoison: 'park' } as const)
  return withEngine(url, 'write', { ...options, ...parking }, async (engine) => {
    const asked = new Set(ids)
    const parked = new Map<ContactId, ParkedContact>()
    for await (const one of everyParked(engine))
      if (asked.size === 0 || asked.has(one.contactId)) parked.set(one.contactId, one)
    const unknown = ids.filter((id) => !parked.has(id))
    for (const contactId of unknown)
      await tell(io, options, contactId, 'is not parked', { outcome: 'not_parked' }, false)
    if (discard && parked.size > 0 && options.yes !== true)
      await confirm(
        io,
        `This would take ${counted(parked.size, 'contact')} out of index and agenda, until the next event of each.`,
      )
    let fine = unknown.length === 0
    for (const one of parked.values()) {
      if (!(retry || discard)) await tell(io, options, one.contactId, inWords(one), one, true)
      else fine = (await retryOrDiscard(io, engine, one.contactId, options)) && fine
    }
    if (parked.size === 0 && ids.length === 0 && options.json !== true) await writeLine(io.stdout, 'Nobody is parked.')
    return fine
  })
}

async function retryOrDiscard(
  io: Streams,
  engine: Engine,
  contactId: ContactId,
  options: ParkedOptions,
): Promise<boolean> {
  if (options.discard === true) {
    const answer = await engine.projection.discard(contactId)
    await tell(io, options, contactId, answer.outcome.replace('_', ' '), answer, true)
    return true
  }
  const answer = await engine.projection.retry(contactId)
  const isStill = answer.outcome === 'still_parked'
  const text = isStill ? `still parked: ${plain(answer.reason)}` : answer.outcome.replace('_', ' ')
  await tell(io, options, contactId, text, answer, !isStill)
  return !isStill
}

async function* everyParked(engine: Engine): AsyncGenerator<ParkedContact> {
  for (let after: ContactId | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
    const page = await engine.projection.parked({ after, limit: 1000 })
    yield* page.contacts
    after = page.next
  }
}

function inWords({ event, reason }: ParkedContact): string {
  const what =
    event === null
      ? 'parked at an event that is not there'
      : `parked at version ${event.version}, ${event.type}, event ${named(event.id)}`
  return reason === null ? what : `${what}: ${plain(reason)}`
}

async function tell(
  { stdout, stderr }: Streams,
  { json = false }: OrderOptions,
  contactId: ContactId,
  text: string,
  value: object,
  isFine: boolean,
): Promise<void> {
  if (json) await writeLine(stdout, jsonText({ contactId, ...value }))
  else if (isFine) await writeLine(stdout, `${named(contactId)}: ${text}`)
  else await writeLine(stderr, paintFor(stderr)('red', `${named(contactId)}: ${text}`))
}
