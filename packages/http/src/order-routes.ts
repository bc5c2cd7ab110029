/** The routes of each order on a contact and of its preview, from the table of verbs: where it is, what it takes and answers, who may. */
import {
  type About,
  type ContactId,
  HELD_VALUES,
  SOMETIMES,
  type ToldTypes,
  VERB_NAMES,
  VERBS,
  type VerbFacts,
  type VerbName,
} from '@enfold/core'
import type { TSchema } from 'typebox'
import type { Scope, Verb } from './permissions.ts'
import { answerOf, type Call, found, given, onAllCampaigns, onCampaign, orderOf, type Route, route } from './route.ts'
import * as s from './schemas.ts'
import { undoScope } from './undo-scope.ts'

const CONTACT = '/contacts/{contactId}'
export const SEQUENCE = `${CONTACT}/sequences/{campaignId}/{sequenceId}` as const
export const STEP = `${SEQUENCE}/steps/{stepId}` as const

type Ordered = Exclude<About, 'signal'>

/** What a body takes by itself. */
const BODIES: { readonly [about in Ordered]: Readonly<Record<string, TSchema>> } = {
  contact: {},
  sequence: {},
  step: { run: s.optional(s.integer(1)) },
  received: {},
}
const TOLD = { heldValues: s.countsOf(HELD_VALUES) } satisfies Record<keyof ToldTypes, TSchema>

/** The words and fields of a verb's answer, what is told of the history besides, and where the log stood then. */
export function answerSchema(verb: VerbFacts): TSchema {
  const told = Object.entries(verb.tells).map(([field, kind]) => [field, TOLD[kind]])
  return s.strictObject({ ...answerFields(verb), ...Object.fromEntries(told), ...s.PLACE })
}

/** What a preview says: the words and fields of the answer, and which runs would move. */
export const effectSchema = (verb: VerbFacts): TSchema => s.effectWith(s.strictObject(answerFields(verb)))

function answerFields({ answers, outcomes }: VerbFacts): Readonly<Record<string, TSchema>> {
  const isSometimes = (kind: (typeof answers)[string]) => SOMETIMES.some((one) => one === kind)
  const fields = Object.entries(answers).map(([field, kind]) => {
    const schema: TSchema = s.ANSWERS[kind]
    return [field, isSometimes(kind) ? s.optional(schema) : schema]
  })
  return {
    ...(outcomes.length === 0 ? {} : { outcome: s.oneOf(...outcomes) }),
    ...Object.fromEntries(fields),
  }
}

/** The order, and what it would change of the schedule. */
function orderRoutesOf(name: VerbName, verb: VerbFacts, about: Ordered): readonly Route[] {
  const options = Object.entries(verb.takes).map(([option, kind]) => {
    const schema: TSchema = s.TAKEN[kind]
    return [option, verb.needs.includes(option) ? schema : s.optional(schema)]
  })
  const body = s.strictObject({ reason: s.optional(s.Str), ...BODIES[about], ...Object.fromEntries(options) })
  // The body was held against its schema: what it has is what the verb takes.
  const orderIn = (call: Call) => {
    const { reason: _, ...taken } = given(call.body as Readonly<Record<string, unknown>>)
    return { ...call.path, ...taken, ...orderOf(call) } as never
  }
  const order = {
    id: name,
    method: 'post',
    summary: verb.summary,
    body,
    answers: { 200: answerSchema(verb) },
    handle: async (call: Call): Promise<unknown> => answerOf<unknown>(await call.engine[name](orderIn(call))),
  } as const
  const preview = {
    ...order,
    id: `preview${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    summary: `What ${name} would answer and change of the schedule; nothing is written`,
    answers: { 200: effectSchema(verb) },
    handle: async (call: Call): Promise<unknown> =>
      answerOf<unknown>(await call.engine.inspect.effect(name, orderIn(call))),
  } as const
  // The schedule is told only to an actor who may see it as well.
  const permissions = [...verb.permission, 'read'] as const
  if (about === 'contact' || about === 'received') {
    const path = about === 'contact' ? (`${CONTACT}/${verb.word}` as const) : RECEIVED(verb.word)
    // It may do what the order did, and no more.
    if ('undoes' in verb.takes)
      return [
        route({ ...order, path, scope: undoing() }),
        route({ ...preview, path: `${path}/preview`, scope: undoing('read') }),
      ]
    return [
      route({ ...order, path, scope: onAllCampaigns(...verb.permission) }),
      route({ ...preview, path: `${path}/preview`, scope: onAllCampaigns(...permissions) }),
    ]
  }
  const path = `${about === 'sequence' ? SEQUENCE : STEP}/${verb.word}` as const
  return [
    route({ ...order, path, scope: onCampaign(...verb.permission) }),
    route({ ...preview, path: `${path}/preview`, scope: onCampaign(...permissions) }),
  ]
}

/** By what the order did that is undone. */
const undoing =
  (...more: readonly Verb[]) =>
  async ({ engine, principal, path: { contactId }, body }: UndoCall): Promise<Scope> => {
    const undoes = String(body.undoes)
    const history = await engine.inspect.history(contactId)
    const scope = found(undoScope(principal, history, undoes), { type: 'OrderUnknown', contactId, undoes })
    return { ...scope, verbs: [...scope.verbs, ...more] }
  }

interface UndoCall extends Pick<Call, 'engine' | 'principal'> {
  readonly path: { readonly contactId: ContactId }
  /** Held against its schema. */
  readonly body: { readonly [option: string]: unknown }
}

const RECEIVED = (word: string) => `${CONTACT}/signals/{signalId}/${word}` as const

export const orderRoutes: readonly Route[] = VERB_NAMES.flatMap((name) => {
  const verb: VerbFacts = VERBS[name]
  return verb.about === 'signal' ? [] : orderRoutesOf(name, verb, verb.about)
})
