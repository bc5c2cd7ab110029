/** What an order would change of the schedule, on the page on which it is confirmed. */
import {
  describeRejection,
  describeScheduleChange,
  isEnfoldFault,
  isLeft,
  type VerbName,
  type Wording,
} from '@enfold/core'
import type { EffectOf } from '@enfold/engine'
import { html } from 'hono/html'
import { type Call, type Html, withoutOthers } from './call.ts'
import { withoutFacts } from './contact-shown.ts'
import { Failure } from './failure.ts'
import type { PageVerb } from './order-sentences.ts'
import { userMessageOf } from './user-message.ts'

/** @param orderOf throws where what was said in the form is no order yet */
export async function effectOn(call: Call, verb: PageVerb, orderOf: () => object, wording: Wording): Promise<Html> {
  try {
    const effect = await call.engine.inspect.effect(verb, orderOf() as never)
    if (isLeft(effect))
      return shown(html`<p class="notice warm"><bdi>${describeRejection(withoutOthers(effect.left))}</bdi></p>`)
    return shown(effectInSentences(effect.right, wording))
  } catch (error) {
    // The order itself can still be given, or says what is wrong with it.
    if (!(error instanceof Failure) && !isEnfoldFault(error)) throw error
    if (userMessageOf(error).status >= 500) call.failed(error)
    return shown(html`<p class="notice warm"><bdi>${userMessageOf(error).text}</bdi></p>`)
  }
}

export const shown = (what: Html): Html =>
  html`<section role="status"><h2>What it would change now</h2>${what}</section>`

/** What becomes of the schedule. */
export function effectInSentences(
  { changes, factsFault }: Pick<EffectOf<VerbName>, 'changes' | 'factsFault'>,
  wording: Wording,
): Html {
  const said = changes.map((change) => html`<li><bdi>${describeScheduleChange(change, wording)}</bdi></li>`)
  return html`${withoutFacts(factsFault)}${said.length === 0 ? html`<p>Nothing of the schedule.</p>` : html`<ul>${said}</ul>`}`
}
