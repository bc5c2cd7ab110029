/**
 * What the pages and the packages' READMEs show is code that runs, and what it prints. Each `x.ts` next to this file is
 * run, and must print `x.txt`: one after the other in a process that loads the packages once, or, where one wants a
 * server, in a process of its own. Pages and READMEs hold copies under a comment that names file and region, so that they
 * read alike on the site, on a code host and in an editor. `ENFOLD_WRITE_SNIPPETS=1` copies again.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { forkFakeServer } from '@enfold/test-servers/eventstoredb'
import { startPostgres } from '@enfold/test-servers/postgres'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'

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
/** Followed word by word by a test of the command line (`operate-guide.test.ts`), code and all. */
const FOLLOWED = 'guides/operate.md'
/** Each package has one; what a test of its own proves is left to it. */
const readmes = readdirSync(join(ROOT, 'packages'))
  .filter((name) => !existsSync(join(ROOT, 'packages', name, 'src/readme.test.ts')))
  .filter((name) => !('private' in JSON.parse(read(join(ROOT, 'packages', name, 'package.json')))))
  .map((name) => join(ROOT, 'packages', name, 'README.md'))

/** The servers that some want, by the variable in which they look for its address. */
const SERVERS: {
  readonly [name: string]: readonly [variable: string, start: typeof startPostgres | typeof forkFakeServer]
} = {
  'packages/store-postgres.ts': ['DATABASE_URL', startPostgres],
  'packages/store-eventstoredb.ts': ['EVENTSTOREDB_URL', forkFakeServer],
  'eventstoredb-rights.ts': ['EVENTSTOREDB_URL', forkFakeServer],
}

/** The lines of a region, or of the whole file, without the lines that mark regions, and no further in than need be. */
function regionOf(path: string, region: string | undefined): string {
  const lines = read(path).split('\n')
  const mark = (word: string) => lines.findIndex((line) => line.replace('//', '').trim() === `#${word} ${region}`)
  const [from, to] = region === undefined ? [-1, lines.length] : [mark('region'), mark('endregion')]
  if (region !== undefined && (from < 0 || to < from)) throw new Error(`${path} has no region ${region}`)
  const kept = lines.slice(from + 1, to).filter((line) => !/^\s*(\/\/ )?#(end)?region/.test(line))
  const margin = Math.min(...kept.filter((line) => line !== '').map((line) => line.search(/\S|$/)))
  return kept
    .map((line) => line.slice(margin))
    .join('\n')
    .trimEnd()
}

const CODE = 'ts|js|mjs|typescript|javascript|sql'
const COPY = /^<!-- (\S+?)(?:#([\w-]+))? -->\n(```\w+)\n([\s\S]*?)```$/gm

/** Every block of these languages in a page is a copy of something that is run, and says of what. */
function expectCopies(page: string, languages: string): void {
  if (process.env.ENFOLD_WRITE_SNIPPETS !== undefined)
    writeFileSync(
      page,
      read(page).replace(COPY, (all, file: string, region: string | undefined, fence: string) =>
        file.endsWith('.md')
          ? all
          : `<!-- ${file}${region === undefined ? '' : `#${region}`} -->\n${fence}\n${regionOf(join(ROOT, file), region)}\n\`\`\``,
      ),
    )
  const text = read(page)
  const copies = [...text.matchAll(COPY)]
  for (const [, file = '', region, , copy = ''] of copies)
    if (file.endsWith('.md')) expect(read(join(ROOT, file))).toContain(copy)
    else expect(copy.trimEnd(), `${file}#${region}`).toBe(regionOf(join(ROOT, file), region))
  if (page === join(DOCS, FOLLOWED)) return
  const code = new RegExp(`^\`\`\`(${languages})$`)
  const isCode = (fence: string | undefined) => code.test(fence ?? '')
  const fences = text.match(/^```\S+$/gm) ?? []
  expect(copies.filter(([, , , fence]) => isCode(fence)).length, 'blocks of code that name their file').toBe(
    fences.filter(isCode).length,
  )
}

/** Imports each, in a folder of its own, and says what it printed. */
const RUNS_ALL = `
const write = process.stdout.write.bind(process.stdout)
for (const { name, path, cwd } of JSON.parse(process.argv[1])) {
  process.chdir(cwd)
  let printed = ''
  process.stdout.write = (text) => { printed += text; return true }
  const error = await import(path).then(() => null, (thrown) => String(thrown?.stack ?? thrown))
  process.stdout.write = write
  write(JSON.stringify([name, error ?? printed]) + '\\n')
}
// Some leave a server running.
process.exit()`

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'enfold-snippet-'))
}

function runAll(names: readonly string[]): ReadonlyMap<string, string> {
  const all = names.map((name) => ({ name, path: join(HERE, name), cwd: newFolder() }))
  try {
    const args = ['--input-type=module', '--eval', RUNS_ALL, JSON.stringify(all)]
    const said = execFileSync(process.execPath, args, { cwd: HERE, encoding: 'utf8' })
    const lines = said.trimEnd().split('\n')
    return new Map(lines.map((line) => JSON.parse(line) as [string, string]))
  } finally {
    for (const { cwd } of all) rmSync(cwd, { recursive: true, force: true })
  }
}

describe('given the code of the documentation', () => {
  let printed: ReadonlyMap<string, string>
  beforeAll(() => {
    printed = runAll(snippets.filter((name) => SERVERS[name] === undefined))
  })
  const shown = (name: string) => regionOf(join(HERE, name.replace(/\.ts$/, '.txt')), undefined)

  it.each(snippets.filter((name) => SERVERS[name] === undefined))('%s prints what is shown', (name) => {
    expect(printed.get(name)?.trimEnd()).toBe(shown(name))
  })

  it.each(Object.entries(SERVERS))('%s prints what is shown', async (name, [variable, start]) => {
    const cwd = newFolder()
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
    const server = await start()
    onTestFinished(() => server.stop())
    const env = { ...process.env, [variable]: server.url }
    const said = execFileSync(process.execPath, [join(HERE, name)], { cwd, env, encoding: 'utf8' })
    expect(said.trimEnd()).toBe(shown(name))
  })
})

describe('given the pages', () => {
  it.each(pages.map((page) => [relative(DOCS, page), page]))('%s: its code is of files that run', (_, page) =>
    expectCopies(page, CODE),
  )

  it('every snippet is shown somewhere', () => {
    const shown = [...pages, ...readmes].map(read).join('\n')
    expect(snippets.filter((name) => !shown.includes(`snippets/${name}`))).toEqual([])
  })
})

describe('given the READMEs of the packages', () => {
  it.each(readmes.map((path) => [relative(ROOT, dirname(path)), path]))(
    '%s: its code is a file that runs',
    (_, path) => {
      expect(existsSync(path)).toBe(true)
      expectCopies(path, `${CODE}|text|console`)
      expect(read(path).split('\n').length).toBeLessThan(60)
    },
  )
})
