import { EnfoldFault, type StepHandler, type StepOutcome, type Store } from '@enfold/core'
import { createEngine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it, onTestFinished, vi } from 'vitest'
import { answerOf, createGate, createRecorder, eventsOf, MONDAY, onAnn, until } from './engine.fixture.ts'
import { plainName } from './error-names.ts'
import { closingAfterEach } from './store.fixture.ts'

const MARKER = 'ann@example.org +49 170 1234567'
const sent: StepOutcome = { outcome: 'sent' }
const closing = closingAfterEach()

async function given(handler: StepHandler, options: Partial<EngineOptions> = {}, store: Store = createMemoryStore()) {
  const lines: string[] = []
  const clock = createSimulatedClock(MONDAY)
  const log = (line: string) => lines.push(line)
  const engine = createEngine({ store, clock, random: () => 1, handlers: { email: handler }, log, ...options })
  closing(engine)
  const steps = [{ id: 'one', kind: 'email', maxAttempts: 50 }]
  await answerOf(
    engine.publish({
      id: 'pool',
      goals: [],
      sequences: [
        { id: 'nurture', steps },
        { id: 'texts', steps: [{ id: 'text', kind: 'sms' }] },
      ],
    }),
  )
  return { engine, clock, lines, store }
}

it('a handler that always throws makes one line, names no value, and health is not ok', async () => {
  const { engine, clock, lines } = await given(() => {
    throw Object.assign(new Error(`to ${MARKER}`), { name: 'SmtpError', code: 'EAUTH' })
  })
  await answerOf(engine.startSequence(onAnn('nurture')))
  for (let i = 0; i < 9; i++) {
    await engine.runDue()
    clock.advance('PT2H')
  }
  expect(await engine.health()).toMatchObject({ failingKinds: [] })
  await engine.runDue()
  expect(lines).toEqual(['enfold: the handler of "email" threw SmtpError EAUTH'])
  expect(await engine.health()).toMatchObject({
    ok: false,
    failingKinds: [{ kind: 'email', failures: 10, since: MONDAY }],
  })
})

it('without a log of the host it is on stderr: each cause at once, then at most once a minute, with its count', async () => {
  // A whole number: a fraction of a millisecond would be lost when much is added.
  let nowMs = Math.ceil(performance.now())
  const time = vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => {
    time.mockRestore()
    written.mockRestore()
  })
  const lines = () => written.mock.calls.map(([text]) => text)
  let code = 'EAUTH'
  const { engine, clock } = await given(
    () => {
      throw Object.assign(new Error(MARKER), { name: 'SmtpError', code })
    },
    { log: undefined } as never,
  )
  const fail = async (times: number) => {
    for (let i = 0; i < times; i++) {
      clock.advance('PT2H')
      await engine.runDue()
    }
  }
  await answerOf(engine.startSequence(onAnn('nurture')))
  await fail(3)
  nowMs += 59_999
  await fail(1)
  expect(lines()).toEqual(['enfold: the handler of "email" threw SmtpError EAUTH\n'])
  code = 'ETLS'
  await fail(1)
  code = 'EAUTH'
  nowMs += 1
  await fail(1)
  expect(lines().slice(1)).toEqual([
    'enfold: the handler of "email" threw SmtpError ETLS\n',
    'enfold: the handler of "email" threw SmtpError EAUTH (4 times)\n',
  ])
})

it('what a handler threw is recorded in a shape that can hold no address', async () => {
  const odd = [
    Object.assign(new Error(MARKER), { name: 'ann@example.org', code: '+491701234567' }),
    Object.assign(new Error(MARKER), { name: 'ann.example.org', code: 'E 1' }),
    Object.assign(new Error(MARKER), { name: '491701234567', code: 'P2010' }),
    MARKER,
  ]
  const { engine, clock } = await given(() => {
    throw odd.shift()
  })
  await answerOf(engine.startSequence(onAnn('nurture')))
  for (let i = 0; i < 4; i++) {
    await engine.runDue()
    clock.advance('PT2H')
  }
  expect((await eventsOf(engine, 'StepFailed')).map(({ data }) => data.reason)).toEqual([
    'handler-threw Error',
    'handler-threw Error',
    'handler-threw Error P2010',
    'handler-threw string',
  ])
  for (const name of ['ECONNREFUSED', '23505', 'ERR_HTTP-2', 'TypeError']) expect(plainName(name)).toBe(name)
  for (const name of ['a@b', 'a.b', '0170 123', '0170123', '+49', '', 'x'.repeat(65), 7])
    expect(plainName(name)).toBeNull()
})

it.each([
  [undefined, 'nothing'],
  [true, 'boolean'],
  [{ outcome: 'ok' }, 'another object'],
])('a handler that returns %j is told to return { outcome: "sent" }', async (answer, what) => {
  const errors: unknown[] = []
  const { engine, lines } = await given(() => answer as unknown as StepOutcome, {
    observe: (event) => event.type === 'step-answered' && errors.push(event.error),
  })
  await answerOf(engine.startSequence(onAnn('nurture')))
  expect(await engine.runDue()).toMatchObject({ failed: 1 })
  expect(lines).toEqual([expect.stringContaining('return { outcome: "sent" }')])
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('{ outcome: "sent" }') })])
  expect(await eventsOf(engine, 'StepFailed')).toMatchObject([{ data: { reason: `handler-answered ${what}` } }])
})

it('KIND-1: a kind that nobody handles makes one line, and health names it with count and instant', async () => {
  const { engine, clock, lines } = await given(() => sent)
  for (const contactId of ['ann', 'bob']) await answerOf(engine.startSequence({ ...onAnn('texts'), contactId }))
  expect(await engine.health()).toMatchObject({ ok: true, waitingKinds: [{ kind: 'sms', contacts: 2, since: MONDAY }] })
  for (let i = 0; i < 3; i++) await engine.runDue()
  expect(lines).toEqual([`enfold: no handler here for the kind "sms": 2 contacts wait for it since ${MONDAY}`])
  clock.advance('PT6M')
  expect(await engine.health()).toMatchObject({ ok: false, dueLagMs: 360_000 })
})

it('a dead database makes one line without its message, and health says so', async () => {
  const inner = createMemoryStore()
  let ill = false
  const gone = () => Promise.reject(new EnfoldFault('STORE_UNAVAILABLE', `postgres://ann:secret@host ${MARKER}`))
  const store: Store = {
    ...inner,
    claimDue: (...asked) => (ill ? gone() : inner.claimDue(...asked)),
    agenda: (...asked) => (ill ? gone() : inner.agenda(...asked)),
  }
  const { engine, lines } = await given(() => sent, {}, store)
  ill = true
  const stop = new AbortController()
  const run = engine.run({ signal: stop.signal })
  await until(() => lines.length > 0)
  stop.abort()
  await run
  expect(lines).toEqual([expect.stringMatching(/^enfold: the dispatcher met a fault .* STORE_UNAVAILABLE$/)])
  expect(await engine.health()).toMatchObject({ ok: false, storeFault: expect.stringContaining('STORE_UNAVAILABLE') })
})

it('a directory that fails makes one line, without the text of its error', async () => {
  const contacts = { get: () => Promise.reject(Object.assign(new Error(MARKER), { name: MARKER })) }
  let isDown = false
  const directory = { get: () => (isDown ? contacts.get() : {}) }
  const { engine, clock, lines } = await given(() => sent, { contacts: directory })
  for (const contactId of ['ann', 'bob']) await answerOf(engine.startSequence({ ...onAnn('nurture'), contactId }))
  isDown = true
  for (let i = 0; i < 3; i++) {
    await engine.runDue()
    clock.advance('PT2M')
  }
  expect(lines).toEqual(['enfold: the work on a contact failed: EnfoldFault DIRECTORY_FAILED'])
  const { dispatcher } = await engine.health()
  expect(dispatcher.lastFault).toMatchObject({ code: 'DIRECTORY_FAILED' })
  expect(JSON.stringify(dispatcher)).not.toContain('example')
})

it('late due work is not ok, though a worker holds the contact', async () => {
  const { engine, clock, store } = await given(() => sent, { lateAfterMs: 60_000 })
  await answerOf(engine.startSequence(onAnn('nurture')))
  await store.claimDue(MONDAY, 'one that stands still', 1, 3_600_000)
  clock.advance('PT2M')
  expect(await engine.health()).toMatchObject({ ok: false, dueLagMs: 120_000 })
})

it('runDue ends when its signal aborts or its time is over, and leaves the rest due', async () => {
  const gate = createGate()
  const { calls, handler } = createRecorder(() => gate.passed.then(() => sent))
  const { engine } = await given(handler, { dispatch: { concurrency: 1 } })
  for (const contactId of ['ann', 'bob']) await answerOf(engine.startSequence({ ...onAnn('nurture'), contactId }))
  const stop = new AbortController()
  const first = engine.runDue({ signal: stop.signal })
  await until(() => calls.length === 1)
  stop.abort()
  gate.open()
  expect(await first).toMatchObject({ sent: 1, wakeAt: MONDAY })
  expect(await engine.runDue({ signal: AbortSignal.abort() })).toMatchObject({ sent: 0 })
  const slow = createGate()
  const other = await given(() => slow.passed.then(() => sent), { dispatch: { shutdownMs: 10 } })
  await answerOf(other.engine.startSequence(onAnn('nurture')))
  // The handler never ends by itself: its time, and that of the shutdown, are over first.
  expect(await other.engine.runDue({ timeoutMs: 1 })).toMatchObject({ sent: 0 })
})

it('two engines with one workerId do not give back each other’s claims', async () => {
  const inner = createMemoryStore()
  const workers: string[] = []
  const store: Store = {
    ...inner,
    claimDue(now, worker, ...more) {
      workers.push(worker)
      return inner.claimDue(now, worker, ...more)
    },
  }
  for (let i = 0; i < 2; i++) await (await given(() => sent, { workerId: 'worker 1' }, store)).engine.runDue()
  expect(new Set(workers).size).toBe(2)
  for (const worker of workers) expect(worker).toMatch(/^worker 1 /)
})
