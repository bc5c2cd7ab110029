import type { StepHandler } from '@enfold/core'
import { createEngine, orThrow } from '@enfold/engine'
import { createApi } from '@enfold/http'
import { createMemoryStore } from '@enfold/store-memory'
import Fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { type EnfoldFastifyOptions, enfold } from './index.ts'

const welcome = { id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'hello', kind: 'email' }] }] }
const order = { contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: 'olga' }

async function given(email: StepHandler, options: Partial<EnfoldFastifyOptions> = {}) {
  const store = createMemoryStore()
  const engine = createEngine({ store, handlers: { email } })
  const app = Fastify()
  onTestFinished(() => app.close())
  app.register(enfold, {
    engine,
    store,
    publish: [welcome],
    mount: { '/enfold/api': (at) => createApi({ engine, authorize: () => ({ id: 'olga', may: 'write' }), ...at }) },
    ...options,
  })
  return { app, engine, reader: createEngine({ store, handlers: {} }) }
}

it('fastify.enfold is the engine, which publishes, works, and ends with the server when what is in flight is recorded', async () => {
  const called = Promise.withResolvers<string>()
  const mail = Promise.withResolvers<{ outcome: 'sent' }>()
  const closed: string[] = []
  const store = { close: async () => void closed.push('store') }
  const answered = ({ contactId }: { readonly contactId: string }) => {
    called.resolve(contactId)
    return mail.promise
  }
  const { app, engine, reader } = await given(answered, { store })
  app.post('/customers', async () => orThrow(await app.enfold.startSequence(order)))
  expect((await app.inject({ method: 'POST', url: '/customers' })).json()).toMatchObject({ outcome: 'started' })
  expect(await called.promise).toBe('ada')
  const closing = app.close()
  mail.resolve({ outcome: 'sent' })
  await closing
  expect(closed).toEqual(['store'])
  expect((await reader.inspect.history('ada')).map(({ type }) => type)).toContain('StepSent')
  await expect(engine.runDue()).rejects.toMatchObject({ code: 'CLOSED' })
})

it('the API is served at its path, with bodies of its own, and the parsers of the host stay', async () => {
  const { app } = await given(() => ({ outcome: 'sent' }))
  app.post('/echo', async ({ body }) => body)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const json = { 'content-type': 'application/json' }
  const start = `${origin}/enfold/api/contacts/ada/sequences/c/s/start`
  expect(
    await (await fetch(start, { method: 'POST', headers: json, body: '{"reason":"phone"}' })).json(),
  ).toMatchObject({
    outcome: 'started',
  })
  const csv = { method: 'POST', headers: { 'content-type': 'text/csv' }, body: 'bob\ncid\n' }
  const action = '/enfold/api/actions/csv?action=start&campaignId=c&sequenceId=s&actionId=two'
  expect((await fetch(`${origin}${action}`, csv)).status).toBe(202)
  expect((await fetch(`${origin}/enfold/api`)).status).toBe(404)
  expect(await (await fetch(`${origin}/echo`, { method: 'POST', headers: json, body: '{"a":1}' })).json()).toEqual({
    a: 1,
  })
})

it('a campaign that is refused keeps the server from starting, and work: false does no step', async () => {
  const refused = await given(() => ({ outcome: 'sent' }), { publish: [{ ...welcome, id: '' }] })
  await expect(refused.app.ready()).rejects.toThrow()
  const { app, engine } = await given(() => ({ outcome: 'sent' }), { work: false })
  await app.ready()
  orThrow(await engine.startSequence(order))
  expect((await engine.health()).dispatcher.running).toBe(false)
})
