/** Puts a contact into the welcome. */
import { orThrow } from 'enfold'
import { engine } from './engine.ts'

/**
 * Tells the engine that a contact has signed up. The same again changes nothing.
 *
 * @param contactId your own id of them
 */
export async function signedUp(contactId: string) {
  const answer = orThrow(await engine.signal({ contactId, kind: 'signed-up', signalId: `signed-up-${contactId}` }))
  // A signal that no goal waits for leaves no trace: the sign-up would be lost.
  if (answer.goals.length === 0)
    throw new Error('No campaign waits for sign-ups yet: run the worker, which publishes it.')
  return answer
}
