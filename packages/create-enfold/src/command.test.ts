import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { answer } from './command.ts'
import { InitError } from './errors.ts'

function given(): string {
  const root = mkdtempSync(join(tmpdir(), 'create-enfold-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return root
}

it('makes a project with the scripts dev, start and test, and says how to go on', () => {
  const folder = join(given(), 'my-campaigns')
  const text = answer([folder])
  expect(text).toContain('src/server.ts')
  expect(text).toMatch(/Next\n\n {2}cd .*my-campaigns\n {2}(p?npm) install\n {2}\1 run dev\n$/)
  expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({
    name: 'my-campaigns',
    scripts: { dev: 'enfold dev src/enfold/welcome.ts', start: 'node src/server.ts', test: 'vitest run' },
    dependencies: { enfold: expect.stringMatching(/^\^\d/), express: expect.any(String) },
  })
})

it('options choose what it is made with, and --dry-run makes nothing', () => {
  const root = given()
  const text = answer([join(root, 'a'), '--js', '--framework', 'none', '--test', 'node', '--dry-run'])
  expect(text).toMatch(/^Would make .*\n\n {2}package\.json/)
  expect(text).toContain('src/server.js')
  expect(text).not.toContain('tsconfig')
  // Nothing is there, so it can be made now.
  answer([join(root, 'a'), '--js', '--framework', 'none', '--test', 'node'])
  expect(JSON.parse(readFileSync(join(root, 'a/package.json'), 'utf8'))).toMatchObject({
    scripts: { test: 'node --test' },
    engines: { node: '>=22.15' },
  })
})

it('a folder that is not empty, and a name that is none, are refused', () => {
  const root = given()
  mkdirSync(join(root, 'full'))
  writeFileSync(join(root, 'full/mine\u001b[2J.txt'), '')
  writeFileSync(join(root, 'file'), '')
  // A repository without anything in it yet.
  mkdirSync(join(root, 'cloned/.git'), { recursive: true })
  const refusal = (...args: string[]) => {
    try {
      return answer(args)
    } catch (error) {
      return error instanceof InitError ? error.message : `not ours: ${error}`
    }
  }
  expect(refusal(join(root, 'full'))).toContain('is not empty: it has mine\\u{1b}[2J.txt. Name a new folder')
  expect(refusal(join(root, 'file'))).toContain('is not a folder')
  expect(refusal(join(root, 'cloned'))).toMatch(/^Made /)
  for (const name of ['Big', 'a b', '__proto__', 'ü', '.hidden', 'x'.repeat(215)])
    expect(refusal(join(root, name))).toContain('is no name for a project')
  expect(refusal()).toContain('Name the folder')
  expect(refusal('a', 'b')).toContain('"b" is a second')
  expect(refusal(join(root, 'n'), '--framework', 'nest')).toContain('expected one of express, fastify, none')
  expect(refusal(join(root, 'n'), '--test', 'mocha')).toContain('expected one of vitest, node')
})

it('the command says a mistake in a line, and ends with 2', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'bin.ts'), '--nonsense'], {
    encoding: 'utf8',
  })
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toMatch(/^Unknown option '--nonsense'[^\n]*\n$/)
})
