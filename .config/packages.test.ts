/**
 * What the packages promise by their manifests and public names. A name more or less is a decision: look at the
 * difference, then renew `public-names.txt` with `vitest run --config .config/vitest.ts .config/packages -u`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { REQUIRED_NODE } from '../packages/core/src/index.ts'

const PACKAGES = join(import.meta.dirname, '../packages')

interface Manifest {
  readonly name: string
  readonly private?: boolean
  /** What the workspace sees, from source. */
  readonly exports?: Readonly<Record<string, string>>
  /** What everybody else sees. */
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>> }
}

const nameOf = ({ name }: { readonly name: string }) => name

const entriesFor = ({ publishConfig }: Manifest) => Object.keys(publishConfig?.exports ?? {})

const packages = readdirSync(PACKAGES).map((folder) => ({
  folder: join(PACKAGES, folder),
  manifest: JSON.parse(readFileSync(join(PACKAGES, folder, 'package.json'), 'utf8')) as Manifest,
}))
const published = packages.filter(({ manifest }) => manifest.private !== true)

it('docs/start.md packs the packages that are published, and no other', () => {
  const page = readFileSync(join(PACKAGES, '../docs/start.md'), 'utf8')
  const leftOut = [...page.matchAll(/--filter '!([^']+)'/g)].map(([, name = '']) => name)
  const unpublished = packages.filter(({ manifest }) => manifest.private === true).map(({ manifest }) => manifest.name)
  expect(leftOut.toSorted()).toEqual(unpublished.toSorted())
})

it.each(published.map(({ manifest }) => manifest))(
  '$name has a description, keywords, and the list of its exports',
  (manifest) => {
    expect(manifest).toMatchObject({
      description: expect.stringMatching(/^\S.{20,160}$/),
      keywords: expect.arrayContaining(['enfold']),
      license: 'MIT',
      type: 'module',
      engines: { node: `>=${REQUIRED_NODE}` },
      sideEffects: expect.any(Boolean),
      files: expect.arrayContaining(['dist']),
      publishConfig: { access: 'public' },
    })
    // The publisher names the repository.
    for (const field of ['repository', 'homepage', 'bugs']) expect(manifest).not.toHaveProperty(field)
    expect(Object.keys(manifest.exports ?? {})).toEqual(expect.arrayContaining(entriesFor(manifest)))
  },
)

const REFUSAL = `Enfold needs Node ${REQUIRED_NODE} or newer, and this is Node 20.20.2.`

/** Runs on this Node, which calls itself Node 20. What the packed packages do on a real one is asked by `packed.ts`. */
function onOldNode(...args: readonly string[]) {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
  const imported = `data:text/javascript,${encodeURIComponent(old)}`
  return spawnSync(process.execPath, ['--import', imported, ...args], { cwd: import.meta.dirname, encoding: 'utf8' })
}

it('an old Node is refused by every entry of every package, with the sentence that says which one is needed', () => {
  const files = published.flatMap(({ folder, manifest }) =>
    entriesFor(manifest)
      .filter((path) => !path.endsWith('.json') && path !== './battery')
      .map((path) => join(folder, manifest.exports?.[path] ?? '')),
  )
  const program = `
    const told = (file) => import(file).then(() => 'was imported', ({ code, message }) => code + ' ' + message)
    console.log(JSON.stringify(await Promise.all(${JSON.stringify(files)}.map(told))))`
  const { stdout, stderr } = onOldNode('--input-type=module', '--eval', program)
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(files.map(() => `NODE_TOO_OLD ${REFUSAL}`))
})

it('an old Node is refused by the command, with that sentence alone', () => {
  const { status, stdout, stderr } = onOldNode(join(PACKAGES, 'cli/src/index.ts'), '--help')
  expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: `${REFUSAL}\n` })
})

it('the public names of all packages are those that were decided on', async () => {
  const entries = published.flatMap(({ folder, manifest }) =>
    entriesFor(manifest)
      .map((path) => ({ name: manifest.name + path.slice(1), file: join(folder, manifest.exports?.[path] ?? '') }))
      .filter(({ file }) => file.endsWith('.ts') && existsSync(file)),
  )
  const program = ts.createProgram({
    rootNames: entries.map(({ file }) => file),
    options: {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ESNext,
      allowImportingTsExtensions: true,
      noEmit: true,
    },
  })
  const checker = program.getTypeChecker()
  const lines = entries.flatMap(({ name, file }) => {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (source === undefined || module === undefined) throw new Error(`${file} exports nothing.`)
    const passedOn = source.statements.flatMap(passedOnWhole)
    const names = new Set(passedOn.flatMap((other) => checker.getExportsOfModule(other.module)).map(nameOf))
    const own = checker.getExportsOfModule(module).filter((symbol) => !names.has(symbol.name))
    return [name, ...passedOn.map((other) => `  all of ${other.name}`), ...own.map(described).sort(), '']
  })

  /** The package of `export * from '@enfold/…'`: its names stand there. */
  function passedOnWhole(statement: ts.Statement) {
    if (!ts.isExportDeclaration(statement) || statement.exportClause !== undefined) return []
    const { moduleSpecifier } = statement
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return []
    const module = checker.getSymbolAtLocation(moduleSpecifier)
    const isOther = module !== undefined && moduleSpecifier.text.startsWith('@enfold/')
    return isOther ? [{ name: moduleSpecifier.text, module }] : []
  }

  function described(symbol: ts.Symbol): string {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
    const { flags } = isAlias ? checker.getAliasedSymbol(symbol) : symbol
    return `  ${(flags & ts.SymbolFlags.Value) === 0 ? 'type ' : 'value'}  ${symbol.name}`
  }
  await expect(lines.join('\n')).toMatchFileSnapshot('public-names.txt')
})

it('core and all that it depends on bundle for a browser: nothing of Node is imported', async () => {
  const { metafile } = await build({
    stdin: { contents: `export * from './index.ts'; export * from './log.ts'`, resolveDir: join(PACKAGES, 'core/src') },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
  })
  expect(Object.keys(metafile.inputs).length).toBeGreaterThan(50)
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([])
})
