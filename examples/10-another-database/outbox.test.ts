import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createEngine, type Engine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSqliteStore } from 'enfold/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { enlist, OUTBOX, relay } from './outbox.ts'

const welcome = { id: 'welcome', goals: [], sequences: [{ id: 'letters', steps: [{ id: 'hello', kind: 'email' }] }] }

/** Runs until it is over or has been killed, and says by which signal. */
function signUp(...args: readonly string[]) {
  const { signal, status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'sign-up.ts'), ...args], {
    encoding: 'utf8',
  })
  expect(stderr).not.toContain('Error')
  return signal ?? status
}

it('kill -9 before the commit, after it, and between the order and its deletion: nothing is lost, nothing is there twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-outbox-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  expect(signUp(folder, 'ann', 'before-commit')).toBe('SIGKILL')
  expect(signUp(folder, 'bob', 'after-commit')).toBe('SIGKILL')
  // It relays the order of bob first, and dies of that: the order was recorded, its row is still there.
  expect(signUp(folder, 'cid', 'after-order')).toBe('SIGKILL')

  const crm = new DatabaseSync(join(folder, 'crm.db'))
  const all = (text: string) =>
    crm
      .prepare(text)
      .all()
      .map((row) => Object.values(row)[0])
  expect(all('SELECT contact FROM outbox ORDER BY place')).toEqual(['bob', 'cid'])
  expect(signUp(folder)).toBe(0)
  expect(all('SELECT id FROM customers ORDER BY id')).toEqual(['bob', 'cid'])
  expect(all('SELECT count(*) FROM outbox')).toEqual([0])
  crm.close()

  const store = createSqliteStore({ path: join(folder, 'campaigns.db'), readOnly: true })
  onTestFinished(() => store.close())
  const { inspect } = createEngine({ store, handlers: {} })
  const typesOf = async (id: string) => (await inspect.history(id)).map(({ type }) => type)
  expect(await Promise.all(['ann', 'bob', 'cid'].map(typesOf))).toEqual([[], ['SequenceStarted'], ['SequenceStarted']])
})

it('ONCE-3: two relays at once start each contact once; a fault leaves the row, and what a rule forbids is told once', async () => {
  const database = new DatabaseSync(':memory:')
  database.exec(OUTBOX)
  const engine = createEngine({ store: createMemoryStore(), handlers: { email: () => ({ outcome: 'sent' }) } })
  onTestFinished(() => engine.close())
  orThrow(await engine.publish(welcome))
  enlist(database, 'ann', 'welcome', 'letters')
  enlist(database, 'bob', 'welcome', 'no-such')
  const [ann] = database.prepare('SELECT * FROM outbox ORDER BY place').all()
  const broken: Engine = { ...engine, startSequence: () => Promise.reject(new Error('the store is away')) }
  const refused: string[] = []
  const told = (why: string) => void refused.push(why)
  await expect(relay(database, broken, told)).rejects.toThrow('away')
  expect(database.prepare('SELECT count(*) AS n FROM outbox').get()).toEqual({ n: 2 })
  await Promise.all([relay(database, engine, told), relay(database, engine, told)])
  expect(await engine.inspect.history('ann')).toHaveLength(1)
  expect(new Set(refused).size).toBe(1)
  expect(await relay(database, engine, told)).toBe(0)
  // As after a crash between order and deletion, with the run over by then: nobody is started a second time.
  await engine.runDue()
  database
    .prepare('INSERT INTO outbox (id, contact, campaign, sequence) VALUES (?, ?, ?, ?)')
    .run(String(ann?.id), 'ann', 'welcome', 'letters')
  expect(await relay(database, engine, told)).toBe(1)
  const types = (await engine.inspect.history('ann')).map(({ type }) => type)
  expect(types.filter((type) => type === 'SequenceStarted')).toHaveLength(1)
})
