/** The command line over a log on a server: the fake one of the store, in a process of its own. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contactStream, type NewEvent } from '@enfold/core'
import { forkFakeServer, type RemoteFakeServer } from '@enfold/test-servers/eventstoredb'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BINARY, enfold, pool, temporaryDirectory } from './cli.fixture.ts'
import { openEventStoreDb } from './eventstoredb.ts'
import { logOpenerFor } from './store-url.ts'

const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)
function given(name: string, content: string): string {
  writeFileSync(file(name), content)
  return file(name)
}

const definition = given('pool.json', JSON.stringify(pool))
const handlers = given(
  'handlers.mjs',
  "export const handlers = { email: () => ({ outcome: 'sent' }), task: () => ({ outcome: 'sent' }) }",
)
const WITHOUT_KURRENT = `import { registerHooks } from 'node:module'
registerHooks({
  resolve(name, context, next) {
    if (name.startsWith('@kurrent/')) throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' })
    return next(name, context)
  },
})`
const NURTURE = 'pool%2F1/nurture'

const postgres = givenServer()
let server: RemoteFakeServer
beforeAll(async () => {
  server = await forkFakeServer({ shuffle: 1 })
})
afterAll(() => server.stop())

let log: string
let readModel: string
let readModelArgs: readonly string[]
beforeEach(() => {
  log = `${server.url}&prefix=t${randomUUID()}-`
  readModel = `sqlite:${file(`${randomUUID()}.db`)}`
  readModelArgs = ['--read-model', readModel]
})

/** What was said on the standard output; anything but exit status 0 and an empty error output is a failed test. */
async function said(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await enfold(args)
  if (status !== 0 || stderr !== '') throw new Error(`enfold ${args.join(' ')}: ${status} ${stderr}`)
  return stdout
}

async function givenStarted(...contacts: readonly string[]): Promise<void> {
  await said('publish', log, definition, '--create', ...readModelArgs)
  await said('start', log, ...contacts, NURTURE, '--yes', ...readModelArgs)
}

describe('given a log on EventStoreDB and its read model in SQLite', () => {
  it('START-1, STEP-4, STOP-1: orders are given, what is due is shown and done, and each command sees what the one before did', async () => {
    await givenStarted('ann', 'bob')
    expect(await said('due', log, ...readModelArgs)).toContain('2 email of "pool/1"')
    expect(await said('run', log, '--handlers', handlers, '--once', ...readModelArgs)).toContain('2 steps sent')
    expect(await said('start', log, 'ann', NURTURE, ...readModelArgs)).toContain('ann is in "pool/1"/nurture already')
    // The contacts that are in it by the index.
    expect(await said('stop', log, NURTURE, '--in', NURTURE, '--yes', ...readModelArgs)).toContain(
      '2 contacts: 2 stopped',
    )
    expect(await said('due', log, ...readModelArgs)).toContain('Nothing is overdue.')
    expect(await said('verify', log, ...readModelArgs)).toMatch(
      /Index held against the log for 2 contacts: 0 differences/,
    )
  })

  it('VERSION-3: a campaign is unpublished with all its runs, and a lost read model is built again', async () => {
    await givenStarted('ann', 'bob', 'cid')
    readModelArgs = ['--read-model', `sqlite:${file(`${randomUUID()}.db`)}`]
    expect(await said('unpublish', log, 'pool/1', '--stop-runs', '--yes', ...readModelArgs)).toContain('stopped 3 runs')
    expect(await said('verify', log, ...readModelArgs)).toContain(
      'Index held against the log for 3 contacts: 0 differences',
    )
  })

  it('TIMER-9: an order without the directory of the host lets the worker, who has it, look at the contact at once', async () => {
    await said('publish', log, definition, '--create', ...readModelArgs)
    await givenStarted('ann')
    await said('run', log, '--handlers', handlers, '--once', ...readModelArgs)
    await said('pause', log, 'ann', NURTURE, ...readModelArgs)
    await said('resume', log, 'ann', NURTURE, ...readModelArgs)
    // The second step waits for a day. The worker looks, finds nothing, and sets the wake.
    expect(await said('run', log, '--handlers', handlers, '--once', ...readModelArgs)).toMatch(
      /0 steps sent.*next at \d{4}-/,
    )
  })

  it('AUDIT-2 to AUDIT-4: questions are answered by the server alone', async () => {
    await givenStarted('ann')
    await said('run', log, '--handlers', handlers, '--once', ...readModelArgs)
    const history = JSON.parse(await said('history', 'ann', log, '--json')) as { readonly events: { id: string }[] }
    expect(history.events).toHaveLength(3)
    expect(await said('explain', 'ann', history.events[1]?.id as string, log)).toContain('one')
    expect(await said('explain', 'ann', '--step', `${NURTURE}/two`, log)).toContain('not-yet')
    expect(await said('state', 'ann', log)).toContain('nurture')
    expect(await said('replay', '--store', log)).toContain('4 events')
    expect(await said('verify', log)).toMatch(/4 events of 1 contact: 0 faults\nHash chain: 4 events\n$/)
  })

  it('AUDIT-1: what is exported is imported into another server, in its order and with its hashes, and repeating it adds nothing', async () => {
    await givenStarted('ann', 'bob', 'cid', 'dan')
    await said('run', log, '--handlers', handlers, '--once', ...readModelArgs)
    const path = file(`${randomUUID()}.jsonl`)
    await said('export', log, '--out', path)
    const there = `${server.url}&prefix=t${randomUUID()}-`
    expect(await said('import', path, '--into', there)).toContain('13 events imported into')
    expect(await said('import', path, '--into', there)).toContain('0 events imported into')
    const again = file(`${randomUUID()}.jsonl`)
    await said('export', there, '--out', again)
    const placeless = (name: string) => readFileSync(name, 'utf8').replace(/"(sequence|position)":"?\d+"?/g, '')
    expect(placeless(again)).toBe(placeless(path))
    // Work goes on there, over a read model of its own.
    const fresh = ['--read-model', `sqlite:${file(`${randomUUID()}.db`)}`]
    expect(await said('start', there, 'ann', NURTURE, ...fresh)).toContain('ann is in "pool/1"/nurture already')
    expect(await said('verify', there, ...fresh)).toContain('0 differences')
  })

  it('LOG-6: two prefixes are two logs', async () => {
    await givenStarted('ann')
    expect(await said('replay', `${server.url}&prefix=other-`)).toContain('0 events')
  })
})

describe('given --store, and index and agenda in SQLite or PostgreSQL', () => {
  it.each(['SQLite', 'PostgreSQL'])('every command goes over a server with its read model in %s', async (kind) => {
    if (kind === 'PostgreSQL') {
      const url = new URL(postgres.url)
      url.searchParams.set('schema', givenSchema(postgres))
      readModelArgs = ['--read-model', url.href]
    }
    const at = ['--store', log, ...readModelArgs]
    const ordered = async (command: string, ...words: readonly string[]) => said(command, ...words, ...at, '--yes')
    expect(await said('publish', definition, '--create', ...at)).toContain('published version 1')
    expect(await ordered('start', 'ann', 'bob', NURTURE)).toContain('2 contacts: 2 started')
    expect(await said('run', '--once', '--handlers', handlers, ...at)).toContain('2 steps sent')
    expect(await ordered('pause', 'ann', NURTURE)).toMatch(/^paused run 1 of "pool\/1"\/nurture for ann,/)
    expect(await ordered('resume', 'ann', NURTURE)).toMatch(/^resumed run 1 of .* for ann,/)
    expect(await ordered('resend', 'ann', NURTURE, 'one')).toMatch(/^ordered .*one.* again for ann/)
    expect(await ordered('cancel', 'bob', NURTURE, 'two')).toMatch(/^cancelled .*two.* for bob/)
    expect(await ordered('restart', 'bob', NURTURE)).toMatch(/^restarted .* for bob, as run 2,/)
    expect(await ordered('signal', 'cid', 'opened')).toContain('cid')
    const list = given('list.txt', 'dan\neve\nfay\n')
    const results = file(`${randomUUID()}.csv`)
    expect(await ordered('start', NURTURE, '--from', list, '--csv', results)).toContain('3 contacts: 3 started')
    expect(readFileSync(results, 'utf8')).toContain('"fay","started","1"')
    expect(await ordered('stop', NURTURE, '--in', NURTURE)).toContain('5 contacts: 5 stopped')
    expect(await ordered('suppress', 'ann')).toMatch(/^suppressed ann/)
    expect(await ordered('unsuppress', 'ann')).toContain('suppressed no longer')
    expect(await ordered('start', 'gus', NURTURE)).toContain('gus')
    expect(await ordered('stop-all', 'gus')).toMatch(/^stopped .* for gus/)
    expect(await ordered('erase', 'gus')).toMatch(/^erased gus/)
    expect(await said('due', ...at)).toContain('Nothing is overdue.')
    expect(await said('parked', ...at)).toBe('Nobody is parked.\n')
    expect(await ordered('unpublish', 'pool/1', '--stop-runs')).toContain('unpublished')

    expect(await said('stats', '--store', log)).toContain('SequenceStarted')
    expect(await said('members', 'pool/1', 'nurture', '--store', log)).toBe('')
    expect(await said('diff', '--from', '2026-01-01', '--to', '2999-01-01', '--store', log)).toContain('ann')
    const [seal, key] = [file(`${randomUUID()}.seal`), file(randomUUID())]
    await said('keygen', key)
    await said('seal', '--store', log, '--out', seal, '--key', key)
    expect(await said('verify', '--seal', seal, '--key', `${key}.pub`, '--store', log)).toContain('0 faults')
    expect(await said('verify', ...at)).toContain('0 differences')
  })

  it('STEP-7: a store that keeps its own index parks nobody', async () => {
    const store = `sqlite:${file(`${randomUUID()}.db`)}`
    await said('publish', store, definition, '--create')
    expect(await said('parked', store)).toBe('Nobody is parked.\n')
  })

  it('a store that is named twice, or by nothing, is refused, and so is what would be passed over', async () => {
    for (const [args, problem] of [
      [['start', '--store', log, log, 'ann', NURTURE], 'named twice'],
      [['start', '--store', log, '--yes', `sqlite:${file('other.db')}`, 'ann', NURTURE], 'named twice'],
      [['due', '--store'], '--store names nothing'],
      [['start', `sqlite:${file('other.db')}`, 'ann', NURTURE, '--on-poison', 'park'], 'goes with --read-model'],
      [['due', log, ...readModelArgs, '--on-poison', 'park'], 'unknown option'],
      [['due', '--store=', ...readModelArgs], '--store names nothing'],
    ] as const) {
      const { status, stderr } = await enfold(args)
      expect(status).toBe(2)
      expect(stderr).toContain(problem)
    }
  })
})

describe('given an event that no index can show', () => {
  /** Of a version of a campaign that was never published. */
  const poison: NewEvent = {
    type: 'SequenceStarted',
    data: { campaignId: 'lost', sequenceId: 'nurture', run: 1, campaignVersion: 7 },
    id: randomUUID(),
    schema: 1,
    at: '2026-03-01T09:00:00.000Z',
    commandId: 'by hand',
    correlationId: 'by hand',
    causationId: 'by hand',
    actor: null,
    cause: { by: 'operator' },
  }

  it('STEP-7: it stops the projection by name; by choice its contact is parked, listed, tried again, and given up', async () => {
    await givenStarted('ann')
    const direct = openEventStoreDb(log, { hashChain: true })
    await direct.append(contactStream('eve'), [poison], 'no-stream')
    await direct.close()
    const stopped = await enfold(['start', log, 'bob', NURTURE, ...readModelArgs])
    expect(stopped.status).toBe(1)
    expect(stopped.stderr).toMatch(/PROJECTION_STOPPED.*lost/s)

    const park = [...readModelArgs, '--on-poison', 'park']
    expect(await said('start', log, 'bob', NURTURE, ...park)).toContain('bob')
    expect(await said('parked', log, ...readModelArgs)).toContain(
      `eve: parked at version 1, SequenceStarted, event ${poison.id}`,
    )
    const tried = await enfold(['parked', log, '--retry', ...readModelArgs])
    expect(tried).toMatchObject({ status: 1, stdout: '' })
    expect(tried.stderr).toMatch(/eve: still parked: .*lost/)
    expect((await enfold(['parked', log, 'bob', '--retry', ...readModelArgs])).stderr).toContain('bob: is not parked')
    const asked = await enfold(['parked', log, 'eve', '--discard', ...readModelArgs])
    expect(asked.status).toBe(2)
    expect(asked.stderr).toContain('This would take 1 contact out of index and agenda')
    expect(await said('parked', log, 'eve', '--discard', '--yes', ...readModelArgs)).toContain('eve: discarded')
    expect(await said('parked', log, '--json', ...readModelArgs)).toBe('')
    const worked = await enfold(['run', log, '--handlers', handlers, '--once', ...park])
    expect(worked.stdout).toContain('2 steps sent')
  })
})

describe('given a server that fails an append of an import', () => {
  it('AUDIT-1: the order of the log stays, because no later event is written before an earlier one', async () => {
    const contacts = Array.from({ length: 30 }, (_, i) => `c${i}`)
    await givenStarted(...contacts)
    const path = file(`${randomUUID()}.jsonl`)
    await said('export', log, '--out', path)
    const there = `${server.url}&prefix=t${randomUUID()}-`
    // The first append is refused for a moment, and tried again.
    await server.inject('append', 'unavailable')
    expect(await said('import', path, '--into', there)).toContain('31 events imported into')
    const again = file(`${randomUUID()}.jsonl`)
    await said('export', there, '--out', again)
    const idsOf = (name: string) => readFileSync(name, 'utf8').match(/"id":"[^"]+"/g)
    expect(idsOf(again)).toEqual(idsOf(path))
    expect(await said('import', path, '--into', there)).toContain('0 events imported into')
  })
})

describe('what is refused: exit status 2', () => {
  it('orders, due and run without a read model', async () => {
    for (const args of [
      ['publish', log, definition, '--create'],
      ['start', log, 'ann', NURTURE],
      ['due', log],
      ['run', log, '--handlers', handlers, '--once'],
    ]) {
      const { status, stdout, stderr } = await enfold(args)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toContain('--read-model sqlite:PATH')
    }
  })

  it('a read model that is none, or that is not there to be read, or that nobody needs', async () => {
    const refusal = async (...args: readonly string[]) => {
      const { status, stderr } = await enfold(args)
      expect(status).toBe(2)
      return stderr
    }
    expect(await refusal('due', log, '--read-model', log)).toContain('--read-model is no store of tables')
    expect(await refusal('due', log, '--read-model', 'out.jsonl')).toContain('--read-model is no store of tables')
    expect(await refusal('due', log, ...readModelArgs)).toContain('There is no file')
    expect(existsSync(readModel.slice('sqlite:'.length))).toBe(false)
    const store = `sqlite:${file('own.db')}`
    await said('publish', store, definition, '--create')
    expect(await refusal('due', store, ...readModelArgs)).toContain('keeps no index and agenda')
  })

  it('a connection string that the client cannot read, without the password in it', async () => {
    const { status, stderr } = await enfold(['verify', 'esdb://olga:secret@'])
    expect(status).toBe(2)
    expect(stderr).toContain('@eventstore/db-client cannot read the connection string')
    expect(stderr).not.toContain('secret')
  })

  it('a tlsCAFile that is not there, with what the client said of it, and without the password', async () => {
    const { status, stderr } = await enfold(['verify', 'esdb://olga:secret@localhost:2113?tlsCAFile=/no/such/ca.crt'])
    expect(status).toBe(2)
    expect(stderr).toContain('File was not found. See tlsCAFile')
    expect(stderr).not.toContain('secret')
  })

  it('a protocol whose client is not installed, with what to install', async () => {
    // A process of its own, for which it is not there.
    const args = ['--import', `data:text/javascript,${encodeURIComponent(WITHOUT_KURRENT)}`, BINARY, 'verify']
    const { status, stderr } = spawnSync(process.execPath, [...args, 'kurrentdb://localhost:1?tls=false'], {
      encoding: 'utf8',
    })
    expect(status).toBe(2)
    expect(stderr).toContain('npm install @kurrent/kurrentdb-client\n')
  })

  it('only URLs of such servers name an EventStoreDB store', () => {
    for (const url of ['esdb://a', 'esdb+discover://a', 'kurrentdb://a', 'kurrent+discover://a', 'kdb://a'])
      expect(logOpenerFor(url)).toBeDefined()
    for (const url of ['esdb', 'sqlite:esdb://a', './esdb://a', 'http://esdb', '__proto__'])
      expect(logOpenerFor(url)).toBeUndefined()
  })
})
