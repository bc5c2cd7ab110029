/** The first page: how the campaign stands, what to do next, what was caught last. */
import { type Html, hidden, html, link, type Page, redirect, table, titlesOf, when } from '@enfold/console/pages'
import { placeText } from '../../places.ts'
import type { CampaignStatus } from '../campaign-watch.ts'
import { standingOf } from '../standing.ts'
import { CAUGHT_HEADS, caughtRow, type DevCall, newsOf } from './parts.ts'

const LATELY = 8

export async function startPage(call: DevCall): Promise<Page> {
  const { timeZone, world } = call
  const { campaign, engine, outbox, people } = world
  const status = campaign.status()
  const campaignId = status.publication?.campaignId ?? null
  const lately = outbox.list({ limit: LATELY })
  const titles = await titlesOf(call, [
    ...lately.map((one) => one.campaignId),
    ...(campaignId === null ? [] : [campaignId]),
  ])
  const item = (name: string, value: unknown) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`
  const body = html`<h1>${campaignId === null ? 'enfold dev' : html`<bdi>${titles.campaign(campaignId)}</bdi>`}</h1>
${await campaignSection(call, status)}
<dl class="figures">
${item(world.time === null ? 'Now' : 'The clock', when(engine.inspect.now(), timeZone))}
${item('Caught', outbox.count().toLocaleString('en'))}
${item('Contacts', people.size.toLocaleString('en'))}
${item('Kept in', world.keptIn)}
</dl>
<section><h2>What to do next</h2><ol>
<li><a href="${link(call, ['dev', 'signal'])}">Send a signal</a> for a contact: it starts what the campaign says, and the first mail is caught.</li>
<li>${world.time === null ? html`<a href="${link(call, ['dev', 'clock'])}">Look at what comes next</a>.` : html`<a href="${link(call, ['dev', 'clock'])}">Move the clock</a> to the next step, or a day on, and see what goes out.`}</li>
<li><a href="${link(call, ['search'], { text: '' })}">Open a contact in the console</a>: what happened to it, why, and what comes next. Start and stop sequences there.</li>
<li>${world.campaignPath === null ? html`Save <a href="${link(call, ['dev', 'campaign.json'])}" download="campaign.json">the campaign of this example</a> as <code>campaign.json</code>, run <code>enfold dev campaign.json</code>, and change it: each change is checked and published at once.` : html`Change <code>${placeText(world.campaignPath)}</code>: each change is checked, and published when it is right.`}</li>
</ol></section>
<section><h2>Caught last</h2>${table(
    'Caught last',
    CAUGHT_HEADS,
    lately.map((one) => caughtRow(call, world, one, titles)),
    'Nothing yet.',
  )}</section>
<p class="hint">Contacts: ${world.peopleFrom}. Nothing leaves this machine: every step, of whatever kind, is caught in the <a href="${link(call, ['dev', 'outbox'])}">outbox</a>.</p>`
  return { title: 'Dev', part: 'dev', body, news: newsOf(call), refresh: 5 }
}

async function campaignSection(call: DevCall, status: CampaignStatus): Promise<Html> {
  const { campaignPath } = call.world
  const { problems, publication } = status
  const file = campaignPath === null ? 'The example' : placeText(campaignPath)
  const again =
    campaignPath === null
      ? ''
      : html`<form method="post" autocomplete="off" action="${link(call, ['dev', 'campaign'])}">${hidden(call)}<button class="quiet">Read ${file} again</button></form>`
  const broken =
    problems.length === 0
      ? ''
      : html`<div class="notice bad" role="alert"><h2>${file} is not right, and nothing was published</h2>
<ul>${problems.map(({ path, message }) => html`<li>${path === '' ? '' : html`<code>${path}</code> `}<bdi>${message}</bdi></li>`)}</ul>
${publication === null ? '' : html`<p>Version ${publication.version} of <bdi>${publication.campaignId}</bdi> stays published.</p>`}</div>`
  return html`${broken}${publication === null ? '' : await publicationSection(call, publication)}${again}`
}

async function publicationSection(
  call: DevCall,
  publication: NonNullable<CampaignStatus['publication']>,
): Promise<Html> {
  const { campaignId, changes, version, warnings } = publication
  const older = (await standingOf(call.world.engine, campaignId)).filter((one) => one.version < version)
  const contacts = older.reduce((sum, one) => sum + one.runs, 0)
  return html`<div class="notice good"><p>Version ${version} of <a href="${link(call, ['campaigns', campaignId])}"><bdi>${campaignId}</bdi></a> is published.${changes === null ? '' : ` Since the version before:`}</p>
${changes === null ? '' : html`<ul>${changes.map((one) => html`<li><bdi>${one}</bdi></li>`)}${changes.length === 0 ? html`<li>Nothing that a contact would see.</li>` : ''}</ul>`}
${
  contacts === 0
    ? ''
    : html`<p>${contacts.toLocaleString('en')} ${contacts === 1 ? 'run goes' : 'runs go'} on by an older version, because each keeps the version it started with: ${older.map((one, i) => html`${i === 0 ? '' : ', '}${one.runs.toLocaleString('en')} in <bdi>${one.sequenceId}</bdi>, version ${one.version}`)}. To see the new version, start the sequence for another contact, or restart it.</p>`
}</div>
${warnings.length === 0 ? '' : html`<div class="notice warm"><h2>Legal, and worth a look</h2><ul>${warnings.map(({ path, message }) => html`<li><code>${path}</code> <bdi>${message}</bdi></li>`)}</ul></div>`}`
}

export async function readAgain(call: DevCall): Promise<Response> {
  await call.world.campaign.check()
  return redirect(link(call, ['dev']))
}
