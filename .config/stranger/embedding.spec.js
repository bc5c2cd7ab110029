// Runs in a host's own jest, without any configuration: `.config/packed.ts` copies it into an empty project.
const { createEngine } = require('enfold')
const { createApi } = require('enfold/http')
const { createMemoryStore } = require('enfold/memory')
const { createSqliteStore } = require('enfold/sqlite')
const { createSimulatedClock } = require('enfold/testing')

test.each([
  ['memory', createMemoryStore],
  ['SQLite', () => createSqliteStore({ path: ':memory:' })],
])('a host embeds the engine on %s: one start, and what is due goes out', async (_name, open) => {
  const store = open()
  const sent = []
  const engine = createEngine({
    store,
    clock: createSimulatedClock('2026-03-02T09:00:00.000Z'),
    handlers: {
      email({ contactId, step }) {
        sent.push([contactId, step.id])
        return { outcome: 'sent' }
      },
    },
  })
  const published = await engine.publish({
    id: 'welcome',
    goals: [],
    sequences: [{ id: 'first', steps: [{ id: 'hello', kind: 'email' }] }],
  })
  expect(published).toMatchObject({ right: { outcome: 'published' } })
  const order = { contactId: 'ada', campaignId: 'welcome', sequenceId: 'first', actor: 'crm' }
  const started = await engine.startSequence(order)
  expect(started).toMatchObject({ right: { outcome: 'started', run: 1 } })
  await engine.runDue()
  expect(sent).toEqual([['ada', 'hello']])
  await engine.close()
  await store.close()
})

test('the API serves a request, and refuses one of the wrong shape', async () => {
  const store = createMemoryStore()
  const engine = createEngine({ store, handlers: {} })
  const api = createApi({ engine, authorize: () => ({ id: 'anna', may: 'write' }) })
  const signal = (body) =>
    api(
      new Request('http://localhost/signals', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    )
  expect(await signal({ contactId: 'ada', kind: 'purchased' })).toHaveProperty('status', 200)
  expect(await signal({ contactId: 'ada', kind: 42 })).toHaveProperty('status', 400)
  await engine.close()
  await store.close()
})

// The entries stand in a file that `.config/packed.ts` writes.
test.each(require('./entries.json'))('require(%j)', (name) => {
  expect(Object.keys(require(name))).not.toEqual([])
})
