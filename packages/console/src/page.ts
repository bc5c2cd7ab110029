/** The frame of every page: head, navigation, footer; and the few parts that all pages share. */
import { actionPermission, type ContactId, type Instant, NOBODY } from '@enfold/core'
import { html } from 'hono/html'
import { ASSETS } from './assets.ts'
import { type Call, type Html, link, may } from './call.ts'
import type { Part } from './parts.ts'
import { when } from './when.ts'

export interface Page {
  readonly title: string
  /** Which part of the navigation it belongs to. */
  readonly part?: Part['name']
  readonly body: Html
  /** Seconds after which a browser without script asks again. */
  readonly refresh?: number
  readonly status?: number
  /** It shows other pages of this address in frames. */
  readonly frames?: boolean
  /** The path of a stream of server-sent events: the page is loaded again by the script after each. */
  readonly news?: string
}

export function document(call: Call, { title, part, body, refresh, news }: Page): Html {
  const { principal, chosenZone, nonce, parts, request, timeZone, url } = call
  const canAskForZone = chosenZone === null && request.method === 'GET'
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Enfold</title>
<link rel="icon" href="${link(call, ['assets', ASSETS.icon.name])}" type="image/svg+xml">
<link rel="stylesheet" nonce="${nonce}" href="${link(call, ['assets', ASSETS.style.name])}">
<script defer nonce="${nonce}" src="${link(call, ['assets', ASSETS.script.name])}"></script>
${refresh === undefined ? '' : html`<noscript><meta http-equiv="refresh" content="${refresh}"></noscript>`}
</head>
<body data-base="${call.basePath === '' ? '/' : call.basePath}"${canAskForZone ? html` data-ask-zone="yes"` : ''}${news === undefined ? '' : html` data-news="${news}"`}>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="${link(call, [''])}">Enfold</a>
<nav aria-label="Console">${parts.map(
    ({ name, segments, label }) =>
      html`<a href="${link(call, segments)}"${name === part ? html` aria-current="page"` : ''}>${label}</a>`,
  )}</nav>
<span class="who">${may(call, actionPermission('start'), 'any') ? '' : html`<span class="badge">${principal.may === 'read' ? 'read only' : 'limited'}</span> `}<bdi>${principal.id}</bdi></span>
</header>
${deliveryNotice(call)}<main id="main" tabindex="-1">
${body}
</main>
<footer>
<form method="post" autocomplete="off" action="${link(call, ['zone'])}">
${hidden(call, { back: url.pathname + url.search })}
<label>Times in <input name="zone" value="${timeZone}" list="zones" autocomplete="off" required maxlength="100" size="22"></label>
<datalist id="zones">${['UTC', 'Europe/London', 'Europe/Berlin', 'America/New_York', 'America/Chicago', 'America/Los_Angeles', 'Asia/Kolkata', 'Asia/Tokyo', 'Australia/Sydney'].map((zone) => html`<option value="${zone}"></option>`)}</datalist>
<button class="quiet">Change</button>
</form>
</footer>
</body>
</html>`
}

/** On each page: what was sent here did not go to contacts (DELIVER-3). */
function deliveryNotice({ engine: { deliverTo } }: Call): Html | '' {
  if (deliverTo === null) return ''
  const where = deliverTo === NOBODY ? 'nobody' : html`<bdi>${deliverTo}</bdi>`
  return html`<p class="notice warm delivery" role="note">This process delivers to ${where} instead of to contacts (<code>deliverTo</code> or <code>ENFOLD_DELIVER_TO</code>).</p>
`
}

/**
 * Hidden fields of a form, and its token. Every form of the console has `autocomplete="off"`: what a browser would
 * restore is by place and name, and the page that it comes back to may be about others.
 */
export function hidden(
  { token }: Call,
  fields: Readonly<Record<string, string | number | null | undefined>> = {},
): Html {
  return html`<input type="hidden" name="token" value="${token}">${Object.entries(fields).map(([name, value]) =>
    value === null || value === undefined ? '' : html`<input type="hidden" name="${name}" value="${value}">`,
  )}`
}

/** The names of statuses and outcomes, as badges: colour, and always the word. */
/** The instant of what is recorded; marked where it is after now, because some clock was fast. */
export function recordedWhen({ engine, timeZone }: Call, at: Instant, contactZone: string | null = null): Html {
  const shown = when(at, timeZone, contactZone)
  return at > engine.inspect.now() ? html`${shown} ${badge('after now')}` : shown
}

export function badge(word: string): Html {
  return html`<span class="badge ${TONES.get(word) ?? ''}">${word.replaceAll('_', ' ')}</span>`
}

const TONES: ReadonlyMap<string, string> = new Map([
  ...['active', 'sent', 'started', 'restarted', 'done', 'published', 'running', 'ok'].map(
    (word) => [word, 'good'] as const,
  ),
  ...['held', 'failed', 'unplanned', 'unread', 'unhandled', 'parked', 'suppressed', 'erased', 'fault'].map(
    (word) => [word, 'bad'] as const,
  ),
  ...[
    'paused',
    'campaign paused',
    'waiting',
    'dispatched',
    'retrying',
    'collecting',
    'overdue',
    'unpublished',
    'standing still',
    'after now',
  ].map((word) => [word, 'warm'] as const),
])

/** A contact's name where the host gives one, and the id. */
export function contactLink(call: Call, contactId: ContactId, names: ReadonlyMap<ContactId, string>): Html {
  const name = names.get(contactId)
  return html`<a href="${link(call, ['contacts', contactId])}"><bdi>${name ?? contactId}</bdi></a>${
    name === undefined ? '' : html` <small class="id"><bdi>${contactId}</bdi></small>`
  }`
}

/** A table that scrolls by itself on a narrow screen, also by keyboard. */
export function table(
  caption: string,
  heads: readonly (string | Html)[],
  rows: readonly Html[],
  empty = 'None.',
): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption class="unseen">${caption}</caption>
<thead><tr>${heads.map((head) => (head === '' ? html`<td></td>` : html`<th scope="col">${head}</th>`))}</tr></thead>
<tbody>${rows}</tbody>
</table></div>`
}

/** A message over the page. */
export function notice(text: string, tone: 'good' | 'bad' | 'warm' | '' = ''): Html {
  return html`<p class="notice ${tone}" role="status">${text}</p>`
}
