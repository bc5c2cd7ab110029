/**
 * One contact: its sequences, what comes next, what happened and why, now or at any earlier instant. Orders are
 * in `order-page.ts`.
 */
import {
  type ContactId,
  describeCause,
  describeEvent,
  describeEvidence,
  describeNotRun,
  type Facts,
  heldInWords,
  heldValues,
  type Instant,
  isTimeZone,
  type RecordedContactEvent,
  seenZone,
  VERBS,
} from '@enfold/core'
import type { ContactView, EnrollmentView, FactsFault, StepView } from '@enfold/engine'
import { type Scope, seenBy } from '@enfold/http'
import { html } from 'hono/html'
import { sequenceOptions } from './action-pages.ts'
import { type Call, type Html, link, may, numberOf, redirect, seen } from './call.ts'
import { Failure } from './failure.ts'
import { isProof, proofOf } from './guard.ts'
import { mayGive } from './order-page.ts'
import { OUTCOMES, offeredFor, type PageVerb, sentencesOf, UNCHANGED } from './order-sentences.ts'
import { badge, hidden, notice, type Page, recordedWhen, table } from './page.ts'
import { signalGoals } from './signal-goals.ts'
import { type Titles, titlesOf } from './titles.ts'
import { fieldTime, instantOfField, when, whenNext } from './when.ts'

const HISTORY_PAGE = 100

const isInProgress = (status: EnrollmentView['status']) => status === 'active' || status === 'paused'

/** What the parts of the page need. */
interface Shown {
  readonly call: Call
  readonly contactId: ContactId
  readonly zone: string | null
  readonly titles: Titles
  /** `null`: now. Then, nothing can be ordered. */
  readonly at: Instant | null
}

export async function contactPage(call: Call): Promise<Page> {
  const { engine, path, timeZone, url } = call
  const contactId = path.contactId as string
  const history = seenBy(call.actor, await engine.inspect.history(contactId))
  const instants = [...new Set(history.map((event) => event.at))]
  const at = instantAsked(url.searchParams, instants, timeZone)
  const [view, facts] = await Promise.all([
    engine.inspect.contact(contactId, { runs: 'all', ...(at === null ? {} : { at }) }),
    factsOf(call, contactId),
  ])
  const runs = seen(call, view.enrollments) as readonly EnrollmentView[]
  const titles = await titlesOf(
    call,
    [...runs, ...campaignsIn(history)].map(({ campaignId }) => campaignId),
  )
  const name = (await call.namesOf([contactId])).get(contactId)
  const shown: Shown = { call, contactId, zone: facts?.timeZone ?? null, titles, at }
  const past = at === null ? history : history.filter((event) => event.at <= at)
  const body = html`${await done(call, contactId)}
<div class="bar"><h1><bdi>${name ?? contactId}</bdi>${name === undefined ? '' : html` <small class="id"><bdi>${contactId}</bdi></small>`}</h1>
<span>${standing(shown, view, facts === null, history.length)}</span></div>
${withoutFacts(view.factsFault)}
${slider(shown, instants)}
${at === null ? orders(shown, view, history, await sequenceOptions(call, null)) : ''}
${sequences(shown, runs)}
${upcoming(shown, runs)}
${endedRuns(shown, runs)}
${historyOf(shown, past, numberOf(url.searchParams, 'before'))}`
  return { title: name ?? contactId, part: 'search', body }
}

/** Those who see some campaigns are not told that there is nothing elsewhere. */
const ofYours = ({ actor }: Call) => (actor.campaigns === undefined ? '' : ' in your campaigns')

function campaignsIn(history: readonly RecordedContactEvent[]) {
  return history.flatMap(({ data }) => ('campaignId' in data ? [data] : []))
}

/** `undefined`: they cannot be had now. The page does without, so that the contact can be stopped all the same. */
async function factsOf({ engine, failed }: Call, contactId: ContactId): Promise<Facts | null | undefined> {
  return engine.inspect.facts(contactId).catch((error) => {
    failed(error)
    return undefined
  })
}

function withoutFacts(fault: FactsFault | undefined): Html {
  if (fault === undefined) return html``
  return html`<p class="notice warm" role="status">Due times are shown without the contact’s time zone and fields: <bdi>${fault.message}</bdi></p>`
}

/** What the order came to that led here, and nothing that only the link says. */
async function done({ url, token }: Call, contactId: ContactId): Promise<Html> {
  const outcome = url.searchParams.get('did') ?? ''
  const text = OUTCOMES.get(outcome)
  const isOurs = await isProof(url.searchParams.get('proof') ?? '', token, contactId, outcome)
  return text === undefined || !isOurs ? html`` : notice(text, UNCHANGED.has(outcome) ? 'warm' : 'good')
}

function standing(
  { call, zone }: Shown,
  { erased, suppressed }: ContactView,
  isUnknown: boolean,
  events: number,
): Html {
  return html`${erased ? badge('erased') : ''}${
    suppressed === null
      ? ''
      : html`${badge('suppressed')} ${suppressed.until === null ? 'without end' : html`until ${when(suppressed.until, call.timeZone, zone)}`}`
  }${isUnknown ? html` <span class="badge warm">unknown to the directory</span>` : ''}
${zone === null ? '' : html` <span class="quiet">${isTimeZone(zone) ? 'time zone' : 'unknown time zone'} <bdi>${isTimeZone(zone) ? zone : seenZone(zone)}</bdi> · </span>`}<span class="quiet">${events} events${ofYours(call)}</span>`
}

// --- Time -----------------------------------------------------------------------------------------------------------

/** The instant that the slider (`moment`, counted from 1) or the field (`at`, a wall time) asks for; `null`: now. */
function instantAsked(params: URLSearchParams, instants: readonly Instant[], timeZone: string): Instant | null {
  const text = params.get('at')
  if (text !== null && text !== '') {
    const instant = instantOfField(text, timeZone)
    if (instant === null) throw new Failure(400, 'Invalid date or time.')
    return instant
  }
  const moment = numberOf(params, 'moment')
  if (moment === null || moment > instants.length) return null
  return instants[moment - 1] ?? '0000-01-01T00:00:00.000Z'
}

function slider({ at, call, contactId }: Shown, instants: readonly Instant[]): Html {
  if (instants.length === 0) return html``
  const count = instants.filter((instant) => at === null || instant <= at).length
  const to = (moment: number) => link(call, ['contacts', contactId], { moment })
  const moment = at === null ? instants.length + 1 : count
  return html`<section class="time" aria-label="Time">
<form method="get" autocomplete="off" action="${link(call, ['contacts', contactId])}" data-slider>
<label>As it was <input type="range" name="moment" min="0" max="${instants.length + 1}" value="${moment}" aria-valuetext="${at === null ? 'now' : `after moment ${count} of ${instants.length}`}"></label>
<button class="quiet">Show</button></form>
<form method="get" autocomplete="off" action="${link(call, ['contacts', contactId])}"><label class="unseen" for="at">At</label>
<input id="at" type="datetime-local" step="1" name="at" value="${at === null ? '' : fieldTime(at, call.timeZone)}" required>
<button class="quiet">Go there</button></form>
<span class="steps">${count > 0 ? html`<a rel="prev" href="${to(at === null ? instants.length : count - 1)}">Earlier</a>` : ''} ${
    at !== null && count < instants.length ? html`<a rel="next" href="${to(count + 1)}">Later</a>` : ''
  }</span>
${
  at === null
    ? ''
    : html`<p class="notice warm" role="status">${count === 0 ? `As it was before anything was recorded${ofYours(call)}.` : html`As it was on ${when(at, call.timeZone)}, after ${count} of ${instants.length} moments.`} Times that lay ahead are computed with what the directory says now. <a href="${link(call, ['contacts', contactId])}">Back to now</a></p>`
}
</section>`
}

// --- Orders ---------------------------------------------------------------------------------------------------------

function order(
  { at, call, contactId }: Shown,
  name: PageVerb,
  ref: {
    readonly campaignId?: string
    readonly sequenceId?: string
    readonly stepId?: string
    readonly run?: number
  } = {},
  about = '',
): Html {
  if (at !== null) return html``
  const to = link(call, ['contacts', contactId, 'order'], {
    do: VERBS[name].word,
    campaign: ref.campaignId,
    sequence: ref.sequenceId,
    step: ref.stepId,
    run: ref.run,
  })
  return html`<a class="button small" href="${to}">${sentencesOf(name).button ?? sentencesOf(name).title}${about === '' ? '' : html`<span class="unseen"> ${about}</span>`}</a> `
}

function orders(
  shown: Shown,
  { enrollments, erased, suppressed }: ContactView,
  history: readonly RecordedContactEvent[],
  options: Html,
): Html {
  const { call, contactId } = shown
  if (erased)
    return html`<p class="notice bad">This contact was erased: nothing can be ordered any more. ${ofYours(call) === '' ? 'Its events' : 'Those of its events that you may see'} hold ${heldInWords(heldValues(history)) || 'no value of the host'}.</p>`
  const isIn = enrollments.some(({ status }) => status === 'active' || status === 'paused' || status === 'waiting')
  return html`<div class="buttons">
${
  mayGive(call, 'startSequence', 'any')
    ? html`<form method="get" autocomplete="off" action="${link(call, ['contacts', contactId, 'order'])}" class="line"><input type="hidden" name="do" value="${VERBS.startSequence.word}">
<label class="unseen" for="start">Sequence to start</label><select id="start" name="in" required><option value="">a sequence …</option>${options}</select> <button>Start</button></form>`
    : ''
}
${offeredFor('contact', { enrollments, suppressed })
  .filter((name) => mayGive(call, name, 'all'))
  .map((name) => order(shown, name))}
${isIn ? refreshForm(call, contactId) : ''}
</div>`
}

/** As over HTTP: what is due of all campaigns is computed. */
export const refreshScope: Scope = { verbs: ['refresh'], campaigns: 'all' }

function refreshForm(call: Call, contactId: ContactId): Html {
  if (!may(call, refreshScope.verbs, refreshScope.campaigns)) return html``
  return html`<form method="post" autocomplete="off" action="${link(call, ['contacts', contactId, 'refresh'])}" class="line">${hidden(call)}<button class="quiet" title="For when the time zone or a date of the contact has changed">Compute due times again</button></form>`
}

/** For when the directory says another time zone or date than before. Nothing is recorded, so no reason is asked for. */
export async function refreshContact(call: Call): Promise<Response> {
  const contactId = call.path.contactId as string
  await call.engine.refreshContact(contactId)
  const proof = await proofOf(call.token, contactId, 'refreshed')
  return redirect(link(call, ['contacts', contactId], { did: 'refreshed', proof }))
}

// --- Sequences ------------------------------------------------------------------------------------------------------

function sequences(shown: Shown, runs: readonly EnrollmentView[]): Html {
  const open = runs.filter(({ status }) => isInProgress(status) || status === 'waiting')
  return html`<section><h2>Sequences in progress</h2>
${open.length === 0 ? html`<p class="empty">None${ofYours(shown.call)}.</p>` : open.map((run) => runCard(shown, run))}</section>`
}

function runCard(shown: Shown, run: EnrollmentView): Html {
  const { call, titles, zone } = shown
  const { campaignId, next, sequenceId, startedAt, status } = run
  const about = titles.sequence(run)
  return html`<article class="card">
<div class="bar"><h3>${titles.of(run)}</h3><span>${badge(status)} <span class="quiet">run ${run.run}, version ${run.campaignVersion}</span></span></div>
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
  .map((name) => order(shown, name, { campaignId, sequenceId }, about))}
</div>
<details${status === 'waiting' ? '' : html` open`}><summary>${run.steps.length === 1 ? 'One step' : `${run.steps.length} steps`}</summary>${stepTable(shown, run)}</details>
</article>`
}

function stepTable(shown: Shown, run: EnrollmentView): Html {
  const { call, titles, zone } = shown
  return table(
    `Steps of ${titles.sequence(run)}, run ${run.run}`,
    ['Step', 'Status', 'When', ''],
    run.steps.map(
      (step) => html`<tr><th scope="row"><bdi>${step.stepId}</bdi></th>
<td>${badge(step.status)}${step.reason === undefined ? '' : html` <bdi>${step.reason}</bdi>`}${(step.resends ?? []).map((one) => html` <span class="quiet">resend ${one.resend}: ${one.status}</span>`)}</td>
<td>${step.at === null ? (run.next?.stepId === step.stepId ? html`due ${when(run.next.dueAt, call.timeZone, zone)}` : '') : recordedWhen(call, step.at, zone)}</td>
<td class="orders">${stepOrders(shown, run, step)}</td></tr>`,
    ),
  )
}

function stepOrders(shown: Shown, run: EnrollmentView, step: StepView): Html {
  const { at, call, titles } = shown
  const { stepId } = step
  // Why a step did or did not run is answered as of now.
  if (at !== null) return html``
  const ref = { campaignId: run.campaignId, sequenceId: run.sequenceId, stepId, run: run.run }
  const about = `${stepId} of ${titles.sequence(run)}, run ${run.run}`
  const names = offeredFor('step', { run, step }).filter((name) => mayGive(call, name, [run.campaignId]))
  return html`${names.map((name) => order(shown, name, ref, about))}${whyLink(shown, { step: ref }, about)}`
}

function upcoming(shown: Shown, runs: readonly EnrollmentView[]): Html {
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
      return html`<tr><td>${whenNext(moment, call.timeZone, zone)}</td><th scope="row"><bdi>${stepId}</bdi>${run.status === 'paused' ? html` ${badge('paused')}` : ''}${step?.status === 'held' ? html` ${badge('held')}` : ''}</th>
<td>${titles.of(run)}</td><td class="orders">${step === undefined ? '' : stepOrders(shown, run, step)}</td></tr>`
    }),
  )}</section>`
}

function endedRuns(shown: Shown, runs: readonly EnrollmentView[]): Html {
  const { call, titles, zone } = shown
  const ended = runs.filter(({ status }) => status === 'completed' || status === 'stopped').reverse()
  if (ended.length === 0) return html``
  return html`<section><h2>Earlier runs</h2>${ended.map(
    (
      run,
    ) => html`<details class="card"><summary>${titles.of(run)} ${badge(run.status)} <span class="quiet">run ${run.run}</span> ${recordedWhen(call, run.startedAt, zone)} to ${run.endedAt === null ? '?' : recordedWhen(call, run.endedAt, zone)}</summary>
${stepTable(shown, run)}</details>`,
  )}</section>`
}

// --- History --------------------------------------------------------------------------------------------------------

function whyLink(
  { call, contactId }: Shown,
  what:
    | { readonly event: string }
    | { readonly step: { campaignId: string; sequenceId: string; stepId: string; run: number } },
  about: string,
): Html {
  const query =
    'event' in what
      ? { event: what.event }
      : {
          campaign: what.step.campaignId,
          sequence: what.step.sequenceId,
          step: what.step.stepId,
          run: what.step.run,
        }
  return html`<a class="why" href="${link(call, ['contacts', contactId, 'why'], query)}">why?<span class="unseen"> ${about}</span></a>`
}

function historyOf(shown: Shown, history: readonly RecordedContactEvent[], before: number | null): Html {
  const { call, contactId, titles, zone } = shown
  const until = before === null ? history : history.filter(({ version }) => version < before)
  const page = until.slice(-HISTORY_PAGE).reverse()
  const oldest = page.at(-1)
  return html`<section id="history"><h2>History</h2>${table(
    'History, the newest first',
    ['When', 'What', 'Cause', ''],
    page.map((event) => {
      const sentence = describeEvent(event, titles.wording)
      return html`<tr><td>${recordedWhen(call, event.at, zone)}</td><td><bdi>${sentence}</bdi></td><td><bdi>${describeCause(event, titles.wording)}</bdi></td><td>${whyLink(shown, { event: event.id }, sentence)}</td></tr>`
    }),
    `Nothing is recorded of this contact${ofYours(call)}.`,
  )}
${oldest !== undefined && until.length > page.length ? html`<p><a href="${link(call, ['contacts', contactId], { before: oldest.version })}#history">Older</a></p>` : ''}</section>`
}

// --- Why ------------------------------------------------------------------------------------------------------------

/** Of a step: its campaign. What led to an event is cut to what the actor may see. */
export const whyScope = ({ url: { searchParams } }: Call): Scope => ({
  verbs: ['read'],
  campaigns: searchParams.get('event') === null ? [searchParams.get('campaign') ?? ''] : 'any',
})

/** The chain of causes of an event, or why a step did or did not run (AUDIT-3). */
export async function whyPage(call: Call): Promise<Page> {
  const { actor, engine, path, url } = call
  const contactId = path.contactId as string
  const params = url.searchParams
  const eventId = params.get('event')
  const [campaignId, sequenceId, stepId] = ['campaign', 'sequence', 'step'].map((name) => params.get(name) ?? '')
  const run = numberOf(params, 'run')
  const step = { campaignId, sequenceId, stepId, ...(run === null ? {} : { run }) } as {
    campaignId: string
    sequenceId: string
    stepId: string
  }
  const explained = await engine.inspect.explain({ contactId, ...(eventId === null ? step : { eventId }) })
  const visible = new Map(
    seenBy(
      actor,
      explained.chain.map(({ event }) => event),
    ).map((event) => [event.id, event]),
  )
  const chain = explained.chain.flatMap((one) => {
    const event = visible.get(one.event.id)
    return event === undefined ? [] : [{ ...one, event }]
  })
  // If the actor may not see the event itself, neither what led to it.
  if (eventId !== null && chain[0]?.event.id !== eventId) throw new Failure(404, 'This contact has no such event.')
  const titles = await titlesOf(
    call,
    campaignsIn(chain.map(({ event }) => event)).map((one) => one.campaignId),
  )
  const name = (await call.namesOf([contactId])).get(contactId) ?? contactId
  const zone = (await factsOf(call, contactId))?.timeZone ?? null
  const question = eventId === null ? `Why did ${stepId} run, or not?` : 'Why did this happen?'
  const body = html`<p><a href="${link(call, ['contacts', contactId])}"><bdi>${name}</bdi></a></p>
<h1>${question}</h1>
${withoutFacts(explained.factsFault)}
${explained.step === null ? '' : html`<p class="answer"><bdi>${describeNotRun(explained.step, titles.wording)}</bdi></p>`}
${chain.length === 0 ? '' : html`<p class="hint">Each line happened because of the one below it.</p>`}
<ol class="chain">${chain.map(
    (one) => html`<li><p><strong><bdi>${describeEvent(one.event, titles.wording)}</bdi></strong><br>
<span class="quiet">${recordedWhen(call, one.event.at, zone)}, <bdi>${describeCause(one.event, titles.wording)}</bdi></span></p>
<ul>${describeEvidence(one.event, titles.wording).map((text) => html`<li><bdi>${text}</bdi></li>`)}</ul></li>`,
  )}</ol>
${eventId === null || chain[0] === undefined ? '' : await signalGoals(call, contactId, chain[0].event)}`
  return { title: question, part: 'search', body }
}
