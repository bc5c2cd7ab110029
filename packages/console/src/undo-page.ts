/** Undoing an action: what it would come to for each contact, before it is confirmed; then it is an action like any other. */
import { actionScope, begun, type Scope } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-order.ts'
import { actionOf, sequenceHtml, titlesOfActions, undoOf } from './action-view.ts'
import { type ActionCall, answerOf, link, needed, redirect, textOf } from './call.ts'
import { actionTitle, undoFields, undoTaken } from './order-sentences.ts'
import { hidden, type Page } from './page.ts'
import { previewField, previewOf } from './preview-page.ts'
import { PREVIEW_LIMIT, previewTable } from './preview-table.ts'

export async function undoScope(call: ActionCall): Promise<Scope> {
  return actionScope(undoOf(await actionOf(call)))
}

export async function undoPage(call: ActionCall): Promise<Page> {
  const action = await actionOf(call)
  const { actionId } = action
  const params = call.url.searchParams
  const how = undoTaken({ form: params })
  const preview = answerOf(await call.engine.previewUndo({ undoes: actionId, ...how }, { limit: PREVIEW_LIMIT }))
  const titles = await titlesOfActions(call, [action])
  const back = params.get('back') ?? ''
  const body = html`<h1>Undo: ${actionTitle(action.action)} ${sequenceHtml(action, titles)}</h1>
<p>Nothing was changed so far. This is what would happen now. What was sent stays sent.</p>
${await previewTable(call, 'undo', preview, titles, 'There is nothing to undo.')}
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
  preview: previewField(preview),
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
