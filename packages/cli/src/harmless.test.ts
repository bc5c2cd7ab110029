/** What the command line must not do: show a password, harm a terminal, leave half a file, or remove one of somebody else. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSimulatedClock } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSink, enfold, enfoldProcess, fillStore, temporaryDirectory } from './cli.fixture.ts'
import { createNewFile, writeNewFiles } from './new-file.ts'
import { placeText, withoutPasswords } from './places.ts'
import { guardWrites } from './streams.ts'
import { jsonText } from './text.ts'

const folder = temporaryDirectory()
const SECRET = 'hunter2'
const logFile = join(folder, 'log.jsonl')

/** URLs of servers with a password, of which one or two signs are wrong, doubled or forgotten, and parts are missing. */
function mistyped(password: string): fc.Arbitrary<string> {
  const sign = (right: string) =>
    fc.constantFrom(...[right, right, right, '', right + right, ':', '/', ';', '=', ' ', '%3A', '%40', '#', '?', ','])
  const host = fc.constantFrom('', 'localhost', '127.0.0.1:1', 'h', '[::1]')
  const ofUrl = fc
    .record({
      scheme: fc.constantFrom('', 'postgres', 'postgresql', 'psotgres', 'esdb', 'sqlite', 'module', 'file', 'C'),
      colon: sign(':'),
      slashes: fc.constantFrom('//', '//', '/', '', '///', '\\\\'),
      user: fc.constantFrom('', 'crm', 'a.b', 'crm%20'),
      between: sign(':'),
      // One sign must be left that tells a password from the name of a file.
      at: fc.constantFrom('@', '@', '@@', '%40', '@ '),
      host,
      rest: fc.constantFrom('', '/', '/db', '/db?schema=x', '?tls=false', '.jsonl'),
    })
    .map(({ scheme, colon, slashes, user, between, at, host: where, rest }) =>
      [scheme, scheme === '' ? '' : colon, slashes, user, between, password, at, where, rest].join(''),
    )
  const withoutAt = fc
    .tuple(
      fc.constantFrom('', 'postgres://', 'postgres:', '//'),
      fc.constantFrom('crm', 'a.b', ''),
      fc.constantFrom('', '/db'),
    )
    .map(([scheme, user, rest]) => `${scheme}${user}:${password}${rest}`)
  const ofPairs = fc
    .tuple(fc.constantFrom('password', 'pw', 'pass', 'secret', 'Pwd'), fc.constantFrom('=', ' = ', ': ', ' '))
    .map(([name, is]) => `host=localhost ${name}${is}${password}`)
  return fc.oneof({ weight: 5, arbitrary: ofUrl }, withoutAt, ofPairs)
}

/** Every place that a command takes. */
function placed(place: string): readonly (readonly string[])[] {
  const host = join(folder, 'no-module.mjs')
  return [
    ['replay', place],
    ['replay', `--store=${place}`],
    ['verify', '--store', place],
    ['stats', place, '--json'],
    ['state', 'ann', place],
    ['start', place, 'ann', 'pool/nurture', '--yes', '--actor', 'x'],
    ['start', `--stroe=${place}`, 'ann', 'pool/nurture'],
    ['start', '--stroe', place, 'ann', 'pool/nurture'],
    ['start', logFile, '--from', place, 'pool/nurture', '--actor', 'x', '--yes'],
    ['publish', place, join(folder, 'none.json'), '--actor', 'x'],
    ['publish', `sqlite:${join(folder, 'filled.db')}`, place, '--actor', 'x'],
    ['import', join(folder, 'none.jsonl'), '--into', place],
    ['import', logFile, '--into', place.replace('sqlite', 'sqlit')],
    ['due', 'sqlite:nowhere.db', '--read-model', place],
    ['due', `sqlite:${join(folder, 'filled.db')}`, '--host-module', place],
    ['run', `sqlite:${join(folder, 'filled.db')}`, '--handlers', place, '--once'],
    ['run', place, '--handlers', host, '--once'],
    ['verify', logFile, '--seal', place, '--key', place],
    ['seal', logFile, '--key', place, '--out', join(folder, 'never.seal')],
    ['export', logFile, '--out', join(folder, place.startsWith('/') ? `no${place}` : `no/${place}`)],
    ['keygen', join(folder, 'no', place)],
    ['console', place, '--port', '1'],
    ['replay', 'x.jsonl', place],
    [place],
  ]
}

beforeAll(async () => {
  const path = join(folder, 'filled.db')
  await fillStore(path, createSimulatedClock('2026-03-02T09:00:00.000Z'))
  await enfold(['export', `sqlite:${path}`, '--out', logFile])
})

describe('passwords', () => {
  it.each([
    `postgres://crm:${SECRET}@localhost/db`,
    `postgresql:/crm:${SECRET}@localhost/db`,
    `postgres:crm:${SECRET}@localhost/db`,
    `//crm:${SECRET}@localhost/db`,
    `crm:${SECRET}@localhost/db`,
    `postgres://crm:${SECRET}`,
    `postgres://crm:pa ss/${SECRET}@localhost`,
    `postgres://localhost/db?password=${SECRET}`,
    `postgres://localhost/db?user=x&pasword=${SECRET}`,
    `psotgres://crm:${SECRET}@localhost/db`,
    `esdb+discover:admin:${SECRET}@localhost`,
    `postgres//crm:${SECRET}@localhost`,
    `postgres%3A//crm:${SECRET}@localhost`,
    `host=localhost user=crm password=${SECRET} dbname=x`,
    `host=localhost password='${SECRET}'`,
    `password = ${SECRET}`,
    `postgres://127.0.0.1:1/db?pw=${SECRET}`,
    `crm:${SECRET}@localhost`,
    `:${SECRET}@localhost`,
  ])('passwords are in no output: %s', async (url) => {
    for (const args of [
      ['replay', url],
      ['replay', `--store=${url}`],
      ['start', url, 'ann', 'pool/nurture', '--yes', '--actor', 'x'],
      ['start', '--stroe', url, 'ann', 'pool/nurture'],
      ['start', `--stroe=${url}`, 'ann', 'pool/nurture'],
      ['import', join(folder, 'none.jsonl'), '--into', url],
      ['due', 'sqlite:nowhere.db', '--read-model', url],
      [url],
      ['replay', 'x.jsonl', url],
      ['verify', logFile, '--seal', url, '--key', url],
      ['export', logFile, '--out', `/nope/${url}`],
      ['keygen', `/nope/${url}`],
    ]) {
      const { stdout, stderr, status } = await enfold(args)
      expect([args, status]).not.toEqual([args, 0])
      expect(stdout + stderr).not.toContain(SECRET)
    }
  })

  it('passwords are in no output, wherever a place is mistyped', async () => {
    const marker = 'xq7zwj'
    await fc.assert(
      fc.asyncProperty(mistyped(marker), fc.nat(), async (place, which) => {
        const commands = placed(place)
        const args = commands[which % commands.length] as readonly string[]
        const { stdout, stderr } = await enfold(args)
        // A host comes back in small letters.
        expect((stdout + stderr).toLowerCase()).not.toContain(marker)
      }),
      { numRuns: runs(150) },
    )
  })

  it.each([
    ['folder/log.jsonl', 'folder/log.jsonl'],
    ['sqlite:folder/a b.db', 'sqlite:folder/a b.db'],
    ['module:./store.js?url=x', 'module:./store.js?…'],
    ['postgres://crm:pw@db.example:5432/crm?schema=x', 'postgres://db.example/crm?schema=x'],
    ['esdb://one:2113,two:2113?tls=false', 'esdb://one,two'],
    ['postgres://db/crm?sslmode=x', 'postgres:…'],
    ['crm:pw', '…'],
    ['crm/pw@h', '…'],
    ['-', '-'],
  ])('a place is shown as what can be no password: %s', (place, shown) => {
    expect(placeText(place)).toBe(shown)
  })

  it('passwords are in no option that is not known', async () => {
    for (const args of [
      ['replay', `--password=${SECRET}`],
      ['replay', '-', `--pasword=${SECRET}`],
      ['replay', '-', `-p${SECRET}`],
      [`-p${SECRET}`],
    ])
      expect((await enfold(args)).stderr).not.toContain(SECRET)
  })

  it.each([
    'postgres://crm@localhost:5432/db?schema=x',
    'esdb://one:2113,two:2113?tls=false',
    'sqlite:C:\\files\\a.db',
    'ann@example.org: contact unknown',
    'INVALID_INPUT: list.csv, line 2, column 1 is empty',
  ])('where there is none, nothing is taken away: %s', (text) => {
    expect(withoutPasswords(text)).toBe(text)
  })

  it('passwords are in no URL of a server that would be waited for', () => {
    for (const url of [`esdb://admin:${SECRET}@localhost:2113?tls=false`, `kurrentdb+discover://a:${SECRET}@b`])
      expect(withoutPasswords(url)).toBe(url.replace(`:${SECRET}`, ''))
  })

  it('passwords are in no warning of a client library', () => {
    const sink = createSink()
    guardWrites(sink as never, ['stats', `--store=esdb:///${SECRET}@h/d`])
    sink.write(`Warning: cannot parse esdb://admin:${SECRET}@localhost\n`)
    sink.write(`What is esdb:///${SECRET}@h/d?\n`)
    expect(sink.text()).toBe('Warning: cannot parse esdb://admin@localhost\nWhat is esdb:…?\n')
  })

  it('passwords are in no warning of Node, and in no last words', async () => {
    const host = join(folder, 'warning.mjs')
    const deed = `process.emitWarning('postgres://crm:${SECRET}@localhost')
      setTimeout(() => { throw new Error('postgres://crm:${SECRET}@localhost') })
      export const contacts = { get: () => new Promise(() => {}) }`
    writeFileSync(host, deed)
    const store = `sqlite:${join(folder, 'warned.db')}`
    await enfold(['import', logFile, '--into', store])
    const ended = await enfoldProcess(['due', store, '--host-module', host])
    expect(ended.stderr).toContain('Warning: postgres://crm@localhost')
    expect(ended.stderr).not.toContain(SECRET)
  })
})

describe('control characters', () => {
  const HOSTILE = '\u001b[31m\u009b2J\u007f\u202e\u2028x'

  it('control characters are in no JSON, which is the same JSON', () => {
    const value = { [HOSTILE]: [HOSTILE, '👩‍👩‍👧', '\n'] }
    expect(JSON.parse(jsonText(value))).toEqual(value)
    expect(jsonText(value)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  })

  it('control characters are in no answer of --json and in no complaint about arguments', async () => {
    for (const args of [
      ['state', HOSTILE, logFile, '--json'],
      ['members', 'pool', HOSTILE, logFile, '--json'],
      ['replay', `--${HOSTILE}`],
      [HOSTILE],
      ['members', 'pool', 'nurture', logFile, '--status', HOSTILE],
      ['stats', 'a', HOSTILE],
    ]) {
      const { stdout, stderr } = await enfold(args)
      expect((stdout + stderr).trimEnd().replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }
  })
})

describe('files', () => {
  const file = (name: string) => join(folder, name)

  it('an export overwrites none, and takes away only what it made', async () => {
    writeFileSync(file('mine.jsonl'), 'mine')
    expect((await enfold(['export', logFile, '--out', file('mine.jsonl')])).status).toBe(2)
    expect(readFileSync(file('mine.jsonl'), 'utf8')).toBe('mine')
    writeFileSync(file('bad.jsonl'), 'no event\n')
    expect((await enfold(['export', file('bad.jsonl'), '--out', file('half.jsonl')])).status).toBe(1)
    expect(existsSync(file('half.jsonl'))).toBe(false)

    const made = createNewFile(file('taken.jsonl'))
    renameSync(file('taken.jsonl'), file('moved.jsonl'))
    writeFileSync(file('taken.jsonl'), 'of somebody else')
    made.discard()
    expect(readFileSync(file('taken.jsonl'), 'utf8')).toBe('of somebody else')
  })

  it('keygen makes both keys or none', async () => {
    writeFileSync(file('key.pub'), 'an older one')
    expect((await enfold(['keygen', file('key')])).status).toBe(2)
    expect([existsSync(file('key')), readFileSync(file('key.pub'), 'utf8')]).toEqual([false, 'an older one'])
    mkdirSync(file('folder'))
    expect(() =>
      writeNewFiles([
        { path: file('one'), content: 'x', mode: 0o600 },
        { path: file('folder/no/such'), content: 'y', mode: 0o600 },
      ]),
    ).toThrow('ENOENT')
    expect(existsSync(file('one'))).toBe(false)
    expect((await enfold(['keygen', file('fine')])).status).toBe(0)
    expect([existsSync(file('fine')), existsSync(file('fine.pub'))]).toEqual([true, true])
  })
})

it.each([
  ['state', ['nobody'], /tells of no contact nobody/],
  ['history', ['nobody'], /tells of no contact nobody/],
  ['members', ['pool/1', 'nurtrue'], /tells of no sequence "pool\/1"\/nurtrue/],
  ['members', ['pond', 'nurture'], /tells of no sequence pond\/nurture/],
])('AUDIT-2: %s of what the log does not know is exit status 1', async (command, args, expected) => {
  const { status, stdout, stderr } = await enfold([command, ...args, logFile])
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(expected)
})
