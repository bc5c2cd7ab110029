/** Reads what matters of a `tsconfig.json`: how a file of the project names another one in an import. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { isObject } from './manifest.ts'

export interface CompilerOptions {
  readonly module: string
  readonly moduleResolution: string
  readonly allowsTsExtensions: boolean
}

/** `null`: the project has none. What cannot be read of it counts as not said. */
export function readCompilerOptions(root: string): CompilerOptions | null {
  const path = join(root, 'tsconfig.json')
  if (!existsSync(path)) return null
  const options = optionsOf(path, new Set())
  const textOf = (name: string) => String(options.get(name) ?? '').toLowerCase()
  return {
    module: textOf('module'),
    moduleResolution: textOf('moduleResolution'),
    allowsTsExtensions:
      options.get('allowImportingTsExtensions') === true || options.get('rewriteRelativeImportExtensions') === true,
  }
}

/** Those of the file, over those of what it extends. */
function optionsOf(path: string, seen: Set<string>): Map<string, unknown> {
  if (seen.has(path)) return new Map()
  seen.add(path)
  const config = readJsonc(path)
  const bases = [config.extends ?? []].flat().filter((base) => typeof base === 'string')
  const own = isObject(config.compilerOptions) ? Object.entries(config.compilerOptions) : []
  const inherited = bases.flatMap((base) => {
    const file = baseOf(path, base)
    return file === null ? [] : [...optionsOf(file, seen)]
  })
  return new Map([...inherited, ...own])
}

function baseOf(path: string, base: string): string | null {
  if (/^\.\.?($|\/)/.test(base) || isAbsolute(base)) {
    const file = resolve(dirname(path), base)
    return [file, `${file}.json`].find((one) => existsSync(one)) ?? null
  }
  const require = createRequire(path)
  for (const name of [base, `${base}.json`, `${base}/tsconfig.json`]) {
    try {
      return require.resolve(name)
    } catch {
      // Not installed, or under another name.
    }
  }
  return null
}

/** With comments and commas that JSON does not have. */
function readJsonc(path: string): Readonly<Record<string, unknown>> {
  try {
    const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
    const bare = text.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1')
    const value: unknown = JSON.parse(bare.replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, '$1'))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}
