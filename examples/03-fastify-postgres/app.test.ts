import { givenServer } from '@enfold/test-servers/given'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCrm } from './app.ts'

const server = givenServer()
const sent: string[] = []
let crm: Awaited<ReturnType<typeof createCrm>>

beforeAll(async () => {
  const email = ({ contactId }: { readonly contactId: string }) => {
    sent.push(contactId)
    return { outcome: 'sent' } as const
  }
  // What is due is done when the test says so.
  crm = await createCrm(server.url, email, false)
})

afterAll(() => crm?.app.close())

const customers = async () => (await crm.pool.query('SELECT id FROM customers ORDER BY id')).rows.map(({ id }) => id)
const typesOf = async (id: string) => (await crm.engine.inspect.history(id)).map(({ type }) => type)
const becomeCustomer = (id: string, sequence = 'letters') =>
  crm.app.inject({ method: 'POST', url: '/customers', payload: { id, plan: 'gold', sequence } })

it('START-1: one commit writes a customer and their run', async () => {
  expect((await becomeCustomer('ann')).statusCode).toBe(201)
  expect(await customers()).toEqual(['ann'])
  expect(await typesOf('ann')).toEqual(['SequenceStarted'])
  await crm.engine.runDue()
  expect(sent).toEqual(['ann'])
})

it('START-6: no customer is written if the campaign refuses the start', async () => {
  const { statusCode, body } = await becomeCustomer('bob', 'no-such-sequence')
  expect(statusCode).toBe(409)
  expect(JSON.parse(body)).toEqual({ error: expect.stringContaining('has no sequence "no-such-sequence"') })
  expect(await customers()).toEqual(['ann'])
})

it('ONCE-3: nobody is enrolled if the row is refused', async () => {
  expect((await becomeCustomer('ann')).statusCode).toBe(500)
  expect(await typesOf('ann')).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent', 'SequenceCompleted'])
})
