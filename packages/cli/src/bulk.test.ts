import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contactStream, type Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { hostileIds } from '@enfold/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { BINARY, enfold, enfoldProcess, pool, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)

function given(name: string, content: string): string {
  writeFileSync(file(name), content)
  return file(name)
}

const definition = given('pool.json', JSON.stringify(pool))
const NURTURE = 'pool%2F1/nurture'
const MANY = Array.from({ length: 2000 }, (_, i) => `c-${i}`)
const many = given('many.txt', `${MANY.join('\n')}\n`)
const three = given('three.txt', 'ann\nbob\ncleo\n')

let stores = 0
let path: string
let store: string
beforeEach(async () => {
  path = file(`${++stores}.db`)
  store = `sqlite:${path}`
  await said('publish', store, definition, '--create', '--actor', 'olga')
})

/** What was said on the standard output; anything but exit status 0 and an empty error output is a failed test. */
async function said(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await enfold(args)
  if (status !== 0 || stderr !== '') throw new Error(`enfold ${args.join(' ')}: ${status} ${stderr}`)
  return stdout
}

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

async function fromStore<Answer>(ask: (opened: Store) => Promise<Answer>): Promise<Answer> {
  const opened = createSqliteStore({ path, readOnly: true })
  try {
    return await ask(opened)
  } finally {
    await opened.close()
  }
}

const typesOf = (contactId: string) =>
  fromStore(async (opened) => {
    const stream = contactStream(contactId)
    return ((await opened.readMany([stream])).get(stream) ?? []).map(({ type }) => type)
  })

const inSequence = async () => JSON.parse(await said('members', 'pool/1', 'nurture', store, '--json')).contacts

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const withoutIds = (text: string) => text.replace(UUID, '<id>')

describe('an order for everyone of a file', () => {
  it('BULK-1: without a terminal it says what would come of it, and does nothing: exit status 2', async () => {
    await said('start', store, 'ann', NURTURE)
    await said('suppress', store, 'bob')
    const { status, stdout, stderr } = await enfold(['start', store, '--from', three, NURTURE])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toBe(
      'This would start "pool/1"/nurture for 3 contacts: 1 to start, 1 in it already, 1 suppressed. There is no terminal to ask on: --yes goes ahead. Nothing was done.\n',
    )
    expect(await inSequence()).toEqual(['ann'])
    expect(await fromStore((opened) => opened.actions?.(null, 10) ?? Promise.resolve(null))).toEqual([])
  })

  it.each(['n\n', ''])('BULK-1: on a terminal, %j does nothing: exit status 1', async (answer) => {
    const { status, stdout } = await enfold(['start', store, '--from', three, NURTURE], answer, true)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(await inSequence()).toEqual([])
  })

  it('BULK-1: on a terminal, yes goes ahead; one contact is not asked about', async () => {
    const { status, stdout } = await enfold(['start', store, '--from', three, NURTURE], 'y\n', true)
    expect(status).toBe(0)
    expect(withoutIds(stdout)).toBe('action <id>\n3 contacts: 3 started\n')
    const one = given('one.txt', 'ann\nann\r\n')
    expect(withoutIds(await said('stop', store, '--from', one, NURTURE))).toBe(
      'action <id>\n1 contact: 1 stopped; 1 named again\n',
    )
    expect(await inSequence()).toEqual(['bob', 'cleo'])
  })

  it('BULK-1: an order that reads its ids from the standard input cannot ask there', async () => {
    const { status, stderr } = await enfold(['start', store, '--from', '-', NURTURE], 'ann\nbob\n', true)
    expect(status).toBe(2)
    expect(stderr).toContain('2 to start. There is no terminal to ask on: --yes goes ahead')
    expect((await enfold(['start', store, '--from', '-', NURTURE, '--yes'], 'ann\nbob\n')).status).toBe(0)
    expect(await inSequence()).toEqual(['ann', 'bob'])
  })

  it('BULK-1: --in means the contacts that are in a sequence, or wait at its end', async () => {
    await said('start', store, 'ann', 'bob', 'cleo', NURTURE, '--yes')
    await said('stop', store, 'bob', NURTURE)
    expect(withoutIds(await said('restart', store, '--in', NURTURE, NURTURE, '--yes'))).toBe(
      'action <id>\n2 contacts: 2 restarted\n',
    )
    expect(await said('stop', store, '--in', 'pool%2F1/onboarding', NURTURE)).toBe('0 contacts\n')
  })

  it('BULK-1: contacts that cannot be changed are named, a few of each: exit status 1', async () => {
    await said('suppress', store, ...MANY.slice(0, 7), '--yes')
    const host = given('host.mjs', "export const contacts = { get: (id) => (id === 'c-9' ? null : {}) }")
    const { status, stdout, stderr } = await enfold(
      ['start', store, '--from', many, NURTURE, '--yes', '--host-module', host, '--action-id', 'a'],
      '',
    )
    expect(status).toBe(1)
    expect(stdout).toBe('action a\n2,000 contacts: 1,992 started, 1 contact unknown, 7 suppressed\n')
    const suppressed = MANY.slice(0, 5).map((id) => `${id}: suppressed\n`)
    expect(stderr).toBe(`c-9: contact unknown\n${suppressed.join('')}and 2 more suppressed; --csv FILE names each.\n`)
  })

  it('BULK-1: what comes out otherwise than previewed is said', async () => {
    // Each contact is asked for when it is previewed, and again when it is processed.
    const host = given(
      'leaving.mjs',
      "let asked = 0\nexport const contacts = { get: (id) => (id === 'bob' && ++asked > 1 ? null : {}) }",
    )
    const order = ['start', store, '--from', three, NURTURE, '--host-module', host]
    const { status, stdout, stderr } = await enfold(order, 'y\n', true)
    expect(status).toBe(1)
    expect(stderr).toContain('3 to start.')
    expect(stdout).toContain('otherwise than previewed: 2 started instead of 3, 1 contact unknown instead of 0\n')
  })

  it('BULK-2: as JSON it says the action first, then what became of each contact, in their order', async () => {
    await said('suppress', store, 'c-500')
    const twice = given('twice.txt', [...MANY, ...MANY].join('\n'))
    const order = ['start', store, '--from', twice, NURTURE, '--yes', '--json', '--action-id', 'a']
    const { status, stdout, stderr } = await enfold(order)
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    const [action, ...results] = jsonLines(stdout)
    expect(action).toEqual({ actionId: 'a', action: 'start', campaignId: 'pool/1', sequenceId: 'nurture' })
    expect(results.map(({ contactId }) => contactId)).toEqual(MANY)
    expect(results[0]).toEqual({ actionId: 'a', contactId: 'c-0', outcome: 'started', run: 1, reason: null })
    expect(results[500]).toEqual({ actionId: 'a', contactId: 'c-500', outcome: 'suppressed', run: null, reason: null })
    expect(await inSequence()).toHaveLength(1999)
  })

  it('BULK-1: --csv writes a new file with what became of each, and overwrites none', async () => {
    const csv = file('results.csv')
    const order = ['start', store, '--from', three, NURTURE, '--yes', '--csv', csv, '--action-id', 'a']
    await said(...order)
    expect(readFileSync(csv, 'utf8')).toBe(
      `"contactId","outcome","run","reason"\n${['ann', 'bob', 'cleo'].map((id) => `"${id}","started","1",""\n`).join('')}`,
    )
    expect(await enfold(order)).toMatchObject({ status: 2, stderr: expect.stringContaining('overwrite nothing') })
  })

  it('BULK-1: every verb takes a list: previewed with what becomes of the schedule, and repeated by its id', async () => {
    await said('start', store, 'ann', 'bob', NURTURE, '--yes')
    const shift = ['shift', store, '--from', three, NURTURE, '--by', 'P2D']
    const foreseen = await enfold([...shift, '--dry-run'])
    expect(foreseen.status).toBe(1)
    expect(foreseen.stdout).toMatch(
      /^This would shift "pool\/1"\/nurture by P2D for 3 contacts: 2 shifted, 1 refused \(1 EnrollmentNotActive\)\.\n {2}one of "pool\/1"\/nurture: 2 runs from \S.* to \S.*\n$/,
    )
    expect(await typesOf('ann')).toEqual(['SequenceStarted'])
    const { status, stdout, stderr } = await enfold([...shift, '--yes', '--action-id', 'later', '--csv', file('s.csv')])
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: 'action later\n3 contacts: 2 shifted, 1 failed\n',
      stderr: 'cleo: failed, EnrollmentNotActive\n',
    })
    expect(readFileSync(file('s.csv'), 'utf8').split('\n')[3]).toBe('"cleo","failed","","EnrollmentNotActive"')
    expect((await enfold([...shift, '--yes', '--action-id', 'later'])).stdout).toContain('2 shifted, 1 failed')
    expect(await typesOf('ann')).toEqual(['SequenceStarted', 'RunShifted'])
    expect(await said('suppress', store, '--from', three, '--yes', '--action-id', 'ban')).toBe(
      'action ban\n3 contacts: 3 suppressed\n',
    )
  })

  it('BULK-1: the same list is ordered about again: all of it, or those that came to an outcome', async () => {
    await said('start', store, 'ann', NURTURE)
    await said('start', store, '--from', three, NURTURE, '--yes', '--action-id', 'a', '--allow-untouched')
    expect(
      await said(
        'skip',
        store,
        '--of-action',
        'a',
        '--outcome',
        'started',
        NURTURE,
        'one',
        '--yes',
        '--action-id',
        'b',
      ),
    ).toBe('action b\n2 contacts: 2 skipped\n')
    expect(await said('stop', store, '--of-action', 'a', NURTURE, '--yes', '--action-id', 'c')).toBe(
      'action c\n3 contacts: 3 stopped\n',
    )
    expect(await enfold(['stop', store, '--of-action', 'none', NURTURE, '--yes'])).toMatchObject({ status: 1 })
  })

  it('BULK-1: the column of ids of a table is found by its name, or by the name that is given', async () => {
    const table = given('table.csv', 'First Name;Contact ID\nAnn;a1\nBob;b1\n')
    await said('start', store, '--from', table, NURTURE, '--yes')
    expect(await inSequence()).toEqual(['a1', 'b1'])
    const other = given('other.csv', 'Name,Nummer\nCleo,c1\n')
    await said('start', store, '--from', other, '--column', 'nummer', NURTURE)
    expect(await inSequence()).toEqual(['a1', 'b1', 'c1'])
  })

  it('BULK-1: what it wrote is the next list', async () => {
    const csv = file('next.csv')
    await said('start', store, '--from', three, NURTURE, '--yes', '--csv', csv)
    expect(withoutIds(await said('stop', store, '--from', csv, NURTURE, '--yes'))).toContain('3 contacts: 3 stopped')
    expect(await inSequence()).toEqual([])
  })

  it('BULK-1: a listed contact that is left unchanged is named, and makes exit status 1 unless that is allowed', async () => {
    await said('start', store, 'ann', NURTURE)
    const stopping = ['stop', store, '--from', three, NURTURE, '--yes']
    const { status, stderr } = await enfold(stopping)
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr:
        'bob: not active\ncleo: not active\nThe order changed nothing for 2 contacts of the list. If that is right, say --allow-untouched.\n',
    })
    expect(await enfold([...stopping, '--allow-untouched'])).toMatchObject({ status: 0, stderr: '' })
    expect((await enfold([...stopping, '--json'])).status).toBe(1)
    // Of a sequence that contacts are in, everyone is meant, whatever they come to.
    await said('start', store, 'ann', NURTURE)
    expect((await enfold(['start', store, '--in', NURTURE, NURTURE])).status).toBe(0)
  })

  it('BULK-1: a list that names nobody makes exit status 1 unless that is allowed', async () => {
    const empty = given('empty.csv', 'contactId\n')
    for (const order of [
      ['stop', store, '--from', empty, NURTURE, '--yes'],
      ['stop', store, '--from', empty, NURTURE],
      ['suppress', store, '--from', empty, '--yes'],
    ]) {
      const { status, stderr } = await enfold(order)
      expect([order, status]).toEqual([order, 1])
      expect(stderr).toBe('The list names no contact. If that is right, say --allow-untouched.\n')
      expect((await enfold([...order, '--json'])).status).toBe(1)
      expect(await enfold([...order, '--allow-untouched'])).toMatchObject({ status: 0, stderr: '' })
    }
    // A sequence may be empty.
    expect((await enfold(['stop', store, '--in', NURTURE, NURTURE, '--yes'])).status).toBe(0)
  })

  it('BULK-1: an unknown contact in a list makes exit status 1 unless that is allowed', async () => {
    const host = given('known.mjs', "export const contacts = { get: (id) => (id === 'bob' ? null : {}) }")
    const order = ['start', store, '--from', three, NURTURE, '--yes', '--host-module', host]
    expect((await enfold(order)).status).toBe(1)
    expect((await enfold([...order, '--allow-untouched'])).status).toBe(1)
    expect((await enfold([...order, '--allow-untouched', '--allow-unknown'])).status).toBe(0)
  })

  it('LOG-3: an order for many records who ordered it and why, and in which action', async () => {
    await said(
      'start',
      store,
      '--from',
      three,
      NURTURE,
      '--yes',
      '--actor',
      'olga',
      '--reason',
      'fair',
      '--action-id',
      'a',
    )
    const [event] = await fromStore(
      async (opened) => (await opened.readMany([contactStream('ann')])).get(contactStream('ann')) ?? [],
    )
    expect(event).toMatchObject({ actor: 'olga', cause: { by: 'bulk', actionId: 'a', reason: 'fair' } })
  })

  it('LOG-6: any id that is a line can be ordered about', async () => {
    const oneLine = hostileIds.filter((id) => !/[\r\n]/.test(id) && id.trim() !== '')
    const list = given('hostile.txt', oneLine.map((id) => `"${id.replaceAll('"', '""')}"`).join('\r\n'))
    const [, ...results] = jsonLines(await said('start', store, '--from', list, NURTURE, '--yes', '--json'))
    expect(results.map(({ contactId }) => contactId)).toEqual(oneLine)
    for (const id of oneLine) expect(await typesOf(id), id).toEqual(['SequenceStarted'])
  })

  it('START-6: a start that is impossible for all is refused once, and no contact is touched', async () => {
    await said('unpublish', store, 'pool/1')
    for (const more of [[], ['--yes']])
      expect(await enfold(['start', store, '--from', three, NURTURE, ...more])).toMatchObject({
        status: 1,
        stderr: 'The campaign "pool/1" is not published.\n',
      })
    expect(await typesOf('ann')).toEqual([])
  })
})

describe('an action that is cut short', () => {
  /** A directory that does something to its process when the 700th contact is processed. */
  const host = (name: string, deed: string) =>
    given(name, `let asked = 0\nexport const contacts = { get() { if (++asked === 700) { ${deed} } return {} } }`)

  const order = (...more: readonly string[]) => ['start', store, '--from', many, NURTURE, '--yes', ...more]

  async function goesOn(actionId: string): Promise<void> {
    expect(await said(...order('--action-id', actionId))).toBe(`action ${actionId}\n2,000 contacts: 2,000 started\n`)
    for (const id of ['c-0', 'c-699', 'c-1999']) expect(await typesOf(id)).toEqual(['SequenceStarted'])
    const events = await fromStore(async (opened) => {
      let count = 0
      for await (const _ of opened.readAll()) count += 1
      return count
    })
    expect(events).toBe(2001)
  }

  it('BULK-3: Ctrl-C ends an action after the current group, and the output says how to continue', async () => {
    const interrupting = host('interrupting.mjs', "process.kill(process.pid, 'SIGINT')")
    const { status, stdout, stderr } = await enfoldProcess(order('--host-module', interrupting))
    expect(status).toBe(1)
    const actionId = UUID.exec(stdout)?.[0] ?? ''
    UUID.lastIndex = 0
    expect(stdout).toBe(`action ${actionId}\n`)
    expect(stderr).toBe(
      `Stopped, with 1,000 of 2,000 contacts done. To go on, repeat the order with --action-id ${actionId}: it goes on where it stopped.\n`,
    )
    expect(await inSequence()).toHaveLength(1000)
    await goesOn(actionId)
  })

  it('BULK-2: killed, it goes on with the id that it said first, and nothing is done twice', async () => {
    const killing = host('killing.mjs', "process.kill(process.pid, 'SIGKILL')")
    const args = [BINARY, ...order('--host-module', killing)]
    const { signal, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(signal).toBe('SIGKILL')
    const [, actionId = ''] = /^action (\S+)\n$/.exec(stdout) ?? []
    expect((await inSequence()).length).toBeLessThan(2000)
    await goesOn(actionId)
  })

  it('BULK-2: a store that fails ends it, and the same id goes on', async () => {
    const taking = given(
      'taking.mjs',
      `import { DatabaseSync } from 'node:sqlite'
       let [asked, database] = [0, null]
       export const contacts = {
         get() {
           if (++asked === 700) {
             database = new DatabaseSync(${JSON.stringify(path)})
             database.exec('ALTER TABLE agenda RENAME TO gone')
           }
           return {}
         },
       }
       export function close() {
         database.exec('ALTER TABLE gone RENAME TO agenda')
         database.close()
       }`,
    )
    const { status, stderr } = await enfold(order('--host-module', taking, '--action-id', 'a'))
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^STORE_[A-Z]+: .* Stopped, with 500 of 2,000 contacts done\. Put it right and repeat the order with --action-id a: /,
    )
    await goesOn('a')
  })

  it('BULK-2: a finished action prints its result again, and its id is refused for another order', async () => {
    await said(...order('--action-id', 'a'))
    await goesOn('a')
    expect(await enfold(['stop', store, '--from', many, NURTURE, '--yes', '--action-id', 'a'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('start of "nurture" of "pool/1"'),
    })
  })

  it('BULK-3: an action that another process cancelled says so, and what was done: exit status 1', async () => {
    const opened = createSqliteStore({ path })
    const engine = createEngine({ store: opened, handlers: {} })
    const contacts = { ids: MANY }
    const stop = new AbortController()
    stop.abort()
    await engine.processAction(
      { action: 'start', campaignId: 'pool/1', sequenceId: 'nurture', contacts, actionId: 'a', actor: 'olga' },
      { signal: stop.signal },
    )
    await engine.close()
    await opened.close()
    expect(await enfold(order('--action-id', 'a', '--actor', 'olga'))).toMatchObject({
      status: 1,
      stderr: 'The action was cancelled, with 0 of 0 contacts done.\n',
    })
    expect(await inSequence()).toEqual([])
  })
})

describe('actions', () => {
  const columns = (text: string) => text.split('\n').map((line) => line.trim().split(/ {2,}/))

  it('BULK-3: an action that was cut short is found and cancelled from the terminal', async () => {
    const stopping = given(
      'stopping.mjs',
      "let asked = 0\nexport const contacts = { get() { if (++asked === 700) process.kill(process.pid, 'SIGINT'); return {} } }",
    )
    const order = ['start', store, '--from', many, NURTURE, '--yes', '--actor', 'olga', '--action-id', 'a b']
    expect(await enfoldProcess([...order, '--host-module', stopping])).toMatchObject({ status: 1 })
    const [titles, action] = columns(await said('actions', store))
    expect(titles).toEqual(['ordered', 'state', 'what', 'contacts', 'done', 'troubles', 'by', 'action'])
    expect(action?.slice(1)).toEqual(['running', 'start "pool/1"/nurture', '2,000', '1,000', '0', 'olga', '"a b"'])
    expect(await enfold(['undo', store, 'a b', '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Cancel it'),
    })

    const end = '1,000 of 2,000 contacts done\n'
    expect(await said('cancel-action', store, 'a b', '--actor', 'luis')).toBe(`action "a b" is cancelled, with ${end}`)
    expect(await said('cancel-action', store, 'a b')).toBe(`action "a b" is cancelled, with ${end}`)
    expect(JSON.parse(await said('actions', store, '--json')).actions).toMatchObject([
      { actionId: 'a b', state: 'cancelled', cancelledBy: 'luis', processed: 1000 },
    ])
    // Its last group may still be at work.
    expect(await enfold(['undo', store, 'a b', '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('was cancelled a moment ago'),
    })
    expect(await inSequence()).toHaveLength(1000)
  })

  it('BULK-3: an action that is done stays so, and the newest is shown first', async () => {
    await said('start', store, '--from', three, NURTURE, '--yes', '--action-id', 'a')
    await said('undo', store, 'a', '--yes', '--action-id', 'u')
    const told = 'action u is done already, with 3 of 3 contacts done\n'
    expect(await said('cancel-action', store, 'u')).toBe(told)
    const [, newest, ...rest] = columns(await said('actions', store, '--limit', '1'))
    expect([newest?.[1], newest?.[2], ...rest]).toEqual(['done', 'undo of a', ['More: --after u'], ['']])
    const [, older, ...none] = columns(await said('actions', store, '--limit', '1', '--after', 'u'))
    expect([older?.[2], ...none]).toEqual(['start "pool/1"/nurture', ['']])
  })

  it('BULK-3: an action that is not there is named, and a store without any says so', async () => {
    expect(await said('actions', store)).toBe('There is no action.\n')
    expect(await enfold(['cancel-action', store, 'nothing'])).toMatchObject({
      status: 1,
      stderr: 'There is no action "nothing".\n',
    })
    const { status, stdout } = await enfold(['cancel-action', store, 'nothing', '--json'])
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({ status: 1, rejection: { type: 'ActionUnknown' } })
  })
})

describe('misuse', () => {
  it.each<[string, (to: string) => readonly string[], RegExp]>([
    [
      'a command id for many',
      (to) => ['start', to, '--from', three, NURTURE, '--command-id', 'c'],
      /Each contact of a list has a command of its own; the order has an --action-id/,
    ],
    [
      'an action id for contacts named one by one',
      (to) => ['start', to, 'ann', 'bob', NURTURE, '--action-id', 'a'],
      /--action-id and --csv go with --from FILE, --in SEQUENCE or --of-action ID/,
    ],
    ['contacts in two ways', (to) => ['stop', to, '--from', three, '--in', NURTURE, NURTURE], /named in several ways/],
    ['an outcome of no action', (to) => ['stop', to, 'ann', NURTURE, '--outcome', 'failed'], /goes with --of-action/],
    ['no outcome', (to) => ['stop', to, '--of-action', 'a', '--outcome', 'fled', NURTURE], /Expected one of started/],
    [
      'a line that is no id',
      (to) => ['start', to, '--from', given('holes.txt', 'ann\n""\nbob\n'), NURTURE, '-y'],
      /holes\.txt, line 2, column 1 is empty/,
    ],
    [
      'bytes that are no text',
      (to) => ['start', to, '--from', bytes('latin.txt', [0x61, 0xff, 0x0a]), NURTURE, '-y'],
      /latin\.txt is not text in UTF-8/,
    ],
    [
      'a list without line ends',
      (to) => ['start', to, '--from', given('long.txt', 'x'.repeat(1_200_000)), NURTURE, '-y'],
      /long\.txt, line 1 is longer than/,
    ],
    [
      'a table that does not name its ids',
      (to) => ['start', to, '--from', given('names.csv', 'First Name,E-Mail\nAnn,ann@example.org\n'), NURTURE, '-y'],
      /names\.csv, line 1 has several columns, and names none or several for the ids/,
    ],
    ['a column of no list', (to) => ['stop', to, 'ann', NURTURE, '--column', 'id'], /--column goes with --from FILE/],
    ['leave for no list', (to) => ['stop', to, '--in', NURTURE, NURTURE, '--allow-unknown'], /go with --from FILE/],
    ['no such list', (to) => ['start', to, '--from', 'nowhere.txt', NURTURE], /There is no file nowhere\.txt/],
  ])('%s: exit status 2, and no contact is touched', async (_, args, expected) => {
    const { status, stderr } = await enfold(args(store))
    expect(status).toBe(2)
    expect(stderr).toMatch(expected)
    expect(await inSequence()).toEqual([])
  })

  function bytes(name: string, content: readonly number[]): string {
    writeFileSync(file(name), Uint8Array.from(content))
    return file(name)
  }

  it('a results file that cannot be written leaves no file', async () => {
    const csv = join(file('no-such-folder'), 'results.csv')
    const { status } = await enfold(['start', store, '--from', three, NURTURE, '-y', '--csv', csv])
    expect(status).toBe(1)
    expect(existsSync(csv)).toBe(false)
  })
})

describe('undo', () => {
  it('UNDO-1: enfold undo takes back what an action did, says what it comes to, and can itself be undone', async () => {
    await said('start', store, NURTURE, '--from', three, '--action-id', 'fair', '--actor', 'olga', '--yes')
    const undone = await said(
      'undo',
      store,
      'fair',
      '--action-id',
      'u',
      '--actor',
      'olga',
      '--reason',
      'wrong list',
      '--yes',
    )
    expect(undone).toBe('action u\n3 contacts: 3 undone\n')
    expect(await typesOf('bob')).toEqual(['SequenceStarted', 'RunUndone'])
    const again = jsonLines(await said('undo', store, 'fair', '--actor', 'olga', '--yes', '--json'))
    expect(again.slice(1).map(({ outcome }) => outcome)).toEqual([
      'nothing_to_undo',
      'nothing_to_undo',
      'nothing_to_undo',
    ])
    expect(await said('undo', store, 'u', '--actor', 'olga', '--yes')).toMatch(/3 contacts: 3 restored\n$/)
    const unknown = await enfold(['undo', store, 'none', '--actor', 'olga', '--yes'])
    expect([unknown.status, unknown.stderr]).toEqual([1, 'There is no action "none".\n'])
  })

  it('UNDO-6: enfold undo-order takes back what one order did, and first shows what would change', async () => {
    await said('start', store, 'ann', 'bob', NURTURE, '--command-id', 'k', '--yes')
    const undo = ['undo-order', store, 'ann', '--undoes', 'k', '--actor', 'olga'] as const
    expect(await said(...undo, '--dry-run')).toMatch(/^This would undo the order k for ann:\n {2}.*run 1/)
    expect(await typesOf('ann')).toEqual(['SequenceStarted'])
    expect(await said(...undo, '--reason', 'wrong contact')).toMatch(
      /^undid the order k for ann: "pool\/1"\/nurture run 1 undone, at version 2, command /,
    )
    expect([await typesOf('ann'), await typesOf('bob')]).toEqual([
      ['SequenceStarted', 'RunUndone'],
      ['SequenceStarted'],
    ])
    expect(await said(...undo)).toBe('nothing of the order k is left to undo for ann: nothing changed, at version 2\n')
    const unknown = await enfold(['undo-order', store, 'cleo', '--undoes', 'k'])
    expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('No order with the command id "k"')])
  })

  it('UNDO-4: enfold retract takes a signal back', async () => {
    await said(
      'signal',
      store,
      'ann',
      'form-submitted',
      '--data',
      '{"form":"guide"}',
      '--signal-id',
      'f-1',
      '--actor',
      'olga',
    )
    expect(await said('retract', store, 'ann', 'f-1', '--actor', 'olga', '--yes')).toContain('run 1 undone')
    expect(await typesOf('ann')).toEqual(['GoalSatisfied', 'SequenceStarted', 'SignalRetracted', 'RunUndone'])
    const { status, stderr } = await enfold(['retract', store, 'ann', 'none', '--actor', 'olga', '--yes'])
    expect([status, stderr]).toEqual([1, expect.stringContaining('has no signal "none"')])
  })
})
