/** Undoing one order of a contact: what it did, what its undo would come to, and the deed. Rule UNDO-6. */
import {
  type CommandId,
  describeCause,
  describeEvent,
  describeRejection,
  isLeft,
  isSameEnrollment,
  mayBeUndone,
  type RecordedContactEvent,
  VERBS,
} from '@enfold/core'
import { eventsVisibleTo, type Scope, undoScope } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-order.ts'
import { answerOf, type Call, type ContactCall, type Html, link, may, needed } from './call.ts'
import { campaignsIn } from './contact-shown.ts'
import { Failure } from './failure.ts'
import { effectInSentences, shown } from './order-effect.ts'
import { afterOrder } from './order-page.ts'
import { OUTCOMES, undoFields, undoTaken } from './order-sentences.ts'
import { badge, hidden, type Page, recordedWhen } from './page.ts'
import { type Titles, titlesOf } from './titles.ts'

type History = readonly RecordedContactEvent[]

/** The command id of the order that is to be undone. */
const undoneIn = ({ form, url }: Call): CommandId => needed(form.has('order') ? form : url.searchParams, 'order')

/** What is to be undone is shown with its effect, to an actor who may see that. */
export async function orderUndoScope(call: ContactCall): Promise<Scope> {
  const history = await call.engine.inspect.history(call.path.contactId)
  const scope = undoScope(call.principal, history, undoneIn(call))
  if (scope === null) throw new Failure(404, 'There is no such order.')
  return { ...scope, verbs: [...scope.verbs, 'read'] }
}

/** A link to the page on which the order is undone; nothing where that is no order which can be undone, or the actor may not. */
export function undoLink(call: ContactCall, history: History, undoes: CommandId, about = ''): Html | '' {
  const scope = undoScope(call.principal, history, undoes)
  if (scope === null || !may(call, scope.verbs, scope.campaigns)) return ''
  if (!mayBeUndone(history.filter(({ commandId }) => commandId === undoes))) return ''
  const to = link(call, ['contacts', call.path.contactId, 'undo'], { order: undoes })
  return html`<a class="button small" href="${to}">Undo${about === '' ? '' : html`<span class="unseen"> ${about}</span>`}</a>`
}

/** With the result of an order: its undo, or why it has none. */
export async function undoOffer(call: ContactCall, history: History, undoes: CommandId): Promise<Html | ''> {
  const scope = undoScope(call.principal, history, undoes)
  if (scope === null || !may(call, scope.verbs, scope.campaigns)) return ''
  // Whether anything could be undone of it: runs that have sent something can be stopped.
  const effect = await effectOf(call, undoes, { stopSent: true, shift: false })
  const why = whyNot(effect)
  if (why === null) return html`<p>${undoLink(call, history, undoes, 'the order')}</p>`
  return isLeft(effect) && effect.left.type === 'OrderUnknown'
    ? ''
    : html`<p class="quiet">No undo: <bdi>${why}</bdi></p>`
}

type Effect = Awaited<ReturnType<typeof effectOf>>

function effectOf({ engine, path, principal }: ContactCall, undoes: CommandId, how: ReturnType<typeof undoTaken>) {
  return engine.inspect.effect('undoOrder', { contactId: path.contactId, undoes, actor: principal.id, ...how })
}

/** Why the undo would change nothing; `null`: it would. */
function whyNot(effect: Effect): string | null {
  if (isLeft(effect)) return describeRejection(effect.left)
  const { outcome } = effect.right.answer
  const isUnchanged = VERBS.undoOrder.unchanged.some((one) => one === outcome)
  return isUnchanged ? (OUTCOMES.get(outcome) ?? outcome) : null
}

export async function orderUndoPage(call: ContactCall): Promise<Page> {
  const { engine, path, url } = call
  const { contactId } = path
  const undoes = undoneIn(call)
  const how = undoTaken({ form: url.searchParams })
  const history = eventsVisibleTo(call.principal, await engine.inspect.history(contactId))
  const appended = history.filter(({ commandId }) => commandId === undoes)
  const titles = await titlesOf(
    call,
    campaignsIn(appended).map(({ campaignId }) => campaignId),
  )
  const name = (await call.namesOf([contactId])).get(contactId) ?? contactId
  const effect = await effectOf(call, undoes, how)
  const why = whyNot(effect)
  const body = html`<h1>Undo an order</h1>
<p>For <a href="${link(call, ['contacts', contactId])}"><bdi>${name}</bdi></a>. Nothing was changed so far. What was sent stays sent.</p>
<h2>The order</h2>
<ul>${appended.map((event) => html`<li>${recordedWhen(call, event.at, null)} <bdi>${describeEvent(event, titles.wording)}</bdi> <span class="quiet"><bdi>${describeCause(event, titles.wording)}</bdi></span></li>`)}</ul>
${foreseen(effect, why, titles, appended)}
${
  isLeft(effect)
    ? ''
    : html`<form method="get" autocomplete="off" action="${link(call, ['contacts', contactId, 'undo'])}" class="fields">
<input type="hidden" name="order" value="${undoes}">
${undoFields(how)}
<p class="buttons"><button>Preview again</button></p>
</form>`
}
${why === null ? orderForm(call, undoes, how) : html`<p><a class="button quiet" href="${link(call, ['contacts', contactId])}">Back to the contact</a></p>`}`
  return { title: 'Undo', part: 'search', body }
}

/** What would become of the order, of each of its runs, and of the schedule; or why nothing would. */
function foreseen(effect: Effect, why: string | null, titles: Titles, appended: History): Html {
  if (isLeft(effect)) return html`<p class="notice warm" role="status"><bdi>${why}</bdi></p>`
  const { outcome, results } = effect.right.answer
  // Where something changes, the answer holds what the log will say. The other runs of the order are named as well.
  const others = campaignsIn(appended).flatMap((data) => ('run' in data ? [data] : []))
  const left = others.filter(
    (one, i) =>
      !results.some((result) => isSameEnrollment(result, one)) &&
      others.findIndex((other) => isSameEnrollment(other, one)) === i,
  )
  const runs = [
    ...results.map((one) => html`<li>${titles.sequenceHtml(one)} run ${one.run} ${badge(one.outcome)}</li>`),
    ...left.map((one) => html`<li>${titles.sequenceHtml(one)} run ${one.run} stays as it is</li>`),
  ]
  const what = html`<p${why === null ? '' : html` class="notice warm"`}>${OUTCOMES.get(outcome) ?? outcome}</p>
${runs.length === 0 ? '' : html`<ul>${runs}</ul>`}`
  return shown(html`${what}${effectInSentences(effect.right, titles.wording)}`)
}

function orderForm(call: ContactCall, undoes: CommandId, how: ReturnType<typeof undoTaken>): Html {
  const { contactId } = call.path
  const ticked = { ...(how.stopSent ? { stopSent: 'yes' } : {}), ...(how.shift ? { shift: 'yes' } : {}) }
  return html`<form method="post" autocomplete="off" action="${link(call, ['contacts', contactId, 'undo'])}" class="fields">
${hidden(call, { order: undoes, commandId: crypto.randomUUID(), ...ticked })}
<label>Reason <input name="reason" required maxlength="500" placeholder="For the record; no personal data"></label>
<p class="buttons"><button class="primary">Undo the order</button> <a class="button quiet" href="${link(call, ['contacts', contactId])}">Leave it as it is</a></p>
</form>`
}

export async function undoOneOrder(call: ContactCall): Promise<Response> {
  const { engine, form, path, principal } = call
  const order = {
    reason: reasonOf(form),
    commandId: needed(form, 'commandId'),
    actor: principal.id,
    ...undoTaken(call),
  }
  const { outcome } = answerOf(await engine.undoOrder({ contactId: path.contactId, undoes: undoneIn(call), ...order }))
  return afterOrder(call, outcome, order.commandId)
}
