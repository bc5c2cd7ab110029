import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contactStream, isCampaignEvent, type RecordedContactEvent, type Store } from '@enfold/core'
import { encodeEvent } from '@enfold/core/log'
import { createSqliteStore } from '@enfold/store-sqlite'
import { hostileIds } from '@enfold/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import { enfold, pool, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)

function given(name: string, content: string): string {
  writeFileSync(file(name), content)
  return file(name)
}

const definition = given('pool.json', JSON.stringify(pool))
const NURTURE = 'pool%2F1/nurture'

let stores = 0
let path: string
let store: string
beforeEach(async () => {
  path = file(`${++stores}.db`)
  store = `sqlite:${path}`
  const published = await enfold(['publish', store, definition, '--create', '--actor', 'olga'])
  expect(published).toMatchObject({ status: 0, stderr: '' })
})

/** What was said on the standard output; anything but exit status 0 and an empty error output is a failed test. */
async function said(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await enfold(args)
  if (status !== 0 || stderr !== '') throw new Error(`enfold ${args.join(' ')}: ${status} ${stderr}`)
  return stdout
}

async function fromStore<Answer>(ask: (opened: Store) => Promise<Answer>): Promise<Answer> {
  const opened = createSqliteStore({ path, readOnly: true })
  try {
    return await ask(opened)
  } finally {
    await opened.close()
  }
}

const historyOf = (contactId: string) =>
  fromStore(async (opened) => {
    const stream = contactStream(contactId)
    return ((await opened.readMany([stream])).get(stream) ?? []) as readonly RecordedContactEvent[]
  })

const typesOf = async (contactId: string) => (await historyOf(contactId)).map(({ type }) => type)

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const withoutIds = (text: string) => text.replace(UUID, '<id>')

describe('--dry-run', () => {
  it('SKIP-1, SHIFT-2, ERASE-1: --dry-run prints what the order would change of the schedule, and writes nothing', async () => {
    await said('start', store, 'ada', NURTURE)
    const before = await historyOf('ada')
    const shift = await said('shift', store, 'ada', NURTURE, '--by', 'P2D', '--dry-run')
    expect(shift).toMatch(/^This would shift .* for ada:\n {2}one of "pool\/1"\/nurture, run 1: from \S+ to \S+\n$/)
    expect(await said('stop', store, 'ada', NURTURE, '--dry-run')).toContain('Nothing more is to come of')
    expect(await said('resume', store, 'ada', NURTURE, '--dry-run')).toContain('Nothing of the schedule would change.')
    // It asks nothing, because it does nothing.
    expect(await said('erase', store, 'ada', '--dry-run')).toMatch(
      /\n {2}Nothing more is .*\n {2}Nothing undoes that\.\n$/,
    )
    const json = JSON.parse(
      await said('stop-all', store, 'ada', 'bob', '--dry-run', '--json').then((text) => text.split('\n')[0] ?? ''),
    )
    expect(json).toMatchObject({ contactId: 'ada', dryRun: true, effect: { changes: [{ run: 1, after: null }] } })
    const refused = await enfold(['skip', store, 'ada', NURTURE, 'none', '--dry-run'])
    expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('none') })
    const list = await said('stop', store, '--in', NURTURE, NURTURE, '--dry-run')
    expect(list).toBe('This would stop "pool/1"/nurture for 1 contact: 1 to stop.\n')
    expect(await historyOf('ada')).toEqual(before)
    expect(await historyOf('bob')).toEqual([])
  })
})

describe('an option that counts only with another, or only without one', () => {
  it.each([
    ['due', ['ada', '--limit', '5'], '--limit is for everyone'],
    ['stop', ['--in', NURTURE, NURTURE, '--dry-run', '--csv', 'results.csv'], '--csv says what became'],
  ])('%s refuses it where it would do nothing', async (verb, args, message) => {
    expect(await enfold([verb, store, ...args])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(message),
    })
  })
})

describe('--command-id', () => {
  it('ONCE-1: the same id again changes nothing, with another order it is refused', async () => {
    const order = ['ada', NURTURE, '--command-id', 'k-1'] as const
    const first = await said('start', store, ...order)
    expect(first).toMatch(/^started run 1 .* at version 1, command k-1\n$/)
    expect(await said('start', store, ...order)).toBe(first)
    expect(await typesOf('ada')).toEqual(['SequenceStarted'])
    expect(await enfold(['stop', store, ...order])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('The command id "k-1" was used before, for SequenceStarted.'),
    })
    expect(await typesOf('ada')).toEqual(['SequenceStarted'])
  })

  it.each([
    ['start', 'ada', NURTURE],
    ['erase', 'ada', '--yes'],
    ['publish', definition],
    ['unpublish', 'pool/1'],
  ])("ONCE-1: %s takes no id of the engine's own", async (verb, ...rest) => {
    const { status, stdout, stderr } = await enfold([verb, store, ...rest, '--command-id', 'enfold:signal:1'])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('It must not begin with "enfold:": those ids are the engine\'s own')
    expect(await typesOf('ada')).toEqual([])
  })
})

describe('refresh', () => {
  const birthday = { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'exact' }
  const party = {
    id: 'party',
    goals: [],
    sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email', timer: birthday }] }],
  }
  const host = (name: string, date: string) =>
    given(
      name,
      `export const contacts = { get: (id) => {
      if (id === 'broken') throw new Error('row')
      return { timeZone: 'UTC', fields: { birthday: '${date}' } }
    } }`,
    )

  it('TIME-4: refresh moves the wake of each contact to what the directory says now, and names the one that it cannot', async () => {
    expect((await enfold(['publish', store, given('party.json', JSON.stringify(party))])).status).toBe(0)
    const [before, after] = [host('before.mjs', '2100-03-20'), host('after.mjs', '2100-03-10')]
    await said('start', store, 'ann', 'bob', 'party/s', '--yes', '--host-module', before)
    const nextWake = () => fromStore((opened) => opened.nextWake())
    expect(await nextWake()).toBe('2100-03-20T09:00:00.000Z')
    const { status, stdout, stderr } = await enfold([
      'refresh',
      store,
      'ann',
      'broken',
      'nobody',
      '--host-module',
      after,
    ])
    expect(stdout).toBe('ann: something is due at 2100-03-10T09:00:00.000Z\nnobody: nothing is due\n')
    expect(stderr).toMatch(/^broken: The contacts of .* cannot be asked/)
    expect(status).toBe(1)
    expect(await nextWake()).toBe('2100-03-10T09:00:00.000Z')
    expect(await typesOf('ann')).toEqual(['SequenceStarted'])
  })

  it('TIME-4: due knows nothing of a contact without a host module, and says so', async () => {
    expect(await enfold(['refresh', store, 'ann'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--host-module FILE'),
    })
  })
})

describe('publish', () => {
  it('VERSION-1: publish makes the store only if it is told to', async () => {
    const other = `sqlite:${file('other.db')}`
    expect(await enfold(['publish', other, definition])).toMatchObject({ status: 2, stdout: '' })
    expect(existsSync(file('other.db'))).toBe(false)
    expect(withoutIds(await said('publish', other, definition, '--create'))).toBe(
      'published version 1 of "pool/1", command <id>\n',
    )
    expect(await said('publish', other, definition)).toBe(
      '"pool/1" is published already as it is: nothing changed, at version 1\n',
    )
  })

  it('VERSION-1: publish reads the standard input, and says as JSON what it did', async () => {
    const next = JSON.stringify({ ...pool, name: 'Pools' })
    const { status, stdout } = await enfold(['publish', store, '-', '--json', '--command-id', 'p2'], next)
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      campaignId: 'pool/1',
      commandId: 'p2',
      answer: { outcome: 'published', version: 2 },
    })
  })

  it('VERSION-2: each problem of an invalid definition is said with its path: exit status 1', async () => {
    const wrong = given(
      'wrong.json',
      JSON.stringify({ id: 'x', goals: [], sequences: [{ id: 's', steps: [] }, { id: '' }] }),
    )
    const { status, stdout, stderr } = await enfold(['publish', store, wrong])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`${wrong}: /sequences/0/steps: `)
    expect(stderr).toContain(`${wrong}: /sequences/1/id: `)
    const asJson = await enfold(['publish', store, wrong, '--json'])
    expect(asJson.status).toBe(1)
    expect(JSON.parse(asJson.stdout)).toMatchObject({ rejection: { type: 'CampaignInvalid' } })
  })

  it('GATE-1, GATE-3, GATE-5: pausing and resuming a campaign say what they did, and a resume what it would do', async () => {
    await said('start', store, 'ann', 'bob', NURTURE, '--yes')
    const first = 'This would pause "pool/1": nothing of it goes out until it is resumed.'
    const held = `${first}\n  nurture: 2 runs in progress; 6 steps due in the next 7 days\n`
    const foreseen = await said('pause-campaign', store, 'pool/1', '--sequence', 'nurture', '--dry-run')
    expect(foreseen).toBe(held)
    const asked = await enfold(['pause-campaign', store, 'pool/1', '--sequence', 'nurture'])
    expect(asked).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(`${held}There is no`) })
    const refusedFirst = await enfold(['pause-campaign', store, 'pool/1', '--sequence', 'none', '--dry-run'])
    expect(refusedFirst).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('has no sequence') })
    expect(await said('resume-campaign', store, 'pool/1', '--dry-run')).toBe(
      '"pool/1" is not paused: nothing would change.\n',
    )
    expect(withoutIds(await said('pause-campaign', store, 'pool/1', '--entries', 'closed', '--yes'))).toBe(
      'paused "pool/1", command <id>\n',
    )
    expect(await said('pause-campaign', store, 'pool/1', '--dry-run')).toContain('nothing more would be held')
    expect(await said('pause-campaign', store, 'pool/1', '--entries', 'closed')).toBe(
      '"pool/1" is paused already: nothing changed\n',
    )
    expect((await enfold(['start', store, 'cleo', NURTURE])).stderr).toContain('takes nobody into')
    const paced = await said('resume-campaign', store, 'pool/1', '--overdue', 'send', '--most', '5', '--dry-run')
    expect(paced).toMatch(
      /^This would resume "pool\/1", at most 5 overdue steps in each PT1H\.\n {2}one of nurture: 2 runs/,
    )
    const json = await said('resume-campaign', store, 'pool/1', '--dry-run', '--json')
    expect(JSON.parse(json)).toMatchObject({ campaignId: 'pool/1', dryRun: true, held: { steps: [{ overdue: 2 }] } })
    const refused = await enfold(['resume-campaign', store, 'pool/1', '--overdue', 'skip'])
    expect(refused).toMatchObject({ status: 2, stdout: '' })
    expect(refused.stderr).toMatch(
      /^This would resume "pool\/1"\. Nothing undoes that\.\n {2}one of nurture: 2 runs overdue; 2 go at \S+\nThere is no terminal/,
    )
    const inTurn = await enfold(['resume-campaign', store, 'pool/1', '--overdue', 'send', '--most', '1'])
    expect(inTurn.stderr).toMatch(/2 runs overdue; 2 go from \S+ to \S+\n/)
    expect(
      withoutIds(await said('resume-campaign', store, 'pool/1', '--overdue', 'send', '--most', '5', '--yes')),
    ).toBe('resumed "pool/1", command <id>\n')
    expect(await said('resume-campaign', store, 'pool/1')).toBe('"pool/1" is not paused: nothing changed\n')
  })

  it('GATE-4: a span without a number limits nothing, and so is refused', async () => {
    await said('pause-campaign', store, 'pool/1')
    const alone = await enfold(['resume-campaign', store, 'pool/1', '--per', 'PT1M', '--yes'])
    expect(alone).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('--most 500') })
    expect(await said('pause-campaign', store, 'pool/1')).toContain('is paused already')
  })

  it('VERSION-3: unpublishing says what it did, and asks before it stops runs', async () => {
    await said('start', store, 'ann', 'bob', NURTURE, '--yes')
    const look = (...more: readonly string[]) => said('unpublish', store, 'pool/1', '--dry-run', ...more)
    expect(await look()).toBe('This would unpublish "pool/1"; 2 runs would go on.\n')
    expect(await look('--stop-runs')).toBe('This would unpublish "pool/1" and stop 2 runs.\n')
    expect((await enfold(['unpublish', store, 'none', '--dry-run'])).status).toBe(1)
    expect((await fromStore((opened) => opened.tagsOf('ann'))).length).toBeGreaterThan(0)
    const refused = await enfold(['unpublish', store, 'pool/1', '--stop-runs'])
    expect(refused).toMatchObject({ status: 2, stdout: '' })
    expect(refused.stderr).toContain('This would unpublish "pool/1" and stop 2 runs.')
    expect(withoutIds(await said('unpublish', store, 'pool/1', '--stop-runs', '--yes'))).toBe(
      'unpublished "pool/1", which was at version 1, command <id>; stopped 2 runs\n',
    )
    expect(await said('unpublish', store, 'pool/1')).toBe('"pool/1" is not published: nothing changed, at version 1\n')
    expect(await enfold(['start', store, 'cleo', NURTURE])).toMatchObject({
      status: 1,
      stderr: 'cleo: The campaign "pool/1" is not published.\n',
    })
    expect(await enfold(['unpublish', store, 'nothing'])).toMatchObject({ status: 1, stdout: '' })
  })
})

describe('an order for one contact', () => {
  it('START-1 to PAUSE-3: an order says what was done, with run, version and command', async () => {
    const lines: [readonly string[], string][] = [
      [['start', store, 'ada', NURTURE], 'started run 1 of "pool/1"/nurture for ada, at version 1, command <id>'],
      [['start', store, 'ada', NURTURE], 'ada is in "pool/1"/nurture already, run 1: nothing changed, at version 1'],
      [['pause', store, 'ada', NURTURE], 'paused run 1 of "pool/1"/nurture for ada, at version 2, command <id>'],
      [
        ['pause', store, 'ada', NURTURE],
        'run 1 of "pool/1"/nurture is paused already for ada: nothing changed, at version 2',
      ],
      [
        ['resume', store, 'ada', NURTURE, '--shift'],
        'resumed run 1 of "pool/1"/nurture for ada, at version 3, command <id>',
      ],
      [
        ['resume', store, 'ada', NURTURE],
        'run 1 of "pool/1"/nurture is not paused for ada: nothing changed, at version 3',
      ],
      [['restart', store, 'ada', NURTURE], 'restarted "pool/1"/nurture for ada, as run 2, at version 5, command <id>'],
      [
        ['cancel', store, 'ada', NURTURE, 'two'],
        'cancelled two of "pool/1"/nurture, run 2, for ada, at version 6, command <id>',
      ],
      [
        ['cancel', store, 'ada', NURTURE, 'two', '--run', '2'],
        'two of "pool/1"/nurture, run 2, is cancelled already for ada: nothing changed, at version 6',
      ],
      [['stop', store, 'ada', NURTURE], 'stopped run 2 of "pool/1"/nurture for ada, at version 7, command <id>'],
      [['stop', store, 'ada', NURTURE], 'run 2 of "pool/1"/nurture is over for ada: nothing changed, at version 7'],
      [['stop', store, 'bob', NURTURE], 'bob was never in "pool/1"/nurture: nothing changed, at version 0'],
      [['stop-all', store, 'ada'], 'ada is in no sequence: nothing changed, at version 7'],
      [['start', store, 'ada', 'pool%2F1/vip'], 'started run 1 of "pool/1"/vip for ada, at version 8, command <id>'],
      [['stop-all', store, 'ada'], 'stopped "pool/1"/vip run 1 for ada, at version 9, command <id>'],
      [
        ['suppress', store, 'ada', '--until', '9000-01-01'],
        'suppressed ada until 9000-01-01T00:00:00.000Z, at version 10, command <id>',
      ],
      [['unsuppress', store, 'ada'], 'ada is suppressed no longer, at version 11, command <id>'],
      [['unsuppress', store, 'ada'], 'ada is not suppressed: nothing changed, at version 11'],
      [['suppress', store, 'ada'], 'suppressed ada without end, at version 12, command <id>'],
      [['suppress', store, 'ada'], 'ada is suppressed already: nothing changed, at version 12'],
      [['erase', store, 'ada', '--yes'], 'erased ada; its events hold 1 actor, at version 13, command <id>'],
    ]
    for (const [args, expected] of lines) expect(withoutIds(await said(...args))).toBe(`${expected}\n`)
  })

  it('RESEND-1, GOAL-3: resends and signals say what became of them', async () => {
    const handlers = given(
      'send.mjs',
      "export const handlers = { email: () => ({ outcome: 'sent' }), task: () => ({ outcome: 'sent' }) }",
    )
    expect(withoutIds(await said('signal', store, 'ada', 'form-submitted', '--signal-id', 'form-1'))).toBe(
      'ada satisfied "pool/1"/asked: started nurture run 1, at version 2, signal form-1\n',
    )
    await said('run', store, '--handlers', handlers, '--once')
    expect(withoutIds(await said('resend', store, 'ada', NURTURE, 'one'))).toBe(
      'ordered one of "pool/1"/nurture, run 1, again for ada: resend 1, at version 5, command <id>\n',
    )
    expect(await said('signal', store, 'ada', 'sneezed')).toBe('ada satisfied no goal: nothing changed, at version 5\n')
    expect(
      await said('signal', store, 'bob', 'tag-applied', '--signal-id', 's', '--at', '2026-03-01', '--data', '{"x":1}'),
    ).toBe('bob satisfied "pool/1"/leave, at version 1, signal s\n')
    expect((await historyOf('bob'))[0]).toMatchObject({ data: { occurredAt: '2026-03-01T00:00:00.000Z' } })
  })

  it('LOG-3: an order records who ordered it and why, under the command id', async () => {
    await said('start', store, 'ada', NURTURE, '--actor', 'olga', '--reason', 'asked by phone', '--command-id', 'c-1')
    expect(await historyOf('ada')).toMatchObject([
      { actor: 'olga', commandId: 'c-1', cause: { by: 'operator', reason: 'asked by phone' } },
    ])
  })

  it('LOG-3: an order is by default that of the user of this machine', async () => {
    await said('start', store, 'ada', NURTURE)
    const [event] = await historyOf('ada')
    expect(event?.actor).toBe((await import('node:os')).userInfo().username)
  })

  it('ONCE-1: the same command id again has no second effect and the same answer', async () => {
    const restart = ['restart', store, 'ada', NURTURE, '--command-id', 'c-1', '--json']
    const first = await said(...restart)
    expect(JSON.parse(first)).toEqual({
      contactId: 'ada',
      commandId: 'c-1',
      answer: { outcome: 'started', run: 1, version: 1, position: expect.any(Number) },
    })
    expect(await said(...restart)).toBe(first)
    expect(await typesOf('ada')).toEqual(['SequenceStarted'])
  })

  it('START-6: what a rule refuses is a sentence, and exit status 1; as JSON it is data', async () => {
    await said('suppress', store, 'ada')
    expect(await enfold(['start', store, 'ada', NURTURE])).toEqual({
      status: 1,
      stdout: '',
      stderr: 'ada: The contact "ada" is suppressed without end.\n',
    })
    const { status, stdout, stderr } = await enfold(['start', store, 'ada', NURTURE, '--json', '--command-id', 'c'])
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({
      contactId: 'ada',
      commandId: 'c',
      rejection: { type: 'ContactSuppressed', contactId: 'ada', until: null },
      message: 'The contact "ada" is suppressed without end.',
    })
  })

  it('LOG-6: any id can be ordered about, whether it is an argument or a line', async () => {
    const told = await said('start', store, '--yes', '--json', '--', ...hostileIds, NURTURE)
    expect(
      told
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).contactId),
    ).toEqual(hostileIds)
    const oneLine = hostileIds.filter((id) => !/[\r\n]/.test(id) && id.trim() !== '')
    const list = given('hostile.txt', oneLine.map((id) => `"${id.replaceAll('"', '""')}"`).join('\r\n'))
    await said('stop', store, '--from', list, NURTURE, '--yes')
    for (const id of hostileIds)
      expect(await typesOf(id), id).toEqual(
        oneLine.includes(id) ? ['SequenceStarted', 'SequenceStopped'] : ['SequenceStarted'],
      )
    // On a terminal none of them may do harm.
    const { stdout } = await enfold(['start', store, '--yes', '--', '\u202egnp', NURTURE], '', true)
    expect(stdout).toContain('\\u{202e}gnp')
  })
})

describe('an order for many', () => {
  const inSequence = async () => {
    const { stdout } = await enfold(['members', 'pool/1', 'nurture', store, '--json'])
    return JSON.parse(stdout).contacts
  }

  it('BULK-1: without a terminal it says what would happen, with counts, and does nothing: exit status 2', async () => {
    await said('start', store, 'ann', NURTURE)
    const { status, stdout, stderr } = await enfold(['start', store, 'ann', 'bob', 'cleo', NURTURE])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toBe(
      'This would start "pool/1"/nurture for 3 contacts: 2 to start, 1 in it already. There is no terminal to ask on: --yes goes ahead. Nothing was done.\n',
    )
    expect(await inSequence()).toEqual(['ann'])
  })

  it.each(['n\n', '\n', 'yesterday\n', ''])('BULK-1: on a terminal, %j does nothing: exit status 1', async (answer) => {
    const { status, stdout, stderr } = await enfold(['start', store, 'ann', 'bob', NURTURE], answer, true)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain('Go ahead? [y/N] ')
    expect(stderr).toContain('Nothing was done.')
    expect(await inSequence()).toEqual([])
  })

  it.each(['y\n', 'Yes\n'])('BULK-1: on a terminal, %j goes ahead', async (answer) => {
    const { status, stdout } = await enfold(['start', store, 'ann', 'bob', NURTURE], answer, true)
    expect(status).toBe(0)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('2 contacts: 2 started')
    expect(await inSequence()).toEqual(['ann', 'bob'])
  })

  it('BULK-1: one contact is not asked about, however often it is named', async () => {
    expect((await enfold(['start', store, 'ann', 'ann', NURTURE])).status).toBe(0)
  })

  it.each([
    ['ERASE-1', 'erase', ['ann'], 'This would erase ann: 1 erased.', ['ContactErased']],
    [
      'UNDO-4',
      'retract',
      ['ann', 'form-1'],
      'This would retract the signal form-1 of ann: 1 retracted.',
      ['SignalRetracted', 'RunUndone'],
    ],
    [
      'SKIP-1',
      'skip',
      ['ann', 'pool%2F1/onboarding', 'hello', '--run', '1'],
      'This would skip hello of "pool/1"/onboarding for ann: 1 skipped. 1 run would have no step left and end.',
      ['StepSkipped', 'SequenceCompleted'],
    ],
  ])('%s: %s asks of one contact too, and says that nothing undoes it', async (_, verb, args, would, events) => {
    const order = [verb, store, ...args]
    await said('signal', store, 'ann', 'form-submitted', '--signal-id', 'form-1')
    await said('start', store, 'ann', 'pool%2F1/onboarding')
    const before = await typesOf('ann')
    expect(await enfold(order)).toEqual({
      status: 2,
      stdout: '',
      stderr: `${would} Nothing undoes that. There is no terminal to ask on: --yes goes ahead. Nothing was done.\n`,
    })
    expect((await enfold(order, 'n\n', true)).status).toBe(1)
    expect(await typesOf('ann')).toEqual(before)
    expect((await enfold(order, 'y\n', true)).status).toBe(0)
    expect(await typesOf('ann')).toEqual([...before, ...events])
  })

  it('SKIP-1: a skip that leaves a step of the run is not asked about, nor one with --yes', async () => {
    await said('start', store, 'ann', NURTURE)
    for (const step of ['two', 'one']) await said('skip', store, 'ann', NURTURE, step)
    await said('skip', store, 'ann', NURTURE, 'three', '--yes')
    expect(await typesOf('ann')).toEqual([
      ...['SequenceStarted', 'StepSkipped', 'StepSkipped', 'StepSkipped', 'SequenceCompleted'],
    ])
  })

  it('BULK-1: an order that reads its ids from the standard input cannot ask there', async () => {
    const { status, stderr } = await enfold(['start', store, '--from', '-', NURTURE], 'ann\nbob\n', true)
    expect(status).toBe(2)
    expect(stderr).toContain('--yes goes ahead')
    expect((await enfold(['start', store, '--from', '-', NURTURE, '--yes'], 'ann\nbob\n')).status).toBe(0)
    expect(await inSequence()).toEqual(['ann', 'bob'])
  })

  it('BULK-1: --in means the contacts that are in a sequence, or wait at its end', async () => {
    await said('start', store, 'ann', 'bob', 'cleo', NURTURE, '--yes')
    await said('stop', store, 'bob', NURTURE)
    expect(withoutIds(await said('pause', store, '--in', NURTURE, NURTURE, '--yes'))).toBe(
      'action <id>\n2 contacts: 2 paused\n',
    )
    expect(await said('pause', store, '--in', 'pool%2F1/onboarding', NURTURE)).toBe('0 contacts\n')
  })

  it('BULK-1: a listed contact that is left unchanged makes exit status 1, unless that is allowed', async () => {
    await said('start', store, 'ann', NURTURE)
    const list = given('two.txt', 'ann\nbob\n')
    const pausing = ['pause', store, '--from', list, NURTURE, '--yes']
    expect(await enfold(pausing)).toMatchObject({ status: 1 })
    expect(await enfold(['pause', store, '--from', given('ann.txt', 'ann'), NURTURE])).toMatchObject({
      status: 1,
      stderr:
        'ann: already paused\nThe order changed nothing for 1 contact of the list. If that is right, say --allow-untouched.\n',
    })
    expect(
      (await enfold(['pause', store, '--from', given('ann.txt', 'ann'), NURTURE, '--allow-untouched'])).status,
    ).toBe(0)
    // Named one by one, it is what was asked for.
    expect((await enfold(['pause', store, 'ann', NURTURE])).status).toBe(0)
  })

  it('BULK-1: an unknown contact in a list makes exit status 1, unless that is allowed', async () => {
    const host = given('some.mjs', "export const contacts = { get: (id) => (id === 'bob' ? null : {}) }")
    const signalling = [
      'signal',
      store,
      '--from',
      given('both.txt', 'ann\nbob'),
      'nothing',
      '--yes',
      '--host-module',
      host,
      '--allow-untouched',
    ]
    expect((await enfold(signalling)).status).toBe(1)
    expect((await enfold([...signalling, '--allow-unknown'])).status).toBe(0)
  })

  it('BULK-2: a thousand, each once, in their order; one that is refused stops nothing', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `c-${i}`)
    await said('start', store, ...ids, NURTURE, '--yes')
    await said('stop', store, 'c-500', NURTURE)
    const list = given('thousand.txt', [...ids, ...ids].join('\n'))
    const { status, stdout } = await enfold(['pause', store, '--from', list, NURTURE, '--yes', '--json'])
    expect(status).toBe(1)
    const [head, ...results] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(head).toMatchObject({ action: 'pause', campaignId: 'pool/1', sequenceId: 'nurture' })
    expect(results.map(({ contactId }) => contactId)).toEqual(ids)
    expect(results.filter(({ outcome }) => outcome !== 'paused')).toEqual([
      { actionId: head.actionId, contactId: 'c-500', outcome: 'failed', run: null, reason: 'EnrollmentNotActive' },
    ])
    expect(await inSequence()).toHaveLength(999)
  })

  it('BULK-2: a store that fails stops the rest, and the same command id goes on where it stopped', async () => {
    // The module takes a table away before the 120th contact, and gives it back when the command ends.
    const taking = given(
      'taking.mjs',
      `import { DatabaseSync } from 'node:sqlite'
       let [asked, database] = [0, null]
       export const contacts = {
         get() {
           asked += 1
           if (asked === 120 && database === null) {
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
    const ids = Array.from({ length: 300 }, (_, i) => `c-${i}`)
    const order = ['restart', store, ...ids, NURTURE, '--yes', '--command-id', 'c-1']
    const { status, stdout, stderr } = await enfold([...order, '--host-module', taking])
    expect(status).toBe(1)
    expect(stderr).toMatch(/c-\d+: STORE_[A-Z]+: /)
    expect(stderr).toMatch(/Stopped, because the store failed: \d+ contacts left\..*--command-id c-1/)
    const done = stdout.split('\n').filter((line) => line.startsWith('started ')).length
    expect(done).toBeGreaterThan(0)
    expect(done).toBeLessThan(200)
    expect(await inSequence()).toHaveLength(done)
    expect(await said(...order)).toContain('300 contacts: 300 started')
    for (const id of ['c-0', 'c-299']) expect(await typesOf(id)).toEqual(['SequenceStarted'])
  })
})

describe("the host's contacts", () => {
  const host = given(
    'host.mjs',
    `export const contacts = {
       get: (id) => {
         if (id === 'broken') throw new Error('the CRM is down')
         return id === 'nobody' ? null : { timeZone: 'Asia/Tokyo', fields: { spend: id === 'rich' ? 5000 : 1 } }
       },
     }`,
  )

  it('START-6: with a host module, a contact that its directory does not know is refused', async () => {
    expect(await enfold(['start', store, 'nobody', NURTURE, '--host-module', host])).toMatchObject({
      status: 1,
      stderr: 'nobody: The directory knows no contact "nobody".\n',
    })
    expect((await enfold(['start', store, 'rich', NURTURE, '--host-module', host])).status).toBe(0)
  })

  it("BULK-2: what goes wrong in the host's directory is the failure of that contact", async () => {
    const { status, stdout, stderr } = await enfold([
      'start',
      store,
      'ann',
      'broken',
      'bob',
      NURTURE,
      '-y',
      '--host-module',
      host,
    ])
    expect(status).toBe(1)
    expect(stdout).toContain('3 contacts: 2 started, 1 failed')
    expect(stderr).toContain(`broken: DIRECTORY_FAILED: The contacts of ${host} cannot be asked: the CRM is down`)
  })

  it('ROUTE-1: a signal whose goal reads facts is refused without them, and takes the right route with them', async () => {
    await said('start', store, 'rich', 'poor', NURTURE, '--yes')
    expect(await enfold(['signal', store, 'rich', 'purchased'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('The goal "pool/1"/bought decides by tags or fields of the contact.'),
    })
    const told = await said(
      'signal',
      store,
      'rich',
      'poor',
      'purchased',
      '--host-module',
      host,
      '--yes',
      '--signal-id',
      'o',
    )
    expect(told).toContain(
      'rich satisfied "pool/1"/bought: stopped nurture run 1, started vip run 1, at version 4, signal o',
    )
    expect(told).toContain('poor satisfied "pool/1"/bought: stopped nurture run 1, started onboarding run 1')
  })

  it('TIME-5: without them the worker looks at once, and finds when it is due where the contact lives', async () => {
    const mornings = {
      id: 'mornings',
      goals: [],
      sequences: [{ id: 's', steps: [{ id: 'm', kind: 'email', timer: { afterDays: 1, at: '08:00' } }] }],
    }
    // Warnings about a definition go to the error output.
    const published = await enfold(['publish', store, given('mornings.json', JSON.stringify(mornings))])
    expect(published).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('/sequences/0: has no route to it'),
    })
    await said('start', store, 'ann', 'mornings/s')
    const [started] = await historyOf('ann')
    const agenda = () => fromStore((opened) => opened.agenda('9999-12-31T23:59:59.999Z', 10))
    expect(await agenda()).toMatchObject([{ contactId: 'ann', wakeAt: started?.at }])
    const worker = given(
      'tokyo.mjs',
      `export const contacts = { get: () => ({ timeZone: 'Asia/Tokyo' }) }
       const sent = () => ({ outcome: 'sent' })
       export const handlers = { email: sent, task: sent }`,
    )
    expect(await said('run', store, '--handlers', worker, '--once')).toContain('at rest: 0 steps sent')
    // Eight in the morning in Tokyo is eleven in the evening before, in UTC.
    expect((await agenda())[0]?.wakeAt).toMatch(/T23:00:00.000Z$/)
    const { upcoming } = JSON.parse(await said('due', store, '--json', '--host-module', worker))
    expect(upcoming).toMatchObject([{ contactId: 'ann', stepId: 'm', dueAt: (await agenda())[0]?.wakeAt }])
  })
})

describe('forecast', () => {
  it('FORECAST-1: forecast tells what one contact will come to, and what waits for somebody', async () => {
    await said('start', store, 'ann', NURTURE)
    const text = await said('forecast', store, 'ann', '--days', '5')
    expect(text).toMatch(/^What ann will come to from \S+ until \S+\n/)
    expect(text).toMatch(/Z {2}sent +one +"pool\/1"\/nurture +1 +overdue since \S+Z\n/)
    expect(text).toContain('If nothing else happens, and every handler succeeds.')
    expect(await typesOf('ann')).toEqual(['SequenceStarted'])
    await said('pause', store, 'ann', NURTURE)
    expect(await said('forecast', store, 'ann')).toMatch(/wait for somebody:\n.*\n\S+Z +paused +one/)
    const forecast = JSON.parse(await said('forecast', store, 'ann', '--json', '--until', '2036-01-01'))
    expect(forecast).toMatchObject({ contactId: 'ann', steps: [], held: [{ stepId: 'one' }], faults: [], cut: false })
    expect(forecast.until).toBe('2036-01-01T00:00:00.000Z')
  })

  it('FORECAST-3: forecast tells what would come under a pause, a resume or another definition', async () => {
    await said('start', store, 'ann', 'bob', NURTURE, '--yes')
    const ofPool = ['--campaign', 'pool/1']
    const paused = await said('forecast', store, 'ann', ...ofPool, '--if-paused')
    expect(paused).toMatch(/wait for somebody:\n.*\n\S+Z +campaign paused +one/)
    expect(paused).toContain('As if "pool/1" were paused now.')
    expect(JSON.parse(await said('forecast', store, '--json', ...ofPool, '--if-paused')).cells).toEqual([])
    await said('pause-campaign', store, 'pool/1', '--yes')
    const resumed = ['--if-resumed', 'send', '--most', '1', '--per', 'PT1H']
    const inTurn = JSON.parse(await said('forecast', store, '--json', '--by', 'hour', ...ofPool, ...resumed))
    const first = inTurn.cells.filter(({ stepId }: { stepId: string }) => stepId === 'one')
    expect(first).toMatchObject([{ sent: 1 }, { sent: 1 }])
    expect(await said('forecast', store, 'ann', ...ofPool, ...resumed)).toContain('at the earliest')
    const other = given('other.json', JSON.stringify({ ...pool, name: 'Other' }))
    expect(await said('forecast', store, 'ann', '--definition', other)).toContain('As if the definition were published')
  })

  it('FORECAST-2: forecast adds up all contacts, or says within what a sample is right', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `c-${i}`)
    await said('start', store, ...ids, NURTURE, '--yes')
    const text = await said('forecast', store, '--days', '1', '--campaign', 'pool/1')
    expect(text).toMatch(/^What will come by day from/)
    expect(text).toMatch(/\d{4}-\d\d-\d\d +one of "pool\/1"\/nurture +30 +0 +0\n/)
    expect(text).toContain('Of 30 contacts.')
    const all = JSON.parse(await said('forecast', store, '--json', '--by', 'hour', '--days', '1'))
    expect(all).toMatchObject({ due: 30, contacts: 30, next: null })
    expect(all.cells[0]).toMatchObject({ stepId: 'one', sent: 30, error: 0 })
    expect(await said('forecast', store, '--sample', '10')).toMatch(
      /Estimated from \d+ contacts of 30: each number.* up to \d+ may be sent/,
    )
  })

  it.each([
    [['ann', '--sample', '5'], 'for all contacts: name none'],
    [['--campaign', 'pool'], 'Did you mean "pool/1"?'],
    [['ann', '--campaign', 'pool', '--if-paused'], 'Did you mean "pool/1"?'],
    [['ann', '--if-paused'], '--campaign ID'],
    [['ann', '--campaign', 'pool/1', '--if-paused', '--most', '5'], '--if-resumed send'],
    [['ann', '--campaign', 'pool/1'], 'for all contacts: name none'],
    [['--campaign', 'pool/1', '--if-resumed', 'later'], 'Allowed choices are shift, send, skip'],
    [['ann', '--until', '2020-01-01'], 'ends after now, within ten years'],
    [['--days', '9000000'], 'ends after now, within ten years'],
    [['--days', '3', '--until', '2036-01-01'], 'cannot be used with'],
    [['--by', 'week'], 'Allowed choices are day, hour'],
  ])('forecast refuses %s', async (args, why) => {
    const { status, stdout, stderr } = await enfold(['forecast', store, ...args])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(why)
  })
})

describe('attention', () => {
  it('INDEX-5: attention tells what waits for a person, in pages, as text and for programs', async () => {
    expect(await said('attention', store)).toBe('Nothing waits for you.\n')
    await said('start', store, 'ann', 'bob', 'cem', NURTURE, '--yes')
    const failing = "async () => ({ outcome: 'failed', reason: 'smtp-550', permanent: true })"
    const handlers = given('failing.mjs', `export const handlers = { email: ${failing}, task: ${failing} }`)
    await enfold(['run', store, '--handlers', handlers, '--once'])
    const text = await said('attention', store, '--limit', '2')
    expect(text).toMatch(/^Waiting for you: 3 failed\n/)
    expect(text).toMatch(/failed\s+ann\s+one\s+"pool\/1"\/nurture\s+1\s+smtp-550/)
    const [, cursor] = /--after (\S+)\n$/.exec(text) ?? []
    const rest = JSON.parse(await said('attention', store, '--json', '--after', cursor as string))
    expect(rest).toMatchObject({
      total: 3,
      counts: { failed: 3, held: 0 },
      entries: [{ contactId: 'cem' }],
      next: null,
    })
    expect(await said('attention', store, '--kind', 'held')).toBe('Nothing waits for you.\n')
    expect(await said('attention', store, '--campaign', 'another')).toBe('Nothing waits for you.\n')
    expect(await enfold(['attention', store, '--kind', 'late'])).toMatchObject({ status: 2, stdout: '' })
  })
})

describe('due', () => {
  it('due shows what is overdue and what is to come, and changes nothing', async () => {
    await said('start', store, 'ann', 'bob', NURTURE, '--yes')
    await said('start', store, 'ann', 'pool%2F1/vip')
    await said('pause', store, 'bob', NURTURE)
    const before = await fromStore(async (opened) => {
      const lines: string[] = []
      for await (const event of opened.readAll()) lines.push(encodeEvent(event))
      return lines
    })
    const { overdue, upcoming, isCut } = JSON.parse(await said('due', store, '--json'))
    expect(overdue).toMatchObject({ contacts: 1, dispatches: [{ kind: 'email', campaignId: 'pool/1', steps: 1 }] })
    expect(upcoming.map(({ contactId, stepId }: Record<string, string>) => `${contactId} ${stepId}`)).toEqual([
      'ann one',
      'ann call',
    ])
    expect(isCut).toBe(false)
    const text = await said('due', store)
    expect(text).toMatch(/^Overdue since .*, of 1 contact: 1 email of "pool\/1"\n/)
    expect(text).toContain('\nDue longest: one of "pool/1"/nurture, for ann\n')
    expect(text).toMatch(/overdue\s+ann\s+one\s+"pool\/1"\/nurture\s+1\n/)
    expect(text).toMatch(/to come\s+ann\s+call\s/)
    await said('start', store, 'dan', 'pool%2F1/vip')
    expect(await said('due', store, '--limit', '1')).toContain('Of the first 1 contact; --limit shows more.')
    // Of what is paused nothing is due; asked about by name, it shows all the same.
    expect(text).not.toContain('bob')
    expect(await said('due', store, 'bob')).toMatch(/paused\s+bob\s+one\s/)
    expect(await said('due', store, '--until', '2000-01-01')).toContain('(none)')
    const after = await fromStore(async (opened) => {
      const lines: string[] = []
      for await (const event of opened.readAll()) lines.push(encodeEvent(event))
      return lines
    })
    expect(after.slice(0, -1)).toEqual(before)
  })
})

describe('misuse', () => {
  it.each<[string, (store: string) => readonly string[], RegExp]>([
    [
      'a log',
      () => ['start', definition, 'ada', NURTURE],
      /is a log, which can only be read\. Orders go to a store, sqlite:PATH/,
    ],
    ['the standard input', () => ['start', '-', 'ada', NURTURE], /is a log, which can only be read/],
    ['a URL that is not known', () => ['start', 'redis://x', 'ada', NURTURE], /is no store that is known here/],
    ['no such store', () => ['start', 'sqlite:nowhere.db', 'ada', NURTURE], /There is no file nowhere\.db/],
    [
      'no contacts',
      (to) => ['start', to, NURTURE],
      /Too few arguments\. Expected enfold start STORE CONTACT… SEQUENCE/,
    ],
    ['no step', (to) => ['cancel', to, NURTURE], /Expected enfold cancel STORE CONTACT… SEQUENCE STEP/],
    ['no sequence', (to) => ['stop', to, 'ada', 'bob'], /bob: Expected CAMPAIGN\/SEQUENCE, each percent-encoded/],
    ['a slash too many', (to) => ['start', to, 'ada', 'pool/1/nurture'], /Expected CAMPAIGN\/SEQUENCE/],
    ['contacts twice', (to) => ['start', to, 'ada', NURTURE, '--in', NURTURE], /named in several ways/],
    [
      'a line that is no id',
      (to) => ['start', to, '--from', given('holes.txt', 'ada\n""\nbob\n'), NURTURE],
      /holes\.txt, line 2, column 1 is empty/,
    ],
    ['a column of no list', (to) => ['pause', to, 'ada', NURTURE, '--column', 'id'], /--column goes with --from/],
    ['leave for no list', (to) => ['pause', to, 'ada', NURTURE, '--allow-untouched'], /go with --from FILE/],
    ['no such list', (to) => ['start', to, '--from', 'nowhere.txt', NURTURE], /There is no file nowhere\.txt/],
    ['a ban that is over', (to) => ['suppress', to, 'ada', '--until', '2000-01-01'], /which is over/],
    ['a day that does not exist', (to) => ['suppress', to, 'ada', '--until', '2999-02-30'], /Expected an instant/],
    [
      'an integer that a number cannot hold',
      (to) => ['signal', to, 'ada', 'k', '--data', '{"order":{"id":9007199254740993}}'],
      /integer at \/order\/id cannot be kept exactly; use a string/,
    ],
    ['data that is no object', (to) => ['signal', to, 'ada', 'k', '--data', '[1]'], /Expected a JSON object/],
    ['an empty reason', (to) => ['stop', to, 'ada', NURTURE, '--reason', ''], /Expected a text of 1 to 10,000/],
    ['an actor that is no id', (to) => ['stop', to, 'ada', NURTURE, '--actor', ''], /An id has 1 to 200/],
    [
      'a module without contacts',
      (to) => ['stop', to, 'ada', NURTURE, '--host-module', given('none.mjs', '')],
      /exports no contacts/,
    ],
    ['a definition that is no JSON', (to) => ['publish', to, given('no.json', '{')], /no\.json is no JSON/],
    ['a limit beyond reason', (to) => ['due', to, '--limit', '1001'], /from 1 to 1000/],
    ['an option of another command', (to) => ['start', to, 'ada', NURTURE, '--until', '2999-01-01'], /unknown option/],
  ])('%s: exit status 2, and nothing is written', async (_, args, expected) => {
    const { status, stdout, stderr } = await enfold(args(store))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(expected)
    const events = await fromStore(async (opened) => {
      let others = 0
      for await (const event of opened.readAll()) if (!isCampaignEvent(event)) others += 1
      return others
    })
    expect(events).toBe(0)
  })
})
