/** The sequences of a contact: those in progress, what is next, and earlier runs. */
import { describeDelivery, refOf } from '@enfold/core'
import type { EnrollmentView, StepView } from '@enfold/engine'
import { html } from 'hono/html'
import type { Html } from './call.ts'
import { whyLink } from './contact-history.ts'
import { order } from './contact-orders.ts'
import { isInProgress, ofYours, type Shown } from './contact-shown.ts'
import { mayGive } from './order-page.ts'
import { offeredFor } from './order-sentences.ts'
import { badge, recordedWhen, table } from './page.ts'
import { when, whenNext } from './when.ts'

export function sequences(shown: Shown, runs: readonly EnrollmentView[]): Html {
  const open = runs.filter(({ status }) => isInProgress(status) || status === 'waiting')
  return html`<section><h2>Sequences in progress</h2>
${open.length === 0 ? html`<p class="empty">None${ofYours(shown.call)}.</p>` : open.map((run) => runCard(shown, run))}</section>`
}

function runCard(shown: Shown, run: EnrollmentView): Html {
  const { call, titles, zone } = shown
  const { campaignId, next, startedAt, status } = run
  const about = titles.sequence(run)
  return html`<article class="card">
<div class="bar"><h3>${titles.sequenceHtml(run)}</h3>
<span>${badge(status)}${next?.campaignPausedSince === undefined ? '' : html` ${badge('campaign paused')}`} <span class="quiet">run ${run.run}, version ${run.campaignVersion}</span></span></div>
<p>Since ${recordedWhen(call, startedAt, zone)}. ${
    next === null
      ? status === 'waiting'
        ? 'All steps are done; waits for a goal.'
        : ''
      : html`Next: <strong><bdi>${next.stepId}</bdi></strong>, ${whenNext(next, call.timeZone, zone)}`
  }</p>
<div class="buttons">
${offeredFor('sequence', run)
  .filter((name) => mayGive(call, name, [campaignId]))
  .map((name) => order(shown, name, refOf(run), about))}
</div>
${variables(run)}
<details${status === 'waiting' ? '' : html` open`}><summary>${run.steps.length === 1 ? 'One step' : `${run.steps.length} steps`}</summary>${stepTable(shown, run)}</details>
</article>`
}

/** What the run began with (VAR-1). */
function variables({ vars = {} }: EnrollmentView): Html | '' {
  const all = Object.entries(vars)
  if (all.length === 0) return ''
  return html`<p class="quiet">With ${all.map(([name, value], i) => html`${i === 0 ? '' : ', '}<bdi>${name}</bdi> = <bdi>${JSON.stringify(value)}</bdi>`)}</p>`
}

function stepTable(shown: Shown, run: EnrollmentView): Html {
  const { call, titles, zone } = shown
  return table(
    `Steps of ${titles.sequence(run)}, run ${run.run}`,
    ['Step', 'Status', 'When', ''],
    run.steps.map(
      (step) => html`<tr>
<th scope="row"><bdi>${step.stepId}</bdi></th>
<td>${badge(step.status)}${step.reason === undefined ? '' : html` <bdi>${step.reason}</bdi>`}${instead(step)}${(step.resends ?? []).map((one) => html` <span class="quiet">resend ${one.resend}: ${one.status}${instead(one)}</span>`)}</td>
<td>${step.at === null ? (run.next?.stepId === step.stepId ? html`due ${when(run.next.dueAt, call.timeZone, zone)}` : '') : recordedWhen(call, step.at, zone)}</td>
<td class="orders">${stepOrders(shown, run, step)}</td>
</tr>`,
    ),
  )
}

/** That it did not go to the contact (DELIVER-3). */
function instead({ deliverTo }: { readonly deliverTo?: string }): Html | '' {
  return deliverTo === undefined ? '' : html` <bdi>${describeDelivery(deliverTo)}</bdi>`
}

function stepOrders(shown: Shown, run: EnrollmentView, step: StepView): Html {
  const { at, call, titles } = shown
  const { stepId } = step
  // Why a step did or did not run is answered as of now.
  if (at !== null) return html``
  const ref = { ...refOf(run), stepId, run: run.run }
  const about = `${stepId} of ${titles.sequence(run)}, run ${run.run}`
  const names = offeredFor('step', { run, step }).filter((name) => mayGive(call, name, [run.campaignId]))
  return html`${names.map((name) => order(shown, name, ref, about))}${whyLink(shown, { step: ref }, about)}`
}

export function upcoming(shown: Shown, runs: readonly EnrollmentView[]): Html {
  const { call, titles, zone } = shown
  const next = runs
    .flatMap((run) => (run.next === null ? [] : [{ run, ...run.next }]))
    .sort((a, b) => ((a.opensAt ?? a.dueAt) < (b.opensAt ?? b.dueAt) ? -1 : 1))
  if (next.length < 2) return html``
  return html`<section><h2>Upcoming</h2>${table(
    'Upcoming steps of all sequences',
    ['When', 'Step', 'Sequence', ''],
    next.map(({ run, stepId, ...moment }) => {
      const step = run.steps.find((one) => one.stepId === stepId)
      return html`<tr>
<td>${whenNext(moment, call.timeZone, zone)}</td>
<th scope="row"><bdi>${stepId}</bdi>${run.status === 'paused' ? html` ${badge('paused')}` : ''}${run.next?.campaignPausedSince === undefined ? '' : html` ${badge('campaign paused')}`}${step?.status === 'held' ? html` ${badge('held')}` : ''}</th>
<td>${titles.sequenceHtml(run)}</td>
<td class="orders">${step === undefined ? '' : stepOrders(shown, run, step)}</td>
</tr>`
    }),
  )}</section>`
}

export function endedRuns(shown: Shown, runs: readonly EnrollmentView[]): Html {
  const { call, titles, zone } = shown
  const ended = runs.filter(({ status }) => status === 'completed' || status === 'stopped').reverse()
  if (ended.length === 0) return html``
  return html`<section><h2>Earlier runs</h2>${ended.map(
    (
      run,
    ) => html`<details class="card"><summary>${titles.sequenceHtml(run)} ${badge(run.status)} <span class="quiet">run ${run.run}</span> ${recordedWhen(call, run.startedAt, zone)} to ${run.endedAt === null ? '?' : recordedWhen(call, run.endedAt, zone)}</summary>
${stepTable(shown, run)}</details>`,
  )}</section>`
}
