/** Contacts for a question: with what the log and the directory have of them now, whether the directory answers or not. */
import type { ContactId, Facts } from '@enfold/core'
import { createQuestionFacts, type FactsFault, type FactsForQuestion } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { type LoadedContact, load } from '../load-contact.ts'

export interface QuestionedContact extends LoadedContact {
  readonly contactId: ContactId
  /** `undefined`: they could not be had. */
  readonly facts: Facts | null | undefined
  /** Why they could not, for the answer. */
  readonly why: { readonly factsFault?: FactsFault }
}

/** Of a contact whose facts could not be had. */
export const NO_FACTS: Facts = Object.freeze({})

/** In the order given. */
export async function loadContacts(
  context: EngineContext,
  contactIds: readonly ContactId[],
  asked = createQuestionFacts(context.factsOf),
): Promise<readonly QuestionedContact[]> {
  const found = await asked.many(contactIds)
  return Promise.all(
    contactIds.map(async (contactId) => {
      const { facts, fault } = found.get(contactId) as FactsForQuestion
      const loaded = await load(context, contactId, Promise.resolve({ facts }))
      await context.campaigns.ensure(loaded.state)
      return { ...loaded, contactId, facts, why: fault === null ? {} : { factsFault: fault } }
    }),
  )
}

export async function loadContact(context: EngineContext, contactId: ContactId): Promise<QuestionedContact> {
  const [one] = await loadContacts(context, [contactId])
  return one as QuestionedContact
}
