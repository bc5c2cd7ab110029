/** Pausing a campaign and resuming it: a page that says what it holds and what each choice would do, and the deed. */
import { CAMPAIGN_VERBS, type CampaignId, isLegalId, type Overdue, type Pace, type SequenceId } from '@enfold/core'
import type { CampaignView, HeldByPause, HeldStep } from '@enfold/engine'
import type { Scope } from '@enfold/http'
import { html } from 'hono/html'
import { reasonOf } from './action-order.ts'
import { answerOf, type Call, type CampaignCall, type Html, link, may, needed, redirect, textOf } from './call.ts'
import { Failure } from './failure.ts'
import { heldText, type WouldHold, wouldHold } from './held-preview.ts'
import { badge, hidden, type Page, table } from './page.ts'
import { when } from './when.ts'

/** So many contacts are looked at before the page is shown. */
const MOST = 20_000

export const pauseScope = ({ path }: Call<'/campaigns/{campaignId}/pause'>): Scope => ({
  verbs: [...CAMPAIGN_VERBS.pauseCampaign.permission, 'read'],
  campaigns: [path.campaignId],
})

const SPANS = [
  ['PT1M', 'minute'],
  ['PT1H', 'hour'],
  ['P1D', 'day'],
] as const
/** Chosen already where the form is opened: without a number it limits nothing. */
const USUAL_SPAN = 'PT1H'

type PauseCall = Call<'/campaigns/{campaignId}/pause'>
type Paused = NonNullable<CampaignView['paused']>

/** On the campaign's page: whether it is paused, and what can be ordered. */
export function pauseBar(call: CampaignCall, paused: Paused | undefined): Html {
  const { campaignId } = call.path
  const label = paused === undefined ? 'Pause' : paused.sequences === null ? 'Resume' : 'Resume, or pause more'
  const order = may(call, CAMPAIGN_VERBS.pauseCampaign.permission, [campaignId])
    ? html`<a class="button small" href="${link(call, ['campaigns', campaignId, 'pause'])}">${label}</a>`
    : ''
  if (paused === undefined) return html`${order}`
  return html`<p class="notice warm" role="status">${badge('paused')} ${stateOf(call, paused)} ${order}</p>`
}

function stateOf({ timeZone }: Call, { sequences, since, entries }: Paused): Html {
  const parts = sequences === null ? 'All of it' : html`Of it ${listOf(sequences)}`
  return html`${parts} is paused since ${when(since, timeZone)}${entries === 'closed' ? ', and takes nobody in' : ''}.`
}

/** On the campaign's page, while overdue steps begin by the pace of a resume (GATE-4). */
export function paceNotice({ timeZone }: Call, pace: CampaignView['pace']): Html {
  if (pace === undefined) return html``
  const { most, per, since, waiting } = pace
  const name = SPANS.find(([one]) => one === per)?.[1] ?? per
  return html`<p class="notice warm" role="status">Resumed ${when(since, timeZone)} by a pace: at most ${most.toLocaleString('en')} overdue step${most === 1 ? '' : 's'} in each ${name}. ${waiting.toLocaleString('en')} contact${waiting === 1 ? ' has' : 's have'} overdue steps that have not begun.</p>`
}

const listOf = (ids: readonly string[]): Html =>
  html`${ids.map((id, i) => html`${i === 0 ? '' : ', '}<bdi>${id}</bdi>`)}`

export async function pausePage(call: PauseCall): Promise<Page> {
  const { campaignId } = call.path
  const view = await call.engine.inspect.campaign(campaignId)
  if (view === null) throw new Failure(404, 'There is no such campaign.')
  const { name, paused } = view
  const title = paused === undefined ? 'Pause' : 'Resume'
  const body = html`<h1>${title} <bdi>${name}</bdi></h1>
${paused === undefined ? '' : html`<p class="notice warm">${stateOf(call, paused)}</p>${await resumeForm(call, campaignId)}`}
${paused?.sequences === null ? '' : pauseForm(call, view, await wouldHold(call, campaignId))}`
  return { title: `${title} ${name}`, part: 'campaigns', body }
}

const REASON = html`<label>Reason <input name="reason" required maxlength="500" placeholder="For the record; no personal data"></label>`

/** Where a part is paused already, the form is for more of it (GATE-1). */
function pauseForm(call: PauseCall, { campaignId, definition, paused }: CampaignView, would: WouldHold): Html {
  const names = new Map(definition.sequences.map(({ id, name }) => [id, name ?? id]))
  // Those that only older versions have are held only where somebody is in them.
  const more = would.sequences.filter(
    ({ sequenceId, runs }) => paused?.sequences?.includes(sequenceId) !== true && (runs > 0 || names.has(sequenceId)),
  )
  const label = paused === undefined ? 'Pause' : 'Pause more'
  const back = html`<a class="button quiet" href="${link(call, ['campaigns', campaignId])}">Leave it as it is</a>`
  return html`${paused === undefined ? '' : html`<h2>${label}</h2>`}
<p>Nothing of it goes out until it is resumed. Signals, goals, stops and other orders apply as ever.</p>
<form method="post" autocomplete="off" action="${link(call, ['campaigns', campaignId, 'pause'])}" class="fields">
${hidden(call, { commandId: crypto.randomUUID(), do: 'pause' })}
<fieldset><legend>What</legend>
<label class="tick"><input type="radio" name="what" value="all" required${paused === undefined ? html` checked` : ''}> All of it, also sequences of later versions: ${heldText(more, would)}</label>
<label class="tick"><input type="radio" name="what" value="some"> Only these:</label>
${more.map(
  (one) =>
    html`<label class="tick"><input type="checkbox" name="sequence" value="${one.sequenceId}"> <bdi>${names.get(one.sequenceId) ?? one.sequenceId}</bdi>: ${heldText([one], would)}</label>`,
)}</fieldset>
<p class="hint">Steps that would go out if nothing else happens${would.isSample ? ', estimated from a sample' : ''}.</p>
<label>Starts meanwhile <select name="entries"><option value="open">are accepted</option><option value="closed"${paused?.entries === 'closed' ? html` selected` : ''}>are refused</option></select></label>
${REASON}
<p class="buttons"><button class="primary">${label}</button> ${paused === undefined ? back : ''}</p>
</form>`
}

async function resumeForm(call: PauseCall, campaignId: CampaignId): Promise<Html> {
  const asked = call.url.searchParams
  const paced = paceOf(asked)
  const held = await call.engine.inspect.heldByPause(campaignId, {
    ...{ most: MOST, signal: call.request.signal, ...paced },
  })
  const pace = paceFields(paced.pace)
  return html`${held === null ? '' : effects(call, held)}
<form method="get" autocomplete="off" action="${link(call, ['campaigns', campaignId, 'pause'])}" class="fields">
${pace}
<p class="buttons"><button class="small">Show when they would go</button></p>
</form>
<form method="post" autocomplete="off" action="${link(call, ['campaigns', campaignId, 'pause'])}" class="fields">
${hidden(call, { commandId: crypto.randomUUID(), do: 'resume' })}
<label>What fell due meanwhile <select name="overdue">
<option value="shift">goes later: every wait is longer by the pause</option>
<option value="send">goes now</option>
<option value="skip">is skipped</option></select></label>
${pace}
${REASON}
<p class="hint">Nothing undoes a resume: what it makes later, sends or skips stays so, even if the campaign is paused again.</p>
<p class="buttons"><button class="primary">Resume</button> <a class="button quiet" href="${link(call, ['campaigns', campaignId])}">Leave it as it is</a></p>
</form>`
}

function paceFields({ most, per }: Partial<Pace> = {}): Html {
  const isChosen = (span: string) => span === (per ?? USUAL_SPAN)
  return html`<label>At most so many overdue steps <input name="most" type="number" min="1" max="1000000" placeholder="no limit"${most === undefined ? '' : html` value="${most}"`}></label>
<label>in each <select name="per">${SPANS.map(([span, name]) => html`<option value="${span}"${isChosen(span) ? html` selected` : ''}>${name}</option>`)}</select></label>`
}

/** What each choice would make of the overdue runs, step by step (GATE-5). */
function effects(call: Call, { steps, complete, contacts }: HeldByPause): Html {
  return html`${table(
    'Overdue',
    ['Step', 'Overdue', 'Later by the pause', 'Now', 'Skipped'],
    steps.map(
      (step) => html`<tr>
<th scope="row"><bdi>${step.stepId}</bdi> <span class="quiet">of <bdi>${step.sequenceId}</bdi></span></th>
<td class="number">${step.overdue.toLocaleString('en')}</td>
${(['shift', 'send', 'skip'] as const).map((choice) => effectCell(call, step, choice))}
</tr>`,
    ),
    'Nothing fell due so far.',
  )}
${complete ? '' : html`<p class="hint">Counted for the ${contacts.toLocaleString('en')} contacts that have waited longest. There are more.</p>`}`
}

function effectCell({ timeZone }: Call, { choices }: HeldStep, choice: Overdue): Html {
  const { go, skip, first, last } = choices[choice]
  const goes =
    first === null || last === null ? '' : html`${go.toLocaleString('en')} go ${spanOf(first, last, timeZone)}`
  return html`<td>${goes}${go > 0 && skip > 0 ? ', ' : ''}${skip === 0 ? '' : html`${skip.toLocaleString('en')} skipped`}</td>`
}

const spanOf = (first: string, last: string, zone: string): Html =>
  first === last ? html`${when(first, zone)}` : html`${when(first, zone)} to ${when(last, zone)}`

export async function givePause(call: PauseCall): Promise<Response> {
  const { campaignId } = call.path
  const { engine, form, principal } = call
  const order = { actor: principal.id, reason: reasonOf(form), commandId: needed(form, 'commandId') }
  if (needed(form, 'do') === 'pause') {
    answerOf(await engine.pauseCampaign(campaignId, { ...order, ...partOf(form), entries: entriesOf(form) }))
  } else {
    answerOf(await engine.resumeCampaign(campaignId, { ...order, overdue: overdueOf(form), ...paceOf(form) }))
  }
  return redirect(link(call, ['campaigns', campaignId]))
}

function overdueOf(form: URLSearchParams): Overdue {
  const overdue = needed(form, 'overdue')
  if (overdue === 'shift' || overdue === 'send' || overdue === 'skip') return overdue
  throw new Failure(400, 'Unknown choice.')
}

/** What is to be paused: all of it, or at least one sequence. Both at once is refused: it may be either. */
function partOf(form: URLSearchParams): { readonly sequences?: readonly SequenceId[] } {
  const [what, sequences] = [needed(form, 'what'), form.getAll('sequence')]
  if (what !== 'all' && what !== 'some') throw new Failure(400, 'Unknown choice.')
  if (!sequences.every(isLegalId)) throw new Failure(400, 'One of the ids of sequences is invalid.')
  if (what === 'all' && sequences.length > 0)
    throw new Failure(422, 'You chose all of it, and ticked some sequences: say which of the two you mean.')
  if (what === 'all') return {}
  if (sequences.length === 0) throw new Failure(422, 'Tick at least one sequence, or choose all of it.')
  return { sequences }
}

function entriesOf(form: URLSearchParams): 'open' | 'closed' {
  const entries = needed(form, 'entries')
  if (entries === 'open' || entries === 'closed') return entries
  throw new Failure(400, 'Unknown choice.')
}

/** None where no number is typed. What is no limit is refused: a resume without the limit that was meant cannot be taken back. */
function paceOf(form: URLSearchParams): { readonly pace?: Pace } {
  const [text, per] = [textOf(form, 'most'), form.get('per') ?? USUAL_SPAN]
  if (!SPANS.some(([one]) => one === per))
    throw new Failure(422, `Expected one of ${SPANS.map(([one]) => one).join(', ')} as the span.`)
  if (text === null && per === USUAL_SPAN) return {}
  const most = /^\d{1,7}$/.test(text ?? '') ? Number(text) : 0
  if (most < 1 || most > 1_000_000)
    throw new Failure(422, 'Say how many overdue steps may begin in each span: a whole number from 1 to 1,000,000.')
  return { pace: { most, per } }
}
