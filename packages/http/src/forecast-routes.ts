/** What will become of a contact, and of all of them, if nothing happens from now on (FORECAST-1 to FORECAST-3). */
import { type CampaignId, campaignUnknown, isLegalId } from '@enfold/core'
import type { ContactForecastQuery, ContactForecast as Forecast, ForecastQuery } from '@enfold/engine'
import type { Static } from 'typebox'
import * as Type from 'typebox'
import { type Principal, type Scope, visibleTo } from './permissions.ts'
import { type Call, found, given, type Route, reading, route } from './route.ts'
import * as s from './schemas.ts'

const Count = s.integer(0, 1_000_000_000)
const REF = { campaignId: s.Id, sequenceId: s.Id, key: s.optional(s.Id), run: Count }
const Reason = Type.String()

const ContactForecast = s.strictObject({
  contactId: s.Id,
  from: s.Instant,
  until: s.Instant,
  steps: s.list(
    s.strictObject({
      ...REF,
      stepId: s.Id,
      resend: Count,
      at: s.Instant,
      dueAt: s.Instant,
      result: s.oneOf('sent', 'skipped', 'failed'),
      reason: s.optional(Reason),
      shift: s.optional(s.strictObject({ gate: s.oneOf('window', 'overdue', 'pace'), from: s.Instant })),
      conditional: s.optional(s.Bool),
    }),
  ),
  ends: s.list(
    s.strictObject({ ...REF, at: s.Instant, starts: s.list(s.strictObject(REF)), conditional: s.optional(s.Bool) }),
  ),
  held: s.list(
    s.strictObject({
      ...REF,
      stepId: s.Id,
      dueAt: s.Instant,
      status: s.oneOf('pending', 'dispatched', 'retrying', 'held'),
      paused: s.Bool,
      campaignPausedSince: s.optional(s.Instant),
      opensAt: s.optional(s.Instant),
    }),
  ),
  faults: s.list(s.strictObject(REF)),
  cut: s.Bool,
  factsFault: s.optional(s.strictObject({ code: Type.String(), message: Type.String() })),
})

const Place = s.strictObject({
  after: s.strictObject({ contactId: s.Id, wakeAt: s.Instant, leaseUntil: s.orNull(s.Instant), kind: Type.String() }),
  counts: s.list(s.list(Type.Union([Type.String(), s.integer(0)]))),
  paces: s.optional(s.list(s.list(Type.Union([Type.String(), Type.Number()])))),
})
const Totals = s.strictObject({
  from: s.Instant,
  until: s.Instant,
  cells: s.list(
    s.strictObject({
      from: s.Instant,
      ...{ campaignId: s.Id, sequenceId: s.Id, stepId: s.Id },
      ...{ sent: Count, skipped: Count, conditional: Count, error: Count },
    }),
  ),
  due: Count,
  contacts: Count,
  unseen: Count,
  broken: s.list(s.strictObject({ code: Type.String(), contacts: Count, example: s.Id, message: Type.String() })),
  cut: Count,
  next: s.orNull(Place),
})

const MANY = s.integer(1, 100_000_000)
const Pace = s.strictObject({ most: s.integer(1, 1_000_000), per: s.Str })
const WhatIf = s.strictObject({
  definition: s.optional(s.JsonData),
  pause: s.optional(
    s.strictObject({
      campaignId: s.Id,
      sequences: s.optional(s.list(s.Id, { minItems: 1, maxItems: 1000 })),
      entries: s.optional(s.oneOf('open', 'closed')),
    }),
  ),
  resume: s.optional(
    s.strictObject({ campaignId: s.Id, overdue: s.optional(s.oneOf('shift', 'send', 'skip')), pace: s.optional(Pace) }),
  ),
})
const Asked = s.strictObject({
  until: s.Instant,
  by: s.oneOf('hour', 'day'),
  campaignId: s.optional(s.Id),
  sample: s.optional(MANY),
  atMost: s.optional(MANY),
  goOn: s.optional(Totals),
  whatIf: s.optional(WhatIf),
})
const AskedOfContact = s.strictObject({ until: s.Instant, whatIf: s.optional(WhatIf) })

export const forecastRoutes: readonly Route[] = [
  route({
    id: 'getForecastOfContact',
    method: 'get',
    path: '/contacts/{contactId}/forecast',
    summary:
      'Every step that a contact will come to until then, if nothing else happens: handlers answer `sent`, and facts are as of now',
    query: s.strictObject({ until: s.Instant }),
    answers: { 200: ContactForecast },
    scope: reading('any'),
    handle: async ({ principal, engine, path: { contactId }, query }) =>
      forecastVisibleTo(principal, await engine.inspect.forecast(contactId, query)),
  }),
  route({
    id: 'forecastContact',
    method: 'post',
    path: '/contacts/{contactId}/forecast',
    summary:
      'The same as `getForecastOfContact`, also under a `whatIf`: a definition, a pause or a resume that nobody has ordered; writes nothing',
    body: AskedOfContact,
    answers: { 200: ContactForecast },
    scope: ({ body }) => scopeOfWhatIf(body),
    async handle({ principal, engine, path: { contactId }, body }) {
      await checkKnown(engine, body)
      return forecastVisibleTo(principal, await engine.inspect.forecast(contactId, given(body) as ContactForecastQuery))
    },
  }),
  route({
    id: 'forecast',
    method: 'post',
    path: '/forecasts',
    summary:
      'What all contacts will come to until then, by hour or day in UTC; writes nothing. Plays every contact that has something to come, or a `sample`: then `error` is within what a number of sent steps is right, and `unseen` how many may be sent of what is in no cell, both 95 times out of 100. With `atMost` it ends early: send its answer as `goOn`',
    body: Asked,
    answers: { 200: Totals },
    scope: ({ body }) => scopeOf(body),
    async handle({ principal, engine, body, request: { signal } }) {
      await checkKnown(engine, body)
      const query = { ...given(body), signal } as ForecastQuery
      const totals = await engine.inspect.forecast(query)
      // What the directory says of a contact who is an example may tell of other campaigns.
      return principal.campaigns === undefined ? totals : { ...totals, broken: [] }
    },
  }),
]

/** What the caller may see of it. */
function forecastVisibleTo(principal: Principal, { steps, ends, held, faults, ...rest }: Forecast) {
  return {
    ...rest,
    steps: visibleTo(principal, steps),
    ends: visibleTo(principal, ends),
    held: visibleTo(principal, held),
    // What was thrown may quote the contact's facts.
    faults: visibleTo(principal, faults).map(({ error: _, ...run }) => run),
  }
}

type Body = Static<typeof Asked>
type WithWhatIf = Pick<Body, 'campaignId' | 'whatIf'>

/** Of one contact each caller gets the steps of their own campaigns; a `whatIf` is about those only. */
function scopeOfWhatIf(body: WithWhatIf): Scope {
  const named = campaignsOf(body)
  return reading(named.length === 0 ? 'any' : named)
}

/** Where it stops is told by a contact, who may be in any campaign. */
function scopeOf(body: Body): Scope {
  const { campaignId, atMost, goOn } = body
  if (campaignId === undefined || atMost !== undefined || goOn !== undefined) return reading('all')
  return reading([...campaignsOf(body), campaignId])
}

/** The campaigns that a `whatIf` is about. */
function campaignsOf(body: WithWhatIf): readonly CampaignId[] {
  const { id } = (body.whatIf?.definition ?? {}) as { readonly id?: unknown }
  return [...ordered(body), ...(isLegalId(id) ? [id] : [])]
}

const ordered = ({ whatIf }: WithWhatIf): readonly CampaignId[] =>
  [whatIf?.pause, whatIf?.resume].flatMap((order) => order?.campaignId ?? [])

async function checkKnown(engine: Call['engine'], body: WithWhatIf): Promise<void> {
  const { campaignId, whatIf } = body
  const asked = [...ordered(body), ...(campaignId === undefined ? [] : [campaignId])]
  if (asked.length === 0) return
  const known = await engine.inspect.campaigns()
  const { id } = (whatIf?.definition ?? {}) as { readonly id?: unknown }
  for (const one of asked)
    if (one !== id && !known.some((campaign) => campaign.campaignId === one)) found(null, campaignUnknown(one, known))
}
