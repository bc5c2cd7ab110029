/** One contact: its sequences, what comes next, what happened, now or at any earlier instant. */
import { type Instant, isTimeZone, type RecordedContactEvent, seenZone } from '@enfold/core'
import type { ContactView, EnrollmentView } from '@enfold/engine'
import { eventsVisibleTo, visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { type ContactCall, type Html, link, numberOf } from './call.ts'
import { sequenceOptions } from './choose-page.ts'
import { historyOf, type UndoOf } from './contact-history.ts'
import { orders } from './contact-orders.ts'
import { endedRuns, sequences, upcoming } from './contact-runs.ts'
import { campaignsIn, factsOf, ofYours, type Shown, withoutFacts } from './contact-shown.ts'
import { Failure } from './failure.ts'
import { contactForecast } from './forecast-section.ts'
import { isProof } from './guard.ts'
import { OUTCOMES, UNCHANGED } from './order-sentences.ts'
import { badge, notice, type Page } from './page.ts'
import { titlesOf } from './titles.ts'
import { undoLink, undoOffer } from './undo-order-page.ts'
import { fieldTime, instantOfField, when } from './when.ts'

export async function contactPage(call: ContactCall): Promise<Page> {
  const { engine, path, timeZone, url } = call
  const { contactId } = path
  const recorded = await engine.inspect.history(contactId)
  const history = eventsVisibleTo(call.principal, recorded)
  const instants = [...new Set(history.map((event) => event.at))]
  const at = instantAsked(url.searchParams, instants, timeZone)
  const [view, facts] = await Promise.all([
    engine.inspect.contact(contactId, { runs: 'all', ...(at === null ? {} : { at }) }),
    factsOf(call, contactId),
  ])
  const runs = visibleTo(call.principal, view.enrollments) as readonly EnrollmentView[]
  const titles = await titlesOf(
    call,
    [...runs, ...campaignsIn(history)].map(({ campaignId }) => campaignId),
  )
  const name = (await call.namesOf([contactId])).get(contactId)
  const shown: Shown = { call, contactId, zone: facts?.timeZone ?? null, titles, at }
  const firsts = new Map([...recorded].reverse().map(({ commandId, version }) => [commandId, version]))
  const undoOf: UndoOf = ({ commandId, version }, about) =>
    at === null && !view.erased && firsts.get(commandId) === version ? undoLink(call, recorded, commandId, about) : ''
  const past = at === null ? history : history.filter((event) => event.at <= at)
  const body = html`${await done(call, recorded)}
<div class="bar"><h1><bdi>${name ?? contactId}</bdi>${name === undefined ? '' : html` <small class="id"><bdi>${contactId}</bdi></small>`}</h1>
<span>${standing(shown, view, facts === null, history.length)}</span></div>
${withoutFacts(view.factsFault)}
${slider(shown, instants)}
${at === null ? orders(shown, view, history, await sequenceOptions(call, null)) : ''}
${sequences(shown, runs)}
${upcoming(shown, runs)}
${await contactForecast(shown)}
${endedRuns(shown, runs)}
${historyOf(shown, past, numberOf(url.searchParams, 'before'), undoOf)}`
  return { title: name ?? contactId, part: 'search', body }
}

/** What the order came to that led here, and nothing that only the link says. And its undo. */
async function done(call: ContactCall, recorded: readonly RecordedContactEvent[]): Promise<Html> {
  const { path, url, token } = call
  const { contactId } = path
  const outcome = url.searchParams.get('did') ?? ''
  const text = OUTCOMES.get(outcome)
  const isOurs = await isProof(url.searchParams.get('proof') ?? '', token, contactId, outcome)
  if (text === undefined || !isOurs) return html``
  if (UNCHANGED.has(outcome)) return notice(text, 'warm')
  const undoes = url.searchParams.get('order')
  return html`${notice(text, 'good')}${undoes === null ? '' : await undoOffer(call, recorded, undoes)}`
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
<form method="get" autocomplete="off" action="${link(call, ['contacts', contactId])}">
<label class="unseen" for="at">At</label>
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
