/** Keys and variables of runs on the command line (KEY-1, KEY-2, KEY-4, VAR-1). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSqliteStore } from '@enfold/store-sqlite'
import { beforeEach, expect, it } from 'vitest'
import { variableIn } from './arguments.ts'
import { enfold, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()
const shop = {
  id: 'shop',
  goals: [],
  sequences: [
    {
      id: 'remind',
      vars: { cart: { data: 'cartId' }, total: { data: 'total' }, gift: { data: 'gift' } },
      per: 'cart',
      steps: [{ id: 'first', kind: 'email', timer: { after: 'P9D' } }],
    },
  ],
}
const REMIND = 'shop/remind'

let stores = 0
let store: string
let path: string
beforeEach(async () => {
  path = join(folder, `keys-${++stores}.db`)
  store = `sqlite:${path}`
  const definition = join(folder, `shop-${stores}.json`)
  writeFileSync(definition, JSON.stringify(shop))
  expect(await enfold(['publish', store, definition, '--create', '--actor', 'olga'])).toMatchObject({ status: 0 })
})

async function said(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await enfold(args)
  if (status !== 0 || stderr !== '') throw new Error(`enfold ${args.join(' ')}: ${status} ${stderr}`)
  return stdout
}
const start = (...more: readonly string[]) => said('start', store, 'ann', REMIND, '--actor', 'olga', ...more)

it.each([
  ['total=20', { name: 'total', value: 20 }],
  ['total=-0.5', { name: 'total', value: -0.5 }],
  ['gift=true', { name: 'gift', value: true }],
  ['name=Ann=Lee', { name: 'name', value: 'Ann=Lee' }],
  ['code="20"', { name: 'code', value: '20' }],
  ['code=007', { name: 'code', value: '007' }],
  ['order=12345678901234567890', { name: 'order', value: '12345678901234567890' }],
  ['empty=', { name: 'empty', value: '' }],
  ['__proto__=1', { name: '__proto__', value: 1 }],
])('VAR-1: --var %s is read as what it looks like', (text, variable) => {
  expect(variableIn(text)).toEqual(variable)
})

it.each(['total', '=20', 'n=1e999'])('VAR-1: --var %s is refused', (text) => {
  expect(() => variableIn(text)).toThrow(/Expected NAME=VALUE|too large/)
})

it('KEY-2: orders name the run of a key, and without one tell of each', async () => {
  expect(await start('--key', 'cart 1', '--var', 'total=20', '--var', 'gift=true')).toContain(
    'started run 1 of shop/remind for "cart 1" for ann',
  )
  expect(await start('--var', 'cart=c2')).toContain('started run 1 of shop/remind for c2 for ann')
  expect(await start('--key', 'c2')).toContain('ann is in shop/remind for c2 already, run 1')
  const { enrollments } = JSON.parse(await said('state', 'ann', store, '--json')).state
  expect(enrollments).toMatchObject([
    { key: 'cart 1', runs: [{ vars: { cart: 'cart 1', total: 20, gift: true } }] },
    { key: 'c2', runs: [{ vars: { cart: 'c2' } }] },
  ])
  expect(await said('pause', store, 'ann', REMIND, '--key', 'c2', '--actor', 'olga')).toContain(
    'run 1 of shop/remind for c2',
  )
  const why = await said('explain', 'ann', store, '--step', `${REMIND}/first`, '--key', 'c2')
  expect(why).toContain('first of shop/remind for c2 for ann')
  expect(await said('stop', store, 'ann', REMIND, '--actor', 'olga')).toContain(
    'stopped run 1 of shop/remind for "cart 1", run 1 of shop/remind for c2 for ann',
  )
  expect(await enfold(['start', store, 'ann', REMIND, '--actor', 'olga'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('cart'),
  })
})

it('KEY-4: members lists contact and key, from a store and from a file, and a log goes round with its keys', async () => {
  for (const key of ['c1', 'c2']) await start('--key', key)
  const members = 'ann for c1\nann for c2\n'
  expect(await said('members', 'shop', 'remind', store)).toBe(members)
  const file = join(folder, `log-${stores}.jsonl`)
  await said('export', store, '--out', file)
  expect(await said('members', 'shop', 'remind', file)).toBe(members)
  expect(JSON.parse(await said('members', 'shop', 'remind', file, '--json'))).toMatchObject({
    total: 2,
    contacts: ['ann', 'ann'],
    keys: ['c1', 'c2'],
  })
  expect(await said('replay', file)).toContain('ann for c1, ann for c2')
  const copy = join(folder, `copy-${stores}.db`)
  await said('import', file, '--into', `sqlite:${copy}`)
  expect(await said('verify', `sqlite:${copy}`)).toContain('0 differences')
  const imported = createSqliteStore({ path: copy, readOnly: true })
  expect(await imported.membershipsOf('ann')).toEqual(['c1', 'c2'].map((key) => ({ tag: 'shop/remind', key })))
  await imported.close()
})

it('KEY-2: a list has a column of keys, and what became of each stands in a file', async () => {
  const list = join(folder, `list-${stores}.csv`)
  writeFileSync(list, 'contactId,cart\nann,c1\nann,c2\nbob,c3\n')
  const results = join(folder, `results-${stores}.csv`)
  const order = ['start', store, '--from', list, '--key-column', 'cart', '--var', 'total=5', REMIND, '--actor', 'olga']
  expect(await said(...order, '--yes', '--csv', results)).toContain('3 contacts: 3 started')
  expect(await said('members', 'shop', 'remind', store)).toBe('ann for c1\nann for c2\nbob for c3\n')
  expect(await said('stop', store, '--in', REMIND, REMIND, '--actor', 'olga', '--yes')).toContain(
    '2 contacts: 2 stopped',
  )
})
