/**
 * A server that is killed every half second and loses answers, writers that try again, and a reader that crashes: at the
 * end every event must stand once and in order, in its stream and with the reader. Two careless variants must fail.
 */

import { type ContactEvent, contactStream, isEnfoldFault, type RecordedEvent } from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { type Call, type Fault, randomOf, startFakeServer } from '@enfold/test-servers/eventstoredb'
import { sampleStart } from '@enfold/testkit'
import { EventStoreDBClient, streamNameFilter } from '@eventstore/db-client'
import { APPEND_FAULTS, beginAgain, READ_FAULTS, SUBSCRIBE_FAULTS } from './chaos-server.ts'
import { createFailedDiscoveries } from './failed-discovery.ts'
import { pause, pick } from './pick.ts'

export interface ChaosOptions {
  readonly seed: number
  /** Commands of each of six contacts. */
  readonly commands: number
  /**
   * `checkpoint-reached`: the reader stores the positions that the client calls checkpoints. `fresh-ids`: a writer that
   * tries again makes new ids.
   */
  readonly careless?: 'checkpoint-reached' | 'fresh-ids'
}

export interface ChaosReport {
  /** What must not be; empty if all is well. */
  readonly problems: readonly string[]
  readonly events: number
  readonly kills: number
  readonly readerCrashes: number
  /** Commands that were given up by the store and given again by the writer. */
  readonly retries: number
  readonly repeated: number
  /** Calls of a client that found no leader. */
  readonly undiscovered: number
}

/** How often a writer asks a store that gives up at once, before it asks one that does not. */
const HASTY_ATTEMPTS = 10

export async function chaos({ seed, commands, careless }: ChaosOptions): Promise<ChaosReport> {
  const random = randomOf(seed)
  const server = await startFakeServer({ shuffle: seed })
  const prefix = 'enfold-'
  const bare = EventStoreDBClient.connectionString(server.clusterUrl)
  const discoveries = createFailedDiscoveries(random)
  const client = discoveries.over(bare)
  // Short, so that the store gives up often and the writers have to.
  const store = createEventStoreDbStore({ client, prefix, callTimeoutMs: 250, giveUpAfterMs: 60 })
  // A machine that has other things to do may answer nothing within that time, however often it is asked.
  const patient = createEventStoreDbStore({ client, prefix, giveUpAfterMs: 60_000 })
  const figures = { kills: 0, readerCrashes: 0, retries: 0, repeated: 0 }
  let isOver = false

  discoveries.set(true)
  server.onCall((call: Call): Fault | null => {
    if (call === 'append')
      return pick(random, { ...APPEND_FAULTS, 'lost-answer': 0.2, unavailable: 0.03, cancelled: 0.03 })
    if (call === 'read') return pick(random, { ...READ_FAULTS, 'lost-answer': 0.02 })
    return pick(random, SUBSCRIBE_FAULTS)
  })

  async function killNowAndThen(): Promise<void> {
    while (!isOver) {
      await pause(500)
      if (isOver) return
      server.kill()
      figures.kills += 1
      await pause(20 + random() * 100)
      await beginAgain(server, random)
    }
  }

  async function write(contactId: string): Promise<void> {
    const stream = contactStream(contactId)
    let version = 0
    for (let n = 0; n < commands; n++) {
      const events = [sampleStart(contactId, 2 * n), ...(n % 5 === 0 ? [sampleStart(contactId, 2 * n + 1)] : [])]
      const isMany = random() < 0.2
      for (let [attempt, expected] = [0, version]; ; attempt++) {
        const given =
          careless === 'fresh-ids' ? events.map((event) => ({ ...event, id: `${event.id}-${attempt}` })) : events
        try {
          const append = { stream, events: given, expected }
          const log = attempt < HASTY_ATTEMPTS ? store : patient
          const [result] = isMany ? await log.appendMany([append]) : [await log.append(stream, given, expected)]
          if (result?.outcome === 'conflict') expected = result.actual
          if (result?.outcome !== 'appended') continue
          if (result.repeated) figures.repeated += 1
          version = result.version
          break
        } catch (error) {
          // CONTENTION: an attempt that was given up was written while the next one was under way.
          if (!isEnfoldFault(error) || !['STORE_UNAVAILABLE', 'CONTENTION'].includes(error.code)) throw error
          figures.retries += 1
          await pause(random() * 20)
        }
      }
    }
  }

  /** What the reader's database holds: written together, or not at all. */
  const database = { events: [] as Pick<RecordedEvent, 'stream' | 'commandId' | 'version'>[], checkpoint: 0 }

  /** Handles events until it crashes; what it had handled and not stored is gone then. */
  async function readUntilCrash(): Promise<void> {
    const crashAfter = 5 + Math.floor(random() * 60)
    const batchSize = 1 + Math.floor(random() * 10)
    const stop = new AbortController()
    stopReading = () => stop.abort()
    let handled = 0
    let batch: RecordedEvent[] = []
    for await (const event of store.subscribe(database.checkpoint, stop.signal)) {
      if (event.type !== 'CaughtUp') {
        await pause(random() < 0.1 ? 2 : 0)
        batch.push(event)
        handled += 1
      }
      if (handled >= crashAfter) return
      if (batch.length < batchSize && event.type !== 'CaughtUp') continue
      database.events.push(...batch)
      database.checkpoint = event.position
      batch = []
    }
  }

  async function readCarelessly(): Promise<void> {
    const crashAfter = 5 + Math.floor(random() * 60)
    const after = BigInt(database.checkpoint)
    const subscription = bare.subscribeToAll({
      fromPosition: database.checkpoint === 0 ? 'start' : { commit: after, prepare: after },
      filter: streamNameFilter({
        prefixes: [prefix],
        maxSearchWindow: 1,
        checkpointInterval: 1,
        checkpointReached: async (_, position) => {
          database.checkpoint = Number(position.commit)
        },
      }),
    })
    stopReading = () => void subscription.unsubscribe().catch(() => {})
    subscription.on('error', () => {})
    let handled = 0
    const ended = new Promise<null>((resolve) => {
      for (const how of ['end', 'close', 'error']) subscription.on(how, () => resolve(null))
    })
    const items = subscription[Symbol.asyncIterator]()
    try {
      for (;;) {
        const item = await Promise.race([items.next().catch(() => null), ended])
        if (item === null || item.done) return
        const { event } = item.value
        if (event === undefined) continue
        await pause(random() < 0.1 ? 2 : 0)
        if (++handled >= crashAfter) return
        const { commandId } = event.metadata as { commandId: string }
        const contactId = event.streamId.slice(`${prefix}contact-`.length)
        database.events.push({ stream: contactStream(contactId), commandId, version: Number(event.revision) + 1 })
      }
    } finally {
      await subscription.unsubscribe().catch(() => {})
    }
  }

  let stopReading = () => {}
  async function read(): Promise<void> {
    while (!isOver) {
      await (careless === 'checkpoint-reached' ? readCarelessly() : readUntilCrash())
      figures.readerCrashes += 1
      await pause(10)
    }
  }

  const names = [...'abcdef']
  const killing = killNowAndThen()
  const reading = read()
  await Promise.all(names.map(write))
  // Quiet at last, so that the reader can get to the end.
  server.onCall(null)
  discoveries.set(false)
  const expected = names.reduce((sum, name) => sum + wanted(name).length, 0)
  // A careless reader never gets there: it is done when nothing more comes.
  const patience = careless === undefined ? 600 : 20
  let had = database.events.length
  for (let quiet = 0; quiet < patience && database.events.length < expected; quiet++) {
    await pause(50)
    if (database.events.length > had) quiet = 0
    had = database.events.length
  }
  isOver = true
  await killing
  stopReading()
  await reading
  const log: RecordedEvent[] = []
  for await (const event of patient.readAll()) log.push(event)
  await patient.close()
  const problems = [...problemsOf(log)]
  const told = (events: readonly Pick<RecordedEvent, 'stream' | 'commandId' | 'version'>[]) =>
    events.map(({ stream, commandId, version }) => `${stream} ${version} ${commandId}`)
  const [inLog, inDatabase] = [told(log), told(database.events)]
  const differs = inLog.findIndex((event, i) => event !== inDatabase[i])
  if (inLog.length !== inDatabase.length || differs >= 0)
    problems.push(
      `The reader has ${inDatabase.length} events of ${inLog.length}; the first that differs is ${inLog[differs]}, read as ${inDatabase[differs]}.`,
    )
  await store.close()
  await bare.dispose()
  await server.stop()
  return { problems, events: log.length, undiscovered: discoveries.count(), ...figures }

  function wanted(contactId: string): ContactEvent[] {
    return Array.from({ length: commands }, (_, n) => [
      sampleStart(contactId, 2 * n),
      ...(n % 5 === 0 ? [sampleStart(contactId, 2 * n + 1)] : []),
    ]).flat()
  }

  function* problemsOf(log: readonly RecordedEvent[]): Generator<string> {
    for (const name of names) {
      const stream = contactStream(name)
      const events = log.filter((event) => event.stream === stream)
      const found = events.map(({ commandId }) => commandId)
      const all = wanted(name).map(({ commandId }) => commandId)
      if (found.join() !== all.join())
        yield `${stream} has ${found.length} events, ${new Set(found).size} of them different, and should have ${all.length}.`
      let previous: string | null = null
      for (const [i, event] of events.entries()) {
        if (event.version !== i + 1) yield `${stream} has version ${event.version} in place ${i + 1}.`
        const hash: string = chainHash(previous, digestOf(event))
        if (event.hash !== hash) yield `${stream} has a wrong hash at version ${event.version}.`
        previous = event.hash ?? null
      }
    }
  }
}
