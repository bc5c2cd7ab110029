/** Puts a contact into the welcome. */
import { orThrow } from 'enfold'
import { engine } from './engine.ts'

/**
 * Tells the engine that a contact has signed up. The same again changes nothing.
 *
 * @param contactId your own id of them
 */
export async function signedUp(contactId: string) {
  return orThrow(await engine.signal({ contactId, kind: 'signed-up', signalId: `signed-up-${contactId}` }))
}
