/** The demo's data in the console: on loopback, until Ctrl-C. Time goes on from where the play ended, second by second. */

import { once } from 'node:events'
import type { ContactDirectory, ContactId, Engine } from 'enfold'
import { serveOnLoopback } from 'enfold/console'
import type { SimulatedClock } from 'enfold/testing'
import type { Contact } from './read-contacts.ts'

/** Finds contacts by a part of their id, name or address. */
export function searchIn(contacts: ReadonlyMap<ContactId, Contact>): NonNullable<ContactDirectory['search']> {
  return async (query, { after, limit }) => {
    const wanted = query.toLowerCase()
    const found = [...contacts.values()]
      .filter((one) => [one.id, one.name, one.email].some((text) => text.toLowerCase().includes(wanted)))
      .map(({ id }) => id)
    const page = found.slice(after === null ? 0 : found.indexOf(after) + 1).slice(0, limit)
    const last = page.at(-1)
    return { contacts: page, next: last === undefined || last === found.at(-1) ? null : last }
  }
}

/** Resolves when the viewer ends it. Orders are carried out: mails go to the outbox. */
export async function look(
  engine: Engine,
  clock: SimulatedClock,
  contacts: ReadonlyMap<ContactId, Contact>,
  say: (text: string) => void,
): Promise<void> {
  const enough = new AbortController()
  const working = engine.run({ signal: enough.signal })
  const ticking = setInterval(() => clock.advance('PT1S'), 1000)
  const { close, url } = await serveOnLoopback({
    engine,
    principal: { id: 'you', may: 'write' },
    describe: (contactId) => contacts.get(contactId)?.name ?? null,
  })
  say(`\nThe console: ${url}\nIt can be opened once, by one browser. Ctrl-C ends it.`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  clearInterval(ticking)
  enough.abort()
  await close()
  await working
}
