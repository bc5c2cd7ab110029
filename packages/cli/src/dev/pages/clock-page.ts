/** The clock: where it stands, what comes next, and what each move of it brought. */

import {
  badge,
  Failure,
  fieldTime,
  type Html,
  hidden,
  html,
  instantOfField,
  link,
  needed,
  type Page,
  redirect,
  type Titles,
  table,
  titlesOf,
  when,
  whenNext,
} from '@enfold/console/pages'
import { epochMsOf, type Instant, instantOf } from '@enfold/core'
import type { Move } from '../simulated-time.ts'
import { type DevCall, newsOf, personLink } from './parts.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How far ahead is looked, in days; and how far the clock may be moved at once, in years. */
const AHEAD = 28
const MOST_YEARS = 10
/** So many contacts stand for all in what comes. */
const SAMPLE = 500
const NEXT = 20
const LISTED = 12

const later = (instant: Instant, ms: number) => instantOf(epochMsOf(instant) + ms)

export async function clockPage(call: DevCall): Promise<Page> {
  const { timeZone, world } = call
  const { engine, time } = world
  const now = engine.inspect.now()
  const upcoming = (await engine.inspect.upcoming({ limit: NEXT })).slice(0, NEXT)
  const forecast = await engine.inspect.forecast({ until: later(now, AHEAD * DAY_MS), by: 'day', sample: SAMPLE })
  const caught = (time?.moves() ?? []).flatMap((move) => caughtBy(call, move))
  const titles = await titlesOf(
    call,
    [...upcoming, ...forecast.cells, ...caught].map(({ campaignId }) => campaignId),
  )
  const body = html`<h1>${time === null ? 'Now' : 'The clock stands at'} ${when(now, timeZone)}</h1>
${time === null ? html`<p>It is the clock of this machine. <code>enfold dev --clock simulated</code> starts with one that you move.</p>` : controls(call, now)}
<div class="split"><section><h2>Next</h2>
${table(
  'Next steps of everyone',
  ['When', 'Step', 'Contact'],
  upcoming.map(
    (step) => html`<tr>
<td>${whenNext(step, timeZone)}</td>
<th scope="row"><bdi>${step.stepId}</bdi>${step.status === 'pending' ? '' : html` ${badge(step.status)}`}${step.paused ? html` ${badge('paused')}` : ''} ${titles.sequenceHtml(step)}</th>
<td>${personLink(call, world, step.contactId)}</td>
</tr>`,
  ),
  'Nothing is scheduled: no contact is in a sequence that has a step to come.',
)}</section>
<section><h2>The next four weeks</h2>
${table(
  'The next four weeks',
  ['Day', 'Step', 'Sent', 'Skipped'],
  forecast.cells.map(
    (cell) => html`<tr>
<td><time datetime="${cell.from}">${cell.from.slice(0, 10)}</time></td>
<th scope="row"><bdi>${cell.stepId}</bdi> ${titles.sequenceHtml(cell)}</th>
<td class="number">${cell.sent.toLocaleString('en')}${cell.error === 0 ? '' : ` ± ${cell.error.toLocaleString('en')}`}</td>
<td class="number">${cell.skipped.toLocaleString('en')}</td>
</tr>`,
  ),
  'Nothing will be sent.',
)}
<p class="hint">If nothing else happens, by day in UTC.${forecast.unseen === 0 ? '' : ` Estimated from a sample: of what is not in the table up to ${forecast.unseen.toLocaleString('en')} may be sent, of each step.`}</p></section></div>
${time === null ? '' : html`<section><h2>What each move brought</h2>${time.moves().map((move) => moveSection(call, move, titles))}${time.moves().length === 0 ? html`<p class="empty">The clock was not moved yet.</p>` : ''}</section>`}`
  return { title: 'Clock', part: 'clock', body, news: newsOf(call), ...(time === null ? { refresh: 10 } : {}) }
}

function controls(call: DevCall, now: Instant): Html {
  const button = (move: string, label: string, look = '') =>
    html`<button name="move" value="${move}"${look === '' ? '' : html` class="${look}"`}>${label}</button>`
  return html`<div class="card">
<form method="post" autocomplete="off" action="${link(call, ['dev', 'clock'])}"><p class="buttons">${hidden(call)}
${button('next', 'Next due', 'primary')} ${button('hour', 'One hour on')} ${button('day', 'One day on')} ${button('week', 'One week on')}</p></form>
<form method="post" autocomplete="off" action="${link(call, ['dev', 'clock'])}"><p class="line">${hidden(call, { move: 'to' })}
<label>To <input type="datetime-local" name="at" step="1" value="${fieldTime(later(now, DAY_MS), call.timeZone)}" required></label> <small>in ${call.timeZone}</small> <button>Move</button></p></form>
<p class="hint">On its way the clock stops whenever something is due, so each step has its own time.</p></div>`
}

const caughtBy = ({ world: { outbox } }: DevCall, { caught }: Move) =>
  caught === null
    ? []
    : outbox
        .list({
          before: Math.min(caught[1], caught[0] + LISTED - 1) + 1,
          limit: Math.min(LISTED, caught[1] - caught[0] + 1),
        })
        .toReversed()

function moveSection(call: DevCall, move: Move, titles: Titles): Html {
  const { caught, counts, from, isCut, number, to } = move
  const listed = caughtBy(call, move)
  const more = caught === null ? 0 : caught[1] - caught[0] + 1 - listed.length
  const figures = [
    `${counts.sent.toLocaleString('en')} sent`,
    ...(counts.skipped === 0 ? [] : [`${counts.skipped.toLocaleString('en')} skipped`]),
    ...(counts.completed === 0 ? [] : [`${counts.completed.toLocaleString('en')} runs completed`]),
  ].join(', ')
  return html`<section class="card" id="move-${number}"><h3>${when(from, call.timeZone)} to ${when(to, call.timeZone)}: ${figures}</h3>
${isCut ? html`<p class="notice warm">So much was due that the clock stopped here. Move it again to go on.</p>` : ''}
${
  listed.length === 0
    ? ''
    : table(
        `Dispatched by move ${number}`,
        ['When', 'Subject or step', 'Kind', 'Contact', 'Sequence'],
        listed.map(
          (one) => html`<tr>
<td>${when(one.at, call.timeZone)}</td>
<th scope="row"><a href="${link(call, ['dev', 'outbox', String(one.number)])}"><bdi>${one.mail?.subject ?? one.stepId}</bdi></a></th>
<td><bdi>${one.kind}</bdi></td>
<td>${personLink(call, call.world, one.contactId)}</td>
<td>${titles.sequenceHtml(one)}</td>
</tr>`,
        ),
      )
}${more === 0 || caught === null ? '' : html`<p><a href="${link(call, ['dev', 'outbox'], { before: caught[1] + 1 })}">And ${more.toLocaleString('en')} more, in the outbox</a></p>`}</section>`
}

export async function moveClock(call: DevCall): Promise<Response> {
  const { form, world } = call
  const { engine, exclusive, time } = world
  if (time === null) throw new Failure(409, 'The clock is that of this machine, and is not moved.')
  const now = engine.inspect.now()
  const to = targetOf(needed(form, 'move'), now, () => needed(form, 'at'), call.timeZone)
  if (to !== 'next' && to < now) throw new Failure(422, `Time goes forward only: it is ${now} already.`)
  if (to !== 'next' && to > later(now, MOST_YEARS * 365.25 * DAY_MS))
    throw new Failure(422, `The clock is moved by ${MOST_YEARS} years at most.`)
  const move = await exclusive(() => time.move(to))
  if (move === null)
    throw new Failure(409, 'Nothing is scheduled: no contact is in a sequence that has a step to come.')
  return redirect(`${link(call, ['dev', 'clock'])}#move-${move.number}`)
}

function targetOf(move: string, now: Instant, at: () => string, timeZone: string): Instant | 'next' {
  if (move === 'next') return 'next'
  if (move === 'hour') return later(now, HOUR_MS)
  if (move === 'day') return later(now, DAY_MS)
  if (move === 'week') return later(now, 7 * DAY_MS)
  const to = move === 'to' ? instantOfField(at(), timeZone) : null
  if (to === null) throw new Failure(422, 'This is no date and time. Expected one such as 2026-03-02T09:00.')
  return to
}
