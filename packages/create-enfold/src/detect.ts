/** Looks at a project: what it is built with, and how its files are written. Changes nothing. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FRAMEWORKS, type Framework, foundIn, ORMS, type OrmName, RUNNERS, type Runner } from './choices.ts'
import { InitError } from './errors.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { type CompilerOptions, readCompilerOptions } from './tsconfig.ts'

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun'

export interface Project {
  readonly root: string
  readonly manifest: Manifest
  /** More than one: it cannot be known which is meant. */
  readonly orms: readonly OrmName[]
  /** Why the database is not PostgreSQL, as far as can be seen; `null`: nothing speaks against it. */
  readonly otherDatabase: string | null
  readonly frameworks: readonly Exclude<Framework, 'none'>[]
  readonly runners: readonly Exclude<Runner, 'node'>[]
  readonly packageManager: PackageManager
  readonly language: 'ts' | 'js'
  /** How JavaScript is written: TypeScript always has `import`. */
  readonly modules: 'esm' | 'cjs'
  /** What an import of another file of the project ends with. */
  readonly extension: '.ts' | '.js' | ''
  /** The same in Next.js: its bundlers find a file by its very name, or by one without an ending. */
  readonly bundledExtension: '.ts' | '.js' | ''
  readonly testSuffix: '.test' | '.spec'
  readonly hasSource: boolean
}

/**
 * @param root the folder that holds `package.json`
 * @throws InitError if it is no project, or the root of several
 */
export function detect(root: string): Project {
  requireFolder(root)
  const manifest = readManifest(root)
  const { dependencies: has } = manifest
  const compiler = readCompilerOptions(root)
  const frameworks = frameworksOf(has)
  const hasSource = isFolder(join(root, 'src'))
  if (frameworks.length === 0 && !hasSource) refuseWorkspace(root, manifest)
  const orms = ormsOf(has)
  const language = compiler !== null || has.has('typescript') ? 'ts' : 'js'
  const modules = language === 'ts' || manifest.isModule ? 'esm' : 'cjs'
  return {
    root,
    manifest,
    orms,
    otherDatabase: otherDatabase(root, manifest, orms),
    frameworks,
    runners: runnersOf(manifest),
    packageManager: packageManagerOf(root, manifest.packageManager),
    language,
    modules,
    extension: extensionOf(language, modules, compiler, manifest),
    bundledExtension: language === 'js' ? '.js' : compiler?.allowsTsExtensions ? '.ts' : '',
    testSuffix: testSuffixOf(root, manifest),
    hasSource,
  }
}

function requireFolder(root: string): void {
  if (!isFolder(root)) throw new InitError(`${root} is not a folder.`)
}

/** False also for what cannot be looked at: links in a circle, a name that is too long. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  } catch {
    return false
  }
}

/** Nothing, if it cannot be read. */
export function textOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function namesOrNothing(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** NestJS brings the server that it runs on, so this one does not count. */
function frameworksOf(has: ReadonlySet<string>): Project['frameworks'] {
  const found = foundIn(FRAMEWORKS, has)
  return found.includes('nest') ? found.filter((name) => name !== 'express' && name !== 'fastify') : found
}

function ormsOf(has: ReadonlySet<string>): readonly OrmName[] {
  const found = foundIn(ORMS, has)
  const above = found.filter((name) => name !== 'pg' && name !== 'postgres.js')
  return above.length > 0 ? above : found
}

/** With two of them the script `test` says which one is in use. */
function runnersOf({ dependencies, testScript }: Manifest): Project['runners'] {
  const found = foundIn(RUNNERS, dependencies)
  const inUse = found.filter((name) => testScript.includes(name))
  return inUse.length === 1 ? inUse : found
}

// --- The database ---------------------------------------------------------------------------------------------------

const POSTGRES = ['pg', 'postgres', '@neondatabase/serverless', '@prisma/adapter-pg', '@mikro-orm/postgresql']
const OTHERS = ['mysql2', 'mysql', 'mariadb', 'mssql', 'tedious', 'oracledb', 'mongodb', 'better-sqlite3', 'sqlite3']

function otherDatabase(root: string, manifest: Manifest, orms: readonly OrmName[]): string | null {
  if (orms.includes('prisma')) {
    const provider = prismaProvider(root, manifest.prismaSchema)
    if (provider !== null) return provider === 'postgresql' || provider === 'postgres' ? null : provider
  }
  const { dependencies: has } = manifest
  if (POSTGRES.some((name) => has.has(name))) return null
  return OTHERS.concat('@libsql/client').find((name) => has.has(name)) ?? null
}

/** Of the block `datasource`; `null`: no schema is found, or it says nothing. */
function prismaProvider(root: string, named: string | undefined): string | null {
  const place = join(root, named ?? 'prisma/schema.prisma')
  const folder = isFolder(place) ? place : join(root, 'prisma/schema')
  const files = existsSync(place) && !isFolder(place) ? [place] : isFolder(folder) ? prismaFilesIn(folder) : []
  for (const file of files) {
    const [, provider] = /^\s*datasource\s+\w+\s*\{[^}]*?\bprovider\s*=\s*"(\w+)"/m.exec(textOrNothing(file)) ?? []
    if (provider !== undefined) return provider
  }
  return null
}

function prismaFilesIn(folder: string): string[] {
  const names = namesOrNothing(folder).filter((name) => name.endsWith('.prisma'))
  return names.map((name) => join(folder, name))
}

// --- How files are written ------------------------------------------------------------------------------------------

function extensionOf(
  language: Project['language'],
  modules: Project['modules'],
  compiler: CompilerOptions | null,
  { isModule }: Manifest,
): Project['extension'] {
  if (language === 'js') return modules === 'esm' ? '.js' : ''
  if (compiler === null) return '.ts'
  if (compiler.allowsTsExtensions) return '.ts'
  const isNode = [compiler.module, compiler.moduleResolution].some((name) => name.startsWith('node') && name !== 'node')
  return isNode && isModule && compiler.moduleResolution !== 'node10' ? '.js' : ''
}

/** A jest that looks for `*.spec.ts` alone, as NestJS sets it up. */
function testSuffixOf(root: string, { jest }: Manifest): Project['testSuffix'] {
  const files = ['js', 'ts', 'cjs', 'mjs', 'json'].map((ending) => textOrNothing(join(root, `jest.config.${ending}`)))
  const pattern = [jest, ...files].flatMap((text) => /test(?:Regex|Match)\W[^\n]*?(?=[\n}]|$)/.exec(text)?.[0] ?? [])[0]
  return pattern?.includes('spec') && !/[^a-zA-Z]test[^A-Z]/.test(pattern.slice('testRegex'.length)) ? '.spec' : '.test'
}

// --- The package manager --------------------------------------------------------------------------------------------

const LOCKS: readonly (readonly [file: string, manager: PackageManager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
]

/** By what package.json says, or the nearest lock file, which in a workspace lies at its root. */
function packageManagerOf(root: string, named: string | undefined): PackageManager {
  const [, manager] = /^(npm|pnpm|yarn|bun)@/.exec(named ?? '') ?? []
  if (manager !== undefined) return manager as PackageManager
  for (const folder of foldersUpFrom(root)) {
    const lock = LOCKS.find(([file]) => existsSync(join(folder, file)))
    if (lock !== undefined) return lock[1]
  }
  return 'npm'
}

/** Up to the one that holds the repository. */
function foldersUpFrom(folder: string): string[] {
  const above = dirname(folder)
  return above === folder || existsSync(join(folder, '.git')) ? [folder] : [folder, ...foldersUpFrom(above)]
}

// --- Workspaces -----------------------------------------------------------------------------------------------------

/** Its root has no program of its own: it would be the wrong place, and nobody would notice soon. */
function refuseWorkspace(root: string, { hasWorkspaces }: Manifest): void {
  if (!hasWorkspaces && !existsSync(join(root, 'pnpm-workspace.yaml'))) return
  const packages = ['apps', 'packages', 'services'].flatMap((name) => packagesIn(root, name))
  const example = packages[0] ?? 'apps/api'
  const known = packages.length === 0 ? '' : ` There are: ${packages.slice(0, 10).join(', ')}.`
  throw new InitError(
    `${root} is the root of a workspace, without a program of its own.${known} Name the package: enfold init ${example}`,
  )
}

function packagesIn(root: string, name: string): string[] {
  const names = namesOrNothing(join(root, name)).filter((one) => existsSync(join(root, name, one, 'package.json')))
  return names.map((one) => `${name}/${one}`)
}
