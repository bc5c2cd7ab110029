/**
 * What the packages promise by their manifests and public names. A name more or less is a decision: look at the
 * difference, then renew `public-names.txt` with `vitest run --config .config/vitest.ts .config/packages -u`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import ts from 'typescript'
import { expect, it } from 'vitest'

const PACKAGES = join(import.meta.dirname, '../packages')

interface Manifest {
  readonly name: string
  readonly private?: boolean
  /** What the workspace sees, from source. */
  readonly exports?: Readonly<Record<string, string>>
  /** What everybody else sees. */
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>> }
}

const entriesFor = ({ publishConfig }: Manifest) => Object.keys(publishConfig?.exports ?? {})

const published = readdirSync(PACKAGES)
  .map((folder) => ({
    folder: join(PACKAGES, folder),
    manifest: JSON.parse(readFileSync(join(PACKAGES, folder, 'package.json'), 'utf8')) as Manifest,
  }))
  .filter(({ manifest }) => manifest.private !== true)

it.each(published.map(({ manifest }) => manifest))(
  '$name says what it is, for whom, and what of it is for use',
  (manifest) => {
    expect(manifest).toMatchObject({
      description: expect.stringMatching(/^\S.{20,160}$/),
      keywords: expect.arrayContaining(['enfold']),
      license: 'MIT',
      type: 'module',
      engines: { node: expect.stringMatching(/^>=\d+\.\d+$/) },
      sideEffects: expect.any(Boolean),
      files: expect.arrayContaining(['dist']),
      publishConfig: { access: 'public' },
    })
    // Where it is developed is for whoever publishes it to say.
    for (const field of ['repository', 'homepage', 'bugs']) expect(manifest).not.toHaveProperty(field)
    expect(Object.keys(manifest.exports ?? {})).toEqual(expect.arrayContaining(entriesFor(manifest)))
  },
)

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
    if (module === undefined) throw new Error(`${file} exports nothing.`)
    return [name, ...checker.getExportsOfModule(module).map(described).sort(), '']
  })

  function described(symbol: ts.Symbol): string {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
    const { flags } = isAlias ? checker.getAliasedSymbol(symbol) : symbol
    return `  ${(flags & ts.SymbolFlags.Value) === 0 ? 'type ' : 'value'}  ${symbol.name}`
  }
  await expect(lines.join('\n')).toMatchFileSnapshot('public-names.txt')
}, 120_000)

it('core and all that it depends on bundle for a browser: nothing of Node is imported', async () => {
  const { metafile } = await build({
    entryPoints: [join(PACKAGES, 'core/src/index.ts')],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
  })
  expect(Object.keys(metafile.inputs).length).toBeGreaterThan(50)
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([])
})
