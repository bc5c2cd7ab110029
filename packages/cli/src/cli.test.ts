import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { contactStream, isCampaignEvent, type RecordedContactEvent, type RecordedEvent } from '@enfold/core'
import { chainHash, digestOf, encodeEvent } from '@enfold/core/log'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock, historyArbitrary, hostileIds, logOf } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { answerOf, BINARY, createSink, enfold, enfoldProcess, fillStore, temporaryDirectory } from './cli.fixture.ts'
import { createProgress } from './progress.ts'

const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)
const store = `sqlite:${file('given.db')}`
const log = file('given.jsonl')

const CONTACTS = [...hostileIds, 'ann', 'bob', 'cleo', 'dan', 'eve']
const fill = (name: string) => fillStore(file(name), createSimulatedClock('2026-03-01T09:00:00.000Z'), CONTACTS)

const events: RecordedEvent[] = []
let lines: string[] = []

beforeAll(async () => {
  await fill('given.db')
  const opened = createSqliteStore({ path: file('given.db'), readOnly: true })
  for await (const event of opened.readAll()) events.push(event)
  await opened.close()
  lines = events.map(encodeEvent)
  const exported = await enfold(['export', store, '--out', log])
  expect(exported).toEqual({ status: 0, stdout: `${events.length} events in ${log}\n`, stderr: '' })
})

/** A log in a file of its own: the lines, as they are, each with its end. */
function given(name: string, of: readonly string[]): string {
  const path = file(name)
  writeFileSync(path, of.map((line) => `${line}\n`).join(''))
  return path
}

const historyOf = (contactId: string) => events.filter((event) => event.stream === contactStream(contactId))

function eventIdOf(contactId: string, wanted: (event: RecordedContactEvent) => boolean): string {
  const found = historyOf(contactId).find((event) => !isCampaignEvent(event) && wanted(event))
  return (found as RecordedEvent).id
}

const dispatchOf = (contactId: string, stepId: string) =>
  eventIdOf(contactId, ({ type, data }) => type === 'StepDispatched' && data.stepId === stepId)

describe('the same from a store and from its log', () => {
  it('AUDIT-1: an export is the log, whether packed or not', async () => {
    const text = lines.map((line) => `${line}\n`).join('')
    expect(readFileSync(log, 'utf8')).toBe(text)
    expect(await enfold(['export', '--store', store])).toEqual({ status: 0, stdout: text, stderr: '' })
    await Promise.all(['packed.gz', 'packed.zst'].map((name) => enfold(['export', log, '--out', file(name)])))
    expect(gunzipSync(readFileSync(file('packed.gz'))).toString()).toBe(text)
    expect(zstdDecompressSync(readFileSync(file('packed.zst'))).toString()).toBe(text)
    const again = await Promise.all(['packed.gz', 'packed.zst'].map((name) => enfold(['export', file(name)])))
    expect(again).toEqual([1, 2].map(() => ({ status: 0, stdout: text, stderr: '' })))
    expect(await enfold(['export', '-'], text)).toEqual({ status: 0, stdout: text, stderr: '' })
  })

  const noon = ['--at', '2026-03-02T12:00Z']
  it.each<[string, (source: string) => readonly string[]]>([
    ['AUDIT-2: replay', (source) => ['replay', source, ...noon]],
    ['AUDIT-2: state', (source) => ['state', '__proto__', source]],
    ['AUDIT-2: state at an instant', (source) => ['state', 'cleo', source, ...noon]],
    ['AUDIT-2: members', (source) => ['members', 'pool/1', 'nurture', source, ...noon]],
    ['FUNNEL-3: funnel', (source) => ['funnel', 'pool/1', source]],
    [
      'FUNNEL-3: funnel of a period',
      (source) => ['funnel', 'pool/1', source, '--from', '2026-03-02', '--version', '1'],
    ],
    ['AUDIT-2: members that wait', (source) => ['members', 'pool/1', 'nurture', source, '--status', 'waiting']],
    ['AUDIT-2: diff', (source) => ['diff', source, '--from', '2026-03-02', '--to', '2026-03-03']],
    ['AUDIT-2: what each event changed', (source) => ['history', 'bob', source, '--changes']],
    ['AUDIT-3: explain', (source) => ['explain', 'ann', dispatchOf('ann', 'call'), source]],
    ['AUDIT-3: why not', (source) => ['explain', 'dan', '--step', 'pool%2F1/nurture/three', source, ...noon]],
    ['AUDIT-4: stats', (source) => ['stats', '--store', source]],
  ])('%s', async (_, question) => {
    const answers = await Promise.all([store, log].map((source) => answerOf(question(source))))
    expect(answers[0]).toEqual(answers[1])
  })

  it('AUDIT-2: members and histories are those of the engine', async () => {
    const opened = createSqliteStore({ path: file('given.db'), readOnly: true })
    const engine = createEngine({ store: opened, handlers: {} })
    for (const status of ['active', 'waiting', 'either'] as const) {
      const { contacts, total } = await engine.inspect.contactsInSequence({
        campaignId: 'pool/1',
        sequenceId: 'nurture',
        status,
      })
      const answer = (await answerOf(['members', 'pool/1', 'nurture', log, '--status', status])) as {
        contacts: string[]
      }
      expect(answer).toMatchObject({ total, status })
      expect(new Set(answer.contacts)).toEqual(new Set(contacts))
    }
    for (const contactId of ['-dash', '\u202egnp.exe', 'x'.repeat(200)])
      expect(await answerOf(['history', '--store', log, '--', contactId])).toEqual({
        contactId,
        ahead: { events: 0, latest: null },
        events: await engine.inspect.history(contactId),
      })
    await engine.close()
    await opened.close()
  })

  it('AUDIT-4: a log that is in order has no faults, nor has the index of its store', async () => {
    const hashed = events.length
    const verified = {
      events: events.length,
      contacts: CONTACTS.length,
      hashed,
      faults: [],
      seal: null,
      warnings: [],
      warningCount: 0,
    }
    const index = { contacts: CONTACTS.length, differences: [], counters: [], states: [] }
    expect(await answerOf(['verify', store])).toEqual({ ...verified, index })
    expect(await answerOf(['verify', log])).toEqual({ ...verified, index: null })
  })
})

describe('answers', () => {
  it('FUNNEL-3: numbers of a campaign are said step by step', async () => {
    const { status, stdout } = await enfold(['funnel', 'pool/1', store])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^"pool\/1", all versions\n\nnurture: \d+ started, \d+ open/)
    expect(stdout).toMatch(/step +reached +waiting +in flight +held +sent +failed +skipped +cancelled +passed +left/)
    expect(await enfold(['funnel', 'none', store])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('The log tells of no campaign none.'),
    })
    expect(await enfold(['funnel', 'pool/1', store, '--from', '2026-03-02', '--to', '2026-03-02'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('which is not before --to'),
    })
  })

  it('AUDIT-2: a short instant is the beginning of its day', async () => {
    const members = ['members', 'pool/1', 'nurture', log]
    expect(await answerOf([...members, '--at', '2026-03-01'])).toMatchObject({ contacts: [] })
    expect(await answerOf([...members, '--at', '2026-03-01T10:01+01:00'])).toMatchObject({
      at: '2026-03-01T09:01:00.000Z',
      contacts: CONTACTS.slice(0, 2).toSorted(),
    })
  })

  it('AUDIT-2: the difference between two instants names who left and who entered', async () => {
    const { contacts } = (await answerOf(['diff', log, '--from', '2026-03-02', '--to', '2026-03-03'])) as {
      contacts: { contactId: string; left: string[]; entered: string[] }[]
    }
    const moved = contacts.filter(({ left, entered }) => left.length + entered.length > 0)
    expect(moved.map(({ contactId, left, entered }) => [contactId, left, entered])).toEqual([
      ['a/b', ['pool%2F1/nurture'], []],
      ['ann', ['pool%2F1/nurture'], ['pool%2F1/vip']],
      ['cleo', ['pool%2F1/nurture'], ['pool%2F1/onboarding']],
      ['dan', ['pool%2F1/nurture'], []],
      ['😀', ['pool%2F1/nurture'], []],
    ])
  })

  it('AUDIT-3: the chain of causes of a mail goes back to the signal, with what each decision saw', async () => {
    const { stdout } = await enfold(['explain', 'ann', dispatchOf('ann', 'call'), log])
    const told = stdout.split('\n').map((line) => line.replace(/^(because )?2026\S+ +/, ''))
    expect(told).toEqual([
      'Dispatched call of "pool/1"/vip, run 1, on its schedule',
      '    Due 2026-03-02T10:22:00.000Z, counted from 2026-03-02T09:22:00.000Z',
      expect.stringContaining('    Idempotency key '),
      'Started "pool/1"/vip, run 1 (version 1), by the goal "pool/1"/bought',
      'Satisfied the goal "pool/1"/bought, by the signal order-1 (purchased)',
      '    Happened at 2026-03-02T09:22:00.000Z',
      '    Route to vip: started, run 1',
      '    Route to onboarding: its condition did not hold',
      '    Saw the field spend: 1200',
      'At the root: by the signal order-1 (purchased)',
      '',
    ])
  })

  it.each([
    ['dan', 'stopped', ['SequenceStopped']],
    ['cleo', 'cancelled', ['StepCancelled']],
    ['ann', 'stopped', ['SequenceStopped']],
    ['constructor', 'paused', ['SequencePaused']],
    ['😀', 'erased', ['ContactErased']],
    ['eve', 'sent', ['StepDispatched', 'StepSent']],
    ['nobody', 'never-started', []],
  ])('AUDIT-3: why %s did not get the third mail: %s', async (contactId, reason, evidence) => {
    const answer = (await answerOf(['explain', contactId, '--step', 'pool%2F1/nurture/three', log])) as {
      reason: string
      evidence: RecordedEvent[]
    }
    expect(answer.reason).toBe(reason)
    expect(answer.evidence.map(({ type }) => type)).toEqual(evidence)
  })

  it('SIGNAL-5: why a signal did not satisfy a goal', async () => {
    const asked = ['explain', 'ann', '--goal', 'pool%2F1/bought', '--signal', 'order-1', log]
    expect(await answerOf(asked)).toMatchObject({ reason: 'satisfied', evidence: [{ type: 'GoalSatisfied' }] })
    expect(await answerOf([...asked.slice(0, -2), 'order-9', log])).toMatchObject({ reason: 'not-recorded' })
    const half = await enfold(asked.filter((_, i) => i !== 4 && i !== 5))
    expect(half).toMatchObject({ status: 2, stderr: expect.stringContaining('--goal and --signal go together') })
    for (const option of [
      ['--run', '2'],
      ['--key', 'c1'],
      ['--at', '2026-03-03'],
    ])
      expect(await enfold([...asked, ...option])).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('--key, --run and --at go with --step'),
      })
  })

  it('AUDIT-3: a run and an instant may be named', async () => {
    const step = ['explain', '__proto__', '--step', 'pool%2F1/nurture/two', log]
    expect(await answerOf([...step, '--run', '1'])).toMatchObject({ reason: 'sent' })
    expect(await answerOf([...step, '--at', '2026-03-03T09:00Z'])).toMatchObject({ reason: 'not-yet-due' })
    expect(await answerOf([...step, '--run', '3'])).toMatchObject({ reason: 'never-started' })
  })

  it('LOG-6: what is invisible in an id or a reason is written out', async () => {
    const { stdout } = await enfold(['history', 'dan', log])
    expect(stdout).toContain('by olga: "asked to \\u{202e} be left\\nalone"')
    const replayed = await enfold(['state', '\u202egnp.exe', log])
    expect(stdout + replayed.stdout).not.toMatch(/[\p{Cf}]/u)
    expect(replayed.stdout).toContain('\\u{202e}gnp.exe')
  })
})

describe('people and programs', () => {
  const ESCAPE = '\u001b['

  it('AUDIT-2: colours are for a terminal, tables have columns, JSON has neither', async () => {
    const [piped, shown, json] = await Promise.all([
      enfold(['state', 'cleo', log]),
      enfold(['state', 'cleo', log], '', true),
      enfold(['state', 'cleo', log, '--json'], '', true),
    ])
    expect(piped.stdout).not.toContain(ESCAPE)
    expect(shown.stdout).toContain(ESCAPE)
    expect(stripVTControlCharacters(shown.stdout)).toBe(piped.stdout)
    expect(json.stdout).not.toContain(ESCAPE)
    expect(piped.stdout.split('\n').slice(2, 7)).toEqual([
      '"pool/1"/nurture, run 1 of version 1: stopped, started 2026-03-01T09:19:00.000Z, ended 2026-03-02T09:22:00.000Z',
      '  step   status     at                        attempts  resends  reason',
      '  one    sent       2026-03-01T09:22:00.000Z  1         0',
      '  three  cancelled  2026-03-01T09:22:00.000Z  0         0',
      '  two    sent       2026-03-02T09:22:00.000Z  1         0',
    ])
  })

  it('AUDIT-5: what is wrong is red on a terminal', async () => {
    const damaged = given('red.jsonl', [...lines, lines[0] as string])
    expect((await enfold(['verify', damaged], '', true)).stdout).toContain(`${ESCAPE}31mLOG-3`)
    expect((await enfold(['stats'], '', true)).stderr).toContain(`${ESCAPE}31mWhich log?`)
  })

  it('AUDIT-2: progress is shown on a terminal only, after a second, at most ten times a second', () => {
    for (const isTerminal of [true, false]) {
      const to = createSink(isTerminal)
      let nowMs = 0
      const progress = createProgress(to as unknown as NodeJS.WriteStream, () => nowMs)
      for (; nowMs < 1200; nowMs += 50) progress.show(nowMs * 10, nowMs / 2000)
      progress.done()
      const written = to.text().split('\r').slice(1)
      expect(written).toEqual(
        isTerminal
          ? [
              `\u001b[K${'█'.repeat(15)}${'░'.repeat(15)} 10,000 events`,
              `\u001b[K${'█'.repeat(17)}${'░'.repeat(13)} 11,000 events`,
              '\u001b[K',
            ]
          : [],
      )
    }
  })

  it('AUDIT-1: the binary reads the standard input, and its exit status is 0, 1 or 2', async () => {
    const text = readFileSync(log, 'utf8')
    const [exported, bad, misused] = await Promise.all([
      enfoldProcess(['export', '-'], text),
      enfoldProcess(['verify', '-'], text.slice(0, -40)),
      enfoldProcess(['verify']),
    ])
    expect(exported).toEqual({ status: 0, stdout: text, stderr: '' })
    expect(bad).toMatchObject({ status: 1, stdout: '' })
    expect(bad.stderr).toContain(`-:${lines.length}: cut: `)
    expect(misused).toMatchObject({ status: 2, stdout: '' })
  })

  it('AUDIT-1: a reader that has seen enough is no failure', async () => {
    const long = given('for-head.jsonl', Array.from({ length: 20 }, () => lines).flat())
    const child = spawn(process.execPath, [BINARY, 'export', long], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.once('data', () => child.stdout.destroy())
    const stderr = child.stderr.toArray()
    const [status] = await once(child, 'close')
    expect(status).toBe(0)
    expect(Buffer.concat(await stderr).toString()).toBe('')
  })
})

describe('faults', () => {
  const without = (index: number) => lines.toSpliced(index, 1)

  it.each<[string, () => readonly string[], string, number]>([
    ['a version with a gap', () => without(4), 'LOG-3', 0],
    ['a version twice', () => lines.toSpliced(5, 0, lines[4] as string), 'LOG-3', 6],
    ['positions going back', () => lines.toSpliced(4, 2, lines[5] as string, lines[4] as string), 'LOG-3', 0],
    ['a step after a stop', () => [...lines, afterStop()], 'STOP-6', -1],
  ])('AUDIT-4: %s is found, with its line', async (name, damaged, rule, line) => {
    const path = given(`${name}.jsonl`, damaged())
    const { status, stdout } = await enfold(['verify', path])
    expect(status).toBe(1)
    expect(stdout).toContain(`: ${rule}: `)
    const { faults } = JSON.parse((await enfold(['verify', path, '--json'])).stdout)
    expect(faults[0].rule).toBe(rule)
    if (line !== 0) expect(faults[0].line).toBe(line > 0 ? line : damaged().length)
    // What verify refuses is sealed by nobody, and imported up to the line before it only.
    const [key, seal, store] = [file(`${name}-key`), file(`${name}.seal`), `sqlite:${file(`${name}.db`)}`]
    await enfold(['keygen', key])
    const place = `${path}:${faults[0].line}: ${rule}: `
    const refused = await enfold(['seal', path, '--key', key, '--out', seal])
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining(place)])
    expect(existsSync(seal)).toBe(false)
    const imported = await enfold(['import', path, '--into', store])
    expect([imported.status, imported.stderr]).toEqual([1, expect.stringContaining(place)])
    expect((await enfold(['export', store])).stdout.trimEnd().split('\n')).toEqual(
      damaged().slice(0, faults[0].line - 1),
    )
  })

  /** A dispatch for Dan, who was stopped the day before. */
  function afterStop(): string {
    const history = historyOf('dan')
    const dispatched = history.find(({ type }) => type === 'StepDispatched') as RecordedEvent
    return encodeEvent({
      ...dispatched,
      id: 'another',
      version: history.length + 1,
      position: events.length + 1,
    } as RecordedEvent)
  }

  it('AUDIT-4: lines are counted with the bad ones before them', async () => {
    const path = given('both.jsonl', ['', ...lines.slice(0, 3), 'nothing', ...lines.slice(4), afterStop()])
    const { status, stdout, stderr } = await enfold(['verify', path, '--keep-going', '--json'])
    expect(status).toBe(1)
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).line),
    ).toEqual([1, 5])
    const { faults } = JSON.parse(stdout)
    expect(faults.at(-1)).toMatchObject({ rule: 'STOP-6', line: events.length + 2, stream: 'contact-dan' })
  })

  it('INDEX-3: an index that is not what the log says is a fault', async () => {
    const path = file('wrong-index.db')
    await fill('wrong-index.db')
    const opened = createSqliteStore({ path })
    const version = historyOf('eve').length
    await opened.restore({ contactId: 'eve', version, tags: ['pool%2F1/vip'], wakeAt: null })
    await opened.close()
    const { status, stdout } = await enfold(['verify', `sqlite:${path}`])
    expect(status).toBe(1)
    expect(stdout).toContain('INDEX-3: eve has "pool/1"/vip in the index')
  })
})

describe('bad lines', () => {
  const second = (line: string) => lines.toSpliced(1, 1, line)
  const asBytes = (text: string, at: number) => {
    const bytes = Buffer.from(text)
    bytes[at] = 0xff
    return bytes
  }
  const whole = () => lines.map((line) => `${line}\n`).join('')

  it.each<[string, string, () => string | Uint8Array, string, number]>([
    ['cut in the middle of a line', 'cut.jsonl', () => whole().slice(0, -40), 'cut', 0],
    ['not UTF-8', 'bytes.jsonl', () => asBytes(whole(), whole().indexOf('\n') + 40), 'not-utf8', 2],
    ['wrong JSON', 'json.jsonl', () => second('{').join('\n'), 'not-json', 2],
    ['an empty line', 'empty-line.jsonl', () => second('').join('\n'), 'not-json', 2],
    [
      'an unknown event',
      'unknown.jsonl',
      () => second((lines[1] as string).replace('enfold.', 'enfold.X')).join('\n'),
      'unknown-event',
      2,
    ],
    [
      'a newer schema',
      'newer.jsonl',
      () => second((lines[1] as string).replace('"schemaversion":1', '"schemaversion":2')).join('\n'),
      'newer-schema',
      2,
    ],
    ['a line of 100 MB', 'long.jsonl', () => second('x'.repeat(100_000_000)).join('\n'), 'wrong-data', 2],
    ['a packed file, cut', 'cut.jsonl.gz', () => gzipSync(whole()).subarray(0, -30), 'not-unpacked', 0],
    ['another packed file, cut', 'cut.jsonl.zst', () => zstdCompressSync(whole()).subarray(0, -30), 'not-unpacked', 0],
    ['one that is not packed', 'plain.jsonl.gz', whole, 'not-unpacked', 1],
    [
      'something after the end of a packed file',
      'more.jsonl.zst',
      () => Buffer.concat([zstdCompressSync(whole()), Buffer.from('more')]),
      'not-unpacked',
      0,
    ],
  ])('AUDIT-5: %s is reported with file, line and reason; with --keep-going the rest is read', async (...given) => {
    const [, name, content, reason, line] = given
    writeFileSync(file(name), content())
    const [stopped, went] = await Promise.all([
      enfold(['stats', file(name)]),
      enfold(['stats', file(name), '--keep-going', '--json']),
    ])
    expect(stopped.status).toBe(1)
    expect(stopped.stdout).toBe('')
    expect(stopped.stderr.startsWith(`${file(name)}:`)).toBe(true)
    expect(stopped.stderr).toMatch(new RegExp(`:${line || '\\d+'}: ${reason}: `))
    expect(went.status).toBe(1)
    expect(JSON.parse(went.stderr)).toMatchObject({ file: file(name), reason, ...(line > 0 ? { line } : {}) })
    const known = JSON.parse(went.stdout).events
    if (reason === 'not-unpacked') expect(known).toBeLessThanOrEqual(events.length)
    else expect(known).toBe(events.length - 1)
  })

  // What deceived a reader that looks at bytes and one that looks at what was parsed: each question saw another log.
  const stop = () =>
    lines.find((line) => line.includes('SequenceStopped') && line.includes('"subject":"dan"')) as string
  const bent = (name: string, line: string) => given(name, lines.toSpliced(lines.indexOf(stop()), 1, line))
  const number = () => lines.indexOf(stop()) + 1

  it.each([
    ['a subject twice', 'bent-subject.jsonl', () => stop().replace('"subject":', '"subject":"eve","subject":')],
    [
      'a subject twice, the other way round',
      'bent-eve.jsonl',
      () => stop().replace('"dan",', '"dan","subject":"eve",'),
    ],
    ['a type with an escape', 'bent-type.jsonl', () => stop().replace('SequenceStopped', 'SequenceSt\\u006fpped')],
    ['white space', 'bent-space.jsonl', () => stop().replace('"data":{', '"data": {')],
  ])(
    'AUDIT-5: %s in one line: no question is answered from the log, no seal and no import made of it',
    async (...given) => {
      const [, name, line] = given
      const path = bent(name, line())
      const step = ['--step', 'pool%2F1/nurture/two']
      const questions = [
        ...['replay', 'stats', 'verify', 'export'].map((command) => [command, path]),
        ...['ann', 'dan', 'eve'].map((contact) => ['state', contact, path]),
        ['history', 'dan', path],
        ['explain', 'dan', path, ...step],
        ['members', 'pool/1', 'nurture', path],
        ['diff', path, '--from', '2026-03-01', '--to', '2026-03-09'],
        ['import', path, '--into', `sqlite:${file(`${name}.db`)}`],
        ['seal', path, '--key', file('bent-key'), '--out', file(`${name}.seal`)],
      ]
      if (!existsSync(file('bent-key'))) await enfold(['keygen', file('bent-key')])
      for (const args of questions) {
        const { status, stdout, stderr } = await enfold(args)
        expect({ args, status, stdout: args[0] === 'export' ? '' : stdout }).toEqual({ args, status: 1, stdout: '' })
        expect(stderr).toContain(`${path}:${number()}: not-canonical: `)
      }
      expect(existsSync(file(`${name}.seal`))).toBe(false)
    },
  )

  const brackets = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

  it.each([
    [
      'data nested too deep',
      'deep',
      () => stop().replace('"run":', `"deep":${brackets(4000)},"run":`),
      '/data/deep is nested',
    ],
    [
      'an attribute nested too deep',
      'deep-subject',
      () => stop().replace('"dan"', brackets(4000)),
      '/subject/0 is nested',
    ],
    ['a list nested too deep', 'deep-list', () => brackets(100_000), '/0/0 is nested'],
    ['a line too long', 'long', () => stop().replace('"dan"', `"${'d'.repeat(16 * 1024 * 1024)}"`), 'has 16777'],
  ])('AUDIT-5: %s ends no command, and is wrong data with its number', async (...given) => {
    const [, name, line, message] = given
    const path = bent(`${name}.jsonl`, line())
    const key = file(`${name}-key`)
    await enfold(['keygen', key])
    const commands = [
      ...['replay', 'stats', 'verify', 'export'].map((command) => [command, path]),
      ...['state', 'history'].map((command) => [command, 'dan', path]),
      ['members', 'pool/1', 'nurture', path],
      ['explain', 'dan', path, '--step', 'pool%2F1/nurture/two'],
      ['import', path, '--into', `sqlite:${file(`${name}.db`)}`],
      ['seal', path, '--key', key, '--out', file(`${name}.seal`)],
    ]
    for (const args of commands) {
      const { status, stderr } = await enfold(args)
      expect({ args, status, stderr }).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(`${path}:${number()}: wrong-data: ${message}`),
      })
    }
    expect(existsSync(file(`${name}.seal`))).toBe(false)
  })

  it('AUDIT-5: an empty file is a log without events; a last line needs no end', async () => {
    writeFileSync(file('empty.jsonl'), '')
    writeFileSync(file('no-end.jsonl'), lines.join('\n'))
    expect(await answerOf(['stats', file('empty.jsonl')])).toMatchObject({ events: 0, first: null, last: null })
    expect(await answerOf(['verify', file('empty.jsonl')])).toMatchObject({ events: 0, faults: [] })
    expect(await answerOf(['verify', file('no-end.jsonl')])).toMatchObject({ events: events.length, faults: [] })
  })

  it('AUDIT-5: nothing is left of an export of a bad log', async () => {
    const path = given('bad-export.jsonl', second('nothing'))
    const exported = await enfold(['export', path, '--out', file('half.jsonl')])
    expect(exported).toMatchObject({ status: 1, stdout: '' })
    expect(existsSync(file('half.jsonl'))).toBe(false)
    const rest = await enfold(['export', path, '--out', file('rest.jsonl'), '--keep-going'])
    expect(rest).toMatchObject({ status: 1, stdout: `${events.length - 1} events in ${file('rest.jsonl')}\n` })
  })
})

describe('import', () => {
  it('AUDIT-1: import then export gives the same bytes', async () => {
    const into = `sqlite:${file('imported.db')}`
    expect(await answerOf(['import', log, '--into', into])).toEqual({
      into,
      events: events.length,
      imported: events.length,
      known: 0,
      renumbered: 0,
    })
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(log, 'utf8'))
    expect(await answerOf(['verify', into])).toMatchObject({ faults: [], index: { differences: [] } })
    expect(await answerOf(['import', log, '--into', into])).toMatchObject({ imported: 0, known: events.length })
  })

  it('AUDIT-1: what other programs made of a log is imported, and exported as Enfold writes it, with what they added', async () => {
    const into = `sqlite:${file('foreign.db')}`
    const turned = lines.map((line, i) => {
      const parsed = JSON.parse(line) as { readonly time: string }
      const added: object = i % 2 === 0 ? { partitionkey: 'a/b', constructor: true } : {}
      return JSON.stringify({ ...parsed, time: parsed.time.replace('Z', '+00:00'), ...added })
    })
    const path = given('foreign.jsonl', [])
    writeFileSync(path, `\ufeff${turned.map((foreign) => `${foreign}\n`).join('')}\n`)
    expect(await answerOf(['import', path, '--into', into])).toMatchObject({ imported: events.length })
    const exported = (await enfold(['export', into])).stdout
    const expected = lines.map((line, i) =>
      i % 2 === 0 ? line.replace('"data":', '"constructor":true,"partitionkey":"a/b","data":') : line,
    )
    expect(exported).toBe(expected.map((line) => `${line}\n`).join(''))
    // The copy is a log like any other: it verifies, and so does its export, and both are imported again.
    expect(await answerOf(['verify', into])).toMatchObject({ events: events.length, faults: [] })
    const again = given('foreign-again.jsonl', expected)
    expect(await answerOf(['verify', again])).toMatchObject({ events: events.length, faults: [] })
    expect(await answerOf(['import', path, '--into', into])).toMatchObject({ imported: 0, known: events.length })
    expect((await enfold(['verify', path])).stderr).toContain(`${path}:1: not-json: `)
  })

  it('AUDIT-1: histories of all kinds give the same bytes, with positions from 1', async () => {
    const histories = fc.sample(historyArbitrary({ maxMoves: 30 }), { numRuns: 30, seed: 11 })
    const all = logOf(histories).map(encodeEvent)
    expect(all.length).toBeGreaterThan(100)
    const path = given('generated.jsonl', all)
    const into = `sqlite:${file('generated.db')}`
    expect(await answerOf(['import', path, '--into', into])).toMatchObject({ imported: all.length, renumbered: 0 })
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(path, 'utf8'))
    // Marks of what waits for a person follow from a contact's events together, and are there as well.
    const { index } = JSON.parse((await enfold(['verify', '--json', into])).stdout) as { readonly index: unknown }
    expect(index).toMatchObject({ differences: [] })
  })

  it('AUDIT-1: positions with gaps become 1, 2, 3 …, and that is said', async () => {
    const gaps = given(
      'gaps.jsonl',
      events.map((event) => encodeEvent({ ...event, position: event.position * 10 })),
    )
    const into = `sqlite:${file('gaps.db')}`
    const { status, stdout } = await enfold(['import', gaps, '--into', into])
    expect(status).toBe(0)
    expect(stdout).toContain('positions are 1, 2, 3 … in the store')
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(log, 'utf8'))
  })

  it('AUDIT-1: an import that was cut short goes on when it is repeated', async () => {
    const into = `sqlite:${file('again.db')}`
    const half = given('half-log.jsonl', lines.slice(0, 100))
    await answerOf(['import', half, '--into', into])
    expect(await answerOf(['import', log, '--into', into])).toMatchObject({ imported: events.length - 100, known: 100 })
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(log, 'utf8'))
  })

  it('AUDIT-5: an import stops at a bad line, and goes on when it is put right', async () => {
    const into = `sqlite:${file('put-right.db')}`
    const damaged = given('to-import.jsonl', lines.toSpliced(150, 1, 'nothing'))
    const { status, stdout, stderr } = await enfold(['import', damaged, '--into', into])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`${damaged}:151: not-json: `)
    expect((await enfold(['import', log, '--into', into])).status).toBe(0)
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(log, 'utf8'))
  })

  it('AUDIT-1: a store with other events is refused and stays as it is', async () => {
    const into = `sqlite:${file('other.db')}`
    const at = events.findIndex(({ type }, i) => i >= 10 && type === 'StepSent')
    const sent = events[at] as RecordedEvent & { readonly type: 'StepSent' }
    const later = { ...sent, data: { ...sent.data, receipt: 'another' } }
    const before = events.find(({ stream, version }) => stream === later.stream && version === later.version - 1)
    const hash = chainHash(before?.hash ?? null, digestOf(later))
    const other = given('other.jsonl', [...lines.slice(0, at), encodeEvent({ ...later, hash })])
    await answerOf(['import', other, '--into', into])
    const { status, stderr } = await enfold(['import', log, '--into', into])
    expect(status).toBe(1)
    expect(stderr).toContain(`holds other events: number ${at + 1}`)
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(other, 'utf8'))
  })

  it('AUDIT-1: events from before the hash chain stay without a hash, and the chain begins where it began', async () => {
    const begun = new Map<string, string>()
    const mixed = events.map((event, i) => {
      const { hash: _, ...plain } = event
      if (i < 150 && !begun.has(event.stream)) return encodeEvent(plain)
      const hash = chainHash(begun.get(event.stream) ?? null, digestOf(event))
      begun.set(event.stream, hash)
      return encodeEvent({ ...event, hash })
    })
    const path = given('mixed.jsonl', mixed)
    const into = `sqlite:${file('mixed.db')}`
    await answerOf(['import', path, '--into', into])
    expect((await enfold(['export', into])).stdout).toBe(readFileSync(path, 'utf8'))
  })

  it('AUDIT-4: an event whose hash is wrong, or gone, is refused at its line', async () => {
    const at = events.findIndex(({ version }) => version === 3)
    const line = lines[at] as string
    const changed = line.replace('"time":"2026', '"time":"2027')
    const bare = line.replace(/"hash":"[0-9a-f]{64}",/, '')
    for (const [name, other, reason] of [
      ['changed', changed, 'AUDIT-4: the hash is not that of the event and its predecessor'],
      ['bare', bare, 'AUDIT-4: no hash, though the event before it has one'],
    ] as const) {
      const path = given(`${name}.jsonl`, lines.toSpliced(at, 1, other))
      const { status, stderr } = await enfold(['import', path, '--into', `sqlite:${file(`${name}.db`)}`])
      expect(status).toBe(1)
      expect(stderr).toContain(`${path}:${at + 1}: ${reason}`)
    }
  })

  it('AUDIT-4: a log with a hole is refused at its line', async () => {
    const at = events.findIndex(({ version }, i) => i > 100 && version > 1)
    const hole = given('hole.jsonl', lines.toSpliced(at, 1))
    const { stream } = events[at] as RecordedEvent
    const next = events.findIndex((event, i) => i > at && event.stream === stream)
    const { status, stderr } = await enfold(['import', hole, '--into', `sqlite:${file('hole.db')}`])
    expect(status).toBe(1)
    // One line is missing before it, and lines are counted from 1.
    expect(stderr).toContain(`${hole}:${next}: LOG-3: version`)
  })

  it('STOP-6: a worker on an imported store takes up what is in progress, and looks once at everybody', async () => {
    const path = file('taken-up.db')
    const early = given(
      'early.jsonl',
      lines.slice(
        0,
        events.findIndex(({ at }) => at > '2026-03-02'),
      ),
    )
    await answerOf(['import', early, '--into', `sqlite:${path}`])
    const opened = createSqliteStore({ path })
    const called: string[] = []
    const engine = createEngine({
      store: opened,
      clock: { now: () => '2026-03-02T12:00:00.000Z' },
      handlers: {
        email: ({ contactId, step }) => {
          called.push(`${contactId} ${step.id}`)
          return { outcome: 'sent' }
        },
      },
    })
    const { wakeAt } = await engine.runDue()
    expect(called.toSorted()).toEqual(CONTACTS.map((contactId) => `${contactId} two`).toSorted())
    expect(wakeAt).toBe('2026-03-03T12:00:00.000Z')
    await engine.close()
    await opened.close()
  })
})

describe('misuse', () => {
  it.each<[string, readonly string[], RegExp]>([
    ['no command', [], /Usage: enfold/],
    ['an unknown command', ['exlpain'], /unknown command 'exlpain'/],
    ['an unknown option', ['stats', '--fast', '-'], /unknown option '--fast'/],
    ['no log', ['stats'], /Which log\?/],
    ['two logs', ['stats', '--store', 'a', 'b'], /named twice/],
    ['too many arguments', ['stats', 'a', 'b'], /too many arguments/],
    ['no such file', ['stats', 'nowhere.jsonl'], /There is no file nowhere\.jsonl/],
    ['a folder', ['stats', '.'], /is a folder/],
    ['no such store', ['stats', 'sqlite:nowhere.db'], /There is no file nowhere\.db/],
    ['sqlite: alone', ['stats', 'sqlite:'], /names no file/],
    ['a database that is not supported', ['stats', 'https://localhost/x'], /https: is not read here/],
    ['no instant', ['state', 'ann', '-', '--at', 'yesterday'], /Expected an instant/],
    ['a day that does not exist', ['state', 'ann', '-', '--at', '2026-02-30'], /Expected an instant/],
    ['an id that is none', ['state', '', '-'], /An id has 1 to 200/],
    ['no such status', ['members', 'a', 'b', '-', '--status', 'gone'], /Allowed choices are active, waiting, either/],
    ['one instant', ['diff', '-', '--from', '2026-03-01'], /required option '--to/],
    [
      'instants the wrong way round',
      ['diff', '-', '--from', '2026-03-02', '--to', '2026-03-01'],
      /which is after --to/,
    ],
    ['neither event nor step', ['explain', 'ann', '--store', '-'], /needs the id of an event, or --step/],
    ['event and step', ['explain', 'ann', 'event', '-', '--step', 'a/b/c'], /not both/],
    ['a run of an event', ['explain', 'ann', 'event', '-', '--run', '1'], /go with --step/],
    ['a step that is none', ['explain', 'ann', '-', '--step', 'a/b'], /CAMPAIGN\/SEQUENCE\/STEP/],
    ['a step with a lone percent sign', ['explain', 'ann', '-', '--step', 'a/b/%'], /percent-encoded/],
    ['a run that is none', ['explain', 'ann', '-', '--step', 'a/b/c', '--run', '0'], /whole number from 1/],
    ['an import into a file', ['import', '-', '--into', 'x.db'], /expected sqlite:PATH/],
    ['an import that keeps going', ['import', '-', '--into', 'sqlite:x', '--keep-going'], /unknown option/],
  ])('AUDIT-5: %s: exit status 2', async (_, args, said) => {
    const { status, stdout, stderr } = await enfold(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(said)
  })

  it('AUDIT-5: a file that is no store, and one that an export would overwrite, stay as they are: exit status 2', async () => {
    const other = given('other.txt', ['not a database, but long enough to be taken for one'.repeat(20)])
    const before = statSync(log).size
    expect(await enfold(['stats', `sqlite:${other}`])).toMatchObject({ status: 2, stdout: '' })
    expect(await enfold(['export', store, '--out', log])).toMatchObject({
      status: 2,
      stderr: `${log} exists; an export overwrites nothing.\n`,
    })
    expect(statSync(log).size).toBe(before)
  })

  it('AUDIT-3: an event that the history does not have: exit status 1', async () => {
    expect(await enfold(['explain', 'ann', 'nothing', log])).toMatchObject({
      status: 1,
      stderr: 'The history of ann has no event nothing. See: enfold history.\n',
    })
  })

  it('AUDIT-2: help is no misuse', async () => {
    expect(await enfold(['--help'])).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('Usage:') })
    expect(await enfold(['state', '--help'])).toMatchObject({ status: 0, stderr: '' })
  })
})

type Damage = (line: Buffer) => Uint8Array

describe('damage', () => {
  const RUNS = runs(1000)

  it(`AUDIT-5: each of many damaged lines is reported, each other one is read`, async () => {
    mkdirSync(file('fuzz'), { recursive: true })
    const sources = lines.map((line) => Buffer.from(line))
    // What damage does to one line; none of it leaves an event, and none makes a line end.
    const damage: fc.Arbitrary<Damage> = fc.oneof(
      fc
        .double({ min: 0, max: 0.999, noNaN: true })
        .map((at) => (line: Buffer) => line.subarray(0, Math.floor(at * line.length))),
      fc.constantFrom(0x00, 0x01, 0xc0, 0xff).chain((byte) =>
        fc.double({ min: 0, max: 0.999, noNaN: true }).map((at) => (line: Buffer) => {
          const copy = Uint8Array.from(line)
          copy[Math.floor(at * line.length)] = byte
          return copy
        }),
      ),
      fc
        .constantFrom('[', '{}', 'null', '1', '"x"', '\ufeff', '[[[[', '{"type":{}}', '{"specversion":"1.0"}')
        .map((text) => () => Buffer.from(text)),
      fc.constantFrom('{', '}', 'x', ',').map((text) => (line: Buffer) => Buffer.concat([line, Buffer.from(text)])),
      fc.nat().map(() => (line: Buffer) => Buffer.from(`${'['.repeat(5000)}${line}`)),
    )
    const damages = fc.sample(damage, { numRuns: RUNS, seed: 5 })
    const content: Uint8Array[] = []
    const bad: number[] = []
    for (const [i, damaged] of damages.entries()) {
      content.push(damaged(sources[i % sources.length] as Buffer), Buffer.from('\n'))
      bad.push(content.length / 2)
      content.push(sources[i % sources.length] as Buffer, Buffer.from('\n'))
    }
    writeFileSync(file('fuzz/damaged.jsonl'), Buffer.concat(content))
    const { status, stdout, stderr } = await enfold(['stats', file('fuzz/damaged.jsonl'), '--keep-going', '--json'])
    expect(status).toBe(1)
    const reported = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).line)
    expect(reported).toEqual(bad)
    expect(JSON.parse(stdout).events).toBe(RUNS)
  })
})
