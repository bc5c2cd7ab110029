/** Variables and keyed runs: rules VAR-1, VAR-2, KEY-1 to KEY-3 and KEY-5, and what MATCH-1 says of variables. */
import {
  type ContactState,
  enrollmentOf,
  evolve,
  fold,
  idempotencyKeyOf,
  initialContact,
  isRight,
  newestRun,
} from '@enfold/core'
import { explainNot, violationOf } from '@enfold/core/log'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, restart, pause, resume, resend, cancel, signal, dispatch, stopAll } = commands
const mail = (id: string, more: object = {}) => ({ id, kind: 'email', ...more })
const order = { orderId: { data: 'orderId' } }

const shop = {
  id: 'shop',
  // More than KEY-5 has room for.
  brake: 1000,
  signals: { paid: { private: ['card'] } },
  goals: [
    { id: 'left', when: { kind: 'cart-left' }, next: ['cart'] },
    { id: 'paid', when: { kind: 'paid' }, same: 'orderId', next: ['thanks'] },
    { id: 'gone', when: { kind: 'gone' } },
    { id: 'upsold', when: { kind: 'upsold' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'cart',
      per: 'orderId',
      vars: { ...order, total: { data: 'total' }, card: { data: 'card' } },
      steps: [mail('one', { timer: { after: 'P1D' } }), mail('two', { timer: { after: 'P1D' } })],
      next: ['paid', 'gone', { to: 'big', if: { var: 'total', atLeast: 100 } }],
    },
    { id: 'big', per: 'orderId', vars: order, steps: [mail('call', { timer: { after: 'P9D' } })], next: ['gone'] },
    { id: 'thanks', vars: { card: { data: 'card' } }, steps: [mail('thank')], next: ['gone'] },
  ],
}
const at = (orderId: unknown, more: object = {}) => ({ data: { orderId, ...more } as never })
const cart = (key: string) => ({ campaignId: 'shop', sequenceId: 'cart', key })
const runIn = ({ state }: Scenario, key: string) => newestRun(enrollmentOf(state, cart(key)))
const statuses = (scene: Scenario) =>
  scene.state.enrollments.map((one) => `${one.sequenceId} ${one.key} ${newestRun(one)?.status}`)
const begun = scenario({ campaigns: [shop] })
/** Two carts of one contact. */
const two = begun.given(signal('cart-left', at('a', { total: 250 })), signal('cart-left', at('b', { total: 20 })))

describe('variables', () => {
  it('VAR-1: a run keeps the values that its sequence names, of a kind of signal that nobody keeps', () => {
    begun
      .when(signal('cart-left', at('a', { total: 250, name: 'Ann' })))
      .thenEvents('GoalSatisfied', ['SequenceStarted', { key: 'a', run: 1, vars: { orderId: 'a', total: 250 } }])
  })

  it('VAR-1: what is missing, no scalar or longer than 500 characters is absent', () => {
    for (const total of [undefined, null, [1], { a: 1 }, 'x'.repeat(501)]) {
      const { vars } = runIn(begun.given(signal('cart-left', at('a', { total }))), 'a') ?? {}
      expect(vars).toEqual({ orderId: 'a' })
    }
  })

  it('VAR-1: a value that a campaign keeps private is no variable', () => {
    const { state } = begun.given(signal('paid', at('a', { card: '4711' })))
    expect(newestRun(enrollmentOf(state, { campaignId: 'shop', sequenceId: 'thanks' }))?.vars).toEqual({})
    expect(JSON.stringify(state)).not.toContain('4711')
  })

  it('VAR-1: a start by hand gives them, and no others than the sequence has', () => {
    const vars = { orderId: 'a', total: 7 }
    begun.when(start('cart', { vars })).thenEvents(['SequenceStarted', { key: 'a', vars }])
    begun
      .when(start('cart', { key: 'a', vars: { totl: 7 } }))
      .thenRejected('VariableUnknown', { name: 'totl', known: ['total', 'orderId', 'card'] })
  })

  it('VAR-1: variables do not change while the run is in progress', () => {
    const again = two.when(signal('cart-left', at('a', { total: 1 })))
    again.thenAnswer({
      goals: [
        {
          campaignId: 'shop',
          goalId: 'left',
          outcome: 'satisfied',
          stopped: [],
          started: [{ sequenceId: 'cart', key: 'a', run: 1, outcome: 'already_active' }],
        },
      ],
    })
    expect(runIn(again.after, 'a')?.vars).toEqual({ orderId: 'a', total: 250 })
  })

  it('VAR-2: a route of a sequence tests a variable, and the next sequence takes those that it names', () => {
    const done = two.passed('P2D')
    expect(statuses(done)).toEqual(['cart a completed', 'cart b waiting', 'big a active'])
    const ended = done.events.filter(({ type }) => type === 'SequenceCompleted')
    expect(ended.map(({ data }) => 'saw' in data && data.saw)).toEqual([
      [{ var: 'total', value: 250 }],
      [{ var: 'total', value: 20 }],
    ])
    const big = newestRun(enrollmentOf(done.state, { campaignId: 'shop', sequenceId: 'big', key: 'a' }))
    expect(big?.vars).toEqual({ orderId: 'a' })
  })

  it('VAR-2: the condition of a step tests a variable', () => {
    const steps = [mail('one', { if: { var: 'total', atLeast: 100 } })]
    const scene = scenario({
      campaigns: [{ ...shop, sequences: [{ ...shop.sequences[0], steps, next: [] }], goals: [] }],
    })
    scene
      .given(start('cart', { key: 'a', vars: { total: 99 } }))
      .when(dispatch())
      .thenEvents(
        ['StepSkipped', { key: 'a', reason: 'condition', saw: [{ var: 'total', value: 99 }] }],
        'SequenceCompleted',
      )
    scene
      .given(start('cart', { key: 'a', vars: { total: 100 } }))
      .when(dispatch())
      .thenEvents(['StepDispatched', { key: 'a', saw: [{ var: 'total', value: 100 }] }])
  })
})

describe('timers of variables', () => {
  const trip = (timer: object) => ({
    id: 'trips',
    timeZone: 'Europe/Berlin',
    goals: [],
    sequences: [{ id: 'trip', vars: { departure: { data: 'departure' } }, steps: [mail('pack', { timer })] }],
  })
  const planned = (timer: object, departure?: string) => {
    const vars = departure === undefined ? {} : { departure }
    return scenario({ campaigns: [trip(timer)] }).given(start('trip', { vars }))
  }
  const before = { var: 'departure', offset: '-P1D' }

  it('VAR-2: a step is due so long before the moment of a variable', () => {
    const { plan, events } = planned(before, '2026-05-01T10:00').passed('P90D')
    expect(plan.due).toEqual([])
    const timing = events.flatMap(({ type, data }) => (type === 'StepDispatched' ? [data.timing] : []))
    expect(timing).toEqual([
      {
        anchor: '2026-03-02T09:00:00.000Z',
        dueAt: '2026-04-30T08:00:00.000Z',
        timeZone: 'Europe/Berlin',
        var: { name: 'departure', value: '2026-05-01T10:00' },
      },
    ])
  })

  it('VAR-2: a step is due on days counted from the date of a variable, in its year or the next', () => {
    const days = { var: 'departure', offsetDays: -7, at: '09:00', occurrence: 'next' }
    expect(planned(days, '2020-05-01').plan.upcoming[0]?.dueAt).toBe('2026-04-24T07:00:00.000Z')
    const past = planned({ ...days, occurrence: 'exact' }, '2020-05-01')
    past.when(dispatch()).thenEvents(['StepSkipped', { reason: 'past' }], 'SequenceCompleted')
  })

  it.each([
    ['variable-empty', undefined, null],
    ['variable-empty', '', ''],
    ['variable-unreadable', 'soon', 'soon'],
  ])('VAR-2: a step is skipped as %s where the variable is %j', (reason, departure, value) => {
    const timing = { var: { name: 'departure', value } }
    planned(before, departure).when(dispatch()).thenEvents(['StepSkipped', { reason, timing }], 'SequenceCompleted')
  })
})

describe('keys', () => {
  it('KEY-1: a contact is in the sequence once for each value', () => {
    expect(statuses(two)).toEqual(['cart a active', 'cart b active'])
    two.when(start('cart', { key: 'a' })).thenNothing({ outcome: 'already_active', key: 'a', run: 1 })
    two.when(start('cart', { key: 'c' })).thenEvents(['SequenceStarted', { key: 'c', run: 1, vars: { orderId: 'c' } }])
  })

  it('KEY-1: a number and the text of it are one key', () => {
    const scene = begun.given(signal('cart-left', at(7)))
    scene.when(start('cart', { key: '7' })).thenNothing({ outcome: 'already_active', key: '7', run: 1 })
  })

  it.each([undefined, null, '', 'x'.repeat(201), ['a']])('KEY-1: a signal that says %j starts no run', (orderId) => {
    begun
      .when(signal('cart-left', at(orderId)))
      .thenEvents(['GoalSatisfied', { routes: [{ to: 'cart', outcome: 'key_missing' }] }])
  })

  it('KEY-1: a start by hand needs a key, and only where the sequence has keys', () => {
    begun.when(start('cart')).thenRejected('KeyMissing', { per: 'orderId' })
    begun.when(start('thanks', { key: 'a' })).thenRejected('KeyUnexpected', { per: null })
    begun
      .when(start('cart', { key: 'a', vars: { orderId: 'b' } }))
      .thenRejected('KeyUnexpected', { key: 'a', per: 'orderId', expected: 'b' })
    // A value that can be no key is one that is given all the same: no other is recorded in its place.
    for (const orderId of ['', 'x'.repeat(201)])
      begun
        .when(start('cart', { key: 'a', vars: { orderId } }))
        .thenRejected('KeyUnexpected', { key: 'a', per: 'orderId' })
  })

  it('KEY-1: the enrollments of hostile ids and keys are never confused', () => {
    const texts = ['a', 'aa', '1 a', '1 1 a', '__proto__', '']
    const refs = texts.flatMap((campaignId) =>
      texts.flatMap((sequenceId) => texts.map((key) => ({ campaignId, sequenceId, key }))),
    )
    const enrollments = refs.map((ref) => ({ ...ref, runs: [] }))
    const state: ContactState = { ...initialContact, enrollments }
    for (const [i, ref] of refs.entries()) expect(enrollmentOf(state, ref)).toBe(enrollments[i])
  })

  it('KEY-2: run numbers and idempotency keys are those of the enrollment', () => {
    const again = two.given(stop('cart', { key: 'a' })).when(start('cart', { key: 'a' }))
    again.thenAnswer({ outcome: 'started', key: 'a', run: 2 })
    const sent = two.passed('P1D').events.flatMap(({ type, data }) => (type === 'StepDispatched' ? [data] : []))
    expect(new Set(sent.map((one) => one.idempotencyKey)).size).toBe(2)
    expect(sent.map(({ key, run }) => `${key} ${run}`)).toEqual(['a 1', 'b 1'])
  })

  it('KEY-2: the idempotency key of a run without a key is what it always was', () => {
    const sending = { contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', run: 1, stepId: 'one', resend: 0 }
    expect(idempotencyKeyOf(sending)).toBe('e6622d8e-3b51-50dd-bc66-cfe0e6dffd4f')
    expect(idempotencyKeyOf({ ...sending, key: '', occurrence: 1 })).toBe('e6622d8e-3b51-50dd-bc66-cfe0e6dffd4f')
    const others = [{ key: 'a' }, { occurrence: 2 }, { key: 'a', occurrence: 2 }].map((more) =>
      idempotencyKeyOf({ ...sending, ...more }),
    )
    expect(new Set([...others, 'e6622d8e-3b51-50dd-bc66-cfe0e6dffd4f']).size).toBe(4)
  })

  it('KEY-1: the events of a run without a key are what they always were', () => {
    const plain = { id: 'c', goals: [], sequences: [{ id: 's', steps: [mail('one')] }] }
    const { events } = scenario({ campaigns: [plain] })
      .given(start('s'))
      .dispatched()
    expect(events.map(({ data }) => JSON.stringify(data).replace(/"[\da-f-]{36}"/, '"key"'))).toEqual([
      '{"campaignId":"c","sequenceId":"s","run":1,"campaignVersion":1}',
      '{"campaignId":"c","sequenceId":"s","run":1,"stepId":"one","resend":0,"attempt":1,"idempotencyKey":"key","timing":{"anchor":"2026-03-02T09:00:00.000Z","dueAt":"2026-03-02T09:00:00.000Z"}}',
      '{"campaignId":"c","sequenceId":"s","run":1,"stepId":"one","resend":0,"attempt":1}',
      '{"campaignId":"c","sequenceId":"s","run":1,"waiting":false,"routes":[],"saw":[]}',
    ])
  })

  it('KEY-2: a stop with a key ends that run; without one it ends all, and answers each', () => {
    const one = two.when(stop('cart', { key: 'a' }))
    one.thenAnswer({ outcome: 'stopped', key: 'a', run: 1 })
    expect(statuses(one.after)).toEqual(['cart a stopped', 'cart b active'])
    two.when(stop('cart')).thenAnswer({
      outcome: 'stopped',
      run: 0,
      runs: [
        { key: 'a', run: 1, outcome: 'stopped' },
        { key: 'b', run: 1, outcome: 'stopped' },
      ],
    })
    two.when(stop('cart', { key: 'c' })).thenNothing({ outcome: 'not_active', key: 'c', run: 0 })
    begun.when(stop('cart')).thenNothing({ outcome: 'not_active', run: 0, runs: [] })
    two.when(stopAll()).thenAnswer({
      outcome: 'stopped',
      stopped: [
        { ...cart('a'), run: 1 },
        { ...cart('b'), run: 1 },
      ],
    })
  })

  it('KEY-2: the answer about a sequence without keys has no keys', () => {
    const scene = begun.given(start('thanks'))
    scene.when(stop('thanks')).thenAnswer({ outcome: 'stopped', run: 1 })
    scene.when(pause('thanks')).thenAnswer({ outcome: 'paused', run: 1 })
  })

  it('KEY-2: a pause and a resume are for the run of a key, or for all', () => {
    const paused = two.when(pause('cart', { key: 'b' }))
    paused.thenAnswer({ outcome: 'paused', key: 'b', run: 1 })
    paused.after.when(pause('cart')).thenAnswer({
      outcome: 'paused',
      run: 0,
      runs: [{ key: 'a', run: 1, outcome: 'paused' }],
    })
    paused.after.when(resume('cart', { key: 'a' })).thenNothing({ outcome: 'not_paused', key: 'a', run: 1 })
    paused.after.when(resume('cart')).thenEvents(['SequenceResumed', { key: 'b', run: 1 }])
    const sent = paused.after.passed('P1D').events.filter(({ type }) => type === 'StepSent')
    expect(sent.map(({ data }) => 'key' in data && data.key)).toEqual(['a'])
  })

  it('KEY-2: asked without a key, why a step did not run names the keys that there are', () => {
    const why = (key?: string) => {
      const step = { campaignId: 'shop', sequenceId: 'cart', stepId: 'one', ...(key === undefined ? {} : { key }) }
      const { reason, detail } = explainNot(two.contactId, two.events, step, two.context)
      return [reason, detail]
    }
    expect(why()).toEqual(['never-started', 'without a key; with a key for "a", "b"'])
    expect(why('a')).toEqual(['not-yet-due', null])
    expect(why('c')).toEqual(['never-started', null])
  })

  it('KEY-2: a restart begins with what the run before began with', () => {
    const vars = { orderId: 'a', total: 250 }
    two.when(restart('cart', { key: 'a' })).thenEvents(['SequenceStopped', { key: 'a' }], ['SequenceStarted', { vars }])
    two.when(restart('cart')).thenRejected('KeyMissing')
    two
      .when(restart('cart', { vars: { orderId: 'a' } }))
      .thenEvents('SequenceStopped', ['SequenceStarted', { run: 2, vars: { orderId: 'a' } }])
  })

  it('KEY-2: a step is cancelled and sent again in the run of its key', () => {
    two.when(cancel('cart', 'one', { key: 'b' })).thenAnswer({ outcome: 'cancelled', key: 'b', run: 1 })
    two.when(cancel('cart', 'one')).thenRejected('KeyMissing', { per: 'orderId' })
    two.when(cancel('cart', 'one', { key: 'c' })).thenRejected('EnrollmentNotActive', { key: 'c', run: 0 })
    const sent = two.passed('P1D')
    sent.when(resend('cart', 'one', { key: 'a' })).thenAnswer({ outcome: 'resent', key: 'a', run: 1, resend: 1 })
  })

  it('BRAKE-1: the starts of all keys of a sequence are counted', () => {
    const braked = { ...shop, brake: 3 }
    const scene = scenario({ campaigns: [braked] })
      .given(start('cart', { key: 'a' }), stop('cart', { key: 'a' }), start('cart', { key: 'a' }))
      .passed('PT20M')
      .given(start('cart', { key: 'b' }))
    scene.when(start('cart', { key: 'c' })).thenRejected('TooManyStarts', { key: 'c' })
    scene.when(start('cart', { key: 'b' })).thenNothing({ outcome: 'already_active', key: 'b', run: 1 })
    scene.when(start('big', { key: 'c' })).thenEvents('SequenceStarted')
    scene
      .passed('PT40M')
      .when(start('cart', { key: 'c' }))
      .thenEvents('SequenceStarted')
  })

  it('KEY-3: a goal with `same` stops only the runs of the key that its signal says', () => {
    const paid = two.when(signal('paid', at('b')))
    paid.thenEvents(
      'SignalReceived',
      ['GoalSatisfied', { same: 'b' }],
      ['SequenceStopped', { key: 'b' }],
      ['SequenceStarted', { run: 1 }],
    )
    paid.thenAnswer({
      goals: [
        {
          campaignId: 'shop',
          goalId: 'paid',
          outcome: 'satisfied',
          stopped: [{ sequenceId: 'cart', key: 'b', run: 1 }],
          started: [{ sequenceId: 'thanks', run: 1, outcome: 'started' }],
        },
      ],
    })
    expect(statuses(paid.after)).toEqual(['cart a active', 'cart b stopped', 'thanks  active'])
  })

  it('KEY-3: a signal without that value stops none, and a goal without `same` stops all', () => {
    expect(statuses(two.given(signal('paid')))).toEqual(['cart a active', 'cart b active', 'thanks  active'])
    expect(statuses(two.given(signal('gone', at('b'))))).toEqual(['cart a stopped', 'cart b stopped'])
  })

  it('KEY-3: a goal with `same` stops no run without keys, and none by a value that a campaign keeps private', () => {
    const bare = { id: 'bare', steps: [mail('one', { timer: { after: 'P1D' } })], next: ['paid'] }
    const mixed = { ...shop, sequences: [...shop.sequences, bare] }
    const next = (kept: object) =>
      scenario({ campaigns: [{ ...mixed, ...kept }] }).given(start('cart', { key: 'a' }), start('bare'))
    const paid = signal('paid', at('a'))
    expect(statuses(next({}).given(paid))).toEqual(['cart a stopped', 'bare  active', 'thanks  active'])
    const isPrivate = { signals: { paid: { private: ['orderId'] } } }
    const unsaid = next(isPrivate).given(paid)
    expect(statuses(unsaid)).toEqual(['cart a active', 'bare  active', 'thanks  active'])
    expect(unsaid.events.find(({ type }) => type === 'GoalSatisfied')?.data).not.toHaveProperty('same')
  })

  it('KEY-5: at most 100 runs of one sequence are open', () => {
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    const full = begun.given(...keys.map((key) => start('cart', { key })))
    full.when(start('cart', { key: 'more' })).thenRejected('TooManyRuns', { key: 'more', most: 100 })
    full
      .when(signal('cart-left', at('more')))
      .thenEvents(['GoalSatisfied', { routes: [{ to: 'cart', outcome: 'too_many_runs', key: 'more' }] }])
    full.when(restart('cart', { key: 'k7' })).thenEvents('SequenceStopped', 'SequenceStarted')
    full
      .given(stop('cart', { key: 'k7' }))
      .when(start('cart', { key: 'more' }))
      .thenEvents('SequenceStarted')
    // Another sequence has room for as many.
    full.when(start('big', { key: 'more' })).thenEvents('SequenceStarted')
  })

  it('GOAL-2: a contact is a member by any key', () => {
    const goalOf = (scene: Scenario) => {
      const { result } = scene.when(signal('upsold'))
      return isRight(result) ? result.right.answer : null
    }
    expect(goalOf(two)).toMatchObject({ goals: [{ outcome: 'satisfied' }] })
    expect(goalOf(begun)).toMatchObject({ goals: [{ outcome: 'not_member' }] })
  })

  it('ONCE-1: a command id stands for one key and one set of variables', () => {
    const first = begun.given(start('cart', { key: 'a', commandId: 'k' }))
    first.when(start('cart', { key: 'a', commandId: 'k' })).thenNothing({ outcome: 'started', key: 'a', run: 1 })
    first.when(start('cart', { key: 'b', commandId: 'k' })).thenRejected('CommandIdReused')
    first.when(start('cart', { key: 'a', vars: { total: 1 }, commandId: 'k' })).thenRejected('CommandIdReused')
    const all = two.given(pause('cart', { commandId: 'all' }))
    all
      .when(pause('cart', { key: 'a', commandId: 'all' }))
      .thenRejected('CommandIdReused', { usedFor: 'SequencePaused' })
  })
})

describe('a pattern that tests a variable', () => {
  const match = { orderId: { var: 'orderId' } }
  const parcel = {
    id: 'post',
    goals: [{ id: 'there', when: { kind: 'delivered', match } }],
    sequences: [{ id: 'parcel', vars: order, steps: [mail('one', { timer: { after: 'P1D' } })], next: ['there'] }],
  }
  const sent = scenario({ campaigns: [parcel] }).given(start('parcel', { vars: { orderId: 'a' } }))

  it('MATCH-1: a test of a variable is passed by a value that an open run has, and by no other', () => {
    sent.when(signal('delivered', at('a'))).thenEvents('GoalSatisfied', 'SequenceStopped')
    sent.when(signal('delivered', at('b'))).thenNothing({ goals: [] })
    sent.when(signal('delivered')).thenNothing({ goals: [] })
    sent
      .given(stop('parcel'))
      .when(signal('delivered', at('a')))
      .thenNothing({ goals: [] })
  })
})

it('LOG-5: variables may be called anything, and the fold keeps them', () => {
  const vars = JSON.parse('{ "__proto__": { "data": "a" }, "constructor": { "data": "b" } }')
  const odd = { id: 'c', goals: [], sequences: [{ id: 's', vars, per: '__proto__', steps: [mail('one')] }] }
  const { events, state } = scenario({ campaigns: [odd] }).given(
    start('s', { key: '__proto__', vars: JSON.parse('{ "constructor": 1 }') }),
  )
  expect(JSON.stringify(state.enrollments[0]?.runs[0]?.vars)).toBe('{"constructor":1,"__proto__":"__proto__"}')
  expect(fold(events)).toEqual(state)
})

describe('a log of keyed runs', () => {
  const scene = two.given(signal('paid', at('b')), stop('cart', { key: 'a' })).passed('P1D')
  const done = two.passed('P1D').passed('P1D')
  const faultIn = (
    { events, context }: Scenario,
    lie: (data: Record<string, unknown>, type: string) => object = (data) => data,
  ) => {
    let state = initialContact
    for (const event of events) {
      const told = { ...event, data: lie(event.data as Record<string, unknown>, event.type) } as typeof event
      const violation = violationOf('contact', state, told, context.campaigns)
      if (violation !== null) return violation.rule
      state = evolve(state, told)
    }
    return null
  }
  const inType = (type: string, more: object) => (data: object, of: string) =>
    of === type ? { ...data, ...more } : data

  it('AUDIT-4: a keyed history has no fault as it was recorded', () => {
    expect([faultIn(scene), faultIn(done)]).toEqual([null, null])
  })

  it.each<[string, string, (data: Record<string, unknown>, type: string) => object]>([
    ['START-1', 'a stop of another key', inType('SequenceStopped', { key: 'c' })],
    ['KEY-1', 'a start with another key than its variable', inType('SequenceStarted', { key: 'c' })],
    [
      'VAR-1',
      'a variable that the sequence does not have',
      inType('SequenceStarted', { vars: { orderId: 'a', odd: 1 } }),
    ],
    [
      'STEP-4',
      'an idempotency key without the key',
      inType('StepDispatched', {
        idempotencyKey: idempotencyKeyOf({
          contactId: 'contact',
          campaignId: 'shop',
          sequenceId: 'cart',
          run: 1,
          stepId: 'one',
          resend: 0,
        }),
      }),
    ],
    ['VAR-2', 'a variable seen with another value', inType('SequenceCompleted', { saw: [{ var: 'total', value: 1 }] })],
    [
      'ROUTE-4',
      'a key said to be missing that is there',
      inType('SequenceCompleted', {
        routes: [
          { to: 'paid', outcome: 'goal' },
          { to: 'gone', outcome: 'goal' },
          { to: 'big', outcome: 'key_missing' },
        ],
      }),
    ],
    [
      'ROUTE-4',
      'too many runs where there are few',
      inType('SequenceCompleted', {
        routes: [
          { to: 'paid', outcome: 'goal' },
          { to: 'gone', outcome: 'goal' },
          { to: 'big', outcome: 'too_many_runs', key: 'a' },
        ],
      }),
    ],
  ])('AUDIT-4: a log of keyed runs breaks %s with %s', (rule, _, lie) => {
    expect(faultIn(done, lie) ?? faultIn(scene, lie)).toBe(rule)
  })
})
