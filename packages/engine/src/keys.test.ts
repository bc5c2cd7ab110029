/** Runs with a key through the engine: one contact is in one sequence several times (KEY-1 to KEY-5, VAR-1, VAR-2). */
import { join } from 'node:path'
import { campaign, orThrow, type StepCall, type Store, tagOf } from '@enfold/core'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { MONDAY, temporaryDirectory } from './engine.fixture.ts'
import { createEngine, type Engine } from './engine.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from './store.fixture.ts'

/** A cart that was left; a payment stops the reminders of its own cart alone. */
const shop = campaign({
  id: 'shop',
  brake: 1000,
  goals: [
    { id: 'left', when: { kind: 'cart-left' }, next: ['remind'] },
    { id: 'paid', when: { kind: 'paid' }, achievableBy: 'members', same: 'cartId' },
  ],
  sequences: [
    {
      id: 'remind',
      vars: { cart: { data: 'cartId' }, total: { data: 'total' } },
      per: 'cart',
      steps: [
        { id: 'first', kind: 'email', timer: { after: 'PT1H' } },
        { id: 'big', kind: 'email', if: { var: 'total', atLeast: 100 } },
        { id: 'last', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['paid'],
    },
    { id: 'plain', steps: [{ id: 'only', kind: 'email', timer: { after: 'P1D' } }] },
  ],
})

const directory = temporaryDirectory()
const closing = closingAfterEach()
let files = 0
const STORES = {
  sqlite: () => createSqliteStore({ path: join(directory, `keys-${++files}.db`), synchronous: 'NORMAL' }),
}
const ALL = (tests: (makeStore: () => Store) => void) => {
  eachStore(tests)
  eachStore(tests, STORES)
}

const remind = { campaignId: 'shop', sequenceId: 'remind' }
const ofAnn = { ...remind, contactId: 'ann', actor: 'olga' }
const HOSTILE = ['__proto__', 'a/b', '👩‍🚀', '"', 'x'.repeat(200), 'nul\u0000']

async function given(makeStore: () => Store) {
  const store = closing(makeStore())
  const clock = createSimulatedClock(MONDAY)
  const calls: StepCall[] = []
  const email = (call: StepCall) => {
    calls.push(call)
    return { outcome: 'sent' as const }
  }
  const engine = asHostsUseIt(closing(createEngine({ store, clock, handlers: { email } })), store)
  orThrow(await engine.publish(shop, { actor: 'olga' }))
  const leave = async (cartId: string, total: number, contactId = 'ann') =>
    orThrow(await engine.signal({ contactId, kind: 'cart-left', data: { cartId, total }, signalId: `left ${cartId}` }))
  return { store, clock, calls, engine, leave }
}

ALL((makeStore) => {
  it('KEY-3: a cart that is paid is left in peace, and the other of the contact is reminded', async () => {
    const { clock, calls, engine, leave } = await given(makeStore)
    const first = await leave('cart 1', 20)
    expect(first.goals).toMatchObject([
      { started: [{ sequenceId: 'remind', key: 'cart 1', run: 1, outcome: 'started' }] },
    ])
    await leave('cart 2', 150)
    expect((await leave('cart 2', 150)).goals).toMatchObject([{ started: [{ key: 'cart 2', run: 1 }] }])
    clock.advance('PT1H')
    await engine.runDue()
    const paid = await engine.signal({ contactId: 'ann', kind: 'paid', data: { cartId: 'cart 1' }, signalId: 'pay' })
    expect(orThrow(paid).goals).toEqual([
      {
        campaignId: 'shop',
        goalId: 'paid',
        outcome: 'satisfied',
        stopped: [{ sequenceId: 'remind', key: 'cart 1', run: 1 }],
        started: [],
      },
    ])
    clock.advance('P2D')
    await engine.runDue()
    expect(calls.map(({ step, key }) => `${step.id} ${key}`).toSorted()).toEqual([
      'big cart 2',
      'first cart 1',
      'first cart 2',
      'last cart 2',
    ])
    expect(await engine.verifyIndex()).toMatchObject({ contacts: 1, differences: [] })
  })

  it('KEY-4: what is overdue names the key of the step that is due longest', async () => {
    const { clock, engine, leave } = await given(makeStore)
    await leave('cart 1', 20, 'bob')
    clock.advance('PT1M')
    await leave('cart 2', 150)
    clock.advance('PT3H')
    const { dispatches } = await engine.inspect.overdue()
    expect(dispatches).toMatchObject([
      { kind: 'email', steps: 2, first: { contactId: 'bob', sequenceId: 'remind', key: 'cart 1', stepId: 'first' } },
    ])
  })

  it('VAR-2: handlers get the key and the variables of their own run, and of a run without any neither', async () => {
    const { clock, calls, engine, leave } = await given(makeStore)
    await leave('cart 1', 20)
    await leave('cart 2', 150)
    orThrow(await engine.startSequence({ ...ofAnn, sequenceId: 'plain' }))
    clock.advance('P1D')
    await engine.runDue()
    const got = (stepId: string) => calls.filter(({ step }) => step.id === stepId)
    expect(got('first').map(({ key, vars }) => ({ key, vars }))).toEqual([
      { key: 'cart 1', vars: { cart: 'cart 1', total: 20 } },
      { key: 'cart 2', vars: { cart: 'cart 2', total: 150 } },
    ])
    expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(calls.length)
    expect(Object.keys(got('only')[0] ?? {})).not.toContain('key')
    expect(Object.keys(got('only')[0] ?? {})).not.toContain('vars')
  })

  it('VAR-1: variables are those of the order when it was given, whatever becomes of the object', async () => {
    const { engine } = await given(makeStore)
    const vars = { total: 7 }
    const started = engine.startSequence({ ...ofAnn, key: 'cart 1', vars })
    vars.total = 8
    orThrow(await started)
    expect((await engine.inspect.contact('ann')).enrollments[0]).toMatchObject({ vars: { total: 7 } })
  })

  it('KEY-2: orders take a key, and answer each of the runs without one', async () => {
    const { engine } = await given(makeStore)
    const start = (key: string) => engine.startSequence({ ...ofAnn, key, vars: { total: 7 } })
    expect(orThrow(await start('cart 1'))).toMatchObject({ outcome: 'started', key: 'cart 1', run: 1 })
    expect(orThrow(await start('cart 2'))).toMatchObject({ outcome: 'started', key: 'cart 2', run: 1 })
    expect(orThrow(await start('cart 1'))).toMatchObject({ outcome: 'already_active', key: 'cart 1', run: 1 })
    expect(orThrow(await engine.pauseSequence({ ...ofAnn, key: 'cart 1' }))).toMatchObject({
      outcome: 'paused',
      key: 'cart 1',
      run: 1,
    })
    expect(orThrow(await engine.resumeSequence(ofAnn))).toMatchObject({
      outcome: 'resumed',
      runs: [{ key: 'cart 1', run: 1, outcome: 'resumed' }],
    })
    expect(orThrow(await engine.cancelStep({ ...ofAnn, key: 'cart 2', stepId: 'first' }))).toMatchObject({
      outcome: 'cancelled',
      key: 'cart 2',
    })
    expect(orThrow(await engine.stopSequence(ofAnn))).toMatchObject({
      outcome: 'stopped',
      runs: [
        { key: 'cart 1', run: 1, outcome: 'stopped' },
        { key: 'cart 2', run: 1, outcome: 'stopped' },
      ],
    })
    expect(await engine.startSequence(ofAnn)).toMatchObject({ left: { type: 'KeyMissing', per: 'cart' } })
    for (const key of ['', 'x'.repeat(201), 7])
      await expect(engine.startSequence({ ...ofAnn, key: key as string })).rejects.toThrow('startSequence.key')
  })

  it('KEY-4: the questions list contact and key, and count runs', async () => {
    const { clock, engine, leave } = await given(makeStore)
    await leave('cart 2', 150)
    await leave('cart 1', 20)
    await leave('cart 3', 30, 'bob')
    const all = await engine.inspect.contactsInSequence({ ...remind, status: 'either' })
    expect(all.contacts.map((contactId, i) => `${contactId} ${all.keys?.[i]}`).toSorted()).toEqual([
      'ann cart 1',
      'ann cart 2',
      'bob cart 3',
    ])
    expect(all).toMatchObject({ total: 3, next: null })
    const page = await engine.inspect.contactsInSequence({ ...remind, limit: 1 })
    const { contacts, keys, next, nextKey } = page
    expect([contacts.length, keys, next, nextKey]).toEqual([1, [nextKey], contacts[0], keys?.[0]])
    const rest = await engine.inspect.contactsInSequence({ ...remind, after: next, afterKey: nextKey ?? '' })
    expect([...contacts, ...rest.contacts]).toEqual(all.contacts)
    expect(await engine.inspect.counts({ campaignId: 'shop' })).toContainEqual({
      sequenceId: 'remind',
      active: 3,
      waiting: 0,
    })
    expect((await engine.inspect.search({ all: [remind] })).total).toBe(2)
    expect(await engine.inspect.sequencesOf('ann')).toEqual(
      ['cart 1', 'cart 2'].map((key) => ({ ...remind, key, status: 'active' })),
    )
    orThrow(await engine.stopSequence({ ...ofAnn, key: 'cart 1' }))
    expect((await engine.inspect.contactsInSequence(remind)).total).toBe(2)
    expect((await engine.inspect.search({ all: [remind] })).total).toBe(2)
    for (const _ of ['first', 'last']) {
      clock.advance('P2D')
      await engine.runDue()
    }
    expect(await engine.inspect.contactsInSequence({ ...remind, status: 'waiting' })).toMatchObject({ total: 2 })
    expect((await engine.inspect.contactsInSequence({ campaignId: 'shop', sequenceId: 'plain' })).keys).toBeUndefined()
  })

  it('VAR-1: a contact is shown with the keys and variables of its runs, until it is erased', async () => {
    const { clock, engine, leave } = await given(makeStore)
    await leave('cart 1', 20)
    await leave('cart 2', 150)
    const { enrollments } = await engine.inspect.contact('ann')
    expect(enrollments).toMatchObject([
      { ...remind, key: 'cart 1', run: 1, vars: { cart: 'cart 1', total: 20 }, next: { stepId: 'first' } },
      { ...remind, key: 'cart 2', run: 1, vars: { cart: 'cart 2', total: 150 }, next: { stepId: 'first' } },
    ])
    expect(await engine.inspect.upcoming({ contactId: 'ann' })).toMatchObject([
      { key: 'cart 1', stepId: 'first', vars: { cart: 'cart 1' } },
      { key: 'cart 2', stepId: 'first', vars: { cart: 'cart 2' } },
    ])
    clock.advance('PT1H')
    await engine.runDue()
    const why = (key: string) => engine.inspect.explain({ contactId: 'ann', ...remind, key, stepId: 'big' })
    expect((await why('cart 1')).step?.reason).not.toBe((await why('cart 2')).step?.reason)
    const { holds } = orThrow(await engine.erase({ contactId: 'ann', actor: null }))
    expect(holds).toMatchObject({ keys: 2, variables: 4 })
    const erased = await engine.inspect.contact('ann')
    expect(erased.enrollments.map((one) => 'vars' in one)).toEqual([false, false])
    expect((await engine.inspect.contactsInSequence(remind)).total).toBe(0)
  })

  it('LOG-6: any text of up to 200 characters is a key', async () => {
    const { clock, calls, engine } = await given(makeStore)
    for (const key of HOSTILE) orThrow(await engine.startSequence({ ...ofAnn, key }))
    clock.advance('PT1H')
    await engine.runDue()
    expect(new Set(calls.map(({ key }) => key))).toEqual(new Set(HOSTILE))
    expect((await engine.inspect.contactsInSequence(remind)).keys?.toSorted()).toEqual(HOSTILE.toSorted())
    expect((await engine.verifyIndex()).differences).toEqual([])
    const stopped = orThrow(await engine.stopAll({ contactId: 'ann', actor: null })).stopped
    expect(stopped.map(({ key }) => key).toSorted()).toEqual(HOSTILE.toSorted())
  })

  it('INDEX-3: a key that the index lacks or has too many is found, and rebuilt', async () => {
    const { store, engine, leave } = await given(makeStore)
    await leave('cart 1', 20)
    await leave('cart 2', 150)
    const tag = tagOf('shop', 'remind')
    const { version } = await engine.inspect.contact('ann')
    await store.restore({ contactId: 'ann', version, tags: [], keyed: [{ tag, key: 'cart 2' }], wakeAt: null })
    const both = ['cart 1', 'cart 2'].map((key) => ({ tag, key }))
    expect((await engine.verifyIndex()).differences).toEqual([
      { contactId: 'ann', expected: both, found: [{ tag, key: 'cart 2' }], byState: both },
    ])
    await engine.rebuildIndex()
    expect((await engine.verifyIndex()).differences).toEqual([])
    expect((await engine.inspect.contactsInSequence(remind)).keys).toEqual(['cart 1', 'cart 2'])
  })

  it('VERSION-3: unpublishing with stopRuns ends the runs of every key', async () => {
    const { engine, leave } = await given(makeStore)
    await leave('cart 1', 20)
    await leave('cart 2', 150)
    await leave('cart 3', 30, 'bob')
    const unpublished = await engine.unpublish('shop', { actor: 'olga', stopRuns: true })
    expect(orThrow(unpublished)).toMatchObject({ outcome: 'unpublished', stopped: 3 })
    expect((await engine.inspect.contactsInSequence(remind)).total).toBe(0)
  })

  it('VERSION-3: a contact with a key in progress and one that waits is stopped, and counted, once', async () => {
    const { clock, engine, leave } = await given(makeStore)
    await leave('cart 1', 20)
    for (const _ of ['first', 'last']) {
      clock.advance('P2D')
      await engine.runDue()
    }
    await leave('cart 2', 150)
    expect(await engine.inspect.counts({ campaignId: 'shop' })).toContainEqual({
      sequenceId: 'remind',
      active: 1,
      waiting: 1,
    })
    const unpublished = await engine.unpublish('shop', { actor: 'olga', stopRuns: true })
    expect(orThrow(unpublished)).toMatchObject({ outcome: 'unpublished', stopped: 2 })
    expect((await engine.inspect.contactsInSequence({ ...remind, status: 'either' })).total).toBe(0)
  })
})

describe('actions over many', () => {
  const bulk = { ...remind, actor: 'olga', action: 'start' as const }
  const resultsOf = async (engine: Engine, actionId: string) =>
    (await engine.inspect.actionContacts({ actionId })).contacts.map(({ contactId, key, outcome, reason }) =>
      [contactId, key ?? '', outcome, reason ?? ''].join(' ').trim(),
    )
  const csvOf = async (engine: Engine, actionId: string) => {
    const pieces: string[] = []
    for await (const piece of engine.inspect.actionCsv(actionId)) pieces.push(piece)
    return pieces.join('').replaceAll('"', '')
  }

  it('KEY-2: a list names a key for each line, and each run has its result', async () => {
    const { engine, clock, calls } = await given(STORES.sqlite)
    const csv = 'contactId,key,city\nann,cart 1,Rome\nann,cart 2,Rome\nbob,cart 3,Bern\nann,cart 1,Rome\ncid,,Oslo\n'
    const order = { ...bulk, actionId: 'a', vars: { total: 120 }, contacts: { csv } }
    const preview = orThrow(await engine.previewAction(order))
    expect(preview).toMatchObject({ contacts: 4, repeated: 1, outcomes: { started: 3, failed: 1 } })
    expect(orThrow(await engine.processAction(order, { preview }))).toMatchObject({
      state: 'done',
      contacts: 4,
      repeated: 1,
      outcomes: { started: 3, failed: 1 },
      differences: [],
    })
    expect(await resultsOf(engine, 'a')).toEqual([
      'ann cart 1 started',
      'ann cart 2 started',
      'bob cart 3 started',
      'cid  failed KeyMissing',
    ])
    expect(await csvOf(engine, 'a')).toBe(
      'contactId,key,outcome,run,reason\nann,cart 1,started,1,\nann,cart 2,started,1,\nbob,cart 3,started,1,\ncid,,failed,,KeyMissing\n',
    )
    // The same id with other keys is another order.
    const other = { ...order, contacts: { csv: csv.replace('cart 2', 'cart 9') } }
    expect(await engine.processAction(other)).toMatchObject({ left: { type: 'CommandIdReused' } })
    clock.advance('PT1H')
    await engine.runDue()
    expect(calls.filter(({ step }) => step.id === 'first').map(({ vars }) => vars)).toEqual([
      { cart: 'cart 1', total: 120 },
      { cart: 'cart 2', total: 120 },
      { cart: 'cart 3', total: 120 },
    ])
  })

  it('KEY-5: a preview knows what the lines before come to, for a contact that is named with many keys', async () => {
    const { engine } = await given(STORES.sqlite)
    const ids = Array.from({ length: 102 }, (_, i) => ({ contactId: 'ann', key: `cart ${i}` }))
    const order = { ...bulk, actionId: 'many', contacts: { ids } }
    const preview = orThrow(await engine.previewAction(order))
    expect(preview).toMatchObject({ contacts: 102, outcomes: { started: 100, failed: 2 } })
    expect(orThrow(await engine.processAction(order, { preview }))).toMatchObject({
      outcomes: { started: 100, failed: 2 },
      differences: [],
    })
  })

  it('KEY-2: a stop of many answers each run of a contact, and its file is a list again', async () => {
    const { engine, leave } = await given(STORES.sqlite)
    await leave('cart 1', 20)
    await leave('=cart 2', 20)
    await leave('cart 3', 20, 'bob')
    const contacts = { query: { all: [remind] } }
    const stop = { ...bulk, action: 'stop' as const, actionId: 'b', contacts }
    expect(orThrow(await engine.processAction(stop))).toMatchObject({ contacts: 2, outcomes: { stopped: 2 } })
    const { contacts: results } = await engine.inspect.actionContacts({ actionId: 'b' })
    expect(results.find(({ contactId }) => contactId === 'ann')).toEqual({
      number: expect.any(Number),
      contactId: 'ann',
      outcome: 'stopped',
      run: null,
      reason: null,
      runs: [
        { key: 'cart 1', run: 1, outcome: 'stopped' },
        { key: '=cart 2', run: 1, outcome: 'stopped' },
      ],
    })
    const pieces: string[] = []
    for await (const piece of engine.inspect.actionCsv('b')) pieces.push(piece)
    const again = { ...bulk, actionId: 'c', contacts: { csv: pieces.join('') } }
    expect(orThrow(await engine.processAction(again))).toMatchObject({ contacts: 3, outcomes: { started: 3 } })
    expect((await engine.inspect.contactsInSequence(remind)).keys?.toSorted()).toEqual(['=cart 2', 'cart 1', 'cart 3'])
  })

  it('KEY-1: an order names one key for all, or contacts with theirs; of a search it needs one', async () => {
    const { engine } = await given(STORES.sqlite)
    const one = { ...bulk, actionId: 'd', key: 'spring', contacts: { ids: ['ann', { contactId: 'bob', key: 'own' }] } }
    orThrow(await engine.processAction(one))
    const { contacts, keys } = await engine.inspect.contactsInSequence(remind)
    expect([contacts, keys]).toEqual([
      ['ann', 'bob'],
      ['spring', 'own'],
    ])
    expect(await engine.inspect.action('d')).toMatchObject({ key: 'spring' })
    expect(await engine.processAction({ ...one, key: 'autumn' })).toMatchObject({ left: { type: 'CommandIdReused' } })
    const found = { ...bulk, actionId: 'e', contacts: { query: { all: [remind] } } }
    expect(await engine.processAction(found)).toMatchObject({ left: { type: 'KeyMissing' } })
    for (const bad of [{ contactId: 'ann' }, { contactId: 'ann', key: '' }, { contactId: 'ann', key: 'k', more: 1 }])
      await expect(
        engine.processAction({
          ...bulk,
          actionId: 'f',
          contacts: { ids: [bad as { contactId: string; key: string }] },
        }),
      ).rejects.toThrow('action.contacts.ids[0]')
  })

  it('KEY-1: a column of keys is left alone for a sequence without keys', async () => {
    const { engine } = await given(STORES.sqlite)
    const csv = 'contactId,key\nann,1\nbob,2\n'
    const order = { ...bulk, sequenceId: 'plain', actionId: 'g', contacts: { csv } }
    expect(orThrow(await engine.processAction(order))).toMatchObject({ outcomes: { started: 2, failed: 0 } })
    expect(await csvOf(engine, 'g')).toBe('contactId,outcome,run,reason\nann,started,1,\nbob,started,1,\n')
    const named = { ...order, actionId: 'h', contacts: { csv, keyColumn: 'cart' } }
    await expect(engine.processAction(named)).rejects.toThrow('has no column, or several, named "cart"')
  })
})

describe('in a transaction of the host', () => {
  it('KEY-1: a start with a key is written or not, as the host decides', async () => {
    const store = closing(createSqliteStore({ path: ':memory:' }))
    const { engine } = await given(() => store)
    for (const [key, end] of [['cart 1', 'rollback'] as const, ['cart 2', 'commit'] as const]) {
      const tx = store.transaction()
      const verbs = engine.withTransaction(tx)
      orThrow(await verbs.startSequence({ ...ofAnn, key }))
      expect(orThrow(await verbs.startSequence({ ...ofAnn, key }))).toMatchObject({ outcome: 'already_active', key })
      await tx[end]()
    }
    expect((await engine.inspect.contactsInSequence(remind)).keys).toEqual(['cart 2'])
  })
})
