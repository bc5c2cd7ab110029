/** Campaigns: the list, their contacts, publishing. And the health of the engine. */

import {
  CAMPAIGN_VERBS,
  type CampaignProblem,
  type CampaignVerbFacts,
  campaignJsonSchema,
  campaignUnknown,
} from '@enfold/core'
import { ATTENTION_KINDS, type Health } from '@enfold/engine'
import * as Type from 'typebox'
import { canSee, type Principal, visibleTo } from './permissions.ts'
import { problem, Refused } from './problem.ts'
import { answerOf, found, given, onCampaign, orderOf, Reply, type Route, reading, route } from './route.ts'
import * as s from './schemas.ts'

/** Without the warnings that name a campaign which the actor may not see. */
function shownTo<Answer extends { readonly warnings: readonly CampaignProblem[] }>(
  principal: Principal,
  answer: Answer,
) {
  const warnings = answer.warnings.filter(({ campaignId }) => campaignId === undefined || canSee(principal, campaignId))
  return { ...answer, warnings }
}

/** What the verb needs, with the options that it is given. */
const permissionsOf = (
  { permission, optionPermissions }: CampaignVerbFacts,
  options: { readonly [option: string]: unknown },
) => [
  ...permission,
  ...Object.entries(optionPermissions).flatMap(([option, verbs]) => (options[option] === true ? verbs : [])),
]

/** Published as it is; checked by publishing, which names every problem with its place. */
const Definition = Type.Unsafe<unknown>({
  type: 'object',
  description: 'A campaign definition, as the schema CampaignDefinition says.',
})
/** For the document. */
export const definitionSchema: object = campaignJsonSchema

export const campaignRoutes: readonly Route[] = [
  route({
    id: 'listCampaigns',
    method: 'get',
    path: '/campaigns',
    summary: 'Every campaign that was ever published',
    answers: { 200: s.Campaigns },
    scope: reading('any'),
    async handle({ principal, engine }) {
      const campaigns = await engine.inspect.campaigns()
      return { campaigns: visibleTo(principal, campaigns) }
    },
  }),
  route({
    id: 'getCampaign',
    method: 'get',
    path: '/campaigns/{campaignId}',
    summary: 'One campaign with its definition, the newest or that of `version`',
    query: s.strictObject({ version: s.optional(s.integer(1)) }),
    answers: { 200: s.Campaign },
    etag: true,
    scope: onCampaign('read'),
    async handle(call) {
      const { campaignId } = call.path
      const campaign = await call.engine.inspect.campaign(campaignId, given(call.query))
      if (campaign !== null) return campaign
      const published = await call.engine.inspect.campaigns()
      // It may be there, and the asked version not.
      const isThere = published.some((one) => one.campaignId === campaignId)
      return found(null, isThere ? { type: 'CampaignUnknown', campaignId } : campaignUnknown(campaignId, published))
    },
  }),
  route({
    id: 'getCounts',
    method: 'get',
    path: '/campaigns/{campaignId}/counts',
    summary: 'The number of contacts in each of its sequences',
    answers: { 200: s.Counts },
    scope: onCampaign('read'),
    handle: async (call) => ({ sequences: await call.engine.inspect.counts({ campaignId: call.path.campaignId }) }),
  }),
  route({
    id: 'getFunnel',
    method: 'get',
    path: '/campaigns/{campaignId}/funnel',
    summary:
      'How many runs came to each step and where they are, of all versions or one; with a period, by how much it changed that, which reads the log',
    query: s.strictObject({
      version: s.optional(s.integer(1)),
      from: s.optional(s.Instant),
      to: s.optional(s.Instant),
    }),
    answers: { 200: s.Funnel },
    scope: onCampaign('read'),
    async handle({ engine, path: { campaignId }, query, request: { signal } }) {
      const funnel = await engine.inspect.funnel(campaignId, { ...given(query), signal })
      if (funnel !== null) return funnel
      const published = await engine.inspect.campaigns()
      const isThere = published.some((one) => one.campaignId === campaignId)
      return found(null, isThere ? { type: 'CampaignUnknown', campaignId } : campaignUnknown(campaignId, published))
    },
  }),
  route({
    id: 'getContactsInSequence',
    method: 'get',
    path: '/campaigns/{campaignId}/sequences/{sequenceId}/contacts',
    summary: 'The contacts of a sequence; where it has keys, once for each: `next` and `nextKey` go on together',
    query: s.strictObject({
      status: s.optional(s.oneOf('active', 'waiting', 'either')),
      after: s.optional(s.Id),
      afterKey: s.optional(s.KeyOrNone),
      limit: s.Limit,
    }),
    answers: { 200: s.Members },
    scope: onCampaign('read'),
    handle: (call) =>
      call.engine.inspect.contactsInSequence({
        campaignId: call.path.campaignId,
        sequenceId: call.path.sequenceId,
        ...given(call.query),
      }),
  }),
  route({
    id: 'checkCampaign',
    method: 'post',
    path: '/campaigns/check',
    summary: 'The problems and warnings that publishing would report; nothing is published',
    body: Definition,
    answers: { 200: s.Checked },
    scope: reading('any'),
    handle: async ({ principal, body, engine }) => shownTo(principal, await engine.inspect.checkCampaign(body)),
  }),
  route({
    id: 'publishCampaign',
    method: 'put',
    path: '/campaigns/{campaignId}',
    summary: CAMPAIGN_VERBS.publish.summary,
    body: Definition,
    answers: { 200: s.Published },
    scope: onCampaign(...CAMPAIGN_VERBS.publish.permission),
    async handle(call) {
      // The permission is for the campaign of the path: the document must not name another.
      if ((call.body as { id?: unknown }).id !== call.path.campaignId)
        throw new Refused(
          problem('InputInvalid', 'The id in the definition is not the one in the path.', [
            { path: 'body/id', message: `expected ${JSON.stringify(call.path.campaignId)}` },
          ]),
        )
      const { principal, commandId } = call
      const order = { actor: principal.id, ...(commandId === null ? {} : { commandId }) }
      return shownTo(principal, answerOf(await call.engine.publish(call.body, order)))
    },
  }),
  route({
    id: 'unpublishCampaign',
    method: 'post',
    path: `/campaigns/{campaignId}/${CAMPAIGN_VERBS.unpublish.word}`,
    summary: CAMPAIGN_VERBS.unpublish.summary,
    body: s.strictObject({ reason: s.optional(s.Str), stopRuns: s.optional(s.Bool) }),
    answers: { 200: s.Unpublished },
    scope: (call) => onCampaign(...permissionsOf(CAMPAIGN_VERBS.unpublish, call.body))(call),
    handle: async (call) =>
      answerOf(
        await call.engine.unpublish(call.path.campaignId, {
          ...orderOf(call),
          ...given({ stopRuns: call.body.stopRuns }),
        }),
      ),
  }),
  route({
    id: 'getAttention',
    method: 'get',
    path: '/attention',
    summary: 'What waits for a person: held, failed for good, unplanned, unread, unhandled, parked',
    query: s.strictObject({
      kind: s.optional(s.oneOf(...ATTENTION_KINDS)),
      campaignId: s.optional(s.Id),
      after: s.optional(s.Str),
      limit: s.Limit,
    }),
    answers: { 200: s.Attention },
    scope: ({ query: { campaignId } }) => reading(campaignId === undefined ? 'any' : [campaignId]),
    handle: ({ principal, engine, query: { campaignId, ...query } }) =>
      engine.inspect.attention({
        ...given(query),
        ...given({ campaigns: campaignId === undefined ? principal.campaigns : [campaignId] }),
      }),
  }),
  route({
    id: 'getHealth',
    method: 'get',
    path: '/health',
    summary:
      'How engine and store stand; 503 if work does not get done: the store does not respond, due work is late, or a handler fails again and again. For readiness and alerts, not for liveness. Of faults, those who may see some campaigns only are told the codes',
    answers: { 200: s.Health, 503: s.Health },
    scope: reading('any'),
    async handle({ principal, engine }) {
      const health = await engine.health()
      const seen = principal.campaigns === undefined ? health : { ok: health.ok, codes: codesOf(health) }
      return new Reply(health.ok ? 200 : 503, seen, { 'cache-control': 'no-store' })
    },
  }),
]

/** Of the faults that a message would tell more about: a message names contacts. */
export function codesOf({ storeFault, dispatcher, projection }: Health): readonly string[] {
  const store = storeFault?.split(':', 1)
  return [...new Set([...(store ?? []), dispatcher.lastFault?.code, projection?.lastFault?.code])].filter(
    (code) => code !== undefined,
  )
}
