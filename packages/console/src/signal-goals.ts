/** What a signal did to each goal for its kind that the reader may see: satisfied, or why not (SIGNAL-5). */
import { type ContactId, describeNotSatisfied, type RecordedContactEvent } from '@enfold/core'
import { visibleTo } from '@enfold/http'
import { html } from 'hono/html'
import type { Call, Html } from './call.ts'
import { badge, table } from './page.ts'

/** Nothing for events that are no signal. */
export async function signalGoals(call: Call, contactId: ContactId, event: RecordedContactEvent): Promise<Html> {
  if (event.type !== 'SignalReceived' && event.type !== 'GoalSatisfied') return html``
  const { kind, signalId } = event.data
  const campaigns = visibleTo(call.principal, await call.engine.inspect.campaigns())
  const rows: Html[] = []
  for (const { campaignId, name } of campaigns) {
    const view = await call.engine.inspect.campaign(campaignId)
    for (const goal of view?.definition.goals ?? []) {
      if (![goal.when].flat().some((pattern) => pattern.kind === kind)) continue
      const why = await call.engine.inspect.explainNot({ contactId, campaignId, goalId: goal.id, signalId })
      rows.push(html`<tr>
<th scope="row"><bdi>${goal.name ?? goal.id}</bdi> <small><bdi>${name}</bdi></small></th>
<td>${badge(why.reason)}</td>
<td><bdi>${describeNotSatisfied(why)}</bdi></td>
</tr>`)
    }
  }
  return html`<section><h2>Goals for signals of this kind</h2>
${table('Goals, and whether this signal satisfied them', ['Goal', '', 'Why'], rows)}</section>`
}
