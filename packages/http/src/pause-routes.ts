/** Pausing a campaign and resuming it, and what a pause holds (GATE-1 to GATE-5). */
import { CAMPAIGN_VERBS, campaignUnknown, EnfoldFault } from '@enfold/core'
import { answerOf, found, given, onCampaign, orderOf, type Route, route } from './route.ts'
import * as s from './schemas.ts'

const effect = s.strictObject({
  go: s.integer(0),
  skip: s.integer(0),
  first: s.orNull(s.Instant),
  last: s.orNull(s.Instant),
})
const Held = s.strictObject({
  campaignId: s.Id,
  at: s.Instant,
  since: s.orNull(s.Instant),
  sequences: s.orNull(s.list(s.Id)),
  entries: s.oneOf('open', 'closed'),
  contacts: s.integer(0),
  complete: s.Bool,
  steps: s.list(
    s.strictObject({
      sequenceId: s.Id,
      stepId: s.Id,
      overdue: s.integer(0),
      choices: s.strictObject({ shift: effect, send: effect, skip: effect }),
    }),
  ),
})
const answered = (outcomes: readonly string[]) =>
  s.strictObject({ outcome: s.oneOf(...outcomes), version: s.integer(0), position: s.integer(0) })

export const pauseRoutes: readonly Route[] = [
  route({
    id: 'pauseCampaign',
    method: 'post',
    path: `/campaigns/{campaignId}/${CAMPAIGN_VERBS.pauseCampaign.word}`,
    summary: CAMPAIGN_VERBS.pauseCampaign.summary,
    body: s.strictObject({
      reason: s.optional(s.Str),
      sequences: s.optional(s.list(s.Id, { minItems: 1, maxItems: 1000 })),
      entries: s.optional(s.oneOf('open', 'closed')),
    }),
    answers: { 200: answered(CAMPAIGN_VERBS.pauseCampaign.outcomes) },
    scope: onCampaign(...CAMPAIGN_VERBS.pauseCampaign.permission),
    handle: async (call) => {
      const { sequences, entries } = call.body
      const order = { ...orderOf(call), ...given({ sequences, entries }) }
      return answerOf(await call.engine.pauseCampaign(call.path.campaignId, order))
    },
  }),
  route({
    id: 'resumeCampaign',
    method: 'post',
    path: `/campaigns/{campaignId}/${CAMPAIGN_VERBS.resumeCampaign.word}`,
    summary: CAMPAIGN_VERBS.resumeCampaign.summary,
    body: s.strictObject({
      reason: s.optional(s.Str),
      overdue: s.optional(s.oneOf('shift', 'send', 'skip')),
      pace: s.optional(s.strictObject({ most: s.integer(1, 1_000_000), per: s.Str })),
    }),
    answers: { 200: answered(CAMPAIGN_VERBS.resumeCampaign.outcomes) },
    scope: onCampaign(...CAMPAIGN_VERBS.resumeCampaign.permission),
    handle: async (call) => {
      const { overdue, pace } = call.body
      const order = { ...orderOf(call), ...given({ overdue, pace }) }
      return answerOf(await call.engine.resumeCampaign(call.path.campaignId, order))
    },
  }),
  route({
    id: 'getHeldByPause',
    method: 'get',
    path: '/campaigns/{campaignId}/held-by-pause',
    summary:
      'How many runs of a paused campaign are overdue at each step, and when they would go under each choice of a resume. Looks at every contact that has something due; `most` bounds how many. With `paceMost` and `pacePer` as a resume with that pace would',
    query: s.strictObject({
      most: s.optional(s.integer(1)),
      paceMost: s.optional(s.integer(1, 1_000_000)),
      pacePer: s.optional(s.Str),
    }),
    answers: { 200: Held },
    scope: onCampaign('read'),
    async handle({ engine, path: { campaignId }, query, request: { signal } }) {
      const { most, paceMost, pacePer } = query
      if (pacePer !== undefined && paceMost === undefined)
        throw EnfoldFault.invalidInput('query.paceMost', paceMost, 'a number, because pacePer is given')
      const pace = paceMost === undefined ? undefined : { most: paceMost, per: pacePer ?? 'PT1H' }
      const held = await engine.inspect.heldByPause(campaignId, { ...given({ most, pace }), signal })
      return held ?? found(null, campaignUnknown(campaignId, await engine.inspect.campaigns()))
    },
  }),
]
