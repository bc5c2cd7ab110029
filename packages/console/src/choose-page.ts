/** Start or stop a sequence for many, first page: which sequence, and why. */
import { ACTION_VERB_NAMES, ACTION_VERBS } from '@enfold/core'
import { type Scope, visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { recipientsOf } from './action-order.ts'
import { type Call, type Html, link, may } from './call.ts'
import { Failure } from './failure.ts'
import { ACTION_TITLES } from './order-sentences.ts'
import { hidden, type Page } from './page.ts'
import { activeTag, paramsOf, selectionFields, selectionOf } from './selection.ts'
import { titlesOf } from './titles.ts'

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
<label>Action <select name="action" required>${ACTION_VERB_NAMES.filter((verb) =>
    may(call, ACTION_VERBS[verb].permission, 'any'),
  ).map(
    (verb) => html`<option value="${verb}"${verb === chosen ? html` selected` : ''}>${ACTION_TITLES[verb]}</option>`,
  )}</select></label>
<label>Sequence <select name="sequence" required>
<option value="">choose one</option>${await sequenceOptions(call, call.form.get('sequence'))}</select></label>
<label>For which key <input name="key" maxlength="200" value="${call.form.get('key') ?? ''}"></label>
<p class="hint">Only where the sequence has keys. It is for all of these contacts: a start or a restart needs one, and a stop without it ends the runs of every key. A list that names a key for each contact is a CSV with a column <code>key</code>, for the API or <code>enfold start --from</code>.</p>
<label>Reason <input name="reason" required maxlength="500" value="${call.form.get('reason') ?? ''}" placeholder="For the record; no personal data"></label>
<p class="buttons"><button>Preview</button> <a class="button quiet" href="${link(call, ['search'])}?${paramsOf(selection.search)}">Cancel and Return to Quick Search</a></p>
</form>`
  return { title: 'Start/Stop a Campaign Sequence', part: 'search', body }
}

/** Sequences by campaign. Those of unpublished campaigns can be stopped, too. */
export async function sequenceOptions(call: Call, selected: string | null): Promise<Html> {
  const campaigns = visibleTo(call.principal, await call.engine.inspect.campaigns())
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
