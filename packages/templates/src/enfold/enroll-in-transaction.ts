/** Puts a contact into the welcome, within your own transaction. */
import { orThrow } from 'enfold'
import { fromPrisma } from 'enfold/postgres'
import { engine } from './engine.ts'

/** What your work gets in prisma.$transaction(async (tx) => …). */
export type Transaction = Parameters<typeof fromPrisma>[0]

/**
 * Tells the engine that a contact has signed up. Your commit writes it together with your own rows, your rollback leaves
 * nothing of either. The same again changes nothing.
 *
 * @param contactId your own id of them
 */
export async function signedUp(transaction: Transaction, contactId: string) {
  const within = engine.withTransaction(fromPrisma(transaction))
  const answer = orThrow(await within.signal({ contactId, kind: 'signed-up', signalId: `signed-up-${contactId}` }))
  // A signal that no goal waits for leaves no trace: the sign-up would be lost.
  if (answer.goals.length === 0)
    throw new Error('No campaign waits for sign-ups yet: run the worker, which publishes it.')
  return answer
}
