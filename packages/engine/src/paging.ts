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
