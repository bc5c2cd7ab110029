/** The history of a contact, and the links that ask why. */
import { describeCause, describeEvent, type RecordedContactEvent, type StepRef } from '@enfold/core'
import { html } from 'hono/html'
import { type Html, link } from './call.ts'
import { order } from './contact-orders.ts'
import { ofYours, type Shown } from './contact-shown.ts'
import { mayGive } from './order-page.ts'
import { offeredFor } from './order-sentences.ts'
import { recordedWhen, table } from './page.ts'

const HISTORY_PAGE = 100

export function whyLink(
  { call, contactId }: Shown,
  what: { readonly event: string } | { readonly step: StepRef },
  about: string,
): Html {
  const query =
    'event' in what
      ? { event: what.event }
      : {
          campaign: what.step.campaignId,
          sequence: what.step.sequenceId,
          key: what.step.key,
          step: what.step.stepId,
          run: what.step.run,
        }
  return html`<a class="why" href="${link(call, ['contacts', contactId, 'why'], query)}">why?<span class="unseen"> ${about}</span></a>`
}

/** On the row of a signal, and of the first goal of one that is not kept (UNDO-4). */
function retractLink(
  shown: Shown,
  event: RecordedContactEvent,
  retracted: ReadonlySet<string>,
  about: string,
): Html | '' {
  const isFirst =
    event.type === 'SignalReceived' || (event.type === 'GoalSatisfied' && event.data.matched !== undefined)
  if (!isFirst || event.causationId !== event.commandId || !mayGive(shown.call, 'retractSignal', 'all')) return ''
  const { signalId } = event.data
  const offered = offeredFor('received', { signalId, isRetracted: retracted.has(signalId) })
  return html`${offered.map((name) => html` ${order(shown, name, { signalId }, about)}`)}`
}

/** On the first row of an order: the link to its undo, if it may be undone. */
export type UndoOf = (event: RecordedContactEvent, about: string) => Html | ''

export function historyOf(
  shown: Shown,
  history: readonly RecordedContactEvent[],
  before: number | null,
  undoOf: UndoOf,
): Html {
  const { call, contactId, titles, zone } = shown
  const until = before === null ? history : history.filter(({ version }) => version < before)
  const page = until.slice(-HISTORY_PAGE).reverse()
  const oldest = page.at(-1)
  const retracted = new Set(history.flatMap(({ type, data }) => (type === 'SignalRetracted' ? [data.signalId] : [])))
  return html`<section id="history"><h2>History</h2>${table(
    'History, the newest first',
    ['When', 'What', 'Cause', ''],
    page.map((event) => {
      const sentence = describeEvent(event, titles.wording)
      return html`<tr>
<td>${recordedWhen(call, event.at, zone)}</td>
<td><bdi>${sentence}</bdi></td>
<td><bdi>${describeCause(event, titles.wording)}</bdi></td>
<td>${whyLink(shown, { event: event.id }, sentence)}${retractLink(shown, event, retracted, sentence)} ${undoOf(event, sentence)}</td>
</tr>`
    }),
    `Nothing is recorded of this contact${ofYours(call)}.`,
  )}
${oldest !== undefined && until.length > page.length ? html`<p><a href="${link(call, ['contacts', contactId], { before: oldest.version })}#history">Older</a></p>` : ''}</section>`
}
