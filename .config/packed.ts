/**
 * Looks at each package as a stranger will get it: packs it, lets publint and are-the-types-wrong judge, then installs
 * all of them into an empty project outside the workspace and runs the README's example there, as an ES module, as
 * CommonJS and as TypeScript, under jest 29 and 30, and on
 * an old Node. Run after `pnpm build`. Exit status 1 if anything is wrong.
 *
 * `pnpm test:runtimes`: on Bun and Deno as well, which are downloaded for it, with the tests of core.
 */
import { execFile, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import ts from 'typescript'
import { INSTALL, type Manifest, type Packed, pack } from './pack.ts'

const folder = mkdtempSync(join(tmpdir(), 'enfold-packed-'))
const project = join(folder, 'project')
let failed = false

interface Ended {
  readonly isRight: boolean
  readonly stdout: string
  readonly stderr: string
}

function start(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  // Not where this workspace finds its packages: `pnpm` sets NODE_PATH to it.
  const env = { ...process.env, NODE_PATH: undefined }
  const options = { cwd, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ isRight: error === null, stdout, stderr: stderr === '' && error !== null ? String(error) : stderr }),
    )
  })
}

/** What it printed; `null` if it failed, which is told. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string | null> {
  const { isRight, stdout, stderr } = await start(command, args, cwd)
  if (isRight) return stdout
  process.stdout.write(`${stdout}${stderr}\n`)
  failed = true
  return null
}

/** Two of them at a time, for each keeps a core busy. */
async function all(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...tasks]
  const work = async () => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task()
  }
  await Promise.all([work(), work()])
}

function judge(what: string, isRight: boolean): void {
  process.stdout.write(`${isRight ? 'right' : 'WRONG'}  ${what}\n`)
  if (!isRight) failed = true
}

// --- The stranger's project -----------------------------------------------------------------------------------------

const ROOT = resolve('.')
const README = readFileSync('README.md', 'utf8')
const block = (language: string) => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(README)?.[1] ?? ''

/** Everything that only a workspace knows is left behind: the tarballs alone say what they need. */
async function install(packed: readonly Packed[]): Promise<void> {
  const version = (name: string) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version
  mkdirSync(project)
  const tarballs = Object.fromEntries(packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]))
  write('package.json', {
    private: true,
    dependencies: { ...tarballs, '@types/node': version('@types/node') },
    // None of them is on any registry yet.
    overrides: Object.fromEntries(packed.map(({ manifest: { name } }) => [name, `$${name}`])),
  })
  judge('all packages install into an empty project', (await run('npm', INSTALL, project)) !== null)
}

function write(name: string, content: string | object): void {
  writeFileSync(join(project, name), typeof content === 'string' ? content : JSON.stringify(content))
}

/** The same program with `require`, which has no `await` outside a function. */
function asCommonJs(code: string): string {
  const body = code.replaceAll(/^import (\{.*\}) from ('.*')$/gm, 'const $1 = require($2)')
  return `async function main() {\n${body}}\nmain()\n`
}

function writeExample(): void {
  write('example.mjs', block('ts'))
  write('example.cjs', asCommonJs(block('ts')))
  write('example.mts', block('ts'))
}

async function runExample(): Promise<void> {
  for (const name of ['example.mjs', 'example.cjs', 'example.mts'])
    judge(`${name} prints what the README says`, (await run(process.execPath, [name], project)) === block('text'))
}

/**
 * Not in CommonJS: NestJS 12 is an ES module only, and what `@enfold/fastify` adds to the types of Fastify cannot stand in
 * one program twice.
 */
const OF_FRAMEWORKS: ReadonlySet<string> = new Set(['@enfold/fastify', '@enfold/nestjs'])

function writeAll(packed: readonly Packed[]): void {
  const names = packed.flatMap(({ manifest }) => entriesOf(manifest))
  write('all.mts', names.map((name, i) => `export * as n${i} from '${name}'\n`).join(''))
  const others = names.filter((name) => !OF_FRAMEWORKS.has(name))
  write('all.cts', others.map((name, i) => `import n${i} = require('${name}')\n`).join('') + use(others.length))
}

/**
 * Without `skipLibCheck`: our declarations are part of the program. What resolves them otherwise (bundlers, or what knows
 * no exports) finds the same files: are-the-types-wrong looks whether it does.
 */
async function checkTypes(): Promise<void> {
  const tsc = join(ROOT, 'node_modules/typescript-7/bin/tsc')
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--types', 'node']
  const resolution = ['--module', 'node16', '--moduleResolution', 'node16']
  const args = [tsc, ...strict, ...resolution, 'example.mts', 'all.mts', 'all.cts']
  judge('TypeScript 7, module resolution node16', (await run(process.execPath, args, project)) !== null)
}

/**
 * The oldest TypeScript that hosts may have. The types of Node and of frameworks of today are not for it, so only what it
 * says of ours and of the program counts.
 */
async function checkOldTypeScript(): Promise<void> {
  const tsc = join(ROOT, 'node_modules/typescript-5.0/bin/tsc')
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--types', 'node']
  const resolution = ['--module', 'node16', '--moduleResolution', 'node16']
  const files = ['example.mts', 'all.mts', 'all.cts']
  const { isRight, stdout, stderr } = await start(process.execPath, [tsc, ...options, ...resolution, ...files], project)
  const lines = stdout.split('\n').filter((line) => line !== '')
  const ours = lines.filter((line) => !/^(node_modules\/(?!@?enfold\/)| )/.test(line))
  process.stdout.write([...ours, ...(lines.length === 0 ? [stderr] : [])].map((line) => `${line}\n`).join(''))
  // It ran to its end: it found nothing, or it said what it found.
  judge('TypeScript 5.0, module resolution node16', ours.length === 0 && (isRight || lines.length > 0))
}

const use = (count: number) => `export const all = [${Array.from({ length: count }, (_, i) => `n${i}`)}]\n`

/** Each entry of each package that is code, in both module systems; and the command. */
function loadAll(packed: readonly Packed[]): readonly (() => Promise<void>)[] {
  const names = packed.flatMap(({ manifest }) => loadableEntriesOf(manifest))
  const systems = (['import', 'require'] as const).map((system) => async () => {
    const code = `(async () => {
      const count = async (name) => Object.keys(await ${system}(name)).length
      for (const name of ${JSON.stringify(names)})
        console.log(name, await count(name).catch((error) => { console.error(name, error); return 0 }))
    })()`
    const { stdout, stderr } = await start(process.execPath, ['--eval', code], project)
    const counts = new Map(stdout.split('\n').map((line) => line.split(' ') as [string, string]))
    process.stdout.write(stderr)
    for (const name of names) judge(`${system}('${name}')`, Number(counts.get(name)) > 0)
  })
  const commands = packed.flatMap(({ manifest }) => Object.keys(manifest.bin ?? {}))
  return [
    ...systems,
    ...commands.map((command) => async () => {
      const printed = await run(join(project, 'node_modules/.bin', command), ['--help'], project)
      judge(`${command} --help`, printed !== null)
    }),
  ]
}

/** The project has no driver: the subpath loads, and the store's first question says what to install. */
function lackDriver(): readonly (() => Promise<void>)[] {
  const sentence =
    'DRIVER_MISSING: To connect to PostgreSQL, Enfold needs the package pg, which is not installed: npm install pg'
  return (['import', 'require'] as const).map((system) => async () => {
    const code = `(async () => {
      const { createEngine } = await ${system}('enfold')
      const { createPostgresStore } = await ${system}('enfold/postgres')
      const store = createPostgresStore({ connectionString: 'postgres://127.0.0.1:1/none', notify: true })
      const engine = createEngine({ store, handlers: {} })
      await engine.publish({ id: 'a', goals: [], sequences: [] }).catch(({ code, message }) => console.log(code + ': ' + message))
      await engine.close()
      await store.close()
    })()`
    const printed = await run(process.execPath, ['--eval', code], project)
    judge(`${system}('enfold/postgres') without pg says what to install`, printed === `${sentence}\n`)
  })
}

/** A host's service and its test, as the guide of tests shows them. */
const SERVICE = join(ROOT, 'examples/08-test-a-year-in-a-millisecond')

/** As a host that writes CommonJS for jest has it: what Vitest exports is there without an import. */
function transpiled(file: string): string {
  const source = readFileSync(file, 'utf8')
    .replace(/^import .* from 'vitest'\n/m, '')
    .replace('./signups.ts', './signups.js')
  return ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  }).outputText
}

/** With its own loader of modules, which requires no ES module, and without a line of configuration. */
function runJest(packed: readonly Packed[]): readonly (() => Promise<void>)[] {
  mkdirSync(join(project, 'jest'))
  copyFileSync('.config/stranger/embedding.spec.js', join(project, 'jest/embedding.spec.js'))
  for (const [from, to] of [
    ['signups.ts', 'signups.js'],
    ['signups.test.ts', 'signups.spec.js'],
  ] as const)
    writeFileSync(join(project, 'jest', to), transpiled(join(SERVICE, from)))
  write(
    'jest/entries.json',
    packed.flatMap(({ manifest }) => loadableEntriesOf(manifest)).filter((name) => !OF_FRAMEWORKS.has(name)),
  )
  return ['29', '30'].map((version) => async () => {
    const jest = join(ROOT, `node_modules/jest-${version}/bin/jest.js`)
    const printed = await run(process.execPath, [jest], project)
    judge(`jest ${version} embeds the engine, tests a host's service, and requires every entry`, printed !== null)
  })
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
function refuseOldNode(packed: readonly Packed[]): readonly (() => Promise<void>)[] {
  const [command, ...args] = oldNode()
  const told = /^(?:EnfoldFault: )?Enfold needs Node 22\.15 or newer, and this is Node \d+\.\d+\.\d+\.$/m
  const refused = async (what: string, ...program: readonly string[]) => {
    const { isRight, stdout, stderr } = await start(command, [...args, ...program], project)
    judge(`${command} ${what} is refused by its version`, !isRight && stdout === '' && told.test(stderr))
  }
  const names = packed.flatMap(({ manifest }) => loadableEntriesOf(manifest))
  const systems = (['import', 'require'] as const).map((system) => async () => {
    const code = `(async () => {
      const load = async (name) => ${system}(name)
      for (const name of ${JSON.stringify(names)})
        await load(name).then(() => console.log(JSON.stringify([name, null])), (error) => console.log(JSON.stringify([name, error.message])))
    })()`
    const { stdout, stderr } = await start(command, [...args, '--eval', code], project)
    process.stdout.write(stderr)
    const lines = stdout.split('\n').filter((line) => line.startsWith('['))
    const said = new Map(lines.map((line) => JSON.parse(line) as [string, string | null]))
    for (const name of names)
      judge(`${command} ${system}('${name}') is refused by its version`, told.test(said.get(name) ?? ''))
  })
  return [
    ...['example.mjs', 'example.cjs'].map((name) => () => refused(name, name)),
    ...systems,
    ...packed.flatMap(({ manifest }) =>
      Object.values(manifest.publishConfig?.bin ?? {}).map(
        (path) => () => refused(`${manifest.name}/${path}`, join('node_modules', manifest.name, path), '--help'),
      ),
    ),
  ]
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
    .replace("{ createMemoryStore } from 'enfold/memory'", "{ createSqliteStore } from 'enfold/sqlite'")
    .replace('createMemoryStore()', "createSqliteStore({ path: 'example.db' })")

/** In a folder of their own: nobody else of this workspace needs them. */
async function tryRuntimes(packed: readonly Packed[]): Promise<void> {
  const home = join(folder, 'runtimes')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), JSON.stringify({ pnpm: { onlyBuiltDependencies: ['bun', 'deno'] } }))
  await run('pnpm', ['add', '--dir', home, '--ignore-workspace', 'bun', 'deno'], '.')
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
    process.stdout.write(`\n${name}: ${(await run(command, ['--version'], '.'))?.split('\n')[0]}\n`)
    const printed = (file: string) => run(command, [...args, file], project)
    judge(`${name}: example.mjs prints what the README says`, (await printed('example.mjs')) === expected)
    judge(`${name}: every entry of every package loads`, (await printed('all.mjs')) !== null)
    // Deno's node:sqlite (2.9) keeps the result codes of SQLite to itself: a busy file could not be told from a broken one.
    if (name === 'bun') judge(`${name}: the same on a file of SQLite`, (await printed('file.mjs')) === expected)
    judge(`${name}: the tests of core`, (await run(command, coreTests, ROOT)) !== null)
  }
}

/** What publint and are-the-types-wrong say of one package. */
async function judgePackage({ manifest, tarball }: Packed): Promise<void> {
  const bytes = new Uint8Array(readFileSync(tarball))
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true })
  for (const message of messages) process.stdout.write(`${formatMessage(message, pkg)}\n`)
  judge(`${manifest.name} by publint`, messages.length === 0)
  // A package with a command and no code to import has no types.
  if (entriesOf(manifest).length === 0) return
  const { types, ...analysis } = await checkPackage(createPackageFromTarballData(bytes))
  const problems = 'problems' in analysis ? analysis.problems.filter((one) => !isSchemaAtTheRoot(one)) : []
  for (const problem of problems) process.stdout.write(`${JSON.stringify(problem)}\n`)
  judge(`${manifest.name} by are-the-types-wrong`, types !== false && problems.length === 0)
}

/** JSON Schemas: what knows no exports looks for them at the package's root, and has no types for them anyway. */
const isSchemaAtTheRoot = (problem: Problem) =>
  'resolutionKind' in problem && problem.resolutionKind === 'node10' && problem.entrypoint.endsWith('.json')

// --- In order -------------------------------------------------------------------------------------------------------

try {
  const packed = await pack(folder, run)
  const installed = install(packed)
  for (const one of packed) await judgePackage(one)
  process.stdout.write('\nAn empty project\n')
  await installed
  if (existsSync(join(project, 'node_modules'))) {
    writeExample()
    writeAll(packed)
    const tasks = [
      [checkTypes, checkOldTypeScript],
      runJest(packed),
      [runExample],
      loadAll(packed),
      lackDriver(),
      refuseOldNode(packed),
    ]
    await all(tasks.flat())
    if (process.argv.includes('--runtimes')) await tryRuntimes(packed)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
