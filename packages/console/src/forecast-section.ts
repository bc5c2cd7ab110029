/** What will come if nothing else happens: on the page of a contact, and on that of a campaign (FORECAST-1, FORECAST-2). */
import { epochMsOf, type ForecastStep, type Instant, instantOf } from '@enfold/core'
import type { ForecastCell } from '@enfold/engine'
import { visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { type CampaignCall, type Html, link } from './call.ts'
import type { Shown } from './contact-shown.ts'
import { badge, table } from './page.ts'
import { dayName, fieldTime, instantOfField, when, whenNext } from './when.ts'

/** So many contacts stand for all: a page has to come at once. */
const SAMPLE = 500

const inDays = (now: Instant, days: number): Instant => instantOf(epochMsOf(now) + days * 86_400_000)

export async function contactForecast({ call, contactId, zone, titles, at }: Shown): Promise<Html> {
  // What would have come at an earlier instant is another question.
  if (at !== null) return html``
  const { engine, principal, timeZone } = call
  const forecast = await engine.inspect.forecast(contactId, { until: inDays(engine.inspect.now(), 30) })
  const steps = visibleTo(principal, forecast.steps) as readonly ForecastStep[]
  const held = visibleTo(principal, forecast.held) as typeof forecast.held
  if (steps.length === 0 && held.length === 0) return html``
  return html`<section id="forecast"><h2>The next thirty days</h2>
${table(
  'The next thirty days',
  ['When', 'Step', 'Sequence', 'Remarks'],
  steps.map(
    (step) => html`<tr>
<td>${when(step.at, timeZone, zone)}</td>
<th scope="row"><bdi>${step.stepId}</bdi>${step.result === 'sent' ? '' : html` ${badge(step.result)}`}${step.reason === undefined ? '' : html` <small class="quiet"><bdi>${step.reason}</bdi></small>`}</th>
<td>${titles.sequenceHtml(step)}</td>
<td>${remarks(step, timeZone)}</td>
</tr>`,
  ),
  'Nothing will be sent.',
)}
${held.length === 0 ? '' : html`<h3>Waits for somebody</h3>`}
${
  held.length === 0
    ? ''
    : table(
        'Waits for somebody',
        ['Due', 'Step', 'Sequence'],
        held.map(
          (step) => html`<tr>
<td>${whenNext(step, timeZone, zone)}</td>
<th scope="row"><bdi>${step.stepId}</bdi> ${badge(step.status === 'held' ? 'held' : step.campaignPausedSince === undefined ? 'paused' : 'campaign paused')}</th>
<td>${titles.sequenceHtml(step)}</td>
</tr>`,
        ),
      )
}
<p class="hint">If nothing else happens: every handler succeeds, and what the directory says stays as it is.${forecast.cut ? ' There is more: it ends where 2,000 events have been counted.' : ''}${visibleTo(principal, forecast.faults).length === 0 ? '' : ' Runs whose schedule cannot be computed are left out.'}</p></section>`
}

function remarks({ shift, conditional }: ForecastStep, timeZone: string): Html {
  const later =
    shift === undefined
      ? ''
      : shift.gate === 'overdue'
        ? html`overdue since ${when(shift.from, timeZone)}`
        : shift.gate === 'pace'
          ? html`due ${when(shift.from, timeZone)}, at the earliest: its campaign was resumed with a pace`
          : html`due ${when(shift.from, timeZone)}, waits for its window`
  return html`${later}${later !== '' && conditional === true ? '; ' : ''}${conditional === true ? 'depends on a condition' : ''}`
}

/** Only when asked for: it plays on the contacts that are in the campaign. */
export async function campaignForecast(call: CampaignCall): Promise<Html> {
  const { campaignId } = call.path
  const { engine, request, timeZone, url } = call
  if (!url.searchParams.has('forecast'))
    return html`<p><a href="${link(call, ['campaigns', campaignId], { forecast: 'yes' })}#forecast">Forecast the next two weeks</a></p>`
  const now = engine.inspect.now()
  const days = daysFrom(now, timeZone, DAYS + 1)
  // The last day that is shown ends where the next begins.
  const end = instantOfField(`${days.pop()}T00:00`, timeZone) ?? inDays(now, DAYS)
  const { broken, cells, contacts, due, unseen } = await engine.inspect.forecast({
    until: instantOf(epochMsOf(end) - 1),
    by: 'hour',
    campaignId,
    sample: SAMPLE,
    signal: request.signal,
  })
  const isSample = unseen > 0
  const leftOut = broken.reduce((sum, one) => sum + one.contacts, 0)
  const calendar = calendarOf(cells, (from) => fieldTime(latest(from, now), timeZone).slice(0, 10))
  return html`<section id="forecast"><h2>The next two weeks</h2>
${table(
  'The next two weeks',
  [
    'Day',
    ...calendar.map(
      ({ sequenceId, stepId }) => html`<bdi>${stepId}</bdi> <small class="quiet"><bdi>${sequenceId}</bdi></small>`,
    ),
    'All',
  ],
  days.map((day) => dayRow(day, calendar, isSample)),
)}
<p class="hint">If nothing else happens; days of ${timeZone}${isWholeHours(days, timeZone) ? '' : ', but the hours are those of UTC: what comes within an hour of midnight may stand one day off'}. ${
    leftOut === 0 ? '' : `${leftOut.toLocaleString('en')} contacts are left out, because their facts cannot be had. `
  }${
    isSample
      ? html`Estimated from a sample: ${contacts.toLocaleString('en')} of the ${due.toLocaleString('en')} contacts that are in it and have something to come. Each number of sent steps is right within what follows ±, 95 times out of 100. Where it says 0, up to ${unseen.toLocaleString('en')} may be sent, of each step.`
      : 'Every contact that is in it and has something to come was counted.'
  }</p></section>`
}

const DAYS = 14

const latest = (a: Instant, b: Instant): Instant => (a > b ? a : b)

/** Days of the zone as "2026-03-02", from that of the instant on. */
function daysFrom(now: Instant, timeZone: string, count: number): string[] {
  const first = Date.parse(`${fieldTime(now, timeZone).slice(0, 10)}T00:00:00.000Z`)
  return Array.from({ length: count }, (_, i) => instantOf(first + i * 86_400_000).slice(0, 10))
}

/** Whether hours of UTC are hours of the zone, on the first and on the last day. */
function isWholeHours(days: readonly string[], timeZone: string): boolean {
  return [days[0], days.at(-1)].every((day) => fieldTime(`${day}T12:00:00.000Z`, timeZone).slice(14, 16) === '00')
}

type Day = Pick<ForecastCell, 'sent' | 'skipped' | 'conditional' | 'error'>

interface StepDays extends Pick<ForecastCell, 'sequenceId' | 'stepId'> {
  readonly days: Map<string, Day>
}

const NOTHING: Day = { sent: 0, skipped: 0, conditional: 0, error: 0 }

/** A sum is within the sum of the errors at least as often as its parts are within theirs. */
const sumOf = (a: Day, b: Day): Day => ({
  sent: a.sent + b.sent,
  skipped: a.skipped + b.skipped,
  conditional: a.conditional + b.conditional,
  error: a.error + b.error,
})

/** Hours added up to days, by step, in the order in which steps come first. */
function calendarOf(cells: readonly ForecastCell[], dayOf: (from: Instant) => string): readonly StepDays[] {
  const steps = new Map<string, StepDays>()
  for (const cell of cells) {
    const { sequenceId, stepId } = cell
    const name = JSON.stringify([sequenceId, stepId])
    const step = steps.get(name) ?? { sequenceId, stepId, days: new Map<string, Day>() }
    const day = dayOf(cell.from)
    steps.set(name, step)
    step.days.set(day, sumOf(step.days.get(day) ?? NOTHING, cell))
  }
  return [...steps.values()]
}

function dayRow(day: string, calendar: readonly StepDays[], isSample: boolean): Html {
  const counts = calendar.map(({ days }) => days.get(day) ?? NOTHING)
  const number = ({ sent, skipped, conditional, error }: Day) => {
    const more = [
      ...(skipped === 0 ? [] : [`${skipped.toLocaleString('en')} skipped or failed`]),
      ...(conditional === 0 ? [] : [`${conditional.toLocaleString('en')} conditional`]),
    ]
    return html`<td class="number">${sent.toLocaleString('en')}${isSample && sent > 0 ? ` ± ${error.toLocaleString('en')}` : ''}${more.length === 0 ? '' : html` <small class="quiet">${more.join(', ')}</small>`}</td>`
  }
  return html`<tr>
<th scope="row"><time datetime="${day}">${dayName(day)}</time></th>
${counts.map(number)}
${number(counts.reduce(sumOf, NOTHING))}
</tr>`
}
