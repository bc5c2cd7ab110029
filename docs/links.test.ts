/** The links of the pages that the site does not build: what a code host shows first. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const pages = ['README.md', '.github/*.md', 'packages/*/README.md', 'examples/*/README.md']
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  .sort()

/** As code hosts name headings. */
const anchorOf = (heading: string) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

it('pages are found to check', () => expect(pages.length).toBeGreaterThan(20))

it.each(pages)('%s leads nowhere that is not there', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/```[\s\S]*?```/g, '')
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
    expect(existsSync(file), `${page}: ${target}`).toBe(true)
    if (anchor === undefined) continue
    const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      anchorOf(heading),
    )
    expect(headings, `${page}: ${relative(ROOT, file)}`).toContain(anchor)
  }
})
