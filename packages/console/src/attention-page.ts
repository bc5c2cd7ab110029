/** Waiting for you: everything that needs a person, by kind, in pages. */
import { ATTENTION_KINDS, type AttentionEntry, type AttentionKind, type AttentionView } from '@enfold/engine'
import { html } from 'hono/html'
import { type Call, type Html, link, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { badge, contactLink, type Page, recordedWhen, table } from './page.ts'
import { type Titles, titlesOf } from './titles.ts'

/** Contacts on a page, and on the page "Now". */
const LIMIT = 50
const FEW = 10

/** What each kind means, and what to do about it. */
const MEANINGS: { readonly [kind in AttentionKind]: string } = {
  held: 'The run waits until somebody resends or cancels the step.',
  failed:
    'The last sending failed for good. It leaves this list when the step is sent after all, when the run is stopped, or when a new run begins.',
  unplanned: 'The schedule of the run cannot be computed by this release. Stop the run, or install a release that can.',
  unread:
    'Something is due, and the facts that your directory returns of the contact cannot be read. Correct them: the contact is tried again.',
  unhandled: 'Steps of this kind are late, and this process has no handler for them. Start a worker that has one.',
  parked: 'An event of the contact could not be shown in the index. “enfold parked” tries again.',
}

export async function attentionPage(call: Call): Promise<Page> {
  const query = call.url.searchParams
  const given = textOf(query, 'kind')
  const kind = ATTENTION_KINDS.find((one) => one === given)
  if (given !== null && kind === undefined) throw new Failure(404, 'There is no such kind.')
  const view = await attentionOf(call, LIMIT, textOf(query, 'after'), kind)
  const body = html`<h1>Waiting for you</h1>
<nav aria-label="Kinds" class="line">${kinds(call, await attentionOf(call, 1), kind)}</nav>
${kind === undefined ? '' : html`<p class="hint">${MEANINGS[kind]}</p>`}
${await entriesTable(call, view)}
${view.next === null ? '' : html`<p><a rel="next" href="${link(call, ['attention'], { kind, after: view.next })}">More</a></p>`}
<p class="hint">The list is complete: it is read from the index, however long ago it was.</p>`
  return { title: 'Waiting for you', part: 'now', body, refresh: 60 }
}

/** The beginning of the list, for the page "Now"; nothing where nothing waits. */
export async function attentionSection(call: Call): Promise<Html | ''> {
  const view = await attentionOf(call, FEW)
  if (view.total === 0) return ''
  return html`<section><h2>Waiting for you</h2>
<p class="line">${kinds(call, view)}</p>
${await entriesTable(call, view)}
${view.next === null ? '' : html`<p><a href="${link(call, ['attention'])}">All that waits</a></p>`}</section>`
}

function attentionOf(
  { principal, engine }: Call,
  limit: number,
  after: string | null = null,
  kind?: AttentionKind,
): Promise<AttentionView> {
  const { campaigns } = principal
  return engine.inspect.attention({
    limit,
    after,
    ...(kind === undefined ? {} : { kind }),
    ...(campaigns === undefined ? {} : { campaigns }),
  })
}

/** How many of each kind wait, as links. */
function kinds(call: Call, { counts }: AttentionView, current?: AttentionKind): readonly Html[] {
  return ATTENTION_KINDS.filter((kind) => counts[kind] > 0 || kind === current).map(
    (kind) =>
      html`<a href="${link(call, ['attention'], { kind })}"${kind === current ? html` aria-current="page"` : ''}>${counts[kind].toLocaleString('en')} ${kind}</a> `,
  )
}

async function entriesTable(call: Call, { entries }: AttentionView): Promise<Html> {
  const titles = await titlesOf(
    call,
    entries.flatMap(({ campaignId }) => campaignId ?? []),
  )
  const names = await call.namesOf(entries.flatMap(({ contactId }) => contactId ?? []))
  return table(
    'What waits for you',
    ['Since', 'What', 'Where', 'Contact', 'Reason', ''],
    entries.map(
      (one) =>
        html`<tr>
<td>${one.since === null ? '–' : recordedWhen(call, one.since)}</td>
<td>${badge(one.kind)}</td>
<th scope="row">${whereOf(one, titles)}</th>
<td>${one.contactId === null ? `${one.contacts.toLocaleString('en')} contacts` : contactLink(call, one.contactId, names)}</td>
<td><bdi>${one.reason ?? ''}</bdi></td>
<td>${why(call, one)}</td>
</tr>`,
    ),
    'Nothing waits for you.',
  )
}

function whereOf({ campaignId, sequenceId, key = '', stepId, reason, kind }: AttentionEntry, titles: Titles): Html {
  if (campaignId === null || sequenceId === null) return kind === 'unhandled' ? html`<bdi>${reason}</bdi>` : html`–`
  return html`${stepId === null ? '' : html`<bdi>${stepId}</bdi> · `}${titles.sequenceHtml({ campaignId, sequenceId, key })}`
}

function why(call: Call, { contactId, campaignId, sequenceId, key, stepId, run }: AttentionEntry): Html | '' {
  if (contactId === null || stepId === null) return ''
  const query = { campaign: campaignId, sequence: sequenceId, key, step: stepId, run }
  return html`<a class="why" href="${link(call, ['contacts', contactId, 'why'], query)}">why?<span class="unseen"> ${stepId}</span></a>`
}
