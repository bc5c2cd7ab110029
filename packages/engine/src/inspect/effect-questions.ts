/** What an order would change of a contact's schedule. Writes nothing. */
import {
  type AnyNames,
  type ContactCommand,
  type Either,
  effectOf,
  isLeft,
  type OrderEffect,
  type Rejection,
  readsFacts,
  right,
  VERB_NAMES,
  type VerbName,
  type VerbOf,
} from '@enfold/core'
import { checkedCommand, type OrderOf } from '../contact-verbs.ts'
import { createQuestionFacts, type FactsFault } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { decidingOn } from '../execute.ts'
import * as input from '../input.ts'
import { decidedOn } from '../stored-states.ts'
import { loadContacts, type QuestionedContact } from './questioned-contacts.ts'

/** What the order of a verb would come to: its answer, and what would be different of the schedule. */
export type EffectOf<Name extends VerbName> = OrderEffect<
  Extract<ContactCommand, { readonly type: VerbOf<Name>['command'] }>
> & {
  /** As in `ContactView`: why the schedule was computed without the contact's facts. */
  readonly factsFault?: FactsFault
}

export interface EffectQuestions {
  /**
   * What the order would change of the schedule if it were given now: of each run that it moves, which step stands next and
   * when, before and after. Nothing is written. An order whose `commandId` was given before would change nothing (ONCE-1).
   *
   * @param verb the name that it has on the engine
   * @param order as the verb takes it
   * @returns Left: why it would be refused
   * @throws EnfoldFault `INVALID_INPUT` for what is no order of the verb; what the directory throws, for a verb that decides
   *   on the contact's facts
   * @example
   * const effect = await engine.inspect.effect('shiftRun', { contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', by: 'P2D', actor: 'anna' })
   */
  effect<Name extends VerbName>(verb: Name, order: OrderOf<Name, AnyNames>): Promise<Either<Rejection, EffectOf<Name>>>
}

export function createEffectQuestions(context: EngineContext): EffectQuestions {
  return {
    async effect<Name extends VerbName>(verb: Name, order: OrderOf<Name, AnyNames>) {
      input.oneOf(...VERB_NAMES)('inspect.effect.verb', verb)
      const effect = await effectOfOrder(context, checkedCommand(verb, order))
      return effect as Either<Rejection, EffectOf<Name>>
    },
  }
}

/** From the working state, or from the whole stream where that leaves out what is needed. */
async function effectOfOrder(
  context: EngineContext,
  command: ContactCommand,
): Promise<Either<Rejection, OrderEffect & { readonly factsFault?: FactsFault }>> {
  const { contactId, commandId } = command
  await context.campaigns.refresh()
  // A verb that decides on the facts fails without them, and so does what is foretold of it.
  const facts = readsFacts(command) ? context.factsOf(contactId) : null
  await facts
  const asked = createQuestionFacts(facts === null ? context.factsOf : () => facts)
  const look = async (whole: boolean) => {
    const [contact] = await loadContacts(context, [contactId], asked, { commands: [commandId], whole })
    return contact as QuestionedContact
  }
  const on = (contact: QuestionedContact) =>
    effectOf(command, contact.state, decidingOn(context, command, contact), contact.history)
  let contact = await look(false)
  let effect = decidedOn(contact, () => on(contact))
  if (effect === null) {
    contact = await look(true)
    effect = on(contact)
  }
  return isLeft(effect) ? effect : right({ ...effect.right, ...contact.why })
}
