/**
 * What will become of a contact if nothing happens from now on. Rules FORECAST-1, FORECAST-3. It writes nothing, and is no
 * second implementation: the contact is played on by `decide` and `plan`.
 */

import { targetOf } from './campaign.ts'
import { type Catalog, createCatalog, decidePublish } from './catalog.ts'
import type { RecordOutcome } from './commands.ts'
import { type Either, isLeft, right } from './either.ts'
import { type ContactState, nameOfEnrollment, refOf, requireRun } from './enrollment.ts'
import type { CampaignEvent, RunRef, StepRef } from './events.ts'
import type { CampaignId, ContactId, Instant, SequenceId } from './ids.ts'
import type { Overdue, Pace } from './pauses.ts'
import { decidePauseCampaign, decideResumeCampaign } from './pausing.ts'
import { type Plan, type PlanFault, plan, type UpcomingStep } from './plan.ts'
import { isPacedDispatch, type Paced, type Played, type PlayMeta, type PlayOptions, playOn, type Run } from './play.ts'
import type { Facts } from './ports/host.ts'
import type { Rejection } from './rejection.ts'

export interface ForecastOptions {
  readonly contactId: ContactId
  readonly state: ContactState
  readonly campaigns: Catalog
  /** As of now, throughout. `null`: the directory does not know the contact. */
  readonly facts: Facts | null
  readonly now: Instant
  /** The last instant that is told of. */
  readonly until: Instant
  /** Default 2,000. */
  readonly maxEvents?: number
  /** When the contact's overdue steps begin by a pace, where the turns of all contacts are known. Left out: at the earliest. */
  readonly paced?: Paced
}

/** Something that a step will come to. */
export interface ForecastStep extends StepRef {
  /** 0 for the scheduled sending. */
  readonly resend: number
  readonly at: Instant
  readonly dueAt: Instant
  /** Every handler is taken to answer `sent`. `failed`: an attempt whose outcome nobody knows, by the rule of its step. */
  readonly result: 'sent' | 'skipped' | 'failed'
  /** Of what is skipped or failed. */
  readonly reason?: string
  /**
   * Why it comes later than it was due. `overdue`: it was when the forecast began. `window`: that was shut. `pace`: it was
   * overdue when its campaign was resumed with a pace. Then `at` is the earliest instant: what goes before it, other contacts
   * say, and what follows it in its run comes later with it (GATE-4).
   */
  readonly shift?: { readonly gate: 'window' | 'overdue' | 'pace'; readonly from: Instant }
  /** A condition was asked that may have another answer by then: of the step, or of a route that leads to it. */
  readonly conditional?: true
}

/** The end of a run, and what begins with it. */
export interface ForecastEnd extends RunRef {
  readonly at: Instant
  readonly starts: readonly RunRef[]
  readonly conditional?: true
}

export interface Forecast {
  /** In order. */
  readonly steps: readonly ForecastStep[]
  readonly ends: readonly ForecastEnd[]
  /** What then still waits for somebody: a run or a campaign that is paused, a step that is held. */
  readonly held: readonly UpcomingStep[]
  /** Runs whose schedule could not be computed. */
  readonly faults: readonly PlanFault[]
  /** True: there is more than `maxEvents`. */
  readonly cut: boolean
}

/**
 * Plays the contact's present state forward. Handlers that are at work are taken to have answered `sent`, too.
 *
 * @example
 * const { steps } = forecastOf({ contactId: 'ada', state, campaigns, facts: {}, now, until: '2026-04-01T00:00:00.000Z' })
 */
export function forecastOf(options: ForecastOptions): Forecast {
  const { contactId, state, campaigns, facts, now, until, maxEvents = 2000, paced } = options
  const waits = createWaits()
  const played = playOn({
    contactId,
    state,
    campaigns,
    from: now,
    until,
    maxEvents,
    factsAt: () => facts,
    outcome: () => SENT,
    takeMs: 0,
    inputs: answersTo(state, now),
    looked: waits.looked,
    ...(paced === undefined ? {} : { paced }),
  })
  const { upcoming, faults = [] } = plan(contactId, played.state, campaigns, facts, until)
  return {
    ...told(played, campaigns, waits),
    held: upcoming.filter(({ paused, status }) => paused || status === 'held'),
    faults,
    cut: played.isCut,
  }
}

/** Another course of things: each is as if it had been ordered at the beginning of the forecast. */
export interface WhatIf {
  /** A definition that is published. Open runs finish at their own versions (VERSION-1). */
  readonly definition?: unknown
  readonly pause?: {
    readonly campaignId: CampaignId
    readonly sequences?: readonly SequenceId[]
    readonly entries?: 'open' | 'closed'
  }
  readonly resume?: { readonly campaignId: CampaignId; readonly overdue?: Overdue; readonly pace?: Pace }
}

/**
 * The campaigns as they would be. The catalogue itself stays as it is.
 *
 * @returns Left: what forbids it
 */
export function campaignsIf(campaigns: Catalog, whatIf: WhatIf, now: Instant): Either<Rejection, Catalog> {
  const catalog = createCatalog(campaigns)
  const meta = { commandId: 'forecast', actor: null }
  const { definition, pause, resume } = whatIf
  const decisions = [
    ...(definition === undefined
      ? []
      : [() => decidePublish({ type: 'PublishCampaign', ...meta, definition }, catalog, now)]),
    ...(pause === undefined
      ? []
      : [() => decidePauseCampaign({ type: 'PauseCampaign', ...meta, entries: 'open', ...pause }, catalog, now)]),
    ...(resume === undefined
      ? []
      : [() => decideResumeCampaign({ type: 'ResumeCampaign', ...meta, overdue: 'shift', ...resume }, catalog, now)]),
  ]
  for (const decision of decisions) {
    const decided: Either<Rejection, { readonly events: readonly CampaignEvent[] }> = decision()
    if (isLeft(decided)) return decided
    for (const event of decided.right.events)
      catalog.apply({ ...event, version: (catalog.find(event.data.campaignId)?.version ?? 0) + 1 })
  }
  return right(catalog)
}

const SENT = { outcome: 'sent' } as const

/** The answers of all handlers that are at work. */
function answersTo(state: ContactState, now: Instant): PlayOptions['inputs'] {
  return state.enrollments.flatMap((enrollment) =>
    enrollment.runs.flatMap(({ run, steps }) =>
      steps.flatMap(({ stepId, resends, ...first }) =>
        [{ ...first, resend: 0 }, ...resends].flatMap(({ status, resend, attempt }) => {
          if (status !== 'dispatched') return []
          const sending = { ...refOf(enrollment), run, stepId, resend, attempt }
          const order = (meta: PlayMeta): RecordOutcome => {
            return { type: 'RecordOutcome', ...meta, ...sending, outcome: SENT, retryAt: now }
          }
          return [{ at: now, happen: (run: Run, meta: PlayMeta) => void run(order(meta)) }]
        }),
      ),
    ),
  )
}

/** What plans have said of steps that wait: since when they are due, and whether for their window. */
function createWaits() {
  const waits = new Map<string, { readonly dueAt: Instant; readonly isShut: boolean }>()
  const nameOf = ({ stepId, occurrence, ...run }: StepRef, resend: number) =>
    JSON.stringify([nameOfRun(run), stepId, occurrence, resend])
  return {
    looked({ due, upcoming }: Plan): void {
      for (const step of due)
        if ('resend' in step && step.resend > 0)
          waits.set(nameOf(step, step.resend), { dueAt: step.dueAt, isShut: false })
      for (const step of upcoming) {
        const isShut = step.opensAt !== undefined
        // A first attempt without a wait has its due instant in its event.
        if (!isShut && step.status === 'pending') continue
        const name = nameOf(step, 0)
        const known = waits.get(name)
        waits.set(name, { dueAt: step.dueAt, isShut: isShut || (known?.dueAt === step.dueAt && known.isShut) })
      }
    },
    of: (step: StepRef & { readonly resend: number }) => waits.get(nameOf(step, step.resend)),
  }
}

function told(
  { events, state }: Played,
  campaigns: Catalog,
  waits: ReturnType<typeof createWaits>,
): Pick<Forecast, 'steps' | 'ends'> {
  const steps: ForecastStep[] = []
  const ends: ForecastEnd[] = []
  /** Runs that a condition has opened, and what those lead to. */
  const uncertain = new Set<string>()
  for (const event of events) {
    const { type, at } = event
    if (type === 'SequenceCompleted') {
      const ref = runIn(event.data)
      const isUncertain = uncertain.has(nameOfRun(ref))
      const starts = event.data.routes.flatMap(({ to, outcome, key, run }) => {
        if (outcome !== 'started' || run === undefined) return []
        const started = { campaignId: ref.campaignId, sequenceId: to, ...(key === undefined ? {} : { key }), run }
        if (isUncertain || isConditional(to, ref, state, campaigns)) uncertain.add(nameOfRun(started))
        return [started]
      })
      ends.push({ ...ref, at, starts, ...(isUncertain ? { conditional: true } : {}) })
    }
    if (type !== 'StepDispatched' && type !== 'StepSkipped' && !(type === 'StepFailed' && event.cause.by === 'step'))
      continue
    const { stepId, resend } = event.data
    const timing = 'timing' in event.data ? event.data.timing : null
    const wait = waits.of(event.data)
    const dueAt = timing?.dueAt ?? wait?.dueAt ?? at
    const isPaced = type === 'StepDispatched' && isPacedDispatch(event.data, campaigns)
    const gate = isPaced ? 'pace' : wait?.isShut === true ? 'window' : 'overdue'
    const shift = isPaced || at > dueAt ? ({ gate, from: dueAt } as const) : null
    const isUncertain = uncertain.has(nameOfRun(event.data)) || ('saw' in event.data && event.data.saw !== undefined)
    steps.push({
      ...runIn(event.data),
      stepId,
      resend,
      at,
      dueAt,
      result: type === 'StepDispatched' ? 'sent' : type === 'StepSkipped' ? 'skipped' : 'failed',
      ...('reason' in event.data ? { reason: event.data.reason } : {}),
      ...(shift === null ? {} : { shift }),
      ...(isUncertain ? { conditional: true } : {}),
    })
  }
  return { steps, ends }
}

/** Whether all ways from the end of a run to a sequence depend on a condition. */
function isConditional(to: SequenceId, ref: RunRef, state: ContactState, campaigns: Catalog): boolean {
  const { campaign } = campaigns.version(ref.campaignId, requireRun(state, ref).campaignVersion)
  const ways = (campaign.sequence(ref.sequenceId).next ?? []).filter((route) => targetOf(route) === to)
  return ways.every((route) => typeof route !== 'string' && ('if' in route || 'otherwise' in route))
}

const runIn = (data: RunRef): RunRef => ({ ...refOf(data), run: data.run })
const nameOfRun = (data: RunRef): string => JSON.stringify([nameOfEnrollment(data), data.run])
