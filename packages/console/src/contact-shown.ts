/** What the parts of a contact's page share. */
import type { ContactId, Facts, Instant, RecordedContactEvent } from '@enfold/core'
import type { EnrollmentView, FactsFault } from '@enfold/engine'
import { html } from 'hono/html'
import type { Call, Html } from './call.ts'
import type { Titles } from './titles.ts'

/** What the parts of the page need. */
export interface Shown {
  readonly call: Call
  readonly contactId: ContactId
  readonly zone: string | null
  readonly titles: Titles
  /** `null`: now. Then, nothing can be ordered. */
  readonly at: Instant | null
}

export const isInProgress = (status: EnrollmentView['status']) => status === 'active' || status === 'paused'

/** Those who see some campaigns are not told that there is nothing elsewhere. */
export const ofYours = ({ principal }: Call) => (principal.campaigns === undefined ? '' : ' in your campaigns')

export function campaignsIn(history: readonly RecordedContactEvent[]) {
  return history.flatMap(({ data }) => ('campaignId' in data ? [data] : []))
}

/** `undefined`: they cannot be had now. The page does without, so that the contact can be stopped all the same. */
export async function factsOf({ engine, failed }: Call, contactId: ContactId): Promise<Facts | null | undefined> {
  return engine.inspect.facts(contactId).catch((error) => {
    failed(error)
    return undefined
  })
}

export function withoutFacts(fault: FactsFault | undefined): Html {
  if (fault === undefined) return html``
  return html`<p class="notice warm" role="status">Due times are shown without the contact’s time zone and fields: <bdi>${fault.message}</bdi></p>`
}
