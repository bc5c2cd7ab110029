/** Puts `enfold dev` together: a store, an engine that catches everything, a clock, and the campaign that is watched. */
import { type ContactId, type Instant, instantOf, type Store } from '@enfold/core'
import { createEngine, type Engine, type EngineEvent } from '@enfold/engine'
import { UsageError } from '../errors.ts'
import type { Streams } from '../streams.ts'
import { plain } from '../text.ts'
import { readCampaign } from './campaign-file.ts'
import { watchCampaign } from './campaign-watch.ts'
import { openDevStore } from './dev-store.ts'
import { poolOwners } from './example.ts'
import { createOutbox } from './outbox.ts'
import { directoryOf, type People } from './people.ts'
import { createSimulatedTime, createStandingClock } from './simulated-time.ts'
import { caughtLine, tellOfCampaign } from './terminal.ts'
import { createExclusive, type World } from './world.ts'

interface WorldOptions {
  /** `null`: the example. */
  readonly campaign: string | null
  /** `null`: in memory. */
  readonly store: string | null
  readonly clock: 'simulated' | 'real'
  readonly people: People
  readonly peopleFrom: string
}

export interface OpenedWorld {
  readonly world: World
  /** Publishes the campaign, and does what is due. */
  begin(): Promise<void>
  close(): Promise<void>
}

export const ACTOR = 'you'
/** So many contacts of the example have asked for its guide already, so that there is something to see. */
const FIRST_ASKING = 3

/** @throws UsageError for a store that cannot be one of `enfold dev` */
export async function openWorld(io: Streams, options: WorldOptions): Promise<OpenedWorld> {
  const { campaign, people, peopleFrom } = options
  const { store, journal, inWords } = openDevStore(options.store)
  try {
    const start = await startOf(store, journal.now, options.clock)
    const clock = options.clock === 'real' ? null : createStandingClock(start)
    const outbox = createOutbox(clock?.now ?? systemNow, journal, (one) => void io.stdout.write(`${caughtLine(one)}\n`))
    const changes = createChanges()
    const engine = createEngine({
      store,
      handlers: () => outbox.catch,
      // Everything is caught as it would be sent, whatever the environment says of real handlers.
      deliverTo: 'contacts',
      contacts: directoryOf(people),
      observe: changes.observe,
      log: (line) => void io.stderr.write(`${plain(String(line))}\n`),
      ...(clock === null ? {} : { clock }),
    })
    const exclusive = createExclusive()
    const isFresh = (await engine.inspect.campaigns()).length === 0
    const watch = watchCampaign({
      path: campaign,
      read: async () => (campaign === null ? { definition: poolOwners } : readCampaign(campaign)),
      engine,
      exclusive: exclusive.run,
      onChecked: (status) => tellOfCampaign(io, campaign, status),
    })
    const onMoved = (now: Instant) => journal.write({ now })
    const time = clock === null ? null : createSimulatedTime({ engine, clock, caught: outbox.count, onMoved })
    const settled = time === null ? async () => {} : createSettled(engine, exclusive.run)
    changes.onChange = () => void settled().catch(() => {})
    const state = () => [outbox.count(), watch.status().checks, time?.moves()[0]?.number ?? 0].join('.')
    let revision = ''
    const world: World = {
      ...{
        engine,
        outbox,
        people,
        peopleFrom,
        campaign: watch,
        campaignPath: campaign,
        time,
        keptIn: inWords,
        settled,
      },
      exclusive: exclusive.run,
      revision() {
        if (!exclusive.isBusy()) revision = state()
        return revision
      },
    }
    const stopping = new AbortController()
    const running = time === null ? engine.run({ signal: stopping.signal }) : Promise.resolve()
    return {
      world,
      async begin() {
        await watch.check()
        if (campaign === null && isFresh) await askForGuide(engine, people)
        await settled()
      },
      async close() {
        watch.close()
        stopping.abort()
        await engine.close()
        await running
        // What was going on has failed by now, because the engine is closed.
        await exclusive.run(async () => {})
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

const systemNow = (): Instant => instantOf(Date.now())

/** The simulated clock goes on from where it stood, and never stands before what is recorded. */
async function startOf(store: Store, kept: Instant | null, clock: WorldOptions['clock']): Promise<Instant> {
  let last = kept ?? ''
  for await (const { at } of store.readAll(0)) if (at > last) last = at
  const now = systemNow()
  if (clock === 'real' && last > now)
    throw new UsageError(
      `In this store it is ${last} already, by its simulated clock. Start without --clock real, or name another store.`,
    )
  return [last, now].toSorted().at(-1) ?? now
}

/** Tells of every order that changed something. */
function createChanges() {
  const changes = {
    onChange() {},
    observe(event: EngineEvent) {
      if (event.type === 'command-decided' && event.events > 0) changes.onChange()
    },
  }
  return changes
}

/**
 * With a simulated clock nothing runs by itself: what became due by an order is done after it. With the real one a worker
 * of the engine does so.
 */
function createSettled(engine: Engine, exclusive: World['exclusive']): () => Promise<void> {
  let waiting: Promise<void> | null = null
  return () => {
    waiting ??= exclusive(async () => {
      waiting = null
      await engine.runDue()
    })
    return waiting
  }
}

async function askForGuide(engine: Engine, people: People): Promise<void> {
  const asking: readonly ContactId[] = [...people.keys()].slice(0, FIRST_ASKING)
  for (const contactId of asking)
    await engine.signal({ contactId, kind: 'form-submitted', data: { form: 'pool-guide' }, actor: ACTOR })
}
