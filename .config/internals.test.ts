/**
 * `docs/internals.md` holds a drawing of the packages, made here of what they import, and names files. The drawing must be
 * the packages as they are, and every file must exist. `ENFOLD_WRITE_SNIPPETS=1` draws it again.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const PAGE = join(ROOT, 'docs/internals.md')
const OF_TESTS = /(\.test|\.fixture)\.ts$/

/** For each package that others install, which of them its code imports. */
function importsByPackage(): ReadonlyMap<string, ReadonlySet<string>> {
  const imports = new Map<string, Set<string>>()
  for (const manifest of globSync('packages/*/package.json', { cwd: ROOT })) {
    const folder = join(ROOT, manifest, '..')
    if ('private' in JSON.parse(readFileSync(join(ROOT, manifest), 'utf8'))) continue
    const files = globSync('src/**/*.ts', { cwd: folder }).filter((file) => !OF_TESTS.test(file))
    const code = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n')
    const used = [...code.matchAll(/(?:from|import\()\s*'(?:@enfold\/([\w-]+)|(create-enfold)')/g)].map(
      ([, scoped, plain]) => scoped ?? plain ?? '',
    )
    imports.set(basename(folder), new Set(used.filter((other) => other !== basename(folder))))
  }
  return imports
}

/** A line for each package, the highest first: an arrow to each that it imports and that no other of those leads to. */
function drawing(): string {
  const imports = importsByPackage()
  const below = (name: string): Set<string> =>
    new Set([...(imports.get(name) ?? [])].flatMap((other) => [other, ...below(other)]))
  const height = (name: string): number => Math.max(-1, ...[...(imports.get(name) ?? [])].map(height)) + 1
  const names = [...imports.keys()].sort((a, b) => height(b) - height(a) || a.localeCompare(b))
  const width = Math.max(...names.map((name) => name.length))
  return names
    .map((name) => {
      const used = [...(imports.get(name) ?? [])].sort()
      const direct = used.filter((other) => !used.some((another) => below(another).has(other)))
      return direct.length === 0 ? name : `${name.padEnd(width)} ──► ${direct.join(', ')}`
    })
    .join('\n')
}

const DRAWN = /(<!-- drawing of the packages -->\n```text\n)([\s\S]*?)(\n```)/

it('docs/internals.md draws the packages as their code imports them', () => {
  const page = readFileSync(PAGE, 'utf8')
  if (process.env.ENFOLD_WRITE_SNIPPETS === '1')
    writeFileSync(
      PAGE,
      page.replace(DRAWN, (_, start, __, end) => `${start}${drawing()}${end}`),
    )
  expect(DRAWN.exec(readFileSync(PAGE, 'utf8'))?.[2]).toBe(drawing())
})

it('docs/internals.md names only files and folders that exist', () => {
  const known = new Set(globSync('packages/*/src/**/*.ts', { cwd: ROOT }).map((file) => basename(file)))
  const missing = [...readFileSync(PAGE, 'utf8').matchAll(/`([\w*./-]+(?:\.ts|\/))`/g)]
    .map((match) => `${match[1]}`)
    .filter((name) => {
      if (name.includes('*')) return globSync(name.replace('/', '/src/'), { cwd: join(ROOT, 'packages') }).length === 0
      if (!name.includes('/')) return !known.has(name)
      return !existsSync(join(ROOT, 'packages', name.replace('/', '/src/'))) && !existsSync(join(ROOT, name))
    })
  expect(missing).toEqual([])
})
