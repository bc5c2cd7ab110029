/** For the tests of this package: a store that the engine filled, logs of it, and the command line, within this process and as one of its own. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { type Clock, type ContactId, campaign, orThrow } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { afterAll } from 'vitest'
import { run } from './cli.ts'
import type { Streams } from './streams.ts'

/** A directory that is removed when the tests of the file are over. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'enfold-cli-'))
  // The end of the process is too late: workers of the test runner are told to go, and hear no exit.
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `enfold` with these arguments within this process: quicker than a process for each. */
export async function enfold(
  args: readonly string[],
  input: string | Uint8Array = '',
  isTerminal = false,
): Promise<Ended> {
  const stdin = Object.assign(Readable.from([input]), { isTTY: isTerminal })
  const [stdout, stderr] = [createSink(isTerminal), createSink(isTerminal)]
  const status = await run(args, { stdin, stdout, stderr } as unknown as Streams)
  return { status, stdout: stdout.text(), stderr: stderr.text() }
}

/** What is written, as text. It is no terminal, unless it says that it is one. */
export function createSink(isTTY = false): Writable & { text(): string } {
  const chunks: Buffer[] = []
  const sink = new Writable({
    write(chunk, _, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  return Object.assign(sink, { isTTY, text: () => Buffer.concat(chunks).toString() })
}

export const BINARY = join(import.meta.dirname, 'index.ts')

/** As `enfold`, as a process of its own: the binary as people have it. */
export function enfoldProcess(args: readonly string[], input: string | Uint8Array = ''): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 256 * 1024 * 1024, encoding: 'utf8' } as const
    const child = execFile(process.execPath, [BINARY, ...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ status: error === null ? 0 : (error.code as number), stdout, stderr })
    })
    // A command that refuses its arguments reads nothing.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** The JSON answer; anything but exit status 0 and an empty error output is a failed test. */
export async function answerOf([command = '', ...args]: readonly string[]): Promise<unknown> {
  const { status, stdout, stderr } = await enfold([command, '--json', ...args])
  if (status !== 0 || stderr !== '') throw new Error(`enfold ${command} ${args.join(' ')}: ${status} ${stderr}`)
  return JSON.parse(stdout)
}

/** An entry point that leads to a sequence of three steps; a purchase that forks; an exit. */
export const pool = campaign({
  id: 'pool/1',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] },
    {
      id: 'bought',
      when: { kind: 'purchased' },
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'onboarding', otherwise: true },
      ],
    },
    { id: 'leave', when: { kind: 'tag-applied' } },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' }, maxAttempts: 2 },
        { id: 'three', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['bought', 'leave'],
    },
    { id: 'onboarding', steps: [{ id: 'hello', kind: 'email' }] },
    { id: 'vip', steps: [{ id: 'call', kind: 'task', timer: { after: 'PT1H' } }], next: ['leave'] },
  ],
})

/**
 * Five days: contacts come in, buy, are stopped, resent, cancelled, banned, erased.
 * @param clock a simulated one
 * @param contacts the default ones must be among them
 */
export async function fillStore(
  path: string,
  clock: Clock & { advance(duration: string): unknown },
  contacts: readonly ContactId[] = ['ann', 'bob', 'cleo', 'dan', '__proto__', 'constructor', 'a/b', '😀'],
): Promise<void> {
  const store = createSqliteStore({ path, synchronous: 'NORMAL' })
  const engine = createEngine({
    store,
    clock,
    handlers: {
      email: ({ contactId, step, attempt }) =>
        step.id === 'two' && contactId === 'bob' && attempt === 1
          ? { outcome: 'failed', reason: 'smtp-451' }
          : { outcome: 'sent', receipt: `receipt-${step.id}` },
      task: () => ({ outcome: 'sent' }),
    },
    contacts: { get: (contactId) => ({ fields: { spend: contactId === 'ann' ? 1200 : 20 } }) },
    random: () => 0.5,
  })
  const day = async () => {
    clock.advance('P1D')
    await engine.runDue()
  }
  orThrow(await engine.publish(pool, { actor: 'olga' }))
  for (const [i, contactId] of contacts.entries()) {
    const signal = { contactId, kind: 'form-submitted', signalId: `form-${i}` }
    if (i % 3 === 0) orThrow(await engine.startSequence({ ...on(contactId), commandId: `start-${i}` }))
    else orThrow(await engine.signal(signal))
    clock.advance('PT1M')
  }
  await engine.runDue()
  orThrow(await engine.cancelStep({ ...on('cleo'), stepId: 'three' }))
  await day()
  await happenings(engine)
  for (let i = 0; i < 3; i++) await day()
  await engine.close()
  await store.close()
}

async function happenings(engine: Engine): Promise<void> {
  orThrow(await engine.signal({ contactId: 'ann', kind: 'purchased', signalId: 'order-1' }))
  orThrow(await engine.signal({ contactId: 'cleo', kind: 'purchased', signalId: 'order-2' }))
  orThrow(await engine.stopSequence({ ...on('dan'), reason: 'asked to \u202e be left\nalone' }))
  orThrow(await engine.resendStep({ ...on('dan'), stepId: 'one' }))
  orThrow(await engine.restartSequence(on('__proto__')))
  orThrow(await engine.pauseSequence(on('constructor')))
  orThrow(await engine.suppress({ contactId: 'a/b', actor: 'olga' }))
  orThrow(await engine.erase({ contactId: '😀', actor: 'olga' }))
}

function on(contactId: ContactId) {
  return { contactId, campaignId: pool.id, sequenceId: 'nurture', actor: 'olga' }
}
