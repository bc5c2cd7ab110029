/** `enfold forecast`: what will come if nothing else happens, of one contact or of all (FORECAST-1 to FORECAST-3). Only looks. */
import {
  type CampaignId,
  type ContactId,
  campaignUnknown,
  describeRejection,
  epochMsOf,
  type ForecastStep,
  type Instant,
  instantOf,
  type WhatIf,
} from '@enfold/core'
import type { ContactForecast, Engine, ForecastTotals } from '@enfold/engine'
import { UsageError } from './errors.ts'
import { createProgress } from './progress.ts'
import type { Answer } from './questions.ts'
import { counted, named, type Paint, plain, sequenceName, table } from './text.ts'
import { type OrderOptions, withEngine } from './with-engine.ts'

/** Until an instant, or for so many days from now on. */
export type Span = { readonly until: Instant } | { readonly days: number }

const untilOf = (span: Span): Instant => ('until' in span ? span.until : instantOf(Date.now() + span.days * 86_400_000))

export async function queryContactForecast(
  url: string,
  contactId: ContactId,
  span: Span,
  whatIf: WhatIf | null,
  options: OrderOptions,
): Promise<Answer> {
  return withEngine(url, 'read', options, async (engine) => {
    const until = checked(untilOf(span))
    await requireKnown(engine, campaignIn(whatIf))
    const query = { until, ...(whatIf === null ? {} : { whatIf }) }
    const { faults, ...rest } = await engine.inspect.forecast(contactId, query)
    const json = { ...rest, faults: faults.map(({ error: _, ...run }) => run) }
    return { json, text: (paint) => [contactText(paint, { ...rest, faults }, options), ...supposed(whatIf)].join('\n') }
  })
}

export interface TotalsQuery {
  readonly by: 'day' | 'hour'
  readonly campaignId?: CampaignId
  readonly sample?: number
  readonly whatIf?: WhatIf
}

export async function queryForecast(
  url: string,
  query: TotalsQuery,
  span: Span,
  options: OrderOptions,
  stderr: NodeJS.WriteStream,
): Promise<Answer> {
  return withEngine(url, 'read', options, async (engine) => {
    const until = checked(untilOf(span))
    await requireKnown(engine, query.campaignId)
    const progress = createProgress(stderr, undefined, 'contacts')
    try {
      const json = await engine.inspect.forecast({
        ...query,
        until,
        onProgress: ({ contacts }) => progress.show(contacts, null),
      })
      return {
        json,
        text: (paint) => [totalsText(paint, json, query, options), ...supposed(query.whatIf ?? null)].join('\n'),
      }
    } finally {
      progress.done()
    }
  })
}

const campaignIn = (whatIf: WhatIf | null) => whatIf?.pause?.campaignId ?? whatIf?.resume?.campaignId

async function requireKnown(engine: Engine, campaignId: CampaignId | undefined): Promise<void> {
  const known = await engine.inspect.campaigns()
  if (campaignId !== undefined && !known.some((one) => one.campaignId === campaignId))
    throw new UsageError(describeRejection(campaignUnknown(campaignId, known)))
}

/** What else is taken to happen now. */
function supposed(whatIf: WhatIf | null): readonly string[] {
  const { definition, pause, resume } = whatIf ?? {}
  return [
    ...(definition === undefined ? [] : ['As if the definition were published now; open runs keep their own.']),
    ...(pause === undefined ? [] : [`As if ${named(pause.campaignId)} were paused now.`]),
    ...(resume === undefined
      ? []
      : [`As if ${named(resume.campaignId)} were resumed now: ${resume.overdue ?? 'shift'}.`]),
  ]
}

function checked(until: Instant): Instant {
  const now = Date.now()
  if (epochMsOf(until) > now && epochMsOf(until) <= now + TEN_YEARS_MS) return until
  throw new UsageError(`A forecast ends after now, within ten years, and not at ${until}.`)
}

const TEN_YEARS_MS = 10 * 365 * 86_400_000

/** What the numbers rest on. */
function basis({ hostModule }: OrderOptions): string {
  const facts = hostModule === undefined ? ' Without zones and fields of contacts: --host-module FILE asks yours.' : ''
  return `If nothing else happens, and every handler succeeds.${facts}`
}

// --- One contact ----------------------------------------------------------------------------------------------------

function contactText(paint: Paint, forecast: ContactForecast, options: OrderOptions): string {
  const { contactId, from, until, steps, held, faults, cut, factsFault } = forecast
  return [
    `What ${named(contactId)} will come to from ${from} until ${until}`,
    '',
    table(
      paint,
      ['when', 'what', 'step', 'of', 'run', 'remarks'],
      steps.map((step) => [
        step.at,
        plain(step.reason === undefined ? step.result : `${step.result}: ${step.reason}`),
        named(step.stepId) + (step.resend === 0 ? '' : `, resend ${step.resend}`),
        sequenceName(step),
        String(step.run),
        remarksOf(step),
      ]),
    ),
    ...(held.length === 0
      ? []
      : [
          '',
          'Until then these wait for somebody:',
          table(
            paint,
            ['due', 'why', 'step', 'of', 'run'],
            held.map((step) => [
              step.dueAt,
              step.status === 'held' ? 'held' : step.campaignPausedSince === undefined ? 'paused' : 'campaign paused',
              named(step.stepId),
              sequenceName(step),
              String(step.run),
            ]),
          ),
        ]),
    ...faults.map((run) => paint('red', `No schedule can be computed for ${sequenceName(run)}, run ${run.run}.`)),
    ...(cut ? [paint('red', 'There is more: this ends where 2,000 events have been counted.')] : []),
    ...(factsFault === undefined ? [] : [`Without facts, ${factsFault.code}: ${plain(factsFault.message)}`]),
    basis(options),
  ].join('\n')
}

function remarksOf({ shift, conditional }: ForecastStep): string {
  const later =
    shift === undefined
      ? []
      : [
          {
            overdue: `overdue since ${shift.from}`,
            window: `due ${shift.from}, waits for its window`,
            pace: `due ${shift.from}, at the earliest: its campaign was resumed with a pace`,
          }[shift.gate],
        ]
  return [...later, ...(conditional === true ? ['depends on a condition'] : [])].join('; ')
}

// --- All contacts ---------------------------------------------------------------------------------------------------

function totalsText(paint: Paint, totals: ForecastTotals, { by }: TotalsQuery, options: OrderOptions): string {
  const { from, until, cells, due, contacts, unseen, broken, cut } = totals
  const isSample = unseen > 0
  const said = (count: number) => count.toLocaleString('en')
  return [
    `What will come by ${by} from ${from} until ${until}, in UTC`,
    '',
    table(
      paint,
      [by, 'step', 'sent', ...(isSample ? ['within'] : []), 'skipped or failed', 'conditional'],
      cells.map((cell) => [
        cell.from.slice(0, by === 'day' ? 10 : 16),
        `${named(cell.stepId)} of ${sequenceName(cell)}`,
        said(cell.sent),
        ...(isSample ? [`± ${said(cell.error)}`] : []),
        said(cell.skipped),
        said(cell.conditional),
      ]),
    ),
    isSample
      ? `Estimated from ${counted(contacts, 'contact')} of ${said(due)}: each number of sent steps is right within what is said, 95 times out of 100. Of what is not in the table up to ${said(unseen)} may be sent, of each step.`
      : `Of ${counted(contacts, 'contact')}.`,
    ...broken.map(
      ({ code, contacts, message }) => `${counted(contacts, 'contact')} left out, ${code}: ${plain(message)}`,
    ),
    ...(cut === 0 ? [] : [`Of ${counted(cut, 'contact')} there is more than 2,000 events, which are not counted.`]),
    basis(options),
  ].join('\n')
}
