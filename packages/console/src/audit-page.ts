/** Audit: actions over many contacts and their actors; and whether the log can be true. */
import { describeCounter } from '@enfold/core'
import type { IndexReport } from '@enfold/engine'
import { visibleActions } from '@enfold/http'
import { html } from 'hono/html'
import { sequenceHtml, stateBadge, titlesOfActions, toldOf } from './action-view.ts'
import { type Call, type Html, link, may, redirect, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { badge, hidden, type Page, table } from './page.ts'
import { when } from './when.ts'

/** Beyond this a log is for `enfold verify`, which reads any length. */
const EVENTS = 250_000
const FAULTS_SHOWN = 50

export async function auditPage(call: Call): Promise<Page> {
  const found = await visibleActions(call.engine, call.principal, { after: textOf(call.url.searchParams, 'after') })
  if (found === null) throw new Failure(404, 'There is no such action.')
  const { actions: visible, next } = found
  const titles = await titlesOfActions(call, visible)
  const body = html`<h1>Audit</h1>
${may(call, 'read', 'all') ? verification(call) : ''}
<section><h2>Actions over many contacts</h2>
${table(
  'Actions, the newest first',
  ['Ordered', 'By', 'What', 'Contacts', 'State', 'Reason', ''],
  visible.map((one) => {
    const { action, actionId, actor, contacts, orderedAt, reason } = one
    return html`<tr>
<td>${when(orderedAt, call.timeZone)}</td>
<td><bdi>${actor ?? '–'}</bdi></td>
<th scope="row">${action} ${sequenceHtml(one, titles)}${toldOf(one) === '' ? '' : html` <small><bdi>${toldOf(one)}</bdi></small>`}</th>
<td class="number">${contacts.toLocaleString('en')}</td>
<td>${stateBadge(one)}</td>
<td><bdi>${reason ?? ''}</bdi></td>
<td><a href="${link(call, ['actions', actionId])}">Results<span class="unseen"> of ${actionId}</span></a></td>
</tr>`
  }),
  'No actions yet.',
)}
${next === null ? '' : html`<p><a rel="next" href="${link(call, ['audit'], { after: next })}">Older actions</a></p>`}
<p class="hint">Orders for one contact are in the contact’s history, with who gave them and why.</p></section>`
  return { title: 'Audit', part: 'audit', body, ...(call.verification.running === null ? {} : { refresh: 3 }) }
}

function verification(call: Call): Html {
  const { last, running } = call.verification
  return html`<section><h2>The log</h2>
${
  running === null
    ? html`<form method="post" autocomplete="off" action="${link(call, ['audit', 'verify'])}" class="line">${hidden(call)}<button>Verify the log and its index</button></form>`
    : html`<p class="notice" role="status">The log is being read …</p>`
}
${last === null ? html`<p class="hint">Not verified by this process so far. Versions without a gap, an order that the rules allow, the hash chain, and the index held against the log. At most ${EVENTS.toLocaleString('en')} events; <code>enfold verify</code> reads any length, and seals.</p>` : result(call, last)}</section>`
}

function result({ timeZone }: Call, { actor, at, index, report }: NonNullable<Call['verification']['last']>): Html {
  const { complete, contacts, events, faults, hashed } = report
  const isFine = faults.length === 0 && (index === null || differencesIn(index) === 0)
  return html`<p>${badge(isFine ? 'ok' : 'fault')} ${when(at, timeZone)}, asked by <bdi>${actor}</bdi></p>
<dl class="figures">
<div><dt>Events</dt><dd>${events.toLocaleString('en')}${complete ? '' : ', the first of more'}</dd></div>
<div><dt>Contacts</dt><dd>${contacts.toLocaleString('en')}</dd></div>
<div><dt>With a hash</dt><dd>${hashed === events ? 'all' : hashed.toLocaleString('en')}</dd></div>
<div><dt>Faults of the log</dt><dd>${faults.length.toLocaleString('en')}</dd></div>
<div><dt>Differences of the index</dt><dd>${index === null ? 'not looked at' : differencesIn(index).toLocaleString('en')}</dd></div>
</dl>
${
  faults.length === 0
    ? ''
    : table(
        'Faults of the log',
        ['Event no.', 'Stream', 'Rule', 'What'],
        faults.slice(0, FAULTS_SHOWN).map(
          ({ message, number, rule, stream, version }) =>
            html`<tr>
<td class="number">${number}</td>
<th scope="row"><bdi>${stream}</bdi> ${version}</th>
<td>${rule}</td>
<td><bdi>${message}</bdi></td>
</tr>`,
        ),
      )
}
${
  index === null || index.differences.length === 0
    ? ''
    : table(
        'Differences of the index',
        ['Contact', 'By the log', 'In the index'],
        index.differences.slice(0, FAULTS_SHOWN).map(
          ({ contactId, expected, found }) =>
            html`<tr>
<th scope="row"><bdi>${contactId}</bdi></th>
<td>${expected.join(' ')}</td>
<td>${found.join(' ')}</td>
</tr>`,
        ),
      )
}
${
  index === null || index.counters.length === 0
    ? ''
    : table(
        'Differences of the counters',
        ['Counter', 'By the log', 'In the index'],
        index.counters.slice(0, FAULTS_SHOWN).map(
          (one) =>
            html`<tr>
<th scope="row"><bdi>${describeCounter(one)}</bdi></th>
<td class="number">${one.expected}</td>
<td class="number">${one.found}</td>
</tr>`,
        ),
      )
}
${
  index === null || index.states.length === 0
    ? ''
    : table(
        'Differences of stored states',
        ['Contact', 'Version', 'What'],
        index.states.slice(0, FAULTS_SHOWN).map(
          ({ contactId, version, because }) =>
            html`<tr>
<th scope="row"><bdi>${contactId}</bdi></th>
<td class="number">${version}</td>
<td>${because}</td>
</tr>`,
        ),
      )
}`
}

function differencesIn({ counters, differences, states }: IndexReport): number {
  return counters.length + differences.length + states.length
}

/** Begins a look at the log, unless one is under way. It continues after the response; the page shows the result. */
export async function verifyLog(call: Call): Promise<Response> {
  const { principal, engine, verification } = call
  verification.running ??= (async () => {
    try {
      const report = await engine.inspect.verifyLog({ events: EVENTS })
      // The index is held against every contact's log: as long as that, and no longer.
      const index = report.complete ? await engine.verifyIndex() : null
      verification.last = { at: report.at, actor: principal.id, report, index }
    } catch (error) {
      call.failed(error)
    } finally {
      verification.running = null
    }
  })()
  // What is quick is shown at once.
  await Promise.race([verification.running, new Promise((resolve) => setTimeout(resolve, 1500))])
  return redirect(link(call, ['audit']))
}
