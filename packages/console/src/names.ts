/** Names of contacts where the host gives any. */
import type { ContactId } from '@enfold/core'

/** How long a page waits for the host's names of contacts. */
const NAMES_MS = 2000

/** What operators call a contact; `null`: the id. */
export type Describe = (contactId: ContactId) => string | null | Promise<string | null>

/** The names that come in time. One that does not, or whose lookup fails, is left out: no page waits for a name. */
export async function namesOf(
  describe: Describe | undefined,
  contacts: readonly ContactId[],
  failed: (error: unknown) => void,
): Promise<ReadonlyMap<ContactId, string>> {
  const names = new Map<ContactId, string>()
  if (describe === undefined) return names
  const over = new AbortController()
  const timeout = new Promise<null>((resolve) => {
    const timer = setTimeout(() => resolve(null), NAMES_MS)
    over.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  await Promise.all(
    [...new Set(contacts)].map(async (contactId) => {
      try {
        const name: unknown = await Promise.race([describe(contactId), timeout])
        if (typeof name === 'string' && name.trim() !== '') names.set(contactId, name.slice(0, 200))
      } catch (error) {
        failed(error)
      }
    }),
  )
  over.abort()
  return names
}
