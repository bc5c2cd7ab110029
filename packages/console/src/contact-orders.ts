/** The buttons of a contact's page: what can be ordered. The orders themselves are in `order-page.ts`. */
import { type ContactId, heldInWords, heldValues, type RecordedContactEvent, VERBS } from '@enfold/core'
import type { ContactView } from '@enfold/engine'
import type { Scope } from '@enfold/http'
import { html } from 'hono/html'
import { type Call, type ContactCall, type Html, link, may, redirect } from './call.ts'
import { ofYours, type Shown } from './contact-shown.ts'
import { proofOf } from './guard.ts'
import { mayGive } from './order-page.ts'
import { offeredFor, type PageVerb, sentencesOf } from './order-sentences.ts'
import { hidden } from './page.ts'

export function order(
  { at, call, contactId }: Shown,
  name: PageVerb,
  ref: {
    readonly campaignId?: string
    readonly sequenceId?: string
    readonly key?: string
    readonly stepId?: string
    readonly run?: number
    readonly signalId?: string
  } = {},
  about = '',
): Html {
  if (at !== null) return html``
  const to = link(call, ['contacts', contactId, 'order'], {
    do: VERBS[name].word,
    campaign: ref.campaignId,
    sequence: ref.sequenceId,
    key: ref.key,
    step: ref.stepId,
    run: ref.run,
    signal: ref.signalId,
  })
  return html`<a class="button small" href="${to}">${sentencesOf(name).button ?? sentencesOf(name).title}${about === '' ? '' : html`<span class="unseen"> ${about}</span>`}</a> `
}

export function orders(
  shown: Shown,
  { enrollments, erased, suppressed }: ContactView,
  history: readonly RecordedContactEvent[],
  options: Html,
): Html {
  const { call, contactId } = shown
  if (erased)
    return html`<p class="notice bad">This contact was erased: nothing can be ordered any more. ${ofYours(call) === '' ? 'Its events' : 'Those of its events that you may see'} hold ${heldInWords(heldValues(history)) || 'no value of the host'}.</p>`
  const isIn = enrollments.some(({ status }) => status === 'active' || status === 'paused' || status === 'waiting')
  return html`<div class="buttons">
${
  mayGive(call, 'startSequence', 'any')
    ? html`<form method="get" autocomplete="off" action="${link(call, ['contacts', contactId, 'order'])}" class="line">
<input type="hidden" name="do" value="${VERBS.startSequence.word}">
<label class="unseen" for="start">Sequence to start</label>
<select id="start" name="in" required>
<option value="">a sequence …</option>${options}</select> <button>Start</button></form>`
    : ''
}
${offeredFor('contact', { enrollments, suppressed })
  .filter((name) => mayGive(call, name, 'all'))
  .map((name) => order(shown, name))}
${isIn ? refreshForm(call, contactId) : ''}
</div>`
}

/** As over HTTP: what is due of all campaigns is computed. */
export const refreshScope: Scope = { verbs: ['refresh'], campaigns: 'all' }

function refreshForm(call: Call, contactId: ContactId): Html {
  if (!may(call, refreshScope.verbs, refreshScope.campaigns)) return html``
  return html`<form method="post" autocomplete="off" action="${link(call, ['contacts', contactId, 'refresh'])}" class="line">${hidden(call)}<button class="quiet" title="For when the time zone or a date of the contact has changed">Compute due times again</button></form>`
}

/** For when the directory says another time zone or date than before. Nothing is recorded, so no reason is asked for. */
export async function refreshContact(call: ContactCall): Promise<Response> {
  const { contactId } = call.path
  await call.engine.refreshContact(contactId)
  const proof = await proofOf(call.token, contactId, 'refreshed')
  return redirect(link(call, ['contacts', contactId], { did: 'refreshed', proof }))
}
