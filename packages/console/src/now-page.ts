/** Now: what is due and late, what waits for a person, how the dispatcher does, and what went out lately. */
import { epochMsOf } from '@enfold/core'
import type { Activity, Health, Overdue, OverdueStep } from '@enfold/engine'
import { visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { attentionSection } from './attention-page.ts'
import { type Call, type Html, link, may } from './call.ts'
import { barChart, lineChart } from './chart.ts'
import { badge, contactLink, type Page, recordedWhen, table } from './page.ts'
import { type Titles, titlesOf } from './titles.ts'
import { span, when, whenNext } from './when.ts'

/** How much of the end of the log is read. */
const EVENTS = 20_000
const MAX_LINES = 6
const NO_NAMES: ReadonlyMap<string, string> = new Map()
/** Contacts of the agenda that are looked at for what is next. */
const NEXT = 15
/** Later than this, nobody was at work for a while. */
const STANDSTILL_MS = 5 * 60_000
/** The last so many hours of those that were read. */
const HOURS = 24 * 7

export async function nowPage(call: Call): Promise<Page> {
  const { principal, engine, timeZone } = call
  const { campaigns } = principal
  const activity = await engine.inspect.activity({ events: EVENTS, ...(campaigns === undefined ? {} : { campaigns }) })
  const health = await engine.health()
  // What is due is counted over all campaigns; those who see some of them see what is next there. After a standstill
  // there may be hundreds of thousands, each with a history to read: then the count is made only on request.
  const canCount = may(call, 'read', 'all')
  const isCounted = (health.dueLagMs ?? 0) < STANDSTILL_MS || call.url.searchParams.has('count')
  const overdue = canCount && isCounted ? await engine.inspect.overdue() : null
  const upcoming = visibleTo(call.principal, await engine.inspect.upcoming({ limit: NEXT })).filter(
    ({ status }) => status !== 'held',
  )
  const firsts = [...(overdue?.dispatches ?? []), ...(overdue?.skips ?? [])].map(({ first }) => first)
  const titles = await titlesOf(
    call,
    [...activity.sequences, ...upcoming, ...firsts].map(({ campaignId }) => campaignId),
  )
  const names = await call.namesOf([...upcoming, ...firsts].map(({ contactId }) => contactId))
  const body = html`<h1>Now</h1>
${standing(call, health, overdue, canCount)}
${dueSection(call, overdue, titles, names)}
${await attentionSection(call)}
<section><h2>Next</h2>${table(
    'Next steps of everyone',
    ['When', 'Step', 'Sequence', 'Contact'],
    upcoming.map(
      (step) =>
        html`<tr>
<td>${whenNext(step, timeZone)}</td>
<th scope="row"><bdi>${step.stepId}</bdi>${step.status === 'pending' ? '' : html` ${badge(step.status)}`}${step.paused ? html` ${badge('paused')}` : ''}${step.factsFault === undefined ? '' : html` <span class="badge warm" title="${step.factsFault.message}">without facts</span>`}</th>
<td>${titles.sequenceHtml(step)}</td>
<td>${contactLink(call, step.contactId, names)}</td>
</tr>`,
    ),
    'Nothing is scheduled.',
  )}</section>
<section><h2>Lately</h2>${charts(activity, titles, timeZone)}
<p class="hint">${
    activity.from === null || activity.to === null
      ? 'The log holds no events of contacts.'
      : html`From ${activity.events.toLocaleString('en')} events, ${recordedWhen(call, activity.from)} to ${recordedWhen(call, activity.to)}: ${activity.complete ? 'the whole log' : 'the end of the log, and no further back'}.`
  }</p></section>`
  return { title: 'Now', part: 'now', body, refresh: 60 }
}

function standing(
  call: Call,
  { brakes, dispatcher, dueLagMs, failingKinds, projection, storeFault, waitingKinds }: Health,
  overdue: Overdue | null,
  canCount: boolean,
): Html {
  const { timeZone } = call
  const item = (name: string, value: unknown) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`
  const due = overdue?.dispatches.reduce((all, { steps }) => all + steps, 0)
  return html`<dl class="figures">
${item('Store', storeFault === null ? badge('ok') : html`${badge('fault')} ${canCount ? storeFault : storeFault.split(':', 1)}`)}
${item('Dispatcher here', dispatcher.running ? badge('running') : 'not in this process')}
${item('In flight here', dispatcher.inFlight)}
${item('Lag', dueLagMs === null ? '?' : dueLagMs === 0 ? 'none' : span(dueLagMs))}
${projection === null ? '' : item('Index', projection.parked > 0 || projection.stopped ? badge('fault') : projection.running ? badge('running') : 'fed elsewhere')}
${overdue === null ? '' : html`${item('Contacts due', overdue.contacts.toLocaleString('en'))}${item('Steps to send', (due ?? 0).toLocaleString('en'))}${item('Due since', overdue.oldest === null ? '–' : when(overdue.oldest, timeZone))}`}
</dl>
${projection === null || (projection.parked === 0 && !projection.stopped) ? '' : html`<p class="notice bad">The index does not follow the log${projection.parked === 0 ? '' : ` for ${projection.parked} contacts`}${projection.lastFault === null ? '' : html`: ${canCount ? projection.lastFault.message : projection.lastFault.code}`}</p>`}
${brakes.lastAt === null ? '' : html`<p class="notice warm">${brakes.count.toLocaleString('en')} starts were refused here, the last ${when(brakes.lastAt, timeZone)}: a sequence started too often for one contact within an hour. Look for a loop of sequences or signals.</p>`}
${overdue === null && canCount ? html`<p class="notice warm">Steps are late. <a href="${link(call, ['now'], { count: 'yes' })}">Count what is overdue</a>: that reads every contact concerned.</p>` : ''}
${waitingKinds.map(({ kind, contacts, since }) => html`<p class="notice warm">Nobody here handles the kind ${kind}: ${contacts.toLocaleString('en')} ${contacts === 1 ? 'contact waits' : 'contacts wait'} for it since ${when(since, timeZone)}.</p>`)}
${failingKinds.map(({ kind, failures, since }) => html`<p class="notice bad">The handler of the kind ${kind} has failed ${failures} times in a row since ${when(since, timeZone)}.</p>`)}
${dispatcher.lastFault === null ? '' : html`<p class="notice warm">The dispatcher’s last fault, ${when(dispatcher.lastFault.at, timeZone)}: ${canCount ? dispatcher.lastFault.message : dispatcher.lastFault.code}</p>`}
${(overdue?.broken ?? []).map(
  ({ contacts, example, message }) =>
    html`<p class="notice warm">Of ${contacts.toLocaleString('en')} contacts that may be due, the facts cannot be had: ${contactLink(call, example, NO_NAMES)}: <bdi>${message}</bdi></p>`,
)}`
}

/** What a dispatcher would do now, and the step of each that is due longest: of a keyed run with its key. */
function dueSection(
  call: Call,
  overdue: Overdue | null,
  titles: Titles,
  names: ReadonlyMap<string, string>,
): Html | '' {
  if (overdue === null || (overdue.dispatches.length === 0 && overdue.skips.length === 0)) return ''
  const row = (steps: number, what: Html | string, of: Html | string, first: OverdueStep) => html`<tr>
<td class="number">${steps}</td>
<th scope="row">${what}</th>
<td>${of}</td>
<td>${when(first.dueAt, call.timeZone)} <bdi>${first.stepId}</bdi> ${titles.sequenceHtml(first)} ${contactLink(call, first.contactId, names)}</td>
</tr>`
  return html`<section><h2>Due and overdue</h2>${table(
    'What a dispatcher would do now',
    ['Steps', 'What', '', 'Due longest'],
    [
      ...overdue.dispatches.map(({ campaignId, kind, steps, first }) =>
        row(steps, kind, html`<bdi>${campaignId}</bdi>`, first),
      ),
      ...overdue.skips.map(({ reason, steps, first }) => row(steps, 'would be skipped', reason, first)),
    ],
  )}</section>`
}

function charts({ hours, sequences, to }: Activity, titles: Titles, timeZone: string): Html {
  const since = to === null ? 0 : epochMsOf(to) - HOURS * 3_600_000
  const shown = hours.filter(({ hour }) => epochMsOf(hour) > since)
  const fullest = [...sequences].sort((a, b) => peak(b.levels) - peak(a.levels)).slice(0, MAX_LINES)
  return html`<div class="charts">${barChart(
    'Sent per hour, the last seven days of it',
    shown.map(({ failed, hour, sent, skipped }) => ({ at: hour, parts: [sent, skipped, failed] })),
    ['sent', 'skipped', 'failed'],
    timeZone,
  )}${lineChart(
    `Contacts per sequence${sequences.length > MAX_LINES ? `, the ${MAX_LINES} fullest` : ''}`,
    fullest.map((one) => ({
      name: titles.sequence(one),
      points: one.levels.map(({ active, at }) => ({ at, value: active })),
    })),
    timeZone,
  )}</div>`
}

const peak = (levels: readonly { readonly active: number }[]) => Math.max(...levels.map(({ active }) => active))
