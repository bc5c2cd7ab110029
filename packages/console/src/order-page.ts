/** One order for one contact: a page that says what it will do and asks why, and the deed. */
import {
  type About,
  type CommandId,
  type ContactId,
  parseTag,
  refOf,
  type SequenceRef,
  type Vars,
  VERBS,
  type VerbFacts,
} from '@enfold/core'
import type { Scope } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-order.ts'
import { answerOf, type Call, type ContactCall, type Html, link, may, needed, numberOf, redirect } from './call.ts'
import { Failure } from './failure.ts'
import { proofOf } from './guard.ts'
import { effectOn } from './order-effect.ts'
import { type PageVerb, pageVerbOf, type Sentences, type StepChoice, sentencesOf } from './order-sentences.ts'
import { hidden, type Page } from './page.ts'
import { type Titles, titlesOf } from './titles.ts'
import { variableFields, varsTyped } from './variable-fields.ts'

/** What an order is about, as far as its kind needs it. */
interface Subject {
  readonly contactId: ContactId
  readonly campaignId: string
  readonly sequenceId: string
  /** Of the run; `undefined` where the sequence has no keys, and for all of them. */
  readonly key: string | undefined
  readonly stepId: string
  readonly run: number | null
  /** Of the signal that was received; empty if it is about none. */
  readonly signalId: string
}

interface Kind {
  readonly verb: PageVerb
  readonly of: About
  readonly sentences: Sentences
}

function kindOf(from: URLSearchParams): Kind {
  const verb = pageVerbOf(from.get('do') ?? '')
  if (verb === null) throw new Failure(400, 'Unknown order.')
  return { verb, of: VERBS[verb].about, sentences: sentencesOf(verb) }
}

/** Ids that the kind needs. A sequence to be started is chosen by its tag. */
function subjectOf(call: ContactCall, from: URLSearchParams, { of }: Kind): Subject {
  const { contactId } = call.path
  const none = { contactId, campaignId: '', sequenceId: '', key: undefined, stepId: '', run: null, signalId: '' }
  if (of === 'contact') return none
  if (of === 'received') return { ...none, signalId: needed(from, 'signal') }
  const tag = from.get('in')
  const parsed = tag === null ? null : parseTag(tag)
  if (tag !== null && parsed === null) throw new Failure(400, 'Unknown sequence.')
  const campaignId = parsed?.campaignId ?? needed(from, 'campaign')
  const sequenceId = parsed?.sequenceId ?? needed(from, 'sequence')
  const ref = { campaignId, sequenceId, key: from.get('key') || undefined }
  if (of === 'sequence') return { ...none, ...ref }
  return { ...none, ...ref, stepId: needed(from, 'step'), run: numberOf(from, 'run') }
}

export function orderScope(call: ContactCall, from: URLSearchParams): Scope {
  const kind = kindOf(from)
  const { campaignId } = subjectOf(call, from, kind)
  return { verbs: VERBS[kind.verb].permission, campaigns: isOfAll(kind) ? 'all' : [campaignId] }
}

/** Whether it is about the contact as a whole, and not about one campaign. */
const isOfAll = ({ of }: Kind) => of === 'contact' || of === 'received'

/** Whether the actor may give the order: for what is shown. */
export function mayGive(call: Call, name: PageVerb, campaigns: Scope['campaigns']): boolean {
  return may(call, VERBS[name].permission, campaigns)
}

/** The ids that the engine takes for the kind. */
function idsOf({ contactId, signalId, stepId, run, ...subject }: Subject, { of }: Kind) {
  if (of === 'contact') return { contactId }
  if (of === 'received') return { contactId, signalId }
  const ref = refOf(sequenceIn(subject))
  if (of === 'sequence') return { contactId, ...ref }
  return { contactId, ...ref, stepId, ...(run === null ? {} : { run }) }
}

function sequenceIn({ campaignId, sequenceId, key }: Pick<Subject, 'campaignId' | 'sequenceId' | 'key'>): SequenceRef {
  return key === undefined ? { campaignId, sequenceId } : { campaignId, sequenceId, key }
}

/** Whether the sequence has a key for each run, and none was said so far. */
function asksKey({ campaignId, sequenceId, key }: Subject, titles: Titles): boolean {
  const sequence = titles.definition(campaignId)?.sequences.find(({ id }) => id === sequenceId)
  return sequence?.per !== undefined && key === undefined
}

/** Of what begins a run, by the table a verb that takes variables: for which key (KEY-1), and with what (VAR-1). */
async function runFields(call: ContactCall, { verb }: Kind, about: Subject, titles: Titles): Promise<Html | ''> {
  const sequence = titles.definition(about.campaignId)?.sequences.find(({ id }) => id === about.sequenceId)
  if (!('vars' in VERBS[verb].takes) || sequence === undefined) return ''
  const { per, vars = {} } = sequence
  const isAsked = asksKey(about, titles)
  const names = Object.keys(vars).filter((name) => name !== per)
  // What stops a run first begins with those of that run, which an actor who may not read is not shown.
  const permissions: readonly string[] = VERBS[verb].permission
  const begins = !permissions.includes('stop')
  if (!begins && !may(call, 'read', [about.campaignId])) return ''
  return html`${isAsked ? html`<label>For which <bdi>${per}</bdi> <input name="key" required maxlength="200"></label>` : ''}
${variableFields(names, varsTyped(call.form) ?? (begins ? {} : await varsBefore(call, about)))}`
}

async function varsBefore({ engine }: ContactCall, { contactId, campaignId, sequenceId, key }: Subject): Promise<Vars> {
  const { enrollments } = await engine.inspect.contact(contactId)
  const run = enrollments.find(
    (one) => one.campaignId === campaignId && one.sequenceId === sequenceId && one.key === key,
  )
  return run?.vars ?? {}
}

export const orderPage = (call: ContactCall): Promise<Page> => pageOf(call, call.url.searchParams)

/** @param from what the order is about: the query of a first look, or the form with what was said in it */
async function pageOf(call: ContactCall, from: URLSearchParams): Promise<Page> {
  const kind = kindOf(from)
  const about = subjectOf(call, from, kind)
  const { contactId } = about
  const titles = await titlesOf(call, isOfAll(kind) ? [] : [about.campaignId])
  const name = (await call.namesOf([contactId])).get(contactId) ?? contactId
  const { fields } = kind.sentences
  const isUnfilled = kind.sentences.needsFields ?? ('vars' in VERBS[kind.verb].takes && asksKey(about, titles))
  const hasFields = await runFields(call, kind, about, titles)
  const isLook = call.form.has('look')
  // The schedule is shown to an actor who may see it; of an order that has to be filled in, when that is done.
  const seesEffect = may(call, 'read', isOfAll(kind) ? 'all' : [about.campaignId])
  const effect =
    seesEffect && (isLook || !isUnfilled)
      ? await effectOn(call, kind.verb, () => ordered(call, kind, about), titles.wording)
      : ''
  const title = `${kind.sentences.title}${kind.of === 'step' ? ` ${about.stepId}` : ''}`
  const body = html`<h1>${kind.sentences.title}${kind.of === 'step' ? html` <bdi>${about.stepId}</bdi>` : ''}${kind.of === 'received' ? html` <bdi>${about.signalId}</bdi>` : ''}${isOfAll(kind) ? '' : html` ${titles.sequenceHtml(sequenceIn(about))}`}</h1>
<p>For <a href="${link(call, ['contacts', contactId])}"><bdi>${name}</bdi></a>. ${kind.sentences.says} ${kind.sentences.final ?? ''}</p>
<form method="post" autocomplete="off" action="${link(call, ['contacts', contactId, 'order'])}${call.url.search}" class="fields">
${hidden(call, {
  do: VERBS[kind.verb].word,
  commandId: call.form.get('commandId') ?? crypto.randomUUID(),
  ...(kind.of === 'received' ? { signal: about.signalId } : {}),
  ...(isOfAll(kind) ? {} : { campaign: about.campaignId, sequence: about.sequenceId }),
  ...(about.key === undefined ? {} : { key: about.key }),
  ...(kind.of === 'step' ? { step: about.stepId, run: about.run } : {}),
})}
${hasFields}
${fields?.(call, await stepChoices(call, kind, about, titles)) ?? ''}
<label>Reason <input name="reason" value="${call.form.get('reason') ?? ''}" required maxlength="500" autofocus placeholder="For the record; no personal data"></label>
${effect}
<p class="buttons"><button class="primary">${kind.sentences.title}</button> ${seesEffect && (fields !== undefined || hasFields !== '') ? html`<button name="look" value="yes" formnovalidate>Show what it would change</button> ` : ''}<a class="button quiet" href="${link(call, ['contacts', contactId])}">Leave it as it is</a></p>
</form>`
  return { title, part: 'search', body }
}

/** The steps that an order may name: of the run where it is in progress, of other sequences as they are published. */
async function stepChoices(
  call: ContactCall,
  { verb }: Kind,
  { contactId, campaignId, sequenceId, key }: Subject,
  titles: Titles,
): Promise<readonly StepChoice[]> {
  const { takes }: VerbFacts = VERBS[verb]
  if (!Object.values(takes).includes('step')) return []
  const isMove = 'toSequence' in takes
  const { enrollments } =
    isMove && may(call, 'read', [campaignId]) ? await call.engine.inspect.contact(contactId) : { enrollments: [] }
  const run = enrollments.find(
    (one) => one.campaignId === campaignId && one.sequenceId === sequenceId && one.key === key,
  )
  const choices = (titles.definition(campaignId)?.sequences ?? []).map(({ id, steps }): StepChoice => {
    const isOwn = id === sequenceId
    const stepIds = (isOwn ? run?.steps.map(({ stepId }) => stepId) : undefined) ?? steps.map((step) => step.id)
    return { sequenceId: id, title: titles.sequence({ campaignId, sequenceId: id }), isOwn, stepIds }
  })
  return choices.toSorted((a, b) => Number(b.isOwn) - Number(a.isOwn))
}

/** What the engine takes, without the reason. */
function ordered(call: ContactCall, kind: Kind, about: Subject): object {
  const vars = 'vars' in VERBS[kind.verb].takes ? varsTyped(call.form) : undefined
  const taken = { ...kind.sentences.taken?.(call), ...(vars === undefined ? {} : { vars }) }
  return { ...idsOf(about, kind), actor: call.principal.id, ...taken }
}

/** Gives the order; or, where that was asked, shows the page again with what it would change. */
export async function giveOrder(call: ContactCall): Promise<Page | Response> {
  const { engine, form } = call
  if (form.has('look')) return pageOf(call, form)
  const kind = kindOf(form)
  const about = subjectOf(call, form, kind)
  const order = { reason: reasonOf(form), commandId: needed(form, 'commandId'), ...ordered(call, kind, about) }
  const { outcome } = answerOf<unknown>(await engine[kind.verb](order as never)) as { readonly outcome: string }
  return afterOrder(call, outcome, order.commandId)
}

/** Leads to the contact, whose page says what the order came to, and offers to undo it. */
export async function afterOrder(call: ContactCall, outcome: string, commandId: CommandId): Promise<Response> {
  const { contactId } = call.path
  const proof = await proofOf(call.token, contactId, outcome)
  return redirect(link(call, ['contacts', contactId], { did: outcome, proof, order: commandId }))
}
