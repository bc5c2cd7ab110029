/**
 * How every package is built for publishing: ESM, CommonJS and types out of `src/index.ts`.
 *
 * The CommonJS build holds those dependencies that are ES modules only: Node can require them, but jest and older
 * bundlers cannot. Their licences go into `dist/THIRD-PARTY.txt`. The ES module build imports every dependency, so that
 * a host has each of them once.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import type { Metafile, Plugin } from 'esbuild'
import { defineConfig, type Options } from 'tsup'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly type?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly publishConfig?: { readonly exports?: object }
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

/** Whether `require` would get an ES module. */
function isEsmOnly(dependency: string): boolean {
  const file = createRequire(join(process.cwd(), 'package.json')).resolve(dependency)
  if (extname(file) !== '.js') return extname(file) === '.mjs'
  const folder = foldersAbove(file).find(isBelow('package.json'))
  return folder !== undefined && manifestIn(folder).type === 'module'
}

/** Writes the licence of each package of which code stands in the build. */
const licences: Plugin = {
  name: 'licences',
  setup(build) {
    build.onEnd(({ metafile }) => {
      const text = metafile === undefined ? '' : licencesOf(metafile)
      if (text !== '') writeFileSync('dist/THIRD-PARTY.txt', text)
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

const shared: Options = {
  entry: ['src/index.ts'],
  platform: 'neutral',
  target: 'es2023',
  tsconfig: 'tsconfig.json',
  sourcemap: true,
  treeshake: true,
  // `node:sqlite` exists under this name only.
  removeNodeProtocol: false,
  external: [/^node:/],
}

const manifest = manifestIn('.')

// Not by tsup's `clean`: each build would delete what another has written.
rmSync('dist', { recursive: true, force: true })

const esm: Options = { ...shared, format: 'esm' }

const commonJs: Options = {
  ...shared,
  format: 'cjs',
  // Several entries share what they have in common, as in the ES module build, instead of a copy each.
  splitting: true,
  noExternal: Object.keys(manifest.dependencies ?? {})
    .filter((name) => !name.startsWith('@enfold/') && isEsmOnly(name))
    .map((name) => new RegExp(`^${name}($|/)`)),
  esbuildPlugins: [licences],
  // The sources stand in the maps of the ES modules. A second copy, with the dependencies, is three times the code.
  esbuildOptions(options) {
    options.sourcesContent = false
  },
}

const types: Options = { ...shared, format: ['esm', 'cjs'], dts: { only: true } }

// A command that nobody imports is an ES module without types.
export default defineConfig(manifest.publishConfig?.exports === undefined ? esm : [esm, commonJs, types])
