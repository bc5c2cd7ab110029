/**
 * Projects of every kind, made in a folder of the workspace: what stands in them is type-checked, its tests run, and
 * programs of it start. `pnpm soak:init` does the same with every combination, installed as a stranger installs it.
 */
import 'reflect-metadata'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { givenServer } from '@enfold/test-servers/given'
import { NestFactory } from '@nestjs/core'
import { create, init } from 'create-enfold'
import { Hono } from 'hono'
import { Pool } from 'pg'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const server = givenServer()

/** Below this package, so that what the projects import is found. */
const FOLDER = join(import.meta.dirname, '../generated')

const ORMS = ['prisma', 'drizzle', 'typeorm', 'knex', 'kysely', 'mikroorm', 'sequelize', 'pg', 'postgres.js', 'none']
const FRAMEWORKS = ['nest', 'next', 'fastify', 'express', 'hono', 'none']
const RUNNERS = ['vitest', 'jest', 'node']

/** Kinds of projects that differ in how a file is written. */
const KINDS: Readonly<Record<string, { readonly manifest: object; readonly compilerOptions?: object }>> = {
  'ts-as-it-is': {
    manifest: { type: 'module' },
    compilerOptions: { module: 'NodeNext', allowImportingTsExtensions: true },
  },
  'ts-module': { manifest: { type: 'module' }, compilerOptions: { module: 'NodeNext' } },
  'ts-commonjs': { manifest: {}, compilerOptions: { module: 'CommonJS' } },
  'js-module': { manifest: { type: 'module' } },
  'js-commonjs': { manifest: {} },
}

/**
 * Each choice at least once in each kind of project. A file differs by one of them alone, so that other pairs hold no
 * file that these do not.
 */
const PROJECTS = Object.keys(KINDS).flatMap((kind) =>
  ORMS.map((orm, i) => ({ kind, orm, framework: FRAMEWORKS[i % 6] ?? '', test: RUNNERS[i % 3] ?? '' })),
)

const placeOf = ({ kind, orm }: { kind: string; orm: string }) => join(FOLDER, kind, orm)

/** Node runs what Next.js does not: the worker and the tests. */
const NEXT_JS = join(FOLDER, 'next-js')

makeAll()
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

function makeAll(): void {
  rmSync(FOLDER, { recursive: true, force: true })
  for (const { kind, ...flags } of PROJECTS) {
    const root = placeOf({ kind, ...flags })
    const { manifest, compilerOptions } = KINDS[kind] ?? { manifest: {} }
    mkdirSync(join(root, 'src'), { recursive: true })
    writeFileSync(join(root, 'package.json'), JSON.stringify(manifest))
    if (compilerOptions !== undefined) writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    init({ root, ...flags })
  }
  mkdirSync(NEXT_JS)
  writeFileSync(join(NEXT_JS, 'package.json'), '{}')
  init({ root: NEXT_JS, framework: 'next', orm: 'none', test: 'node' })
  for (const language of ['ts', 'js'] as const)
    for (const framework of ['express', 'fastify', 'none'])
      create({ folder: join(FOLDER, 'new', `${framework}-${language}`), framework, language })
}

const filesEndingIn = (ending: string) =>
  readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(FOLDER, name))

/** The bundlers of Next.js find names without an ending, which Node does not. */
function hostOf(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const cache = ts.createModuleResolutionCache(FOLDER, (name) => name, options)
  const bundled = PROJECTS.filter(({ framework }) => framework === 'next').map((one) => `${placeOf(one)}/`)
  const nameOf = (text: string, file: string) =>
    /^\..*\/[^.]+$/.test(text) && bundled.some((place) => file.startsWith(place)) ? `${text}.ts` : text
  host.resolveModuleNameLiterals = (literals, file, redirected, _, source) =>
    literals.map((literal) => {
      const mode = ts.getModeForUsageLocation(source, literal, options)
      return ts.resolveModuleName(nameOf(literal.text, file), file, options, host, cache, redirected, mode)
    })
  return host
}

it('every file type-checks, as strictly as can be asked', () => {
  // Its globals, which projects have from @types/jest.
  const globals = join(FOLDER, 'jest.d.ts')
  writeFileSync(
    globals,
    ['it', 'expect'].map((name) => `declare const ${name}: typeof import('vitest').${name}\n`).join(''),
  )
  const files = filesEndingIn('.ts')
  const { options } = ts.parseJsonConfigFileContent(
    { extends: '../../../tsconfig.base.json', compilerOptions: { verbatimModuleSyntax: false } },
    ts.sys,
    FOLDER,
  )
  const program = ts.createProgram(files, options, hostOf(options))
  const wrong = files.flatMap((file) => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
  })
  expect(files.length).toBeGreaterThan(200)
  expect(ts.formatDiagnostics(wrong, { ...ts.sys, getCanonicalFileName: (name) => name, getNewLine: () => '\n' })).toBe(
    '',
  )
})

describe('its own tests pass', () => {
  const testsOf = (runner: string) =>
    PROJECTS.filter(({ test }) => test === runner).flatMap((project) => {
      const folder = join(placeOf(project), 'src/enfold')
      const name = readdirSync(folder).find((one) => one.includes('.test.'))
      return [{ kind: project.kind, file: join(folder, name ?? 'none') }]
    })
  /** The first of each kind: the others are the same. */
  const eachKind = (runner: string) =>
    Object.keys(KINDS).flatMap((kind) =>
      testsOf(runner)
        .filter((one) => one.kind === kind)
        .slice(0, 1),
    )

  for (const { kind, file } of eachKind('vitest'))
    describe(`in vitest, ${kind}`, async () => {
      await import(file)
    })

  it('the tests run in node:test, as far as Node runs the files as they are', async () => {
    const files = eachKind('node').flatMap(({ kind, file }) => (/^js|as-it-is/.test(kind) ? [file] : []))
    files.push(join(NEXT_JS, 'enfold/welcome.test.js'))
    const { status, output } = await ended(['--test', '--test-isolation=none', ...files])
    expect(output).toContain('pass 8')
    expect(status).toBe(0)
  })
})

// --- Programs -------------------------------------------------------------------------------------------------------

function ended(args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_TEST_CONTEXT: undefined } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, output })))
}

async function freePort(): Promise<number> {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  taken.close()
  return port
}

/** A new project's server, as `npm start` runs it. */
async function started(project: string, env: Readonly<Record<string, string>>) {
  const root = join(FOLDER, 'new', project)
  const port = await freePort()
  const command = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts.start.replace('node ', '')
  const child = spawn(process.execPath, [command], { cwd: root, env: { ...process.env, PORT: String(port), ...env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  await expect.poll(() => output).toContain('/enfold/console')
  return { child, origin: `http://127.0.0.1:${port}`, output: () => output }
}

describe('a new project', () => {
  it('a new project serves, sends the first mail to somebody who signs up, and ends when it is told to', async () => {
    const { child, origin, output } = await started('express-ts', { ENFOLD_OPEN: 'to-everybody' })
    expect((await fetch(`${origin}/sign-up/ada`, { method: 'POST' })).status).toBe(201)
    await expect.poll(output).toContain('mail hello to ada under ')
    const page = await fetch(`${origin}/enfold/console/contacts/ada`)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('hello')])
    expect(await (await fetch(`${origin}/enfold/api/contacts/ada`)).json()).toMatchObject({
      enrollments: [{ campaignId: 'welcome', sequenceId: 'letters' }],
    })
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([0, null])
  })

  it('a new project shows nothing to anybody until the host says who may', async () => {
    const { origin } = await started('none-js', {})
    for (const path of ['/enfold/console', '/enfold/api/contacts/ada'])
      expect((await fetch(origin + path)).status).toBe(401)
    expect((await fetch(`${origin}/other`)).status).toBe(404)
  })
})

describe('in a project that there is', () => {
  /** Loads a file of a project that is written as Node runs it. */
  const load = (orm: string, file: string) => import(join(placeOf({ kind: 'ts-as-it-is', orm }), 'src', file))

  beforeAll(() => {
    process.env.DATABASE_URL = server.url
  })

  it('pg: the commit of the host enrolls, the rollback does not, and nobody signs up before the campaign is there', async () => {
    const { engine, store } = await load('pg', 'enfold/engine.ts')
    const { welcome } = await load('pg', 'enfold/welcome.ts')
    const { signedUp } = await load('pg', 'enfold/enroll.ts')
    const pool = new Pool({ connectionString: server.url })
    const early = await pool.connect()
    await early.query('BEGIN')
    await expect(signedUp(early, 'eve')).rejects.toThrow('run the worker')
    await early.query('ROLLBACK')
    early.release()
    await engine.publish(welcome)
    for (const [contactId, end] of [
      ['ann', 'COMMIT'],
      ['bob', 'ROLLBACK'],
    ]) {
      const client = await pool.connect()
      await client.query('BEGIN')
      await signedUp(client, contactId)
      await client.query(end ?? '')
      client.release()
    }
    const typesOf = async (id: string) => (await engine.inspect.history(id)).map(({ type }: { type: string }) => type)
    expect(await typesOf('ann')).toEqual(['GoalSatisfied', 'SequenceStarted'])
    expect(await typesOf('bob')).toEqual([])
    await engine.close()
    await store.close()
    await pool.end()
  })

  it('NestJS: works while the application runs, and has the pages', async () => {
    const { enfoldModule } = await load('prisma', 'enfold/enfold.module.ts')
    class Application {}
    const app = await NestFactory.create({ module: Application, imports: [enfoldModule] }, { logger: false })
    await app.listen(0, '127.0.0.1')
    const { port } = app.getHttpServer().address()
    for (const path of ['/enfold/console', '/enfold/api/contacts/ada'])
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(401)
    expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404)
    await app.close()
  })

  it('Hono and Next.js have the pages', async () => {
    const { mountEnfold } = await load('kysely', 'enfold/mount.ts')
    const app = new Hono()
    mountEnfold(app)
    expect((await app.request('http://localhost/enfold/console')).status).toBe(401)
    const route = await load('drizzle', 'app/enfold/[...path]/route.ts')
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      expect((await route[method](new Request('http://localhost/enfold/api/contacts/ada', { method }))).status).toBe(
        401,
      )
  })
})
