/**
 * One contact played on from a state, from one due instant to the next, with no store and no waiting. The same rules as the
 * engine's, because `decide` and `plan` are asked. What is played is told by `simulate` and `forecast`.
 */

import type { Catalog } from './catalog.ts'
import type { AnswerTo, ContactCommand } from './contact-commands.ts'
import { decide } from './decide.ts'
import type { HistoricEvent } from './decision/builder.ts'
import { isLeft } from './either.ts'
import type { ContactState } from './enrollment.ts'
import type { ContactEvent, ContactEventOf } from './events.ts'
import { type ContactId, epochMsOf, type Instant, instantOf } from './ids.ts'
import { freeWake, plan } from './plan.ts'
import type { Facts, StepOutcome } from './ports/host.ts'
import type { Rejection } from './rejection.ts'

export interface PlayMeta {
  readonly contactId: ContactId
  readonly commandId: string
  readonly actor: null
}

interface Came {
  readonly rejection: Rejection | null
  readonly answer: AnswerTo<ContactCommand> | null
}

/** Decides, and goes on with what comes of it. */
export type Run = (command: ContactCommand) => Came

/** Something that happens meanwhile. */
interface Happening {
  readonly at: Instant
  happen(run: Run, meta: PlayMeta, now: Instant): void
}

export interface PlayOptions {
  readonly contactId: ContactId
  readonly state: ContactState
  /** The stream that the state is of, for orders that look into it. */
  readonly history?: readonly HistoricEvent[]
  readonly campaigns: Catalog
  readonly from: Instant
  readonly until: Instant
  /** Then it is cut, as a campaign that loops without a wait must be. */
  readonly maxEvents: number
  factsAt(at: Instant): Facts | null
  /** What the handlers answer. A failure is retried after a minute. */
  outcome(dispatched: ContactEventOf<'StepDispatched'>['data'], at: Instant): StepOutcome
  /** How long each handler takes. Nothing else of the contact begins before all that were called together have answered. */
  readonly takeMs: number
  /** In order. They come before the steps that are due at the same instant. */
  readonly happenings: readonly Happening[]
}

export interface Played {
  readonly events: readonly ContactEvent[]
  readonly state: ContactState
  /** The next due instant after the end; `null`: nothing is left to come. */
  readonly wakeAt: Instant | null
  readonly isCut: boolean
}

/** Handlers that are called, and when they will have answered. */
interface AtWork {
  readonly until: Instant
  readonly calls: readonly { readonly data: ContactEventOf<'StepDispatched'>['data']; readonly answer: StepOutcome }[]
}

export function playOn(options: PlayOptions): Played {
  const { contactId, campaigns, until, maxEvents, factsAt, outcome, takeMs } = options
  const happenings = [...options.happenings]
  const events: HistoricEvent[] = [...(options.history ?? [])]
  const before = events.length
  let { state, from: now } = options
  let commands = 0
  let atWork: AtWork | null = null

  const nextMeta = () => ({ contactId, commandId: `command ${++commands}`, actor: null })

  function added(command: ContactCommand): Came & { readonly events: readonly ContactEvent[] } {
    const history = options.history === undefined ? {} : { history: events }
    const decided = decide(command, state, { campaigns, facts: factsAt(now), now, ...history })
    if (isLeft(decided)) return { rejection: decided.left, answer: null, events: [] }
    for (const event of decided.right.events) events.push({ ...event, version: events.length + 1 })
    state = decided.right.state
    return { rejection: null, answer: decided.right.answer, events: decided.right.events }
  }

  const run: Run = (command) => {
    const { rejection, answer } = added(command)
    return { rejection, answer }
  }

  /** @returns whether it recorded anything */
  function dispatch(): boolean {
    const { events } = added({ type: 'DispatchDue', ...nextMeta(), inFlight: new Set(), limit: 1000 })
    const calls = events.flatMap((event) =>
      event.type === 'StepDispatched' ? [{ data: event.data, answer: outcome(event.data, now) }] : [],
    )
    if (calls.length > 0) atWork = { until: instantOf(epochMsOf(now) + takeMs), calls }
    return events.length > 0
  }

  function report({ calls }: AtWork): void {
    const retryAt = instantOf(epochMsOf(now) + 60_000)
    for (const { data, answer } of calls)
      run({ type: 'RecordOutcome', ...nextMeta(), ...data, outcome: answer, retryAt })
    atWork = null
  }

  for (;;) {
    const planned = freeWake(plan(contactId, state, campaigns, factsAt(now), now))
    const wakeAt: Instant | null = (atWork as AtWork | null)?.until ?? planned
    const [first] = happenings
    const isFirst = first !== undefined && (wakeAt === null || first.at <= wakeAt)
    const at = isFirst ? first.at : wakeAt
    const isCut = events.length - before >= maxEvents
    const played = () => events.slice(before).map(({ version: _, ...event }) => event)
    if (at === null || at > until || isCut) return { events: played(), state, wakeAt, isCut }
    const moved = at > now
    if (moved) now = at
    if (isFirst) {
      happenings.shift()
      first.happen(run, nextMeta(), now)
      continue
    }
    // Nothing comes of what is due: the next look would find the same.
    if (atWork === null && !dispatch() && planned !== null && planned <= now && !moved)
      return { events: played(), state, wakeAt, isCut }
    const working = atWork as AtWork | null
    if (working !== null && working.until <= now) report(working)
  }
}
