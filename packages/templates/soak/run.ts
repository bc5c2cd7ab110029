/**
 * Every combination that `enfold init` and `create-enfold` offer, as a stranger has it: the packed packages are installed
 * into an empty folder, each project is made by them, all of it is type-checked, its tests run in their runner, servers
 * start, and each ORM commits and rolls back on a PostgreSQL. After `pnpm build`: `pnpm soak:init`, for some minutes.
 * Exit status 1 if anything is wrong. With `--keep` the folder stays.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@enfold/test-servers/postgres'
import { Client } from 'pg'

const ROOT = join(import.meta.dirname, '../../..')
const folder = mkdtempSync(join(tmpdir(), 'enfold-init-'))
const projects = join(folder, 'projects')
let failed = 0

const ORMS = ['prisma', 'drizzle', 'typeorm', 'knex', 'kysely', 'mikroorm', 'sequelize', 'pg', 'postgres.js', 'none']
const FRAMEWORKS = ['nest', 'next', 'fastify', 'express', 'hono', 'none']
const RUNNERS = ['vitest', 'jest', 'node']

interface Kind {
  readonly manifest: object
  readonly compilerOptions?: object
  /** How Node runs its files; jest, what it needs to. */
  readonly node: readonly string[]
  readonly jest?: object
}

const tsJest = (isModule: boolean) => ({
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: isModule, diagnostics: false }] },
  ...(isModule ? { extensionsToTreatAsEsm: ['.ts'], moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' } } : {}),
})

const NODE_NEXT = { module: 'NodeNext', isolatedModules: true }
const KINDS: Readonly<Record<string, Kind>> = {
  'ts-as-it-is': {
    manifest: { type: 'module' },
    compilerOptions: { ...NODE_NEXT, allowImportingTsExtensions: true, erasableSyntaxOnly: true },
    node: [],
    jest: tsJest(true),
  },
  'ts-module': {
    manifest: { type: 'module' },
    compilerOptions: NODE_NEXT,
    node: ['--import', 'tsx'],
    jest: tsJest(true),
  },
  'ts-bundled': {
    manifest: { type: 'module' },
    compilerOptions: { module: 'ESNext', moduleResolution: 'Bundler', isolatedModules: true },
    node: ['--import', 'tsx'],
    jest: tsJest(true),
  },
  'ts-commonjs': {
    manifest: {},
    compilerOptions: NODE_NEXT,
    node: ['--import', 'tsx'],
    jest: tsJest(false),
  },
  'js-module': { manifest: { type: 'module' }, node: [] },
  'js-commonjs': { manifest: {}, node: [] },
}

interface Made {
  readonly kind: string
  readonly orm: string
  readonly framework: string
  readonly runner: string
  readonly root: string
}

const ending = ({ kind }: { readonly kind: string }) => kind.slice(0, 2)

// --- Running --------------------------------------------------------------------------------------------------------

interface Ended {
  readonly isRight: boolean
  readonly output: string
}

function run(command: string, args: readonly string[], cwd: string, env: object = {}): Promise<Ended> {
  // The Node of the workspace, whatever the machine has.
  const path = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`
  const options = { cwd, env: { ...process.env, PATH: path, ...env }, maxBuffer: 1 << 28, timeout: 1_200_000 }
  return new Promise((resolve) =>
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({
        isRight: error === null,
        output: `${stdout}${stderr}${error !== null && stderr === '' ? error.message : ''}`,
      }),
    ),
  )
}

/** Says whether it went well, and shows what was said if not. */
async function judged(what: string, work: () => Promise<Ended>): Promise<Ended> {
  const begun = performance.now()
  const one = await work()
  if (!one.isRight) {
    failed++
    process.stdout.write(`WRONG  ${what}\n${one.output.slice(-4000)}\n`)
  } else if (performance.now() - begun > 3000)
    process.stdout.write(`right  ${what}, ${Math.round((performance.now() - begun) / 1000)} s\n`)
  return one
}

/** So many at a time as the machine has cores; how many went well. */
async function all<T>(what: string, things: readonly T[], each: (one: T) => Promise<Ended>): Promise<void> {
  const begun = performance.now()
  const waiting = [...things]
  let right = 0
  const work = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) if ((await each(one)).isRight) right++
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  process.stdout.write(`${what}: ${right} of ${things.length}, ${Math.round((performance.now() - begun) / 1000)} s\n`)
}

// --- In order -------------------------------------------------------------------------------------------------------

const manifestIn = (path: string) => JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'))

async function install(): Promise<void> {
  const manifests = readdirSync(join(ROOT, 'packages'))
    .map((name) => manifestIn(`packages/${name}`))
    .filter((one) => one.private !== true)
  const which = manifests.map(({ name }) => `--filter=${name}`)
  await judged('pack', () => run('npx', ['-y', 'pnpm@10', '-r', ...which, 'pack', '--pack-destination', folder], ROOT))
  const tarballs = Object.fromEntries(
    manifests.map(({ name, version }) => [
      name,
      `file:${join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)}`,
    ]),
  )
  const { devDependencies: ours } = manifestIn('packages/templates')
  const { devDependencies: drivers } = manifestIn('packages/driver-tests')
  const theirs = Object.entries({ ...drivers, ...ours }).filter(([, range]) => !String(range).startsWith('workspace:'))
  const manifest = {
    private: true,
    dependencies: {
      ...Object.fromEntries(theirs),
      ...tarballs,
      ...{
        '@mikro-orm/core': drivers['@mikro-orm/postgresql'],
        jest: '^30',
        'ts-jest': '^29',
        '@types/jest': '^30',
        tsx: '^4',
      },
    },
    overrides: Object.fromEntries(manifests.map(({ name }) => [name, `$${name}`])),
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const quiet = [
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--legacy-peer-deps',
    '--loglevel',
    'error',
  ]
  await judged('install', () => run('npm', ['install', ...quiet], folder))
}

function makeProjects(): readonly Made[] {
  const { init } = createRequire(join(folder, 'package.json'))('create-enfold') as typeof import('create-enfold')
  const made = Object.keys(KINDS).flatMap((kind) =>
    ORMS.flatMap((orm) =>
      FRAMEWORKS.flatMap((framework) =>
        RUNNERS.map((runner) => {
          const root = join(projects, kind, `${orm}-${framework}-${runner}`)
          return { kind, orm, framework, runner, root }
        }),
      ),
    ),
  )
  for (const { kind, orm, framework, runner, root } of made) {
    const { manifest = {}, compilerOptions } = KINDS[kind] ?? {}
    mkdirSync(join(root, 'src'), { recursive: true })
    writeFileSync(join(root, 'package.json'), JSON.stringify(manifest))
    if (compilerOptions !== undefined) writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    init({ root, orm, framework, test: runner })
  }
  process.stdout.write(`made ${made.length} projects\n`)
  return made
}

/** Whether a compiler for Node forbids `.ts` in imports. */
const takesNoEnding = (kind: string) => kind === 'ts-module' || kind === 'ts-commonjs'

/** One program for each kind, as strict as can be asked. */
async function checkTypes(): Promise<void> {
  const kinds = Object.entries(KINDS).flatMap(([kind, { compilerOptions, manifest }]) =>
    compilerOptions === undefined ? [] : [{ kind, compilerOptions, manifest }],
  )
  await all('types of all projects of a kind', kinds, ({ kind, compilerOptions, manifest }) => {
    const strict = {
      ...{ target: 'ES2023', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ noUnusedLocals: true, noUnusedParameters: true, noImplicitOverride: true, noImplicitReturns: true },
      ...{ noEmit: true, types: ['node', 'jest'], skipLibCheck: false },
    }
    // Next.js has a bundler's resolution always: where `.ts` is forbidden, its files import without endings.
    const exclude = takesNoEnding(kind) ? ['*-next-*'] : []
    writeFileSync(join(projects, kind, 'package.json'), JSON.stringify(manifest))
    const config = {
      compilerOptions: { ...strict, ...compilerOptions },
      // The runner of tests changes no other file.
      include: ['*-vitest/src', 'none-*/src'],
      exclude,
    }
    writeFileSync(join(projects, kind, 'tsconfig.json'), JSON.stringify(config))
    return judged(`types of ${kind}`, () =>
      run('node', [bin('typescript/bin/tsc'), '-p', join(projects, kind)], folder),
    )
  })
}

const bin = (path: string) => join(folder, 'node_modules', path)

/** The tests differ by kind and runner alone: they run with two ORMs and each framework. */
async function runTests(made: readonly Made[]): Promise<void> {
  const some = made.filter(({ orm }) => orm === 'none' || orm === 'pg')
  const groups = Object.keys(KINDS).flatMap((kind) => RUNNERS.map((runner) => ({ kind, runner })))
  await all('runs of tests, of twelve projects each', groups, ({ kind, runner }) => {
    const roots = some.filter((one) => one.kind === kind && one.runner === runner).map(({ root }) => root)
    const files = roots.flatMap((root) =>
      readdirSync(join(root, 'src/enfold'))
        .filter((name) => name.includes('.test.'))
        .map((name) => join(root, 'src/enfold', name)),
    )
    return judged(`tests of ${kind} in ${runner}`, () =>
      runner === 'vitest' ? inVitest(kind, files) : runner === 'jest' ? inJest(kind, roots) : inNode(kind, files),
    )
  })
}

const inVitest = (kind: string, files: readonly string[]) =>
  run('node', [bin('vitest/vitest.mjs'), 'run', '--root', join(projects, kind), ...files], folder)

function inJest(kind: string, roots: readonly string[]): Promise<Ended> {
  const { jest = { transform: {} } } = KINDS[kind] ?? {}
  const config = { rootDir: join(projects, kind), roots, testMatch: ['**/*.test.[jt]s'], ...jest }
  const env = { NODE_OPTIONS: '--experimental-vm-modules --no-warnings' }
  return run('node', [bin('jest/bin/jest.js'), '--config', JSON.stringify(config)], folder, env)
}

const inNode = (kind: string, files: readonly string[]) =>
  run('node', [...(KINDS[kind]?.node ?? []), '--test', ...files], folder)

async function startHosts(made: readonly Made[], url: string): Promise<void> {
  // What only a bundler finds does not run in Node; NestJS is an ES module, of which tsx makes a second one for CommonJS.
  const runs = ({ kind, framework }: Made) =>
    framework === 'next' ? !takesNoEnding(kind) : framework !== 'nest' || kind !== 'ts-commonjs'
  const some = made.filter((one) => (one.orm === 'none' || one.orm === 'pg') && one.runner === 'node' && runs(one))
  cpSync(join(import.meta.dirname, 'host.mjs'), join(folder, 'host.mjs'))
  // One for each: another's worker would send the mail that a host waits for.
  const databases = new Map(some.map(({ root }, i) => [root, `host_${i}`]))
  const admin = new Client({ connectionString: url })
  await admin.connect()
  for (const name of databases.values()) await admin.query(`CREATE DATABASE ${name}`)
  await admin.end()
  await all('servers that start, send, show and end', some, (one) => {
    const args = [
      ...(KINDS[one.kind]?.node ?? []),
      join(folder, 'host.mjs'),
      one.framework,
      join(one.root, 'src'),
      ending(one),
    ]
    const own = Object.assign(new URL(url), { pathname: `/${databases.get(one.root)}` }).href
    const env = { DATABASE_URL: own, ENFOLD_DATABASE: join(one.root, 'enfold.db') }
    return judged(`a server: ${one.root}`, () => run('node', args, one.root, env))
  })
}

async function commitAndRollBack(made: readonly Made[], url: string): Promise<void> {
  const some = made.filter(({ orm, framework, runner }) => orm !== 'none' && framework === 'none' && runner === 'node')
  cpSync(join(import.meta.dirname, 'transaction.mjs'), join(folder, 'transaction.mjs'))
  cpSync(join(ROOT, 'packages/driver-tests/prisma/schema.prisma'), join(folder, 'prisma/schema.prisma'))
  const database = new Client({ connectionString: url })
  await database.connect()
  // As the model of Prisma has it.
  await database.query('CREATE TABLE "Customer" (id text PRIMARY KEY)')
  await database.end()
  // It needs no engine to generate, but would download one.
  const generating = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1', DATABASE_URL: url }
  await judged('prisma generate', () => run('node', [bin('prisma/build/index.js'), 'generate'], folder, generating))
  await all('ORMs that commit and roll back', some, (one) => {
    const args = [
      ...(KINDS[one.kind]?.node ?? []),
      join(folder, 'transaction.mjs'),
      one.orm,
      join(one.root, 'src'),
      ending(one),
    ]
    return judged(`a transaction: ${one.root}`, () => run('node', args, folder, { DATABASE_URL: url }))
  })
}

async function makeNew(): Promise<void> {
  const choices = ['express', 'fastify', 'none'].flatMap((framework) =>
    ['vitest', 'node'].flatMap((test) =>
      [[], ['--js']].map((language) => ['--framework', framework, '--test', test, ...language]),
    ),
  )
  await all('new projects, with their own scripts', choices, async (choice) => {
    const name = choice.join('').replaceAll('--', '-').slice(1)
    const made = await judged(`create-enfold ${choice.join(' ')}`, () =>
      run('node', [bin('create-enfold/dist/bin.js'), `new/${name}`, ...choice], folder),
    )
    const root = join(folder, 'new', name)
    const scripts = ['test', ...(choice.includes('--js') ? [] : ['typecheck'])]
    const ended: Ended[] = [made]
    for (const script of scripts)
      ended.push(await judged(`npm run ${script} of ${name}`, () => run('npm', ['run', script], root)))
    return ended.find(({ isRight }) => !isRight) ?? made
  })
}

try {
  const begun = performance.now()
  await install()
  const made = makeProjects()
  await checkTypes()
  await runTests(made)
  const server = await startPostgres()
  try {
    await startHosts(made, server.url)
    await commitAndRollBack(made, server.url)
  } finally {
    await server.stop()
  }
  await makeNew()
  process.stdout.write(
    `${failed === 0 ? 'all right' : `${failed} wrong`}, ${Math.round((performance.now() - begun) / 1000)} s\n`,
  )
} finally {
  if (process.argv.includes('--keep')) process.stdout.write(`${folder}\n`)
  else rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1
