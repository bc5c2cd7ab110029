/** Campaigns: which there are; and one of them, drawn, with its numbers, its contacts, its versions and what is odd. */
import {
  type CampaignDefinition,
  describeTimer,
  type Funnel,
  type SequenceNumbers,
  type StepDefinition,
} from '@enfold/core'
import type { CampaignView } from '@enfold/engine'
import { canSee, type Scope, visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import { type Call, type CampaignCall, type Html, link, numberOf } from './call.ts'
import { Failure } from './failure.ts'
import { campaignForecast } from './forecast-section.ts'
import { campaignGraph, conditionText } from './graph.ts'
import { badge, contactLink, type Page, table } from './page.ts'
import { paceNotice, pauseBar } from './pause-page.ts'
import { activeTag } from './selection.ts'
import { when, whenNext } from './when.ts'

const MEMBERS_PAGE = 50

export async function campaignsPage(call: Call): Promise<Page> {
  const campaigns = visibleTo(call.principal, await call.engine.inspect.campaigns())
  const rows = await Promise.all(
    campaigns.map(async ({ campaignId, name, paused, published, publishedAt, version }) => {
      const counts = await call.engine.inspect.counts({ campaignId })
      const sum = (of: 'active' | 'waiting') => counts.reduce((all, one) => all + one[of], 0).toLocaleString('en')
      return html`<tr>
<th scope="row"><a href="${link(call, ['campaigns', campaignId])}"><bdi>${name}</bdi></a> <small class="id"><bdi>${campaignId}</bdi></small></th>
<td>${badge(published ? 'published' : 'unpublished')}${paused === undefined ? '' : html` ${badge('paused')}`}</td>
<td class="number">${version}</td>
<td>${when(publishedAt, call.timeZone)}</td>
<td class="number">${sum('active')}</td>
<td class="number">${sum('waiting')}</td>
</tr>`
    }),
  )
  const heads = ['Campaign', 'State', 'Version', 'Published', 'Active', 'Waiting']
  return {
    title: 'Campaigns',
    part: 'campaigns',
    body: html`<h1>Campaigns</h1>${table('Campaigns', heads, rows, 'No campaign was published so far.')}
<p class="hint">Active and waiting count runs: a contact in two sequences counts twice.</p>`,
  }
}

export const campaignScope = ({ path }: CampaignCall): Scope => ({
  verbs: ['read'],
  campaigns: [path.campaignId],
})

export async function campaignPage(call: CampaignCall): Promise<Page> {
  const { campaignId } = call.path
  const { engine, timeZone, url } = call
  const version = numberOf(url.searchParams, 'version')
  const view = version === 0 ? null : await engine.inspect.campaign(campaignId, version === null ? {} : { version })
  if (view === null) throw new Failure(404, 'There is no such campaign, or no such version of it.')
  const { definition, name, published, versions } = view
  const shownVersion = version ?? view.version
  const funnel = await engine.inspect.funnel(campaignId, version === null ? {} : { version: shownVersion })
  const sequences = funnel?.sequences ?? []
  const numbers = new Map(sequences.map((one) => [one.sequenceId, one]))
  const selected = url.searchParams.get('node')
  const hrefOf = (node: string) => `${link(call, ['campaigns', campaignId], { version, node })}#node`
  const body = html`<div class="bar"><h1><bdi>${name}</bdi> <small class="id"><bdi>${campaignId}</bdi></small></h1>
<span>${badge(published ? 'published' : 'unpublished')} <span class="quiet">version ${shownVersion}</span></span></div>
${pauseBar(call, view.paused)}${paceNotice(call, view.pace)}
${await problemsOf(call, definition)}
<div class="split"><div>${campaignGraph(definition, numbers, hrefOf, selected)}</div>
<div id="node">${selected === null ? html`<p class="hint">Choose a goal or a sequence to see its contacts.</p>` : await nodeOf(call, view, selected, numbers.get(selected))}</div></div>
<h2>Sequences</h2>
${completeness(funnel)}
${table(
  'Sequences',
  ['Sequence', 'Steps', 'Started', 'Active', 'Paused', 'Waiting', 'Completed', 'Stopped'],
  sequences.map(({ sequenceId, started, active, paused, waiting, completed, stopped }) => {
    const sequence = definition.sequences.find(({ id }) => id === sequenceId)
    return html`<tr>
<th scope="row"><a href="${hrefOf(sequenceId)}"><bdi>${sequence?.name ?? sequenceId}</bdi></a>${sequence === undefined ? html` <span class="quiet">not in this version</span>` : ''}</th>
<td class="number">${sequence?.steps.length ?? ''}</td>
${[started, active, paused, waiting, completed, stopped].map(countCell)}
</tr>`
  }),
)}
<p class="hint">Runs ${version === null ? 'of all versions' : `of version ${shownVersion}`}: a contact that was started twice counts twice.</p>
${goalsTable(funnel)}
${await campaignForecast(call)}
<h2>Versions</h2>
${table(
  'Versions',
  ['Version', 'Published'],
  [...versions].reverse().map(
    (one) =>
      html`<tr>
<th scope="row"><a href="${link(call, ['campaigns', campaignId], { version: one.version })}"${one.version === shownVersion ? html` aria-current="true"` : ''}>Version ${one.version}</a></th>
<td>${when(one.publishedAt, timeZone)}</td>
</tr>`,
  ),
)}`
  return { title: name, part: 'campaigns', body }
}

const countCell = (count: number): Html => html`<td class="number">${count.toLocaleString('en')}</td>`

function completeness(funnel: Funnel | null): Html {
  if (funnel?.complete !== false) return html``
  return html`<p class="notice warm" role="status">These numbers are not complete: events are missing that were recorded before there were counters. <code>engine.rebuildIndex()</code> counts them.</p>`
}

function goalsTable(funnel: Funnel | null): Html {
  const goals = funnel?.goals ?? []
  if (goals.length === 0) return html``
  return html`<h2>Goals</h2>
${table(
  'Goals',
  ['Goal', 'Satisfied', 'From'],
  goals.map(
    ({ goalId, satisfied, from }) =>
      html`<tr>
<th scope="row"><bdi>${goalId}</bdi></th>
${countCell(satisfied)}
<td>${from.map(({ sequenceId, runs }, i) => html`${i === 0 ? '' : ', '}<bdi>${sequenceId}</bdi> ${runs.toLocaleString('en')}`)}</td>
</tr>`,
  ),
)}`
}

/** Legal but suspicious (VERSION-2); or what a newer release is stricter about. */
async function problemsOf({ principal, engine }: Call, definition: CampaignDefinition): Promise<Html> {
  const checked = await engine.inspect.checkCampaign(definition)
  const problems = [...checked.problems, ...checked.warnings].filter(
    ({ campaignId }) => campaignId === undefined || canSee(principal, campaignId),
  )
  if (problems.length === 0) return html``
  return html`<section class="notice warm"><h2>To look at</h2>
<ul>${problems.map(({ message, path }) => html`<li><code>${path === '' ? '/' : path}</code> ${message}</li>`)}</ul></section>`
}

async function nodeOf(
  call: Call,
  { campaignId, definition }: CampaignView,
  node: string,
  numbers: SequenceNumbers | undefined,
): Promise<Html> {
  const goal = definition.goals.find(({ id }) => id === node)
  if (goal !== undefined) {
    const patterns = Array.isArray(goal.when) ? goal.when : [goal.when]
    return html`<h2>Goal: <bdi>${goal.name ?? goal.id}</bdi></h2>
<p>${goal.achievableBy === 'members' ? 'Counts for those who are in a sequence of this campaign.' : 'Counts for anyone.'} Satisfied by:</p>
<ul>${patterns.map(({ kind, match = {} }) => html`<li><code>${kind}</code>${Object.entries(match).map(([key, value]) => html` <code>${key} = ${JSON.stringify(value)}</code>`)}</li>`)}</ul>`
  }
  const sequence = definition.sequences.find(({ id }) => id === node)
  const params = call.url.searchParams
  const status = params.get('status') === 'waiting' ? 'waiting' : 'active'
  const members = await call.engine.inspect.contactsInSequence({
    campaignId,
    sequenceId: node,
    status,
    after: params.get('after'),
    limit: MEMBERS_PAGE,
  })
  const names = await call.namesOf(members.contacts)
  const views = await Promise.all(members.contacts.map((contactId) => call.engine.inspect.contact(contactId)))
  const rows = views.map(({ contactId, enrollments }) => {
    const run = enrollments.find((one) => one.campaignId === campaignId && one.sequenceId === node)
    return {
      contactId,
      next: run?.next ?? null,
      isPaused: run?.status === 'paused' || run?.next?.campaignPausedSince !== undefined,
    }
  })
  const to = (query: Readonly<Record<string, string | null>>) =>
    `${link(call, ['campaigns', campaignId], { version: params.get('version'), node, ...query })}#node`
  return html`<h2><bdi>${sequence?.name ?? node}</bdi></h2>
${sequence === undefined ? '' : stepsOf(sequence.steps, numbers)}
<h3>${status === 'active' ? 'In progress' : 'Waiting at its end'}: ${members.total.toLocaleString('en')}</h3>
<p>${status === 'active' ? html`<a href="${to({ status: 'waiting' })}">Those who wait at its end</a>` : html`<a href="${to({})}">Those in progress</a>`} · <a href="${link(call, ['search'], { text: '', rule: 'all', in: activeTag(campaignId, node) })}">Search them</a></p>
${table(
  'Contacts in the sequence',
  ['Contact', 'Next'],
  rows.map(
    ({ contactId, isPaused, next }) =>
      html`<tr>
<th scope="row">${contactLink(call, contactId, names)}</th>
<td>${isPaused ? badge('paused') : ''} ${next === null ? '' : html`<bdi>${next.stepId}</bdi>, ${whenNext(next, call.timeZone)}`}</td>
</tr>`,
  ),
)}
${members.next === null ? '' : html`<p><a rel="next" href="${to({ status, after: members.next })}">More contacts</a></p>`}`
}

/** The steps, with how many runs came to each and where they are (FUNNEL-3). */
function stepsOf(steps: readonly StepDefinition[], numbers: SequenceNumbers | undefined): Html {
  const found = new Map(numbers?.steps.map((one) => [one.stepId, one]))
  return table(
    'Steps',
    [
      'Step',
      'Kind',
      'Timer',
      'Reached',
      'Waiting',
      'In flight',
      'Held',
      'Sent',
      'Failed',
      'Skipped',
      'Cancelled',
      'Left',
    ],
    steps.map((step) => {
      const one = found.get(step.id)
      const why = one?.reasons.map(({ reason, count }) => `${reason} ${count.toLocaleString('en')}`).join(', ') ?? ''
      return html`<tr>
<th scope="row"><bdi>${step.id}</bdi>${step.draft === true ? html` ${badge('draft')}` : ''}</th>
<td>${step.kind}</td>
<td>${stepTimer(step)}</td>
${[one?.reached, one?.waiting, one?.inFlight, one?.held, one?.sent, one?.failed].map((count = 0) => countCell(count))}
<td class="number">${(one?.skipped ?? 0).toLocaleString('en')}${why === '' ? '' : html` <small class="quiet"><bdi>${why}</bdi></small>`}</td>
${[one?.cancelled, one?.left].map((count = 0) => countCell(count))}
</tr>`
    }),
  )
}

function stepTimer({ timer, if: condition }: StepDefinition): string {
  return condition === undefined ? describeTimer(timer) : `${describeTimer(timer)}, if ${conditionText(condition)}`
}
