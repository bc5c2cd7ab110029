/** One order for one contact: a page that says what it will do and asks why, and the deed. */
import { type ContactId, parseTag } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import type { Scope, Verb } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-pages.ts'
import { answerOf, type Call, type Html, link, needed, numberOf, permit, redirect } from './call.ts'
import { Failure } from './failure.ts'
import { proofOf } from './guard.ts'
import { hidden, type Page } from './page.ts'
import { titlesOf } from './titles.ts'
import { instantOfField } from './when.ts'

/** What an order is about, as far as its kind needs it. */
interface About {
  readonly contactId: ContactId
  readonly campaignId: string
  readonly sequenceId: string
  readonly stepId: string
  readonly run: number | null
}

interface Kind {
  readonly title: string
  readonly verbs: readonly Verb[]
  readonly of: 'contact' | 'sequence' | 'step'
  /** What will happen, in a sentence or two. */
  readonly says: string
  /** Further fields of the form. */
  readonly fields?: (call: Call) => Html
  give(engine: Engine, about: About, order: { actor: string; reason: string; commandId: string }, call: Call): Answer
}

type Answer = ReturnType<
  Engine[
    | 'startSequence'
    | 'stopSequence'
    | 'stopAll'
    | 'suppress'
    | 'resendStep'
    | 'unsuppress'
    | 'restartSequence'
    | 'pauseSequence'
    | 'resumeSequence'
    | 'cancelStep']
>

const sequenceOf = ({ contactId, campaignId, sequenceId }: About) => ({ contactId, campaignId, sequenceId })
const stepOf = (about: About) => ({
  ...sequenceOf(about),
  stepId: about.stepId,
  ...(about.run === null ? {} : { run: about.run }),
})

const KINDS = {
  start: {
    title: 'Start',
    verbs: ['start'],
    of: 'sequence',
    says: 'It starts at the very first step, even if the contact had some or all of it before. If it is in progress already, nothing is changed.',
    give: (engine, about, order) => engine.startSequence({ ...sequenceOf(about), ...order }),
  },
  stop: {
    title: 'Stop',
    verbs: ['stop'],
    of: 'sequence',
    says: 'No further step of it goes out. Other sequences of the contact go on. A goal that is satisfied later can start it again.',
    give: (engine, about, order) => engine.stopSequence({ ...sequenceOf(about), ...order }),
  },
  restart: {
    title: 'Restart',
    verbs: ['start', 'stop'],
    of: 'sequence',
    says: 'It is stopped, and started again at its first step.',
    give: (engine, about, order) => engine.restartSequence({ ...sequenceOf(about), ...order }),
  },
  pause: {
    title: 'Pause',
    verbs: ['pause'],
    of: 'sequence',
    says: 'Nothing of it goes out until it is resumed.',
    give: (engine, about, order) => engine.pauseSequence({ ...sequenceOf(about), ...order }),
  },
  resume: {
    title: 'Resume',
    verbs: ['pause'],
    of: 'sequence',
    says: 'Due times stand as they were: what fell due meanwhile goes out now. Or let the wait in progress be longer by the pause.',
    fields: () =>
      html`<label class="tick"><input type="checkbox" name="shift" value="yes"> Make the wait in progress longer by the pause</label>`,
    give: (engine, about, order, { form }) =>
      engine.resumeSequence({ ...sequenceOf(about), ...order, shift: form.get('shift') === 'yes' }),
  },
  'stop-all': {
    title: 'Stop all sequences',
    verbs: ['stop'],
    of: 'contact',
    says: 'The contact is taken out of every sequence of every campaign. Goals that are satisfied later can start them again: only a ban forbids that.',
    give: (engine, { contactId }, order) => engine.stopAll({ contactId, ...order }),
  },
  suppress: {
    title: 'Suppress',
    verbs: ['suppress'],
    of: 'contact',
    says: 'Everything is stopped, and nothing can start, by hand or by a goal, until the ban ends or is lifted.',
    fields: ({ timeZone }) =>
      html`<label>Until <input type="datetime-local" name="until"> <small>in ${timeZone}; empty: without end</small></label>`,
    give: (engine, { contactId }, order, { form, timeZone }) => {
      const text = form.get('until') ?? ''
      const until = text === '' ? null : instantOfField(text, timeZone)
      if (text !== '' && until === null) throw new Failure(422, 'This is no date and time.')
      return engine.suppress({ contactId, ...order, until })
    },
  },
  unsuppress: {
    title: 'Lift the ban',
    verbs: ['suppress'],
    of: 'contact',
    says: 'Sequences can be started again. Those that were stopped stay stopped.',
    give: (engine, { contactId }, order) => engine.unsuppress({ contactId, ...order }),
  },
  resend: {
    title: 'Resend',
    verbs: ['resend'],
    of: 'step',
    says: 'The step is sent once more, now, outside the schedule. The times of all other steps stay as they are.',
    give: (engine, about, order) => engine.resendStep({ ...stepOf(about), ...order }),
  },
  cancel: {
    title: 'Cancel',
    verbs: ['cancel'],
    of: 'step',
    says: 'The step is left out of this run. The wait before it is not: the steps behind it keep their times.',
    give: (engine, about, order) => engine.cancelStep({ ...stepOf(about), ...order }),
  },
} as const satisfies Readonly<Record<string, Kind>>

export type OrderName = keyof typeof KINDS

function kindOf(from: URLSearchParams): Kind & { readonly name: string } {
  const name = from.get('do') ?? ''
  if (!Object.hasOwn(KINDS, name)) throw new Failure(400, 'There is no such order.')
  return { ...KINDS[name as OrderName], name }
}

/** Ids that the kind needs. A sequence to be started is chosen by its tag. */
function aboutOf(call: Call, from: URLSearchParams, { of }: Kind): About {
  const contactId = call.path.contactId as string
  const none = { contactId, campaignId: '', sequenceId: '', stepId: '', run: null }
  if (of === 'contact') return none
  const tag = from.get('in')
  const parsed = tag === null ? null : parseTag(tag)
  if (tag !== null && parsed === null) throw new Failure(400, 'This is no sequence.')
  const campaignId = parsed?.campaignId ?? needed(from, 'campaign')
  const sequenceId = parsed?.sequenceId ?? needed(from, 'sequence')
  if (of === 'sequence') return { ...none, campaignId, sequenceId }
  return { ...none, campaignId, sequenceId, stepId: needed(from, 'step'), run: numberOf(from, 'run') }
}

const scopeOf = ({ of, verbs }: Kind, { campaignId }: About): Scope => ({
  verbs,
  campaigns: of === 'contact' ? 'all' : [campaignId],
})

export async function orderPage(call: Call): Promise<Page> {
  const params = call.url.searchParams
  const kind = kindOf(params)
  const about = aboutOf(call, params, kind)
  permit(call, scopeOf(kind, about))
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
  const about = aboutOf(call, form, kind)
  permit(call, scopeOf(kind, about))
  const order = { actor: actor.actor, reason: reasonOf(form), commandId: needed(form, 'commandId') }
  const { outcome } = answerOf<{ readonly outcome: string }>(await kind.give(engine, about, order, call))
  const proof = await proofOf(call.token, about.contactId, outcome)
  return redirect(link(call, ['contacts', about.contactId], { did: outcome, proof }))
}
