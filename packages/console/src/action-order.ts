/**
 * An action for many contacts, as forms say it. Rules BULK-1 to BULK-3. Each form has all that was said before, so that
 * nothing is kept in between.
 */
import { ACTION_VERBS, type ActionVerb, type CampaignId, parseTag } from '@enfold/core'
import { actionScope, type Scope } from '@enfold/http'
import { html } from 'hono/html'
import { type Call, type Html, needed, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { type Selection, selectionOf, sourceOf } from './selection.ts'

const isVerb = (text: string | null): text is ActionVerb => text !== null && Object.hasOwn(ACTION_VERBS, text)

/** What the forms say so far. */
export interface Order {
  readonly action: ActionVerb
  readonly campaignId: CampaignId
  readonly sequenceId: string
  /** For all of the contacts (KEY-2). */
  readonly key?: string
  readonly reason: string
  readonly selection: Selection
}

export function orderOf({ form }: Call): Order {
  const action = form.get('action')
  if (!isVerb(action)) throw new Failure(400, 'Unknown action; expected start, stop or restart.')
  const parsed = parseTag(needed(form, 'sequence'))
  if (parsed === null || parsed.waiting) throw new Failure(400, 'Unknown sequence.')
  const { campaignId, sequenceId } = parsed
  const key = form.get('key') ?? ''
  const of = key === '' ? { campaignId, sequenceId } : { campaignId, sequenceId, key }
  return { action, ...of, reason: reasonOf(form), selection: selectionOf(form) }
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

export async function recipientsOf(call: Call, { contacts, search }: Selection): Promise<Html> {
  if (contacts === 'all')
    return html`This action is for <strong>all results</strong> of your search${search.text === null ? '' : html` for “<bdi>${search.text}</bdi>”`}. The preview counts them.`
  const names = await call.namesOf(contacts.slice(0, 3))
  const some = contacts.slice(0, 3).map((contactId) => names.get(contactId) ?? contactId)
  return html`This action is for <strong>${contacts.length} contact${contacts.length === 1 ? '' : 's'}</strong>: <bdi>${some.join(', ')}</bdi>${contacts.length > 3 ? ', …' : ''}`
}
