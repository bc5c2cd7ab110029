/**
 * Two engines over a server that is killed and loses answers (a fake one, or yours), a read model next to it, and processes that begin again:
 * orders are given, the campaign is paused and resumed, and due steps are done all the while. Between the answer of a pause
 * and its resume no handler may be called (GATE-2). At the end every acknowledged command must stand in the log
 * once, and the read model must be what the log says. A careless variant must fail.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { campaign, contactStream, isEnfoldFault, orThrow, type RecordedEvent } from '@enfold/core'
import { verify } from '@enfold/core/log'
import { createEngine, type Engine } from '@enfold/engine'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { randomOf } from '@enfold/test-servers/eventstoredb'
import { createSimulatedClock } from '@enfold/testkit'
import { EventStoreDBClient } from '@eventstore/db-client'
import { type ChaosServer, fakeChaosServer } from './chaos-server.ts'
import { pause } from './pick.ts'

export interface EngineChaosOptions {
  readonly seed: number
  readonly readModel: 'memory' | 'sqlite'
  readonly contacts: number
  /** Of each contact, one after the other. */
  readonly commands: number
  /** Goes on for at least so long, however soon those commands are given. Default 0. */
  readonly lastsMs?: number
  /** Default: a fake one. It is stopped at the end. */
  readonly server?: ChaosServer
  /**
   * `fresh-command-ids`: a host that got no answer gives the order again under another id. `other-gates`: the process that
   * pauses the campaign has a shorter `gateMs` than the workers.
   */
  readonly careless?: 'fresh-command-ids' | 'other-gates'
}

export interface EngineChaosReport {
  /** What must not be; empty if all is well. */
  readonly problems: readonly string[]
  readonly events: number
  readonly acknowledged: number
  /** Steps that a handler was called for, and how many calls there were. */
  readonly steps: number
  readonly calls: number
  readonly kills: number
  /** Engines that were closed in the middle and made again. */
  readonly restarts: number
  /** Orders that got a fault instead of an answer. */
  readonly retries: number
  /** Faults that ended `runDue`. */
  readonly faults: number
  /** Of the campaign, each answered and resumed. */
  readonly pauses: number
  /** Calls of a client that found no leader. */
  readonly undiscovered: number
}

const steps = (...ids: readonly string[]) =>
  ids.map((id, i) => ({ id, kind: 'email', ...(i === 0 ? {} : { timer: { after: 'P1D' } }) }))

const pool = campaign({
  id: 'pool',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] }],
  sequences: [
    { id: 'nurture', steps: steps('one', 'two', 'three'), next: ['bought'] },
    { id: 'onboarding', steps: steps('hello', 'tips') },
  ],
})

/** What an acknowledged order must have left in the contact's stream under its id, and how often. */
interface Acknowledged {
  readonly contactId: string
  readonly commandId: string
  readonly left: { readonly [type in 'SequenceStarted' | 'SequenceStopped' | 'GoalSatisfied']?: number }
}

/** How often an order is given to processes that give up at once, before it is given to one that does not. */
const HASTY_ATTEMPTS = 10
/** How long a pause waits for its answer, and twice what a worker may act on what it knows (GATE-2). */
const GATE = { campaignRefreshMs: 20, gateMs: 100 }

export async function engineChaos(options: EngineChaosOptions): Promise<EngineChaosReport> {
  const { seed, commands, careless } = options
  const gates =
    careless === 'other-gates'
      ? { worker: { campaignRefreshMs: 1000, gateMs: 4000 }, patient: { campaignRefreshMs: 20, gateMs: 2 } }
      : { worker: GATE, patient: GATE }
  const random = randomOf(seed)
  const server = options.server ?? (await fakeChaosServer(seed))
  const lastsUntil = performance.now() + (options.lastsMs ?? 0)
  const prefix = `chaos-${randomUUID()}-`
  const folder = mkdtempSync(join(tmpdir(), 'enfold-chaos-'))
  const readModel =
    options.readModel === 'memory'
      ? createMemoryStore()
      : createSqliteStore({ path: join(folder, 'read-model.db'), synchronous: 'NORMAL' })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const calls: string[] = []
  const figures = { kills: 0, restarts: 0, retries: 0, faults: 0, pauses: 0 }
  const acknowledged: Acknowledged[] = []
  let isOver = false
  /** From the answer of a pause to the order to resume. */
  let isPaused = false
  let callsInPauses = 0

  /**
   * A process: a client, a store and an engine of its own, which feeds the read model, too. A patient one does not give
   * up: a machine that has other things to do may answer a hasty one nothing, however often it is asked.
   */
  function begin(options: ChaosServer['options'] = server.options, gate = gates.worker) {
    const client = EventStoreDBClient.connectionString(server.url)
    const store = createEventStoreDbStore({ client: server.through(client), prefix, ...options })
    const engine = createEngine({
      store,
      readModel,
      clock,
      random,
      ...gate,
      // Faults are what is wanted here; nobody need be told of each.
      observe() {},
      handlers: {
        async email({ idempotencyKey }) {
          calls.push(idempotencyKey)
          if (isPaused) callsInPauses += 1
          await pause(random() * 5)
          return { outcome: 'sent' }
        },
      },
    })
    const feeding = engine.project({ signal: new AbortController().signal })
    return {
      engine,
      async end() {
        await engine.close()
        await feeding
        await store.close()
        await client.dispose()
      },
    }
  }

  const patient = begin({ ...server.options, callTimeoutMs: 5000, giveUpAfterMs: 60_000 }, gates.patient)
  const processes = [begin(), begin()]
  const some = (): Engine => processes[Math.floor(random() * processes.length)]?.engine as Engine

  async function killNowAndThen(): Promise<void> {
    const everyMs = server.killEveryMs
    if (everyMs === null) return
    for (let next = performance.now() + everyMs; !isOver; ) {
      // In short waits, so that the end has not to wait for a whole one.
      await pause(Math.min(300, everyMs))
      if (isOver || performance.now() < next) continue
      figures.kills += 1
      await server.kill()
      next = performance.now() + everyMs
    }
  }

  /** One of the two is always there. */
  async function beginAgainNowAndThen(): Promise<void> {
    for (let which = 0; !isOver; which = 1 - which) {
      await pause(250 + random() * 200)
      if (isOver) return
      const ended = processes[which]
      processes[which] = begin()
      await ended?.end()
      figures.restarts += 1
    }
  }

  async function workOn(which: number): Promise<void> {
    while (!isOver) {
      clock.advance('PT3H')
      try {
        await processes[which]?.engine.runDue()
      } catch (error) {
        expectTransient(error)
        figures.faults += 1
      }
      await pause(10)
    }
  }

  async function pauseNowAndThen(): Promise<void> {
    const by = { actor: 'olga' }
    while (!isOver) {
      await pause(50 + random() * 150)
      const name = `pause ${figures.pauses}`
      orThrow((await persist(name, (engine, commandId) => engine.pauseCampaign('pool', { ...by, commandId }))).answer)
      isPaused = true
      await pause(careless === 'other-gates' ? 1000 : 30 + random() * 50)
      isPaused = false
      const resumed = await persist(`resume after ${name}`, (engine, commandId) =>
        engine.resumeCampaign('pool', { ...by, commandId, overdue: 'send' }),
      )
      orThrow(resumed.answer)
      figures.pauses += 1
    }
  }

  /** As `insist`, also when all else is over. */
  async function persist<Answer>(commandId: string, give: (engine: Engine, commandId: string) => Promise<Answer>) {
    for (;;)
      try {
        return await insist(commandId, give, careless === 'other-gates' ? 0 : HASTY_ATTEMPTS)
      } catch (error) {
        expectTransient(error)
      }
  }

  /** Gives an order until it is answered. */
  async function insist<Answer>(
    commandId: string,
    give: (engine: Engine, commandId: string) => Promise<Answer>,
    most = HASTY_ATTEMPTS,
  ) {
    for (let attempt = 0; ; attempt++)
      try {
        const id = careless === 'fresh-command-ids' ? `${commandId} again ${attempt}` : commandId
        return { id, answer: await give(attempt < most ? some() : patient.engine, id) }
      } catch (error) {
        expectTransient(error)
        // Ended before its time, by what failed elsewhere.
        if (isOver) throw error
        figures.retries += 1
        await pause(random() * 20)
      }
  }

  async function order(contactId: string): Promise<void> {
    for (let n = 0; n < commands || performance.now() < lastsUntil; n++) {
      const nurture = { contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' }
      const what = n === 0 ? 'start' : ['start', 'stop', 'restart', 'restart', 'signal'][Math.floor(random() * 5)]
      const name = `${contactId} ${n} ${what}`
      if (what === 'signal') {
        const signal = { contactId, kind: 'purchased' }
        // What a signal leads to stands under ids of the engine's own.
        const { id, answer } = await insist(name, (engine, signalId) => engine.signal({ ...signal, signalId }))
        acknowledged.push({ contactId, commandId: id, left: { GoalSatisfied: orThrow(answer).goals.length } })
        continue
      }
      if (what === 'start') {
        const { id, answer } = await insist(name, (engine, commandId) =>
          engine.startSequence({ ...nurture, commandId }),
        )
        const started = orThrow(answer).outcome === 'started' ? 1 : 0
        acknowledged.push({ contactId, commandId: id, left: { SequenceStarted: started } })
      } else if (what === 'stop') {
        const { id, answer } = await insist(name, (engine, commandId) => engine.stopSequence({ ...nurture, commandId }))
        const stopped = orThrow(answer).outcome === 'stopped' ? 1 : 0
        acknowledged.push({ contactId, commandId: id, left: { SequenceStopped: stopped } })
      } else {
        const { id, answer } = await insist(name, (engine, commandId) =>
          engine.restartSequence({ ...nurture, commandId }),
        )
        const stopped = orThrow(answer).outcome === 'restarted' ? 1 : 0
        acknowledged.push({ contactId, commandId: id, left: { SequenceStarted: 1, SequenceStopped: stopped } })
      }
      await pause(random() * 30)
    }
  }

  try {
    await patient.engine.publish(pool)
    server.disturb()
    const others = Promise.all([killNowAndThen(), beginAgainNowAndThen(), pauseNowAndThen(), workOn(0), workOn(1)])
    // What fails among the others ends all of it at once.
    await Promise.race([Promise.all(Array.from({ length: options.contacts }, (_, i) => order(`c${i}`))), others])
    isOver = true
    await others
    server.calm()

    // At rest: what the dead had claimed comes free, and everything that is due is done.
    const { engine } = patient
    for (let at = await engine.runDue(); at.wakeAt !== null; at = await engine.runDue()) clock.advance('P1D')
    const client = EventStoreDBClient.connectionString(server.url)
    const store = createEventStoreDbStore({ client, prefix, ...server.options, giveUpAfterMs: 60_000 })
    const log: RecordedEvent[] = []
    for await (const event of store.readAll()) log.push(event)
    await store.close()
    await client.dispose()
    const problems = [...problemsOf(log, acknowledged)]
    if (callsInPauses > 0) problems.push(`Handlers were called ${callsInPauses} times in a pause that was answered.`)
    // By the simulated clock hours pass within the gate.
    for (const { rule, message, stream } of (await verify(toAsync(log), { gateMs: Number.MAX_SAFE_INTEGER })).faults)
      problems.push(`${stream} breaks ${rule}: ${message}.`)
    for (const { contactId, expected, found } of (await engine.verifyIndex()).differences)
      problems.push(`The index has ${found} for ${contactId}, the log ${expected}.`)
    const [head, checkpoint] = [log.at(-1)?.position, await readModel.checkpoint()]
    if (head !== checkpoint) problems.push(`The read model is at ${checkpoint}, the log at ${head}.`)
    const sent = log.flatMap((event) => (event.type === 'StepDispatched' ? [event.data.idempotencyKey] : []))
    for (const key of calls)
      if (!sent.includes(key)) problems.push(`A handler was called for ${key}, of which the log knows nothing.`)
    return {
      problems,
      events: log.length,
      acknowledged: acknowledged.length,
      steps: new Set(calls).size,
      calls: calls.length,
      undiscovered: server.undiscovered(),
      ...figures,
    }
  } finally {
    isOver = true
    for (const one of [...processes, patient]) await one.end()
    await readModel.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What each order left, held against what it was answered; and nothing under an id that nobody acknowledged. */
function* problemsOf(log: readonly RecordedEvent[], acknowledged: readonly Acknowledged[]): Generator<string> {
  const left = new Map<string, number>()
  const count = (key: string) => left.set(key, (left.get(key) ?? 0) + 1)
  for (const event of log) {
    const { stream, commandId, type, cause } = event
    if (type === 'GoalSatisfied') count(`${stream} ${event.data.signalId} ${type}`)
    // What follows from a goal or from time stands under ids of the engine's own.
    else if (cause.by === 'operator' && (type === 'SequenceStarted' || type === 'SequenceStopped'))
      count(`${stream} ${commandId} ${type}`)
  }
  for (const { contactId, commandId, left: expected } of acknowledged)
    for (const [type, times] of Object.entries(expected)) {
      const key = `${contactStream(contactId)} ${commandId} ${type}`
      const found = left.get(key) ?? 0
      if (found !== times) yield `${key} stands in the log ${found} times, and should ${times} times.`
      left.delete(key)
    }
  for (const key of left.keys()) yield `${key} stands in the log, and nobody was told so.`
}

/** Other faults are faults of the engine: `CLOSED` is that of the process that began again. */
function expectTransient(error: unknown): void {
  if (!isEnfoldFault(error) || !['STORE_UNAVAILABLE', 'CLOSED', 'CONTENTION'].includes(error.code)) throw error
}

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  yield items
}
