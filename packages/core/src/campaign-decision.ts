/** What the decisions on a campaign have in common: the event that records one, and the answer that changes nothing. */
import type { CampaignCommand } from './commands.ts'
import { type CampaignEvent, SCHEMA_VERSION } from './events.ts'
import { type CampaignId, campaignStream, eventIdOf, type Instant } from './ids.ts'
import { orderDigest } from './order.ts'
import type { UnchangedOutcome } from './verbs/campaign-verbs.ts'

/** What an order on a campaign comes to. */
export interface CampaignDecision<Answer> {
  /** Empty: the campaign is as it was. */
  readonly events: readonly CampaignEvent[]
  /**
   * What is written instead if the caller chose the command id, and so may give it again: `CampaignUnchanged`, where the
   * campaign is as it was. Without it the same id would have an effect later (ONCE-1).
   */
  readonly remembered: readonly CampaignEvent[]
  readonly answer: Answer
}

/** An order that leaves the campaign as it is. */
export function leftAsItWas<Answer extends { readonly outcome: UnchangedOutcome; readonly version: number }>(
  campaignId: CampaignId,
  command: CampaignCommand,
  now: Instant,
  answer: Answer,
): CampaignDecision<Answer> {
  const data = { campaignId, campaignVersion: answer.version, outcome: answer.outcome }
  const remembered = [campaignEvent(campaignId, command, now, { type: 'CampaignUnchanged', data })]
  return { events: [], remembered, answer }
}

export function campaignEvent<Body extends Pick<CampaignEvent, 'type' | 'data'>>(
  campaignId: CampaignId,
  command: CampaignCommand,
  at: Instant,
  body: Body,
): CampaignEvent {
  const { commandId, actor, reason } = command
  return {
    ...body,
    id: eventIdOf(campaignStream(campaignId), commandId, 0),
    schema: SCHEMA_VERSION,
    at,
    commandId,
    correlationId: commandId,
    causationId: commandId,
    actor,
    cause: reason === undefined ? { by: 'operator' } : { by: 'operator', reason },
    order: orderDigest(command),
  } as unknown as CampaignEvent
}
