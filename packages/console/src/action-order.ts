/**
 * An action for many contacts, as forms say it. Rules BULK-1 to BULK-3. Each form has all that was said before, so that
 * nothing is kept in between.
 */
import {
  ACTION_VERBS,
  type ActionVerb,
  type CampaignId,
  parseTag,
  type SequenceRef,
  type VerbFacts,
  verbOfAction,
} from '@enfold/core'
import type { ActionTarget } from '@enfold/engine'
import { actionScope, type Scope } from '@enfold/http'
import { html } from 'hono/html'
import { visibleAction } from './action-view.ts'
import { type Call, type Html, needed, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { type SentencesForMany, type StepChoice, sentencesForMany } from './order-sentences.ts'
import { type Selection, selectionFields, selectionOf, sourceOf } from './selection.ts'
import type { Titles } from './titles.ts'
import { hiddenVariables, varsTyped } from './variable-fields.ts'

const isVerb = (text: string | null): text is ActionVerb => text !== null && Object.hasOwn(ACTION_VERBS, text)

/** What the forms say so far. */
export interface Order {
  readonly action: ActionVerb
  readonly verb: VerbFacts
  readonly sentences: SentencesForMany
  /** `null`: it is about no sequence. */
  readonly sequence: SequenceRef | null
  readonly reason: string
  readonly selection: Selection
  /** Whether all that it needs is said. */
  readonly isWhole: boolean
}

export function orderOf({ form }: Call): Order {
  const action = form.get('action')
  if (!isVerb(action)) throw new Failure(400, 'Unknown action.')
  const verb: VerbFacts = ACTION_VERBS[action]
  const sentences = sentencesForMany(verbOfAction(action))
  if (!isOfSequence(verb)) requireNoSequence(form, sentences)
  const isAsked = sentences.needsFields === true || verb.about === 'step' || verb.about === 'received'
  return {
    action,
    verb,
    sentences,
    sequence: isOfSequence(verb) ? sequenceOf(form, verb) : null,
    reason: reasonOf(form),
    selection: selectionOf(form),
    isWhole: !isAsked || form.has('said'),
  }
}

export const isOfSequence = ({ about }: Pick<VerbFacts, 'about'>) => about === 'sequence' || about === 'step'

/** What was chosen would narrow nothing: "Stop all" with a sequence still stops every sequence of every campaign. */
function requireNoSequence(form: URLSearchParams, { title }: SentencesForMany): void {
  if ((form.get('sequence') ?? '') !== '' || (form.get('key') ?? '') !== '')
    throw new Failure(422, `“${title}” concerns all of a contact: go back, and choose no sequence and no key for it.`)
}

/** The key is for all of the contacts (KEY-2). */
function sequenceOf(form: URLSearchParams, { takes }: VerbFacts): SequenceRef {
  const tag = form.get('sequence') ?? ''
  if (tag === '') throw new Failure(422, 'Choose a sequence.')
  const parsed = parseTag(tag)
  if (parsed === null || parsed.waiting) throw new Failure(400, 'Unknown sequence.')
  const { campaignId, sequenceId } = parsed
  const key = form.get('key') ?? ''
  return key === '' || !('key' in takes) ? { campaignId, sequenceId } : { campaignId, sequenceId, key }
}

/** As the engine takes it. */
export function targetOf(call: Call, { action, verb, sentences, sequence, selection }: Order): ActionTarget {
  const { form } = call
  const vars = 'vars' in verb.takes ? (varsTyped(form) ?? {}) : {}
  const about = {
    ...sequence,
    ...(verb.about === 'step' ? { stepId: needed(form, 'step') } : {}),
    ...(verb.about === 'received' ? { signalId: needed(form, 'signalId') } : {}),
  }
  // The sentences of a verb take what the verb takes.
  const taken = { ...sentences.taken?.(call), ...(Object.keys(vars).length === 0 ? {} : { vars }) }
  return { ...about, ...taken, action, contacts: sourceOf(selection) } as ActionTarget
}

/** What the verb needs to be told, with what was said so far. */
export function fieldsOf(call: Call, { verb, sentences, sequence }: Order, titles: Titles): Html {
  const steps = stepChoices(sequence, titles)
  const own = steps.filter(({ isOwn }) => isOwn).flatMap(({ stepIds }) => stepIds)
  const step = call.form.get('step')
  return html`${
    verb.about === 'step'
      ? html`<label>Step <select name="step" required><option value="">choose one</option>${own.map(
          (id) => html`<option value="${id}"${id === step ? html` selected` : ''}>${id}</option>`,
        )}</select></label>`
      : ''
  }${
    verb.about === 'received'
      ? html`<label>Id of the signal <input name="signalId" required maxlength="200" value="${call.form.get('signalId') ?? ''}"></label>`
      : ''
  }${sentences.fields?.(call, steps) ?? ''}`
}

/** The steps of the campaign's sequences as they are published, those of the order's own first. */
function stepChoices(sequence: SequenceRef | null, titles: Titles): readonly StepChoice[] {
  if (sequence === null) return []
  const { campaignId } = sequence
  const choices = (titles.definition(campaignId)?.sequences ?? []).map(({ id, steps }): StepChoice => {
    const title = titles.sequence({ campaignId, sequenceId: id })
    return { sequenceId: id, title, isOwn: id === sequence.sequenceId, stepIds: steps.map((step) => step.id) }
  })
  return choices.toSorted((a, b) => Number(b.isOwn) - Number(a.isOwn))
}

/** What every form of an action has by itself: of the others a field is what the verb was told. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'token',
  'action',
  'sequence',
  'key',
  'reason',
  'text',
  'rule',
  'in',
  'of',
  'contact',
  'fromAction',
  'fromOutcome',
  'actionId',
  'preview',
  'said',
])

/** What a verb was told before, on the page on which it is chosen again. */
export function toldBefore({ form }: Call): Html {
  return html`${told(form).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}${hiddenVariables(varsTyped(form) ?? {})}`
}

const told = (form: URLSearchParams) => [...form].filter(([name]) => !OWN_FIELDS.has(name) && !name.startsWith('var:'))

/** What was said so far, as hidden fields of the next form; without what the verb was told where its fields are there. */
export function saidFields({ form }: Call, { selection }: Pick<Order, 'selection'>, withFields: boolean): Html {
  const field = (name: string, value: string | null) =>
    value === null ? '' : html`<input type="hidden" name="${name}" value="${value}">`
  return html`${['action', 'sequence', 'key', 'reason'].map((name) => field(name, form.get(name)))}${selectionFields(selection)}${
    withFields ? html`${told(form).map(([name, value]) => field(name, value))}${field('said', form.get('said'))}` : ''
  }`
}

/** Every order has one: the log keeps it with the actor. */
export function reasonOf(form: URLSearchParams): string {
  const reason = textOf(form, 'reason')
  if (reason === null) throw new Failure(422, 'A reason is required. It is kept with the order.')
  if (reason.length > 500) throw new Failure(422, 'The reason is longer than 500 characters.')
  return reason
}

/** As the API judges it: the sequence's campaign, and those by whose sequences contacts are found; an action must be seen. */
export async function targetScope(call: Call): Promise<Scope> {
  const { action, sequence, selection } = orderOf(call)
  const contacts = sourceOf(selection)
  if ('action' in contacts) await visibleAction(call, contacts.action)
  const campaignId: CampaignId | null = sequence?.campaignId ?? null
  return actionScope({ action, campaignId, contacts })
}

export async function recipientsOf(call: Call, { contacts, search }: Selection): Promise<Html> {
  if (contacts === 'all')
    return html`This action is for <strong>all results</strong> of your search${search.text === null ? '' : html` for “<bdi>${search.text}</bdi>”`}. The preview counts them.`
  if ('action' in contacts) {
    const came = contacts.outcomes?.map((outcome) => outcome.replaceAll('_', ' ')).join(', ')
    return html`This action is for the contacts of <strong>another action</strong>${came === undefined ? '' : html`, those with the outcome <strong>${came}</strong>`}. The preview counts them.`
  }
  const names = await call.namesOf(contacts.slice(0, 3))
  const some = contacts.slice(0, 3).map((contactId) => names.get(contactId) ?? contactId)
  return html`This action is for <strong>${contacts.length} contact${contacts.length === 1 ? '' : 's'}</strong>: <bdi>${some.join(', ')}</bdi>${contacts.length > 3 ? ', …' : ''}`
}
