/** Contacts for a question: with what the log and the directory have of them now, whether the directory answers or not. */
import type { ContactId, Facts } from '@enfold/core'
import { createQuestionFacts, type FactsFault, type FactsForQuestion } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { type LoadedContact, type LoadOptions, load } from '../load-contact.ts'

export interface QuestionedContact extends LoadedContact {
  readonly contactId: ContactId
  /** `undefined`: they could not be had. */
  readonly facts: Facts | null | undefined
  /** Why they could not, for the answer. */
  readonly why: { readonly factsFault?: FactsFault }
}

/** Of a contact whose facts could not be had. */
export const NO_FACTS: Facts = Object.freeze({})

/** In the order given. By their working states, unless the whole stream is asked for. */
export async function loadContacts(
  context: EngineContext,
  contactIds: readonly ContactId[],
  asked = createQuestionFacts(context.factsOf),
  options: LoadOptions = {},
): Promise<readonly QuestionedContact[]> {
  const found = await asked.many(contactIds)
  return Promise.all(
    contactIds.map(async (contactId) => {
      const { facts, fault } = found.get(contactId) as FactsForQuestion
      const loaded = await load(context, contactId, Promise.resolve({ facts }), options)
      await context.campaigns.ensure(loaded.state)
      return { ...loaded, contactId, facts, why: fault === null ? {} : { factsFault: fault } }
    }),
  )
}

export async function loadContact(
  context: EngineContext,
  contactId: ContactId,
  options?: LoadOptions,
): Promise<QuestionedContact> {
  const [one] = await loadContacts(context, [contactId], undefined, options)
  return one as QuestionedContact
}
