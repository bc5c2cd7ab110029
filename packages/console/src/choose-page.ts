/** An order for many contacts, first page: which, for which sequence, and why. */
import { ACTION_VERB_NAMES, ACTION_VERBS, type ActionVerb } from '@enfold/core'
import { type Scope, visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { isOfSequence, recipientsOf, toldBefore } from './action-order.ts'
import { type Call, type Html, link, may } from './call.ts'
import { Failure } from './failure.ts'
import { actionTitle } from './order-sentences.ts'
import { hidden, type Page } from './page.ts'
import { activeTag, paramsOf, selectionFields, selectionOf } from './selection.ts'
import { titlesOf } from './titles.ts'

/** Either is enough: which actions are offered depends on it. */
export function chooseScope(call: Call): Scope {
  const [allowed] = offered(call)
  if (allowed !== undefined) return { verbs: ACTION_VERBS[allowed].permission, campaigns: 'any' }
  const all = Object.values(ACTION_VERBS).flatMap(({ permission }) => permission)
  const named = [...new Set<string>(all)].map((permission) => JSON.stringify(permission))
  throw new Failure(403, `You may not do this: it needs the permission ${named.join(' or ')}.`)
}

/** What concerns all campaigns of a contact is for an actor who sees them all. */
function offered(call: Call): readonly ActionVerb[] {
  return ACTION_VERB_NAMES.filter((word) =>
    may(call, ACTION_VERBS[word].permission, isOfSequence(ACTION_VERBS[word]) ? 'any' : 'all'),
  )
}

export async function choosePage(call: Call): Promise<Page> {
  const selection = selectionOf(call.form)
  const chosen = call.form.get('action')
  const body = html`<h1>Start/Stop a Campaign Sequence</h1>
<p>${await recipientsOf(call, selection)}</p>
<form method="post" autocomplete="off" action="${link(call, ['actions', 'preview'])}" class="fields" data-sequences>
${hidden(call)}${selectionFields(selection)}${toldBefore(call)}
<label>Action <select name="action" required>${offered(call).map(
    (verb) => html`<option value="${verb}"${verb === chosen ? html` selected` : ''}>${actionTitle(verb)}</option>`,
  )}</select></label>
<label>Sequence <select name="sequence">
<option value="">choose one</option>${await sequenceOptions(call, call.form.get('sequence'))}</select></label>
<label>For which key <input name="key" maxlength="200" value="${call.form.get('key') ?? ''}"></label>
<p class="hint">No sequence is needed for what concerns all of a contact: ${
    offered(call)
      .filter((verb) => !isOfSequence(ACTION_VERBS[verb]))
      .map((verb) => actionTitle(verb))
      .join(', ') || 'none of these'
  }.</p>
<p class="hint">A key only where the sequence has keys. It is for all of these contacts: a start or a restart needs one, and a stop without it ends the runs of every key. A list that names a key for each contact is a CSV with a column <code>key</code>, for the API or <code>enfold start --from</code>.</p>
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
