/** The command line on a PostgreSQL store: the same as on a SQLite file, and never a word of the password. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPostgresStore } from '@enfold/store-postgres'
import { type GivenServer, givenSchema, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock, hostileIds } from '@enfold/testkit'
import { Pool } from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { answerOf, type Ended, enfold, enfoldProcess, fillStore, pool, temporaryDirectory } from './cli.fixture.ts'
import { placeText } from './places.ts'

const server = givenServer()
const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)

const CONTACTS = [...hostileIds, 'ann', 'bob', 'cleo', 'dan', 'eve']
const sqlite = `sqlite:${file('given.db')}`
const NURTURE = 'pool%2F1/nurture'
const definition = file('pool.json')
const handlers = file('handlers.mjs')

beforeAll(async () => {
  await fillStore(file('given.db'), createSimulatedClock('2026-03-01T09:00:00.000Z'), CONTACTS)
  writeFileSync(definition, JSON.stringify(pool))
  writeFileSync(
    handlers,
    "export const handlers = { email: () => ({ outcome: 'sent' }), task: () => ({ outcome: 'sent' }) }",
  )
})

/** A schema that is not there yet, as the command line names it. */
function givenUrl(of: GivenServer = server): string {
  const url = new URL(of.url)
  url.searchParams.set('schema', givenSchema(of))
  return url.href
}

/** What it says is what it said to the standard output; anything but status 0 is a failed test. */
async function told(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await enfold(args)
  expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' })
  return stdout
}

const passwordIn = (url: string) => new URL(url).password

function expectNoPassword({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>, password: string): void {
  expect(password.length).toBeGreaterThan(0)
  for (const text of [stdout, stderr]) {
    expect(text).not.toContain(`:${password}@`)
    if (password.length > 8) expect(text).not.toContain(password)
  }
}

describe('a log in PostgreSQL', () => {
  it('AUDIT-1: out of SQLite, into PostgreSQL and out again, it is the same byte by byte; again, nothing is written', async () => {
    const url = givenUrl()
    const shown = placeText(url)
    const log = await told('export', sqlite)
    const events = log.split('\n').length - 1
    writeFileSync(file('log.jsonl'), log)
    expect(await told('import', file('log.jsonl'), '--into', url)).toBe(`${events} events imported into ${shown}\n`)
    expect(await told('export', url)).toBe(log)
    expect(await answerOf(['import', sqlite, '--into', url])).toMatchObject({ into: shown, imported: 0, known: events })
    await told('export', '--store', url, '--out', file('again.jsonl.gz'))
    expect(await told('export', file('again.jsonl.gz'))).toBe(log)
  })

  it('AUDIT-2, AUDIT-3, AUDIT-4: questions have the answers that they have on SQLite', async () => {
    const url = givenUrl()
    await told('import', sqlite, '--into', url)
    const at = ['--at', '2026-03-02T12:00Z']
    const questions: ((source: string) => readonly string[])[] = [
      (source) => ['stats', source],
      (source) => ['replay', source, ...at],
      (source) => ['members', 'pool/1', 'nurture', source, '--status', 'either'],
      (source) => ['state', '__proto__', source],
      (source) => ['history', 'bob', source, '--changes'],
      (source) => ['explain', 'dan', '--step', 'pool%2F1/nurture/three', source, ...at],
      (source) => ['diff', source, '--from', '2026-03-02', '--to', '2026-03-03'],
      (source) => ['verify', source],
    ]
    for (const question of questions)
      expect({ question: question('it'), answer: await answerOf(question(url)) }).toEqual({
        question: question('it'),
        answer: await answerOf(question(sqlite)),
      })
  })

  it('AUDIT-4: a seal of it holds for the file, and finds what was changed in the database', async () => {
    const url = givenUrl()
    await told('import', sqlite, '--into', url)
    const key = file('key')
    await told('keygen', key)
    await told('seal', url, '--key', key, '--out', file('log.seal'))
    const verify = (source: string) => enfold(['verify', source, '--seal', file('log.seal'), '--key', `${key}.pub`])
    expect(await verify(sqlite)).toMatchObject({ status: 0 })
    expect(await verify(url)).toMatchObject({ status: 0 })

    const owner = new Pool({ connectionString: server.url, max: 1 })
    const schema = new URL(url).searchParams.get('schema')
    const { rowCount } = await owner.query(
      `UPDATE ${schema}.events SET body = replace(body, '"olga"', '"otto"')
       WHERE position = (SELECT max(position) FROM ${schema}.events WHERE body LIKE '%"olga"%')`,
    )
    expect(rowCount).toBe(1)
    await owner.end()
    const found = await verify(url)
    expect(found.status).toBe(1)
    expect(found.stdout).toMatch(/hash/)
    expectNoPassword(found, passwordIn(url))
  })
})

describe('orders on PostgreSQL', () => {
  it('START, STOP, STEP-4: published, started, done once, stopped, and the log says so', async () => {
    const url = givenUrl()
    await told('publish', url, definition, '--create')
    await told('start', url, 'ann', 'bob', NURTURE, '--yes')
    const due = (await answerOf(['due', url])) as { upcoming: { contactId: string }[] }
    expect(due.upcoming.map(({ contactId }) => contactId).toSorted()).toEqual(['ann', 'bob'])
    // As a process of its own: connections do not keep it alive.
    const ran = await enfoldProcess(['run', url, '--handlers', handlers, '--once'])
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' })
    expect(ran.stdout.split('\n')[0]).toBe(`working on ${placeText(url)}: email, task`)
    expect(ran.stdout).toContain('at rest: 2 steps sent')
    expectNoPassword(ran, passwordIn(url))
    expect(await told('stop', url, 'bob', NURTURE)).toContain('stopped')
    const { schema } = Object.fromEntries(new URL(url).searchParams)
    const store = createPostgresStore({ connectionString: server.url, schema: schema as string })
    const types: string[] = []
    for await (const event of store.readStream('contact-bob')) types.push(event.type)
    await store.close()
    expect(types).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent', 'SequenceStopped'])
    expect(await answerOf(['verify', url])).toMatchObject({ faults: [], index: { contacts: 2, differences: [] } })
  })

  it('JSON for programs has no password either', async () => {
    const url = givenUrl()
    await told('publish', url, definition, '--create')
    const ran = await enfold(['run', url, '--handlers', handlers, '--once', '--json'])
    expect(JSON.parse(ran.stdout.split('\n')[0] as string)).toMatchObject({ working: placeText(url) })
    expectNoPassword(ran, passwordIn(url))
  })
})

describe('misuse', () => {
  const SECRET = 'very-secret-indeed'
  const at = (rest: string) => `postgres://crm:${SECRET}@${rest}`
  it.each<[string, () => readonly string[], RegExp]>([
    ['a schema that is not there', () => ['stats', givenUrl()], /There is no schema test_\w+ of Enfold/],
    ['orders to one', () => ['start', givenUrl(), 'ann', NURTURE], /There is no schema test_\w+ of Enfold/],
    ['a worker on one', () => ['run', givenUrl(), '--handlers', handlers], /There is no schema test_\w+ of Enfold/],
    ['a schema that cannot be', () => ['stats', `${at('localhost/crm')}?schema=A%20b`], /schema is "A b"; expected/],
    ['no server', () => ['stats', at('127.0.0.1:1/crm')], /STORE_UNAVAILABLE: .*ECONNREFUSED/],
    ['a URL that is none', () => ['stats', at('[/crm')], /is no URL; expected sqlite:PATH/],
    ['a wrong password', () => ['stats', server.url.replace(/:[^:]*@/, `:${SECRET}@`)], /refused the login/],
    ['an import into another database', () => ['import', sqlite, '--into', `mysql://crm:${SECRET}@h/d`], /--into is/],
    [
      'orders to another database',
      () => ['stop', `mysql://crm:${SECRET}@h/d`, 'a', NURTURE],
      /is no store that is known/,
    ],
    ['a store where a command stands', () => [at('h/d')], /unknown command 'postgres:\/\/h\/d'/],
    ['two stores', () => ['stats', at('h/d'), at('h/d')], /too many arguments|named twice/],
    ['a password that holds an @', () => [`postgres://crm:${SECRET}@${SECRET}@h/d`], /'postgres:…'/],
    ['a password as a parameter', () => [`postgres://crm@h/d?password=${SECRET}&schema=x`], /'postgres:…'/],
  ])('%s: exit status 2, a sentence, and no password', async (_, args, expected) => {
    const given = args()
    const ended = await enfold(given)
    expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status: 2, stdout: '' })
    expect(ended.stderr).toMatch(expected)
    expectNoPassword(ended, SECRET)
    expectNoPassword(ended, passwordIn(server.url))
  })
})
