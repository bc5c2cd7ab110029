/** What the recipes on migrating share: it opens runs where an older system has left them. */
import { createEngine, type Instant, orThrow, type Store } from 'enfold'

/** What an import has done that was cut short after the first contact. */
export const cutShort = (standings: readonly Standing[]) => inOrder(standings).slice(0, 1)

// #region carry-on
/** Where a contact stands in the old system. */
export interface Standing {
  /** Of the row or job, unique in the import: a repeated import then changes nothing. */
  readonly id: string
  readonly contactId: string
  /** The step that comes next. */
  readonly stepId: string
  /** Since when it is waited for: when the step before was done, or the contact came in. */
  readonly since: Instant
  /** When steps are due, as far as the old system says so; the campaign's timers say the rest. */
  readonly due: readonly (readonly [stepId: string, dueAt: Instant])[]
}

const inOrder = (standings: readonly Standing[]) => standings.toSorted((a, b) => a.since.localeCompare(b.since))

/** Sends nothing: this engine has no handlers, and nobody asks it to run what is due. */
export async function carryOn(
  store: Store,
  into: { readonly campaignId: string; readonly sequenceId: string },
  standings: readonly Standing[],
  unsubscribed: readonly string[],
) {
  let now: Instant = new Date().toISOString()
  const engine = createEngine({ store, handlers: {}, clock: { now: () => now } })
  for (const { id, contactId, stepId, since, due } of inOrder(standings)) {
    // Time is what the old system says, so that waits are counted from then.
    now = since
    const order = { ...into, contactId, actor: 'migration' }
    orThrow(await engine.startSequence({ ...order, atStep: stepId, commandId: `${id}/start` }))
    for (const [step, dueAt] of due)
      orThrow(await engine.rescheduleStep({ ...order, stepId: step, dueAt, commandId: `${id}/due/${step}` }))
  }
  for (const contactId of unsubscribed)
    orThrow(await engine.suppress({ contactId, actor: 'migration', reason: 'unsubscribed' }))
  await engine.close()
}
// #endregion carry-on
