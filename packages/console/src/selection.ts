/**
 * The contacts that an operator means: a search, as a link and as fields of a form; and either its ticked results or all of it.
 */
import { ACTION_OUTCOMES, type ContactId, isLegalId, parseTag, tagOf, waitingTagOf } from '@enfold/core'
import type { ContactSource, ContactsOfAction, SearchQuery, SequenceQuery } from '@enfold/engine'
import { html } from 'hono/html'
import { type Html, textOf } from './call.ts'
import { Failure } from './failure.ts'

export const RULES = ['all', 'any', 'none'] as const
export type Rule = (typeof RULES)[number]

/** One line of a search by active sequences. */
export interface Condition {
  readonly rule: Rule
  /** As an active-sequence tag says it. */
  readonly tag: string
}

export interface Search {
  readonly text: string | null
  readonly conditions: readonly Condition[]
}

export interface Selection {
  readonly search: Search
  /** `all`: whatever the search finds. Or those of an action. Otherwise these. */
  readonly contacts: 'all' | ContactsOfAction | readonly ContactId[]
}

/** Reads a search out of a link or a form; lines without a sequence are passed over. */
export function searchOf(from: URLSearchParams): Search {
  const rules = from.getAll('rule')
  const conditions = from.getAll('in').flatMap((tag, i): Condition[] => {
    if (tag === '') return []
    const rule = (rules[i] ?? 'all') as Rule
    if (!RULES.includes(rule) || parseTag(tag) === null) throw new Failure(400, 'Invalid search.')
    return [{ rule, tag }]
  })
  return { text: textOf(from, 'text'), conditions }
}

/** The same as parameters of a link. */
export function paramsOf({ text, conditions }: Search): URLSearchParams {
  const params = new URLSearchParams()
  params.set('text', text ?? '')
  for (const { rule, tag } of conditions) {
    params.append('rule', rule)
    params.append('in', tag)
  }
  return params
}

export function queryOf({ text, conditions }: Search): Pick<SearchQuery, 'all' | 'any' | 'none' | 'text'> {
  const by = (rule: Rule) => conditions.filter((one) => one.rule === rule).map(({ tag }) => sequenceOfTag(tag))
  const lists = RULES.map((rule) => [rule, by(rule)] as const).filter(([, list]) => list.length > 0)
  return { ...Object.fromEntries(lists), ...(text === null ? {} : { text }) }
}

function sequenceOfTag(tag: string): SequenceQuery {
  const parsed = parseTag(tag)
  if (parsed === null) throw new Failure(400, 'Invalid search.')
  const { campaignId, sequenceId, waiting } = parsed
  return { campaignId, sequenceId, status: waiting ? 'waiting' : 'active' }
}

export const activeTag = tagOf
export const waitingTag = waitingTagOf

/** The contacts that a form names. None at all is an error. */
export function selectionOf(form: URLSearchParams): Selection {
  const search = searchOf(form)
  if (form.get('of') === 'all') return { search, contacts: 'all' }
  if (form.get('of') === 'action') return { search, contacts: ofAction(form) }
  const contacts = form.getAll('contact')
  if (contacts.length === 0)
    throw new Failure(422, 'No contact is selected. Go back and select some, or take all results.')
  if (!contacts.every(isLegalId)) throw new Failure(400, 'One of the contact ids is invalid.')
  return { search, contacts: [...new Set(contacts)] }
}

/** All contacts of an action, or those that came to one outcome. */
function ofAction(form: URLSearchParams): ContactsOfAction {
  const [action, word] = [form.get('fromAction'), form.get('fromOutcome')]
  const outcome = ACTION_OUTCOMES.find((one) => one === word)
  if (!isLegalId(action) || (word !== null && outcome === undefined)) throw new Failure(400, 'Unknown action.')
  return outcome === undefined ? { action } : { action, outcomes: [outcome] }
}

/** As the engine takes it. */
export function sourceOf({ search, contacts }: Selection): ContactSource {
  if (contacts === 'all') return { query: queryOf(search) }
  return 'action' in contacts ? contacts : { ids: contacts }
}

/** As hidden fields of the next form. */
export function selectionFields({ search, contacts }: Selection): Html {
  const field = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}">`
  return html`${[...paramsOf(search)].map(([name, value]) => field(name, value))}${
    contacts === 'all'
      ? field('of', 'all')
      : 'action' in contacts
        ? html`${field('of', 'action')}${field('fromAction', contacts.action)}${contacts.outcomes?.map((outcome) => field('fromOutcome', outcome))}`
        : contacts.map((contactId) => field('contact', contactId))
  }`
}
