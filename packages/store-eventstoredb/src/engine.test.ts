/**
 * The engine over this log, with its read model next to it: what it promises elsewhere. That a read model may be in
 * PostgreSQL too is shown by the projection's tests in the gate; `pnpm soak` does all of this there as well.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ContactEvent,
  campaign,
  type Either,
  orThrow,
  type Position,
  type Rejection,
  type Store,
} from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { type FakeServer, startFakeServer } from '@enfold/test-servers/eventstoredb'
import { givenSchemas, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { soaking } from '@enfold/testkit/runs'
import { EventStoreDBClient } from '@eventstore/db-client'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createEventStoreDbStore } from './index.ts'

const postgres = soaking ? givenServer() : null
const newSchema = postgres === null ? null : givenSchemas(postgres)
let server: FakeServer
let folder: string
beforeAll(async () => {
  server = await startFakeServer({ shuffle: 1 })
  folder = mkdtempSync(join(tmpdir(), 'enfold-eventstoredb-'))
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const steps = (...ids: readonly string[]) =>
  ids.map((id, i) => ({ id, kind: 'email', ...(i === 0 ? {} : { timer: { after: 'P1D' } }) }))
const pool = campaign({
  id: 'pool',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] }],
  sequences: [
    { id: 'nurture', steps: steps('one', 'two'), next: ['bought'] },
    { id: 'onboarding', steps: steps('hello') },
  ],
})
const nurture = { campaignId: 'pool', sequenceId: 'nurture' }
const onAnn = { contactId: 'ann', ...nurture, actor: 'olga' }

const readModels: { readonly [name: string]: () => Store } = {
  ...(postgres === null || newSchema === null
    ? {}
    : {
        PostgreSQL: () =>
          createPostgresStore({ connectionString: postgres.url, schema: newSchema(), maxConnections: 4 }),
      }),
  sqlite: () => createSqliteStore({ path: join(folder, `${randomUUID()}.db`), synchronous: 'NORMAL' }),
}

/** A read model, and engines over it and over streams of its own, each with a client and a store as a process has them. */
async function given(makeReadModel: () => Store) {
  const readModel = makeReadModel()
  endings.push(() => readModel.close())
  const prefix = `t${randomUUID()}-`
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const mailed: string[] = []
  const begunAfter: Position[] = []
  const begin = (more: Partial<EngineOptions> = {}) => {
    const client = EventStoreDBClient.connectionString(server.url)
    const log = createEventStoreDbStore({ client, prefix, callTimeoutMs: 1000 })
    const engine = createEngine({
      store: {
        ...log,
        subscribe(after, ...rest) {
          begunAfter.push(after)
          return log.subscribe(after, ...rest)
        },
      },
      readModel,
      clock,
      handlers: {
        email({ contactId, step }) {
          mailed.push(`${contactId} ${step.id}`)
          return { outcome: 'sent' }
        },
      },
      ...more,
    })
    const end = async () => {
      await engine.close()
      await log.close()
      await client.dispose()
    }
    endings.push(end)
    return Object.assign(engine, { end })
  }
  const engine = begin()
  await answerOf(engine.publish(pool))
  return { engine, begin, readModel, clock, mailed, begunAfter }
}

async function answerOf<Answer>(given: Promise<Either<Rejection, Answer>>): Promise<Answer> {
  return orThrow(await given)
}

const typesOf = async (engine: Engine, contactId = 'ann') =>
  (await engine.inspect.history(contactId)).map(({ type }: ContactEvent) => type)

const expectWholeIndex = async (engine: Engine, contacts: number) =>
  expect(await engine.verifyIndex()).toEqual({ contacts, differences: [], counters: [], states: [] })

/** Feeds until the test is over. */
function feeding(engine: Engine): void {
  const end = new AbortController()
  const ended = engine.project({ signal: end.signal })
  endings.push(async () => {
    end.abort()
    await ended
  })
}

describe.each(Object.entries(readModels))('given EventStoreDB with a read model in %s', (_, makeReadModel) => {
  it('START-1, STEP-4: a sequence is started, its steps are sent when they are due, and the index shows where it stands', async () => {
    const { engine, clock, mailed } = await given(makeReadModel)
    feeding(engine)
    const { position } = await answerOf(engine.startSequence(onAnn))
    await engine.waitFor(position, { timeoutMs: 30_000 })
    expect(await engine.inspect.sequencesOf('ann')).toEqual([{ ...nurture, status: 'active' }])
    expect(await engine.runDue()).toMatchObject({ sent: 1, wakeAt: '2026-03-03T09:00:00.000Z' })
    clock.advance('P1D')
    expect(await engine.runDue()).toMatchObject({ sent: 1, completed: 1, wakeAt: null })
    expect(mailed).toEqual(['ann one', 'ann two'])
    expect(await engine.inspect.sequencesOf('ann')).toEqual([{ ...nurture, status: 'waiting' }])
    await expectWholeIndex(engine, 1)
  })

  it('STOP-6: a stop that another process has acknowledged lets no step go, though the agenda still shows it', async () => {
    const { engine, begin, clock, mailed, readModel } = await given(makeReadModel)
    await answerOf(engine.startSequence(onAnn))
    await engine.runDue()
    clock.advance('P1D')
    await answerOf(begin().stopSequence(onAnn))
    expect(await readModel.nextWake()).toBe('2026-03-03T09:00:00.000Z')
    // Without feeding: it works by the agenda as it is.
    const end = new AbortController()
    const running = engine.run({ signal: end.signal, project: false })
    await expect.poll(() => readModel.nextWake()).toBe(null)
    end.abort()
    await running
    expect(mailed).toEqual(['ann one'])
    expect(await typesOf(engine)).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent', 'SequenceStopped'])
    await engine.runDue()
    await expectWholeIndex(engine, 1)
  })

  it('ONCE-1: a command id given again, here or in another process, has one effect and the same answer', async () => {
    const { engine, begin } = await given(makeReadModel)
    const first = await answerOf(engine.startSequence({ ...onAnn, commandId: 'k1' }))
    await answerOf(engine.stopSequence(onAnn))
    expect(await answerOf(engine.startSequence({ ...onAnn, commandId: 'k1' }))).toEqual(first)
    expect(await answerOf(begin().startSequence({ ...onAnn, commandId: 'k1' }))).toEqual(first)
    expect(await typesOf(engine)).toEqual(['SequenceStarted', 'SequenceStopped'])
  })

  it('ONCE-1: an answer that was lost on the way is given when the command is given again', async () => {
    const { engine } = await given(makeReadModel)
    for (const fault of ['lost-answer', 'no-answer'] as const) {
      const order = { ...onAnn, contactId: fault, commandId: `k ${fault}` }
      server.inject('append', fault)
      const first = await answerOf(engine.startSequence(order))
      expect(first).toMatchObject({ outcome: 'started', run: 1 })
      expect(await answerOf(engine.startSequence(order))).toEqual(first)
      expect(await typesOf(engine, fault)).toEqual(['SequenceStarted'])
    }
  })

  it('GOAL-12: goals race with the worker on every contact, and nothing of nurture is sent after its goal', async () => {
    const { engine, begin, clock } = await given(makeReadModel)
    const contacts = Array.from({ length: 30 }, (_, i) => `c${i}`)
    await Promise.all(contacts.map((contactId) => answerOf(engine.startSequence({ ...onAnn, contactId }))))
    await engine.runDue()
    clock.advance('P1D')
    const other = begin()
    const working = engine.runDue()
    await Promise.all(contacts.map((contactId) => answerOf(other.signal({ contactId, kind: 'purchased' }))))
    await working
    await engine.runDue()
    for (const id of contacts) {
      const history = await engine.inspect.history(id)
      const goal = history.findIndex(({ type }) => type === 'GoalSatisfied')
      const dispatched = history
        .slice(goal)
        .flatMap((event) => (event.type === 'StepDispatched' ? [event.data.sequenceId] : []))
      expect(dispatched).toEqual(['onboarding'])
    }
    await expectWholeIndex(engine, 30)
  })

  it('BULK-1, BULK-2: an action over many contacts appends for each, many at once, and is resumed by another process', async () => {
    const { engine, begin, readModel } = await given(makeReadModel)
    await answerOf(engine.startSequence({ ...onAnn, contactId: 'c3' }))
    const ids = Array.from({ length: 510 }, (_, i) => `c${i}`)
    const order = { actionId: 'fair', action: 'start', ...nurture, contacts: { ids }, actor: 'olga' } as const
    const before = server.calls().append
    // The first process dies after its first batch of results.
    const dying: Store = {
      ...readModel,
      saveAction(record, change) {
        if (record.processed > 0) throw new Error('The process died.')
        return readModel.saveAction(record, change)
      },
    }
    await expect(begin({ readModel: dying }).processAction(order)).rejects.toThrow('The process died.')
    const done = await answerOf(begin().resumeAction('fair'))
    expect(done).toMatchObject({ state: 'done', processed: 510, outcomes: { started: 509, already_active: 1 } })
    expect(server.calls().append - before).toBeGreaterThanOrEqual(509)
    await engine.runDue()
    expect((await engine.inspect.contactsInSequence({ ...nurture, status: 'active' })).total).toBe(510)
    expect(await typesOf(engine, 'c0')).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent'])
    await expectWholeIndex(engine, 510)
  })

  it('ONCE-3: a restarted engine follows the log from the checkpoint, not from its beginning', async () => {
    const { engine, begin, readModel, clock, mailed, begunAfter } = await given(makeReadModel)
    const feed = engine.project({ signal: new AbortController().signal })
    await answerOf(engine.startSequence(onAnn))
    const { position } = await answerOf(engine.startSequence({ ...onAnn, contactId: 'bob' }))
    await engine.waitFor(position, { timeoutMs: 30_000 })
    await engine.end()
    await feed
    const missed = begin()
    const last = await answerOf(missed.startSequence({ ...onAnn, contactId: 'cid' }))
    expect(await readModel.checkpoint()).toBe(position)

    const next = begin()
    const ending = new AbortController()
    const running = next.run({ signal: ending.signal })
    await next.waitFor(last.position, { timeoutMs: 30_000 })
    expect(begunAfter).toEqual([0, position])
    await expect.poll(() => mailed.length).toBe(3)
    // The wait for the next step begins when the mail is recorded, so the clock must not jump before that.
    for (const id of ['ann', 'bob', 'cid']) await expect.poll(() => typesOf(next, id)).toContain('StepSent')
    clock.advance('P1D')
    await expect.poll(() => mailed.length).toBe(6)
    ending.abort()
    await running
    expect(mailed.sort()).toEqual(['ann one', 'ann two', 'bob one', 'bob two', 'cid one', 'cid two'])
    await next.runDue()
    await expectWholeIndex(next, 3)
  })
})
