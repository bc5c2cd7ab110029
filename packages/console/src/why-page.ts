/** Why something happened, or why a step did or did not run (AUDIT-3). */
import { describeCause, describeEvent, describeEvidence, describeNotRun } from '@enfold/core'
import { eventsVisibleTo, type Scope } from '@enfold/http'
import { html } from 'hono/html'
import { type Call, type ContactCall, link, numberOf } from './call.ts'
import { campaignsIn, factsOf, withoutFacts } from './contact-shown.ts'
import { Failure } from './failure.ts'
import { type Page, recordedWhen } from './page.ts'
import { signalGoals } from './signal-goals.ts'
import { titlesOf } from './titles.ts'

/** Of a step: its campaign. What led to an event is cut to what the actor may see. */
export const whyScope = ({ url: { searchParams } }: Call): Scope => ({
  verbs: ['read'],
  campaigns: searchParams.get('event') === null ? [searchParams.get('campaign') ?? ''] : 'any',
})

/** The chain of causes of an event, or why a step did or did not run (AUDIT-3). */
export async function whyPage(call: ContactCall): Promise<Page> {
  const { principal, engine, path, url } = call
  const { contactId } = path
  const params = url.searchParams
  const eventId = params.get('event')
  const [campaignId, sequenceId, stepId] = ['campaign', 'sequence', 'step'].map((name) => params.get(name) ?? '')
  const run = numberOf(params, 'run')
  const key = params.get('key') || null
  const more = { ...(run === null ? {} : { run }), ...(key === null ? {} : { key }) }
  const step = { campaignId, sequenceId, stepId, ...more } as {
    campaignId: string
    sequenceId: string
    stepId: string
  }
  const explained = await engine.inspect.explain({ contactId, ...(eventId === null ? step : { eventId }) })
  const visible = new Map(
    eventsVisibleTo(
      principal,
      explained.chain.map(({ event }) => event),
    ).map((event) => [event.id, event]),
  )
  const chain = explained.chain.flatMap((one) => {
    const event = visible.get(one.event.id)
    return event === undefined ? [] : [{ ...one, event }]
  })
  // If the actor may not see the event itself, neither what led to it.
  if (eventId !== null && chain[0]?.event.id !== eventId) throw new Failure(404, 'This contact has no such event.')
  const titles = await titlesOf(
    call,
    campaignsIn(chain.map(({ event }) => event)).map((one) => one.campaignId),
  )
  const name = (await call.namesOf([contactId])).get(contactId) ?? contactId
  const zone = (await factsOf(call, contactId))?.timeZone ?? null
  const question = eventId === null ? `Why did ${stepId} run, or not?` : 'Why did this happen?'
  const body = html`<p><a href="${link(call, ['contacts', contactId])}"><bdi>${name}</bdi></a></p>
<h1>${question}</h1>
${withoutFacts(explained.factsFault)}
${explained.step === null ? '' : html`<p class="answer"><bdi>${describeNotRun(explained.step, titles.wording)}</bdi></p>`}
${chain.length === 0 ? '' : html`<p class="hint">Each line happened because of the one below it.</p>`}
<ol class="chain">${chain.map(
    (one) => html`<li><p><strong><bdi>${describeEvent(one.event, titles.wording)}</bdi></strong><br>
<span class="quiet">${recordedWhen(call, one.event.at, zone)}, <bdi>${describeCause(one.event, titles.wording)}</bdi></span></p>
<ul>${describeEvidence(one.event, titles.wording).map((text) => html`<li><bdi>${text}</bdi></li>`)}</ul></li>`,
  )}</ol>
${eventId === null || chain[0] === undefined ? '' : await signalGoals(call, contactId, chain[0].event)}`
  return { title: question, part: 'search', body }
}
