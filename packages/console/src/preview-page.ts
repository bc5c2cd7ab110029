/** Second page: what would happen. Processing it begins the action. */
import { ACTION_OUTCOMES } from '@enfold/core'
import type { ActionPreview } from '@enfold/engine'
import { begun } from '@enfold/http'
import { html } from 'hono/html'
import { type Order, orderOf, recipientsOf } from './action-order.ts'
import { answerOf, type Call, type Html, link, needed, redirect } from './call.ts'
import { ACTION_TEXTS, ACTION_TITLES } from './order-sentences.ts'
import { badge, contactLink, hidden, type Page, table } from './page.ts'
import { activeTag, paramsOf, selectionFields, sourceOf } from './selection.ts'
import { type Titles, titlesOf } from './titles.ts'
import { variableFields, varsTyped } from './variable-fields.ts'

export async function previewPage(call: Call): Promise<Page> {
  const order = orderOf(call)
  const { selection, reason, ...target } = order
  const { action, campaignId, sequenceId, key } = target
  const preview = answerOf(await call.engine.previewAction({ ...target, contacts: sourceOf(selection) }))
  const titles = await titlesOf(call, [campaignId])
  const names = await call.namesOf(ACTION_OUTCOMES.flatMap((outcome) => preview.samples[outcome]))
  const rows = ACTION_OUTCOMES.filter((outcome) => preview.outcomes[outcome] > 0).map(
    (outcome) => html`<tr>
<th scope="row" class="number">${preview.outcomes[outcome].toLocaleString('en')}</th>
<td>${badge(outcome)} ${ACTION_TEXTS[outcome]}</td>
<td>${preview.samples[outcome].map((contactId) => html`<span class="tag">${contactLink(call, contactId, names)}</span> `)}${preview.outcomes[outcome] > preview.samples[outcome].length ? '…' : ''}</td>
</tr>`,
  )
  const again = html`${hidden(call, { action, sequence: activeTag(campaignId, sequenceId), key, reason })}${selectionFields(selection)}`
  const body = html`<h1>${ACTION_TITLES[action]}: ${titles.sequenceHtml(target)}</h1>
<p>${await recipientsOf(call, selection)} Nothing was changed so far. This is what would happen now:</p>
${table('Preview', ['Contacts', 'What happens', 'For example'], rows, 'No contact found.')}
${preview.complete ? '' : html`<p class="notice warm">There are more than ${preview.contacts.toLocaleString('en')} contacts. The counts are of those; all of them are processed.</p>`}
<p>Reason: <q><bdi>${reason}</bdi></q></p>
<div class="buttons">
${
  preview.contacts === 0
    ? ''
    : html`<form method="post" autocomplete="off" action="${link(call, ['actions'])}">${again}${hiddenOf('actionId', crypto.randomUUID())}${hiddenOf('preview', JSON.stringify(preview))}${variablesAsked(order, titles)}<button class="primary">Process Action</button></form>`
}
<form method="post" autocomplete="off" action="${link(call, ['actions', 'choose'])}">${again}<button>Change</button></form>
<a class="button quiet" href="${link(call, ['search'])}?${paramsOf(selection.search)}">Cancel and Return to Quick Search</a>
</div>`
  return { title: 'Preview', part: 'search', body }
}

const hiddenOf = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`

/** Of what begins runs: for all of them the same (VAR-1). */
function variablesAsked({ action, campaignId, sequenceId }: Order, titles: Titles): Html | '' {
  const sequence = titles.definition(campaignId)?.sequences.find(({ id }) => id === sequenceId)
  if (action === 'stop' || sequence === undefined) return ''
  const names = Object.keys(sequence.vars ?? {}).filter((name) => name !== sequence.per)
  if (names.length === 0) return ''
  const kept = html`<p class="hint">All empty: each run begins with the variables of the run before it.</p>`
  return html`${variableFields(names, {})}${action === 'restart' ? kept : ''}`
}

export async function process(call: Call): Promise<Response> {
  const order = orderOf(call)
  const { selection, ...target } = order
  const actionId = needed(call.form, 'actionId')
  const preview = previewOf(call.form.get('preview'))
  const vars = varsTyped(call.form) ?? {}
  const given = Object.keys(vars).length === 0 ? {} : { vars }
  await begun(
    async (options) =>
      answerOf(
        await call.engine.processAction(
          { ...target, ...given, actionId, contacts: sourceOf(selection), actor: call.principal.id },
          { ...options, ...(preview === null ? {} : { preview }) },
        ),
      ),
    call.failed,
  )
  return redirect(link(call, ['actions', actionId], { back: String(paramsOf(selection.search)) }))
}

/** What the page before was told; only for saying later by what things came out otherwise. */
export function previewOf(text: string | null): ActionPreview | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return typeof value === 'object' && value !== null ? (value as ActionPreview) : null
  } catch {
    return null
  }
}
