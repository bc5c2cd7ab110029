/** `enfold funnel`: how many runs came to each step of a campaign, and where they are (FUNNEL-3). */
import type { Funnel, FunnelQuery, SequenceNumbers, StepNumbers } from '@enfold/core'
import { funnelOfLog } from '@enfold/core/log'
import { createEngine } from '@enfold/engine'
import { InvalidLogError } from './errors.ts'
import { createProgress } from './progress.ts'
import type { Answer } from './questions.ts'
import type { Source } from './source.ts'
import { named, type Paint, table } from './text.ts'

/** Of a store from its counters, or of a period from its log; of a file from the file. */
export async function queryFunnel(
  source: Source,
  campaignId: string,
  query: FunnelQuery,
  stderr: NodeJS.WriteStream,
): Promise<Answer> {
  const funnel = await numbersOf(source, campaignId, query, stderr)
  if (funnel === null)
    throw new InvalidLogError(
      `The log tells of no campaign ${named(campaignId)}${query.version === undefined ? '' : `, or of no version ${query.version} of it`}. See: enfold replay.`,
    )
  return { json: funnel, text: (paint) => textOf(paint, funnel) }
}

async function numbersOf(
  { store, batches }: Source,
  campaignId: string,
  query: FunnelQuery,
  stderr: NodeJS.WriteStream,
): Promise<Funnel | null> {
  if (store === null) return funnelOfLog(batches(), campaignId, query)
  const progress = createProgress(stderr, undefined, 'contacts')
  const engine = createEngine({ store, handlers: {} })
  try {
    return await engine.inspect.funnel(campaignId, {
      ...query,
      onProgress: ({ contacts }) => progress.show(contacts, null),
    })
  } finally {
    progress.done()
    await engine.close()
  }
}

function textOf(paint: Paint, { campaignId, version, from, to, complete, sequences, goals }: Funnel): string {
  const period = [...(from === null ? [] : [`from ${from}`]), ...(to === null ? [] : [`until ${to}`])].join(' ')
  return [
    `${named(campaignId)}, ${version === null ? 'all versions' : `version ${version}`}${period === '' ? '' : `: by how much it changed ${period}`}`,
    ...(complete
      ? []
      : [
          paint('red', 'The numbers are not complete: events are missing. Count them once with engine.rebuildIndex().'),
        ]),
    ...sequences.flatMap((one) => ['', ...sequenceText(paint, one)]),
    ...(goals.length === 0 ? [] : ['', goalText(paint, goals)]),
  ].join('\n')
}

const said = (count: number) => count.toLocaleString('en')

function sequenceText(paint: Paint, sequence: SequenceNumbers): readonly string[] {
  const { sequenceId, started, open, active, paused, waiting, completed, stopped, stoppedBy, steps } = sequence
  const parts = (all: readonly (readonly [string, number])[]) => {
    const some = all.filter(([, count]) => count !== 0).map(([name, count]) => `${said(count)} ${name}`)
    return some.length === 0 ? '' : ` (${some.join(', ')})`
  }
  const by = Object.entries(stoppedBy).map(([name, count]) => [`by ${name}`, count] as const)
  return [
    `${paint('bold', named(sequenceId))}: ${said(started)} started, ${said(open)} open${parts([
      ['active', active],
      ['paused', paused],
      ['waiting', waiting],
    ])}, ${said(completed)} completed, ${said(stopped)} stopped${parts(by)}`,
    table(
      paint,
      ['step', 'reached', 'waiting', 'in flight', 'held', 'sent', 'failed', 'skipped', 'cancelled', 'passed', 'left'],
      steps.map((step) => [named(step.stepId), ...countsOf(step)]),
    ),
  ]
}

function countsOf(step: StepNumbers): readonly string[] {
  const { reached, waiting, inFlight, held, sent, failed, skipped, cancelled, passed, left, reasons } = step
  const why = reasons.map(({ reason, count }) => `${named(reason)} ${said(count)}`).join(', ')
  return [
    ...[reached, waiting, inFlight, held, sent, failed].map(said),
    why === '' ? said(skipped) : `${said(skipped)} (${why})`,
    ...[cancelled, passed, left].map(said),
  ]
}

function goalText(paint: Paint, goals: Funnel['goals']): string {
  return table(
    paint,
    ['goal', 'satisfied', 'from'],
    goals.map(({ goalId, satisfied, from }) => [
      named(goalId),
      said(satisfied),
      from.map(({ sequenceId, runs }) => `${named(sequenceId)} ${said(runs)}`).join(', '),
    ]),
  )
}
