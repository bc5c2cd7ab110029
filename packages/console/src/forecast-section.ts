/** What will come if nothing else happens: on the page of a contact, and on that of a campaign (FORECAST-1, FORECAST-2). */
import { epochMsOf, type ForecastStep, type Instant, instantOf } from '@enfold/core'
import type { ForecastCell } from '@enfold/engine'
import { visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { type CampaignCall, type Html, link } from './call.ts'
import type { Shown } from './contact-shown.ts'
import { badge, table } from './page.ts'
import { when, whenNext } from './when.ts'

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

/** Only when asked for: it reads the whole schedule. */
export async function campaignForecast(call: CampaignCall): Promise<Html> {
  const { campaignId } = call.path
  const { engine, request, url } = call
  if (!url.searchParams.has('forecast'))
    return html`<p><a href="${link(call, ['campaigns', campaignId], { forecast: 'yes' })}#forecast">Forecast the next two weeks</a></p>`
  const { broken, cells, contacts, due, unseen } = await engine.inspect.forecast({
    until: inDays(engine.inspect.now(), 14),
    by: 'day',
    campaignId,
    sample: SAMPLE,
    signal: request.signal,
  })
  const isSample = unseen > 0
  const leftOut = broken.reduce((sum, one) => sum + one.contacts, 0)
  return html`<section id="forecast"><h2>The next two weeks</h2>
${table(
  'The next two weeks',
  ['Day', 'Step', 'Sequence', 'Sent', 'Skipped or failed', 'Conditional'],
  cells.map((cell) => cellRow(cell, isSample)),
  isSample ? 'Of the contacts that were drawn, none is sent anything.' : 'Nothing will be sent.',
)}
<p class="hint">If nothing else happens, by day in UTC. ${
    leftOut === 0 ? '' : `${leftOut.toLocaleString('en')} contacts are left out, because their facts cannot be had. `
  }${
    isSample
      ? html`Estimated from a sample: ${contacts.toLocaleString('en')} of the ${due.toLocaleString('en')} contacts that are in it and have something to come. Each number of sent steps is right within what follows ±, 95 times out of 100. Of what is not in the table up to ${unseen.toLocaleString('en')} may be sent, of each step.`
      : 'Every contact that is in it and has something to come was counted.'
  }</p></section>`
}

const cellRow = ({ from, stepId, sequenceId, sent, skipped, conditional, error }: ForecastCell, isSample: boolean) =>
  html`<tr>
<td><time datetime="${from}">${from.slice(0, 10)}</time></td>
<th scope="row"><bdi>${stepId}</bdi></th>
<td><bdi>${sequenceId}</bdi></td>
<td class="number">${sent.toLocaleString('en')}${isSample ? ` ± ${error.toLocaleString('en')}` : ''}</td>
<td class="number">${skipped.toLocaleString('en')}</td>
<td class="number">${conditional.toLocaleString('en')}</td>
</tr>`
