/**
 * How many overdue steps of a campaign begin after a resume with a pace: so many in each span, counted from the resume
 * (GATE-4). What was begun is counted in the log, so that workers who know nothing of one another keep one pace. A worker
 * looks before each claim, and has at most a portion claimed that is not in the log yet, which no other worker can see: that
 * much it may be over, and no more.
 */
import {
  type CampaignId,
  campaignStream,
  drainedLane,
  durationMs,
  epochMsOf,
  type Instant,
  isCampaignEvent,
  type PacedCampaign,
  type Position,
  pausedLane,
  type ReadModel,
} from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import type { Limits } from './limits.ts'

/** A worker has at most this part of what a span allows claimed and not yet recorded as begun. */
const PORTIONS = 10
const DRAIN = drainedLane('').kind

interface Pace {
  readonly campaignId: CampaignId
  readonly resumedAt: Instant
  readonly most: number
  readonly perMs: number
  /** The log is counted up to here. */
  position: Position
  /** The span that is counted, 0, 1, 2 … since the resume, and how many began in it. */
  span: number
  begun: number
  /** Claimed, and not recorded as begun. */
  pending: number
  /** Begun by this worker since the last look. */
  fresh: number
  /** Whether anything waits for the pace. */
  isWaiting: boolean
}

export interface DrainPace {
  readonly most: number
  readonly per: string
}

/** What was reserved for one claim. */
export interface Permit {
  /** Its dispatch is recorded. Returns whether another claim may be allowed by that. */
  begun(): boolean
  /** The work on the claim is over. `used`: whether anything was dispatched. */
  giveBack(used: boolean): void
}

interface Paces extends Omit<Limits, 'reserve'> {
  /** Of a lane without a pace: `null`. */
  reserve(kind: string): Permit | null
  /** Overdue steps of all campaigns begin by this pace from now on, in this process; `null`: no longer. */
  drain(pace: DrainPace | null): void
  /** Whether anything waits for the pace of `drain`, by the last look. */
  isDraining(): boolean
  /** Counts what was begun since the last look. Reads nothing while no contact waits for a pace. */
  look(): Promise<void>
}

function uncounted(
  { most, per, ...named }: DrainPace & Pick<Pace, 'campaignId' | 'resumedAt'>,
  position: Position,
): Pace {
  const perMs = durationMs(per) ?? 1
  return { ...named, most, perMs, position, span: 0, begun: 0, pending: 0, fresh: 0, isWaiting: false }
}

function spanAt({ resumedAt, perMs }: Pace, ms: number): number {
  return Math.floor((ms - epochMsOf(resumedAt)) / perMs)
}

/** Counts by the log what was begun, by whatever worker. Only what began in the span of now counts. */
async function countBegun(store: EngineContext['store'], pace: Pace, span: number): Promise<void> {
  const { campaignId, fresh, resumedAt } = pace
  if (span !== pace.span) pace.begun = 0
  pace.span = span
  for await (const event of store.readAll(pace.position, { streams: 'contacts' })) {
    pace.position = event.position
    if (isCampaignEvent(event) || event.type !== 'StepDispatched' || event.data.campaignId !== campaignId) continue
    const { timing } = event.data
    if (timing !== null && timing.dueAt <= resumedAt && spanAt(pace, epochMsOf(event.at)) === span) pace.begun += 1
  }
  pace.fresh -= fresh
}

/** Where a campaign's last resume stands in the log: nothing began by its pace before it. */
async function placeOfResume(store: EngineContext['store'], campaignId: CampaignId): Promise<Position> {
  const stream = campaignStream(campaignId)
  const events = (await store.readMany([stream])).get(stream) ?? []
  return events.findLast(({ type }) => type === 'CampaignResumed')?.position ?? 0
}

/** How many permits of a pace are used up or gone by, for `createPaceQueue`. Reads the log from the resume on. */
export async function usedBy(store: EngineContext['store'], paced: PacedCampaign, now: Instant): Promise<number> {
  const { pace: ofCampaign, ...named } = paced
  const pace = uncounted({ ...named, ...ofCampaign }, await placeOfResume(store, paced.campaignId))
  const span = spanAt(pace, epochMsOf(now))
  await countBegun(store, pace, span)
  return span * pace.most + Math.min(pace.most, pace.begun)
}

/** Counts what this process began itself, which it knows without the log. */
function countOwn(pace: Pace, span: number): void {
  if (span !== pace.span) pace.begun = 0
  pace.span = span
  pace.begun += pace.fresh
  pace.fresh = 0
}

export function createPaces(
  { campaigns, clock, store }: Pick<EngineContext, 'campaigns' | 'clock' | 'store'>,
  readModel: Pick<ReadModel, 'backlog'>,
): Paces {
  const paces = new Map<string, Pace>()
  const nowMs = () => epochMsOf(clock.now())

  function leftOf(pace: Pace): number {
    const begun = pace.span === spanAt(pace, nowMs()) ? pace.begun : 0
    return Math.max(0, pace.most - begun - pace.fresh - pace.pending)
  }

  async function paceOf({ campaignId, resumedAt, pace }: PacedCampaign): Promise<Pace> {
    const { kind } = pausedLane(campaignId)
    const known = paces.get(kind)
    if (known?.resumedAt === resumedAt) return known
    const made = uncounted({ campaignId, resumedAt, ...pace }, await placeOfResume(store, campaignId))
    paces.set(kind, made)
    return made
  }

  return {
    drain(pace) {
      campaigns.catalog.drained.at = pace === null ? null : clock.now()
      if (pace === null) paces.delete(DRAIN)
      else paces.set(DRAIN, uncounted({ campaignId: '', resumedAt: clock.now(), ...pace }, 0))
    },
    isDraining: () => paces.get(DRAIN)?.isWaiting === true,
    async look() {
      const paced = campaigns.catalog.paced()
      const drained = paces.get(DRAIN)
      if (paced.length === 0 && drained === undefined) {
        paces.clear()
        return
      }
      const kinds = paced.map(({ campaignId }) => pausedLane(campaignId).kind)
      if (drained !== undefined) kinds.push(DRAIN)
      const waiting = new Set((await readModel.backlog(kinds, clock.now())).map(({ kind }) => kind))
      for (const kind of paces.keys()) if (!kinds.includes(kind)) paces.delete(kind)
      if (drained !== undefined) {
        drained.isWaiting = waiting.has(DRAIN)
        countOwn(drained, spanAt(drained, nowMs()))
      }
      for (const one of paced) {
        const pace = await paceOf(one)
        pace.isWaiting = waiting.has(pausedLane(one.campaignId).kind)
        if (pace.isWaiting) await countBegun(store, pace, spanAt(pace, nowMs()))
      }
    },
    capacity() {
      const capacity = new Map<string, number>()
      for (const [kind, pace] of paces)
        capacity.set(kind, Math.max(0, Math.min(leftOf(pace), Math.ceil(pace.most / PORTIONS) - pace.pending)))
      return capacity
    },
    reserve(kind) {
      const pace = paces.get(kind)
      if (pace === undefined) return null
      pace.pending += 1
      let isOver = false
      const end = (used: boolean) => {
        if (isOver) return false
        isOver = true
        pace.pending -= 1
        if (used) pace.fresh += 1
        return true
      }
      return { begun: () => end(true), giveBack: end }
    },
    waitMs() {
      const waits = [...paces.values()].flatMap((pace) => {
        if (!pace.isWaiting || leftOf(pace) > 0) return []
        const now = nowMs()
        return epochMsOf(pace.resumedAt) + (spanAt(pace, now) + 1) * pace.perMs - now
      })
      return waits.length === 0 ? 0 : Math.max(1, Math.min(...waits))
    },
  }
}

/** Limits of kinds, and paces of campaigns, as one. */
export interface Permits extends Omit<Paces, 'reserve'> {
  reserve(kind: string): Permit
}

export function bothOf(limits: Limits, paces: Paces): Permits {
  return {
    look: paces.look,
    drain: paces.drain,
    isDraining: paces.isDraining,
    capacity: () => new Map([...limits.capacity(), ...paces.capacity()]),
    reserve(kind) {
      const giveBack = limits.reserve(kind)
      const pace = paces.reserve(kind)
      return {
        begun: () => pace?.begun() ?? false,
        giveBack(used) {
          giveBack(used)
          pace?.giveBack(used)
        },
      }
    },
    waitMs() {
      const waits = [limits.waitMs(), paces.waitMs()].filter((ms) => ms > 0)
      return waits.length === 0 ? 0 : Math.min(...waits)
    },
  }
}
