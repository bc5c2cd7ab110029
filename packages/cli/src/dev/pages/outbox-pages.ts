/** The outbox: everything that would have been sent. */
import { Failure, framedResponse, html, link, numberOf, type Page, table, titlesOf, when } from '@enfold/console/pages'
import type { Caught } from '../caught.ts'
import { CAUGHT_HEADS, caughtRow, type DevCall, newsOf, personLink } from './parts.ts'

const PAGE = 50

export async function outboxPage(call: DevCall): Promise<Page> {
  const { url, world } = call
  const contactId = url.searchParams.get('contact') || null
  const before = numberOf(url.searchParams, 'before')
  const found = world.outbox.list({ contactId, limit: PAGE, ...(before === null ? {} : { before }) })
  const titles = await titlesOf(
    call,
    found.map(({ campaignId }) => campaignId),
  )
  const last = found.at(-1)
  const body = html`<h1>Outbox</h1>
<p>${world.outbox.count().toLocaleString('en')} caught. Nothing leaves this machine: every step, of whatever kind, ends here.</p>
<form method="get" autocomplete="off" action="${link(call, ['dev', 'outbox'])}" class="search"><p class="line"><label class="unseen" for="contact">Contact</label><input id="contact" name="contact" value="${contactId ?? ''}" placeholder="Only of this contact’s id" maxlength="200"><button>Show</button></p></form>
${table(
  'The outbox',
  CAUGHT_HEADS,
  found.map((one) => caughtRow(call, world, one, titles)),
  'Nothing yet. Send a signal that starts a sequence, or move the clock to when something is due.',
)}
${found.length === PAGE && last !== undefined ? html`<p><a href="${link(call, ['dev', 'outbox'], { contact: contactId, before: last.number })}">Older ones</a></p>` : ''}`
  return { title: 'Outbox', part: 'outbox', body, news: newsOf(call), refresh: 10 }
}

type MessageCall = DevCall<'/dev/outbox/{message}'>

function caughtIn({ path, world }: MessageCall): Caught {
  const one = /^\d{1,15}$/.test(path.message) ? world.outbox.find(Number(path.message)) : undefined
  if (one === undefined) throw new Failure(404, 'Nothing of this number was caught.')
  return one
}

export async function messagePage(call: MessageCall): Promise<Page> {
  const one = caughtIn(call)
  const { at, campaignId, contactId, key, kind, mail, number, occurrence, params, resend, run, stepId, to, vars } = one
  const titles = await titlesOf(call, [campaignId])
  const row = (name: string, value: unknown) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`
  const title = mail?.subject ?? stepId
  const body = html`<h1><bdi>${title}</bdi></h1>
<div class="scroll"><table><tbody>${[
    row(
      'To',
      to === null
        ? html`no address is known of ${personLink(call, call.world, contactId)}`
        : html`<bdi>${to}</bdi>, ${personLink(call, call.world, contactId)}`,
    ),
    row(
      'Step',
      html`<bdi>${stepId}</bdi> of ${titles.sequenceHtml(one)}, run ${run}${key === undefined ? '' : html`, for <bdi>${key}</bdi>`}`,
    ),
    row('Kind', html`<bdi>${kind}</bdi>`),
    row('Caught', when(at, call.timeZone)),
    ...(resend > 0 ? [row('Sent again', `${resend}`)] : []),
    ...(occurrence === undefined ? [] : [row('Occurrence', `${occurrence}`)]),
    row('Idempotency key', html`<code>${one.idempotencyKey}</code>`),
  ]}</tbody></table></div>
<p><a href="${link(call, ['contacts', contactId])}">The contact, and why</a></p>
${mail === null || mail.unfilled.length === 0 ? '' : html`<p class="notice warm">Nothing is known of ${mail.unfilled.map((name, i) => html`${i === 0 ? '' : ', '}<code>{{${name}}}</code>`)}: it stands in the mail as it was written.</p>`}
${mail?.html == null ? '' : html`<section class="mail"><h2>As HTML</h2><iframe sandbox title="The mail as HTML" src="${link(call, ['dev', 'outbox', String(number), 'html'])}"></iframe><p class="hint">No script runs in it, and no picture is loaded from elsewhere.</p></section>`}
${mail?.text == null ? '' : html`<section><h2>As text</h2><pre class="text">${mail.text}</pre></section>`}
${mail === null ? html`<p class="hint">The params of this step carry no subject, text or html. Your own handler makes of them what is sent.</p>` : ''}
<section><h2>Params</h2><pre>${JSON.stringify(params, null, 2)}</pre></section>
${vars === undefined ? '' : html`<section><h2>Variables of the run</h2><pre>${JSON.stringify(vars, null, 2)}</pre></section>`}
<p>${number > 1 ? html`<a href="${link(call, ['dev', 'outbox', String(number - 1)])}">The one before</a> · ` : ''}${number < call.world.outbox.count() ? html`<a href="${link(call, ['dev', 'outbox', String(number + 1)])}">The one after</a> · ` : ''}<a href="${link(call, ['dev', 'outbox'])}">Outbox</a></p>`
  return { title, part: 'outbox', body, frames: true }
}

/** The HTML alone, for the frame. */
export async function messageHtml(call: DevCall<'/dev/outbox/{message}/html'>): Promise<Response> {
  const text = caughtIn(call).mail?.html
  if (text == null) throw new Failure(404, 'It has no HTML.')
  return framedResponse(text)
}
