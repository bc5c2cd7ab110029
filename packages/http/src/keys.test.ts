/** Runs with a key over HTTP: where keys and variables stand in requests and answers (KEY-1, KEY-2, KEY-4, VAR-1). */
import { campaign } from '@enfold/core'
import { expect, it } from 'vitest'
import { givenApi } from './api.fixture.ts'

const shop = campaign({
  id: 'shop',
  goals: [{ id: 'left', when: { kind: 'cart-left' }, next: ['remind'] }],
  sequences: [
    {
      id: 'remind',
      vars: { cart: { data: 'cartId' }, total: { data: 'total' } },
      per: 'cart',
      steps: [{ id: 'first', kind: 'email', timer: { after: 'PT1H' } }],
    },
  ],
})
const REMIND = '/contacts/ann/sequences/shop/remind'
const MEMBERS = '/campaigns/shop/sequences/remind/contacts'

async function given() {
  const api = await givenApi()
  await api.engine.publish(shop)
  return api
}

it('KEY-2: an order takes a key and variables, and is answered for each key without one', async () => {
  const { send } = await given()
  const start = (key: string) => send('POST', `${REMIND}/start`, { body: { key, vars: { total: 20 } } })
  expect((await start('cart 1')).body).toMatchObject({ outcome: 'started', key: 'cart 1', run: 1 })
  expect((await start('a/b')).body).toMatchObject({ outcome: 'started', key: 'a/b', run: 1 })
  expect(await send('POST', `${REMIND}/start`)).toMatchObject({
    status: 422,
    body: { rejection: { type: 'KeyMissing' } },
  })
  for (const body of [{ key: '' }, { key: 7 }, { key: 'k', vars: { total: [1] } }])
    expect((await send('POST', `${REMIND}/start`, { body })).status).toBe(400)
  expect((await send('GET', '/contacts/ann')).body.enrollments).toMatchObject([
    { key: 'cart 1', vars: { cart: 'cart 1', total: 20 } },
    { key: 'a/b', vars: { cart: 'a/b', total: 20 } },
  ])
  expect((await send('GET', '/contacts/ann/upcoming')).body.steps).toMatchObject([{ key: 'cart 1' }, { key: 'a/b' }])
  expect((await send('GET', '/contacts/ann/sequences')).body.sequences).toMatchObject([
    { key: 'a/b' },
    { key: 'cart 1' },
  ])
  const why = await send('GET', `${REMIND}/steps/first/explain?key=a%2Fb`)
  expect(why).toMatchObject({ status: 200, body: { step: { reason: 'not-yet-due' } } })
  expect((await send('POST', `${REMIND}/stop`)).body).toMatchObject({
    outcome: 'stopped',
    runs: [
      { key: 'cart 1', run: 1, outcome: 'stopped' },
      { key: 'a/b', run: 1, outcome: 'stopped' },
    ],
  })
})

it('KEY-4: the contacts of a sequence come once for each key, in pages', async () => {
  const { send } = await given()
  for (const key of ['1', '2', '3']) await send('POST', `${REMIND}/start`, { body: { key } })
  expect((await send('GET', MEMBERS)).body).toEqual({
    contacts: ['ann', 'ann', 'ann'],
    keys: ['1', '2', '3'],
    total: 3,
    next: null,
  })
  const first = (await send('GET', `${MEMBERS}?limit=2`)).body
  expect(first).toEqual({ contacts: ['ann', 'ann'], keys: ['1', '2'], total: 3, next: 'ann', nextKey: '2' })
  const rest = (await send('GET', `${MEMBERS}?limit=2&after=ann&afterKey=2`)).body
  expect(rest).toEqual({ contacts: ['ann'], keys: ['3'], total: 3, next: null })
  expect((await send('GET', `${MEMBERS}?after=ann`)).body.contacts).toEqual([])
  expect((await send('GET', `${MEMBERS}?after=ann&afterKey=`)).body.keys).toEqual(['1', '2', '3'])
  expect((await send('GET', `${MEMBERS}?after=ann&afterKey=${'x'.repeat(201)}`)).status).toBe(400)
})

it('KEY-2: actions take keys for all or for each contact, and variables', async () => {
  const { send } = await given()
  const target = { action: 'start', campaignId: 'shop', sequenceId: 'remind' }
  const contacts = { ids: ['ann', { contactId: 'bob', key: 'own' }] }
  const order = { ...target, actionId: 'a', key: 'spring', vars: { total: 5 }, contacts }
  expect((await send('POST', '/actions', { body: order })).status).toBeLessThan(300)
  await send('GET', '/actions/a/progress')
  expect((await send('GET', '/actions/a')).body).toMatchObject({
    key: 'spring',
    vars: { total: 5 },
    outcomes: { started: 2 },
  })
  expect((await send('GET', '/actions/a/contacts')).body.contacts).toMatchObject([
    { contactId: 'ann', outcome: 'started' },
    { contactId: 'bob', key: 'own', outcome: 'started' },
  ])
  const headers = { 'content-type': 'text/csv', 'idempotency-key': 'b' }
  const query = 'action=stop&campaignId=shop&sequenceId=remind&keyColumn=which'
  await send('POST', `/actions/csv?${query}`, { body: 'contactId,which\nann,spring\nbob,\n', headers })
  await send('GET', '/actions/b/progress')
  expect((await send('GET', '/actions/b/contacts')).body.contacts).toEqual([
    { number: 1, contactId: 'ann', key: 'spring', outcome: 'stopped', run: 1, reason: null },
    {
      number: 2,
      contactId: 'bob',
      outcome: 'stopped',
      run: null,
      reason: null,
      runs: [{ key: 'own', run: 1, outcome: 'stopped' }],
    },
  ])
})

it('VAR-1: an action of a CSV takes variables for all its contacts, as JSON in the query', async () => {
  const { engine, send } = await given()
  const query = (vars: string) => `action=start&campaignId=shop&sequenceId=remind&vars=${encodeURIComponent(vars)}`
  const headers = { 'content-type': 'text/csv', 'idempotency-key': 'c' }
  const body = 'contactId,key\nann,1\nbob,2\n'
  for (const vars of ['total=20', '20', '[20]', '{"total":[20]}', '{"total":'])
    expect(await send('POST', `/actions/csv?${query(vars)}`, { body, headers })).toMatchObject({
      status: 400,
      body: {
        type: expect.stringContaining('InputInvalid'),
        problems: [{ path: expect.stringMatching('^query/vars') }],
      },
    })
  const preview = (vars: string) => send('POST', `/actions/preview/csv?${query(vars)}`, { body, headers })
  expect((await preview('{"colour":1}')).body).toMatchObject({ rejection: { type: 'VariableUnknown', name: 'colour' } })
  expect((await preview('{"total":20}')).body.outcomes).toMatchObject({ started: 2 })
  await send('POST', `/actions/csv?${query('{"total":20}')}`, { body, headers })
  await send('GET', '/actions/c/progress')
  expect((await engine.inspect.contact('bob')).enrollments).toMatchObject([
    { key: '2', vars: { cart: '2', total: 20 } },
  ])
})

it('KEY-2: what is due and what comes next name the key of their run', async () => {
  const { send } = await given()
  await send('POST', `${REMIND}/start`, { body: { key: 'cart 1', vars: { total: 20 } } })
  const steps = [{ contactId: 'ann', key: 'cart 1', vars: { cart: 'cart 1', total: 20 } }]
  expect((await send('GET', '/upcoming')).body).toMatchObject({ steps })
  expect((await send('GET', '/contacts/ann/upcoming')).body).toMatchObject({ steps })
})
