/**
 * Looks at each package as a stranger will get it: packs it, lets publint and are-the-types-wrong judge, then installs
 * all of them into an empty project outside the workspace and runs the README's example there, as an ES module, as
 * CommonJS and as TypeScript, under jest 29 and 30, and on
 * an old Node. Run after `pnpm build`. Exit status 1 if anything is wrong.
 *
 * `pnpm test:runtimes`: on Bun and Deno as well, which are downloaded for it, with the tests of core.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'enfold-packed-'))
const project = join(folder, 'project')
let failed = false

/** What it printed; `null` if it failed, which is told. */
function run(command: string, args: readonly string[], cwd: string): string | null {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    process.stdout.write(`${stdout ?? ''}${stderr ?? ''}${stdout === undefined ? String(error) : ''}\n`)
    failed = true
    return null
  }
}

function judge(what: string, isRight: boolean): void {
  process.stdout.write(`${isRight ? 'right' : 'WRONG'}  ${what}\n`)
  if (!isRight) failed = true
}

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly publishConfig?: {
    readonly bin?: Readonly<Record<string, string>>
    readonly exports?: Readonly<Record<string, unknown>>
  }
}

interface Packed {
  readonly manifest: Manifest
  readonly tarball: string
}

function pack(): readonly Packed[] {
  return readdirSync('packages').flatMap((name) => {
    const cwd = join('packages', name)
    const manifest = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as Manifest
    if (manifest.private === true) return []
    execFileSync('pnpm', ['pack', '--pack-destination', join(folder, name)], { cwd, stdio: 'ignore' })
    return [{ manifest, tarball: join(folder, name, readdirSync(join(folder, name))[0] as string) }]
  })
}

// --- The stranger's project -----------------------------------------------------------------------------------------

const ROOT = resolve('.')
const README = readFileSync('README.md', 'utf8')
const block = (language: string) => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(README)?.[1] ?? ''

/** Everything that only a workspace knows is left behind: the tarballs alone say what they need. */
function install(packed: readonly Packed[]): void {
  const version = (name: string) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version
  mkdirSync(project)
  const tarballs = Object.fromEntries(packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]))
  write('package.json', {
    private: true,
    dependencies: { ...tarballs, '@types/node': version('@types/node') },
    // None of them is on any registry yet.
    overrides: Object.fromEntries(packed.map(({ manifest: { name } }) => [name, `$${name}`])),
  })
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
  judge('all packages install into an empty project', run('npm', ['install', ...quiet], project) !== null)
}

function write(name: string, content: string | object): void {
  writeFileSync(join(project, name), typeof content === 'string' ? content : JSON.stringify(content))
}

/** The same program with `require`, which has no `await` outside a function. */
function asCommonJs(code: string): string {
  const body = code.replaceAll(/^import (\{.*\}) from ('.*')$/gm, 'const $1 = require($2)')
  return `async function main() {\n${body}}\nmain()\n`
}

function runExample(): void {
  const expected = block('text')
  write('example.mjs', block('ts'))
  write('example.cjs', asCommonJs(block('ts')))
  write('example.mts', block('ts'))
  for (const name of ['example.mjs', 'example.cjs', 'example.mts'])
    judge(`${name} prints what the README says`, run(process.execPath, [name], project) === expected)
}

/** Without `skipLibCheck` for ours: their declarations are part of the program. */
function checkTypes(packed: readonly Packed[]): void {
  const names = packed.flatMap(({ manifest }) => entriesOf(manifest))
  write('all.mts', names.map((name, i) => `export * as n${i} from '${name}'\n`).join(''))
  write('all.cts', names.map((name, i) => `import n${i} = require('${name}')\n`).join('') + use(names.length))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--types', 'node']
  for (const [module, resolution, files] of [
    ['node16', 'node16', ['example.mts', 'all.mts', 'all.cts']],
    ['esnext', 'bundler', ['example.mts', 'all.mts']],
    // As old as it is, it is what some hosts have: it knows no exports, and goes by main and types. Not all types that ours name do so.
    ['commonjs', 'node10', ['all.cts', '--ignoreDeprecations', '6.0', '--skipLibCheck']],
  ] as const) {
    const args = [tsc, ...strict, '--module', module, '--moduleResolution', resolution, ...files]
    judge(`TypeScript, module resolution ${resolution}`, run(process.execPath, args, project) !== null)
  }
}

/**
 * The oldest TypeScript that hosts may have. The types of Node of today are not for it, so only what it says of ours and
 * of the program counts.
 */
function checkOldTypeScript(): void {
  const tsc = join(ROOT, 'node_modules/typescript-5.0/bin/tsc')
  for (const [module, files] of [
    ['node16', ['example.mts', 'all.mts', 'all.cts']],
    ['esnext', ['example.mts', 'all.mts']],
  ] as const) {
    const resolution = module === 'node16' ? module : 'bundler'
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--types', 'node']
    const args = [tsc, ...options, '--module', module, '--moduleResolution', resolution, ...files]
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })
    const ours = stdout.split('\n').filter((line) => line !== '' && !/^(node_modules\/@types\/| )/.test(line))
    process.stdout.write(ours.map((line) => `${line}\n`).join(''))
    judge(`TypeScript 5.0, module resolution ${resolution}`, status !== null && ours.length === 0)
  }
}

const use = (count: number) => `export const all = [${Array.from({ length: count }, (_, i) => `n${i}`)}]\n`

/** Each entry of each package that is code, in both module systems; and the command. */
function loadAll(packed: readonly Packed[]): void {
  for (const { manifest } of packed) {
    for (const name of loadableEntriesOf(manifest)) {
      for (const system of ['import', 'require']) {
        const code = `Promise.resolve(${system}('${name}')).then((names) => process.exit(Object.keys(names).length > 0 ? 0 : 1))`
        judge(`${system}('${name}')`, run(process.execPath, ['--eval', code], project) !== null)
      }
    }
    for (const command of Object.keys(manifest.bin ?? {}))
      judge(`${command} --help`, run(join(project, 'node_modules/.bin', command), ['--help'], project) !== null)
  }
}

/** With its own loader of modules, which requires no ES module, and without a line of configuration. */
function runJest(packed: readonly Packed[]): void {
  mkdirSync(join(project, 'jest'))
  copyFileSync('.config/stranger/embedding.spec.js', join(project, 'jest/embedding.spec.js'))
  write(
    'jest/entries.json',
    packed.flatMap(({ manifest }) => loadableEntriesOf(manifest)),
  )
  for (const version of ['29', '30']) {
    const jest = join(ROOT, `node_modules/jest-${version}/bin/jest.js`)
    judge(`jest ${version} embeds the engine and requires every entry`, run(process.execPath, [jest], project) !== null)
  }
}

/** Says "Node 20" of whatever Node it is imported by. */
const AS_NODE_20 = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"

/**
 * A Node that is too old, if this machine has one on its path. Otherwise this one, which calls itself Node 20: that shows
 * who asks for the version, but not that nothing fails before.
 */
function oldNode(): readonly [string, ...string[]] {
  for (const place of (process.env.PATH ?? '').split(delimiter)) {
    const { stdout } = spawnSync(join(place, 'node'), ['--version'], { encoding: 'utf8' })
    const [, major = Number.POSITIVE_INFINITY] = /^v(\d+)\./.exec(stdout ?? '') ?? []
    if (Number(major) < 22) return [join(place, 'node')]
  }
  return [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(AS_NODE_20)}`]
}

/** Whatever a host imports first, it is told which Node it needs, and nothing is done. */
function refuseOldNode(packed: readonly Packed[]): void {
  const [command, ...args] = oldNode()
  const told = /^(?:EnfoldFault: )?Enfold needs Node 22\.15 or newer, and this is Node \d+\.\d+\.\d+\.$/m
  const refused = (what: string, ...program: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(command, [...args, ...program], { cwd: project, encoding: 'utf8' })
    judge(`${command} ${what} is refused by its version`, status !== 0 && stdout === '' && told.test(stderr))
  }
  refused('example.mjs', 'example.mjs')
  refused('example.cjs', 'example.cjs')
  for (const { manifest } of packed) {
    for (const name of loadableEntriesOf(manifest)) {
      refused(`import('${name}')`, '--eval', `import('${name}')`)
      refused(`require('${name}')`, '--eval', `require('${name}')`)
    }
    for (const path of Object.values(manifest.publishConfig?.bin ?? {}))
      refused(`${manifest.name}/${path}`, join('node_modules', manifest.name, path), '--help')
  }
}

/** JSON Schemas: what knows no exports looks for them at the package's root, and has no types for them anyway. */
function exceptSchemas({ publishConfig }: Manifest): readonly string[] {
  const schemas = Object.keys(publishConfig?.exports ?? {}).filter((path) => path.endsWith('.json'))
  return schemas.length === 0 ? [] : ['--exclude-entrypoints', ...schemas]
}

function entriesOf({ name, publishConfig }: Manifest): readonly string[] {
  const paths = Object.keys(publishConfig?.exports ?? {}).filter((path) => !path.endsWith('.json'))
  return paths.map((path) => name + path.slice(1))
}

/** What proves a store runs within Vitest, which the stranger's project does not have. */
const loadableEntriesOf = (manifest: Manifest) => entriesOf(manifest).filter((one) => !one.endsWith('/battery'))

/** The README's example with its events in a file. */
const onFile = (code: string) =>
  code
    .replace("{ createMemoryStore } from '@enfold/store-memory'", "{ createSqliteStore } from '@enfold/store-sqlite'")
    .replace('createMemoryStore()', "createSqliteStore({ path: 'example.db' })")

/** In a folder of their own: nobody else of this workspace needs them. */
function tryRuntimes(packed: readonly Packed[]): void {
  const home = join(folder, 'runtimes')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), JSON.stringify({ pnpm: { onlyBuiltDependencies: ['bun', 'deno'] } }))
  run('pnpm', ['add', '--dir', home, '--ignore-workspace', 'bun', 'deno'], '.')
  const entries = packed.flatMap(({ manifest }) => loadableEntriesOf(manifest))
  write('all.mjs', entries.map((name) => `import '${name}'\n`).join(''))
  write('file.mjs', onFile(block('ts')))
  const expected = block('text')
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', '.config/vitest.ts']
  for (const { name, args, coreTests } of [
    { name: 'bun', args: [], coreTests: ['test', '--timeout', '120000', 'packages/core/src'] },
    { name: 'deno', args: ['run', '--allow-all'], coreTests: ['run', '--allow-all', ...vitest, 'packages/core'] },
  ]) {
    const command = join(home, 'node_modules/.bin', name)
    process.stdout.write(`\n${name}: ${run(command, ['--version'], '.')?.split('\n')[0]}\n`)
    const printed = (file: string) => run(command, [...args, file], project)
    judge(`${name}: example.mjs prints what the README says`, printed('example.mjs') === expected)
    judge(`${name}: every entry of every package loads`, printed('all.mjs') !== null)
    // Deno's node:sqlite (2.9) keeps the result codes of SQLite to itself: a busy file could not be told from a broken one.
    if (name === 'bun') judge(`${name}: the same on a file of SQLite`, printed('file.mjs') === expected)
    judge(`${name}: the tests of core`, run(command, coreTests, ROOT) !== null)
  }
}

// --- In order -------------------------------------------------------------------------------------------------------

try {
  const packed = pack()
  for (const { manifest, tarball } of packed) {
    process.stdout.write(`\n${manifest.name}\n`)
    process.stdout.write(run('publint', ['run', tarball, '--strict'], '.') ?? '')
    // A package with a command and no code to import has no types.
    if (entriesOf(manifest).length > 0)
      process.stdout.write(
        run('attw', [tarball, ...exceptSchemas(manifest), '--format', 'ascii', '--no-emoji'], '.') ?? '',
      )
    // With the schemas, as everything finds them that knows exports.
    if (exceptSchemas(manifest).length > 0)
      process.stdout.write(run('attw', [tarball, '--profile', 'node16', '--format', 'ascii', '--no-emoji'], '.') ?? '')
  }
  process.stdout.write('\nAn empty project\n')
  install(packed)
  if (existsSync(join(project, 'node_modules'))) {
    runExample()
    checkTypes(packed)
    checkOldTypeScript()
    loadAll(packed)
    runJest(packed)
    refuseOldNode(packed)
    if (process.argv.includes('--runtimes')) tryRuntimes(packed)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
