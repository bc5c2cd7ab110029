/**
 * Start or stop a campaign sequence for many: choose, preview, process, follow, results. Rules BULK-1 to BULK-3.
 * The way is one of forms, each with all that was said before, so that nothing is kept in between.
 */
import { ACTION_OUTCOMES, ACTION_VERBS, type ActionVerb, type CampaignId, parseTag } from '@enfold/core'
import type { ActionPreview, ActionView } from '@enfold/engine'
import {
  actionScope,
  begun,
  CSV_HEADERS,
  EVENT_STREAM_HEADERS,
  isOver,
  progressOf,
  type Scope,
  streamed,
  whilePermitted,
} from '@enfold/http'
import { html } from 'hono/html'
import { answerOf, type Call, type Html, link, may, needed, numberOf, redirect, seen, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { ACTION_TEXTS, ACTION_TITLES } from './order-sentences.ts'
import { badge, contactLink, hidden, type Page, table } from './page.ts'
import { activeTag, paramsOf, type Selection, searchOf, selectionFields, selectionOf, sourceOf } from './selection.ts'
import { titlesOf } from './titles.ts'
import { span, when } from './when.ts'

const isVerb = (text: string | null): text is ActionVerb => text !== null && Object.hasOwn(ACTION_VERBS, text)

/** What the forms say so far. */
interface Order {
  readonly action: ActionVerb
  readonly campaignId: CampaignId
  readonly sequenceId: string
  readonly reason: string
  readonly selection: Selection
}

// --- Choose ---------------------------------------------------------------------------------------------------------

/** Either is enough: which actions are offered depends on it. */
export function chooseScope(call: Call): Scope {
  const verbs = Object.values(ACTION_VERBS).map(({ permission }) => permission)
  const allowed = verbs.find((permission) => may(call, permission, 'any'))
  if (allowed !== undefined) return { verbs: allowed, campaigns: 'any' }
  const named = [...new Set(verbs.flat())].map((permission) => JSON.stringify(permission))
  throw new Failure(403, `You may not do this: it needs the permission ${named.join(' or ')}.`)
}

export async function choosePage(call: Call): Promise<Page> {
  const selection = selectionOf(call.form)
  const chosen = call.form.get('action')
  const body = html`<h1>Start/Stop a Campaign Sequence</h1>
<p>${await recipientsOf(call, selection)}</p>
<form method="post" autocomplete="off" action="${link(call, ['actions', 'preview'])}" class="fields" data-sequences>
${hidden(call)}${selectionFields(selection)}
<label>Action <select name="action" required>${(Object.keys(ACTION_VERBS) as ActionVerb[])
    .filter((verb) => may(call, ACTION_VERBS[verb].permission, 'any'))
    .map(
      (verb) => html`<option value="${verb}"${verb === chosen ? html` selected` : ''}>${ACTION_TITLES[verb]}</option>`,
    )}</select></label>
<label>Sequence <select name="sequence" required><option value="">choose one</option>${await sequenceOptions(call, call.form.get('sequence'))}</select></label>
<label>Reason <input name="reason" required maxlength="500" value="${call.form.get('reason') ?? ''}" placeholder="For the record; no personal data"></label>
<p class="buttons"><button>Preview</button> <a class="button quiet" href="${link(call, ['search'])}?${paramsOf(selection.search)}">Cancel and Return to Quick Search</a></p>
</form>`
  return { title: 'Start/Stop a Campaign Sequence', part: 'search', body }
}

/** Sequences by campaign. Those of unpublished campaigns can be stopped, too. */
export async function sequenceOptions(call: Call, selected: string | null): Promise<Html> {
  const campaigns = seen(call, await call.engine.inspect.campaigns())
  const titles = await titlesOf(
    call,
    campaigns.map(({ campaignId }) => campaignId),
  )
  return html`${campaigns.map(
    ({ campaignId, name, published }) =>
      html`<optgroup label="${name}${published ? '' : ' (unpublished)'}">${(
        titles.definition(campaignId)?.sequences ?? []
      ).map(({ id }) => {
        const tag = activeTag(campaignId, id)
        return html`<option value="${tag}"${tag === selected ? html` selected` : ''}>${titles.sequence({ campaignId, sequenceId: id })}</option>`
      })}</optgroup>`,
  )}`
}

async function recipientsOf(call: Call, { contacts, search }: Selection): Promise<Html> {
  if (contacts === 'all')
    return html`This action is for <strong>all results</strong> of your search${search.text === null ? '' : html` for “<bdi>${search.text}</bdi>”`}. The preview counts them.`
  const names = await call.namesOf(contacts.slice(0, 3))
  const some = contacts.slice(0, 3).map((contactId) => names.get(contactId) ?? contactId)
  return html`This action is for <strong>${contacts.length} contact${contacts.length === 1 ? '' : 's'}</strong>: <bdi>${some.join(', ')}</bdi>${contacts.length > 3 ? ', …' : ''}`
}

// --- Preview --------------------------------------------------------------------------------------------------------

function orderOf({ form }: Call): Order {
  const action = form.get('action')
  if (!isVerb(action)) throw new Failure(400, 'Unknown action; expected start, stop or restart.')
  const parsed = parseTag(needed(form, 'sequence'))
  if (parsed === null || parsed.waiting) throw new Failure(400, 'Unknown sequence.')
  const { campaignId, sequenceId } = parsed
  return { action, campaignId, sequenceId, reason: reasonOf(form), selection: selectionOf(form) }
}

/** Every order has one: the log keeps it with the actor. */
export function reasonOf(form: URLSearchParams): string {
  const reason = textOf(form, 'reason')
  if (reason === null) throw new Failure(422, 'A reason is required. It is kept with the order.')
  if (reason.length > 500) throw new Failure(422, 'The reason is longer than 500 characters.')
  return reason
}

/** As the API judges it: the sequence's campaign, and those by whose sequences contacts are found. */
export function targetScope(call: Call): Scope {
  const { action, campaignId, selection } = orderOf(call)
  const source = sourceOf(selection)
  return actionScope({ action, campaignId, contacts: 'query' in source ? source : { ids: [] } })
}

export async function previewPage(call: Call): Promise<Page> {
  const order = orderOf(call)
  const { action, campaignId, sequenceId, reason, selection } = order
  const target = { action, campaignId, sequenceId, contacts: sourceOf(selection) }
  const preview = answerOf(await call.engine.previewAction(target))
  const titles = await titlesOf(call, [campaignId])
  const names = await call.namesOf(ACTION_OUTCOMES.flatMap((outcome) => preview.samples[outcome]))
  const rows = ACTION_OUTCOMES.filter((outcome) => preview.outcomes[outcome] > 0).map(
    (outcome) => html`<tr><th scope="row" class="number">${preview.outcomes[outcome].toLocaleString('en')}</th>
<td>${badge(outcome)} ${ACTION_TEXTS[outcome]}</td>
<td>${preview.samples[outcome].map((contactId) => html`<span class="tag">${contactLink(call, contactId, names)}</span> `)}${preview.outcomes[outcome] > preview.samples[outcome].length ? '…' : ''}</td></tr>`,
  )
  const again = html`${hidden(call, { action, sequence: activeTag(campaignId, sequenceId), reason })}${selectionFields(selection)}`
  const body = html`<h1>${ACTION_TITLES[action]}: ${titles.of({ campaignId, sequenceId })}</h1>
<p>${await recipientsOf(call, selection)} Nothing was changed so far. This is what would happen now:</p>
${table('Preview', ['Contacts', 'What happens', 'For example'], rows, 'No contact found.')}
${preview.complete ? '' : html`<p class="notice warm">There are more than ${preview.contacts.toLocaleString('en')} contacts. The counts are of those; all of them are processed.</p>`}
<p>Reason: <q><bdi>${reason}</bdi></q></p>
<div class="buttons">
${
  preview.contacts === 0
    ? ''
    : html`<form method="post" autocomplete="off" action="${link(call, ['actions'])}">${again}${hiddenOf('actionId', crypto.randomUUID())}${hiddenOf('preview', JSON.stringify(preview))}<button class="primary">Process Action</button></form>`
}
<form method="post" autocomplete="off" action="${link(call, ['actions', 'choose'])}">${again}<button>Change</button></form>
<a class="button quiet" href="${link(call, ['search'])}?${paramsOf(selection.search)}">Cancel and Return to Quick Search</a>
</div>`
  return { title: 'Preview', part: 'search', body }
}

const hiddenOf = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`

// --- Process --------------------------------------------------------------------------------------------------------

export async function process(call: Call): Promise<Response> {
  const order = orderOf(call)
  const { selection, ...target } = order
  const actionId = needed(call.form, 'actionId')
  const preview = previewOf(call.form.get('preview'))
  await begun(
    async (options) =>
      answerOf(
        await call.engine.processAction(
          { ...target, actionId, contacts: sourceOf(selection), actor: call.actor.actor },
          { ...options, ...(preview === null ? {} : { preview }) },
        ),
      ),
    call.failed,
  )
  return redirect(link(call, ['actions', actionId], { back: String(paramsOf(selection.search)) }))
}

/** What the page before was told; only for saying later by what things came out otherwise. */
function previewOf(text: string | null): ActionPreview | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return typeof value === 'object' && value !== null ? (value as ActionPreview) : null
  } catch {
    return null
  }
}

// --- Follow, and results --------------------------------------------------------------------------------------------

async function actionOf(call: Call): Promise<ActionView> {
  const action = await call.engine.inspect.action(call.path.actionId as string)
  // Of another's campaign there is none, as far as this actor can see.
  if (action === null || !may(call, 'read', [action.campaignId])) throw new Failure(404, 'There is no such action.')
  return action
}

export async function actionPage(call: Call): Promise<Page> {
  const action = await actionOf(call)
  const { actionId, campaignId, outcomes, sequenceId } = action
  const params = call.url.searchParams
  const outcome = ACTION_OUTCOMES.find((one) => one === params.get('outcome'))
  const found = await call.engine.inspect.actionContacts({
    actionId,
    after: numberOf(params, 'after') ?? 0,
    ...(outcome === undefined ? {} : { outcome }),
  })
  const back = searchOf(new URLSearchParams(params.get('back') ?? ''))
  const here = (query: Readonly<Record<string, string | number | null>>) =>
    link(call, ['actions', actionId], { back: String(paramsOf(back)), ...query })
  const titles = await titlesOf(call, [campaignId])
  const names = await call.namesOf(found.contacts.map(({ contactId }) => contactId))
  const mayOrder = may(call, ACTION_VERBS[action.action].permission, [campaignId])
  const post = (verb: string, label: string) =>
    html`<form method="post" autocomplete="off" action="${link(call, ['actions', actionId, verb])}">${hidden(call, { back: String(paramsOf(back)) })}<button>${label}</button></form>`
  const body = html`<h1>${ACTION_TITLES[action.action]}: ${titles.of({ campaignId, sequenceId })}</h1>
<p>${stateBadge(action)} Ordered by <bdi>${action.actor ?? 'nobody named'}</bdi>, ${when(action.orderedAt, call.timeZone)}${action.reason === null ? '' : html`: <q><bdi>${action.reason}</bdi></q>`}${
    action.state === 'cancelled'
      ? html` Cancelled${action.cancelledBy === null ? '' : html` by <bdi>${action.cancelledBy}</bdi>`}.`
      : ''
  }</p>
${isStill(action) ? standstill(action, call.timeZone, mayOrder) : ''}
<p class="progress"${isOver(action) ? '' : html` data-still="${isStill(action) ? 'yes' : 'no'}" data-progress="${link(call, ['actions', actionId, 'progress'])}"`}>
<progress max="${Math.max(1, action.contacts)}" value="${action.contacts === 0 && isOver(action) ? 1 : action.processed}" aria-label="Contacts processed"></progress>
<span>${progressText(action)}</span></p>
${table(
  'Results by outcome',
  ['Contacts', 'Outcome', ''],
  ACTION_OUTCOMES.filter((one) => outcomes[one] > 0).map(
    (one) => html`<tr><th scope="row" class="number">${outcomes[one].toLocaleString('en')}</th><td>${badge(one)}</td>
<td><a href="${here({ outcome: one })}"${one === outcome ? html` aria-current="true"` : ''}>Show these<span class="unseen">: ${one.replaceAll('_', ' ')}</span></a></td></tr>`,
  ),
  'No contact has a result yet.',
)}
${
  action.differences.length === 0
    ? ''
    : html`<p class="notice warm">It came out otherwise than the preview said: ${action.differences
        .map(
          ({ outcome: one, previewed, happened }) => `${one.replaceAll('_', ' ')} ${happened} instead of ${previewed}`,
        )
        .join(', ')}.</p>`
}
<div class="buttons">
<a class="button" href="${link(call, ['actions', actionId, 'results.csv'])}" download>Download as CSV</a>
${!isOver(action) && mayOrder ? html`${isStill(action) && action.state === 'running' ? post('resume', 'Resume the action') : ''}${post('cancel', 'Cancel the action')}` : ''}
<a class="button quiet" href="${link(call, ['search'])}?${paramsOf(back)}">Return to Quick Search</a>
</div>
<h2>Contacts${outcome === undefined ? '' : html`: ${outcome.replaceAll('_', ' ')} <a class="small" href="${here({})}">show all</a>`}</h2>
${table(
  'Contacts of the action',
  ['No.', 'Contact', 'Outcome', 'Run', 'Reason'],
  found.contacts.map(
    ({ contactId, number, outcome: one, reason, run }) =>
      html`<tr><td class="number">${number}</td><th scope="row">${contactLink(call, contactId, names)}</th><td>${badge(one ?? 'pending')}</td><td class="number">${run ?? ''}</td><td><bdi>${reason ?? ''}</bdi></td></tr>`,
  ),
)}
${found.next === null ? '' : html`<p><a rel="next" href="${here({ after: found.next, outcome: outcome ?? null })}">More contacts</a></p>`}`
  return { title: 'Action', part: 'search', body, ...(isOver(action) ? {} : { refresh: 2 }) }
}

/** A group of contacts takes seconds. After this, nobody is at work on the action any more. */
const STILL_MS = 60_000

/** Whether nothing has moved for so long that its process must have died. */
export const isStill = ({ stillMs }: ActionView) => stillMs !== null && stillMs >= STILL_MS

/** An action that nobody works on is not running, whatever its record says. */
export const stateBadge = (action: ActionView): Html => badge(isStill(action) ? 'standing still' : action.state)

function standstill({ movedAt, orderedAt, state, stillMs }: ActionView, timeZone: string, mayOrder: boolean): Html {
  const remedy =
    state === 'collecting'
      ? 'Not all of its contacts were read, and none was touched: order it again.'
      : `What is done is kept. ${mayOrder ? 'Resume it' : 'Somebody who may order it can resume it'}, and it goes on where it was.`
  return html`<p class="notice warm" role="status">Nothing has moved since ${when(movedAt ?? orderedAt, timeZone)}, for ${span(stillMs ?? 0)}: the process that worked on it has probably ended. ${remedy}</p>`
}

function progressText({ contacts, processed, state }: ActionView): string {
  if (state === 'collecting') return 'Finding the contacts …'
  return `${processed.toLocaleString('en')} of ${contacts.toLocaleString('en')} contacts`
}

export async function actionLookScope(call: Call): Promise<Scope> {
  return { verbs: ['read'], campaigns: [(await actionOf(call)).campaignId] }
}

export async function actionOrderScope(call: Call): Promise<Scope> {
  const { action, campaignId } = await actionOf(call)
  return actionScope({ action, campaignId })
}

export async function cancelAction(call: Call): Promise<Response> {
  const { actionId } = await actionOf(call)
  answerOf(await call.engine.cancelAction(actionId, { actor: call.actor.actor }))
  return backToAction(call, actionId)
}

export async function resumeAction(call: Call): Promise<Response> {
  const { actionId } = await actionOf(call)
  await begun(async (options) => answerOf(await call.engine.resumeAction(actionId, options)), call.failed)
  return backToAction(call, actionId)
}

function backToAction(call: Call, actionId: string): Response {
  return redirect(link(call, ['actions', actionId], { back: textOf(call.form, 'back') }))
}

// --- Streams --------------------------------------------------------------------------------------------------------

export async function resultsCsv(call: Call): Promise<Response> {
  const { actionId, campaignId } = await actionOf(call)
  const pages = whilePermitted(call.engine.inspect.actionCsv(actionId), () => call.stillSees(campaignId))
  return streamed(pages, call.failed, CSV_HEADERS)
}

export async function progressStream(call: Call): Promise<Response> {
  await actionOf(call)
  const progress = progressOf({
    signal: call.request.signal,
    look: () => actionOf(call),
    isStillPermitted: ({ campaignId }) => call.stillSees(campaignId),
    stateOf: (action) => `${action.revision} ${isStill(action)}`,
    eventOf(action) {
      const { contacts, processed, state } = action
      const shown = { contacts, processed, state, still: isStill(action), text: progressText(action) }
      return `data: ${JSON.stringify(shown)}\n\n`
    },
  })
  return streamed(progress, call.failed, EVENT_STREAM_HEADERS)
}
