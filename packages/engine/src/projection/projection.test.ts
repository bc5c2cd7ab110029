import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  type Change,
  contactStream,
  EnfoldFault,
  eventIdOf,
  type EnfoldFault as Fault,
  type NewEvent,
  type Position,
  type ReadModel,
  type RecordedEvent,
  type Store,
  tagOf,
} from '@enfold/core'
import { buildReadModel, createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenSchemas, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock, HOSTILE_IDS } from '@enfold/testkit'
import { soaking } from '@enfold/testkit/runs'
import { describe, expect, it } from 'vitest'
import {
  answerOf,
  createGate,
  createRecorder,
  MONDAY,
  onAnn,
  pool,
  randomFrom,
  temporaryDirectory,
  until,
} from '../engine.fixture.ts'
import type { EngineEvent } from '../engine-events.ts'
import { headOf, logOnly, readModelOnly, withMishaps } from '../log.fixture.ts'
import { closingAfterEach } from '../store.fixture.ts'

const directory = temporaryDirectory()
let files = 0
const sqlite = (path = join(directory, `${++files}.db`)) => createSqliteStore({ path, synchronous: 'NORMAL' })

const server = givenServer()
const newSchema = givenSchemas(server)
const readModels: { readonly [name: string]: () => Store } = {
  memory: createMemoryStore,
  sqlite: () => sqlite(),
  PostgreSQL: () => createPostgresStore({ connectionString: server.url, schema: newSchema(), maxConnections: 4 }),
}

const closing = closingAfterEach()

const clock = createSimulatedClock(MONDAY)
const nurture = { campaignId: 'pool', sequenceId: 'nurture' }
const active = tagOf('pool', 'nurture')
const inNurture = async (readModel: ReadModel) =>
  [...(await readModel.members(active, { after: null, limit: 10_000 })).contacts].sort()

type Log = ReturnType<typeof logOnly>

interface Given {
  readonly log: Log
  readonly readModel: Store
  readonly told: EngineEvent[]
  readonly mailed: string[]
  engine(more?: Partial<EngineOptions>): Engine
}

/** A log in memory with a published campaign; engines are made over it, and over a separate read model. */
async function given(makeReadModel: () => Store = createMemoryStore): Promise<Given> {
  const log = closing(logOnly(createMemoryStore()))
  const readModel = closing(makeReadModel())
  const told: EngineEvent[] = []
  const mailed: string[] = []
  const engine = (more: Partial<EngineOptions> = {}) =>
    closing(
      createEngine({
        store: log,
        readModel: readModelOnly(readModel),
        clock,
        random: () => 0,
        observe: (event) => told.push(event),
        handlers: {
          email({ contactId, step }) {
            mailed.push(`${contactId} ${step.id}`)
            return { outcome: 'sent' }
          },
        },
        ...more,
      }),
    )
  await answerOf(engine().publish(pool))
  return { log, readModel, told, mailed, engine }
}

const start = (engine: Engine, contactId: string) => answerOf(engine.startSequence({ ...onAnn('nurture'), contactId }))

/** Feeds until the test is over, or `stop` is called; `ended` is how it ended. */
function feeding(engine: Engine) {
  const end = new AbortController()
  const ended = engine.project({ signal: end.signal })
  ended.catch(() => {})
  return {
    ended,
    async stop() {
      end.abort()
      await ended
    },
  }
}

/** An event as some other program might write it. */
function startedBy(commandId: string, contactId: string, campaignId = 'pool', run = 1): NewEvent {
  return {
    type: 'SequenceStarted',
    id: eventIdOf(contactStream(contactId), commandId, 0),
    schema: 1,
    at: MONDAY,
    commandId,
    correlationId: commandId,
    causationId: commandId,
    actor: null,
    cause: { by: 'operator' },
    data: { campaignId, sequenceId: 'nurture', run, campaignVersion: 1 },
  }
}

const gone = () => new EnfoldFault('STORE_UNAVAILABLE', 'The read model is gone. Try again.')

/** The read model, where each batch may fail before or after its commit. */
function withFaults(readModel: ReadModel, fault: (changes: readonly Change[]) => 'before' | 'after' | null): ReadModel {
  return {
    ...readModel,
    async apply(changes, checkpoint, counted) {
      const when = fault(changes)
      if (when === 'before') throw gone()
      const applied = await readModel.apply(changes, checkpoint, counted)
      if (when === 'after') throw gone()
      return applied
    },
  }
}

describe.each(Object.entries(readModels))('given a log with a separate read model, in %s', (_, makeReadModel) => {
  it('INDEX-1: the read model shows what is recorded, as soon as one waits for it', async () => {
    const { engine: make, readModel } = await given(makeReadModel)
    const engine = make()
    feeding(engine)
    const { position } = await start(engine, 'ann')
    await engine.waitFor(position, { timeoutMs: 30_000 })
    expect(await engine.inspect.contactsInSequence(nurture)).toMatchObject({ contacts: ['ann'], total: 1 })
    expect(await readModel.checkpoint()).toBe(position)
    expect(await engine.verifyIndex()).toEqual({ contacts: 1, differences: [], counters: [], states: [] })
  })

  it('INDEX-1: what was recorded before anybody fed it is caught up with, and what comes after is followed', async () => {
    const { engine: make, readModel } = await given(makeReadModel)
    const engine = make()
    const contacts = Array.from({ length: 1200 }, (_, i) => `c${String(i).padStart(4, '0')}`)
    for (const contactId of contacts) await start(engine, contactId)
    feeding(engine)
    const { position } = await start(engine, 'zed')
    await engine.waitFor(position, { timeoutMs: 30_000 })
    expect(await inNurture(readModel)).toEqual([...contacts, 'zed'])
    expect((await answerOf(engine.stopSequence({ ...onAnn('nurture'), contactId: 'zed' }))).outcome).toBe('stopped')
    await until(async () => (await readModel.count(active)) === 1200)
  })

  it('ONCE-3: another engine goes on where the last one ended', async () => {
    const { engine: make, readModel, log } = await given(makeReadModel)
    const first = make()
    const feed = feeding(first)
    await first.waitFor((await start(first, 'ann')).position, { timeoutMs: 30_000 })
    await feed.stop()
    await start(first, 'bob')
    await first.close()
    const next = make()
    expect(await inNurture(readModel)).toEqual(['ann'])
    feeding(next)
    await next.waitFor(await headOf(log), { timeoutMs: 30_000 })
    expect(await inNurture(readModel)).toEqual(['ann', 'bob'])
  })

  it('LOG-6: contacts with hostile ids are projected like others', async () => {
    const { engine: make, readModel, log } = await given(makeReadModel)
    const engine = make()
    feeding(engine)
    for (const contactId of HOSTILE_IDS) await start(engine, contactId)
    await engine.waitFor(await headOf(log), { timeoutMs: 30_000 })
    expect(await inNurture(readModel)).toEqual([...HOSTILE_IDS].sort())
  })

  it('INDEX-3: rebuildIndex corrects rows that are older than the log, and rows that are newer', async () => {
    const { engine: make, readModel, log } = await given(makeReadModel)
    const engine = make()
    feeding(engine)
    for (const contactId of ['ann', 'bob']) await start(engine, contactId)
    await engine.waitFor(await headOf(log), { timeoutMs: 30_000 })
    const remove = [{ change: 'remove', contactId: 'ann', tag: active }] as const
    await readModel.apply([{ contactId: 'ann', version: 9, derived: { tags: remove, wakeAt: null } }], 0)
    expect((await engine.verifyIndex()).differences).toMatchObject([
      { contactId: 'ann', expected: [active], found: [] },
    ])
    expect(await engine.rebuildIndex()).toEqual({ contacts: 2 })
    expect((await engine.verifyIndex()).differences).toEqual([])
    expect(await engine.runDue()).toMatchObject({ sent: 2 })
  })

  it('INDEX-3: a fresh read model is filled next to the live one, up to a position or to the head, and takes its place', async () => {
    const { engine: make, log, mailed } = await given(makeReadModel)
    const live = make()
    const feed = feeding(live)
    const { position } = await start(live, 'ann')
    for (const contactId of ['bob', 'cid']) await start(live, contactId)
    const fresh = closing(makeReadModel())
    expect(await buildReadModel({ store: log, readModel: fresh, until: position })).toEqual({ position })
    expect(await inNurture(fresh)).toEqual(['ann'])
    expect(await buildReadModel({ store: log, readModel: fresh })).toEqual({ position: await headOf(log) })
    expect(await inNurture(fresh)).toEqual(['ann', 'bob', 'cid'])
    await start(live, 'dan')
    await feed.stop()
    const next = make({ readModel: readModelOnly(fresh) })
    expect(await next.runDue()).toMatchObject({ sent: 4 })
    expect(mailed.sort()).toEqual(['ann one', 'bob one', 'cid one', 'dan one'])
    expect((await next.verifyIndex()).differences).toEqual([])
  })

  it.each([1, 2, 3])(
    'ONCE-3: drops, redeliveries and crashes before and after a commit leave each event in the read model once (seed %i)',
    async (seed) => {
      const world = await given(makeReadModel)
      const { engine, checkpoints } = await chaos(world, seed, 2, withFaults)
      const head = await headOf(world.log)
      await engine.waitFor(head, { timeoutMs: 60_000 })
      expect(checkpoints).toEqual([...checkpoints].sort((a, b) => a - b))
      expect(await world.readModel.checkpoint()).toBe(head)
      expect((await engine.verifyIndex()).differences).toEqual([])
      await expectAgendaOf(engine, world.readModel)
    },
  )

  it('ONCE-3: the same chaos finds a read model that writes its checkpoint before its rows', async () => {
    const world = await given(makeReadModel)
    const { engine } = await chaos(world, 1, 1, (readModel, fault) => ({
      ...readModel,
      async apply(changes, checkpoint) {
        await readModel.apply([], checkpoint)
        // It crashes there each time: whether a later event heals the contact must not be left to chance.
        fault(changes)
        throw gone()
      },
    }))
    await engine.waitFor(await headOf(world.log), { timeoutMs: 60_000 })
    expect((await engine.verifyIndex()).differences).not.toEqual([])
  })

  it('STEP-7: an event that cannot be projected is parked by choice, found again after a restart, and retried', async () => {
    const { log, readModel, engine: make, told, mailed } = await given(makeReadModel)
    const broken = contactStream('ann')
    await log.append(broken, [startedBy('ghost', 'ann', 'ghost')], 'no-stream')
    const [poison] = (await log.readMany([broken])).get(broken) as [RecordedEvent]
    const first = make({ onPoison: 'park' })
    await start(first, 'bob')
    expect(await first.runDue()).toMatchObject({ sent: 1 })
    expect(mailed).toEqual(['bob one'])
    const { id, type, stream, version, position } = poison
    const event = { id, type, stream, version, position }
    expect(told.filter((one) => one.type === 'contact-parked')).toMatchObject([
      { contactId: 'ann', event, error: { code: 'CAMPAIGN_VERSION_MISSING' } },
    ])
    expect(await first.projection.parked()).toEqual({
      contacts: [{ contactId: 'ann', event, reason: expect.stringContaining('ghost') }],
      next: null,
    })
    // Later events wait, and are not tried each time.
    await log.append(broken, [startedBy('later', 'ann')], 1)
    await first.runDue()
    expect(told.filter((one) => one.type === 'contact-parked')).toHaveLength(1)
    expect((await first.health()).projection).toMatchObject({ parked: 1, behind: 0, stopped: false })
    await first.close()

    const second = make({ onPoison: 'park' })
    await log.append(broken, [{ ...startedBy('latest', 'ann'), type: 'SequencePaused' } as NewEvent], 2)
    await second.runDue()
    expect(told.filter((one) => one.type === 'contact-parked')).toHaveLength(1)
    expect(await second.projection.parked()).toEqual({
      contacts: [{ contactId: 'ann', event, reason: null }],
      next: null,
    })
    expect(await second.projection.retry('ann')).toMatchObject({ outcome: 'still_parked' })
    expect(await second.projection.retry('bob')).toEqual({ outcome: 'not_parked' })

    await answerOf(second.publish({ ...pool, id: 'ghost' }))
    expect(await second.projection.retry('ann')).toEqual({ outcome: 'projected' })
    expect(await second.projection.parked()).toEqual({ contacts: [], next: null })
    expect((await readModel.tagsOf('ann')).toSorted()).toEqual([tagOf('ghost', 'nurture'), active].sort())
    // From here on its events are projected as ever.
    await answerOf(second.stopSequence({ ...onAnn('nurture'), campaignId: 'ghost' }))
    await second.runDue()
    expect(await readModel.tagsOf('ann')).toEqual([active])
    expect((await second.verifyIndex()).differences).toEqual([])
  })

  it('STEP-7: a parked contact that is discarded leaves the index, until its next event', async () => {
    const { log, readModel, engine: make } = await given(makeReadModel)
    await log.append(contactStream('ann'), [startedBy('ghost', 'ann', 'ghost')], 'no-stream')
    const engine = make({ onPoison: 'park' })
    await engine.runDue()
    // As an operator's own process does it.
    const another = make({ onPoison: 'park' })
    expect(await another.projection.discard('ann')).toEqual({ outcome: 'discarded' })
    expect(await another.projection.discard('ann')).toEqual({ outcome: 'not_parked' })
    expect(await readModel.tagsOf('ann')).toEqual([])
    expect(await engine.runDue()).toMatchObject({ dispatched: 0, wakeAt: null })
    await answerOf(engine.publish({ ...pool, id: 'ghost' }))
    await answerOf(engine.restartSequence({ ...onAnn('nurture'), campaignId: 'ghost' }))
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(await readModel.tagsOf('ann')).toEqual([tagOf('ghost', 'nurture')])
  })

  it('STEP-7: a change that the read model refuses parks its contact alone', async () => {
    const { readModel, engine: make } = await given(makeReadModel)
    let refuses = true
    const fussy: ReadModel = {
      ...readModelOnly(readModel),
      async apply(changes, checkpoint, counted) {
        if (refuses && changes.some(({ contactId, derived }) => contactId === 'ann' && derived.wakeAt !== null))
          throw new TypeError('no such row')
        return readModel.apply(changes, checkpoint, counted)
      },
    }
    const engine = make({ readModel: fussy, onPoison: 'park' })
    for (const contactId of ['ann', 'bob', 'cid']) await start(engine, contactId)
    expect(await engine.runDue()).toMatchObject({ sent: 2 })
    expect((await engine.projection.parked()).contacts).toMatchObject([
      { contactId: 'ann', reason: 'UNEXPECTED: a TypeError was thrown.' },
    ])
    refuses = false
    expect(await engine.projection.retry('ann')).toEqual({ outcome: 'projected' })
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
  })
})

/**
 * Starts, stops and restarts of forty contacts, while projectors follow through a subscription that goes wrong and into
 * a read model that fails; until all that can go wrong has.
 */
async function chaos(
  { log, readModel, engine: make }: Given,
  seed: number,
  projectors: number,
  makeRough: typeof withFaults,
): Promise<{ readonly engine: Engine; readonly checkpoints: readonly Position[] }> {
  const random = randomFrom(seed)
  const happened = { throws: 0, ends: 0, repeats: 0, before: 0, after: 0 }
  const mishap = () => {
    const n = random()
    const what = n < 0.02 ? 'throws' : n < 0.04 ? 'ends' : n < 0.1 ? 'repeats' : 'none'
    if (what !== 'none') happened[what] += 1
    return what
  }
  const fault = () => {
    const n = random()
    const when = n < 0.1 ? 'before' : n < 0.2 ? 'after' : null
    if (when !== null) happened[when] += 1
    return when
  }
  for (let i = 0; i < projectors; i++)
    feeding(make({ store: withMishaps(log, mishap), readModel: makeRough(readModelOnly(readModel), fault) }))
  const engine = make()
  const checkpoints: Position[] = []
  for (let i = 0; i < 400 || Object.values(happened).includes(0); i++) {
    const contactId = `contact ${Math.floor(random() * 40)}`
    const order = { contactId, campaignId: 'pool', sequenceId: random() < 0.7 ? 'nurture' : 'vip', actor: null }
    if (random() < 0.5) await engine.startSequence(order)
    else if (random() < 0.7) await engine.stopSequence(order)
    else await engine.restartSequence(order)
    if (random() < 0.3) await new Promise(setImmediate)
    if (i % 20 === 0) checkpoints.push(await readModel.checkpoint())
  }
  return { engine, checkpoints }
}

/** Each contact's row says the wake that its log says: nothing due is missing, nothing else is there. */
async function expectAgendaOf(engine: Engine, readModel: Store): Promise<void> {
  const agenda = async () => await readModel.agenda('9999-12-31T23:59:59.999Z', 10_000)
  const before = await agenda()
  await engine.rebuildIndex()
  expect(before).toEqual(await agenda())
  expect(before.length).toBeGreaterThan(0)
}

describe('given a log that nobody projects', () => {
  it('INDEX-1: waitFor ends in a fault that says how far the read model is', async () => {
    const { engine: make } = await given()
    const engine = make()
    const { position } = await start(engine, 'ann')
    await expect(engine.waitFor(position, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'PROJECTION_BEHIND',
      details: { position, checkpoint: 0, timeoutMs: 20 },
    })
  })

  it('INDEX-2: health says by how many events, and since when, the index lags', async () => {
    const { engine: make, log } = await given()
    const engine = make()
    await start(engine, 'ann')
    const head = await headOf(log)
    clock.advance('PT1M')
    expect((await engine.health()).projection).toEqual({
      behind: head,
      lagMs: 60_000,
      running: false,
      parked: 0,
      lastFault: null,
      stopped: false,
    })
    await engine.runDue()
    expect((await engine.health()).projection).toMatchObject({ behind: 0, lagMs: 0 })
  })

  it('STEP-7, ONCE-3: a dispatcher with a stale agenda calls each handler once, and comes to rest', async () => {
    const { engine: make, readModel, told, mailed } = await given()
    const engine = make()
    await start(engine, 'ann')
    await engine.runDue()
    await start(engine, 'bob')
    const shown = await readModel.checkpoint()
    clock.advance('P1D')
    // The agenda knows of Ann only, and nobody will tell it more: what she has done is written by the dispatcher itself.
    const end = new AbortController()
    const running = engine.run({ signal: end.signal, project: false })
    await until(() => mailed.includes('ann two'))
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    end.abort()
    await running
    expect(mailed).toEqual(['ann one', 'ann two'])
    expect(told.filter((one) => one.type === 'command-decided' && one.command === 'DispatchDue')).toHaveLength(2)
    expect(await readModel.checkpoint()).toBe(shown)
    expect(await readModel.nextWake()).toBe((await engine.inspect.contact('ann')).enrollments[0]?.next?.dueAt)
    // The wake of Bob is not lost on the way.
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(mailed).toEqual(['ann one', 'ann two', 'bob one'])
  })

  it('STOP-6: a stop that the agenda does not know of holds all the same', async () => {
    const { engine: make, mailed, told } = await given()
    const engine = make()
    await start(engine, 'ann')
    await engine.runDue()
    clock.advance('P1D')
    await answerOf(engine.stopSequence(onAnn('nurture')))
    const end = new AbortController()
    const running = engine.run({ signal: end.signal, project: false })
    await until(
      () => told.filter((one) => one.type === 'command-decided' && one.command === 'DispatchDue').length === 2,
    )
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    end.abort()
    await running
    expect(mailed).toEqual(['ann one'])
    expect(told.filter((one) => one.type === 'command-decided' && one.command === 'DispatchDue')).toHaveLength(2)
  })

  it('STEP-6: a row that is written while a handler works gives its contact to nobody else', async () => {
    const { engine: make, log } = await given()
    const gate = createGate()
    const { calls, handler } = createRecorder(async () => {
      await gate.passed
      return { outcome: 'sent' }
    })
    const engine = make({ handlers: { email: handler } })
    await start(engine, 'ann')
    const due = engine.runDue()
    await until(() => calls.length === 1)
    const other = make({ handlers: { email: handler } })
    expect(await other.runDue()).toMatchObject({ dispatched: 0 })
    await other.waitFor(await headOf(log), { timeoutMs: 30_000 })
    expect(await other.runDue()).toMatchObject({ dispatched: 0 })
    gate.open()
    expect(await due).toMatchObject({ sent: 1 })
    expect(calls).toHaveLength(1)
  })

  it('STEP-6: a lease that runs out while the row is written gives the contact to its worker once, not again and again', async () => {
    const { engine: make, log, readModel, mailed } = await given()
    const [writing, gate] = [createGate(), createGate()]
    let isSent = false
    let claims = 0
    const engine = make({
      store: {
        ...log,
        async appendMany(appends) {
          const results = await log.appendMany(appends)
          isSent ||= appends.some(({ events }) => events.some(({ type }) => type === 'StepSent'))
          return results
        },
      },
      readModel: {
        ...readModelOnly(readModel),
        async apply(...asked) {
          if (isSent) {
            writing.open()
            await gate.passed
          }
          return readModel.apply(...asked)
        },
        claimDue(...asked) {
          claims += 1
          // A loop of claims without end blocks everything else, even the clock of the test.
          if (claims > 100) throw new Error('It claims again and again.')
          return readModel.claimDue(...asked)
        },
      },
    })
    await start(engine, 'ann')
    await start(engine, 'bob')
    const working = engine.runDue()
    await writing.passed
    clock.advance('PT2M')
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    gate.open()
    expect(await working).toMatchObject({ sent: 2 })
    expect(mailed.sort()).toEqual(['ann one', 'bob one'])
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  it('VERSION-3: runs are stopped with their campaign only where the index can say which', async () => {
    const { engine: make } = await given()
    const engine = make()
    await start(engine, 'ann')
    const stopping = engine.unpublish('pool', { actor: 'olga', stopRuns: true, commandId: 'end' })
    await engine.runDue()
    expect(await answerOf(stopping)).toMatchObject({ stopped: 1 })
    expect((await engine.inspect.contact('ann')).enrollments).toMatchObject([{ status: 'stopped' }])
  })
})

describe('given an event that cannot be projected', () => {
  it('STEP-7: by default the projection stops, names it, and run ends with the fault', async () => {
    const { log, engine: make, readModel } = await given()
    await log.append(contactStream('ann'), [startedBy('ghost', 'ann', 'ghost')], 'no-stream')
    const engine = make()
    const fault = (await engine.run({ signal: new AbortController().signal }).catch((error) => error)) as Fault
    expect(fault).toMatchObject({
      code: 'PROJECTION_STOPPED',
      details: { id: startedBy('ghost', 'ann').id, stream: 'contact-ann', version: 1, position: 2 },
      cause: { code: 'CAMPAIGN_VERSION_MISSING' },
    })
    expect(fault.message).toMatch(/SequenceStarted .*version 1 of the stream "contact-ann", at position 2/)
    expect(await readModel.checkpoint()).toBe(0)
    expect(await engine.health()).toMatchObject({ ok: false, projection: { stopped: true, running: false } })
    await expect(engine.runDue()).rejects.toMatchObject({ code: 'PROJECTION_STOPPED' })
    // Once it can be projected, it is.
    await answerOf(engine.publish({ ...pool, id: 'ghost' }))
    feeding(engine)
    await engine.waitFor(await headOf(log), { timeoutMs: 30_000 })
    // What fell due meanwhile is late, and late work is not well either.
    await engine.runDue()
    expect(await engine.health()).toMatchObject({ ok: true, projection: { stopped: false } })
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  it('STEP-7: a directory that fails for one contact holds up nobody, and the contact is looked at again', async () => {
    const { engine: make, mailed } = await given()
    let down = false
    const contacts = {
      get(contactId: string) {
        if (contactId === 'ann' && down) throw new Error('the CRM is down')
        return {}
      },
    }
    const engine = make({ contacts })
    await start(engine, 'ann')
    await start(engine, 'bob')
    down = true
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    down = false
    clock.advance('PT1M')
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(mailed).toEqual(['bob one', 'ann one'])
  })
})

describe('given a subscription that does wrong', () => {
  const recorded = async (log: Log) => {
    const all: RecordedEvent[] = []
    for await (const event of log.readAll()) all.push(event)
    return all
  }

  it('LOG-1: an event left out is a fault that names the next one', async () => {
    const { log, engine: make, readModel } = await given()
    const feeder = make({ store: withMishaps(log, (event) => (event.version === 2 ? 'skips' : 'none')) })
    const { ended } = feeding(feeder)
    await feeder.waitFor((await start(make(), 'ann')).position, { timeoutMs: 30_000 })
    await answerOf(make().stopSequence(onAnn('nurture')))
    await start(make(), 'ann')
    const event = (await recorded(log)).at(-1) as RecordedEvent
    await expect(ended).rejects.toMatchObject({
      code: 'PROJECTION_OUT_OF_ORDER',
      details: { id: event.id, stream: 'contact-ann', version: 3, given: 1 },
    })
    expect(await readModel.checkpoint()).toBeLessThan(event.position)
    // With a subscription that does right it goes on by itself.
    const next = make()
    feeding(next)
    await next.waitFor(event.position, { timeoutMs: 30_000 })
    expect((await next.verifyIndex()).differences).toEqual([])
  })

  it('LOG-1: a version that is given twice, for another event, is a fault that names it', async () => {
    const { log, engine: make } = await given()
    const engine = make()
    const { position } = await start(engine, 'ann')
    const twice: Log = {
      ...log,
      async *subscribe(after, signal, filter) {
        for await (const item of log.subscribe(after, signal, filter)) {
          yield item
          if (item.type !== 'SequenceStarted') continue
          yield { ...item, id: 'another', position: item.position + 1000 }
        }
      },
    }
    const { ended } = feeding(make({ store: twice }))
    await expect(ended).rejects.toMatchObject({
      code: 'PROJECTION_OUT_OF_ORDER',
      details: { id: 'another', stream: 'contact-ann', version: 1, position: position + 1000 },
    })
  })

  it('ONCE-3: what was given already is passed over', async () => {
    const { log, engine: make, readModel } = await given()
    const engine = make({ store: withMishaps(log, () => 'repeats') })
    feeding(engine)
    await start(engine, 'ann')
    await answerOf(engine.stopSequence(onAnn('nurture')))
    await engine.waitFor((await start(engine, 'ann')).position, { timeoutMs: 30_000 })
    expect(await inNurture(readModel)).toEqual(['ann'])
  })
})

describe('given stores that go away', () => {
  it.each(['before', 'after'] as const)(
    'ONCE-3: a batch that fails %s its commit is done once, when the read model is back',
    async (when) => {
      const { engine: make, readModel, told } = await given()
      let down = true
      const engine = make({
        readModel: withFaults(readModelOnly(readModel), () => (down ? when : null)),
      })
      feeding(engine)
      const { position } = await start(engine, 'ann')
      await until(() => told.some((one) => one.type === 'projection-failed'))
      expect((await engine.health()).projection?.lastFault?.message).toContain('The read model is gone')
      down = false
      await engine.waitFor(position, { timeoutMs: 30_000 })
      expect(await inNurture(readModel)).toEqual(['ann'])
      expect((await engine.verifyIndex()).differences).toEqual([])
    },
  )

  it('ONCE-3: with log and read model gone at once, run goes on when both are back', async () => {
    const { log, engine: make, readModel, mailed, told } = await given()
    let down = false
    const away = <Method extends (...given: never[]) => unknown>(method: Method) =>
      ((...all: never[]) => {
        if (down) throw gone()
        return method(...all)
      }) as unknown as Method
    const store: Log = {
      ...withMishaps(log, () => (down ? 'throws' : 'none')),
      readMany: away(log.readMany),
      readAll: away(log.readAll),
      appendMany: away(log.appendMany),
    }
    const model = readModelOnly(readModel)
    const flaky = Object.fromEntries(
      Object.entries(model).map(([name, method]) => [
        name,
        async (...all: never[]) => (away(method as never) as (...given: never[]) => unknown)(...all),
      ]),
    ) as unknown as ReadModel
    const engine = make({ store, readModel: flaky })
    const end = new AbortController()
    const running = engine.run({ signal: end.signal })
    const other = make()
    await start(other, 'ann')
    await until(() => mailed.length === 1)
    down = true
    await start(other, 'bob')
    await until(() => told.some((one) => one.type === 'projection-failed'))
    down = false
    await until(() => mailed.length === 2)
    end.abort()
    await running
    expect(mailed).toEqual(['ann one', 'bob one'])
    await other.runDue()
    expect((await other.verifyIndex()).differences).toEqual([])
  })

  it('ONCE-3: a process killed with -9 while it projects, again and again, leaves each event in the read model once', async () => {
    const logPath = join(directory, 'killed-log.db')
    const modelPath = join(directory, 'killed-model.db')
    const log = closing(sqlite(logPath))
    const writer = closing(createEngine({ store: log, clock, handlers: {} }))
    await answerOf(writer.publish(pool))
    const random = randomFrom(9)
    for (let i = 0; i < (soaking ? 3000 : 1200); i++) {
      const contactId = `contact ${Math.floor(random() * 300)}`
      if (random() < 0.5) await writer.startSequence({ ...onAnn('nurture'), contactId })
      else await writer.stopSequence({ ...onAnn('nurture'), contactId })
    }
    const head = await headOf(log)
    const readModel = closing(sqlite(modelPath))
    let kills = 0
    for (; (await readModel.checkpoint()) < head; kills++)
      await killWhileProjecting(logPath, modelPath, kills % 2 === 0 ? 'applies' : 'applied')
    expect(kills).toBeGreaterThanOrEqual(Math.floor(head / 500))
    const auditor = closing(
      createEngine({ store: logOnly(log), readModel: readModelOnly(readModel), clock, handlers: {} }),
    )
    expect(await readModel.checkpoint()).toBe(head)
    expect((await auditor.verifyIndex()).differences).toEqual([])
    await expectAgendaOf(auditor, readModel)
  })
})

/** A process that projects, killed with its first batch on the way, or between that and the next. */
async function killWhileProjecting(logPath: string, modelPath: string, when: 'applies' | 'applied'): Promise<void> {
  const program = `
    import { buildReadModel } from '@enfold/engine'
    import { createSqliteStore } from '@enfold/store-sqlite'
    import { writeSync } from 'node:fs'
    const log = createSqliteStore({ path: ${JSON.stringify(logPath)} })
    const readModel = createSqliteStore({ path: ${JSON.stringify(modelPath)}, synchronous: 'NORMAL' })
    const told = { ...readModel, async apply(...batch) {
      writeSync(1, 'applies\\n')
      await readModel.apply(...batch)
      writeSync(1, 'applied\\n')
      await new Promise((never) => setTimeout(never, 60_000))
    } }
    await buildReadModel({ store: log, readModel: told })`
  const child = spawn(
    process.execPath,
    ['--experimental-strip-types', '--no-warnings', '--input-type=module', '-e', program],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'close')
  for await (const line of createInterface(child.stdout)) if (line === when) child.kill('SIGKILL')
  await ended
  expect(child.signalCode).toBe('SIGKILL')
}

describe('given several who project at once', () => {
  it('INDEX-1: the slower one takes nothing back', async () => {
    const { log, engine: make, readModel } = await given()
    const held = createGate()
    const slow = make({
      readModel: {
        ...readModelOnly(readModel),
        async apply(changes, checkpoint, counted) {
          await held.passed
          return readModel.apply(changes, checkpoint, counted)
        },
      },
    })
    const engine = make()
    await start(engine, 'ann')
    const late = slow.runDue()
    await new Promise(setImmediate)
    await answerOf(engine.stopSequence(onAnn('nurture')))
    await engine.runDue()
    const head = await headOf(log)
    expect(await readModel.checkpoint()).toBe(head)
    held.open()
    await late
    expect(await readModel.checkpoint()).toBe(head)
    expect(await inNurture(readModel)).toEqual([])
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  it('INDEX-1: a second projector in one engine waits, and takes over when the first ends', async () => {
    const { engine: make } = await given()
    const engine = make()
    const first = feeding(engine)
    const second = feeding(engine)
    await engine.waitFor((await start(engine, 'ann')).position, { timeoutMs: 30_000 })
    await first.stop()
    await engine.waitFor((await start(engine, 'bob')).position, { timeoutMs: 30_000 })
    await second.stop()
    expect((await engine.health()).projection?.running).toBe(false)
  })
})

describe('given a store that projects in the append', () => {
  it('INDEX-1: a store that projects in the append has nothing to wait for, to feed, or to park', async () => {
    const engine = closing(createEngine({ store: createMemoryStore(), clock, handlers: {} }))
    await engine.waitFor(1_000_000)
    const feed = feeding(engine)
    await feed.stop()
    expect((await engine.health()).projection).toBeNull()
    expect(await engine.projection.parked()).toEqual({ contacts: [], next: null })
    expect(await engine.projection.retry('ann')).toEqual({ outcome: 'not_parked' })
    expect(await engine.projection.discard('ann')).toEqual({ outcome: 'not_parked' })
  })

  it.each([
    ['onPoison', { store: createMemoryStore(), onPoison: 'park' }],
    ['onPoison', { store: logOnly(createMemoryStore()), readModel: createMemoryStore(), onPoison: 'skip' }],
    ['readModel', { store: logOnly(createMemoryStore()), readModel: {} }],
    ['readModel', { store: logOnly(createMemoryStore()) }],
  ])('a store that projects in the append refuses options that cannot be: %s', (name, options) => {
    expect(() => createEngine({ ...options, handlers: {} } as never)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ path: `createEngine.${name}` }) }),
    )
  })
})
