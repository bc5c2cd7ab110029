/** One contact: its state, and orders for it. Also the search for contacts, and signals. */
import {
  type CampaignId,
  eventIdOf,
  isContactEvent,
  isLeft,
  type RecordedContactEvent,
  unsafeIntegerIn,
  VERBS,
} from '@enfold/core'
import { explain } from '@enfold/core/log'
import type { SearchQuery } from '@enfold/engine'
import * as Type from 'typebox'
import { wrongInput } from './input.ts'
import { answerSchema, effectSchema, orderRoutes, STEP } from './order-routes.ts'
import { canSee, type Principal, visibleTo } from './permissions.ts'
import { problem, Refused, rejectionProblem, thrownProblem } from './problem.ts'
import { answerOf, given, onAllCampaigns, onCampaign, type Route, reading, route } from './route.ts'
import * as s from './schemas.ts'

const HISTORY_PAGE = 100

const reads: readonly Route[] = [
  route({
    id: 'getContact',
    method: 'get',
    path: '/contacts/{contactId}',
    summary: 'One contact now, or as it stood `at` an instant: sequences, steps, what is next',
    query: s.strictObject({ runs: s.optional(s.oneOf('newest', 'all')), at: s.optional(s.Instant) }),
    answers: { 200: s.Contact },
    etag: true,
    scope: reading('any'),
    async handle({ principal, engine, path, query }) {
      const contact = await engine.inspect.contact(path.contactId, given(query))
      return { ...contact, enrollments: visibleTo(principal, contact.enrollments) }
    },
  }),
  route({
    id: 'getHistory',
    method: 'get',
    path: '/contacts/{contactId}/history',
    summary: 'The recorded events of one contact, in order; `after` is a version; `ahead`: those dated after now',
    query: s.strictObject({ after: s.optional(s.integer(0)), limit: s.Limit }),
    answers: { 200: s.History },
    etag: true,
    scope: reading('any'),
    async handle({ principal, engine, path, query: { after = 0, limit = HISTORY_PAGE } }) {
      const later = (await engine.inspect.history(path.contactId)).slice(after)
      const page = later.slice(0, limit)
      const events = eventsVisibleTo(principal, page)
      const now = engine.inspect.now()
      const ahead = events.flatMap(({ at, version }) => (at > now ? [version] : []))
      return {
        events,
        next: later.length > limit ? (page.at(-1)?.version ?? null) : null,
        ...(ahead.length === 0 ? {} : { ahead }),
      }
    },
  }),
  route({
    id: 'explainEvent',
    method: 'get',
    path: '/contacts/{contactId}/history/{eventId}/explain',
    summary: 'Why an event happened: the chain back to its root, the event itself first',
    answers: { 200: s.Chain },
    scope: reading('any'),
    async handle({ principal, engine, path }) {
      const chain = explain(await engine.inspect.history(path.contactId), path.eventId)
      const visible = eventsVisibleTo(principal, chain)
      // If the actor may not see the event itself, neither what led to it.
      if (eventsVisibleTo(principal, chain.slice(0, 1)).length === 0)
        throw new Refused(problem('NotFound', 'This contact has no such event.'))
      return { chain: visible }
    },
  }),
  route({
    id: 'explainStep',
    method: 'get',
    path: `${STEP}/explain`,
    summary: 'Why a step ran, or why not, as of now; `run` is the newest if left out, `key` that of the run',
    query: s.strictObject({ key: s.optional(s.Id), run: s.optional(s.integer(1)) }),
    answers: { 200: s.ExplainedStep },
    scope: onCampaign('read'),
    async handle({ principal, engine, path, query }) {
      const asked = { ...path, ...given(query) }
      const { step, evidence, chain, factsFault } = await engine.inspect.explain(asked)
      const links = chain.flatMap((link) =>
        eventsVisibleTo(principal, [link.event]).map((event) => ({ ...link, event })),
      )
      return { step, evidence: eventsVisibleTo(principal, evidence), chain: links, ...given({ factsFault }) }
    },
  }),
  route({
    id: 'explainGoal',
    method: 'get',
    path: '/contacts/{contactId}/goals/{campaignId}/{goalId}/explain',
    summary: 'Why a signal did not satisfy a goal, or did, from what is recorded of the signal',
    query: s.strictObject({ signalId: s.Id }),
    answers: { 200: s.ExplainedGoal },
    scope: onCampaign('read'),
    async handle({ principal, engine, path, query }) {
      const why = await engine.inspect.explainNot({ ...path, ...query })
      return { ...why, evidence: eventsVisibleTo(principal, why.evidence) }
    },
  }),
  route({
    id: 'getSequences',
    method: 'get',
    path: '/contacts/{contactId}/sequences',
    summary: 'The sequences that a contact is in, or waits at the end of',
    answers: { 200: s.Sequences },
    scope: reading('any'),
    async handle({ principal, engine, path }) {
      const sequences = await engine.inspect.sequencesOf(path.contactId)
      return { sequences: visibleTo(principal, sequences) }
    },
  }),
  route({
    id: 'getUpcomingOfContact',
    method: 'get',
    path: '/contacts/{contactId}/upcoming',
    summary: 'The next steps of one contact, by when they are due',
    answers: { 200: s.UpcomingSteps },
    scope: reading('any'),
    async handle({ principal, engine, path }) {
      const steps = await engine.inspect.upcoming(path)
      return { steps: visibleTo(principal, steps) }
    },
  }),
  route({
    id: 'getUpcoming',
    method: 'get',
    path: '/upcoming',
    summary: 'The next steps of everyone; `limit` counts contacts',
    query: s.strictObject({ until: s.optional(s.Instant), limit: s.Limit }),
    answers: { 200: s.UpcomingSteps },
    scope: reading('any'),
    async handle({ principal, engine, query }) {
      const steps = await engine.inspect.upcoming(given(query))
      return { steps: visibleTo(principal, steps) }
    },
  }),
  route({
    id: 'getOverdue',
    method: 'get',
    path: '/overdue',
    summary: 'How much would be sent if a dispatcher started now',
    answers: { 200: s.Overdue },
    scope: onAllCampaigns('read'),
    handle: ({ engine }) => engine.inspect.overdue(),
  }),
  route({
    id: 'searchContacts',
    method: 'post',
    path: '/contacts/search',
    summary: 'Contacts by their active sequences (all, any, none) and by the text search of the directory',
    body: s.Search,
    answers: { 200: s.Found },
    scope: ({ body }) => reading(campaignsOf(body)),
    handle: ({ engine, body }) => engine.inspect.search(given(body) as SearchQuery),
  }),
]

/** Whose members a query tells of. One that names none, and no text, tells of everybody's. */
export function campaignsOf(query: Pick<SearchQuery, 'all' | 'any' | 'none' | 'text'>): readonly CampaignId[] | 'all' {
  const { all = [], any = [], none = [], text } = query
  if (all.length + any.length === 0 && text === undefined) return 'all'
  return [...all, ...any, ...none].map(({ campaignId }) => campaignId)
}

/** Events of the actor's campaigns, and those that are of none. */
export function eventsVisibleTo(
  principal: Principal,
  events: readonly RecordedContactEvent[],
): readonly RecordedContactEvent[] {
  if (principal.campaigns === undefined) return events
  return events.flatMap((event): readonly RecordedContactEvent[] => {
    const { campaignId } = event.data as { campaignId?: CampaignId }
    if (campaignId !== undefined && !canSee(principal, campaignId)) return []
    if (event.type === 'SignalRetracted') {
      const goals = event.data.goals.filter((goal) => canSee(principal, goal.campaignId))
      const results = event.data.results.filter((one) => canSee(principal, one.campaignId))
      return [{ ...event, data: { ...event.data, goals, results } }]
    }
    if (!isContactEvent(event) || event.type !== 'GoalSatisfied' || event.data.matched === undefined) return [event]
    // The first goal of a signal names those of all campaigns.
    const matched = event.data.matched.filter((goal) => canSee(principal, goal.campaignId))
    return [{ ...event, data: { ...event.data, matched } }]
  })
}

const refresh = route({
  id: 'refresh',
  method: 'post',
  path: '/contacts/{contactId}/refresh',
  summary: 'Computes again when something of the contact is due, after its time zone or one of its dates has changed',
  body: s.strictObject({}),
  answers: { 200: s.Refreshed },
  scope: onAllCampaigns('refresh'),
  handle: ({ engine, path }) => engine.refreshContact(path.contactId),
})

/** The same for the same place of the same batch, so that a batch that is sent again counts once. A UUID, whatever the key is. */
function idInBatch(key: string | null, index: number): string | undefined {
  return key === null ? undefined : eventIdOf('signals/batch', key, index)
}

const SignalAnswer = answerSchema(VERBS.signal)
const SignalResult = Type.Union([s.strictObject({ answer: SignalAnswer }), s.strictObject({ problem: s.ProblemBody })])

/** A number of 16 digits or more was rounded when the body was read: it would match what was never sent. */
function checkIntegers(data: unknown, path: string): void {
  const found = unsafeIntegerIn(data)
  if (found !== null)
    throw wrongInput('body', `${path}${found}`, 'is an integer that cannot be kept exactly; use a string')
}

const signals: readonly Route[] = [
  route({
    id: 'signal',
    method: 'post',
    path: '/signals',
    summary: VERBS.signal.summary,
    body: s.SignalBody,
    answers: { 200: SignalAnswer },
    scope: onAllCampaigns(...VERBS.signal.permission),
    async handle({ principal, body, commandId, engine }) {
      checkIntegers(body.data, '/data')
      const signalId = body.signalId ?? commandId ?? undefined
      return answerOf(await engine.signal({ ...given({ ...body, signalId }), actor: principal.id }))
    },
  }),
  route({
    id: 'previewSignal',
    method: 'post',
    path: '/signals/preview',
    summary: 'What the signal would answer and change of the schedule; nothing is written',
    body: s.SignalBody,
    answers: { 200: effectSchema(VERBS.signal) },
    // The schedule is told only to an actor who may see it as well.
    scope: onAllCampaigns(...VERBS.signal.permission, 'read'),
    async handle({ principal, body, engine }) {
      checkIntegers(body.data, '/data')
      return answerOf(await engine.inspect.effect('signal', { ...given(body), actor: principal.id }))
    },
  }),
  route({
    id: 'signals',
    method: 'post',
    path: '/signals/batch',
    summary: 'Several signals at once; a result for each, in their order',
    body: s.strictObject({ signals: s.list(s.SignalBody, { minItems: 1, maxItems: 1000 }) }),
    answers: { 200: s.strictObject({ results: s.list(SignalResult) }) },
    scope: onAllCampaigns(...VERBS.signal.permission),
    async handle(call) {
      const { principal, body, commandId, engine, limits } = call
      if (body.signals.length > limits.maxBatch)
        throw new Refused(problem('BodyTooLarge', `A request may have at most ${limits.maxBatch} signals.`))
      for (const [i, { data }] of body.signals.entries()) checkIntegers(data, `/signals/${i}/data`)
      const results = new Array<unknown>(body.signals.length)
      // Those of one contact in their order; those of different contacts share transactions.
      const byContact = Map.groupBy(body.signals.entries(), ([, { contactId }]) => contactId)
      await Promise.all(
        [...byContact.values()].map(async (ones) => {
          for (const [i, one] of ones) {
            try {
              const either = await engine.signal({
                ...given({ ...one, signalId: one.signalId ?? idInBatch(commandId, i) }),
                actor: principal.id,
              })
              results[i] = isLeft(either) ? { problem: rejectionProblem(either.left) } : { answer: either.right }
            } catch (error) {
              const why = thrownProblem(error)
              if (why.status >= 500) call.failed(error)
              results[i] = { problem: why }
            }
          }
        }),
      )
      return { results }
    },
  }),
]

export const contactRoutes: readonly Route[] = [...reads, ...orderRoutes, refresh, ...signals]
