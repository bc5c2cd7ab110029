/**
 * After the build: every link to a heading must find it. VitePress looks at pages only, not at what stands in them.
 * Links within the pages that TypeDoc made are TypeDoc's: it numbers names that differ only by a dot or capitals.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @throws Error with every link of the built site whose page has no element of that id */
export function checkAnchors(outDir: string): void {
  const pages = new Map<string, string>()
  for (const name of readdirSync(outDir, { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('.html')) pages.set(urlOf(name), readFileSync(join(outDir, name), 'utf8'))
  const ids = new Map([...pages].map(([url, html]) => [url, new Set(matches(html, /\sid="([^"]+)"/g))]))
  const dead: string[] = []
  for (const [url, html] of pages) {
    if (url.startsWith('/reference/api/')) continue
    for (const href of matches(html, /<a\s[^>]*href="([^"]*#[^"]*)"/g)) {
      if (/^[a-z]+:/.test(href)) continue
      const { pathname, hash } = new URL(href.replaceAll('&amp;', '&'), `https://site${url}`)
      const id = decodeURIComponent(hash.slice(1))
      if (id !== '' && ids.get(pathname)?.has(id) !== true) dead.push(`${url} links to ${href}`)
    }
  }
  if (dead.length > 0) throw new Error(`Links to headings that are not there:\n${[...new Set(dead)].join('\n')}`)
}

const urlOf = (name: string) => `/${name.replace(/\.html$/, '').replace(/(^|\/)index$/, '$1')}`

const matches = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map((match) => match[1] as string)
