/** One route for each order on a contact, from the table of verbs: where it is, what it takes and answers, who may. */
import {
  type About,
  HELD_VALUES,
  SOMETIMES,
  type TakenTypes,
  type ToldTypes,
  VERB_NAMES,
  VERBS,
  type VerbFacts,
  type VerbName,
  WAITS,
} from '@enfold/core'
import type { TSchema } from 'typebox'
import { answerOf, type Call, given, onAllCampaigns, onCampaign, orderOf, type Route, route } from './route.ts'
import * as s from './schemas.ts'

const CONTACT = '/contacts/{contactId}'
export const SEQUENCE = `${CONTACT}/sequences/{campaignId}/{sequenceId}` as const
export const STEP = `${SEQUENCE}/steps/{stepId}` as const

type Ordered = Exclude<About, 'signal'>

/** What a body takes by itself. */
const BODIES: { readonly [about in Ordered]: Readonly<Record<string, TSchema>> } = {
  contact: {},
  sequence: {},
  step: { run: s.opt(s.whole(1)) },
  received: {},
}
const TAKEN = {
  flag: s.Flag,
  instantOrNull: s.orNull(s.Instant),
  instant: s.Instant,
  duration: s.SignedDuration,
  step: s.Id,
  sequence: s.Id,
  wait: s.words(...WAITS),
  key: s.Id,
  vars: s.Scalars,
} satisfies Record<keyof TakenTypes, TSchema>
const TOLD = { heldValues: s.countsOf(HELD_VALUES) } satisfies Record<keyof ToldTypes, TSchema>

/** The words and fields of a verb's answer, and where the log stood then. */
export function answerSchema({ answers, outcomes, tells }: VerbFacts): TSchema {
  const isSometimes = (kind: (typeof answers)[string]) => SOMETIMES.some((one) => one === kind)
  const fields = Object.entries(answers).map(([field, kind]) => {
    const schema: TSchema = s.ANSWERS[kind]
    return [field, isSometimes(kind) ? s.opt(schema) : schema]
  })
  const told = Object.entries(tells).map(([field, kind]) => [field, TOLD[kind]])
  return s.closed({
    ...(outcomes.length === 0 ? {} : { outcome: s.words(...outcomes) }),
    ...Object.fromEntries([...fields, ...told]),
    ...s.PLACE,
  })
}

function orderRoute(name: VerbName, verb: VerbFacts, about: Ordered): Route {
  const options = Object.entries(verb.takes).map(([option, kind]) => {
    const schema: TSchema = TAKEN[kind]
    return [option, verb.needs.includes(option) ? schema : s.opt(schema)]
  })
  const one = {
    id: name,
    method: 'post',
    summary: verb.summary,
    body: s.closed({ reason: s.opt(s.Text), ...BODIES[about], ...Object.fromEntries(options) }),
    answers: { 200: answerSchema(verb) },
    async handle(call: Call): Promise<unknown> {
      // The body was held against its schema: what it has is what the verb takes.
      const { reason: _, ...taken } = given(call.body as Readonly<Record<string, unknown>>)
      return answerOf<unknown>(await call.engine[name]({ ...call.path, ...taken, ...orderOf(call) } as never))
    },
  } as const
  if (about === 'received')
    return route({
      ...one,
      path: `${CONTACT}/signals/{signalId}/${verb.word}`,
      scope: onAllCampaigns(...verb.permission),
    })
  if (about === 'contact')
    return route({ ...one, path: `${CONTACT}/${verb.word}`, scope: onAllCampaigns(...verb.permission) })
  const place = about === 'sequence' ? SEQUENCE : STEP
  return route({ ...one, path: `${place}/${verb.word}`, scope: onCampaign(...verb.permission) })
}

export const orderRoutes: readonly Route[] = VERB_NAMES.flatMap((name) => {
  const verb: VerbFacts = VERBS[name]
  return verb.about === 'signal' ? [] : [orderRoute(name, verb, verb.about)]
})
