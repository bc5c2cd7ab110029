/** The campaign that the benchmarks work with, an engine over a store, and contacts for it. */
import { join } from 'node:path'
import { createEngine, type Engine, type EngineOptions, orThrow } from '@enfold/engine'

/** One sequence for each distance of the first step. None ends, so that a step is two events and no more. */
export const campaign = {
  id: 'bench',
  goals: [],
  sequences: [
    { id: 'now', steps: [step('one'), step('two', 'P30D')] },
    { id: 'soon', steps: [step('one', 'PT1S'), step('two', 'P30D')] },
    { id: 'later', steps: [step('one', 'P30D')] },
  ],
}

function step(id: string, after?: string) {
  return { id, kind: 'email', ...(after === undefined ? {} : { timer: { after } }) }
}

/** An engine whose handler does nothing, with the campaign published. */
export async function givenEngine(options: Omit<EngineOptions, 'handlers'>): Promise<Engine> {
  const engine = createEngine({ handlers: { email: () => ({ outcome: 'sent' }) }, ...options })
  orThrow(await engine.publish(campaign))
  return engine
}

export function orderOf(contactId: string, sequenceId: string) {
  return { contactId, campaignId: campaign.id, sequenceId, actor: 'bench' }
}

/** Where a file of so many contacts who wait, made by one benchmark, lies for another. */
export const fileOfWaiting = (shared: string, contacts: number) => join(shared, `${contacts}-waiting.db`)

/** Starts so many contacts through a bulk action: the way in which many are started. */
export async function enrol(
  engine: Engine,
  count: number,
  sequenceId: string,
  onGroup: (processed: number) => void = () => {},
): Promise<number> {
  const answer = await engine.processAction(
    {
      actionId: `enrol-${sequenceId}`,
      action: 'start',
      campaignId: campaign.id,
      sequenceId,
      contacts: { ids: contactIds(count) },
      actor: 'bench',
    },
    { onProgress: ({ processed }) => onGroup(processed) },
  )
  return orThrow(answer).outcomes.started
}

export function* contactIds(count: number, from = 0): Generator<string> {
  for (let i = from; i < from + count; i++) yield `contact-${i}`
}
