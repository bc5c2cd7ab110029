/** What an order on a campaign would do, told before it is given: for `--dry-run`, and for the question before it. */
import {
  type CampaignId,
  campaignUnknown,
  describeRejection,
  epochMsOf,
  instantOf,
  type Overdue,
  type Pace,
  type Rejection,
  type SequenceId,
} from '@enfold/core'
import type { CampaignView, Engine, HeldByPause } from '@enfold/engine'
import { type Streams, writeLine } from './streams.ts'
import { counted, jsonText, named, paintFor, plain } from './text.ts'

/** What would be, as data and in words. */
export interface CampaignEffect {
  readonly json: object
  readonly lines: readonly string[]
  /** Whether it is asked about: it holds, stops or sends something. Of a stop and a pause, of more than one run. */
  readonly isAsked: boolean
}

/** @returns false: it would be refused */
export async function tellEffect(
  { stdout, stderr }: Streams,
  campaignId: CampaignId,
  effect: CampaignEffect | Rejection,
  { json = false }: { readonly json?: boolean },
): Promise<boolean> {
  if ('type' in effect) {
    const message = plain(describeRejection(effect))
    if (json) await writeLine(stdout, jsonText({ campaignId, dryRun: true, rejection: effect, message }))
    else await writeLine(stderr, paintFor(stderr)('red', message))
    return false
  }
  await writeLine(stdout, json ? jsonText({ campaignId, dryRun: true, ...effect.json }) : effect.lines.join('\n'))
  return true
}

async function found(engine: Engine, campaignId: CampaignId): Promise<CampaignView | Rejection> {
  return (await engine.inspect.campaign(campaignId)) ?? campaignUnknown(campaignId, await engine.inspect.campaigns())
}

// --- Unpublish ------------------------------------------------------------------------------------------------------

export async function ifUnpublished(
  engine: Engine,
  campaignId: CampaignId,
  stopRuns: boolean,
): Promise<CampaignEffect | Rejection> {
  const view = await found(engine, campaignId)
  if ('type' in view) return view
  const counts = await engine.inspect.counts({ campaignId })
  const runs = counts.reduce((sum, { active, waiting }) => sum + active + waiting, 0)
  const name = named(campaignId)
  const of = stopRuns ? ` and stop ${counted(runs, 'run')}` : runs === 0 ? '' : `; ${counted(runs, 'run')} would go on`
  const nothing = !view.published && (!stopRuns || runs === 0)
  return {
    json: { published: view.published, runs, stopRuns },
    lines: [nothing ? `${name} is not published: nothing would change.` : `This would unpublish ${name}${of}.`],
    isAsked: stopRuns && runs > 1,
  }
}

// --- Pause ----------------------------------------------------------------------------------------------------------

const DAYS = 7
/** So many contacts stand for all. */
const SAMPLE = 2000

/** Runs that a pause would hold, and the steps of the next days that would not go out (GATE-1). */
export async function ifPaused(
  engine: Engine,
  campaignId: CampaignId,
  { sequences }: { readonly sequences?: readonly SequenceId[] },
): Promise<CampaignEffect | Rejection> {
  const view = await found(engine, campaignId)
  if ('type' in view) return view
  const counts = await engine.inspect.counts({ campaignId })
  const known = counts.map(({ sequenceId }) => sequenceId)
  const unknown = sequences?.find((id) => !known.includes(id))
  if (unknown !== undefined) return { type: 'SequenceUnknown', campaignId, sequenceId: unknown, known }
  const isHeld = (id: SequenceId) =>
    view.paused !== undefined && (view.paused.sequences === null || view.paused.sequences.includes(id))
  const asked = counts.filter(({ sequenceId }) => sequences?.includes(sequenceId) !== false && !isHeld(sequenceId))
  const until = instantOf(epochMsOf(engine.inspect.now()) + DAYS * 86_400_000)
  const { cells, unseen } = await engine.inspect.forecast({ until, by: 'day', campaignId, sample: SAMPLE })
  const isSample = unseen > 0
  const held = asked.map(({ sequenceId, active }) => ({
    sequenceId,
    runs: active,
    steps: cells.reduce((sum, cell) => sum + (cell.sequenceId === sequenceId ? cell.sent : 0), 0),
  }))
  const runs = held.reduce((sum, one) => sum + one.runs, 0)
  const name = named(campaignId)
  const lines = held.map(
    (one) =>
      `  ${named(one.sequenceId)}: ${counted(one.runs, 'run')} in progress; ${isSample ? 'about ' : ''}${counted(one.steps, 'step')} due in the next ${DAYS} days`,
  )
  return {
    json: { until, isSample, sequences: held },
    lines:
      held.length === 0
        ? [`${name} is paused already for that: nothing more would be held.`]
        : [`This would pause ${name}: nothing of it goes out until it is resumed.`, ...lines],
    isAsked: runs > 1,
  }
}

// --- Resume ---------------------------------------------------------------------------------------------------------

/** What a resume makes of the overdue runs, step by step (GATE-5). */
export async function ifResumed(
  engine: Engine,
  campaignId: CampaignId,
  { overdue, pace }: { readonly overdue: Overdue; readonly pace?: Pace },
): Promise<CampaignEffect | Rejection> {
  const held = await engine.inspect.heldByPause(campaignId, pace === undefined ? {} : { pace })
  if (held === null) return campaignUnknown(campaignId, await engine.inspect.campaigns())
  const name = named(campaignId)
  const json = { overdue, ...(pace === undefined ? {} : { pace }), held }
  if (held.since === null) return { json, lines: [`${name} is not paused: nothing would change.`], isAsked: false }
  const slower = pace === undefined ? '' : `, at most ${counted(pace.most, 'overdue step')} in each ${pace.per}`
  // What a resume makes later or leaves out stays so when the campaign is paused again.
  const end = overdue === 'send' ? '' : ' Nothing undoes that.'
  return {
    json,
    lines: [
      `This would resume ${name}${slower}.${end}`,
      ...(held.steps.length === 0 ? ['  Nothing fell due so far.'] : held.steps.map((step) => stepLine(step, overdue))),
    ],
    isAsked: held.steps.length > 0,
  }
}

function stepLine(step: HeldByPause['steps'][number], overdue: Overdue): string {
  const { go, skip, first, last } = step.choices[overdue]
  const going = go === 0 ? '' : `${go} go ${first === last ? `at ${first}` : `from ${first} to ${last}`}`
  const skipped = skip === 0 ? '' : `${skip} skipped`
  const effect = [going, skipped].filter((part) => part !== '').join(', ')
  return `  ${named(step.stepId)} of ${named(step.sequenceId)}: ${counted(step.overdue, 'run')} overdue; ${effect}`
}
