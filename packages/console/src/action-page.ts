/** An action as it stands: how far it is, what came of each contact; to be cancelled or resumed. */
import { ACTION_OUTCOMES, type ActionOutcome, type JsonObject } from '@enfold/core'
import type { ActionView } from '@enfold/engine'
import { actionScope, begun, isOver, type ScopedAction } from '@enfold/http'
import { html } from 'hono/html'
import {
  actionOf,
  isStill,
  progressText,
  scopedAction,
  sequenceHtml,
  stateBadge,
  titlesOfActions,
  toldOf,
  undoOf,
} from './action-view.ts'
import { type ActionCall, answerOf, type Call, type Html, link, may, numberOf, redirect, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { actionTitle } from './order-sentences.ts'
import { badge, contactLink, hidden, type Page, table } from './page.ts'
import { activeTag, paramsOf, searchOf } from './selection.ts'
import { hiddenVariables } from './variable-fields.ts'
import { span, when } from './when.ts'

export async function actionPage(call: ActionCall): Promise<Page> {
  const action = await actionOf(call)
  const { actionId } = action
  const params = call.url.searchParams
  const word = textOf(params, 'outcome')
  const outcome = ACTION_OUTCOMES.find((one) => one === word)
  if (word !== null && outcome === undefined) throw new Failure(400, 'Unknown outcome.')
  const found = await call.engine.inspect.actionContacts({
    actionId,
    after: numberOf(params, 'after') ?? 0,
    ...(outcome === undefined ? {} : { outcome }),
  })
  const back = searchOf(new URLSearchParams(params.get('back') ?? ''))
  const here = (query: Readonly<Record<string, string | number | null>>) =>
    link(call, ['actions', actionId], { back: String(paramsOf(back)), ...query })
  const titles = await titlesOfActions(call, [action])
  const names = await call.namesOf(found.contacts.map(({ contactId }) => contactId))
  const mayGive = (one: ScopedAction) => {
    const { verbs, campaigns } = actionScope(one)
    return may(call, verbs, campaigns)
  }
  const mayOrder = mayGive(scopedAction(action))
  const post = (verb: string, label: string) =>
    html`<form method="post" autocomplete="off" action="${link(call, ['actions', actionId, verb])}">
${hidden(call, { back: String(paramsOf(back)) })}
<button>${label}</button>
</form>`
  const mayUndo = action.action !== 'erase' && mayGive(undoOf(action))
  const canResume = isStill(action) && action.state === 'running'
  const body = html`<h1>${actionTitle(action.action)}${action.sequenceId === null ? '' : html`: ${sequenceHtml(action, titles)}`}</h1>
${toldOf(action) === '' ? '' : html`<p><bdi>${toldOf(action)}</bdi></p>`}
${orderedBy(action, call.timeZone)}
${action.undoes === undefined ? '' : html`<p>It undoes <a href="${link(call, ['actions', action.undoes])}">another action</a>.</p>`}
${isStill(action) ? standstill(action, call.timeZone, mayOrder) : ''}
${progressBar(call, action)}
${resultsTable(action, outcome, (one) => here({ outcome: one }))}
${differences(action)}
<div class="buttons">
<a class="button" href="${link(call, ['actions', actionId, 'results.csv'])}" download>Download as CSV</a>
${isOver(action) && action.processed > 0 && mayUndo ? html`<a class="button" href="${link(call, ['actions', actionId, 'undo'], { back: String(paramsOf(back)) })}">Undo the action</a>` : ''}
${isOver(action) && mayOrder && action.action !== 'undo' ? againForm(call, action, outcome, paramsOf(back)) : ''}
${!isOver(action) && mayOrder ? html`${canResume ? post('resume', 'Resume the action') : ''}${post('cancel', 'Cancel the action')}` : ''}
<a class="button quiet" href="${link(call, ['search'])}?${paramsOf(back)}">Return to Quick Search</a>
</div>
<h2>Contacts${outcome === undefined ? '' : html`: ${outcome.replaceAll('_', ' ')} <a class="small" href="${here({})}">show all</a>`}</h2>
${table(
  'Contacts of the action',
  ['No.', 'Contact', 'Outcome', 'Run', 'Reason'],
  found.contacts.map(
    ({ contactId, key, number, outcome: one, reason, run, runs = [] }) => html`<tr>
<td class="number">${number}</td>
<th scope="row">${contactLink(call, contactId, names)}${key === undefined ? '' : html` for <bdi class="key">${key}</bdi>`}</th>
<td>${badge(one ?? 'pending')}${runs.map((each) => html`<br><span class="quiet">${badge(each.outcome)} run ${each.run}${each.key === '' ? '' : html` for <bdi class="key">${each.key}</bdi>`}</span>`)}</td>
<td class="number">${run ?? ''}</td>
<td><bdi>${reason ?? ''}</bdi></td>
</tr>`,
  ),
)}
${found.next === null ? '' : html`<p><a rel="next" href="${here({ after: found.next, outcome: outcome ?? null })}">More contacts</a></p>`}`
  return { title: 'Action', part: 'search', body, ...(isOver(action) ? {} : { refresh: 2 }) }
}

/** The same order, or another one, for the same contacts, or for those with the outcome that is shown. */
function againForm(call: Call, action: ActionView, outcome: ActionOutcome | undefined, back: URLSearchParams): Html {
  const { actionId, campaignId, sequenceId, key, order = {}, reason, vars = {} } = action
  const sequence = campaignId === null || sequenceId === null ? null : activeTag(campaignId, sequenceId)
  const field = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`
  return html`<form method="post" autocomplete="off" action="${link(call, ['actions', 'choose'])}">
${hidden(call, { of: 'action', fromAction: actionId, fromOutcome: outcome, action: action.action, sequence, key, reason })}
${[...back].map(([name, value]) => field(name, value))}${toldFields(order).map(([name, value]) => field(name, value))}${hiddenVariables(vars)}
<button>Run again${outcome === undefined ? '' : ' for these'}</button>
</form>`
}

/** What the verb was told, as its fields say it. Instants have to be said again: they were of that day. */
function toldFields(order: JsonObject): readonly (readonly [name: string, value: string])[] {
  return Object.entries(order).flatMap(([name, value]) => {
    if (['dueAt', 'until', 'occurredAt', 'clear'].includes(name) || value === false) return []
    const text = value === true ? 'yes' : typeof value === 'string' ? value : JSON.stringify(value)
    return [[name === 'stepId' ? 'step' : name, text]]
  })
}

function orderedBy(action: ActionView, timeZone: string): Html {
  const { actor, cancelledBy, orderedAt, reason, state } = action
  const why = reason === null ? '' : html`: <q><bdi>${reason}</bdi></q>`
  const by = cancelledBy === null ? '' : html` by <bdi>${cancelledBy}</bdi>`
  return html`<p>${stateBadge(action)} Ordered by <bdi>${actor ?? 'nobody named'}</bdi>, ${when(orderedAt, timeZone)}${why}${
    state === 'cancelled' ? html` Cancelled${by}.` : ''
  }</p>`
}

/** The page's script reads the progress where the action is not over. */
function progressBar(call: Call, action: ActionView): Html {
  const { actionId, contacts, processed } = action
  const value = contacts === 0 && isOver(action) ? 1 : processed
  const progress = link(call, ['actions', actionId, 'progress'])
  return html`<p class="progress"${
    isOver(action) ? '' : html` data-still="${isStill(action) ? 'yes' : 'no'}" data-progress="${progress}"`
  }>
<progress max="${Math.max(1, contacts)}" value="${value}" aria-label="Contacts processed"></progress>
<span>${progressText(action)}</span>
</p>`
}

function resultsTable(
  { outcomes }: ActionView,
  shown: ActionOutcome | undefined,
  hrefOf: (outcome: ActionOutcome) => string,
): Html {
  return table(
    'Results by outcome',
    ['Contacts', 'Outcome', ''],
    ACTION_OUTCOMES.filter((one) => outcomes[one] > 0).map(
      (one) => html`<tr>
<th scope="row" class="number">${outcomes[one].toLocaleString('en')}</th>
<td>${badge(one)}</td>
<td><a href="${hrefOf(one)}"${one === shown ? html` aria-current="true"` : ''}>Show these<span class="unseen">: ${one.replaceAll('_', ' ')}</span></a></td>
</tr>`,
    ),
    'No contact has a result yet.',
  )
}

function differences({ differences }: ActionView): Html {
  if (differences.length === 0) return html``
  const said = differences.map(
    ({ outcome, previewed, happened }) => `${outcome.replaceAll('_', ' ')} ${happened} instead of ${previewed}`,
  )
  return html`<p class="notice warm">It came out otherwise than the preview said: ${said.join(', ')}.</p>`
}

function standstill({ movedAt, orderedAt, state, stillMs }: ActionView, timeZone: string, mayOrder: boolean): Html {
  const remedy =
    state === 'collecting'
      ? 'Not all of its contacts were read, and none was touched: order it again.'
      : `What is done is kept. ${mayOrder ? 'Resume it' : 'Somebody who may order it can resume it'}, and it goes on where it was.`
  return html`<p class="notice warm" role="status">Nothing has moved since ${when(movedAt ?? orderedAt, timeZone)}, for ${span(stillMs ?? 0)}: the process that worked on it has probably ended. ${remedy}</p>`
}

export async function cancelAction(call: ActionCall): Promise<Response> {
  const { actionId } = await actionOf(call)
  answerOf(await call.engine.cancelAction(actionId, { actor: call.principal.id }))
  return backToAction(call, actionId)
}

export async function resumeAction(call: ActionCall): Promise<Response> {
  const { actionId } = await actionOf(call)
  await begun(async (options) => answerOf(await call.engine.resumeAction(actionId, options)), call.failed)
  return backToAction(call, actionId)
}

function backToAction(call: Call, actionId: string): Response {
  return redirect(link(call, ['actions', actionId], { back: textOf(call.form, 'back') }))
}
