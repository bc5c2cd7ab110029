/** The worker of the command line: does what is due with the host's handlers, until it is told to stop. */
import { createCatalog, describeDelivery, isCampaignEvent, type Pace, type Store } from '@enfold/core'
import { createEngine, kindsOf } from '@enfold/engine'
import { UsageError } from './errors.ts'
import { loadHostModule } from './host-module.ts'
import { placeText } from './places.ts'
import type { Streams } from './streams.ts'
import { counted, named, plain } from './text.ts'
import { openForOrders } from './with-engine.ts'
import { createReporter } from './work-reporter.ts'

export interface WorkOptions {
  readonly json?: boolean
  /** Until nothing is due, instead of until it is told to stop. */
  readonly once?: boolean
  /** After an outage: until nothing of what is overdue now is left, so much of it in each span (GATE-4). */
  readonly pace?: Pace
  /** URL of the separate store that keeps index and agenda. */
  readonly readModel?: string
  /** What to do with a contact with an event that cannot be shown in the read model. Default "stop". */
  readonly onPoison?: 'stop' | 'park'
}

/**
 * Says what each handler answered, a line each, and at the end how many. Told to stop (SIGINT or SIGTERM), it begins
 * nothing more and waits for the handlers in flight; told again, the process ends at once, as ever.
 *
 * @returns false if work was left undone because of a fault
 */
export async function work(io: Streams, url: string, hostPath: string, options: WorkOptions): Promise<boolean> {
  const { json = false, once = false, pace } = options
  const host = await loadHostModule(hostPath)
  const { handlers, contacts } = host
  if (handlers === undefined)
    throw new UsageError(`${placeText(hostPath)} exports no handlers; expected an object of functions by kind of step.`)
  const store = await openForOrders(url, 'write', options)
  const reporter = createReporter(io, json)
  try {
    const kinds = kindsOf(handlers)
    const others = await leftToOthers(store, kinds)
    const engine = createEngine({
      store,
      handlers,
      ...(contacts === undefined ? {} : { contacts }),
      ...(options.onPoison === undefined ? {} : { onPoison: options.onPoison }),
      observe: reporter.observe,
      // The reporter tells of the same.
      log: false,
    })
    const stopping = new AbortController()
    const stop = () => {
      for (const name of STOPS) process.off(name, stop)
      stopping.abort()
      // Ends what `runDue` is at, too.
      void engine.close()
    }
    for (const name of STOPS) process.on(name, stop)
    try {
      const place = placeText(url)
      reporter.say(
        `working on ${plain(place)}: ${kinds?.map(named).join(', ') ?? 'what its function handles'}${paceInWords(pace)}`,
        {
          working: place,
          kinds,
          ...(others.length === 0 ? {} : { others }),
          ...(engine.deliverTo === null ? {} : { deliverTo: engine.deliverTo }),
          ...(pace === undefined ? {} : { pace }),
        },
      )
      if (engine.deliverTo !== null)
        reporter.note(`everything is ${describeDelivery(engine.deliverTo)}, because ENFOLD_DELIVER_TO is set`)
      if (others.length > 0)
        reporter.note(`left to other workers, for want of a handler: ${others.map(named).join(', ')}`)
      if (pace !== undefined) await engine.drain({ pace, signal: stopping.signal })
      else if (once) await engine.runDue()
      else await engine.run({ signal: stopping.signal })
      await engine.close()
      reporter.end((await store.nextWake()) ?? null)
    } finally {
      for (const name of STOPS) process.off(name, stop)
    }
  } finally {
    await store.close()
    await host.close?.()
  }
  return !((once || pace !== undefined) && reporter.hadTrouble())
}

function paceInWords(pace: Pace | undefined): string {
  return pace === undefined ? '' : `; at most ${counted(pace.most, 'overdue step')} in each ${plain(pace.per)}`
}

const STOPS = ['SIGINT', 'SIGTERM'] as const

/**
 * Kinds of steps of the newest versions of published campaigns that the handlers do not do: those steps are left to other
 * workers (KIND-1). Of a function nothing is known before it is asked for a kind that is due.
 */
async function leftToOthers(store: Store, kinds: readonly string[] | null): Promise<readonly string[]> {
  if (kinds === null) return []
  const catalog = createCatalog()
  for await (const event of store.readAll(0, { streams: 'campaigns' })) if (isCampaignEvent(event)) catalog.apply(event)
  const used = catalog
    .published()
    .flatMap(({ campaign }) => [...campaign.sequences.values()])
    .flatMap(({ steps }) => steps.flatMap(({ kind, draft }) => (draft === true ? [] : [kind])))
  return [...new Set(used)].filter((kind) => !kinds.includes(kind)).toSorted()
}
