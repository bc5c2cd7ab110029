import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contactStream, type RecordedContactEvent } from '@enfold/core'
import { createSqliteStore } from '@enfold/store-sqlite'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { BINARY, enfold, pool, temporaryDirectory } from './cli.fixture.ts'

const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)

function given(name: string, content: string): string {
  writeFileSync(file(name), content)
  return file(name)
}

const definition = given('pool.json', JSON.stringify(pool))
const NURTURE = 'pool%2F1/nurture'
const SENT = "export const handlers = { email: () => ({ outcome: 'sent' }), task: () => ({ outcome: 'sent' }) }"

let stores = 0
let path: string
let store: string
beforeEach(async () => {
  path = file(`${++stores}.db`)
  store = `sqlite:${path}`
  await enfold(['publish', store, definition, '--create'])
  await enfold(['start', store, 'ann', 'bob', NURTURE, '--yes'])
})

async function fromStore() {
  const opened = createSqliteStore({ path, readOnly: true })
  try {
    const stream = contactStream('ann')
    const history = ((await opened.readMany([stream])).get(stream) ?? []) as readonly RecordedContactEvent[]
    return { types: history.map(({ type }) => type), agenda: await opened.agenda('9999-12-31T23:59:59.999Z', 10) }
  } finally {
    await opened.close()
  }
}

/** `enfold run` as a process of its own. */
function worker(...args: readonly string[]) {
  const child = spawn(process.execPath, [BINARY, 'run', store, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, stdout, stderr }))
  return { child, ended }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('drain', () => {
  it('GATE-4: drain begins so many overdue steps in a span, says its pace, and ends when none is left', async () => {
    await enfold(['start', store, 'cleo', NURTURE, '--yes'])
    const handlers = given('sent.mjs', SENT)
    const began = performance.now()
    const paced = ['drain', store, '--handlers', handlers, '--most', '1', '--per', 'PT1S']
    const { status, stdout, stderr } = await enfold(paced)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(`working on ${store}: email, task; at most 1 overdue step in each PT1S\n`)
    expect(stdout).toContain('at rest: 3 steps sent')
    // Never sooner, however fast the machine is: the third begins in the third span.
    expect(performance.now() - began).toBeGreaterThan(2000)
  })

  it('GATE-4: drain asks for handlers and a pace, and refuses one that cannot be', async () => {
    const handlers = given('sent.mjs', SENT)
    for (const [args, message] of [
      [['--most', '1'], /Name a module that exports handlers/],
      [['--handlers', handlers], /--most 500 --per PT1H/],
      [['--handlers', handlers, '--most', '1', '--per', 'P2D'], /drain\.pace\.per is "P2D"/],
    ] as const) {
      const { status, stderr } = await enfold(['drain', store, ...args])
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) })
    }
    expect((await fromStore()).types).toEqual(['SequenceStarted'])
  })
})

describe('run --once', () => {
  it('STEP-4: run --once does what is due, says it line by line, and ends', async () => {
    const { status, stdout, stderr } = await enfold(['run', store, '--handlers', given('sent.mjs', SENT), '--once'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toBe(`working on ${store}: email, task`)
    expect(
      lines
        .slice(1, 3)
        .map((line) => line.replace(/^\S+ {2}/, ''))
        .toSorted(),
    ).toEqual([
      'sent one of "pool/1"/nurture, run 1, attempt 1, for ann',
      'sent one of "pool/1"/nurture, run 1, attempt 1, for bob',
    ])
    expect(lines[3]).toMatch(/^at rest: 2 steps sent, 0 skipped, 0 failed; next at \d{4}-/)
    expect((await fromStore()).types).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent'])
  })

  it('DELIVER-3: with ENFOLD_DELIVER_TO, run says where all goes, and so do its lines and the history', async () => {
    onTestFinished(() => void vi.unstubAllEnvs())
    vi.stubEnv('ENFOLD_DELIVER_TO', 'nobody')
    const { status, stdout, stderr } = await enfold(['run', store, '--handlers', given('sent.mjs', SENT), '--once'])
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'everything is delivered to nobody (deliverTo), because ENFOLD_DELIVER_TO is set\n',
    })
    expect(stdout).toContain(
      'sent one of "pool/1"/nurture, run 1, attempt 1, for ann, delivered to nobody (deliverTo)\n',
    )
    expect((await enfold(['history', 'ann', store])).stdout).toContain(
      'Did not send one of "pool/1"/nurture, run 1: delivered to nobody (deliverTo)  without its handler',
    )
    expect((await enfold(['state', 'ann', store])).stdout).toMatch(/one +sent .*delivered to nobody \(deliverTo\)/)
    vi.stubEnv('ENFOLD_DELIVER_TO', 'me')
    const refused = await enfold(['run', store, '--handlers', given('sent.mjs', SENT), '--once'])
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('ENFOLD_DELIVER_TO is none of') })
  })

  it('STEP-5: a failure is said with its reason, what was thrown too; as JSON lines for programs', async () => {
    const failing = given(
      'failing.mjs',
      `export const handlers = {
         email: ({ contactId }) => {
           if (contactId === 'ann') throw new Error('no connection')
           return { outcome: 'failed', reason: 'smtp-550', permanent: true }
         },
         task: () => ({ outcome: 'sent' }),
       }`,
    )
    const { status, stdout } = await enfold(['run', store, '--handlers', failing, '--once', '--json'])
    expect(status).toBe(0)
    const [begin, ...lines] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const end = lines.pop()
    expect(begin).toEqual({ working: store, kinds: ['email', 'task'] })
    expect(lines.toSorted((a, b) => (a.contactId < b.contactId ? -1 : 1))).toMatchObject([
      { contactId: 'ann', stepId: 'one', outcome: { outcome: 'failed' }, error: 'no connection' },
      { contactId: 'bob', stepId: 'one', outcome: { outcome: 'failed', reason: 'smtp-550' } },
    ])
    expect(end).toMatchObject({ sent: 0, failed: 2, wakeAt: expect.any(String) })
  })

  it('STEP-7: a fault of the directory is said, and makes the exit status 1', async () => {
    const broken = given(
      'broken.mjs',
      `${SENT}\nexport const contacts = { get() { throw new Error('the CRM is down') } }`,
    )
    const { status, stderr } = await enfold(['run', store, '--handlers', broken, '--once'])
    expect(status).toBe(1)
    expect(stderr).toContain('the CRM is down')
    expect((await fromStore()).types).toEqual(['SequenceStarted'])
  })
})

describe('KIND-1: run with handlers for some kinds', () => {
  const mail = "export const handlers = { email: () => ({ outcome: 'sent' }) }"

  it('run does what it handles, and says what it leaves to others', async () => {
    const { status, stdout, stderr } = await enfold(['run', store, '--handlers', given('mail.mjs', mail), '--once'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'left to other workers, for want of a handler: task\n' })
    expect(stdout).toContain(`working on ${store}: email\n`)
    expect((await fromStore()).types).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent'])
  })

  it('run names a kind that is due and waits, and as JSON too', async () => {
    const calls = given('calls.mjs', "export const handlers = { task: () => ({ outcome: 'sent' }) }")
    const text = await enfold(['run', store, '--handlers', calls, '--once'])
    expect(text.status).toBe(0)
    expect(text.stderr).toMatch(/no handler here for the kind email: 2 contacts due for it, the first since \d{4}-/)
    const json = await enfold(['run', store, '--handlers', calls, '--once', '--json'])
    expect(JSON.parse(json.stdout.split('\n')[0] as string)).toEqual({
      working: store,
      kinds: ['task'],
      others: ['email'],
    })
    expect(JSON.parse(json.stderr)).toMatchObject({ waiting: 'email', contacts: 2 })
    expect((await fromStore()).types).toEqual(['SequenceStarted'])
  })

  it('KIND-2: run takes an instance of a class, and a function from kind to handler', async () => {
    const instance = given(
      'instance.mjs',
      "class Mailer { host = 'x'; email() { return { outcome: 'sent' } } }\nexport const handlers = new Mailer()",
    )
    expect((await enfold(['run', store, '--handlers', instance, '--once'])).stdout).toContain(': email\n')
    const asked = given('asked.mjs', "export const handlers = () => () => ({ outcome: 'sent' })")
    const { status, stdout, stderr } = await enfold(['run', store, '--handlers', asked, '--once'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('what its function handles\n')
  })
})

describe('run', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ONCE-3: run told to end by %s waits for the handler in flight, and all is at rest',
    async (signal) => {
      const [begun, told, go, closed] = ['begun', 'told', 'go', 'closed'].map((name) => file(`${name}-${stores}`)) as [
        string,
        string,
        string,
        string,
      ]
      const slow = given(
        `slow-${stores}.mjs`,
        `import { existsSync, writeFileSync } from 'node:fs'
       const waiting = setInterval(() => {}, 60_000)
       process.on(${JSON.stringify(signal)}, () => writeFileSync(${JSON.stringify(told)}, ''))
       export const handlers = {
         async email({ contactId }) {
           writeFileSync(${JSON.stringify(begun)}, contactId)
           while (!existsSync(${JSON.stringify(go)})) await new Promise((resolve) => setTimeout(resolve, 10))
           return { outcome: 'sent' }
         },
         task: () => ({ outcome: 'sent' }),
       }
       export function close() {
         clearInterval(waiting)
         writeFileSync(${JSON.stringify(closed)}, '')
       }`,
      )
      await enfold(['stop', store, 'bob', NURTURE])
      const { child, ended } = worker('--handlers', slow)
      await until(() => existsSync(begun))
      child.kill(signal)
      // The process has the signal before the handler may go on.
      await until(() => existsSync(told))
      expect(child.exitCode).toBe(null)
      writeFileSync(go, '')
      const { status, stdout, stderr } = await ended
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toContain('sent one of "pool/1"/nurture, run 1, attempt 1, for ann')
      expect(stdout).toContain('at rest: 1 step sent')
      expect(readFileSync(begun, 'utf8')).toBe('ann')
      expect(existsSync(closed)).toBe(true)
      const { types, agenda } = await fromStore()
      expect(types).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent'])
      expect(agenda).toMatchObject([{ contactId: 'ann', leaseUntil: null }])
    },
  )

  it('GOAL-12: run takes up what another process orders while it works', async () => {
    const { child, ended } = worker('--handlers', given('also-sent.mjs', SENT), '--json')
    let told = ''
    child.stdout.on('data', (text) => {
      told += text
    })
    await until(() => told.includes('"ann"') && told.includes('"bob"'))
    await enfold(['start', store, 'cleo', NURTURE])
    await until(() => told.includes('"cleo"'))
    child.kill('SIGTERM')
    const { status, stdout } = await ended
    expect(status).toBe(0)
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)).toMatchObject({ sent: 3, skipped: 0, failed: 0 })
  })
})

describe('misuse', () => {
  it.each<[string, (to: string) => readonly string[], RegExp]>([
    ['no handlers', (to) => ['run', to], /sends nothing by itself\. Name a module that exports handlers: --handlers/],
    ['no such module', (to) => ['run', to, '--handlers', 'nowhere.js'], /There is no file nowhere\.js/],
    [
      'a module that does not load',
      (to) => ['run', to, '--handlers', given('bad.mjs', 'throw new Error("no config")')],
      /cannot be loaded: no config/,
    ],
    ['a module without handlers', (to) => ['run', to, '--handlers', given('no.mjs', '')], /exports no handlers/],
    [
      'handlers that are none',
      (to) => ['run', to, '--handlers', given('odd.mjs', 'export const handlers = { email: 5 }')],
      /exports something else as handlers; expected an object of functions/,
    ],
    [
      'contacts that are none',
      (to) => ['run', to, '--handlers', given('odd-contacts.mjs', `${SENT}\nexport const contacts = []`)],
      /exports something else as contacts; expected an object with get/,
    ],
    ['a log', () => ['run', definition, '--handlers', given('good.mjs', SENT)], /is a log, which can only be read/],
  ])('%s: exit status 2, and nothing is sent', async (_, args, expected) => {
    const { status, stdout, stderr } = await enfold(args(store))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(expected)
    expect((await fromStore()).types).toEqual(['SequenceStarted'])
  })
})
