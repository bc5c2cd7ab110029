/**
 * What the pages and the packages' READMEs show is code that runs, and what it prints. Each `x.ts` beside this file is
 * run, and must print `x.txt`; pages import both by region, READMEs hold copies under a comment that names the file.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'

const HERE = import.meta.dirname
const DOCS = join(HERE, '..')
const ROOT = join(DOCS, '..')
const read = (path: string) => readFileSync(path, 'utf8')

const snippets = readdirSync(HERE, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
)
// Not through node_modules: the packages there are links, and lead to one another without an end.
const pages = globSync('**/*.md', {
  cwd: DOCS,
  exclude: ['node_modules', '.vitepress', 'decisions', 'reference/api'],
}).map((name) => join(DOCS, name))
/** Packages whose README is proved by a test of their own are left to it. */
const readmes = readdirSync(join(ROOT, 'packages'))
  .filter((name) => !existsSync(join(ROOT, 'packages', name, 'src/readme.test.ts')))
  .map((name) => join(ROOT, 'packages', name, 'README.md'))
  .filter((path) => existsSync(path))

/** Their code wants a server or the command line, and is the affair of the tests of cli and of the two stores. */
const provedElsewhere = ['guides/operate.md', 'guides/postgres.md', 'guides/eventstoredb.md']

/** The lines of a region, or of the whole file, without the lines that mark regions. */
function regionOf(path: string, region: string | undefined): string {
  const lines = read(path).split('\n')
  const mark = (word: string) => lines.findIndex((line) => line.replace('//', '').trim() === `#${word} ${region}`)
  const [from, to] = region === undefined ? [-1, lines.length] : [mark('region'), mark('endregion')]
  if (region !== undefined && (from < 0 || to < from)) throw new Error(`${path} has no region ${region}`)
  return lines
    .slice(from + 1, to)
    .filter((line) => !/^\s*(\/\/ )?#(end)?region/.test(line))
    .join('\n')
    .trimEnd()
}

describe('given the code of the documentation', () => {
  it.each(snippets)('%s prints what is shown', (name) => {
    const cwd = mkdtempSync(join(tmpdir(), 'enfold-snippet-'))
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
    const printed = execFileSync(process.execPath, [join(HERE, name)], { cwd, encoding: 'utf8' })
    expect(printed.trimEnd()).toBe(regionOf(join(HERE, name.replace(/\.ts$/, '.txt')), undefined))
  })
})

describe('given the pages', () => {
  it.each(pages.map((page) => [relative(DOCS, page), page]))('%s: what it imports is there', (_, page) => {
    for (const [, file = '', region] of read(page).matchAll(/^<<< @\/([^#{\s]+)(?:#([\w-]+))?/gm))
      expect(regionOf(join(DOCS, file), region), `${file}#${region}`).not.toBe('')
  })

  it.each(pages.map((page) => [relative(DOCS, page), page]))('%s: no code stands in the page itself', (name, page) => {
    if (provedElsewhere.includes(name)) return
    expect(read(page)).not.toMatch(/^```(ts|js|mjs|typescript|javascript)\b/m)
  })

  it('every snippet is shown somewhere', () => {
    const shown = [...pages, ...readmes].map(read).join('\n')
    expect(snippets.filter((name) => !shown.includes(`snippets/${name}`))).toEqual([])
  })
})

describe('given the READMEs of the packages', () => {
  it.each(readmes.map((path) => [relative(ROOT, dirname(path)), path]))(
    '%s: its code is a file that runs',
    (_, path) => {
      const readme = read(path)
      const copies = [...readme.matchAll(/^<!-- (\S+?)(?:#([\w-]+))? -->\n```\w+\n([\s\S]*?)\n```$/gm)]
      for (const [, file = '', region, copy] of copies)
        if (file.endsWith('.md')) expect(read(join(ROOT, file))).toContain(copy)
        else expect(copy).toBe(regionOf(join(ROOT, file), region))
      const fences = [...readme.matchAll(/^```(ts|js|mjs|text|console)\b/gm)]
      expect(fences.length, 'blocks of code without a comment that names their file').toBe(copies.length)
      expect(readme.split('\n').length).toBeLessThan(60)
    },
  )
})
