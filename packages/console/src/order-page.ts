/** One order for one contact: a page that says what it will do and asks why, and the deed. */
import { type About, type ContactId, parseTag, VERB_NAMES, VERBS, type VerbName, type VerbOf } from '@enfold/core'
import type { Scope } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-pages.ts'
import { answerOf, type Call, type Html, link, may, needed, numberOf, redirect } from './call.ts'
import { Failure } from './failure.ts'
import { proofOf } from './guard.ts'
import { hidden, type Page } from './page.ts'
import { titlesOf } from './titles.ts'
import { instantOfField } from './when.ts'

/** What an order is about, as far as its kind needs it. */
interface Subject {
  readonly contactId: ContactId
  readonly campaignId: string
  readonly sequenceId: string
  readonly stepId: string
  readonly run: number | null
}

/** The verbs that have a page, by their words. An erasure is no order to be given in passing, a signal none at all. */
type PageWord = Exclude<VerbOf<VerbName>['word'], 'erase' | 'signal'>

interface Kind {
  readonly title: string
  /** What will happen, in a sentence or two. */
  readonly says: string
  /** Further fields of the form. */
  readonly fields?: (call: Call) => Html
  /** What the verb takes of them. */
  readonly taken?: (call: Call) => object
}

const KINDS: { readonly [Word in PageWord]: Kind } = {
  start: {
    title: 'Start',
    says: 'It starts at the very first step, even if the contact had some or all of it before. If it is in progress already, nothing is changed.',
  },
  stop: {
    title: 'Stop',
    says: 'No further step of it is sent. Other sequences of the contact go on. A goal that is satisfied later can start it again.',
  },
  restart: {
    title: 'Restart',
    says: 'It is stopped, and started again at its first step.',
  },
  pause: {
    title: 'Pause',
    says: 'None of its steps is sent until it is resumed.',
  },
  resume: {
    title: 'Resume',
    says: 'Due times stay as they were, and what fell due meanwhile is sent now. Or make the current wait longer by the pause.',
    fields: () =>
      html`<label class="tick"><input type="checkbox" name="shift" value="yes"> Make the wait in progress longer by the pause</label>`,
    taken: ({ form }) => ({ shift: form.get('shift') === 'yes' }),
  },
  'stop-all': {
    title: 'Stop all sequences',
    says: 'The contact is taken out of every sequence of every campaign. Goals that are satisfied later can start them again: only a ban forbids that.',
  },
  suppress: {
    title: 'Suppress',
    says: 'Everything is stopped, and nothing can start, by hand or by a goal, until the ban ends or is lifted.',
    fields: ({ timeZone }) =>
      html`<label>Until <input type="datetime-local" name="until"> <small>in ${timeZone}; empty: without end</small></label>`,
    taken: ({ form, timeZone }) => {
      const text = form.get('until') ?? ''
      const until = text === '' ? null : instantOfField(text, timeZone)
      if (text !== '' && until === null) throw new Failure(422, 'Invalid date or time.')
      return { until }
    },
  },
  unsuppress: {
    title: 'Lift the ban',
    says: 'Sequences can be started again. Those that were stopped stay stopped.',
  },
  resend: {
    title: 'Resend',
    says: 'The step is sent once more, now, outside the schedule. The times of all other steps stay as they are.',
  },
  cancel: {
    title: 'Cancel',
    says: 'The step is left out of this run. Its wait stays, so later steps keep their times.',
  },
}

export type OrderName = PageWord

const BY_WORD: ReadonlyMap<string, VerbName> = new Map(VERB_NAMES.map((name) => [VERBS[name].word, name]))

type NamedKind = Kind & { readonly name: string; readonly verb: VerbName; readonly of: About }

function kindOf(from: URLSearchParams): NamedKind {
  const name = from.get('do') ?? ''
  const verb = BY_WORD.get(name)
  if (verb === undefined || !Object.hasOwn(KINDS, name)) throw new Failure(400, 'Unknown order.')
  return { ...KINDS[name as OrderName], name, verb, of: VERBS[verb].about }
}

/** Ids that the kind needs. A sequence to be started is chosen by its tag. */
function subjectOf(call: Call, from: URLSearchParams, { of }: NamedKind): Subject {
  const contactId = call.path.contactId as string
  const none = { contactId, campaignId: '', sequenceId: '', stepId: '', run: null }
  if (of === 'contact') return none
  const tag = from.get('in')
  const parsed = tag === null ? null : parseTag(tag)
  if (tag !== null && parsed === null) throw new Failure(400, 'Unknown sequence.')
  const campaignId = parsed?.campaignId ?? needed(from, 'campaign')
  const sequenceId = parsed?.sequenceId ?? needed(from, 'sequence')
  if (of === 'sequence') return { ...none, campaignId, sequenceId }
  return { ...none, campaignId, sequenceId, stepId: needed(from, 'step'), run: numberOf(from, 'run') }
}

export function orderScope(call: Call, from: URLSearchParams): Scope {
  const kind = kindOf(from)
  const { campaignId } = subjectOf(call, from, kind)
  return { verbs: VERBS[kind.verb].permission, campaigns: kind.of === 'contact' ? 'all' : [campaignId] }
}

/** Whether the actor may give the order: for what is shown. */
export function mayGive(call: Call, name: OrderName, campaigns: Scope['campaigns']): boolean {
  const verb = BY_WORD.get(name)
  return verb !== undefined && may(call, VERBS[verb].permission, campaigns)
}

/** The ids that the engine takes for the kind. */
function idsOf({ contactId, campaignId, sequenceId, stepId, run }: Subject, { of }: NamedKind) {
  if (of === 'contact') return { contactId }
  if (of === 'sequence') return { contactId, campaignId, sequenceId }
  return { contactId, campaignId, sequenceId, stepId, ...(run === null ? {} : { run }) }
}

export async function orderPage(call: Call): Promise<Page> {
  const params = call.url.searchParams
  const kind = kindOf(params)
  const about = subjectOf(call, params, kind)
  const { contactId } = about
  const titles = await titlesOf(call, kind.of === 'contact' ? [] : [about.campaignId])
  const name = (await call.namesOf([contactId])).get(contactId) ?? contactId
  const title = `${kind.title}${kind.of === 'step' ? ` ${about.stepId}` : ''}`
  const body = html`<h1>${kind.title}${kind.of === 'step' ? html` <bdi>${about.stepId}</bdi>` : ''}${kind.of === 'contact' ? '' : html` ${titles.of(about)}`}</h1>
<p>For <a href="${link(call, ['contacts', contactId])}"><bdi>${name}</bdi></a>. ${kind.says}</p>
<form method="post" autocomplete="off" action="${link(call, ['contacts', contactId, 'order'])}" class="fields">
${hidden(call, {
  do: kind.name,
  commandId: crypto.randomUUID(),
  ...(kind.of === 'contact' ? {} : { campaign: about.campaignId, sequence: about.sequenceId }),
  ...(kind.of === 'step' ? { step: about.stepId, run: about.run } : {}),
})}
${kind.fields?.(call) ?? ''}
<label>Reason <input name="reason" required maxlength="500" autofocus placeholder="For the record; no personal data"></label>
<p class="buttons"><button class="primary">${kind.title}</button> <a class="button quiet" href="${link(call, ['contacts', contactId])}">Leave it as it is</a></p>
</form>`
  return { title, part: 'search', body }
}

export async function giveOrder(call: Call): Promise<Response> {
  const { actor, engine, form } = call
  const kind = kindOf(form)
  const about = subjectOf(call, form, kind)
  const order = { actor: actor.actor, reason: reasonOf(form), commandId: needed(form, 'commandId') }
  const ordered = { ...idsOf(about, kind), ...order, ...kind.taken?.(call) }
  const { outcome } = answerOf<unknown>(await engine[kind.verb](ordered as never)) as { readonly outcome: string }
  const proof = await proofOf(call.token, about.contactId, outcome)
  return redirect(link(call, ['contacts', about.contactId], { did: outcome, proof }))
}
