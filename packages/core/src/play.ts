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
import { type CampaignId, type ContactId, epochMsOf, type Instant, instantOf } from './ids.ts'
import { isPacedAt, isPausedLane, pacedIn, pausedLane, pausesOf } from './pauses.ts'
import { type Plan, plan } from './plan.ts'
import type { OtherLane } from './ports/agenda.ts'
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
interface TimelineInput {
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
  readonly inputs: readonly TimelineInput[]
  /**
   * Of campaigns whose overdue steps begin by a pace: when each next one of the contact may (GATE-4). Left out: at once, as if
   * the contact were the only one.
   */
  readonly paced?: Paced
  /** Is given each plan, before anything comes of it. */
  looked?(planned: Plan): void
}

/** When overdue steps of a contact may begin, in order. */
export type Paced = ReadonlyMap<CampaignId, readonly Instant[]>

/** Whether the step was overdue when its campaign was resumed with a pace, and so is one of those that begin by it (GATE-4). */
export function isPacedDispatch(
  { campaignId, sequenceId, attempt, resend, timing }: ContactEventOf<'StepDispatched'>['data'],
  campaigns: Catalog,
): boolean {
  if (timing === null || attempt > 1 || resend > 0) return false
  return isPacedAt(pausesOf(campaigns.find(campaignId), sequenceId), timing.dueAt)
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

/** Lets the overdue steps of a contact begin when their turn has come. */
function createTurns(paced: Paced, campaigns: Catalog) {
  const begun = new Map<CampaignId, number>()
  const left = (campaignId: CampaignId) => paced.get(campaignId)?.slice(begun.get(campaignId) ?? 0) ?? []

  /** When something of the lane can begin; `null`: never, while its pause lasts. */
  function laneAt({ wakeAt, kind, campaignId }: OtherLane): Instant | null {
    if (!isPausedLane({ kind, campaignId })) return wakeAt
    const entry = campaigns.find(campaignId)
    if (entry === undefined || pacedIn(entry) === null) return null
    const [turn = wakeAt] = left(campaignId)
    return turn > wakeAt ? turn : wakeAt
  }

  return {
    nextWake({ wakeAt, lane, others = [] }: Plan): Instant | null {
      if (wakeAt === null || lane === null) return wakeAt
      const wakes = [{ wakeAt, ...lane }, ...others].flatMap((one) => laneAt(one) ?? [])
      return wakes.reduce<Instant | null>((a, b) => (a === null || b < a ? b : a), null)
    },
    permits(now: Instant): ReadonlyMap<string, number> {
      const permits = new Map<string, number>()
      for (const campaignId of paced.keys()) {
        const turns = left(campaignId)
        if (turns.length > 0) permits.set(pausedLane(campaignId).kind, turns.filter((turn) => turn <= now).length)
      }
      return permits
    },
    begun({ campaignId }: ContactEventOf<'StepDispatched'>['data']): void {
      begun.set(campaignId, (begun.get(campaignId) ?? 0) + 1)
    },
  }
}

export function playOn(options: PlayOptions): Played {
  const { contactId, campaigns, until, maxEvents, factsAt, outcome, takeMs } = options
  const inputs = [...options.inputs]
  const events: HistoricEvent[] = [...(options.history ?? [])]
  const before = events.length
  let { state, from: now } = options
  let commands = 0
  let atWork: AtWork | null = null
  const turns = createTurns(options.paced ?? new Map(), campaigns)

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
    const { events } = added({
      ...{ type: 'DispatchDue', ...nextMeta(), inFlight: new Set<string>(), limit: 1000 },
      permits: turns.permits(now),
    })
    const calls = events.flatMap((event) =>
      event.type === 'StepDispatched' ? [{ data: event.data, answer: outcome(event.data, now) }] : [],
    )
    for (const { data } of calls) if (isPacedDispatch(data, campaigns)) turns.begun(data)
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
    const found = plan(contactId, state, campaigns, factsAt(now), now)
    options.looked?.(found)
    const planned = turns.nextWake(found)
    const wakeAt: Instant | null = (atWork as AtWork | null)?.until ?? planned
    const [first] = inputs
    const isFirst = first !== undefined && (wakeAt === null || first.at <= wakeAt)
    const at = isFirst ? first.at : wakeAt
    const isCut = events.length - before >= maxEvents
    const played = () => events.slice(before).map(({ version: _, ...event }) => event)
    if (at === null || at > until || isCut) return { events: played(), state, wakeAt, isCut }
    const moved = at > now
    if (moved) now = at
    if (isFirst) {
      inputs.shift()
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
