import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

const engine = createEngine({
  store: createMemoryStore(),
  clock: createSimulatedClock('2026-03-02T09:00:00.000Z'),
  handlers: { email: () => ({ outcome: 'sent', receipt: 'smtp-250' }) },
})
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)

// #region history
orThrow(await engine.signal({ contactId: 'ada', kind: 'form-submitted', signalId: 'form-4711' }))
await engine.runDue()

for (const event of await engine.inspect.history('ada'))
  console.log(event.version, event.position, event.type, 'by', event.cause.by)
// #endregion history
// #region event
const [, started] = await engine.inspect.history('ada')
console.log(JSON.stringify(started, null, 2))
// #endregion event
