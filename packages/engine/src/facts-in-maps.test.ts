/** Facts that are a `Map` have no properties: read as an object they would be empty, and every condition false. */
import { createMemoryStore } from '@enfold/store-memory'
import { expect, it } from 'vitest'
import { createFacts } from './directory.ts'
import { answerOf, onAnn, pool } from './engine.fixture.ts'
import { createEngine } from './index.ts'

it.each([
  ['whole facts', '', new Map([['fields', { city: 'Ulm' }]])],
  ['fields', '.fields', { fields: new Map([['city', 'Ulm']]) }],
  ['a field', '.fields["places"]', { fields: { places: new Map([['city', 'Ulm']]) } }],
])('FACTS-2: %s in a Map are refused by type with the fix, never by value', async (_, place, facts) => {
  const error = await createFacts({ get: () => facts as never }, 1000)('ann').catch((one) => one)
  expect(error).toMatchObject({ code: 'FACTS_UNREADABLE' })
  expect(error.message).toContain(`contacts.get("ann")${place} is a Map; expected`)
  expect(error.message).toContain('by Object.fromEntries(…)')
  expect(error.message).not.toContain('Ulm')
})

it('FACTS-2: nothing is started with facts in a Map', async () => {
  const engine = createEngine({
    store: createMemoryStore(),
    handlers: {},
    contacts: { get: () => ({ fields: new Map([['city', 'Ulm']]) }) as never },
  })
  await answerOf(engine.publish(pool))
  await expect(engine.startSequence(onAnn('nurture'))).rejects.toMatchObject({ code: 'FACTS_UNREADABLE' })
  expect(await engine.inspect.history('ann')).toEqual([])
  await engine.close()
})
