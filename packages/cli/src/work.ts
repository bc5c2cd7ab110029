/** The worker of the command line: does what is due with the host's handlers, until it is told to stop. */
import { createCatalog, type Instant, instantOf, isCampaignEvent, type Store } from '@enfold/core'
import { createEngine, type EngineEvent, kindsOf } from '@enfold/engine'
import { messageOf, UsageError } from './errors.ts'
import { loadHostModule } from './host-module.ts'
import { withoutPasswords } from './places.ts'
import type { Streams } from './streams.ts'
import { counted, jsonText, named, paintFor, plain, sequenceName } from './text.ts'
import { openForOrders } from './with-engine.ts'

export interface WorkOptions {
  readonly json?: boolean
  /** Until nothing is due, instead of until it is told to stop. */
  readonly once?: boolean
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
  const { json = false, once = false } = options
  const host = await loadHostModule(hostPath)
  const { handlers, contacts } = host
  if (handlers === undefined)
    throw new UsageError(`${plain(hostPath)} exports no handlers; expected an object of functions by kind of step.`)
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
      const place = withoutPasswords(url)
      reporter.say(`working on ${plain(place)}: ${kinds?.map(named).join(', ') ?? 'what its function handles'}`, {
        working: place,
        kinds,
        ...(others.length === 0 ? {} : { others }),
      })
      if (others.length > 0)
        reporter.note(`left to other workers, for want of a handler: ${others.map(named).join(', ')}`)
      if (once) await engine.runDue()
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
  return !(once && reporter.hadTrouble())
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

function createReporter({ stdout, stderr }: Streams, json: boolean) {
  const counts = { sent: 0, skipped: 0, failed: 0 }
  let troubles = 0

  function say(text: string, value: object): void {
    stdout.write(`${json ? jsonText(value) : text}\n`)
  }

  function trouble(text: string, value: object): void {
    troubles += 1
    stderr.write(json ? `${jsonText(value)}\n` : `${paintFor(stderr)('red', plain(text))}\n`)
  }

  /** Worth knowing, and no trouble. Programs get it as values of what is said. */
  function note(text: string): void {
    if (!json) stderr.write(`${paintFor(stderr)('bold', plain(text))}\n`)
  }

  function observe(event: EngineEvent): void {
    switch (event.type) {
      case 'step-answered': {
        const { contactId, attempt, kind, outcome, error } = event
        const at: Instant = instantOf(Date.now())
        counts[outcome.outcome] += 1
        const again = attempt.resend === 0 ? '' : `, resend ${attempt.resend}`
        const reason = outcome.outcome === 'sent' ? '' : `: ${named(outcome.reason)}`
        const thrown = error === undefined ? {} : { error: messageOf(error) }
        const why = error === undefined ? '' : ` (${plain(messageOf(error))})`
        say(
          `${at}  ${outcome.outcome} ${named(attempt.stepId)} of ${sequenceName(attempt)}, run ${attempt.run}, attempt ${attempt.attempt}${again}, for ${named(contactId)}${reason}${why}`,
          { at, contactId, ...attempt, kind, outcome, ...thrown },
        )
        break
      }
      case 'contact-failed':
        trouble(`${named(event.contactId)}: ${messageOf(event.error)}; it is tried again.`, {
          trouble: event.type,
          contactId: event.contactId,
          message: messageOf(event.error),
        })
        break
      case 'contact-not-planned':
        trouble(
          `${named(event.contactId)}: ${sequenceName(event.run)}, run ${event.run.run}, cannot be planned, and none of its steps begins: ${messageOf(event.error)}`,
          { trouble: event.type, contactId: event.contactId, ...event.run, message: messageOf(event.error) },
        )
        break
      case 'contact-parked':
        trouble(`${named(event.contactId)}: parked, for an event cannot be shown: ${messageOf(event.error)}`, {
          trouble: event.type,
          contactId: event.contactId,
          message: messageOf(event.error),
        })
        break
      case 'loop-failed':
        trouble(`${messageOf(event.error)} Tried again in ${event.pauseMs} ms.`, {
          trouble: event.type,
          message: messageOf(event.error),
        })
        break
      case 'kinds-waiting':
        for (const { kind, contacts, since } of event.kinds) {
          const text = `no handler here for the kind ${named(kind)}: ${counted(contacts, 'contact')} due for it, the first since ${since}`
          if (json) stderr.write(`${jsonText({ waiting: kind, contacts, since })}\n`)
          else note(text)
        }
        break
      case 'lease-lost':
      case 'outcome-stale':
        trouble(
          `${named(event.contactId)}: ${event.type === 'lease-lost' ? 'another worker took over' : 'an outcome came too late'}.`,
          { trouble: event.type, contactId: event.contactId },
        )
    }
  }

  return {
    observe,
    say,
    note,
    hadTrouble: () => troubles > 0,
    end(wakeAt: Instant | null) {
      const { sent, skipped, failed } = counts
      const told = `${counted(sent, 'step')} sent, ${skipped.toLocaleString('en')} skipped, ${failed.toLocaleString('en')} failed`
      say(`at rest: ${told}; ${wakeAt === null ? 'nothing is to come' : `next at ${wakeAt}`}`, { ...counts, wakeAt })
    },
  }
}
