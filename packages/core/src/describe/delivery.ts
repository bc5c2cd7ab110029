/** Where something was sent instead of to the contact, as a part of a sentence. */
import { NOBODY } from '../deliver-to.ts'
import { visibleText } from './wording.ts'

/**
 * Where the engine was told to deliver instead of to the contact.
 *
 * @param deliverTo as the outcome has it: an address, or `nobody`
 * @example
 * describeDelivery('me@example.com') // 'delivered to me@example.com instead'
 * describeDelivery('nobody') // 'delivered to nobody (deliverTo)'
 */
export function describeDelivery(deliverTo: string): string {
  return deliverTo === NOBODY ? 'delivered to nobody (deliverTo)' : `delivered to ${visibleText(deliverTo)} instead`
}
