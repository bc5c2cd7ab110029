/** `pauseCampaign` and `resumeCampaign`: decided like publications, and answered when the pause holds everywhere (GATE-1 to GATE-3). */
import {
  type CampaignId,
  campaignStream,
  decidePauseCampaign,
  decideResumeCampaign,
  durationMs,
  type Either,
  EnfoldFault,
  type EventStore,
  isLeft,
  type Overdue,
  type Pace,
  type PauseCampaign,
  type PauseCampaignAnswer,
  type Position,
  type RecordedEvent,
  type Rejection,
  type ResumeCampaign,
  type ResumeCampaignAnswer,
  type SequenceId,
} from '@enfold/core'
import { realWait } from './clock.ts'
import { metaOf, ORDER, type Order } from './contact-verbs.ts'
import type { EngineContext } from './engine-context.ts'
import * as input from './input.ts'
import { type CampaignOrder, decideOnCampaign, isGiven } from './publishing.ts'

/** What `pauseCampaign` is told. */
export interface PauseCampaignOrder extends Order {
  /** At least one. Left out: all sequences, those of later versions too. */
  readonly sequences?: readonly SequenceId[]
  /** Whether starts are accepted meanwhile: "closed" refuses them with `CampaignPaused`. Default "open". */
  readonly entries?: 'open' | 'closed'
}

/** What `resumeCampaign` is told. */
export interface ResumeCampaignOrder extends Order {
  /** Default "shift". */
  readonly overdue?: Overdue
  /** `most`: 1 to 1,000,000; `per`: from "PT1S" to "P1D". Left out: as fast as may be. */
  readonly pace?: Pace
}

export interface Pausing {
  /**
   * Holds all steps of the campaign, or of some of its sequences. Once it has answered, no dispatch of them begins, by any
   * worker (GATE-2). Signals, goals, stops and orders apply as ever; resends wait. What was dispatched before is still
   * recorded. Paused already for all that is asked: `already_paused`.
   */
  pauseCampaign(
    campaignId: CampaignId,
    order: PauseCampaignOrder,
  ): Promise<Either<Rejection, PauseCampaignAnswer & { readonly position: Position }>>
  /**
   * Ends all pauses of the campaign. `overdue` says what becomes of waits that ran meanwhile: they are longer by the pause
   * (`shift`), due as they were (`send`), or what fell due is skipped (`skip`). It holds for every contact, whenever its
   * turn comes (GATE-3). `pace`: how many overdue steps begin in a span (GATE-4).
   */
  resumeCampaign(
    campaignId: CampaignId,
    order: ResumeCampaignOrder,
  ): Promise<Either<Rejection, ResumeCampaignAnswer & { readonly position: Position }>>
}

interface Parts {
  readonly context: EngineContext & {
    readonly store: EventStore & { settled?(stream: string, timeoutMs: number): Promise<void> }
  }
  readonly gateMs: number
  /** @throws EnfoldFault `CLOSED` */
  readonly requireOpen: () => void
}

/** How long an append that was checked before the pause may take. */
const SETTLED_MS = 30_000

const sequences: (path: string, value: unknown) => void = (path, value) => {
  input.ids(path, value)
  if ((value as readonly unknown[]).length === 0)
    throw EnfoldFault.invalidInput(path, value, 'at least one sequence; leave it out for all')
}
const PACE_MOST = input.wholeNumber(1, 1_000_000)
const LONGEST_MS = 86_400_000
const span: (path: string, value: unknown) => void = (path, value) => {
  const ms = typeof value === 'string' ? durationMs(value) : null
  if (ms === null || ms < 1000 || ms > LONGEST_MS)
    throw EnfoldFault.invalidInput(path, value, 'an ISO 8601 duration from "PT1S" to "P1D", such as "PT1H"')
}
export const pace: (path: string, value: unknown) => void = (path, value) =>
  input.checkInput(path, value, { most: PACE_MOST, per: span })

const PAUSE = { ...ORDER, 'sequences?': sequences, 'entries?': input.oneOf('open', 'closed') }
const RESUME = { ...ORDER, 'overdue?': input.oneOf('shift', 'send', 'skip'), 'pace?': pace }

export function createPausing({ context, gateMs, requireOpen }: Parts): Pausing {
  const { store, wakeUp } = context
  return {
    async pauseCampaign(campaignId, order) {
      input.id('pauseCampaign.campaignId', campaignId)
      input.checkInput('pauseCampaign.order', order, PAUSE)
      requireOpen()
      const { sequences, entries = 'open' } = order
      const asked = sequences === undefined ? {} : { sequences: [...sequences] }
      const command: PauseCampaign = { type: 'PauseCampaign', campaignId, ...metaOf(order), ...asked, entries }
      const paused = await decideOnCampaign(context, pause(context, command, isGiven(order)))
      if (isLeft(paused)) return paused
      // What was checked before is written by then; what comes later sees the pause. Also where another process paused it
      // a moment ago.
      if (store.settled === undefined) await realWait(gateMs)
      else await store.settled(campaignStream(campaignId), SETTLED_MS)
      return paused
    },
    async resumeCampaign(campaignId, order) {
      input.id('resumeCampaign.campaignId', campaignId)
      input.checkInput('resumeCampaign.order', order, RESUME)
      requireOpen()
      const { overdue = 'shift', pace } = order
      const asked = pace === undefined ? {} : { pace: { ...pace } }
      const command: ResumeCampaign = { type: 'ResumeCampaign', campaignId, ...metaOf(order), overdue, ...asked }
      const resumed = await decideOnCampaign(context, resume(context, command, isGiven(order)))
      wakeUp()
      return resumed
    },
  }
}

function pause(
  { campaigns, clock }: EngineContext,
  command: PauseCampaign,
  isGiven: boolean,
): CampaignOrder<PauseCampaignAnswer> {
  return {
    command,
    isGiven,
    decide: () => decidePauseCampaign(command, campaigns.catalog, clock.now()),
    campaignId: () => command.campaignId,
    answerAgain: ([event]) => againAs(event, 'CampaignPaused', 'paused', 'already_paused'),
  }
}

function resume(
  { campaigns, clock }: EngineContext,
  command: ResumeCampaign,
  isGiven: boolean,
): CampaignOrder<ResumeCampaignAnswer> {
  return {
    command,
    isGiven,
    decide: () => decideResumeCampaign(command, campaigns.catalog, clock.now()),
    campaignId: () => command.campaignId,
    answerAgain: ([event]) => againAs(event, 'CampaignResumed', 'resumed', 'not_paused'),
  }
}

/** The answer of the first time; `null`: the event is of another order. */
function againAs<Done extends string, Unchanged extends string>(
  event: RecordedEvent | undefined,
  type: 'CampaignPaused' | 'CampaignResumed',
  done: Done,
  unchanged: Unchanged,
): { readonly outcome: Done | Unchanged; readonly version: number } | null {
  if (event === undefined) return null
  if (event.type === type) return { outcome: done, version: event.data.campaignVersion }
  if (event.type !== 'CampaignUnchanged' || event.data.outcome !== unchanged) return null
  return { outcome: unchanged, version: event.data.campaignVersion }
}
