/** A preview of an action as a page shows it: outcomes with examples, reasons, and what of schedules would be different. */
import { ACTION_OUTCOMES, type ActionKind, describeScheduleChange } from '@enfold/core'
import type { ActionPreview } from '@enfold/engine'
import { html } from 'hono/html'
import { type Call, type Html, may } from './call.ts'
import { withoutFacts } from './contact-shown.ts'
import { actionText } from './order-sentences.ts'
import { badge, contactLink, table } from './page.ts'
import type { Titles } from './titles.ts'
import { when } from './when.ts'

/** A page looks at so many contacts: it has to come within seconds, and what it does holds up the process that sends. */
export const PREVIEW_LIMIT = 5000

/** @param none where there is no contact */
export async function previewTable(
  call: Call,
  kind: ActionKind,
  preview: ActionPreview,
  titles: Titles,
  none: string,
): Promise<Html> {
  const { complete, contacts, outcomes, reasons, samples } = preview
  const names = await call.namesOf(ACTION_OUTCOMES.flatMap((outcome) => samples[outcome]))
  const rows = ACTION_OUTCOMES.filter((outcome) => outcomes[outcome] > 0).map(
    (outcome) => html`<tr>
<th scope="row" class="number">${outcomes[outcome].toLocaleString('en')}</th>
<td>${badge(outcome)} ${actionText(kind, outcome)}${outcome === 'failed' ? html`: <bdi>${reasons.map(({ reason, contacts: count }) => `${count.toLocaleString('en')} ${reason}`).join(', ')}</bdi>` : ''}</td>
<td>${samples[outcome].map((contactId) => html`<span class="tag">${contactLink(call, contactId, names)}</span> `)}${outcomes[outcome] > samples[outcome].length ? '…' : ''}</td>
</tr>`,
  )
  return html`${table('Preview', ['Contacts', 'What happens', 'For example'], rows, none)}
${complete ? '' : html`<p class="notice warm">There are more than ${contacts.toLocaleString('en')} contacts. The counts are of those; all of them are processed.</p>`}
${may(call, 'read', 'any') ? scheduleTable(call, preview.schedule, titles) : ''}`
}

function scheduleTable(call: Call, { changes, contacts, factsFault }: ActionPreview['schedule'], titles: Titles): Html {
  if (contacts === 0) return html``
  const span = (next: ActionPreview['schedule']['changes'][number]['before']) => {
    if (next === null) return html`nothing`
    const { first, last, stepId } = next
    const until = first === last ? '' : html` … ${when(last, call.timeZone)}`
    return html`<bdi>${stepId}</bdi> ${when(first, call.timeZone)}${until}`
  }
  const rows = changes.map(
    ({ before, after, runs, example, ...ref }) => html`<tr>
<th scope="row" class="number">${runs.toLocaleString('en')}</th>
<td>${titles.sequenceHtml(ref)}</td>
<td>${span(before)}</td>
<td>${span(after)}</td>
<td><bdi>${describeScheduleChange(example.change, titles.wording)}</bdi></td>
</tr>`,
  )
  return html`<h2>What it would change of schedules</h2>
${withoutFacts(factsFault)}
${table('Schedules', ['Runs', 'Sequence', 'Next now', 'Next then', 'For example'], rows, 'Nothing of the schedule.')}
<p class="hint">Of the ${contacts === 500 ? 'first 500 contacts' : `${contacts.toLocaleString('en')} contact${contacts === 1 ? '' : 's'}`} that it would change.</p>`
}
