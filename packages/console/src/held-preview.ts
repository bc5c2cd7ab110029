/** What a pause of a campaign would hold, before it is confirmed: runs in progress, and the steps of the next days. */
import { type CampaignId, epochMsOf, instantOf, type SequenceId } from '@enfold/core'
import { html } from 'hono/html'
import type { Call, Html } from './call.ts'

/** How far ahead steps are counted. */
const DAYS = 7
/** So many contacts stand for all. */
const SAMPLE = 500
/** A page with which mail is stopped has to come soon: without the steps, if those cannot be had by then. */
const TIME_LIMIT_MS = 5000

interface Held {
  readonly sequenceId: SequenceId
  /** In progress. */
  readonly runs: number
  /** Due within the next days; `null`: not counted. */
  readonly steps: number | null
}

export interface WouldHold {
  /** In the order of the newest version, then those that only older versions have. */
  readonly sequences: readonly Held[]
  readonly isSample: boolean
}

export async function wouldHold({ engine, request }: Call, campaignId: CampaignId): Promise<WouldHold> {
  const counts = await engine.inspect.counts({ campaignId })
  const timeLimit = AbortSignal.timeout(TIME_LIMIT_MS)
  const until = instantOf(epochMsOf(engine.inspect.now()) + DAYS * 86_400_000)
  const signal = AbortSignal.any([request.signal, timeLimit])
  const forecast = await engine.inspect
    .forecast({ until, by: 'day', campaignId, sample: SAMPLE, signal })
    .catch((error: unknown) => {
      if (timeLimit.aborted) return null
      throw error
    })
  const steps = new Map<SequenceId, number>()
  for (const { sequenceId, sent } of forecast?.cells ?? []) steps.set(sequenceId, (steps.get(sequenceId) ?? 0) + sent)
  return {
    sequences: counts.map(({ sequenceId, active }) => ({
      sequenceId,
      runs: active,
      steps: forecast === null ? null : (steps.get(sequenceId) ?? 0),
    })),
    isSample: forecast !== null && forecast.unseen > 0,
  }
}

/** "3 runs in progress; 5 steps due in the next 7 days" */
export function heldText(some: readonly Held[], { isSample }: Pick<WouldHold, 'isSample'>): Html {
  const runs = some.reduce((sum, one) => sum + one.runs, 0)
  const counted = some.flatMap(({ steps }) => (steps === null ? [] : [steps]))
  const steps = counted.reduce((sum, one) => sum + one, 0)
  const ahead =
    counted.length < some.length
      ? ''
      : `; ${isSample ? 'about ' : ''}${steps.toLocaleString('en')} step${steps === 1 ? '' : 's'} due in the next ${DAYS} days`
  return html`${runs.toLocaleString('en')} run${runs === 1 ? '' : 's'} in progress${ahead}`
}
