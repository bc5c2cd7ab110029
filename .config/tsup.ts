/**
 * How every package is built for publishing: ESM, CommonJS and types of each entry.
 *
 * Both builds hold the libraries that a package names as dev dependencies: those that compute and nothing else. Their
 * licences go into `dist/THIRD-PARTY.txt`. What it names as dependencies and peers stays an import: see
 * `docs/decisions/0037-one-package-to-install.md`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join } from 'node:path'
import type { Metafile, Plugin } from 'esbuild'
import { defineConfig, type Options } from 'tsup'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  /** The source of each entry. */
  readonly exports?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly publishConfig?: {
    readonly bin?: Readonly<Record<string, string>>
    readonly exports?: Readonly<Record<string, string | PublishedEntry>>
  }
}

interface PublishedEntry {
  readonly import: { readonly default: string }
}

const manifestIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

const isBelow = (name: string) => (folder: string) => existsSync(join(folder, name))

function foldersAbove(file: string): string[] {
  const above = dirname(file)
  return above === file ? [] : [above, ...foldersAbove(above)]
}

/** The package that a file belongs to: a folder in a package may hold a `package.json` with nothing but its `type`. */
function packageOf(file: string): string | undefined {
  return foldersAbove(file).find((folder) => isBelow('package.json')(folder) && manifestIn(folder).name !== undefined)
}

/** Writes the licence of each package of which code stands in the build. */
const licences: Plugin = {
  name: 'licences',
  setup(build) {
    build.onEnd(({ metafile }) => {
      const text = metafile === undefined ? '' : licencesOf(metafile)
      if (text === '') return
      mkdirSync('dist', { recursive: true })
      writeFileSync('dist/THIRD-PARTY.txt', text)
    })
  },
}

function licencesOf({ outputs }: Metafile): string {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).filter((file) => file.includes('node_modules')),
  )
  const folders = new Set(files.map((file) => packageOf(join(process.cwd(), file)) ?? ''))
  return [...folders].map(licenceIn).sort().join('\n')
}

function licenceIn(folder: string): string {
  const { name, version, license } = manifestIn(folder)
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one))
  if (file === undefined) throw new Error(`${name} has no licence file: its code cannot be bundled.`)
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
}

const manifest = manifestIn('.')

/** The source of each entry, by its name in `dist`: the manifest says both. */
const entries: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(manifest.publishConfig?.exports ?? {}).flatMap(([path, published]) =>
    typeof published === 'string'
      ? []
      : [[basename(published.import.default, '.js'), manifest.exports?.[path]?.slice('./'.length) ?? '']],
  ),
)

/** The source of each command. Nobody imports it: it is an ES module without types. */
const commands: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(manifest.publishConfig?.bin ?? {}).map(([name, published]) => [
    basename(published, '.js'),
    manifest.bin?.[name]?.slice('./'.length) ?? '',
  ]),
)

const shared: Options = {
  entry: entries,
  platform: 'neutral',
  target: 'es2023',
  tsconfig: 'tsconfig.json',
  treeshake: true,
  // `node:sqlite` exists under this name only.
  removeNodeProtocol: false,
  // With and without `node:` before it: some libraries leave it out.
  external: [/^node:/, ...builtinModules],
  esbuildPlugins: [licences],
  esbuildOptions(options) {
    // Of its ES modules only what is used gets in.
    options.alias = { 'fp-ts/lib/Either.js': 'fp-ts/es6/Either.js' }
  },
}

// Not by tsup's `clean`: each build would delete what another has written.
rmSync('dist', { recursive: true, force: true })

const esm: Options = { ...shared, format: 'esm', entry: { ...entries, ...commands } }

const commonJs: Options = {
  ...shared,
  format: 'cjs',
  // Several entries share what they have in common, as in the ES module build, instead of a copy each.
  splitting: true,
  // `import()` becomes `require`: in jest there is no other way to load a module while it runs.
  esbuildOptions(options, context) {
    shared.esbuildOptions?.(options, context)
    options.supported = { 'dynamic-import': false }
  },
  // By its own name, which bundlers of hosts look for.
  plugins: [{ name: 'plain-require', renderChunk: (code) => ({ code: code.replaceAll('__require("', 'require("') }) }],
}

/**
 * Out of declarations that TypeScript wrote for all packages at once: it would read the sources of core again for each
 * package that imports it.
 */
const declared = Object.entries(entries).map(([name, source]) => [
  name,
  join(import.meta.dirname, '../dist/declarations', basename(process.cwd()), `${source.slice(0, -3)}.d.ts`),
])
const types: Options = {
  ...shared,
  format: ['esm', 'cjs'],
  dts: { only: true, entry: Object.fromEntries(declared) },
}

export default defineConfig(Object.keys(entries).length === 0 ? esm : [esm, commonJs, types])
