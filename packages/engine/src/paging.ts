import type { ContactId } from '@enfold/core'

/** Reads page after page until there is no next one. */
export async function* pages<Key, Page extends { readonly next: Key | null }>(
  read: (after: Key | null) => Promise<Page>,
): AsyncGenerator<Page> {
  for (let after: Key | null = null; ; ) {
    const page = await read(after)
    yield page
    if (page.next === null) return
    after = page.next
  }
}

const PAGE = 500

/** All contacts of a question that is asked page by page, one page at a time. */
export async function* pagesOf(
  page: (after: ContactId | null, limit: number) => Promise<readonly ContactId[]>,
): AsyncGenerator<readonly ContactId[]> {
  for (let after: ContactId | null = null; ; ) {
    const contacts: readonly ContactId[] = await page(after, PAGE)
    if (contacts.length > 0) yield contacts
    if (contacts.length < PAGE) return
    after = contacts.at(-1) as ContactId
  }
}
