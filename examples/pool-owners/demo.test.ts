/** The demo as a stranger runs it: a child process, files in, a report out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { forkFakeServer } from '@enfold/test-servers/eventstoredb'
import { removePostgres } from '@enfold/test-servers/postgres'
import { soaking } from '@enfold/testkit/runs'
import { contactOf, type RecordedEvent, simulate } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { HELP, prepareFolder, readArguments, readInput, UsageError } from './asked.ts'
import { lineByPointer, readCampaign } from './read-campaign.ts'
import { type Contact, readContacts } from './read-contacts.ts'
import { factsAt, readHappenings, simulated } from './read-happenings.ts'
import { inWords } from './wrong-line.ts'

const HERE = import.meta.dirname
// Runs of some seconds, more on a machine that has other things to do.
vi.setConfig({ testTimeout: 300_000 })
const temporary = mkdtempSync(join(tmpdir(), 'enfold-demo-'))
// A server runs as another user where the tests run as root.
chmodSync(temporary, 0o755)
afterAll(() => rmSync(temporary, { recursive: true, force: true }))
let count = 0
const newPath = () => join(temporary, String(++count))

function start(script: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(HERE, script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function run(...args: readonly string[]) {
  const child = start('demo.ts', args)
  const streams = [child.stdout, child.stderr].map((stream) => text(stream as NonNullable<typeof stream>))
  const [[status], stdout, stderr] = await Promise.all([once(child, 'exit'), ...streams])
  return { status: status as number, stdout: stdout as string, stderr: stderr as string }
}

function fileOf(name: string, content: string): string {
  const path = `${newPath()}-${name}`
  writeFileSync(path, content)
  return path
}

/** The first forty contacts and what happens to them, all of it or in the first days. */
function fewFiles(days = Number.POSITIVE_INFINITY): readonly string[] {
  const [header, ...rows] = readFileSync(join(HERE, 'contacts.csv'), 'utf8').split('\n')
  const contacts = fileOf('contacts.csv', [header, ...rows.slice(0, 40), ''].join('\n'))
  const ids = readContacts(contacts).value
  const lines = readFileSync(join(HERE, 'happenings.jsonl'), 'utf8').trimEnd().split('\n')
  const happenings = lines.map((line) => JSON.parse(line) as { contact: string; at: string })
  const end = Date.parse(happenings[0]?.at as string) + days * 86_400_000
  const mine = lines.filter((_, i) => {
    const { contact, at } = happenings[i] as (typeof happenings)[number]
    return ids.has(contact) && Date.parse(at) < end
  })
  return ['--contacts', contacts, '--happenings', fileOf('happenings.jsonl', mine.join('\n'))]
}
const FEW = fewFiles()

/** A day of the first happenings on SQLite: what the same on another store is held against. */
const SHORT = ['--days', '1', ...fewFiles(20)]
let onFile: Promise<{ readonly out: string; readonly stdout: string }> | undefined
const shortOnFile = () => {
  const out = newPath()
  onFile ??= run('--out', out, ...SHORT).then(({ stdout }) => ({ out, stdout }))
  return onFile
}

/** Forty contacts to the last happening on SQLite, undisturbed: for the tests that go on with it, and those that end like it. */
let undisturbed:
  | Promise<{ readonly out: string; readonly status: number; readonly mails: readonly string[] }>
  | undefined
const fewOnFile = () => {
  const out = newPath()
  undisturbed ??= run('--days', '1', '--out', out, ...FEW).then(({ status }) => ({ out, status, mails: mailsIn(out) }))
  return undisturbed
}
const mailsIn = (out: string) => readdirSync(join(out, 'outbox')).sort()

async function logOf(folder: string): Promise<readonly RecordedEvent[]> {
  const store = createSqliteStore({ path: join(folder, 'enfold-demo.db') })
  const events: RecordedEvent[] = []
  for await (const event of store.readAll()) events.push(event)
  await store.close()
  return events
}

/** The report without what a clock or a disk says. */
function steady(report: string): string {
  return report
    .split('\n')
    .filter((line) => !/events\/s|MiB|The mails are in/.test(line))
    .join('\n')
}

/** Every contact's sendings, by the log and by `simulate`. */
function expectAsSimulated(log: readonly RecordedEvent[], end: number): void {
  const campaign = readCampaign(join(HERE, 'campaign.json')).value
  const contacts = readContacts(FEW[1] as string).value
  const happenings = readHappenings(FEW[3] as string, { campaign, contacts }).value
  const recorded = Map.groupBy(log, ({ stream }) => contactOf(stream))
  const askers = [...Map.groupBy(happenings, (one) => one.contact)]
  for (const [id, mine] of askers) {
    const contact = contacts.get(id) as Contact
    const from = mine[0]?.at as string
    const { sent } = simulate(campaign, {
      from,
      horizon: `PT${(end - Date.parse(from)) / 1000}S`,
      facts: (at) => factsAt(contact, mine, at),
      inputs: mine.map(simulated),
    })
    const wasSent = (recorded.get(id) ?? []).filter((event) => event.type === 'StepSent')
    expect(wasSent.map(({ at, data }) => [at, data.stepId])).toEqual(sent.map((one) => [one.at, one.stepId]))
  }
  expect(askers.length).toBeGreaterThan(25)
}

describe('the demo', () => {
  it('the demo tells the story of its 300 contacts, each sentence computed', async () => {
    const out = newPath()
    const { status, stdout, stderr } = await run('--out', out)

    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^day 30 .*\nday 60 .*\n/) })
    expect(stdout).toMatch(/^7 Mistakes Pool Owners Make: .* 454 happenings\n/)
    // The README shows the real output's beginning.
    const [, shown] = /```text\n((.|\n)*?)```/.exec(readFileSync(join(HERE, 'README.md'), 'utf8')) ?? []
    expect(stdout.startsWith(shown as string)).toBe(true)
    // Who is where.
    expect(stdout).toMatch(/\n {2}nurture +\d+ +\d+ +.*__proto__/)
    // A history with causes.
    expect(stdout).toMatch(/Satisfied the goal bought, by the signal h-\d+ \(purchased\)\n/)
    expect(stdout).toMatch(
      / Route to vip: started, run 1\n +Route to onboarding: its condition did not hold\n +Saw the field spend: 1412\n/,
    )
    expect(stdout).toContain('Stopped nurture, run 1, by luis: "asked by phone"')
    expect(stdout).toContain('Started nurture, run 2 (version 1), by the goal asked')
    // STOP-1, STOP-6: the simulation agrees with the log, and without the stop it has more.
    const [stop] = /A stop by hand(.|\n)*?\n\n/.exec(stdout) ?? ['']
    expect(stop).toMatch(/would have gone as well:\n( {4}mistake-\d .*\n)+/)
    expect(stop).toMatch(/Simulated with the stop: the same \d+ sendings as in the log, to the minute\./)
    expect(stop).toContain('In the log, 0 steps of that run were dispatched after the stop.')
    // START-2.
    const [, before, after] = /Answer: already_active, run 1\n {2}Before: (.*)\n {2}After: {2}(.*)\n/.exec(stdout) ?? []
    expect(before).toMatch(/^next mistake-\d, due .*; \d+ events$/)
    expect(after).toBe(before)
    // START-1, START-3.
    expect(stdout).toMatch(
      /Stopped, then started: from the top: .*\n.*\n( {4}mistake.*\n)+.*started run 2.*\n {4}mistake-1 /,
    )
    // RESEND-1, RESEND-3.
    const [, first, again] =
      /as scheduled .* (mistake-1-.*\.eml)\n {4}resend 1 .* (mistake-1-.*\.eml)\n/.exec(stdout) ?? []
    expect(first).not.toBe(again)
    for (const file of [first, again]) expect(existsSync(join(out, 'outbox', file as string))).toBe(true)
    const [, nextBefore, nextAfter] = /Next before: (.*)\. Next after: (.*)\./.exec(stdout) ?? []
    expect(nextAfter).toBe(nextBefore)
    // CANCEL-1.
    expect(stdout).toMatch(/ {4}mistake-4 .* not sent\n {4}mistake-5 {2}(.*?) {2,}\1\n/)
    // TIME-5: a fallback that can be seen.
    expect(stdout).toContain('"Mars/Olympus_Mons" is no zone, timed by America/Chicago (p-131)')
    // INDEX-3, and a mail for each sending.
    expect(stdout).toMatch(/Index held against the log for \d+ contacts: 0 differences/)
    const sent = (await logOf(out)).filter((event) => event.type === 'StepSent')
    expect(readdirSync(join(out, 'outbox')).sort()).toEqual(sent.map(({ data }) => data.receipt).sort())
    const mail = readFileSync(join(out, 'outbox', first as string), 'utf8')
    expect(mail).toContain('Subject: Mistake 1: filling first, testing later\r\n')
  })

  it('the demo sends what simulate() says; starts clean each time, with the same figures; --keep changes nothing that was, and goes on', async () => {
    const short = await shortOnFile()
    const shortLog = await logOf(short.out)
    const again = await run('--out', short.out, ...SHORT)
    expect(steady(again.stdout)).toBe(steady(short.stdout))
    expect(await logOf(short.out)).toHaveLength(shortLog.length)

    const { out, status } = await fewOnFile()
    expect(status).toBe(0)
    const before = await logOf(out)
    const kept = await run('--keep', '--days', '30', '--out', out, ...FEW)
    const after = await logOf(out)
    expect(kept.status).toBe(0)
    // Thirty days after the day of the last event or happening.
    const times = readFileSync(FEW[3] as string, 'utf8').match(/(?<="at":")[^"]*/g) as string[]
    const [begin, last] = [times[0] as string, [before.at(-1)?.at, times.at(-1)].sort().at(-1) as string]
    const days = Math.ceil((Date.parse(last) - Date.parse(begin)) / 86_400_000)
    expectAsSimulated(after, Date.parse(begin) + (days + 30) * 86_400_000)
    expect(kept.stdout).toMatch(
      /Handed over again: \d\d happenings; all had the answer of the first time, and the log got 0 new events\./,
    )
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.length).toBeGreaterThan(before.length)
    const added = after.slice(before.length)
    expect(added.map(({ type }) => type)).not.toContain('CampaignPublished')
    for (const { at } of added) expect(at > (before.at(-1)?.at as string)).toBe(true)
  })

  it('ONCE-3: a demo killed in the middle and gone on with sends what an undisturbed run sends', async () => {
    const undisturbed = await fewOnFile()
    const out = newPath()
    const killed = start('demo.ts', ['--days', '1', '--out', out, ...FEW])
    for await (const chunk of killed.stderr as AsyncIterable<Buffer>) if (String(chunk).includes('day 30')) break
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    const atTheKill = mailsIn(out)
    const kept = await run('--keep', '--days', '1', '--out', out, ...FEW)
    expect([kept.status, undisturbed.status]).toEqual([0, 0])
    expect(kept.stdout).toMatch(/Index held against the log for \d+ contacts: 0 differences/)
    expect(atTheKill.length).toBeLessThan(mailsIn(out).length)
    expect(mailsIn(out)).toEqual(undisturbed.mails)
  })
})

describe('the demo on PostgreSQL', () => {
  const given = () => {
    const out = newPath()
    onTestFinished(() => removePostgres(join(out, 'postgres')))
    return out
  }
  it('the demo tells the same story as on SQLite, and stops its server', async () => {
    const server = given()
    const { out: file, stdout: toldOnFile } = await shortOnFile()
    const onServer = await run('--store', 'postgres', '--out', server, ...SHORT)
    expect({ status: onServer.status, stderr: onServer.stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(
        process.env.ENFOLD_POSTGRES_URL === undefined
          ? /^Starting a PostgreSQL server in .*postgres\n$/
          : /^Using the PostgreSQL server of ENFOLD_POSTGRES_URL\n$/,
      ),
    })
    expect(onServer.stdout).toMatch(/events\/s \(PostgreSQL 1\d/)
    const told = steady(onServer.stdout)
    expect(told).toMatch(/[1-9]\d\d events in the log, \d\d+ mails in the outbox/)
    expect(told).toBe(steady(toldOnFile))
    expect(mailsIn(server)).toEqual(mailsIn(file))
    expect(existsSync(join(server, 'postgres', 'data', 'postmaster.pid'))).toBe(false)

    const other = await run('--keep', '--out', server, ...SHORT)
    expect({ status: other.status, stdout: other.stdout }).toEqual({ status: 2, stdout: '' })
    expect(other.stderr).toMatch(/holds a run on another store/)
  })

  it.runIf(soaking)(
    'ONCE-3: a demo killed in the middle, with its server left over, and gone on with sends what an undisturbed run sends',
    async () => {
      const [file, server] = [newPath(), given()]
      const killed = start('demo.ts', ['--store', 'postgres', '--out', server, ...SHORT])
      const exited = once(killed, 'exit')
      const handled = () => {
        const path = join(server, 'handled.jsonl')
        return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0
      }
      while (handled() < 10) await new Promise((resolve) => setTimeout(resolve, 20))
      killed.kill('SIGKILL')
      await exited
      const atTheKill = mailsIn(server)
      const kept = await run('--store', 'postgres', '--keep', '--out', server, ...SHORT)
      const undisturbed = await run('--out', file, ...SHORT)
      expect([kept.status, undisturbed.status]).toEqual([0, 0])
      expect(kept.stdout).toMatch(/Index held against the log for \d+ contacts: 0 differences/)
      expect(atTheKill.length).toBeLessThan(mailsIn(server).length)
      expect(mailsIn(server)).toEqual(mailsIn(file))
    },
  )
})

describe('the demo on EventStoreDB', () => {
  it('the demo says that the server is a fake, and tells the same story as on SQLite', async () => {
    vi.stubEnv('ENFOLD_EVENTSTOREDB_URL', '')
    onTestFinished(() => void vi.unstubAllEnvs())
    const server = newPath()
    const { out: file, stdout: toldOnFile } = await shortOnFile()
    const onServer = await run('--store', 'eventstoredb', '--out', server, ...SHORT)
    expect({ status: onServer.status, stderr: onServer.stderr }).toEqual({
      status: 0,
      stderr: 'Starting a fake of EventStoreDB, which speaks its protocol and keeps the log in memory\n',
    })
    expect(onServer.stdout).toMatch(/events\/s \(a fake of EventStoreDB, read model in SQLite\)/)
    expect(steady(onServer.stdout)).toMatch(/Index held against the log for [1-9]\d* contacts: 0 differences/)
    expect(steady(onServer.stdout)).toBe(steady(toldOnFile))
    expect(readdirSync(join(server, 'outbox')).sort()).toEqual(readdirSync(join(file, 'outbox')).sort())
  })

  it.runIf(soaking)('the demo uses your own server as it is, in streams of the run’s own', async () => {
    const yours = await forkFakeServer({ shuffle: 1 })
    onTestFinished(() => yours.stop())
    vi.stubEnv('ENFOLD_EVENTSTOREDB_URL', yours.url)
    onTestFinished(() => void vi.unstubAllEnvs())
    const onYours = await run('--store', 'eventstoredb', '--out', newPath(), ...SHORT)
    expect(onYours.stderr).toMatch(/^Using the server of ENFOLD_EVENTSTOREDB_URL, in streams .* enfold-demo-\w+-\n$/)
    expect(onYours.stdout).toMatch(/events\/s \(your own server, read model in SQLite\)/)
    expect(steady(onYours.stdout)).toBe(steady((await shortOnFile()).stdout))
    expect((await yours.calls()).append).toBeGreaterThan(0)
  })
})

describe('what the demo is given', () => {
  const CONTACTS = ['id,name,email,spend,birthday', 'ann,Ann,ann@example.com,12,1980-02-29']
  const asked = { at: '2026-03-02T09:00:00.000Z', contact: 'ann', signal: { kind: 'form-submitted' } }

  it('the demo names every wrong line of every file, and writes nothing', async () => {
    const campaign = fileOf(
      'campaign.json',
      '{\n  "id": "c",\n  "goals": [],\n  "sequences": [\n    {\n      "id": "s",\n      "steps": [{ "id": "one", "kind": "email", "timer": { "after": "soon" } }],\n      "next": ["nowhere"]\n    }\n  ]\n}\n',
    )
    const contacts = fileOf(
      'contacts.csv',
      [...CONTACTS, 'bob,Bob,not an address,12,', 'cy,Cy,cy@example.com,much,1981-02-29', 'ann,Ann,,,', 'dee,Dee'].join(
        '\n',
      ),
    )
    const happenings = fileOf(
      'happenings.jsonl',
      [
        JSON.stringify({ id: 'a', ...asked }),
        '{"id":"b",',
        JSON.stringify({ id: 'a', ...asked, at: 'yesterday', contact: 'zoe' }),
        JSON.stringify({ id: 'd', at: asked.at, contact: 'ann', start: 's', stop: 's' }),
        JSON.stringify({ id: 'e', at: asked.at, contact: 'ann', begin: 's' }),
      ].join('\n'),
    )
    const out = newPath()
    const files = ['--campaign', campaign, '--contacts', contacts, '--happenings', happenings]
    const { status, stdout, stderr } = await run('--out', out, ...files)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(existsSync(out)).toBe(false)
    const named = stderr.split('\n').map((line) => /-([a-z]+\.[a-z]+:\d+): (.*)/.exec(line)?.slice(1) ?? [line])
    expect(named).toEqual([
      ['campaign.json:7', expect.stringContaining('/sequences/0/steps/0/timer')],
      ['campaign.json:8', expect.stringContaining('/sequences/0/next/0')],
      ['contacts.csv:3', expect.stringMatching(/^email is "not an address"/)],
      ['contacts.csv:4', expect.stringMatching(/^spend is "much"/)],
      ['contacts.csv:4', expect.stringMatching(/^birthday is "1981-02-29"/)],
      ['contacts.csv:5', 'id "ann" stands on line 2 already'],
      ['contacts.csv:6', 'has 2 columns; expected 5, as in the header'],
      ['happenings.jsonl:2', expect.stringMatching(/^is not JSON/)],
      ['happenings.jsonl:3', expect.stringMatching(/^at is "yesterday"/)],
      ['happenings.jsonl:3', expect.stringMatching(/^contact is "zoe"/)],
      ['happenings.jsonl:3', 'id "a" stands on line 1 already'],
      ['happenings.jsonl:4', expect.stringMatching(/^says start and stop/)],
      ['happenings.jsonl:5', expect.stringMatching(/^says nothing that happens/)],
      ['happenings.jsonl:5', expect.stringMatching(/^has "begin"/)],
      ['Nothing was written. Put the lines right and run again.'],
      [''],
    ])
  })

  it('the demo names twenty wrong lines at most, and says how many more there are', () => {
    const contacts = fileOf('contacts.csv', [...CONTACTS, ...Array.from({ length: 25 }, () => ',,,,')].join('\n'))
    const { wrong } = readContacts(contacts)
    const lines = inWords(wrong).split('\n')
    expect(lines).toHaveLength(21)
    expect(lines[0]).toBe(`${contacts}:3: id is ""; expected 1 to 200 characters`)
    expect(lines[20]).toBe(`… and ${wrong.length - 20} more.`)
  })

  it.each([
    ['text that ends too soon', '{\n  "id":\n', 2],
    ['a comma too many', '{\n  "id": "c",\n}', 3],
  ])('the demo names the line of %s in a campaign', (_, content, line) => {
    const { value, wrong } = readCampaign(fileOf('campaign.json', content))
    expect(value).toBeNull()
    expect(wrong).toEqual([{ file: expect.anything(), line, reason: expect.stringMatching(/^is not JSON/) }])
  })

  it('the demo names a quote that is never closed, and a header that lacks a column', () => {
    const open = readContacts(fileOf('contacts.csv', `${CONTACTS.join('\n')}\nbob,"Bob,,,\n`)).wrong
    expect(open).toEqual([
      { file: expect.anything(), line: expect.any(Number), reason: expect.stringMatching(/quote/i) },
    ])
    const short = readContacts(fileOf('contacts.csv', 'id,mail\nann,ann@example.com\n')).wrong
    expect(short.map(({ line, reason }) => [line, reason])).toEqual([
      [1, 'has no column "name"'],
      [1, 'has no column "email"'],
    ])
  })

  it('the demo finds the line of each value of a JSON text, escapes and all', () => {
    const lines = lineByPointer('{\n "a/b": [1,\n {"~": "}\\"\\n{"}],\n "": {}\n}')
    expect([...lines]).toEqual([
      ['', 1],
      ['/a~1b', 2],
      ['/a~1b/0', 2],
      ['/a~1b/1', 3],
      ['/a~1b/1/~0', 3],
      ['/', 4],
    ])
  })

  it('the demo takes hostile ids as they are, and a further column as a field', () => {
    const { value, wrong } = readContacts(
      fileOf('contacts.csv', 'id,name,email,tags,__proto__,phone\n__proto__,A,,x;y,7,0049\n"a ""b"", c",B,,,,\n'),
    )
    expect(wrong).toEqual([])
    expect([...value.keys()]).toEqual(['__proto__', 'a "b", c'])
    const { tags, fields } = value.get('__proto__')?.facts ?? {}
    expect([tags, Object.entries(fields ?? {})]).toEqual([
      ['x', 'y'],
      [
        ['__proto__', 7],
        ['phone', '0049'],
      ],
    ])
  })

  it.each([
    ['an unknown argument', ['--frobnicate'], /Unknown option '--frobnicate'.* See --help\./],
    ['a stray word', ['now'], /Unexpected argument 'now'/],
    ['days that are none', ['--days', 'many'], /--days is "many"; expected a whole number/],
    [
      'a store that is not known',
      ['--store', 'mysql'],
      /--store is "mysql"; expected sqlite, postgres, eventstoredb\./,
    ],
    ['to go on with a fake server', ['--store', 'eventstoredb', '--keep'], /the fake server is gone/],
    ['a file that is not there', ['--contacts', join(temporary, 'none.csv')], /none\.csv cannot be read: ENOENT/],
    ['a folder of something else', ['--out', HERE], /holds something else than an earlier run/],
  ])('the demo refuses %s with a sentence for its caller', async (_, args, sentence) => {
    const refused = async () => {
      const options = readArguments(args)
      readInput(options)
      await prepareFolder(options.out, options.keep)
    }
    const error = await refused().catch((error) => error)
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toMatch(sentence)
  })

  it('the demo says with --help what there is', async () => {
    const { status, stdout } = await run('--help')
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${HELP}\n` })
    for (const option of ['--store', '--keep', '--days', '--campaign', '--contacts', '--happenings', '--out'])
      expect(stdout).toContain(`\n  ${option}`)
  })

  it('the data of the demo comes from make-data.ts, byte by byte', async () => {
    const child = start('make-data.ts', [temporary])
    expect((await once(child, 'exit'))[0]).toBe(0)
    for (const file of ['contacts.csv', 'happenings.jsonl'])
      expect(readFileSync(join(temporary, file), 'utf8')).toBe(readFileSync(join(HERE, file), 'utf8'))
  })
})
