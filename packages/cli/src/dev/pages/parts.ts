/** What the pages of `enfold dev` share. */
import { type Call, type Html, html, link, type Part, type Titles, when } from '@enfold/console/pages'
import type { Caught } from '../caught.ts'
import { textField } from '../people.ts'
import type { World } from '../world.ts'

/** A page of `enfold dev` is made of a call and of what there is to show. */
export type DevCall<Path extends string = string> = Call<Path> & { readonly world: World }

export const PARTS: readonly Part[] = [
  { name: 'dev', segments: ['dev'], label: 'Dev' },
  { name: 'outbox', segments: ['dev', 'outbox'], label: 'Outbox' },
  { name: 'signal', segments: ['dev', 'signal'], label: 'Signal' },
  { name: 'clock', segments: ['dev', 'clock'], label: 'Clock' },
]

/** The stream that a page listens to. */
export const newsOf = (call: Call): string => link(call, ['dev', 'news'])

/** The name of a contact where there is one, and a link to its page in the console. */
export function personLink(call: Call, { people }: World, contactId: string): Html {
  const name = textField(people.get(contactId) ?? {}, 'name')
  return html`<a href="${link(call, ['contacts', contactId])}"><bdi>${name ?? contactId}</bdi></a>${
    name === null ? '' : html` <small class="id"><bdi>${contactId}</bdi></small>`
  }`
}

/** A row of what was caught: when, what, for which contact, of which sequence. */
export function caughtRow(call: Call, world: World, one: Caught, titles: Titles): Html {
  const { at, kind, mail, number, stepId } = one
  return html`<tr>
<td>${when(at, call.timeZone)}</td>
<th scope="row"><a href="${link(call, ['dev', 'outbox', String(number)])}"><bdi>${mail?.subject ?? stepId}</bdi></a></th>
<td><bdi>${kind}</bdi></td>
<td>${personLink(call, world, one.contactId)}</td>
<td>${titles.sequenceHtml(one)}</td>
</tr>`
}

export const CAUGHT_HEADS = ['When', 'Subject or step', 'Kind', 'Contact', 'Sequence']
