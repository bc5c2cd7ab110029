import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { answerOf, enfold, pool, temporaryDirectory } from './cli.fixture.ts'

const JOURNAL = join(import.meta.dirname, '../../../examples/07-your-own-store/journal-store.ts')

const directory = temporaryDirectory()
let files = 0

function givenFile(name: string, text: string): string {
  const path = join(directory, `${files++}-${name}`)
  writeFileSync(path, text)
  return path
}

it('a store of a module takes every command: publish, start, due, run, history, verify', async () => {
  const path = join(directory, 'journal.jsonl')
  const store = `module:${JOURNAL}?path=${encodeURIComponent(path)}`
  const host = givenFile(
    'host.mjs',
    "const sent = () => ({ outcome: 'sent' }); export const handlers = { email: sent, task: sent }",
  )
  const campaign = givenFile('campaign.json', JSON.stringify(pool))
  const succeed = async (...args: string[]) => {
    const { status, stdout, stderr } = await enfold(args)
    expect([args[0], status, stderr]).toEqual([args[0], 0, ''])
    return stdout
  }
  await succeed('publish', store, campaign)
  expect(existsSync(path)).toBe(true)
  await succeed('start', store, 'ada', 'pool%2F1/nurture')
  await succeed('start', '--store', store, 'bob', 'pool%2F1/nurture')
  expect(await succeed('due', store)).toContain('ada')
  expect(await succeed('run', store, '--handlers', host, '--once')).toContain('ada')
  expect(await succeed('history', 'ada', '--store', store)).toContain('one')
  expect(await answerOf(['verify', store])).toMatchObject({
    hashed: 7,
    faults: [],
    index: { contacts: 2, differences: [], counters: [], states: [] },
  })
})

it.each([
  ['a file that is not there', () => 'module:./no-such-store.mjs', 'There is no file "./no-such-store.mjs"'],
  ['no file', () => 'module:', 'module: names no file; expected module:FILE.'],
  [
    'a module without openStore',
    () => `module:${givenFile('empty.mjs', 'export const store = {}')}`,
    'exports no function openStore; expected openStore({ access, parameters }).',
  ],
  [
    'a module that cannot be loaded',
    () => `module:${givenFile('broken.mjs', "import 'no-such-package'")}`,
    'cannot be loaded',
  ],
  [
    'an openStore that throws',
    () => `module:${givenFile('throws.mjs', "export const openStore = () => { throw new Error('no disk') }")}`,
    'cannot be opened: no disk',
  ],
  [
    'what is not a store',
    () => `module:${givenFile('other.mjs', 'export const openStore = () => ({ appendMany() {} })')}`,
    'returns no store: it has no readAll. createStore of @enfold/core/store makes one.',
  ],
])('a store of a module is refused with its reason: %s', async (_, url, reason) => {
  for (const args of [
    ['due', url()],
    ['verify', url()],
  ]) {
    const { status, stderr } = await enfold(args)
    expect(status).toBe(2)
    expect(stderr).toContain(reason)
  }
})

it('an import into a store of a module is refused before the module is loaded', async () => {
  const log = givenFile('log.jsonl', '')
  const { status, stderr } = await enfold(['import', log, '--into', 'module:./no-such-store.mjs'])
  expect(status).toBe(2)
  expect(stderr).toContain('--into takes no store of a module')
})
