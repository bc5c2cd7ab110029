/** Quick search: contacts by id, by whatever the host's directory finds, and by active sequences. The way to actions. */
import { actionPermission, type ContactId, type EnfoldFault, isEnfoldFault, isLegalId } from '@enfold/core'
import type { SearchView } from '@enfold/engine'
import { campaignsOf, visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { type Call, type Html, link, may, permit } from './call.ts'
import { badge, contactLink, hidden, type Page, table } from './page.ts'
import {
  activeTag,
  type Condition,
  paramsOf,
  queryOf,
  RULES,
  type Rule,
  type Search,
  searchOf,
  waitingTag,
} from './selection.ts'
import { titlesOf } from './titles.ts'

const PAGE = 50

const RULE_WORDS: Readonly<Record<Rule, string>> = {
  all: 'must be in',
  any: 'at least in one of',
  none: 'must not be in',
}

export async function searchPage(call: Call): Promise<Page> {
  const params = call.url.searchParams
  const search = searchOf(params)
  // An actor limited to some campaigns cannot list all contacts.
  const isForAll = search.text === null && search.conditions.length === 0
  const wasAsked = isForAll ? params.has('text') && may(call, 'read', 'all') : true
  const form = await searchForm(call, search)
  const results = wasAsked ? await resultsOf(call, search, params.get('after')) : html``
  return { title: 'Quick search', part: 'search', body: html`<h1>Quick search</h1>${form}${results}` }
}

async function searchForm(call: Call, { text, conditions }: Search): Promise<Html> {
  const options = await sequenceOptions(call, conditions)
  const line = ({ rule, tag }: Partial<Condition>, i: number) => html`<p class="line">
<select name="rule" aria-label="Condition ${i + 1}">${RULES.map(
    (one) => html`<option value="${one}"${one === rule ? html` selected` : ''}>${RULE_WORDS[one]}</option>`,
  )}</select>
<select name="in" aria-label="Sequence of condition ${i + 1}">
<option value="">any sequence</option>${options(tag)}</select>
</p>`
  return html`<form method="get" autocomplete="off" action="${link(call, ['search'])}" role="search" class="search">
<p class="line"><label class="unseen" for="text">Contact</label>
<input id="text" name="text" type="search" value="${text ?? ''}" placeholder="A contact’s id, or what your directory finds" maxlength="1000" autofocus>
<button>Search</button></p>
<details${conditions.length > 0 ? html` open` : ''}><summary>By active sequences</summary>
${[...conditions, {}].map(line)}
<p class="hint">Another line appears with each search.</p>
</details>
</form>`
}

/** Options of all sequences that the actor may see, by campaign; active ones, and those who wait at their end. */
async function sequenceOptions(call: Call, conditions: readonly Condition[]) {
  const campaigns = visibleTo(call.principal, await call.engine.inspect.campaigns())
  const titles = await titlesOf(
    call,
    campaigns.map(({ campaignId }) => campaignId),
  )
  const offered = new Set<string>()
  const groups = campaigns.map(({ campaignId, name }) => ({
    name,
    options: (titles.definition(campaignId)?.sequences ?? []).flatMap(({ id }) => {
      const title = titles.sequence({ campaignId, sequenceId: id })
      return [
        { tag: activeTag(campaignId, id), title },
        { tag: waitingTag(campaignId, id), title: `${title}, waiting at its end` },
      ]
    }),
  }))
  for (const { options } of groups) for (const { tag } of options) offered.add(tag)
  // A sequence of an older version can be asked for by its link.
  const others = conditions.filter(({ tag }) => !offered.has(tag))
  return (selected: string | undefined): Html => {
    const option = (tag: string, title: string) =>
      html`<option value="${tag}"${tag === selected ? html` selected` : ''}>${title}</option>`
    return html`${groups.map(
      ({ name, options }) =>
        html`<optgroup label="${name}">${options.map(({ tag, title }) => option(tag, title))}</optgroup>`,
    )}${others.map(({ tag }) => option(tag, tag))}`
  }
}

async function resultsOf(call: Call, search: Search, after: ContactId | null): Promise<Html> {
  const query = queryOf(search)
  const searched = await found(call, search, after)
  const isById = after === null && search.conditions.length === 0 && isLegalId(search.text)
  // A contact with exactly this id comes first, whatever else the directory finds.
  const byId = isById && (await isKnown(call, search.text)) ? [search.text] : []
  const contacts = [...new Set([...byId, ...(searched?.contacts ?? [])])]
  const fault =
    searched?.fault === undefined
      ? ''
      : html`<p class="notice warm" role="alert"><bdi>${searched.fault}</bdi> Contacts are still found by their id, and by their sequences.</p>`
  if (contacts.length === 0)
    return html`${fault}<p class="empty">No contact found.</p>${
      isLegalId(search.text)
        ? html`<p><a href="${link(call, ['contacts', search.text])}">Open a contact of the id <bdi>${search.text}</bdi> anyway</a></p>`
        : ''
    }${searched === null && search.text !== null ? html`<p class="hint">Your directory has no search: contacts are found by their id, and by their sequences.</p>` : ''}`
  const names = await call.namesOf(contacts)
  const rows = await Promise.all(
    contacts.map(async (contactId) => {
      const sequences = visibleTo(call.principal, await call.engine.inspect.sequencesOf(contactId))
      return { contactId, sequences }
    }),
  )
  const titles = await titlesOf(
    call,
    rows.flatMap(({ sequences }) => sequences.map(({ campaignId }) => campaignId)),
  )
  const canAct = may(call, actionPermission('start'), 'any') || may(call, actionPermission('stop'), 'any')
  const canTakeAll = searched !== null && (searched.total !== 0 || searched.contacts.length > 0)
  const next = searched?.next ?? null
  // A browser that comes back fills in boxes by their place, where somebody else may stand by then: it is told not to.
  return html`${fault}<form method="post" autocomplete="off" action="${link(call, ['actions', 'choose'])}" class="results">
${hidden(call)}${[...paramsOf(search)].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<div class="bar"><h2>${counted(searched, contacts.length, after !== null)}</h2>
${
  canAct
    ? html`<details class="menu"><summary>Actions</summary><div>
<strong>Start/Stop a Campaign Sequence</strong>
<button name="of" value="ticked">for those that are ticked</button>
${canTakeAll ? html`<button name="of" value="all">for all results${searched?.total === null ? '' : ` (${searched?.total.toLocaleString('en')})`}</button>` : ''}
</div></details>`
    : ''
}</div>
${table(
  'Search results',
  [...(canAct ? [''] : []), 'Contact', 'Sequences'],
  rows.map(
    ({ contactId, sequences }) => html`<tr>
${canAct ? html`<td class="tick"><input type="checkbox" name="contact" value="${contactId}" autocomplete="off" aria-label="Take ${names.get(contactId) ?? contactId}"></td>` : ''}
<th scope="row">${contactLink(call, contactId, names)}</th>
<td>${sequences.length === 0 ? html`<span class="quiet">none</span>` : sequences.map((one) => html`<span class="tag">${titles.sequenceHtml(one)}${one.status === 'waiting' ? badge('waiting') : ''}</span> `)}</td>
</tr>`,
  ),
)}
${canAct ? html`<p class="hint" data-tick-all hidden></p>` : ''}
</form>
${next === null ? '' : html`<p><a rel="next" href="${link(call, ['search'])}?${paramsOf(search)}&amp;after=${encodeURIComponent(next)}">More results</a></p>`}
${Object.keys(query).length === 0 ? html`<p class="hint">These are the contacts that are in a sequence now, or wait at its end. All others are found by their id${searched === null ? '' : ', or by your directory'}.</p>` : ''}`
}

/** `null`: there is a text, and the directory has no search. `fault`: it has one that fails just now. */
async function found(
  call: Call,
  search: Search,
  after: ContactId | null,
): Promise<(SearchView & { readonly fault?: string }) | null> {
  const query = queryOf(search)
  permit(call, { verbs: ['read'], campaigns: campaignsOf(query) })
  try {
    return await call.engine.inspect.search({ ...query, after: after === '' ? null : after, limit: PAGE })
  } catch (error) {
    if (!isEnfoldFault(error)) throw error
    if (hasNoSearch(error)) return null
    if (!isOfDirectory(error)) throw error
    call.failed(error)
    return { contacts: [], total: null, next: null, fault: error.message }
  }
}

function hasNoSearch({ code, details }: EnfoldFault): boolean {
  return code === 'INVALID_INPUT' && details.path === 'inspect.search.text'
}

function isOfDirectory({ code }: EnfoldFault): boolean {
  return code === 'DIRECTORY_SILENT' || code === 'DIRECTORY_FAILED'
}

async function isKnown({ engine }: Call, contactId: ContactId): Promise<boolean> {
  return (await engine.inspect.history(contactId)).length > 0
}

function counted(searched: SearchView | null, shown: number, isLater: boolean): string {
  const total = searched?.total ?? null
  if (total !== null && total >= shown)
    return `Your search returned ${total.toLocaleString('en')} result${total === 1 ? '' : 's'}`
  if (searched?.next != null || isLater) return `${shown} results on this page`
  return `Your search returned ${shown} result${shown === 1 ? '' : 's'}`
}
