/**
 * TypeBox in one file for each of its entries. It comes as 680 files, and every process that loads core loads them all: a
 * quarter of a second of processor time, where one file takes a tenth of that. What is published holds it in one file, too.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'

const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url))

/** The option of Node by which a process, and what it starts, loads TypeBox from those files. They are made where they are missing. */
export function typeboxInOneFile(): string {
  const entry = createRequire(new URL('../packages/core/package.json', import.meta.url)).resolve('typebox')
  const build = dirname(entry)
  const { version } = JSON.parse(readFileSync(join(build, '../package.json'), 'utf8')) as { version: string }
  const folder = join(CACHE, `typebox-${version}`)
  if (!existsSync(folder)) writeTo(folder, build)
  return `--import=${pathToFileURL(join(folder, 'hook.mjs')).href}`
}

/** Entries share what they have in common, because the settings of TypeBox are kept in a module. */
function writeTo(folder: string, build: string): void {
  mkdirSync(CACHE, { recursive: true })
  const made = mkdtempSync(`${folder}-`)
  const entryPoints = { index: '', compile: 'compile', system: 'system', value: 'value' }
  buildSync({
    entryPoints: Object.fromEntries(
      Object.entries(entryPoints).map(([name, path]) => [name, join(build, path, 'index.mjs')]),
    ),
    outdir: made,
    bundle: true,
    splitting: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
  })
  const files = Object.entries(entryPoints).map(([name, path]) => [
    pathToFileURL(join(build, path, 'index.mjs')).href,
    pathToFileURL(join(folder, `${name}.mjs`)).href,
  ])
  writeFileSync(join(made, 'hook.mjs'), hookFor(files))
  try {
    renameSync(made, folder)
  } catch (error) {
    // Another run was quicker.
    rmSync(made, { recursive: true })
    if (!existsSync(folder)) throw error
  }
}

/** Old versions of Node have no such hooks, and load the many files. */
function hookFor(files: readonly (readonly string[])[]): string {
  return `import * as module from 'node:module'
const files = new Map(${JSON.stringify(files)})
module.registerHooks?.({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const url = files.get(found.url)
    return url === undefined ? found : { ...found, url }
  },
})
`
}
