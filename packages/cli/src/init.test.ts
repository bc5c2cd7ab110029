import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { enfold, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()

it('init says what it would write, and what is left to do', async () => {
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: { express: '*', knex: '*' } }))
  const { status, stdout, stderr } = await enfold(['init', folder, '--dry-run', '--orm', 'none', '--test', 'jest'])
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    /^For Express, SQLite, JavaScript \(CommonJS\), jest, npm\.\n\nWould write\n {2}src\/enfold\/welcome\.js/,
  )
})

it('a project that cannot be used is a mistake in the command', async () => {
  const { status, stdout, stderr } = await enfold(['init', join(folder, 'src')])
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toContain('There is no package.json in ')
})
