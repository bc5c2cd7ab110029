/**
 * One order, ready to be given to any contact: a verb of the engine with all that it takes, from the table of verbs. Its
 * words are in `order-sentences.ts`, which contacts it is for in `run-order.ts`.
 */
import {
  type ActionVerb,
  type CommandId,
  type ContactId,
  type Either,
  isLeft,
  type Rejection,
  right,
  VERBS,
  type VerbFacts,
  type VerbName,
} from '@enfold/core'
import type { EffectOf, Engine } from '@enfold/engine'
import { type OrderOf, SENTENCES, type Sentences, type Words } from './order-sentences.ts'
import { named } from './text.ts'

/** Who orders it, and why. The command id is the same for all contacts, so that a repeat changes nothing (ONCE-1). */
export interface Ordered {
  readonly actor: string
  readonly reason?: string
  readonly commandId: CommandId
}

export interface Operation {
  /** As the end of "This would": "start pool-owners/nurture for 3 contacts". */
  describe(contacts: string): string
  /** The same as an action over many, of which the engine has a preview: but for the contacts. */
  readonly target: { readonly action: ActionVerb }
  /** What nothing undoes: the order, or the end of a run that has no step left by it. */
  readonly final?: Sentences<VerbName>['final']
  /** Of a signal: goals that it may satisfy can read what the host knows of the contact. */
  readonly signalKind?: string
  /** What names it in the log: the same id again has no second effect. */
  readonly idempotencyKey: { readonly commandId: CommandId } | { readonly signalId: string }
  run(engine: Engine, contactId: ContactId): Promise<Either<Rejection, Done>>
  /** What it would come to, and change of the schedule. Writes nothing. */
  foresee(engine: Engine, contactId: ContactId): Promise<Either<Rejection, EffectOf<VerbName>>>
}

/** The engine's answer, and the same in words. */
export interface Done extends Words {
  readonly answer: { readonly version: number; readonly position: number }
}

/** An order with the id by which a repeat is recognised. */
export type IdentifiedOrder<Name extends VerbName> = OrderOf<Name> &
  (Name extends 'signal' ? { readonly signalId: string } : { readonly commandId: CommandId })

/** Makes the operation of a verb. */
export function operationOf<Name extends VerbName>(name: Name, order: IdentifiedOrder<Name>): Operation {
  const verb: VerbFacts = VERBS[name]
  const sentences: Sentences<Name> = SENTENCES[name]
  const { commandId, actor: _, reason: __, ...what } = order as Partial<Ordered>
  const { kind, signalId } = what as { readonly kind?: string; readonly signalId?: string }
  return {
    describe: (contacts) => sentences.would(order, contacts),
    target: { ...what, action: VERBS[name].word },
    ...(sentences.final === undefined ? {} : { final: sentences.final }),
    ...(kind === undefined ? {} : { signalKind: kind }),
    idempotencyKey: kind === undefined ? { commandId: commandId as CommandId } : { signalId: signalId ?? '' },
    foresee: (engine, contactId) => engine.inspect.effect<VerbName>(name, { contactId, ...order } as never),
    async run(engine, contactId) {
      const give = engine[name] as (order: object) => Promise<Either<Rejection, Done['answer'] & Told>>
      const answered = await give({ contactId, ...order })
      if (isLeft(answered)) return answered
      const answer = answered.right
      return right({ answer, ...wordsOf(verb, sentences.did as Did, [answer, order, named(contactId)]) })
    },
  }
}

interface Told {
  readonly outcome: string
}
type Did =
  | ((...told: readonly unknown[]) => Words)
  | { readonly [outcome: string]: (...told: readonly unknown[]) => string }

function wordsOf({ unchanged }: VerbFacts, did: Did, told: readonly [Told, ...unknown[]]): Words {
  if (typeof did === 'function') return did(...told)
  const { outcome } = told[0]
  return { outcome, changed: !unchanged.includes(outcome), text: did[outcome]?.(...told) ?? outcome }
}
