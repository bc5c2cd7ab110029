import { createEngine, describeCause, describeEvent, orThrow, type Wording } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
const engine = createEngine({
  store: createMemoryStore(),
  clock,
  handlers: { email: () => ({ outcome: 'sent' }) },
})
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [{ id: 'bought', name: 'First purchase', when: { kind: 'purchased' } }],
    sequences: [
      {
        id: 'nurture',
        name: 'Seven mistakes',
        next: ['bought'],
        steps: [
          { id: 'mistake-1', kind: 'email' },
          { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        ],
      },
    ],
  }),
)
orThrow(
  await engine.startSequence({ contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: 'luis' }),
)
await engine.runDue()
clock.advance('PT1H')
orThrow(await engine.signal({ contactId: 'ada', kind: 'purchased', signalId: 'order-7' }))

// #region page
/** Your names for what the log knows by id, and your reader's clock. */
async function wordingFor(campaignId: string, timeZone: string): Promise<Wording> {
  const view = await engine.inspect.campaign(campaignId)
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone })
  return {
    // Steps have no names, and are said by their ids.
    name: ({ sequenceId, goalId, stepId }) => {
      const nodes = [...(view?.definition.goals ?? []), ...(view?.definition.sequences ?? [])]
      return stepId === undefined ? nodes.find(({ id }) => id === (sequenceId ?? goalId))?.name : undefined
    },
    instant: (instant) => format.format(new Date(instant)),
  }
}

async function timelineOf(contactId: string): Promise<readonly string[]> {
  const wording = await wordingFor('pool-owners', 'Europe/Berlin')
  const history = await engine.inspect.history(contactId)
  return history.map(
    (event) => `${wording.instant?.(event.at)}  ${describeEvent(event, wording)}, ${describeCause(event, wording)}`,
  )
}

console.log((await timelineOf('ada')).join('\n'))
// #endregion page
