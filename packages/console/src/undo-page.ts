/** Undoing an action: what it would come to for each contact, before it is confirmed; then it is an action like any other. */
import { ACTION_OUTCOMES, actionPermission } from '@enfold/core'
import { begun, type Scope } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-order.ts'
import { actionOf } from './action-view.ts'
import { type ActionCall, answerOf, link, needed, redirect, textOf } from './call.ts'
import { ACTION_TEXTS, ACTION_TITLES, undoFields, undoTaken } from './order-sentences.ts'
import { badge, contactLink, hidden, type Page, table } from './page.ts'
import { previewOf } from './preview-page.ts'
import { titlesOf } from './titles.ts'

export async function undoScope(call: ActionCall): Promise<Scope> {
  return { verbs: actionPermission('undo'), campaigns: [(await actionOf(call)).campaignId] }
}

export async function undoPage(call: ActionCall): Promise<Page> {
  const action = await actionOf(call)
  const { actionId, campaignId } = action
  const params = call.url.searchParams
  const how = undoTaken({ form: params })
  const preview = answerOf(await call.engine.previewUndo({ undoes: actionId, ...how }))
  const titles = await titlesOf(call, [campaignId])
  const names = await call.namesOf(ACTION_OUTCOMES.flatMap((outcome) => preview.samples[outcome]))
  const rows = ACTION_OUTCOMES.filter((outcome) => preview.outcomes[outcome] > 0).map(
    (outcome) => html`<tr>
<th scope="row" class="number">${preview.outcomes[outcome].toLocaleString('en')}</th>
<td>${badge(outcome)} ${ACTION_TEXTS[outcome]}</td>
<td>${preview.samples[outcome].map((contactId) => html`<span class="tag">${contactLink(call, contactId, names)}</span> `)}${preview.outcomes[outcome] > preview.samples[outcome].length ? '…' : ''}</td>
</tr>`,
  )
  const back = params.get('back') ?? ''
  const body = html`<h1>Undo: ${ACTION_TITLES[action.action]}, ${titles.sequenceHtml(action)}</h1>
<p>Nothing was changed so far. This is what would happen now. What was sent stays sent.</p>
${table('Preview', ['Contacts', 'What happens', 'For example'], rows, 'There is nothing to undo.')}
${preview.complete ? '' : html`<p class="notice warm">There are more than ${preview.contacts.toLocaleString('en')} contacts. The counts are of those; all of them are processed.</p>`}
<form method="get" autocomplete="off" action="${link(call, ['actions', actionId, 'undo'])}" class="fields">
<input type="hidden" name="back" value="${back}">
${undoFields(how)}
<p class="buttons"><button>Preview again</button></p>
</form>
${
  preview.contacts === 0
    ? ''
    : html`<form method="post" autocomplete="off" action="${link(call, ['actions', actionId, 'undo'])}" class="fields">
${hidden(call, {
  back,
  undoId: crypto.randomUUID(),
  preview: JSON.stringify(preview),
  ...(how.stopSent ? { stopSent: 'yes' } : {}),
  ...(how.shift ? { shift: 'yes' } : {}),
})}
<label>Reason <input name="reason" required maxlength="500" placeholder="For the record; no personal data"></label>
<p class="buttons"><button class="primary">Undo the action</button> <a class="button quiet" href="${link(call, ['actions', actionId], { back })}">Leave it as it is</a></p>
</form>`
}`
  return { title: 'Undo', part: 'search', body }
}

export async function undoAction(call: ActionCall): Promise<Response> {
  const { actionId: undoes } = await actionOf(call)
  const { form } = call
  const actionId = needed(form, 'undoId')
  const order = { actionId, undoes, actor: call.principal.id, reason: reasonOf(form), ...undoTaken(call) }
  const preview = previewOf(form.get('preview'))
  await begun(
    async (options) =>
      answerOf(await call.engine.undoAction(order, { ...options, ...(preview === null ? {} : { preview }) })),
    call.failed,
  )
  return redirect(link(call, ['actions', actionId], { back: textOf(form, 'back') }))
}
