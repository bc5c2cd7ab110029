/** What `init` sees in a project, what it writes there, and what it leaves alone. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { InitError, type InitOptions, init } from './index.ts'

type Files = Readonly<Record<string, string | object>>

/** A project of these files: what is no text is written as JSON. */
function given(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), 'enfold-init-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return root
}

const dependingOn = (...names: string[]) => ({ dependencies: Object.fromEntries(names.map((name) => [name, '*'])) })
const seen = (files: Files, flags: InitOptions = {}) => init({ root: given(files), dryRun: true, ...flags })
const first = (text: string) => text.split('\n')[0]

function refusal(options: InitOptions): string {
  try {
    return `not refused: ${init(options)}`
  } catch (error) {
    expect(error).toBeInstanceOf(InitError)
    return error instanceof Error ? error.message : ''
  }
}

const filesIn = (root: string) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.\w+$/.test(name))
    .sort()

describe('what it sees', () => {
  it.each([
    [
      'For NestJS, Prisma on PostgreSQL, TypeScript, jest, pnpm.',
      ['@nestjs/core', 'express', '@prisma/client', 'jest'],
      { 'tsconfig.json': {}, 'pnpm-lock.yaml': '' },
    ],
    [
      'For Express, Drizzle on PostgreSQL, JavaScript (CommonJS), vitest, yarn.',
      ['express', 'drizzle-orm', 'pg', 'vitest'],
      { 'yarn.lock': '' },
    ],
    ['For Fastify, TypeORM on PostgreSQL, JavaScript (CommonJS), node:test, npm.', ['fastify', 'typeorm', 'pg'], {}],
    ['For Next.js, PostgreSQL by postgres.js, JavaScript, node:test, bun.', ['next', 'postgres'], { 'bun.lock': '' }],
    ['For Hono, Kysely on PostgreSQL, TypeScript, node:test, npm.', ['hono', 'kysely', 'pg', 'typescript'], {}],
    ['For node:http, Knex on PostgreSQL, JavaScript (CommonJS), node:test, npm.', ['knex', 'pg'], {}],
    ['For node:http, MikroORM on PostgreSQL, JavaScript (CommonJS), node:test, npm.', ['@mikro-orm/postgresql'], {}],
    ['For node:http, Sequelize on PostgreSQL, JavaScript (CommonJS), node:test, npm.', ['sequelize', 'pg'], {}],
    ['For node:http, PostgreSQL by pg, JavaScript (CommonJS), node:test, npm.', ['pg'], {}],
    ['For node:http, SQLite, JavaScript (CommonJS), node:test, npm.', [], {}],
  ] as const)('%s', (expected, packages, more) => {
    expect(first(seen({ 'package.json': dependingOn(...packages), ...more }))).toBe(expected)
  })

  it.each([
    [
      'a Prisma schema on MySQL',
      ['@prisma/client'],
      { 'prisma/schema.prisma': 'datasource db {\n  provider = "mysql"\n}\n' },
      'mysql',
    ],
    ['a driver of MySQL', ['knex', 'mysql2'], {}, 'mysql2'],
    ['a driver of MongoDB', ['typeorm', 'mongodb'], {}, 'mongodb'],
  ] as const)('a database that is no PostgreSQL gets a SQLite file next to it: %s', (_, packages, more, told) => {
    const text = seen({ 'package.json': dependingOn(...packages), ...more })
    expect(first(text)).toContain('SQLite')
    expect(text).toContain(`no PostgreSQL (${told})`)
  })

  it('a Prisma schema on PostgreSQL counts more than a driver of something else', () => {
    const schema = '// provider = "mysql"\ndatasource db {\n  url = env("URL")\n  provider = "postgresql"\n}\n'
    const files = { 'package.json': dependingOn('prisma', 'better-sqlite3'), 'prisma/schema.prisma': schema }
    expect(first(seen(files))).toContain('Prisma on PostgreSQL')
  })

  it('two of a kind are a question, and the flag answers it', () => {
    const files = { 'package.json': dependingOn('prisma', 'knex', 'express', 'hono', 'jest', 'vitest') }
    const root = given(files)
    expect(refusal({ root })).toBe('The project has Prisma and Knex. Say which one: --orm prisma or --orm knex.')
    expect(refusal({ root, orm: 'knex' })).toBe(
      'The project has Express and Hono. Say which one: --framework express or --framework hono.',
    )
    expect(refusal({ root, orm: 'knex', framework: 'hono' })).toContain('--test vitest or --test jest')
    expect(filesIn(root)).toEqual(['package.json'])
    expect(first(init({ root, orm: 'knex', framework: 'hono', test: 'jest' }))).toBe(
      'For Hono, Knex on PostgreSQL, JavaScript (CommonJS), jest, npm.',
    )
  })

  it('the script "test" says which of two runners of tests is in use', () => {
    const manifest = { ...dependingOn('jest', 'vitest'), scripts: { test: 'vitest run' } }
    expect(first(seen({ 'package.json': manifest }))).toContain('vitest')
  })

  it('a flag that says nothing known is refused with what it takes', () => {
    const root = given({ 'package.json': {} })
    expect(refusal({ root, orm: 'mongoose' })).toMatch(/^--orm is "mongoose"; expected one of prisma, drizzle, /)
    for (const dir of [
      '',
      '..',
      '../x',
      '/x',
      'a/../..',
      'a\0',
      'a\u001b[2J',
      "it's",
      'a"b',
      'a`b',
      'a\\b',
      'a%41',
      'a#b',
    ])
      expect(refusal({ root, dir })).toContain('expected a folder below')
  })
})

describe('how the files are written', () => {
  const importOf = (files: Files, path: string) => {
    const root = given({ 'src/index.ts': '', ...files })
    init({ root })
    return readFileSync(join(root, path), 'utf8')
      .split('\n')
      .find((line) => line.includes('./welcome'))
  }
  const node = { module: 'NodeNext' }
  const module = { type: 'module' }
  it.each([
    ['what Node needs', module, node, "from './welcome.js'"],
    ['no ending in CommonJS', {}, node, "from './welcome'"],
    ['no ending for a bundler', module, { module: 'ESNext', moduleResolution: 'Bundler' }, "from './welcome'"],
    ['.ts where the compiler allows it', module, { ...node, allowImportingTsExtensions: true }, "from './welcome.ts'"],
    ['what Next.js finds', { ...module, ...dependingOn('next') }, node, "from './welcome'"],
    ['.ts in Next.js, too', dependingOn('next'), { ...node, allowImportingTsExtensions: true }, "from './welcome.ts'"],
  ])('imports end with %s', (_, manifest, compilerOptions, expected) => {
    const files = { 'package.json': manifest, 'tsconfig.json': { compilerOptions } }
    expect(importOf(files, 'src/enfold/engine.ts')).toContain(expected)
  })

  it('a tsconfig with comments, commas and a base is read, and one that is broken counts as silent', () => {
    const config = '// ours\n{ "extends": "./base", /* "x" */ "compilerOptions": { "strict": true, }, }'
    const files = { 'package.json': module, 'tsconfig.json': config, 'base.json': { compilerOptions: node } }
    expect(importOf(files, 'src/enfold/engine.ts')).toContain("from './welcome.js'")
    expect(
      importOf({ 'package.json': module, 'tsconfig.json': '{ "extends": [1, "./' }, 'src/enfold/engine.ts'),
    ).toContain("from './welcome'")
    const circle = { 'tsconfig.json': { extends: './tsconfig.json', compilerOptions: node } }
    expect(importOf({ 'package.json': module, ...circle }, 'src/enfold/engine.ts')).toContain("'./welcome.js'")
  })

  it('a jest that looks for specs gets a spec', () => {
    const of = (jest: object) => seen({ 'package.json': { ...dependingOn('jest'), jest } })
    expect(of({ rootDir: 'src', testRegex: '.*\\.spec\\.ts$' })).toContain('welcome.spec.js')
    expect(of({ testMatch: ['**/?(*.)+(spec|test).[jt]s?(x)'] })).toContain('welcome.test.js')
    expect(of({})).toContain('welcome.test.js')
  })

  it('a route of Next.js stands where its routes are, and finds the engine from there', () => {
    const root = given({ 'package.json': dependingOn('next', 'typescript'), 'src/app/page.tsx': '' })
    init({ root })
    const route = join(root, 'src/app/enfold/[...path]/route.ts')
    expect(readFileSync(route, 'utf8')).toContain("import('../../../enfold/pages')")
  })
})

it('a framework that is named counts as one that is found, also for how files are written', () => {
  const root = given({ 'package.json': {} })
  init({ root, framework: 'next' })
  expect(readFileSync(join(root, 'enfold/engine.js'), 'utf8')).toContain("import { welcome } from './welcome.js'")
  expect(readFileSync(join(root, 'app/enfold/[...path]/route.js'), 'utf8')).toContain('export {')
})

describe('what it leaves', () => {
  const manifest = dependingOn('enfold')

  it('the second time there is nothing to do, and no file is touched', () => {
    const root = given({ 'package.json': manifest })
    expect(init({ root })).toContain('Wrote')
    const texts = filesIn(root).map((name) => readFileSync(join(root, name), 'utf8'))
    expect(init({ root })).toMatch(/\n\nNothing to do: all 7 files are there\.\n$/)
    expect(filesIn(root).map((name) => readFileSync(join(root, name), 'utf8'))).toEqual(texts)
  })

  it('a file that differs is left and named, whatever it is', () => {
    const root = given({ 'package.json': manifest, 'enfold/engine.js': '// mine' })
    mkdirSync(join(root, 'enfold/pages.js'))
    symlinkSync('nowhere', join(root, 'enfold/worker.js'))
    const text = init({ root })
    expect(text).toContain(
      'Left as they are, because they differ from what would be written\n  enfold/engine.js\n  enfold/pages.js\n  enfold/worker.js',
    )
    expect(readFileSync(join(root, 'enfold/engine.js'), 'utf8')).toBe('// mine')
    expect(existsSync(join(root, 'enfold/nowhere'))).toBe(false)
    expect(init({ root })).toContain('Nothing to do: 4 files are there')
  })

  it('other ends of lines, as a checkout on Windows has them, are no difference', () => {
    const root = given({ 'package.json': manifest })
    init({ root })
    const path = join(root, 'enfold/engine.js')
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('\n', '\r\n'))
    expect(init({ root })).toContain('all 7 files are there')
  })

  it('what cannot be read where it looks counts as not there', () => {
    const prisma = { ...dependingOn('prisma'), prisma: { schema: 'no\0file' } }
    expect(first(seen({ 'package.json': prisma }))).toContain('Prisma')
    const root = given({ 'package.json': dependingOn('express'), 'app.js/mine.txt': '' })
    symlinkSync('src', join(root, 'src'))
    expect(init({ root })).toMatch(/Wrote\n {2}enfold\/welcome\.js[\s\S]*In app\.js\n/)
  })

  it('--dry-run says the same and writes nothing; --dir says where', () => {
    const root = given({ 'package.json': manifest })
    const text = init({ root, dryRun: true, dir: 'lib/campaigns/' })
    expect(text).toContain('Would write\n  lib/campaigns/welcome.js ')
    expect(filesIn(root)).toEqual(['package.json'])
    expect(init({ root, dir: 'lib/campaigns' })).toBe(text.replace('Would write', 'Wrote'))
  })
})

describe('where it refuses', () => {
  it.each([
    ['{ "name": ', 'is not valid JSON'],
    ['', 'is not valid JSON'],
    ['[]', 'is not an object'],
    ['null', 'is not an object'],
    ['{ "dependencies": ["express"] }', '"dependencies" in package.json'],
    ['{ "scripts": "x" }', '"scripts" in package.json'],
  ])('package.json is %j', (text, told) => {
    const root = given({ 'package.json': text })
    expect(refusal({ root })).toContain(told)
    expect(filesIn(root)).toEqual(['package.json'])
  })

  it('there is no package.json, or no folder', () => {
    const root = given({ 'a.txt': '' })
    expect(refusal({ root })).toContain('npm create enfold NAME')
    expect(refusal({ root: join(root, 'a.txt') })).toContain('is not a folder')
    expect(refusal({ root: join(root, 'none') })).toContain('is not a folder')
  })

  it('the root of a workspace names its packages', () => {
    const files = { 'apps/api/package.json': {}, 'package.json': { workspaces: ['apps/*'] } }
    expect(refusal({ root: given(files) })).toMatch(/There are: apps\/api\. Name the package: enfold init apps\/api$/)
    expect(refusal({ root: given({ 'package.json': {}, 'pnpm-workspace.yaml': '' }) })).toContain('root of a workspace')
    // One that has a program of its own is a project like any other.
    expect(seen({ ...files, 'src/index.js': '' })).toContain('Would write')
  })

  it('a link that leads out of the project', () => {
    const outside = given({})
    const root = given({ 'package.json': {} })
    symlinkSync(outside, join(root, 'src'))
    expect(refusal({ root })).toContain('outside of the project')
    expect(filesIn(outside)).toEqual([])
    // One that stays within is a folder like any other.
    mkdirSync(join(root, 'code'))
    symlinkSync('code', join(root, 'inner'))
    expect(init({ root, dir: 'inner/enfold' })).toContain('Wrote')
    expect(filesIn(join(root, 'code'))).toContain('enfold/engine.js')
  })

  it('a file, or a link to nothing, where a folder should be', () => {
    const root = given({ 'package.json': {}, enfold: 'text' })
    expect(refusal({ root })).toContain('is not a folder')
    symlinkSync('nowhere', join(root, 'dangling'))
    expect(refusal({ root, dir: 'dangling/x' })).toContain('it does not exist')
  })

  it('what is in the way further up, a circle of links, and a name that is too long', () => {
    const root = given({ 'package.json': {}, file: 'text' })
    expect(refusal({ root, dir: 'file/x/y' })).toContain('file is not a folder')
    symlinkSync('circle', join(root, 'circle'))
    expect(refusal({ root, dir: 'circle/x/y' })).toContain('its links lead in a circle')
    expect(refusal({ root, dir: 'x'.repeat(300) })).toContain('its name is too long')
    for (const path of [join(root, 'circle'), join(root, 'file/x'), `${root}\0`])
      expect(refusal({ root: path })).toContain('is not a folder')
    expect(filesIn(root)).toEqual(['package.json'])
  })

  it('a folder that may not be written to, before anything is written', () => {
    const root = given({ 'package.json': {}, 'src/a.js': '' })
    for (const folder of [root, join(root, 'src')]) chmodSync(folder, 0o555)
    const code = `const { init, InitError } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
      process.setuid?.(65534)
      try { init({ root: ${JSON.stringify(root)} }) } catch (error) { console.log(error instanceof InitError, error.message) }`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' })
    expect(stdout).toBe(`true ${join(root, 'src')} cannot be written to: permission denied. Nothing was written.\n`)
  })
})
