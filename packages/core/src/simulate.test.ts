import {
  campaign,
  isEnfoldFault,
  simulate,
  type TimelineInput,
  VERB_OF_STORY,
  VERBS,
  type VerbFacts,
} from '@enfold/core'
import { describe, expect, it } from 'vitest'

const from = '2026-03-27T08:00:00.000Z'
const carts = campaign({
  id: 'carts',
  goals: [{ id: 'left', when: { kind: 'cart-left' }, next: ['cart'] }],
  sequences: [
    {
      id: 'cart',
      per: 'orderId',
      vars: { orderId: { data: 'orderId' }, total: { data: 'total' } },
      steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }],
    },
  ],
})
const pool = campaign({
  id: 'pool',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] },
    {
      id: 'bought',
      when: { kind: 'purchased' },
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'onboarding', otherwise: true },
      ],
    },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        { id: 'three', kind: 'email', timer: { after: 'P3D' } },
      ],
      next: ['bought'],
    },
    { id: 'vip', steps: [{ id: 'call', kind: 'task' }] },
    { id: 'onboarding', steps: [{ id: 'hello', kind: 'email', timer: { after: 'PT1H' } }] },
  ],
})

describe('simulating', () => {
  it('TIME-1: the whole schedule comes out, in the contact’s zone, across the change of clocks', () => {
    const { sent, wakeAt, cut, state } = simulate(pool, {
      from,
      facts: { timeZone: 'Europe/Berlin' },
      inputs: [{ at: 'P0D', signal: { kind: 'form-submitted' } }],
    })
    expect(sent).toEqual([
      { at: from, sequenceId: 'nurture', run: 1, stepId: 'one' },
      { at: '2026-03-29T06:00:00.000Z', sequenceId: 'nurture', run: 1, stepId: 'two' },
      { at: '2026-04-01T06:00:00.000Z', sequenceId: 'nurture', run: 1, stepId: 'three' },
    ])
    expect([wakeAt, cut, state.enrollments[0]?.runs[0]?.status]).toEqual([null, false, 'waiting'])
  })

  it('GOAL-4: a goal in the middle stops what is upstream and leads on, by the facts of that instant', () => {
    const inputs = [
      { at: 'P0D', start: 'nurture' },
      { at: 'P1D', signal: { kind: 'purchased', data: { product: 'robot' } } },
    ]
    const poor = simulate(pool, { from, inputs })
    expect(poor.sent.map(({ at, stepId }) => [at, stepId])).toEqual([
      [from, 'one'],
      ['2026-03-28T09:00:00.000Z', 'hello'],
    ])
    const facts = (at: string) => ({ fields: { spend: at > from ? 2000 : 0 } })
    expect(simulate(pool, { from, inputs, facts }).sent.map(({ stepId }) => stepId)).toEqual(['one', 'call'])
  })

  it('GOAL-12: inputs come before the steps that are due at the same instant, whatever their order in the list', () => {
    const inputs = [
      { at: 'PT1H', stop: 'onboarding' },
      { at: from, start: 'onboarding' },
    ]
    expect(simulate(pool, { from, inputs }).sent).toEqual([])
  })

  it('PAUSE-2: every input does what its command does, and says what it came to', () => {
    const { results, sent } = simulate(pool, {
      from,
      inputs: [
        { at: 'PT0S', start: 'onboarding' },
        { at: 'PT10M', pause: 'onboarding' },
        { at: 'PT20M', resume: 'onboarding', shift: true },
        { at: 'P1D', resend: ['onboarding', 'hello'] },
        { at: 'P2D', restart: 'onboarding' },
        { at: 'P2D', cancel: ['onboarding', 'hello'] },
        { at: 'P3D', start: 'onboarding' },
        { at: 'P3D', stopAll: true },
        { at: 'P3D', stop: 'onboarding' },
        { at: 'P4D', suppress: { until: null } },
        { at: 'P5D', start: 'nowhere' },
        { at: 'P5D', signal: { kind: 'nothing' } },
      ],
    })
    expect(sent.map(({ at, stepId }) => [at, stepId])).toEqual([
      ['2026-03-27T09:10:00.000Z', 'hello'],
      ['2026-03-28T08:00:00.000Z', 'hello'],
    ])
    expect(results.map(({ answer, rejection }) => rejection?.type ?? answer)).toEqual([
      { outcome: 'started', run: 1 },
      { outcome: 'paused', run: 1 },
      { outcome: 'resumed', run: 1 },
      { outcome: 'resent', run: 1, resend: 1 },
      { outcome: 'started', run: 2 },
      { outcome: 'cancelled', run: 2 },
      { outcome: 'started', run: 3 },
      { outcome: 'stopped', stopped: [{ campaignId: 'pool', sequenceId: 'onboarding', run: 3 }] },
      { outcome: 'not_active', run: 3 },
      { outcome: 'suppressed', stopped: [] },
      'ContactSuppressed',
      { goals: [] },
    ])
  })

  it('STEP-5: handlers that fail are asked again after a minute', () => {
    const { events } = simulate(pool, {
      from,
      inputs: [{ at: from, start: 'vip' }],
      outcome: ({ attempt }) => (attempt < 3 ? { outcome: 'failed', reason: 'busy' } : { outcome: 'sent' }),
    })
    expect(events.filter(({ type }) => type === 'StepDispatched').map(({ at }) => at)).toEqual([
      '2026-03-27T08:00:00.000Z',
      '2026-03-27T08:01:00.000Z',
      '2026-03-27T08:02:00.000Z',
    ])
  })

  it('STEP-1: a simulation ends at the horizon, and says what would come next', () => {
    const { sent, wakeAt, cut } = simulate(pool, {
      from,
      horizon: 'P1D',
      inputs: [{ at: from, start: 'nurture' }],
    })
    expect(sent).toHaveLength(1)
    expect(wakeAt).toBe('2026-03-29T08:00:00.000Z')
    expect(cut).toBe(false)
  })

  it('VERSION-2: a campaign that loops without a wait is cut', () => {
    const loop = {
      id: 'loop',
      goals: [],
      sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email' }], next: ['s'] }],
    }
    const { cut, events } = simulate(loop, { from, inputs: [{ at: from, start: 's' }], maxEvents: 50 })
    expect(cut).toBe(true)
    expect(events.length).toBeGreaterThanOrEqual(50)
    expect(events.length).toBeLessThan(60)
  })

  it('VERSION-2: what is no campaign, no instant and no duration is named', () => {
    const path = (run: () => unknown) => {
      try {
        run()
      } catch (error) {
        return isEnfoldFault(error) && error.code === 'INVALID_INPUT' ? error.details.path : error
      }
      return 'nothing was thrown'
    }
    const inputs = [{ at: from, start: 'vip' }]
    expect(path(() => simulate({}, { from, inputs }))).toBe('definition')
    expect(path(() => simulate(pool, { from: 'yesterday', inputs }))).toBe('from')
    expect(path(() => simulate(pool, { from: 'P1D', inputs }))).toBe('from')
    expect(path(() => simulate(pool, { from, horizon: 'P1M', inputs }))).toBe('horizon')
    expect(path(() => simulate(pool, { from, inputs: [{ at: '2 days', start: 'vip' }] }))).toBe('inputs[0].at')
    const duration = 'an ISO 8601 duration of elapsed time such as "PT2H" or "P3D"'
    const expected = (more: object) => () => simulate(pool, { from, inputs, ...more })
    for (const name of ['horizon', 'handlersTake'])
      expect(expected({ [name]: 5 })).toThrow(`${name} is 5; expected ${duration}.`)
    expect(expected({ inputs: [{ at: 5, start: 'vip' }] })).toThrow(`5; expected an instant, or ${duration}.`)
    const unknown = [{ at: from, begin: 'vip' }] as unknown as TimelineInput[]
    expect(path(() => simulate(pool, { from, inputs: unknown }))).toBe('inputs[0]')
  })

  it.each<[input: object, message: string]>([
    [{ start: 'cart', kye: 'a' }, 'inputs[0].kye is no known property; expected one of key, '],
    [{ start: 'cart', stop: 'cart' }, 'inputs[0].stop is no known property'],
    [{ start: 'cart', key: 7 }, 'inputs[0].key is 7'],
    [{ start: 'cart', vars: { total: ['private'] } }, 'inputs[0].vars/total is a list; expected a text'],
    [{ start: 'cart', vars: new Map([['total', 7]]) }, 'inputs[0].vars is a Map'],
    [{ start: 'cart', vars: { orderId: 2 ** 53 } }, 'inputs[0].vars/orderId is an integer that cannot be kept'],
    [{ restart: 7 }, 'inputs[0].restart is 7'],
    [{ resume: 'cart', shift: 'yes' }, 'inputs[0].shift is "yes"; expected true or false'],
    [{ shift: 'cart', by: '2 days' }, 'inputs[0].by is "2 days"'],
    [{ cancel: 'one' }, 'inputs[0].cancel is "one"; expected the ids of a sequence and of its step'],
    [{ resend: ['cart', 'one'], run: 0 }, 'inputs[0].run is 0'],
    [{ suppress: { untl: from } }, 'inputs[0].suppress.untl is no known property; expected one of until'],
    [{ stopAll: 'cart' }, 'inputs[0].stopAll is "cart"; expected true'],
    [{ signal: { kind: 'k', dta: {} } }, 'inputs[0].signal.dta is no known property; expected one of data, '],
    [{ signal: { kind: 'k', data: { id: 2 ** 53 } } }, 'inputs[0].signal.data/id is an integer that cannot be kept'],
    [{ signal: { kind: 'k'.repeat(10_001) } }, 'expected a text of 1 to 10,000 characters'],
    [{ resumeCampaign: 'later' }, 'inputs[0].resumeCampaign is "later"; expected shift, send, skip'],
  ])('KEY-2, VAR-1: what the engine would refuse is not played as something else: %j', (input, message) => {
    const inputs = [{ at: 'P0D', ...input } as TimelineInput]
    expect(() => simulate(carts, { from, inputs })).toThrow(message)
  })

  it('an option of a simulation that is misspelled is not ignored', () => {
    const options = { from, inputs: [], horzion: 'P1D' }
    expect(() => simulate(pool, options)).toThrow('horzion is no known property; expected one of horizon, ')
  })

  it('RESEND-2: a step of an older run is sent again', () => {
    const { sent } = simulate(pool, {
      from,
      inputs: [
        { at: 'P0D', start: 'vip' },
        { at: 'P1D', start: 'vip' },
        { at: 'P2D', resend: ['vip', 'call'], run: 1 },
      ],
    })
    expect(sent.map(({ run }) => run)).toEqual([1, 2, 1])
  })

  const REFUSED: Readonly<Record<string, string>> = {
    resend: 'StepNotReached',
    retract: 'SignalUnknown',
    undoOrder: 'OrderUnknown',
  }

  it('every verb can happen, with its options', () => {
    const about = {
      contact: (options: object) => (Object.keys(options).length === 0 ? true : options),
      sequence: () => 'nurture',
      step: () => ['nurture', 'two'],
      signal: () => ({ kind: 'form-submitted' }),
      received: () => 'none',
    }
    // A sequence without keys and variables takes neither.
    const given = new Map<string, unknown>([
      ['flag', true],
      ['instantOrNull', null],
      ['duration', 'PT2H'],
      ['step', 'two'],
      ['command', 'none'],
    ])
    for (const [word, name] of VERB_OF_STORY) {
      const verb: VerbFacts = VERBS[name]
      const options = Object.fromEntries(
        Object.entries(verb.takes).flatMap(([option, kind]) => (given.has(kind) ? [[option, given.get(kind)]] : [])),
      )
      const outside = verb.about === 'contact' ? {} : options
      const input = { at: 'P1D', [word]: about[verb.about](options), ...outside } as unknown as TimelineInput
      const [, result] = simulate(pool, { from, inputs: [{ at: 'P0D', start: 'nurture' }, input] }).results
      // What can be refused here is refused by its own rule: nothing of the verb was misread.
      expect([word, result?.rejection?.type ?? Object.keys(result?.answer ?? {}).length > 0]).toEqual([
        word,
        REFUSED[word] ?? true,
      ])
    }
  })

  it('KEY-1: a sequence runs once for each key, and the timeline says which was sent', () => {
    const { sent, results } = simulate(carts, {
      from,
      inputs: [
        { at: 'P0D', start: 'cart', key: 'a', vars: { total: 7 } },
        { at: 'P0D', signal: { kind: 'cart-left', data: { orderId: 'b' } } },
        { at: 'PT1H', stop: 'cart', key: 'a' },
        { at: 'PT1H', start: 'cart' },
      ],
    })
    expect(sent).toEqual([{ at: '2026-03-28T08:00:00.000Z', sequenceId: 'cart', key: 'b', run: 1, stepId: 'one' }])
    expect(results.map(({ rejection }) => rejection?.type ?? null)).toEqual([null, null, null, 'KeyMissing'])
  })

  it('PAUSE-2: a resume that shifts makes the wait longer by the pause, any other leaves it', () => {
    const dueOf = (shift: boolean) =>
      simulate(pool, {
        from,
        inputs: [
          { at: 'P0D', start: 'onboarding' },
          { at: 'PT10M', pause: 'onboarding' },
          { at: 'PT30M', resume: 'onboarding', shift },
        ],
      }).sent[0]?.at
    expect([dueOf(false), dueOf(true)]).toEqual(['2026-03-27T09:00:00.000Z', '2026-03-27T09:20:00.000Z'])
  })

  it('STOP-4: a ban that is lifted lets starts through again', () => {
    const { results } = simulate(pool, {
      from,
      inputs: [
        { at: 'P0D', suppress: { until: null } },
        { at: 'P1D', start: 'nurture' },
        { at: 'P2D', unsuppress: true },
        { at: 'P3D', start: 'nurture' },
      ],
    })
    expect(results.map(({ rejection }) => rejection?.type ?? null)).toEqual([null, 'ContactSuppressed', null, null])
  })

  it('LOG-5: the same in, the same out', () => {
    const options = { from, inputs: [{ at: from, start: 'nurture' }] }
    expect(simulate(pool, options)).toEqual(simulate(pool, options))
  })

  it('GATE-1, GATE-3: a pause of the campaign holds its steps, and the resume says what becomes of them', () => {
    const sent = (overdue: 'shift' | 'send' | 'skip') =>
      simulate(pool, {
        from,
        inputs: [
          { at: 'P0D', start: 'nurture' },
          { at: 'PT1H', pauseCampaign: true },
          { at: 'P10D', resumeCampaign: overdue },
        ],
      }).sent.map(({ stepId, at }) => `${stepId} ${at.slice(5, 13)}`)
    expect(sent('send')).toEqual(['one 03-27T08', 'two 04-06T08', 'three 04-09T08'])
    // Two days at 08:00, from the beginning that is later by the pause.
    expect(sent('shift')).toEqual(['one 03-27T08', 'two 04-08T08', 'three 04-11T08'])
    expect(sent('skip')).toEqual(['one 03-27T08'])
  })
})
