/** Second page: what the verb needs to be told, and what would happen. Processing it begins the action. */
import type { ActionOrder, ActionPreview, BeginOptions } from '@enfold/engine'
import { begun } from '@enfold/http'
import { html } from 'hono/html'
import { fieldsOf, type Order, orderOf, recipientsOf, saidFields, targetOf } from './action-order.ts'
import { answerOf, type Call, type Html, link, needed, redirect } from './call.ts'
import { actionTitle } from './order-sentences.ts'
import { hidden, type Page } from './page.ts'
import { PREVIEW_LIMIT, previewTable } from './preview-table.ts'
import { paramsOf } from './selection.ts'
import { type Titles, titlesOf } from './titles.ts'
import { hiddenVariables, variableFields, varsTyped } from './variable-fields.ts'

export async function previewPage(call: Call): Promise<Page> {
  const order = orderOf(call)
  const { action, sequence, selection, reason, sentences } = order
  const titles = await titlesOf(call, sequence === null ? [] : [sequence.campaignId])
  const preview = order.isWhole
    ? answerOf(await call.engine.previewAction(targetOf(call, order), { limit: PREVIEW_LIMIT }))
    : null
  const again = html`${hidden(call)}${saidFields(call, order, true)}`
  const asked = variablesAsked(call, order, titles)
  const body = html`<h1>${actionTitle(action)}${sequence === null ? '' : html`: ${titles.sequenceHtml(sequence)}`}</h1>
<p>${await recipientsOf(call, selection)} Nothing was changed so far. ${preview === null ? sentences.says : ''} ${sentences.final ?? ''} ${preview === null ? '' : 'This is what would happen now:'}</p>
${preview === null ? '' : await previewTable(call, action, preview, titles, 'No contact found.')}
${moreOf(call, order, titles, preview)}
<p>Reason: <q><bdi>${reason}</bdi></q></p>
<div class="buttons">
${
  preview === null || preview.contacts === 0
    ? ''
    : html`<form method="post" autocomplete="off" action="${link(call, ['actions'])}">${again}${hiddenOf('actionId', crypto.randomUUID())}${hiddenOf('preview', previewField(preview))}${asked}<button class="primary">Process Action</button>${asked === '' ? '' : html` <button formaction="${link(call, ['actions', 'preview'])}">Preview with these variables</button>`}</form>`
}
<form method="post" autocomplete="off" action="${link(call, ['actions', 'choose'])}">${again}${hiddenVariables(varsTyped(call.form) ?? {})}<button>Change</button></form>
<a class="button quiet" href="${link(call, ['search'])}?${paramsOf(selection.search)}">Cancel and Return to Quick Search</a>
</div>`
  return { title: 'Preview', part: 'search', body }
}

/** The fields of the verb, if it has any: to be filled in, or changed and previewed again. */
function moreOf(call: Call, order: Order, titles: Titles, preview: ActionPreview | null): Html | '' {
  const { verb, sentences } = order
  if (sentences.fields === undefined && verb.about !== 'step' && verb.about !== 'received') return ''
  return html`<form method="post" autocomplete="off" action="${link(call, ['actions', 'preview'])}" class="fields">
${hidden(call, { said: 'yes' })}${saidFields(call, order, false)}${hiddenVariables(varsTyped(call.form) ?? {})}
${fieldsOf(call, order, titles)}
<p class="buttons"><button>${preview === null ? 'Preview' : 'Preview again'}</button></p>
</form>`
}

const hiddenOf = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`

/** Of what begins runs: for all of them the same (VAR-1). With those that were said before, also if no longer known. */
function variablesAsked({ form }: Call, { action, verb, sequence }: Order, titles: Titles): Html | '' {
  const definition = sequence === null ? undefined : titles.definition(sequence.campaignId)
  const found = definition?.sequences.find(({ id }) => id === sequence?.sequenceId)
  if (!('vars' in verb.takes) || found === undefined) return ''
  const before = varsTyped(form) ?? {}
  const names = Object.keys(found.vars ?? {}).filter((name) => name !== found.per)
  const all = [...new Set([...names, ...Object.keys(before)])]
  if (all.length === 0) return ''
  const kept = html`<p class="hint">All empty: each run begins with the variables of the run before it.</p>`
  return html`${variableFields(all, before)}${action === 'restart' ? kept : ''}`
}

export async function process(call: Call): Promise<Response> {
  const order = orderOf(call)
  const { reason, selection } = order
  const actionId = needed(call.form, 'actionId')
  const preview = previewOf(call.form.get('preview'))
  const ordered = { ...targetOf(call, order), actionId, reason, actor: call.principal.id } as ActionOrder
  await begun(
    async (options) =>
      answerOf(await call.engine.processAction(ordered, { ...options, ...(preview === null ? {} : { preview }) })),
    call.failed,
  )
  return redirect(link(call, ['actions', actionId], { back: String(paramsOf(selection.search)) }))
}

/** What the next page needs of a preview: only for saying later by what things came out otherwise. */
export const previewField = ({ outcomes, complete }: ActionPreview): string => JSON.stringify({ outcomes, complete })

export function previewOf(text: string | null): NonNullable<BeginOptions['preview']> | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return typeof value === 'object' && value !== null ? (value as NonNullable<BeginOptions['preview']>) : null
  } catch {
    return null
  }
}
